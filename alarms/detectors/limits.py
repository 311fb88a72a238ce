"""The limit detector: each level of each side is CLEAR, PEND_ON, ACTIVE or PEND_OFF.

Arrays in, new arrays out, one row a point, one column a level slot (alarms.rules.SLOTS). A level is
over at its limit and beyond, under on the safe side of its deadband, and between the two it holds
its verdict (alarms.md 1.3), so the verdict is the phase: over in PEND_ON and ACTIVE, under in CLEAR
and PEND_OFF. `t0` is the time at which the present phase began, in Micros.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import Tier
from alarms.readings import Instants, Mask, Values
from alarms.rules import HIGH, LOW, Ruleset

CLEAR: Final = 0
PEND_ON: Final = 1
ACTIVE: Final = 2
PEND_OFF: Final = 3
PHASES: Final = ("CLEAR", "PEND_ON", "ACTIVE", "PEND_OFF")
NONE: Final = -1
"""Instead of a slot: no level of the side is active."""

Phases = NDArray[np.int8]
"""Shape (k, SLOTS)."""
Onsets = NDArray[np.int64]
"""Shape (k, SLOTS), Micros."""
LevelMask = NDArray[np.bool_]
"""Shape (k, SLOTS)."""

_NEVER: Final = np.iinfo(np.int64).max
_SIDE: Final = np.array([0, 0, 1, 1, 1])
_SIGN: Final = np.array([-1.0, -1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The rules of the points in hand, gathered from a Ruleset."""

    on: NDArray[np.float64]
    off: NDArray[np.float64]
    on_delay: Onsets
    off_delay: Onsets
    urgent: LevelMask
    bridge: Instants

    @classmethod
    def gather(cls, rules: Ruleset, rows: NDArray[np.integer]) -> "Levels":
        """Take the rules of these point rows."""
        return cls(
            on=rules.on[rows],
            off=rules.off[rows],
            on_delay=rules.on_delay[rows],
            off_delay=rules.off_delay[rows],
            urgent=rules.tier[rows] >= Tier.orange,
            bridge=rules.bridge[rows],
        )

    def take(self, chosen: NDArray[np.intp]) -> "Levels":
        """Return the rules of some of these points."""
        return Levels(
            on=self.on[chosen],
            off=self.off[chosen],
            on_delay=self.on_delay[chosen],
            off_delay=self.off_delay[chosen],
            urgent=self.urgent[chosen],
            bridge=self.bridge[chosen],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One reading for each point in hand, and the judged reading before it.

    `judged` and `holding` say what its quality means; where both are False it is only stored.
    `before` is the time of the judged reading before it, 0 if there is none. `faced`, shape (k, 2),
    is what the low and the high side go by where that is not the value itself; NaN is no news.
    """

    time: Instants
    value: Values
    judged: Mask
    holding: Mask
    before: Instants
    faced: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Moves of a side's top level: arrays of one length; NONE as a slot is no active level."""

    row: NDArray[np.intp]
    side: NDArray[np.intp]
    was: NDArray[np.int8]
    top: NDArray[np.int8]
    at: Instants

    def each(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Yield the moves one by one: row, side, was, top, at."""
        columns = (self.row, self.side, self.was, self.top, self.at)
        return zip(*(column.tolist() for column in columns), strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Where points stand after one reading each, and the moves on the way.

    `elapsed` are delays that ran out up to the reading, in order of time; `by_value` comes of its
    value, `lost` of its bad quality. `cleared`, shape (k, 2), marks sides whose alarm ended by a
    delay; `averted`, shape (k, 2, 2), those whose value broke off a delay: that of a raise (a near
    miss, alarms.md 1.5 row 2) or that of a return (row 7); None where none ran.
    """

    phase: Phases
    t0: Onsets
    elapsed: list[Steps]
    by_value: Steps | None
    lost: Steps | None
    cleared: Mask
    averted: NDArray[np.bool_] | None


def judge(phase: Phases, t0: Onsets, levels: Levels, layer: Layer) -> Moved:
    """Judge one reading a point."""
    time = layer.time[:, None]
    value = layer.value[:, None] if layer.faced is None else layer.faced[:, _SIDE]
    y = np.where(layer.judged[:, None], value, np.nan) * _SIGN
    over = y >= levels.on
    under = y < levels.off
    elapsed: list[Steps] = []
    cleared = np.zeros((len(phase), 2), np.bool_)
    pending = running(phase)
    waiting = bool(pending.any())
    if waiting:
        due = due_at(phase, t0, levels)
        agrees = np.where(phase == PEND_ON, ~under, ~over)
        reach = (layer.before + levels.bridge)[:, None]
        ripe = pending & (due <= reach) & ((due < time) | ((due == time) & agrees))
        if ripe.any():
            phase, t0, elapsed = confirm(phase, t0, levels, ripe)
            for steps in elapsed:
                cleared[steps.row, steps.side] = steps.top == NONE
    averted = _averted(phase, over, under) if waiting else None
    phase, t0, by_value = _move(phase, t0, levels, layer, over, under)
    lost = None
    if layer.holding.any():
        phase, t0, lost = hold(phase, t0, levels, layer.time, layer.holding)
    return Moved(
        phase=phase, t0=t0, elapsed=elapsed, by_value=by_value, lost=lost, cleared=cleared,
        averted=averted,
    )  # fmt: skip


def due_at(phase: Phases, t0: Onsets, levels: Levels) -> Onsets:
    """Return when each running delay is met: its onset plus the delay of its direction."""
    return t0 + np.where(phase == PEND_ON, levels.on_delay, levels.off_delay)


def confirm(
    phase: Phases, t0: Onsets, levels: Levels, ripe: LevelMask
) -> tuple[Phases, Onsets, list[Steps]]:
    """Let ripe delays take effect at the instants they were met, earliest first."""
    due = due_at(phase, t0, levels)
    phase, t0 = phase.copy(), t0.copy()
    moved: list[Steps] = []
    while ripe.any():
        waiting = np.where(ripe, due, _NEVER)
        first = np.minimum.reduceat(waiting, [LOW.start, HIGH.start], axis=1)
        at = first[:, _SIDE]
        now = ripe & (waiting == at)
        was = tops(phase)
        rising = now & (phase == PEND_ON)
        rising |= _below(rising) & (phase == PEND_ON)
        falling = now & (phase == PEND_OFF)
        phase[rising] = ACTIVE
        phase[falling] = CLEAR
        t0 = np.where(rising | falling, at, t0)
        steps = _steps(was, tops(phase), first)
        if steps is not None:
            moved.append(steps)
        ripe = ripe & ~(rising | falling)
    return phase, t0, moved


def hold(
    phase: Phases, t0: Onsets, levels: Levels, at: Instants, chosen: Mask
) -> tuple[Phases, Onsets, Steps | None]:
    """Assume the worst of chosen points whose signal is lost or bad (alarms.md row 19b).

    A level of tier orange or red that was about to raise raises, unconfirmed; one that was about
    to clear stays active. Lower tiers keep waiting.
    """
    rising = (phase == PEND_ON) & levels.urgent & chosen[:, None]
    rising |= _below(rising) & (phase == PEND_ON)
    kept = (phase == PEND_OFF) & chosen[:, None]
    if not (rising | kept).any():
        return phase, t0, None
    was = tops(phase)
    phase = np.where(rising | kept, ACTIVE, phase).astype(np.int8)
    t0 = np.where(rising | kept, np.maximum(t0, at[:, None]), t0)
    return phase, t0, _steps(was, tops(phase), np.stack([at, at], axis=1))


def running(phase: Phases) -> NDArray[np.bool_]:
    """Tell which slots have a delay running, of the shape of `phase`."""
    pending: NDArray[np.bool_] = (phase == PEND_ON) | (phase == PEND_OFF)
    return pending


def tops(phase: Phases) -> NDArray[np.int8]:
    """Return the outermost active slot of each side, shape (k, 2), NONE where none is."""
    active = phase >= ACTIVE
    low = np.where(active[:, 1], 1, np.where(active[:, 0], 0, NONE))
    high = np.where(active[:, 4], 4, np.where(active[:, 3], 3, np.where(active[:, 2], 2, NONE)))
    return np.stack([low, high], axis=1).astype(np.int8)


def _move(
    phase: Phases,
    t0: Onsets,
    levels: Levels,
    layer: Layer,
    over: LevelMask,
    under: LevelMask,
) -> tuple[Phases, Onsets, Steps | None]:
    """Let the reading's value start, restart, cancel or skip delays."""
    time = np.broadcast_to(layer.time[:, None], phase.shape)
    # A phase begins after the one it follows, though a tick may have confirmed ahead of this time.
    onset = np.maximum(time, t0 + 1)
    rises = (phase == CLEAR) & over
    falls = (phase == ACTIVE) & under
    drops = (phase == PEND_ON) & under
    returns = (phase == PEND_OFF) & over
    gap = (layer.judged & (layer.time - layer.before > levels.bridge))[:, None]
    restarts = gap & (((phase == PEND_ON) & ~under) | ((phase == PEND_OFF) & ~over))
    new = np.select([rises, falls, drops, returns], [PEND_ON, PEND_OFF, CLEAR, ACTIVE], phase)
    at_once = rises & (levels.on_delay == 0)
    lifted = at_once | (_below(at_once) & (new == PEND_ON))
    new = np.where(lifted, ACTIVE, np.where(falls & (levels.off_delay == 0), CLEAR, new))
    new = new.astype(np.int8)
    changed = new != phase
    began = np.where(changed | restarts, onset, t0)
    at = np.maximum.reduceat(np.where(changed, began, 0), [LOW.start, HIGH.start], axis=1)
    return new, began, _steps(tops(phase), tops(new), at)


def _averted(phase: Phases, over: LevelMask, under: LevelMask) -> NDArray[np.bool_]:
    """Mark the sides of which a value breaks off a delay, of a raise and of a return."""
    broken = np.stack([(phase == PEND_ON) & under, (phase == PEND_OFF) & over], axis=2)
    sides: NDArray[np.bool_] = np.logical_or.reduceat(broken, [LOW.start, HIGH.start], axis=1)
    return sides


def _below(confirmed: LevelMask) -> LevelMask:
    """Mark the levels inside a confirmed one of the same side."""
    inside = np.zeros_like(confirmed)
    inside[:, 0] = confirmed[:, 1]
    inside[:, 2] = confirmed[:, 3] | confirmed[:, 4]
    inside[:, 3] = confirmed[:, 4]
    return inside


def _steps(was: NDArray[np.int8], top: NDArray[np.int8], at: Instants) -> Steps | None:
    row, side = np.nonzero(was != top)
    if len(row) == 0:
        return None
    return Steps(row=row, side=side, was=was[row, side], top=top[row, side], at=at[row, side])
