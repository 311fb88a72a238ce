"""The limit detector: each level of each side is CLEAR, PEND_ON, ACTIVE or PEND_OFF.

One row a point, one column a level slot (alarms.rules.SLOTS); phases and onsets change in place. A
level is over at its limit and beyond, under on the safe side of its deadband, and between the two
it holds its verdict (alarms.md 1.3), so the verdict is the phase: over in PEND_ON and ACTIVE, under
in CLEAR and PEND_OFF. `t0` is the time at which the present phase began, in Micros.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import Tier
from alarms.compiled import kernel
from alarms.readings import Instants, Mask
from alarms.rules import HIGH, LOW, SLOTS, Ruleset

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
Records = NDArray[np.void]

ELAPSED, VALUE, LOST = range(3)
STEP: Final = np.dtype(
    [
        ("row", np.int32),
        ("side", np.int8),
        ("was", np.int8),
        ("top", np.int8),
        ("cause", np.int8),
        ("at", np.int64),
    ]
)
"""A side's top level moved, NONE as a slot is no active level. ELAPSED: a delay ran out; VALUE: by
its reading's value; LOST: taken as active, the signal is lost or bad."""
MOST: Final = SLOTS + 4
"""Steps that one reading can cause: each delay runs out, both sides move by value, both are lost.
"""

