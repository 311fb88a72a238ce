"""The rate of change of a point: the median slope over a minimum time, which no spike can bend.

Arrays in, new arrays out, one row a point, one reading a row. Eight anchors, an eighth of the span
apart, stand for the span, so memory does not grow with the sampling rate (Theil 1950, Sen 1968).
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.readings import Instants, Mask, Values

ANCHORS: Final = 8
_SECOND: Final = 1e6
_PAIRS: Final = np.triu_indices(ANCHORS, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """The last readings an eighth of the span apart, oldest first; 128 bytes a point.

    `time`, shape (k, 8), Micros, 0 where there is none; `value`, shape (k, 8), NaN where none.
    """

    time: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def fresh(cls, points: int) -> Self:
        """Return so many points without anchors."""
        return cls(
            time=np.zeros((points, ANCHORS), np.int64), value=np.full((points, ANCHORS), np.nan)
        )

    def take(self, rows: NDArray[np.integer]) -> Self:
        """Return a copy of what is remembered of these rows."""
        return type(self)(time=self.time[rows], value=self.value[rows])


def judge(
    anchors: Anchors, span: Instants, *, time: Instants, value: Values
) -> tuple[Anchors, Values]:
    """Return the anchors after one reading a point, and the slope in units per second.

    The slope is NaN until readings cover seven eighths of the span, and where there is no news.
    """
    due: Mask = np.isfinite(value) & (time - anchors.time[:, -1] >= span // ANCHORS)
    shifted = Anchors(
        time=np.concatenate([anchors.time[:, 1:], time[:, None]], axis=1),
        value=np.concatenate([anchors.value[:, 1:], value[:, None]], axis=1),
    )
    kept = Anchors(
        time=np.where(due[:, None], shifted.time, anchors.time),
        value=np.where(due[:, None], shifted.value, anchors.value),
    )
    # Anchors older than two spans belong to the time before a gap.
    fresh = np.isfinite(kept.value) & (time[:, None] - kept.time <= 2 * span[:, None])
    first, second = _PAIRS
    apart = (kept.time[:, second] - kept.time[:, first]) / _SECOND
    usable = fresh[:, first] & fresh[:, second] & (apart > 0)
    rise = kept.value[:, second] - kept.value[:, first]
    slopes = np.where(usable, rise / np.where(usable, apart, 1.0), np.nan)
    oldest = np.where(fresh, kept.time, np.iinfo(np.int64).max).min(axis=1)
    covered = time - np.minimum(oldest, time) >= span * (ANCHORS - 1) // ANCHORS
    told = covered & usable.any(axis=1) & np.isfinite(value)
    slope = np.full(len(value), np.nan)
    if told.any():
        slope[told] = np.nanmedian(slopes[told], axis=1)
    return kept, slope
