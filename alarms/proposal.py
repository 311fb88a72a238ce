"""What goes into the engine at start and comes out of it with each batch, as plain values."""

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import ProcessEvent
from alarms.readings import (
    JUDGED,
    QUALITY_MASK,
    Instants,
    Mask,
    Qualities,
    Quality,
    Readings,
    Rows,
    Values,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """What must outlive the process for one (subject key, rule); `process` is JSON-able."""

    key: str
    rule: str
    process: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFault:
    """A reading that was not taken as it came.

    `reason` is `out_of_range` (refused; `point` is its row) or `future_time` (corrected;
    `gateway` sent it). `time` is the event time, or that of receipt where the stamp cannot be
    trusted; both in Micros.
    """

    reason: str
    time: int
    received: int
    point: int | None = None
    gateway: str | None = None
    value: float | None = None


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
"""LastReadings as records, to be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastReadings:
    """The newest reading of each point row and its newest judged one, shape (n,).

    0 or NaN where there never was one. `time`, `received`, `value`, `quality` are of the newest
    reading of any quality. `judged_*` are of the newest whose quality is judged (good, uncertain,
    over_range): delays run on those.
    """

    time: Instants
    received: Instants
    value: Values
    quality: Qualities
    judged_time: Instants
    judged_received: Instants
    judged_value: Values
    judged_quality: Qualities

    @classmethod
    def never(cls, points: int) -> Self:
        """Return what is known of so many points before anything arrived."""
        return cls(
            time=np.zeros(points, np.int64),
            received=np.zeros(points, np.int64),
            value=np.full(points, np.nan),
            quality=np.zeros(points, np.int16),
            judged_time=np.zeros(points, np.int64),
            judged_received=np.zeros(points, np.int64),
            judged_value=np.full(points, np.nan),
            judged_quality=np.zeros(points, np.int16),
        )

    def records(self, rows: Rows) -> NDArray[np.void]:
        """Return what is known of these rows, one record each."""
        found = np.zeros(len(rows), NEWEST)
        for name in self.__slots__:
            found[name] = getattr(self, name)[rows]
        return found

    def put(self, rows: Rows, records: NDArray[np.void]) -> None:
        """Write down what was known of these rows."""
        for name in self.__slots__:
            getattr(self, name)[rows] = records[name]

    def follow(self, readings: Readings) -> None:
        """Take up stored readings, in order of time for each row; older ones change nothing."""
        news = readings.take(readings.time > self.time[readings.point])
        self.take_up(Newest.of(news, judged(news.quality)))

    def copy(self) -> Self:
        """Return columns of one's own."""
        return type(self)(**{name: getattr(self, name).copy() for name in self.__slots__})

    def take_up(self, newest: "Newest") -> None:
        """Write a batch's newest readings over these columns."""
        rows, judged_rows = newest.rows, newest.judged_rows
        self.time[rows], self.received[rows] = newest.time, newest.received
        self.value[rows], self.quality[rows] = newest.value, newest.quality
        self.judged_time[judged_rows] = newest.judged_time
        self.judged_received[judged_rows] = newest.judged_received
        self.judged_value[judged_rows] = newest.judged_value
        self.judged_quality[judged_rows] = newest.judged_quality


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest readings of a batch, to be written over the engine's columns on adoption."""

    rows: Rows
    time: Instants
    received: Instants
    value: Values
    quality: Qualities
    judged_rows: Rows
    judged_time: Instants
    judged_received: Instants
    judged_value: Values
    judged_quality: Qualities

    @classmethod
    def of(cls, readings: Readings, is_judged: Mask) -> Self:
        """Return what to write; `is_judged` runs along the readings.

        Later writes to the same row win, so columns in order of receipt leave the newest behind.
        """
        taken = readings if bool(is_judged.all()) else readings.take(is_judged)
        return cls(
            rows=readings.point,
            time=readings.time,
            received=readings.received,
            value=readings.value,
            quality=readings.quality,
            judged_rows=taken.point,
            judged_time=taken.time,
            judged_received=taken.received,
            judged_value=taken.value,
            judged_quality=taken.quality,
        )


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


_JUDGED: Final = np.zeros(QUALITY_MASK + 1, np.bool_)
_JUDGED[list(JUDGED)] = True
_HOLDS: Final = np.zeros(QUALITY_MASK + 1, np.bool_)
_HOLDS[[Quality.bad, Quality.fault, Quality.offline]] = True


def judged(quality: Qualities) -> Mask:
    """Tell which readings are compared with limits (contracts.md section 4, Quality)."""
    known: Mask = _JUDGED[quality & QUALITY_MASK]
    return known


def holds(quality: Qualities) -> Mask:
    """Tell which readings say that the point cannot be trusted now: they hold the alarm."""
    known: Mask = _HOLDS[quality & QUALITY_MASK]
    return known