_NEVER: Final = np.iinfo(np.int64).max
_FIRST_HIGH: Final = HIGH.start
BEGINS: Final = np.array([LOW.start, HIGH.start])
ENDS: Final = np.array([LOW.stop, HIGH.stop])
"""The slots of each side, low and high."""
_OUTSIDE: Final = np.array([0b00010, 0, 0b11000, 0b10000, 0])
"""The levels of the same side outside each, as bits: with one of them active, it is active."""
_URGENT: Final = int(Tier.orange)


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What runs and rings of the rules of the points in hand, gathered from a Ruleset."""

    on_delay: Onsets
    off_delay: Onsets
    tier: NDArray[np.int8]
    bridge: Instants

    @classmethod
    def gather(cls, rules: Ruleset, rows: NDArray[np.integer]) -> "Levels":
        """Take the rules of these point rows."""
        of = rules.of[rows]
        return cls(
            on_delay=rules.on_delay[of],
            off_delay=rules.off_delay[of],
            tier=rules.tier[of],
            bridge=rules.bridge[of],
        )


@kernel
def judge(
    phase: Phases,
    t0: Onsets,
    point: int,
    on: NDArray[np.float64],
    off: NDArray[np.float64],
    on_delay: Onsets,
    off_delay: Onsets,
    tier: NDArray[np.int8],
    bridge: Instants,
    kind: int,
    time: int,
    low: float,
    high: float,
    judged: bool,  # noqa: FBT001
    holding: bool,  # noqa: FBT001
    before: int,
    averted: NDArray[np.int32],
    steps: Records,
) -> int:
    """Judge one reading of a point in place; return how many steps are written.

    The point has place `point` in `phase`, `t0` and `averted`, and `kind` in the rules. `low` and
    `high` are what its sides go by, the value itself unless limits are confirmed; NaN is no news.
    `judged` and `holding` say what its quality means: where both are False it is only stored.
    `before` is the time of the judged reading before it, 0 if there is none. `averted`, shape
    (k, 2, 2), counts by side the delays that the value broke off: of a raise (a near miss,
    alarms.md 1.5 row 2) and of a return (row 7).
    """
    over = under = ripe = 0
    for slot in range(SLOTS):
        y = high if slot >= _FIRST_HIGH else -low
        if judged and y >= on[kind, slot]:
            over |= 1 << slot
        if judged and y < off[kind, slot]:
            under |= 1 << slot
    reach = before + bridge[kind]
    for slot in range(SLOTS):
        now = phase[point, slot]
        if now in (PEND_ON, PEND_OFF):
            due = _due(phase, t0, point, slot, on_delay, off_delay, kind)
            against = under if now == PEND_ON else over
            agrees = (against >> slot) & 1 == 0
            if due <= reach and (due < time or (due == time and agrees)):
                ripe |= 1 << slot
    many = _confirm(phase, t0, point, on_delay, off_delay, kind, ripe, steps, 0)
    for side in range(2):
        missed = entered = 0
        for slot in range(BEGINS[side], ENDS[side]):
            missed |= phase[point, slot] == PEND_ON and (under >> slot) & 1
            entered |= phase[point, slot] == PEND_OFF and (over >> slot) & 1
        averted[point, side, 0] += missed
        averted[point, side, 1] += entered
    gap = judged and time - before > bridge[kind]
    many = _move(phase, t0, point, on_delay, off_delay, kind, time, over, under, gap, steps, many)
    if holding:
        many = _hold(phase, t0, point, tier, kind, time, steps, many)
    return many


def due_at(phase: Phases, t0: Onsets, levels: Levels) -> Onsets:
    """Return when each running delay is met: its onset plus the delay of its direction."""
    return t0 + np.where(phase == PEND_ON, levels.on_delay, levels.off_delay)


def confirm(phase: Phases, t0: Onsets, levels: Levels, ripe: LevelMask) -> Records:
    """Let ripe delays take effect at the instants they were met, earliest first; return the steps.

    A point's steps lie together, those of each side in order of time.
    """
    bits = ripe @ (1 << np.arange(SLOTS))
    steps = np.empty(MOST * len(phase), STEP)
    return steps[: _confirm_each(phase, t0, levels.on_delay, levels.off_delay, bits, steps)]


def hold(phase: Phases, t0: Onsets, levels: Levels, at: Instants, chosen: Mask) -> Records:
    """Assume the worst of chosen points whose signal is lost or bad; return the steps.

    A level of tier orange or red that was about to raise raises, unconfirmed; one that was about
    to clear stays active. Lower tiers keep waiting (alarms.md row 19b).
    """
    steps = np.empty(MOST * len(phase), STEP)
    return steps[: _hold_each(phase, t0, levels.tier, at, np.flatnonzero(chosen), steps)]


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


@kernel
def _confirm_each(
    phase: Phases,
    t0: Onsets,
    on_delay: Onsets,
    off_delay: Onsets,
    ripe: NDArray[np.int64],
    steps: Records,
) -> int:
    many = 0
    for point in range(len(phase)):
        many = _confirm(phase, t0, point, on_delay, off_delay, point, ripe[point], steps, many)
    return many


@kernel
def _hold_each(
    phase: Phases,
    t0: Onsets,
    tier: NDArray[np.int8],
    at: Instants,
    chosen: NDArray[np.intp],
    steps: Records,
) -> int:
    many = 0
    for point in chosen:
        many = _hold(phase, t0, point, tier, point, at[point], steps, many)
    return many


@kernel
def _due(
    phase: Phases,
    t0: Onsets,
    point: int,
    slot: int,
    on_delay: Onsets,
    off_delay: Onsets,
    row: int,
) -> int:
    delay = on_delay[row, slot] if phase[point, slot] == PEND_ON else off_delay[row, slot]
    return int(t0[point, slot] + delay)


@kernel
def _confirm(
    phase: Phases,
    t0: Onsets,
    point: int,
    on_delay: Onsets,
    off_delay: Onsets,
    row: int,
    ripe: int,
    steps: Records,
    many: int,
) -> int:
    """Let the delays that are `ripe` (bits) take effect; both sides go on at once."""
    while ripe:
        for side in range(2):
            at = _NEVER
            for slot in range(BEGINS[side], ENDS[side]):
                if (ripe >> slot) & 1:
                    at = min(at, _due(phase, t0, point, slot, on_delay, off_delay, row))
            if at == _NEVER:
                continue
            was = top_of(phase, point, side)
            rising = falling = 0
            for slot in range(BEGINS[side], ENDS[side]):
                if (ripe >> slot) & 1 and at == _due(
                    phase, t0, point, slot, on_delay, off_delay, row
                ):
                    rising |= (phase[point, slot] == PEND_ON) << slot
                    falling |= (phase[point, slot] == PEND_OFF) << slot
            for slot in range(BEGINS[side], ENDS[side]):
                if (rising >> slot) & 1 or (
                    rising & _OUTSIDE[slot] and phase[point, slot] == PEND_ON
                ):
                    phase[point, slot], t0[point, slot] = ACTIVE, at
                    ripe &= ~(1 << slot)
                elif (falling >> slot) & 1:
                    phase[point, slot], t0[point, slot] = CLEAR, at
                    ripe &= ~(1 << slot)
            many = _note(phase, point, side, was, at, ELAPSED, steps, many)
    return many


@kernel
def _move(
    phase: Phases,
    t0: Onsets,
    point: int,
    on_delay: Onsets,
    off_delay: Onsets,
    row: int,
    time: int,
    over: int,
    under: int,
    gap: bool,  # noqa: FBT001
    steps: Records,
    many: int,
) -> int:
    """Let the reading's value start, restart, cancel or skip delays."""
    at_once = 0
    for slot in range(SLOTS):
        rises = phase[point, slot] == CLEAR and (over >> slot) & 1
        if rises and on_delay[row, slot] == 0:
            at_once |= 1 << slot
    for side in range(2):
        was = top_of(phase, point, side)
        at = 0
        for slot in range(BEGINS[side], ENDS[side]):
            now = new = phase[point, slot]
            is_over, is_under = (over >> slot) & 1, (under >> slot) & 1
            restarts = False
            if now == CLEAR and is_over:
                new = PEND_ON
            elif now == ACTIVE and is_under:
                new = PEND_OFF if off_delay[row, slot] else CLEAR
            elif now == PEND_ON:
                new = CLEAR if is_under else PEND_ON
                restarts = gap and not is_under
            elif now == PEND_OFF:
                new = ACTIVE if is_over else PEND_OFF
                restarts = gap and not is_over
            if (at_once >> slot) & 1 or (at_once & _OUTSIDE[slot] and new == PEND_ON):
                new = ACTIVE
            if new != now or restarts:
                # A phase begins after the one it follows, though a tick may have confirmed ahead
                # of this time.
                onset = max(time, t0[point, slot] + 1)
                phase[point, slot], t0[point, slot] = new, onset
                if new != now:
                    at = max(at, onset)
        many = _note(phase, point, side, was, at, VALUE, steps, many)
    return many


