"""How the limits of points stand, as columns."""

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors import limits
from alarms.readings import Mask, Rows
from alarms.rules import HIGH, LOW, SLOTS, Ruleset

_FIRST_LOW: Final = LOW.start
_FIRST_HIGH: Final = HIGH.start


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the limit detector remembers of point rows, shape (k, …).

    `peak`, shape (k, 2), is the most extreme judged value since each side left rest, NaN at rest;
    low sides keep it mirrored. `stored` tells which sides have a row in the record. `averted`,
    shape (k, 2, 2), has how often a sweep broke off a delay (limits.judge); empty before one.
    """

    rows: Rows
    phase: limits.Phases
    t0: limits.Onsets
    peak: NDArray[np.float64]
    stored: Mask
    averted: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2, 2), np.int32))

    @classmethod
    def clear(cls, points: int) -> Self:
        """Return so many points at rest."""
        return cls(
            rows=np.arange(points, dtype=np.int32),
            phase=np.zeros((points, SLOTS), np.int8),
            t0=np.zeros((points, SLOTS), np.int64),
            peak=np.full((points, 2), np.nan),
            stored=np.zeros((points, 2), np.bool_),
        )

    def take(self, rows: Rows) -> Self:
        """Return a copy of what is remembered of these rows."""
        return type(self)(
            rows=rows,
            phase=self.phase[rows],
            t0=self.t0[rows],
            peak=self.peak[rows],
            stored=self.stored[rows],
        )

    def put(
        self,
        news: "Standing",
        rules: Ruleset,
        kept: Mask,
        pending: Mask,
        calm: NDArray[np.float64],
    ) -> None:
        """Let some rows of a whole plant's standing be as in `news`, and what follows from them.

        `kept` tells of which rows more is remembered than stands here; `pending` becomes which have
        a delay running, `calm`, shape (n, 2), the interval in which one at rest stays so. NaN is
        inside no interval: of a point that is not at rest every reading is judged.
        """
        _put(
            news.rows, news.phase, news.t0, news.peak, news.stored, rules.of, rules.on,
            kept, self.phase, self.t0, self.peak, self.stored, pending, calm,
        )  # fmt: skip


@kernel
def _put(
    rows: Rows,
    new_phase: limits.Phases,
    new_t0: limits.Onsets,
    new_peak: NDArray[np.float64],
    new_stored: Mask,
    of: Rows,
    on: NDArray[np.float64],
    kept: Mask,
    phase: limits.Phases,
    t0: limits.Onsets,
    peak: NDArray[np.float64],
    stored: Mask,
    pending: Mask,
    calm: NDArray[np.float64],
) -> None:
    for i in range(len(rows)):
        row = rows[i]
        waits = False
        for slot in range(SLOTS):
            now = new_phase[i, slot]
            waits = waits or now in (limits.PEND_ON, limits.PEND_OFF)
            phase[row, slot], t0[row, slot] = now, new_t0[i, slot]
        rests = not kept[row]
        for side in range(2):
            peak[row, side], stored[row, side] = new_peak[i, side], new_stored[i, side]
            rests = rests and not new_stored[i, side]
        pending[row] = waits
        calm[row, 0] = -on[of[row], _FIRST_LOW] if rests else np.nan
        calm[row, 1] = on[of[row], _FIRST_HIGH] if rests else np.nan
