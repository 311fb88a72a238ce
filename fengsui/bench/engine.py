"""How fast the engine judges, beside a plain one-by-one engine, and how fast it is back."""

import gc
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.engine import ChannelState, Engine, LastReadings
from alarms.memory import Recollection
from alarms.plant import Plant
from alarms.readings import Readings, Rows
from alarms.storage import connection, measures
from alarms.storage import plant as stored_plant
from alarms.uncollected import uncollected
from fengsui import embedded
from fengsui.bench import report, restart, scratch
from fengsui.bench.one_by_one import OneByOne
from fengsui.settings import Settings

_START: Final = 1_763_712_000_000_000
_PLAIN_READINGS: Final = 100_000
"""The plain engine takes the first so many readings: it is slow, and its speed does not change."""
_DETECT: Final = ("limit", "forecast", "deviation", "sensor", "comms")
"""Every detector that rule packs and defaults know; a rate is watched only where somebody asks."""
_QUANTITIES: Final = (("level", "m"), ("level", "m"), ("temperature", "°C"), ("pressure", "MPa"))
_SETS: Final = 5_000
_BEFORE: Final = (*(240.0,) * 60, *(10.0,) * 40)
"""Seconds between the readings every point is known by before the measure: four hours and more, so
that no window is empty and no detector still learns."""
_LEARN: Final = 60
_PER_FILE: Final = 400_000
"""Points in one registry file, whole tanks: it stays under the bytes that are read at once."""
_OVER: Final = 11.0


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


async def measure(
    settings: Settings, workload: Workload, *, told: Callable[[str], None]
) -> dict[str, object]:
    """Measure the engine and its restart; return the document of contracts.md section 8.

    `told` hears what is being done. The database is the settings' or an embedded one.
    """
    told(f"registering {workload.points} points")
    async with (
        embedded.servers(settings, broker=False) as served,
        scratch.database(served.database_url, *documents(workload)) as database_url,
        await connection.connect(database_url, autocommit=True) as conn,
    ):
        plant = await stored_plant.load(conn)
        versions = {"database": await measures.server_version(conn)}
        engine = Engine.build(
            plant, states=(), last=LastReadings.never(workload.points), started=_START
        )
        feed = _Feed(workload)
        told("learning four hours and judging")
        results, shape, states = _judged(engine, feed)
        told("saving memory, alarms and the readings after them")
        raised = engine.judge(feed.over(restart.OPEN_ALARMS), now=feed.now)
        engine.adopt(raised)
        states.update({(state.key, state.rule): state for state in raised.states})
        rounds = restart.rounds_to_save(workload.points, workload.period_s)
        stored = await restart.fill(
            conn,
            engine,
            events=raised.events,
            states=states.values(),
            rounds=feed.rounds(rounds),
        )
        told("letting the database write back what has just been filled in")
        await measures.settle(conn)
        told("restarting")
        # As a kill does: what the one before held is free when the next one starts.
        del engine, raised
        gc.unfreeze()
        gc.collect()
        results |= await restart.measure(database_url)
    shape |= {"states_at_restart": len(states), "stored_since_memory": stored}
    return report.document(results, workload=shape, versions=versions)


def _judged(
    engine: Engine, feed: "_Feed"
) -> tuple[dict[str, report.Result], dict[str, object], dict[tuple[str, str], ChannelState]]:
    """Return the engine's own results, the workload and the states that stand in the end."""
    workload = feed.workload
    for spacing in _BEFORE:
        Recollection(engine).learn(feed.round_in_order(spacing))
    _as_after_a_start(engine)
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
    timed = workload.readings - min(workload.batch, workload.readings)
    results = {
        "engine_readings_per_s": report.Result(
            value=timed / spent if spent else 0.0,
            unit="readings/s",
            limit=_plain_rate(engine.plant, plain),
        ),
        "engine_bytes_per_point": report.Result(value=engine.bytes_per_point, unit="bytes"),
    }
    return results, asdict(workload) | {"detect": list(_DETECT), "events": events}, states


def _as_after_a_start(engine: Engine) -> None:
    """Do what a start has done before its first batch; the restart's own measure counts it.

    Names are indexed, and what stands for good is kept from the garbage collector
    (ingest.pipeline).
    """
    assert engine.plant.rows  # noqa: S101  # a cached property
    gc.collect()
    gc.freeze()


def _plain_rate(plant: Plant, batches: list[Readings]) -> float:
    """Return the readings/s of the one-by-one engine, its readings unpacked beforehand."""
    rows: list[tuple[int, int, int, float, int]] = []
    for batch in batches:
        columns = (batch.point, batch.time, batch.received, batch.value, batch.quality)
        rows += zip(*(column.tolist() for column in columns), strict=True)
        if len(rows) >= _PLAIN_READINGS:
            break
    engines = {row: OneByOne(plant.points[row]) for row in {row for row, *_ in rows}}
    began = perf_counter()
    for row, time, received, value, quality in rows:
        engines[row].take(time, received, value, quality)
    return len(rows) / (perf_counter() - began)


class _Feed:
    """Readings of every point in turn, in an order drawn once; some points wander."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self._draw = np.random.default_rng(workload.seed)
        self._order = self._draw.permutation(workload.points).astype(np.int32)
        self._restless = self._draw.random(workload.points) < workload.restless
        self.now = _START

    def round_in_order(self, spacing_s: float) -> Readings:
        """Return one reading of each point, in order of the rows."""
        self.now += round(spacing_s * 1e6)
        return self._readings(np.arange(self.workload.points, dtype=np.int32), self.now)

    def rounds(self, many: int) -> Iterator[Readings]:
        """Yield so many rounds more."""
        for _ in range(many):
            yield self.round_in_order(self.workload.period_s)

    def over(self, many: int) -> Readings:
        """Return one reading each of at least so many points, if there are, over all limits."""
        points = self.workload.points
        everyone = self.round_in_order(self.workload.period_s)
        found = everyone.take(np.arange(0, points, max(1, points // many)))
        return replace(found, value=np.full(len(found), _OVER))

    def batches(self) -> Iterator[Readings]:
        """Yield the readings to be timed, in order of receipt."""
        work = self.workload
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


def documents(workload: Workload) -> Iterator[dict[str, object]]:
    """Yield registry files: tanks of four points each, two of them levels, which are peers.

    All have four limits, of some thousand different sets, and every detector a rule pack asks for.
    """
    for first in range(0, workload.points, _PER_FILE):
        yield _document(workload, first, min(first + _PER_FILE, workload.points))


@uncollected()
def _document(workload: Workload, start: int, end: int) -> dict[str, object]:
    each = len(_QUANTITIES)
    units = [
        {
            "code": f"TK{first // each}",
            "name": f"TK{first // each}",
            "kind": "tank",
            "points": [_point(number, workload) for number in range(first, min(first + each, end))],
        }
        for first in range(start, end, each)
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
