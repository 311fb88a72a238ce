"""How fast the engine judges, beside the plain one-by-one engine on the same readings."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.engine import ChannelState, Engine, LastReadings
from alarms.memory import Part, Recollection, Rota
from alarms.plant import Enterprise, Gateway, Plant, Point, Source, Unit
from alarms.readings import Readings, Rows
from fengsui.bench import report
from fengsui.bench.one_by_one import OneByOne

_START: Final = 1_763_712_000_000_000
_PLAIN_READINGS: Final = 200_000
"""The plain engine takes the first so many readings: it is slow, and its speed does not change."""
_DETECT: Final = ("limit", "forecast", "deviation", "sensor", "comms")
"""Every detector that rule packs and defaults know; a rate is watched only where somebody asks."""
_QUANTITIES: Final = (("level", "m"), ("level", "m"), ("temperature", "°C"), ("pressure", "MPa"))
_SETS: Final = 5_000
_BEFORE: Final = (*(240.0,) * 60, *(10.0,) * 40)
"""Seconds between the readings every point is known by before the measure: four hours and more, so
that no window is empty and no detector still learns."""
_LEARN: Final = 60
_ROUNDS_AGAIN: Final = 6
"""Rounds a start learns again: half of what is stored between two savings of a part, at the
national mean of a reading in 47.5 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`restless` is the share of points that wander over their limits; the others stay inside.

    Every point has every detector and reports once in `period_s` of event time.
    """

    points: int
    readings: int
    batch: int
    restless: float
    period_s: float = 5.0
    seed: int = 1


def measure(workload: Workload) -> dict[str, Any]:
    """Measure the engine and return the document of contracts.md section 8."""
    plant = _plant(workload)
    engine = Engine.build(
        plant, states=(), last=LastReadings.never(workload.points), started=_START
    )
    feed = _Feed(workload)
    for spacing in _BEFORE:
        Recollection(engine).learn(feed.round_in_order(spacing))
    states: dict[tuple[str, str], ChannelState] = {}
    spent, events = 0.0, 0
    plain: list[Readings] = []
    for number, batch in enumerate(feed.batches()):
        if sum(map(len, plain)) < _PLAIN_READINGS:
            plain.append(batch)
        began = perf_counter()
        proposal = engine.judge(batch, now=int(batch.received[-1]))
        engine.adopt(proposal)
        if number:  # the first batch compiles what is not on disk yet
            spent += perf_counter() - began
        events += len(proposal.events)
        states.update({(state.key, state.rule): state for state in proposal.states})
        for key in proposal.gone:
            states.pop(key, None)
    parts = list(Rota(engine, now=feed.now, fresh=True).due(feed.now))
    since = list(feed.rounds(_ROUNDS_AGAIN))
    began = perf_counter()
    _restart(plant, states.values(), parts, since)
    restart_s = perf_counter() - began
    timed = workload.readings - min(workload.batch, workload.readings)
    results = {
        "engine_readings_per_s": report.Result(
            value=timed / spent if spent else 0.0,
            unit="readings/s",
            limit=_plain_rate(plant, plain),
        ),
        "engine_bytes_per_point": report.Result(value=engine.bytes_per_point, unit="bytes"),
        "engine_restart_s": report.Result(value=restart_s, unit="s"),
    }
    shape = asdict(workload) | {
        "detect": list(_DETECT),
        "events": events,
        "states_at_restart": len(states),
        "learned_again_at_restart": sum(map(len, since)),
    }
    return report.document(results, workload=shape)


def _restart(
    plant: Plant,
    states: Iterable[ChannelState],
    parts: Iterable[Part],
    since: Iterable[Readings],
) -> None:
    """Do what a start does once the record is read: build, put back, learn what came after."""
    engine = Engine.build(
        plant, states=states, last=LastReadings.never(len(plant.points)), started=_START
    )
    recollection = Recollection(engine)
    for part in parts:
        recollection.put(part)
    recollection.since()
    for readings in since:
        recollection.learn(readings)


def _plain_rate(plant: Plant, batches: list[Readings]) -> float:
    """Return the readings/s of the one-by-one engine, its readings unpacked beforehand."""
    engines = [OneByOne(point) for point in plant.points]
    rows: list[tuple[int, int, int, float, int]] = []
    for batch in batches:
        columns = (batch.point, batch.time, batch.received, batch.value, batch.quality)
        rows += zip(*(column.tolist() for column in columns), strict=True)
        if len(rows) >= _PLAIN_READINGS:
            break
    began = perf_counter()
    for row, time, received, value, quality in rows:
        engines[row].take(time, received, value, quality)
    return len(rows) / (perf_counter() - began)


class _Feed:
    """Readings of every point in turn, in an order drawn once; some points wander."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._draw = np.random.default_rng(workload.seed)
        self._order = self._draw.permutation(workload.points).astype(np.int32)
        self._restless = self._draw.random(workload.points) < workload.restless
        self.now = _START

    def round_in_order(self, spacing_s: float) -> Readings:
        """Return one reading of each point, in order of the rows."""
        self.now += round(spacing_s * 1e6)
        return self._readings(np.arange(self._workload.points, dtype=np.int32), self.now)

    def rounds(self, many: int) -> Iterator[Readings]:
        """Yield so many rounds more."""
        for _ in range(many):
            yield self.round_in_order(self._workload.period_s)

    def batches(self) -> Iterator[Readings]:
        """Yield the readings to be timed, in order of receipt."""
        work = self._workload
        period = round(work.period_s * 1e6)
        for first in range(0, work.readings, work.batch):
            number = np.arange(first, min(first + work.batch, work.readings))
            time = self.now + (1 + number // work.points) * period + number % work.points
            yield self._readings(self._order[number % work.points], time)
        self.now += (1 + work.readings // work.points) * period

    def _readings(self, point: Rows, time: NDArray[np.int64] | int) -> Readings:
        time = np.broadcast_to(np.asarray(time, np.int64), len(point)).copy()
        calm = 5 + self._draw.normal(0, 0.3, len(point))
        wild = 8 + self._draw.normal(0, 1.5, len(point))
        return Readings(
            point=point,
            time=time,
            value=np.where(self._restless[point], wild, calm),
            quality=np.zeros(len(point), np.int16),
            received=time,
            stamp=time,
        )


def document(workload: Workload) -> dict[str, object]:
    """Return a registry file: tanks of four points each, two of them levels, which are peers.

    All have four limits, of some thousand different sets, and every detector a rule pack asks for.
    """
    each = len(_QUANTITIES)
    units = [
        {
            "code": f"TK{first // each}",
            "name": f"TK{first // each}",
            "kind": "tank",
            "points": [
                _point(number, workload)
                for number in range(first, min(first + each, workload.points))
            ],
        }
        for first in range(0, workload.points, each)
    ]
    source = {"code": "R1", "name": "R1", "kind": "tank_farm", "units": units}
    enterprise = {
        "code": "BENCH",
        "name": "bench",
        "region": "510603",
        "simulated": True,
        "sources": [source],
    }
    return {"enterprises": [enterprise], "gateways": [{"id": "gw", "enterprise": "BENCH"}]}


def _point(number: int, workload: Workload) -> dict[str, object]:
    quantity, engineering_unit = _QUANTITIES[number % len(_QUANTITIES)]
    return {
        "tag": f"P{number}",
        "quantity": quantity,
        "unit": engineering_unit,
        "period_s": workload.period_s,
        "limits": {"ll": 0.5, "l": 1.0, "h": 9.0 + number % _SETS / 1e5, "hh": 10.0},
        "deadband": 0.05,
        "range": [0.0, 12.0],
        "detect": list(_DETECT),
        "params": {"deviation": {"learn": _LEARN}},
    }