@kernel
def _hold(
    phase: Phases,
    t0: Onsets,
    point: int,
    tier: NDArray[np.int8],
    row: int,
    at: int,
    steps: Records,
    many: int,
) -> int:
    for side in range(2):
        was = top_of(phase, point, side)
        urgent = 0
        for slot in range(BEGINS[side], ENDS[side]):
            rises = phase[point, slot] == PEND_ON and tier[row, slot] >= _URGENT
            urgent |= rises << slot
        for slot in range(BEGINS[side], ENDS[side]):
            rises = phase[point, slot] == PEND_ON and (
                (urgent >> slot) & 1 or urgent & _OUTSIDE[slot]
            )
            if rises or phase[point, slot] == PEND_OFF:
                phase[point, slot] = ACTIVE
                t0[point, slot] = max(t0[point, slot], at)
        many = _note(phase, point, side, was, at, LOST, steps, many)
    return many


@kernel
def top_of(phase: Phases, point: int, side: int) -> int:
    """Return the outermost active level of a side, NONE where there is none."""
    top = NONE
    for slot in range(BEGINS[side], ENDS[side]):
        if phase[point, slot] >= ACTIVE:
            top = slot
    return top


@kernel
def _note(
    phase: Phases,
    point: int,
    side: int,
    was: int,
    at: int,
    cause: int,
    steps: Records,
    many: int,
) -> int:
    """Write a step down where the side's top level is another than it `was`."""
    top = top_of(phase, point, side)
    if top == was:
        return many
    step = steps[many]
    step["row"], step["side"], step["was"], step["top"] = point, side, was, top
    step["cause"], step["at"] = cause, at
    return many + 1
