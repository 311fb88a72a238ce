"""What a dying or doctored sensor looks like from its own readings alone, one loop over readings.

The tests are those of the IOOS QARTOD manuals (flat line, spike, attenuated signal), made aware of
time and of each point's own habits: how long it stands still, how much it trembles, how far it
jumps. Noise is the bend |step - step before|, so that a steep trend is no noise, and it counts only
where it is wider than the grain, the smallest step ever seen; a signal whose noise the instrument
does not resolve may stand still for as long as its process does.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.sensor_standing import (
    CLIPPED,
    FLAT,
    NOISE,
    OWN,
    RECOVERED,
    SATURATED,
    SPIKE,
    say,
    turn,
    unjudged,
)
from alarms.lines import PACE, fetch
from alarms.readings import Instants, Values

MEMORY: Final = np.dtype(
    [
        ("time", "i8"),
        ("value", "f8"),
        ("first", "u4"),
        ("stood", "u4"),
        ("step", "f4"),
        ("grain", "f4"),
        ("usual", "f4"),
        ("short", "f4"),
        ("turns", "f4"),
        ("pause", "f4"),
        ("wild", "f4"),
        ("ceiling", "f4"),
        ("pressed", "f4"),
        ("cliff_from", "f4"),
        ("cliff_to", "f4"),
        ("failed", "u4"),
        ("calibrating", "u4"),
        ("cliff", "u1"),
        ("known", "u1"),
        ("seen", "u2"),
    ]
)
"""What is remembered of a sensor, 80 bytes, free of rules; all zero: nothing seen.

`time` in Micros, `first` in seconds, `stood` (unchanged for) in milliseconds, `pause` (the longest
usual standing still) in seconds. `usual` and `short` are the learned and the recent mean bend,
`turns` the mean size of reversals, `wild` the largest usual jump out and back. `pressed` is the
share of recent readings at `ceiling`, on the side of the point's limits. `cliff` counts readings
that stay where one sudden step has led. `known` since a break: 0 nothing, 1 a value, 2 a step.
`failed` and `calibrating` are when a run of such readings began, rounded up to a second, 0: none.
"""
BOUNDS: Final = np.dtype(
    [
        ("roof", "f8"),
        ("floor", "f8"),
        ("side", "f4"),
        ("margin", "f4"),
        ("low", "f4"),
        ("high", "f4"),
        ("hold", "f4"),
        ("learn", "f4"),
        ("gap", "f4"),
        ("traits", "u4"),
    ]
)
"""The rules of a sensor, 48 bytes: innermost limits (infinite: none), times in seconds.

`side` is 1 where a doctored value would be kept under `roof`, -1 above `floor`, `margin` how close
to it. At `low` and `high` and beyond, a value is at rest or at the end of the range. `hold` is the
shortest standing still that counts, `gap` the longest silence that a step may span.
"""
INERT: Final = 1
"""Trait: the quantity cannot jump, so a sudden return from beyond a limit is the sensor's."""
RESTLESS: Final = 2
"""Trait: the process itself may tremble any time, as a cloud of gas does."""
RESTS: Final = 4
"""Trait: nought is where the process rests."""
STIRRED: Final = 8
"""Trait: most of the noise is the process's own and ends with it, as a flow's does."""
TOP: Final = 16
"""Trait: nothing rests at the upper end of the range."""
BOTTOM: Final = 32
"""Trait: nothing rests at the lower end of the range."""
SWITCH: Final = 64
"""Trait: what it shows is a state; only what it says of itself counts."""

FINDING: Final = np.dtype(
    [
        ("place", "i4"),
        ("slot", "i4"),
        ("born", "u1"),
        ("died", "u1"),
        ("stood", "f4"),
        ("pause", "f4"),
        ("usual", "f4"),
        ("short", "f4"),
        ("peak", "f4"),
        ("before", "f4"),
        ("after", "f4"),
        ("pressed", "f4"),
        ("ceiling", "f4"),
    ]
)
"""A reading by which the standing of a sensor changed, with what was seen there."""

LEARN: Final = 200
"""Readings after which habits are known."""
LONGER: Final = 4.0
"""Times the longest usual standing still that make a flat line."""
JUMP: Final = 5.0
"""Usual bends (ten sigma of white noise) that make a jump; 2.5 usual jumps at the least."""
VANISHED: Final = 1 / 16
GROWN: Final = 8.0
CLIP: Final = 0.35
STAYS: Final = 6
"""Readings that must stay where a cliff led."""
SPIKE_S: Final = 60.0
CLIFF_S: Final = 30.0
"""Longest spacing at which a spike, and a cliff, is no doing of the process."""

_BRIEF: Final = 1 / 32
_DAY_S: Final = 86_400.0
_WEEK_S: Final = 7 * 86_400.0
_MOST: Final = 65_535
_LAST: Final = MEMORY.itemsize - 1
_LONGEST_MS: Final = 4_000_000_000


