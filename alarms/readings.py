"""Columns of readings: what arrived, which of it is news to its point, and what comes late."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]
"""Point rows: indices into `Plant.points`, shape (n,). They never leave the process."""
Instants = NDArray[np.int64]
"""Microseconds since 1970 UTC, shape (n,)."""
Values = NDArray[np.float64]
"""Values in each point's engineering unit, shape (n,)."""
Qualities = NDArray[np.int16]
"""A Quality in the low byte, flags above it, shape (n,)."""
Mask = NDArray[np.bool_]


class Quality(IntEnum):
    """How far a reading can be trusted (contracts.md section 4). Stored: numbers never change."""

    good = 0
    uncertain = 1
    bad = 2
    calibrating = 3
    over_range = 4
    fault = 5
    offline = 6


JUDGED: Final = (Quality.good, Quality.uncertain, Quality.over_range)
"""Qualities that are compared with limits; the rest hold an alarm as it is."""
QUALITY_MASK: Final = 0xFF
STAMPED_HERE: Final = 0x100
"""Flag: the message had no `ts`; the time is that of receipt."""
HISTORY: Final = 0x200
"""Flag: stored and forwarded by the gateway."""
CORRECTED: Final = 0x400
"""Flag: stamped in the future; judged and stored at the time of receipt."""
BEHIND: Final = 0x1000
"""Flag: stored after a newer reading of its point."""
FAR: Final = 0x2000
"""Flag: came so far behind a newer reading that nothing else is judged again because of it."""
TAUGHT: Final = 0x4000
"""Flag: came behind a newer one, and what learns in order of time has learned from it, too."""
CLAMPED: Final = 0x800
"""Flag: past the instrument's range, judged at the end of it."""

STATE_NUMBERS: Final = {
    0: Quality.good,
    1: Quality.good,
    2: Quality.good,
    4: Quality.calibrating,
    8: Quality.over_range,
    16: Quality.fault,
    32: Quality.offline,
    64: Quality.offline,
    128: Quality.fault,
}
"""The mine network's state number to quality (V2, as public code reads it; 1 and 2 are judged)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Readings as columns of one length, in order of receipt.

    `time` is the event time they are judged and stored at; `stamp` the gateway's own stamp, the
    reading's identity, different from `time` only where CORRECTED; `received` the server's clock.
    """

    point: Rows
    time: Instants
    value: Values
    quality: Qualities
    received: Instants
    stamp: Instants

    def __len__(self) -> int:
        return len(self.point)

    def take(self, chosen: Mask | NDArray[np.intp]) -> Self:
        """Return the chosen readings, by mask or by index, order kept as given."""
        return type(self)(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    @classmethod
    def joined(cls, parts: "Sequence[Readings]") -> "Readings":
        """Return these readings one after the other."""
        return Readings(
            **{
                f.name: np.concatenate([getattr(part, f.name) for part in parts])
                for f in fields(cls)
            }
        )

    @classmethod
    def none(cls) -> Self:
        """Return no readings."""
        return cls(
            point=np.empty(0, np.int32),
            time=np.empty(0, np.int64),
            value=np.empty(0, np.float64),
            quality=np.empty(0, np.int16),
            received=np.empty(0, np.int64),
            stamp=np.empty(0, np.int64),
        )


def far_marked(readings: Readings, behind: Instants, bound: int) -> Readings:
    """Return readings, those marked that were farther `behind` when they came than `bound`."""
    far = np.where(behind > bound, np.int16(FAR), np.int16(0))
    return replace(readings, quality=readings.quality | far)


def parted(readings: Readings, last: Instants, *, bound: int) -> tuple[Mask, Readings]:
    """Tell which readings are news (`newer_than`); return the others, far ones marked."""
    fresh = newer_than(readings, last)
    if fresh.all():
        return fresh, Readings.none()
    behind = behind_by(readings, last, fresh)[~fresh]
    return fresh, far_marked(readings.take(~fresh), behind, bound)


def behind_by(readings: Readings, last: Instants, fresh: Mask) -> Instants:
    """Return how far each reading is behind the newest its point had when it came, Micros.

    `fresh` are the news (`newer_than`); 0 or less for them. The verdict does not depend on how the
    stream was cut into batches.
    """
    newest: dict[int, int] = {}
    behind = np.zeros(len(readings), np.int64)
    touched = np.isin(readings.point, readings.point[~fresh])
    for place in np.flatnonzero(touched).tolist():
        row, time = int(readings.point[place]), int(readings.time[place])
        before = newest.get(row, int(last[row]))
        behind[place] = before - time
        newest[row] = max(before, time)
    return behind


def newer_than(readings: Readings, last: Instants) -> Mask:
    """Tell which readings are newer than all their point had before, in order of receipt.

    `last` has one instant a point row: its newest committed reading. A reading that is not newer is
    a duplicate or comes late. The verdict does not depend on how the stream was cut into batches.
    """
    order = np.argsort(readings.point, kind="stable")
    rows, times = readings.point[order], readings.time[order]
    fresh = np.empty(len(rows), np.bool_)
    if len(rows) == 0:
        return fresh
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
    group = np.cumsum(np.r_[True, rows[1:] != rows[:-1]]) - 1
    base = last[rows[starts]]
    # A running maximum within each group: lift every group above all earlier ones, then accumulate.
    low = min(int(times.min()), int(base.min()))
    relative, floor = times - low, base - low
    span = max(int(relative.max()), int(floor.max())) + 1
    if span > (2**62) // len(starts):
        return _newer_one_by_one(rows, times, last, order)
    lift = group.astype(np.int64) * span
    before = np.empty(len(rows), np.int64)
    running = np.maximum.accumulate(np.maximum(relative, floor[group]) + lift) - lift
    before[1:] = running[:-1]
    before[starts] = floor
    fresh[order] = relative > before
    return fresh


def _newer_one_by_one(rows: Rows, times: Instants, last: Instants, order: NDArray[np.intp]) -> Mask:
    """Answer `newer_than` where times lie too far apart for the vector form's arithmetic."""
    newest = {int(row): int(last[row]) for row in np.unique(rows)}
    fresh = np.zeros(len(rows), np.bool_)
    for place, row, time in zip(order.tolist(), rows.tolist(), times.tolist(), strict=True):
        if time > newest[row]:
            newest[row] = time
            fresh[place] = True
    return fresh
