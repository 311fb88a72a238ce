"""Takes recorded series through the engine itself: limits and forecasts, as they would be served.

Every series is a point of a plant of its own tags; a batch may be as long as it likes, for how a
stream is cut into batches changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from alarms.alarm import Kind, Transition
from alarms.engine import Engine, LastReadings
from alarms.plant import Enterprise, Gateway, Plant, Point, Source, Unit
from alarms.readings import Instants, Readings
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
    """An alarm: when it was raised and returned (None: still open), Micros since the start."""

    kind: Kind
    raised: int
    returned: int | None


def episodes(feeds: Sequence[Feed]) -> list[list[Episode]]:
    """Return the alarms of every feed, in the order they were raised."""
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
    engine = Engine.build(
        _plant(points), states=(), last=LastReadings.never(len(points)), started=START
    )
    found: list[list[Episode]] = [[] for _ in feeds]
    open_: dict[tuple[int, str], tuple[Kind, int]] = {}
    for event in engine.judge(_readings(feeds), now=START).events:
        place = int(event.subject.point or 0)
        at = event.t_change - START
        if event.change is Transition.raised:
            open_[place, event.rule] = event.kind, at
        elif event.change is Transition.returned:
            kind, began = open_.pop((place, event.rule))
            found[place].append(Episode(kind=kind, raised=began, returned=at))
    for (place, _), (kind, began) in open_.items():
        found[place].append(Episode(kind=kind, raised=began, returned=None))
    return [sorted(each, key=lambda episode: episode.raised) for each in found]


def _readings(feeds: Sequence[Feed]) -> Readings:
    point = np.repeat(np.arange(len(feeds)), [len(feed.recording.time) for feed in feeds])
    time: Instants = START + np.concatenate([feed.recording.time for feed in feeds])
    return Readings(
        point=point.astype(np.int32),
        time=time,
        received=time,
        value=np.concatenate([feed.recording.value for feed in feeds]),
        quality=np.zeros(len(time), np.int16),
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
