"""What goes into the engine at start and comes out of it with each batch, as plain values."""

import math
from dataclasses import dataclass
from typing import Any, Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms.alarm import ProcessEvent
from alarms.compiled import kernel
from alarms.lines import AHEAD, fetch
from alarms.readings import (
    BEHIND,
    JUDGED,
    QUALITY_MASK,
    TAUGHT,
    Instants,
    Mask,
    Qualities,
    Quality,
    Readings,
    Rows,
    Values,
)


class ChannelState(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What must outlive the process for one (subject key, rule); `process` is JSON-able."""

    key: str
    rule: str
    process: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFault:
    """A reading that was not taken as it came.

    `reason` is `out_of_range` (refused; `point` is its row) or `future_time` (corrected;
    `gateway` sent it with `stamp`). `time` is the event time, or that of receipt where the stamp
    cannot be trusted; all in Micros.
    """

    reason: str
    time: int
    received: int
    point: int | None = None
    gateway: str | None = None
    value: float | None = None
    stamp: int | None = None


NEWEST: Final = np.dtype(
    [
        ("time", np.int64),
        ("received", np.int64),
        ("value", np.float64),
        ("quality", np.int16),
        ("judged_time", np.int64),
        ("judged_received", np.int64),
        ("judged_value", np.float64),
        ("judged_quality", np.int16),
    ]
)
"""What is known of one point: its newest reading and its newest judged one, 58 bytes together."""
_LAST: Final = NEWEST.itemsize - 1


class LastReadings:
    """The newest reading of each point row and its newest judged one, shape (n,).

    0 or NaN where there never was one. `time`, `received`, `value`, `quality` are of the newest
    reading of any quality. `judged_*` are of the newest whose quality is judged (good, uncertain,
    over_range): delays run on those. The columns are views of `records`: a point's lie together.
    """

    __slots__ = ("records",)

    def __init__(self, records: NDArray[np.void]) -> None:
        """`records` are of NEWEST and belong to this value."""
        self.records = records

    @classmethod
    def never(cls, points: int) -> Self:
        """Return what is known of so many points before anything arrived."""
        records = np.zeros(points, NEWEST)
        records["value"] = records["judged_value"] = np.nan
        return cls(records)

    @property
    def time(self) -> Instants:
        """Event times, Micros."""
        return self.records["time"]

    @property
    def received(self) -> Instants:
        """When they came, Micros."""
        return self.records["received"]

    @property
    def value(self) -> Values:
        """Values in the points' units."""
        return self.records["value"]

    @property
    def quality(self) -> Qualities:
        """Qualities with their flags."""
        return self.records["quality"]

    @property
    def judged_time(self) -> Instants:
        """Event times of the judged, Micros."""
        return self.records["judged_time"]

    @property
    def judged_received(self) -> Instants:
        """When the judged came, Micros."""
        return self.records["judged_received"]

    @property
    def judged_value(self) -> Values:
        """Values of the judged."""
        return self.records["judged_value"]

    @property
    def judged_quality(self) -> Qualities:
        """Qualities of the judged."""
        return self.records["judged_quality"]

    def follow(self, readings: Readings) -> None:
        """Take up stored readings, in order of time for each row; older ones change nothing."""
        news = readings.take(readings.time > self.time[readings.point])
        self.take_up(Newest(readings=news, is_judged=judgeable(news)))

    def adopt(self, late: Readings) -> None:
        """Take up judged readings, by time, that came after newer ones which are not judged."""
        news = late.take(late.time > self.judged_time[late.point])
        rows = news.point
        self.records["judged_time"][rows] = news.time
        self.records["judged_received"][rows] = news.received
        self.records["judged_value"][rows] = news.value
        self.records["judged_quality"][rows] = news.quality | np.int16(BEHIND)

    def copy(self) -> Self:
        """Return columns of one's own."""
        return type(self)(self.records.copy())

    def take_up(self, newest: "Newest") -> None:
        """Write a batch's readings over these; the later of two for one row stays."""
        news = newest.readings
        columns = (news.point, news.time, news.received, news.value, news.quality)
        _take_up(self.records, *columns, newest.is_judged)


@kernel
def _take_up(
    records: NDArray[np.void],
    rows: Rows,
    time: Instants,
    received: Instants,
    value: Values,
    quality: Qualities,
    is_judged: Mask,
) -> None:
    for i in range(len(rows)):
        if i + AHEAD < len(rows):
            fetch(records, rows[i + AHEAD], 0)
            fetch(records, rows[i + AHEAD], _LAST)
        record = records[rows[i]]
        record["time"] = time[i]
        record["received"] = received[i]
        record["value"] = value[i]
        record["quality"] = quality[i]
        if is_judged[i]:
            record["judged_time"] = time[i]
            record["judged_received"] = received[i]
            record["judged_value"] = value[i]
            record["judged_quality"] = quality[i]


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """A batch to be written over the newest readings; `is_judged` runs along its readings."""

    readings: Readings
    is_judged: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What a family of rules is to adopt; `changes` mean nothing outside it."""

    family: Any
    changes: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the engine would do: commit it with the readings, then let the engine adopt it.

    `events` stand in the order of the readings behind them. `states` are rows to upsert, `gone`
    are (key, rule) rows to delete. `memory` is the engine's own and means nothing outside.
    """

    events: tuple[ProcessEvent, ...] = ()
    states: tuple[ChannelState, ...] = ()
    gone: tuple[tuple[str, str], ...] = ()
    memory: tuple[Any, ...] = ()

    def changes_of(self, family: object) -> Any:  # noqa: ANN401  # the family's own
        """Return what a family is to adopt by it; None where it is not among them."""
        adopted = (part for part in self.memory if isinstance(part, Adoption))
        return next((part.changes for part in adopted if part.family is family), None)


_JUDGED: Final = np.zeros(QUALITY_MASK + 1, np.bool_)
_JUDGED[list(JUDGED)] = True
_HOLDS: Final = np.zeros(QUALITY_MASK + 1, np.bool_)
_HOLDS[[Quality.bad, Quality.fault, Quality.offline]] = True


def judgeable(readings: Readings) -> Mask:
    """Tell which readings are compared with limits: by their quality, and a number at all."""
    return sifted(readings)[0]


def sifted(readings: Readings) -> tuple[Mask, Mask]:
    """Tell which readings are `judgeable`, and which hold their points' alarms (`holds`)."""
    usable, holding = np.empty(len(readings), np.bool_), np.empty(len(readings), np.bool_)
    _sift(readings.quality, readings.value, usable, holding)
    return usable, holding


@kernel
def _sift(quality: Qualities, value: Values, usable: Mask, holding: Mask) -> None:
    for i in range(len(quality)):
        known = quality[i] & QUALITY_MASK
        usable[i] = _JUDGED[known] and math.isfinite(value[i])
        holding[i] = _HOLDS[known]


def learned_from(quality: Qualities) -> Mask:
    """Tell which stored readings were learned from in order of time: all but late ones unmarked."""
    learned: Mask = (quality & (BEHIND | TAUGHT)) != BEHIND
    return learned


def judged(quality: Qualities) -> Mask:
    """Tell which readings are compared with limits (contracts.md section 4, Quality)."""
    known: Mask = _JUDGED[quality & QUALITY_MASK]
    return known


def holds(quality: Qualities) -> Mask:
    """Tell which readings say that the point cannot be trusted now: they hold the alarm."""
    known: Mask = _HOLDS[quality & QUALITY_MASK]
    return known
