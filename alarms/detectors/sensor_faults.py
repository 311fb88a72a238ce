"""What a dying or doctored sensor looks like from its own readings alone.

Arrays in, new arrays out, one row a point, one reading a row. The tests are those of the IOOS
QARTOD manuals (flat line, spike, attenuated signal), made aware of time and of each point's own
habits: how often it changes, how large a step is usual.
"""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.readings import Instants, Mask, Values

LEARN: Final = 100
"""Readings after which steps and pauses are known."""
FLAT: Final = 4.0
"""Times the longest usual pause a value may stand."""
SPIKE: Final = 12.0
"""Usual steps, out and back, that make a spike."""
GROWN: Final = 4.0
VANISHED: Final = 1 / 8
"""Short against learned step from which noise has grown or vanished."""
CLIPPED: Final = 0.3
"""Share of recent readings pressed against one ceiling that no free signal shows."""

_SLOW: Final = 1 / 1000
_BRIEF: Final = 1 / 24
_FORGET: Final = 1 / 400
_CLIP: Final = 10.0
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is remembered of k sensors, 80 bytes each.

    Values and steps are in the point's unit, `pause` (the longest usual time between changes) and
    all times in Micros; `pressed` is the share of recent readings at the ceiling.
    """

    seen: NDArray[np.int32]
    changes: NDArray[np.int32]
    time: Instants
    value: Values
    before: Values
    changed: Instants
    pause: Values
    usual: Values
    short: Values
    ceiling: Values
    pressed: NDArray[np.float32]
    still: NDArray[np.float32]

    @classmethod
    def fresh(cls, points: int) -> Self:
        """Return so many sensors of which nothing has been seen."""
        count, none = np.zeros(points, np.int32), np.full(points, np.nan)
        at, zero, share = np.zeros(points, np.int64), np.zeros(points), np.zeros(points, np.float32)
        return cls(
            seen=count,
            changes=count,
            time=at,
            value=none,
            before=none,
            changed=at,
            pause=zero,
            usual=zero,
            short=zero,
            ceiling=none,
            pressed=share,
            still=share,
        )

    def take(self, rows: NDArray[np.integer]) -> Self:
        """Return a copy of what is remembered of these rows."""
        return type(self)(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The rules of the sensors in hand.

    `hold`, Micros, is the shortest standing still that counts; `tick` the smallest step the
    instrument can show; `limit` the high limit a doctored value would be kept under, `margin` how
    close under it (NaN: none).
    """

    hold: Instants
    tick: Values
    limit: Values
    margin: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What each reading shows. `spike` speaks of the reading before this one."""

    watch: Watch
    flat_line: Mask
    spike: Mask
    noise_grown: Mask
    noise_vanished: Mask
    clipped: Mask


def judge(watch: Watch, bounds: Bounds, *, time: Instants, value: Values) -> Faults:
    """Judge one reading a sensor; NaN is no news and keeps what is remembered."""
    news = np.isfinite(value)
    first = watch.seen == 0
    x = np.where(news, value, watch.value)
    last = np.where(first, x, watch.value)
    step = np.where(news, np.abs(x - last), 0.0)
    known = news & (watch.seen >= LEARN)
    moved = news & (first | (step > bounds.tick / 2))
    flat, pause = _stood(watch, bounds, time, moved, news)
    usual, short = _restless(watch, step)
    noisy = known & (watch.usual > bounds.tick)
    ceiling = np.fmax(x, watch.ceiling)
    at_top = x >= ceiling - bounds.tick / 2
    rises = x > watch.ceiling + bounds.tick / 2
    pressed = np.where(rises, 0.0, watch.pressed) + _BRIEF * (
        at_top - np.where(rises, 0.0, watch.pressed)
    )
    still = watch.still + _BRIEF * (~moved - watch.still)
    after = Watch(
        seen=watch.seen + news,
        changes=watch.changes + (moved & ~first),
        time=np.where(news, time, watch.time),
        value=x,
        before=np.where(news, last, watch.before),
        changed=np.where(moved, time, watch.changed),
        pause=np.where(news, pause, watch.pause),
        usual=np.where(news, usual, watch.usual),
        short=np.where(news, short, watch.short),
        ceiling=np.where(news, ceiling, watch.ceiling),
        pressed=np.where(news, pressed, watch.pressed).astype(np.float32),
        still=np.where(news, still, watch.still).astype(np.float32),
    )
    near = (ceiling < bounds.limit) & (ceiling >= bounds.limit - bounds.margin)
    return Faults(
        watch=after,
        flat_line=flat,
        spike=known & _spiked(watch, bounds, x),
        noise_grown=noisy & (short > GROWN * watch.usual),
        noise_vanished=noisy & (short < VANISHED * watch.usual),
        clipped=noisy & near & (pressed >= CLIPPED) & (still < 1.0 - CLIPPED / 2),
    )


def _stood(
    watch: Watch, bounds: Bounds, time: Instants, moved: Mask, news: Mask
) -> tuple[Mask, Values]:
    """Tell who stands still for longer than its habit, and return the habit after the reading.

    A pause that has already been called flat teaches nothing.
    """
    stood = (time - watch.changed).astype(np.float64)
    allowed = np.maximum(bounds.hold, FLAT * watch.pause)
    habit = watch.changes > LEARN // 10
    flat = news & ~moved & habit & (stood > allowed)
    lesson = moved & (watch.seen > 0) & (~habit | (stood <= allowed))
    pause = np.maximum(stood, watch.pause + _FORGET * (stood - watch.pause))
    return flat, np.where(lesson, pause, watch.pause)


def _restless(watch: Watch, step: Values) -> tuple[Values, Values]:
    """Return the learned and the short mean step after this one; spikes count ten usual steps."""
    gain = np.maximum(_SLOW, 1.0 / (watch.seen + 1.0))
    roof = np.where(watch.seen >= LEARN // 4, _CLIP * watch.usual + _TINY, np.inf)
    mild = np.minimum(step, roof)
    # What is already strange must not become usual soon.
    settled = watch.seen >= LEARN
    lesson = np.where(settled, np.minimum(mild, 3.0 * watch.usual), mild)
    usual = watch.usual + gain * (lesson - watch.usual)
    return usual, watch.short + np.maximum(_BRIEF, gain) * (mild - watch.short)


def _spiked(watch: Watch, bounds: Bounds, x: Values) -> Mask:
    """Tell whether the reading before this one went out and came back (QARTOD spike test)."""
    out, back = watch.value - watch.before, x - watch.value
    least = SPIKE * watch.usual + bounds.tick
    spiked: Mask = (out * back < 0) & (np.minimum(np.abs(out), np.abs(back)) > least)
    return spiked
