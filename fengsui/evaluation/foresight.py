"""Takes recorded series through the engine itself: limits and forecasts, as they would be served.

Every series is a point of a plant of its own tags, taken in order of receipt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from alarms.alarm import Kind, ProcessEvent, Transition
from alarms.engine import Engine, LastReadings
from alarms.occurrences import Episodes
from alarms.plant import Enterprise, Gateway, Plant, Point, Source, Unit
from alarms.readings import Instants, Readings, Rows, parted
from alarms.wording import LATE_US
from fengsui.backtest.clockwork import Clockwork, Known
from fengsui.evaluation.recordings import Recording

START: Final = 1_763_712_000_000_000
"""Recordings begin at this moment, Micros."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """One sensor's recording, times in Micros since its start, and its one limit."""

    recording: Recording
    limit: float
    high: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """An alarm of the record: when it was raised and returned (None: still open), Micros.

    `told` is the event time of the point's newest reading when it was first spoken of: a reading
    that comes late tells of what was raised before. All since the start.
    """

    kind: Kind
    raised: int
    returned: int | None
    told: int


def episodes(feeds: Sequence[Feed]) -> list[list[Episode]]:
    """Return the alarms of every feed, as the record has them in the end, in order of raising.

    All feeds are taken side by side, a reading of each at a time.
    """
    points = [
        Point(
            enterprise="E",
            source="S",
            unit="U",
            tag=f"{place}",
            quantity="pressure",
            engineering_unit="1",
            limits={"h" if feed.high else "l": feed.limit},
            on_delay_s=0.0,
            detect=("limit", "forecast"),
        )
        for place, feed in enumerate(feeds)
    ]
    plant = _plant(points)
    engine = Engine.build(plant, states=(), last=LastReadings.never(len(points)), started=START)
    record = Episodes()
    heard: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def hear(events: Sequence[ProcessEvent], now: int) -> None:
        record.add(events, now=now)
        for event in events:
            if event.change in (Transition.raised, Transition.late):
                row = plant.row_of(event.subject.key) or 0
                told = max(int(newest[row]), event.t_change)
                heard.setdefault((event.subject.key, event.rule), []).append((event.t_change, told))

    clock = Clockwork(engine, hear, started=START)
    newest: Instants = np.zeros(len(feeds), np.int64)
    known = Known(len(feeds))
    for number in range(max(len(feed.recording.time) for feed in feeds)):
        batch = _readings(feeds, number, newest)
        newest[batch.point] = batch.received
        fresh, behind = parted(batch, engine.last, bound=LATE_US)
        known.add(batch.take(fresh))
        met = [
            known.met(*one) for one in zip(behind.point.tolist(), behind.time.tolist(), strict=True)
        ]
        late = behind.take(~np.array(met, np.bool_))
        clock.take(batch.take(fresh), late, (), now=int(newest.max()))
    found: list[list[Episode]] = [[] for _ in feeds]
    for one in sorted(record.found, key=lambda one: one.t_raised):
        if one.t_returned == one.t_raised:
            continue
        end = one.t_returned
        told = min(
            told
            for at, told in heard[one.key, one.rule]
            if told >= one.t_raised and (end is None or at <= end)
        )
        found[plant.row_of(one.key) or 0].append(
            Episode(
                kind=one.kind,
                raised=one.t_raised - START,
                returned=None if end is None else end - START,
                told=told - START,
            )
        )
    return found


def _readings(feeds: Sequence[Feed], number: int, newest: Instants) -> Readings:
    """Return the reading that each feed brings as its `number`-th; it comes when it may."""
    rows = [row for row, feed in enumerate(feeds) if number < len(feed.recording.time)]
    point: Rows = np.array(rows, np.int32)
    time = START + np.array([feeds[row].recording.time[number] for row in rows], np.int64)
    return Readings(
        point=point,
        time=time,
        received=np.maximum(time, newest[point]),
        value=np.array([feeds[row].recording.value[number] for row in rows]),
        quality=np.zeros(len(rows), np.int16),
        stamp=time,
    )


def _plant(points: Sequence[Point]) -> Plant:
    return Plant(
        enterprises={"E": Enterprise(code="E", name="E", region="510603", simulated=True)},
        sources={("E", "S"): Source(enterprise="E", code="S", name="S", kind="other")},
        units={("E", "S", "U"): Unit(enterprise="E", source="S", code="U", name="U", kind="area")},
        points=points,
        gateways={"gw": Gateway(id="gw", enterprise="E")},
        point_ids=range(1, len(points) + 1),
        registered=[START] * len(points),
    )