@kernel
def walk(
    memory: NDArray[np.void],
    bounds: NDArray[np.void],
    bound_of: NDArray[np.int32],
    raised: NDArray[np.uint8],
    quiet: NDArray[np.int64],
    slots: NDArray[np.int32],
    time: Instants,
    value: Values,
    findings: NDArray[np.void],
) -> int:
    """Learn from readings in order of receipt and judge them; return the number of findings.

    A sensor's rules are `bounds[bound_of[slot]]`. `memory`, `raised` (bits of standing alarms,
    shape (k,)) and `quiet` (since when each behaves, shape (k, COUNT), Micros, 0: it does not)
    change in place: the engine adopts what follows or is built anew. A slot of -1 is passed over;
    NaN is a reading under calibration, which breaks the signal, infinity one that holds alarms:
    neither teaches anything. A reading makes two findings at most. With no room in `findings` it
    only learns (replay).
    """
    count = 0
    tell = len(findings) > 0
    for i in range(len(slots)):
        if i + 2 * PACE < len(slots):
            s = slots[i + 2 * PACE]
            fetch(memory, s, 0)
            fetch(memory, s, _LAST)
            fetch(bound_of, s, 0)
            fetch(raised, s, 0)
        if i + PACE < len(slots) and slots[i + PACE] >= 0:
            fetch(bounds, bound_of[slots[i + PACE]], 0)
        s = slots[i]
        if s < 0:
            continue
        m = memory[s]
        x = value[i]
        t = time[i]
        if x != x or x == np.inf:
            strange = unjudged(m, x, t)
            if tell and (strange | raised[s]) & OWN:
                count = say(m, raised, quiet, findings, count, i, s, t, strange)
            continue
        if m["failed"] | m["calibrating"]:
            m["failed"] = 0
            m["calibrating"] = 0
        if tell and raised[s] & OWN:
            count = say(m, raised, quiet, findings, count, i, s, t, 0)
        b = bounds[bound_of[s]]
        traits = np.int64(b["traits"])
        if traits & SWITCH:
            continue
        dt = (t - m["time"]) * 1e-6
        last = m["value"]
        seen = np.int64(m["seen"])
        known = np.int64(m["known"])
        m["time"] = t
        m["value"] = x
        if known == 0 or dt > np.float64(b["gap"]):
            m["known"] = 1
            m["stood"] = 0
            m["cliff"] = 0
            if seen == 0:
                m["first"] = t // 1_000_000
                m["seen"] = 1
            continue
        step = x - last
        size = abs(step)
        moved = size > 1e-9 * abs(x)
        prior = np.float64(m["step"])
        grain = np.float64(m["grain"])
        if moved and (grain == 0.0 or size < grain):
            grain = size
            m["grain"] = grain
        usual: float = np.float64(m["usual"])
        short: float = np.float64(m["short"])
        wild: float = np.float64(m["wild"])
        turns: float = np.float64(m["turns"])
        age = t * 1e-6 - np.float64(m["first"])
        learned = seen >= LEARN and age >= np.float64(b["learn"])
        m["step"] = step
        m["known"] = 2
        m["seen"] = min(seen + 1, _MOST)

        # How long it stands, and how long it is used to stand.
        pause: float = np.float64(m["pause"]) * (1.0 - min(dt / _WEEK_S, 1.0))
        allowed = max(np.float64(b["hold"]), LONGER * pause)
        stood = np.float64(m["stood"]) * 1e-3 + dt
        stands = stood > pause and learned
        if moved:
            if learned and stood > allowed:
                pause += (stood - pause) / 16.0
            else:
                pause = max(pause, stood)
            stood = 0.0
        m["pause"] = pause
        m["stood"] = np.int64(min(stood * 1e3, _LONGEST_MS))

        lowest = x <= np.float64(b["low"])
        highest = x >= np.float64(b["high"])
        resting = lowest or highest or (x == 0.0 and traits & RESTS != 0)

        # How much it trembles: a signal at an end of its range, or one that stands too long, says
        # nothing of that, and what is already strange becomes usual slowly.
        peak = 0.0
        if known == 2 and not stands and not resting:
            scale = max(usual, grain)
            bend = abs(step - prior)
            if seen >= LEARN // 4:
                bend = min(bend, 10.0 * scale)
            gain = max(1.0 / (seen + 1.0), min(dt / _DAY_S, 0.02))
            short += max(_BRIEF, 1.0 / (seen + 1.0)) * (bend - short)
            if seen >= LEARN:
                bend = min(bend, 3.0 * scale)
            back = 0.0
            if step * prior < 0.0:
                peak = min(size, abs(prior))
                back = min(peak, 3.0 * scale)
            elif moved and prior == 0.0:
                back = min(size, grain) / 2.0
            if learned:
                gain *= 0.25 if short > 4.0 * usual or short < 0.25 * usual else 1.0
            usual += gain * (bend - usual)
            turns += gain * (back - turns)
            m["usual"] = usual
            m["short"] = short
            m["turns"] = turns

        # How far it jumps out and back, and where it stays after one sudden step.
        bar = JUMP * usual + 2.0 * grain
        wild *= 1.0 - min(dt / _WEEK_S, 1.0)
        high_bar = max(bar, 2.5 * wild)
        spiked = bool(learned and dt <= SPIKE_S and peak > high_bar)
        if peak > wild:
            wild = wild + (peak - wild) / 4.0 if learned and peak > high_bar else peak
        m["wild"] = wild
        cliff = int(m["cliff"])
        before: float = np.float64(m["cliff_from"])
        after: float = np.float64(m["cliff_to"])
        if cliff > 0 and abs(x - after) <= 0.05 * abs(before - after) + 3.0 * usual + grain:
            cliff += 1
        else:
            cliff = 0
            if learned and size > high_bar and 3.0 * abs(prior) < size and dt <= CLIFF_S:
                cliff = 1
                before = last
                after = x
                m["cliff_from"] = last
                m["cliff_to"] = x
        stayed = cliff >= STAYS
        m["cliff"] = 0 if stayed else cliff

        # How many of the recent readings are pressed against one ceiling.
        side = np.float64(b["side"])
        y = np.float64(np.float32(side * x))
        ceiling: float = np.float64(m["ceiling"])
        pressed: float = np.float64(m["pressed"])
        tolerance = grain / 2.0
        if y > ceiling + tolerance or pressed < 0.02:
            ceiling = y
            pressed = _BRIEF
        elif y >= ceiling - tolerance:
            pressed += _BRIEF * (1.0 - pressed)
        else:
            pressed -= _BRIEF * pressed
        m["ceiling"] = ceiling
        m["pressed"] = pressed

        if not tell:
            continue
        had = int(raised[s]) & ~OWN
        suspect = (highest and traits & TOP != 0) or (lowest and traits & BOTTOM != 0)
        saturated = suspect and (stood >= np.float64(b["hold"]) or had & SATURATED != 0)
        if not learned and had == 0 and not saturated:
            continue
        resolved = turns >= 0.25 * grain and grain > 0.0
        noisy = usual >= 1.5 * grain and grain > 0.0
        strange = SATURATED if saturated else 0
        if stood > 0.0 and resolved and not resting:
            least = max(1.5 * pause, allowed / 8.0) if had & FLAT else allowed
            if stood > least:
                strange |= FLAT
        # A cloud of gas is as gusty as it is thick.
        if spiked and (traits & RESTLESS == 0 or (peak > 0.5 * abs(x) and x < b["roof"])):
            strange |= SPIKE
        if noisy and traits & STIRRED == 0:
            # Near an end of its range, or near nought, noise is cut off by the instrument.
            free = (
                x - 3.0 * usual > np.float64(b["low"])
                and x + 3.0 * usual < np.float64(b["high"])
                and (abs(x) > 3.0 * usual or traits & RESTS == 0)
            )
            if had & NOISE:
                calm = free and short < usual / 4.0
                loud = short > usual * GROWN / 2.0
            else:
                calm = moved and free and short < usual * VANISHED
                loud = moved and short > usual * GROWN
            if calm or (loud and traits & RESTLESS == 0):
                strange |= NOISE
        limit = np.float64(b["roof"]) if side > 0.0 else -np.float64(b["floor"])
        if usual >= 3.0 * grain and ceiling < limit and ceiling >= limit - np.float64(b["margin"]):
            least = CLIP / 2.0 if had & CLIPPED else CLIP
            if pressed >= least and pressed <= 0.95:
                strange |= CLIPPED
        if had & RECOVERED:
            if noisy and short < usual / 4.0:
                strange |= RECOVERED
        elif stayed and traits & INERT:
            roof = b["roof"]
            floor = b["floor"]
            slack = 1e-6 * abs(before)
            if (before + slack >= roof and after < roof) or (
                before - slack <= floor and after > floor
            ):
                strange |= RECOVERED
        born = strange & ~had
        if not learned:
            born &= SATURATED
        if had == 0 and born == 0:
            continue
        died, turned = turn(raised, quiet, s, t, strange, born, ~OWN, allowed / 4.0)
        if turned:
            f = findings[count]
            f["place"] = i
            f["slot"] = s
            f["born"] = born
            f["died"] = died
            f["stood"] = stood
            f["pause"] = pause
            f["usual"] = usual
            f["short"] = short
            f["peak"] = peak
            f["before"] = before
            f["after"] = after
            f["pressed"] = pressed
            f["ceiling"] = side * ceiling
            count += 1
    return count


def fresh(sensors: int) -> NDArray[Any]:
    """Return the memory of so many sensors of which nothing has been seen."""
    return np.zeros(sensors, MEMORY)
