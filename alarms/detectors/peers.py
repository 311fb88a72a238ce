"""What two sensors tell about each other: one drifts from its peers, one copies another.

Arrays in, new arrays out, one row a pair (a sensor and its peers' median, or a sensor and the one
it may copy), one simultaneous reading a row. NaN is no news.
"""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.readings import Mask, Values

LEARN: Final = 300
"""Pairs of readings after which the usual difference and its spread are known."""
SLACK: Final = 1.0
"""Spreads that count for nothing: half the drift worth finding, as CUSUM charts set it."""
DRIFTED: Final = 20.0
"""Sum of what goes beyond the slack from which a sensor has drifted."""
COPIED: Final = 0.9
"""Share of changes that agree to the tick from which one sensor copies the other."""
CHANGES: Final = 30
"""Changes seen before copying is judged."""

_LEAK: Final = 1 / 200
_BRIEF: Final = 1 / 32
_CLIP: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What is remembered of k differences, 36 bytes each: two leaky sums, up and down."""

    seen: NDArray[np.int32]
    usual: Values
    spread: Values
    up: Values
    down: Values

    @classmethod
    def fresh(cls, pairs: int) -> Self:
        """Return so many pairs of which nothing has been seen."""
        zero = np.zeros(pairs)
        return cls(seen=np.zeros(pairs, np.int32), usual=zero, spread=zero, up=zero, down=zero)

    def take(self, rows: NDArray[np.integer]) -> Self:
        """Return a copy of what is remembered of these pairs."""
        return type(self)(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What is remembered of k pairs that may be copies, 28 bytes each."""

    changes: NDArray[np.int32]
    value: Values
    other: Values
    share: Values

    @classmethod
    def fresh(cls, pairs: int) -> Self:
        """Return so many pairs of which nothing has been seen."""
        none = np.full(pairs, np.nan)
        return cls(changes=np.zeros(pairs, np.int32), value=none, other=none, share=np.zeros(pairs))

    def take(self, rows: NDArray[np.integer]) -> Self:
        """Return a copy of what is remembered of these pairs."""
        return type(self)(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})


def drift(state: Drift, *, value: Values, peers: Values, tick: Values) -> tuple[Drift, Mask]:
    """Sum what a sensor's distance from its peers' median exceeds its habit by (leaky CUSUM).

    The habit is learned from the first LEARN pairs and stands: a habit that follows hides drift.
    """
    news = np.isfinite(value) & np.isfinite(peers)
    gap = np.where(news, value - peers, 0.0)
    learning = state.seen < LEARN
    gain = 1.0 / (state.seen + 1.0)
    left = gap - state.usual
    sigma = 1.25 * state.spread + tick
    bounded = np.clip(left, -_CLIP * sigma, _CLIP * sigma)
    mild = np.where(state.seen > LEARN // 10, bounded, left)
    z = np.divide(bounded, sigma, out=np.zeros_like(sigma), where=sigma > 0)
    judged = news & ~learning
    learns = news & learning
    after = Drift(
        seen=state.seen + news,
        usual=np.where(learns, state.usual + gain * mild, state.usual),
        spread=np.where(learns, state.spread + gain * (np.abs(mild) - state.spread), state.spread),
        up=np.where(judged, np.maximum((1 - _LEAK) * state.up + z - SLACK, 0.0), state.up),
        down=np.where(judged, np.maximum((1 - _LEAK) * state.down - z - SLACK, 0.0), state.down),
    )
    drifted: Mask = judged & (np.maximum(after.up, after.down) >= DRIFTED)
    return after, drifted


def copied(state: Likeness, *, value: Values, other: Values, tick: Values) -> tuple[Likeness, Mask]:
    """Tell where one sensor's changes are the other's to the tick, an offset apart or not."""
    news = np.isfinite(value) & np.isfinite(other)
    step, step_other = value - state.value, other - state.other
    changed = news & ((np.abs(step) > tick / 2) | (np.abs(step_other) > tick / 2))
    agrees = np.abs(step - step_other) <= tick / 2
    gain = np.maximum(_BRIEF, 1.0 / (state.changes + 1.0))
    share = np.where(changed, state.share + gain * (agrees - state.share), state.share)
    after = Likeness(
        changes=state.changes + changed,
        value=np.where(news, value, state.value),
        other=np.where(news, other, state.other),
        share=share,
    )
    return after, changed & (after.changes >= CHANGES) & (share >= COPIED)
