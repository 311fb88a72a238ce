"""How fast the engine judges, beside the plain one-by-one engine on the same readings."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any, Final

import numpy as np

from alarms.engine import ChannelState, Engine, LastReadings
from alarms.plant import Enterprise, Gateway, Plant, Point, Source, Unit
from alarms.readings import Readings
from fengsui.bench import report
from fengsui.bench.one_by_one import OneByOne

_START: Final = 1_763_712_000_000_000
_PERIOD_US: Final = 10_000_000
_PLAIN_READINGS: Final = 200_000
"""The plain engine takes the first so many readings: it is slow, and its speed does not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`restless` is the share of points that wander over their limits; the others stay inside."""

    points: int
    readings: int
    batch: int
    restless: float
    seed: int = 1


def measure(workload: Workload) -> dict[str, Any]:
    """Measure the engine and return the document of contracts.md section 8."""
    plant = _plant(workload.points)
    began = perf_counter()
    engine = Engine.build(
        plant, states=(), last=LastReadings.never(workload.points), started=_START
    )
    states: dict[tuple[str, str], ChannelState] = {}
    batches = list(_batches(workload))
    spent = 0.0
    events = 0
    for batch in batches:
        began = perf_counter()
        proposal = engine.judge(batch, now=int(batch.received[-1]))
        engine.adopt(proposal)
        spent += perf_counter() - began
        events += len(proposal.events)
        states.update({(state.key, state.rule): state for state in proposal.states})
        for key in proposal.gone:
            states.pop(key, None)
    last = _last(workload.points, batches)
    began = perf_counter()
    Engine.build(plant, states=states.values(), last=last, started=_START)
    restart_s = perf_counter() - began
    results = {
        "engine_readings_per_s": report.Result(
            value=workload.readings / spent, unit="readings/s", limit=_plain_rate(plant, batches)
        ),
        "engine_bytes_per_point": report.Result(value=engine.bytes_per_point, unit="bytes"),
        "engine_restart_s": report.Result(value=restart_s, unit="s"),
    }
    shape = asdict(workload) | {"events": events, "states_at_restart": len(states)}
    return report.document(results, workload=shape)


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


def _batches(workload: Workload) -> Iterator[Readings]:
    """Yield readings in order of receipt: every point in turn, in an order drawn once."""
    draw = np.random.default_rng(workload.seed)
    order = draw.permutation(workload.points).astype(np.int32)
    restless = draw.random(workload.points) < workload.restless
    for first in range(0, workload.readings, workload.batch):
        number = np.arange(first, min(first + workload.batch, workload.readings))
        point = order[number % workload.points]
        time = _START + number // workload.points * _PERIOD_US + number % workload.points
        calm = 5 + draw.normal(0, 0.3, len(point))
        wild = 8 + draw.normal(0, 1.5, len(point))
        yield Readings(
            point=point,
            time=time,
            value=np.where(restless[point], wild, calm),
            quality=np.zeros(len(point), np.int16),
            received=time,
            stamp=time,
        )


def _last(points: int, batches: list[Readings]) -> LastReadings:
    last = LastReadings.never(points)
    for batch in batches:
        for time in (last.time, last.received, last.judged_time, last.judged_received):
            time[batch.point] = batch.time
        last.value[batch.point] = last.judged_value[batch.point] = batch.value
    return last


def _plant(points: int) -> Plant:
    """Return tanks of a hundred level points each, all with four limits."""
    enterprise = Enterprise(code="BENCH", name="bench", region="510603", simulated=True)
    units = [
        Unit(enterprise="BENCH", source="R1", code=f"TK{i}", name=f"TK{i}", kind="tank")
        for i in range(points // 100 + 1)
    ]
    return Plant(
        enterprises={"BENCH": enterprise},
        sources={
            ("BENCH", "R1"): Source(enterprise="BENCH", code="R1", name="R1", kind="tank_farm")
        },
        units={("BENCH", "R1", unit.code): unit for unit in units},
        points=[
            Point(
                enterprise="BENCH",
                source="R1",
                unit=units[i // 100].code,
                tag=f"LT{i}",
                quantity="level",
                engineering_unit="m",
                period_s=_PERIOD_US / 1e6,
                limits={"ll": 0.5, "l": 1.0, "h": 9.0, "hh": 10.0},
                deadband=0.05,
            )
            for i in range(points)
        ],
        gateways={"gw": Gateway(id="gw", enterprise="BENCH")},
        point_ids=range(1, points + 1),
        registered=[_START] * points,
    )
