"""The deviation detector: a point against its own past, whatever its limits say.

A point remembers its level, the level of each hour of the day, its usual step, short and longer
means of what is left, and how restless it is; all forget slowly. Each of those views gives a
departure in units of its own usual size, and of each departure only the tail is kept: the departure
passed by 3 % of readings and how fast rarer ones thin out (a Pareto tail, fitted as Hill 1975 does,
one reading at a time). So every view states how rare the present reading is, -log10 p, and the
score is a power mean over the views: one view that is very surprised counts, several mildly
surprised ones together do too. What was learned from few readings is believed less: the score is
multiplied by n / (n + DOUBT), n being the readings known.

Readings are walked one by one in order of receipt and a point's memory changes in place. Memory
follows from readings alone; what depends on rules stands beside it (`STANDING`).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.readings import Instants, Rows, Values

VIEWS: Final = (
    "value",
    "value_for_the_hour",
    "step",
    "short_mean",
    "long_mean",
    "short_mean_for_the_hour",
    "noise_grown_short",
    "noise_grown_long",
    "noise_vanished_short",
    "noise_vanished_long",
)
"""What a departure is seen in, in the order of the tails."""
BAR: Final = 5.8
"""Score from which a deviation raises."""
DOUBT: Final = 300.0
"""Readings after which half of a score is believed."""
REST: Final = 120
"""Readings an alarm stands at least; what follows the first surprise belongs to it."""
QUIET: Final = 60
"""Readings under the bar after which a rested alarm returns."""
RENEW: Final = 15
"""While an alarm stands, its quiet begins anew at most this often, so that few rows are written."""
SPACING: Final = 10_000_000
"""A point learns and is judged once in each such interval of its event clock, Micros."""
NONE, RAISED, RETURNED, KEPT = range(4)
"""What a reading did to an alarm; KEPT: it stands, and its standing is to be written again."""

_SLOW: Final = 1 / 1500
_TAIL: Final = 0.03
_HOURLY: Final = 1 / 120
_BRIEF: Final = 1 / 5
_LONGER: Final = 1 / 48
_BRIEF_NOISE: Final = 1 / 8
_CLIP: Final = 10.0
_THICK: Final = 3.0
_THIN: Final = 0.02
_FLOOR: Final = 1e-3
_SETTLED: Final = 30
_LEARN_HOURS: Final = 300
_HOUR: Final = 3_600_000_000
_HOURS: Final = 24
_FAR: Final = 4096.0
"""Spreads between a point's level and the origin of its hours: beyond, the origin moves."""
_AHEAD: Final = 16
"""Readings whose memories are fetched together."""
_LARGEST: Final = 1e30
_MEANS: Final = 3
_LN10: Final = math.log(10.0)
_TAIL_RARITY: Final = -math.log10(_TAIL)
_TAIL_ROOT: Final = math.sqrt(_TAIL)
_COUNT: Final = len(VIEWS)

MEMORY: Final = np.dtype(
    [
        ("time", np.int64),
        ("level", np.float64),
        ("last", np.float64),
        ("origin", np.float64),
        ("seen", np.int32),
        ("spread", np.float32),
        ("spread_for_the_hour", np.float32),
        ("step", np.float32),
        ("mean", np.float32, (_MEANS,)),
        ("mean_spread", np.float32, (_MEANS,)),
        ("restless", np.float32, (2,)),
        ("noise", np.float32, (2,)),
        ("noise_spread", np.float32, (2,)),
        ("begins", np.float32, (_COUNT,)),
        ("thins", np.float32, (_COUNT,)),
        ("hours", np.float32, (_HOURS,)),
        ("visits", np.uint8, (_HOURS,)),
    ]
)
"""What is remembered of a point, in its unit; it follows from its readings alone.

`time` (Micros) is that of the newest reading taken in, `seen` how many were. `hours` are levels
less `origin`. `begins` and `thins` are the tails, in logarithms of usual sizes.
"""
RULES: Final = np.dtype([("bridge", np.int64), ("deadband", np.float64), ("learn", np.int32)])
"""A point's rules: the longest gap, Micros, across which a step means anything; the smallest
departure that may raise, in its unit; the readings it is silent for."""
STANDING: Final = np.dtype(
    [("active", np.bool_), ("since", np.int32), ("mark", np.int32), ("height", np.float32)]
)
"""Where a point's alarm stands: `since` and `mark` count readings seen at the raise and when its
quiet last began, `height` is the score at the raise."""
SAID: Final = np.dtype(
    [
        ("change", np.int8),
        ("view", np.int8),
        ("score", np.float64),
        ("amount", np.float64),
        ("expected", np.float64),
        ("usual", np.float64),
    ]
)
"""What a reading did; `view` (of VIEWS), `amount`, `expected`, `usual` are told where it raised."""

Records = NDArray[np.void]
"""An array of one of the types above."""


def fresh(points: int) -> Records:
    """Return the memory of so many points of which nothing has been seen."""
    memory = np.zeros(points, MEMORY)
    memory["thins"] = 0.3
    return memory


@kernel
def learn(memory: Records, place: Rows, time: Instants, value: Values, rules: Records) -> None:
    """Take readings in, in order of receipt, without judging: memory ends as `judge` leaves it.

    `place`, `time` (Micros) and `value` have one entry a reading; `memory` and `rules` one a place.
    """
    rarity = np.empty(_COUNT)
    for i in range(len(place)):
        m = memory[place[i]]
        if _is_due(m, time[i], value[i]):
            _take_in(m, time[i], value[i], rules[place[i]]["bridge"], rarity)


@kernel
def judge(
    memory: Records,
    place: Rows,
    time: Instants,
    value: Values,
    rules: Records,
    standing: Records,
    bar: float,
    said: Records,
) -> None:
    """Judge readings in order of receipt; `memory` and `standing` change in place.

    Whoever proposes what follows must adopt it or begin anew from the record. `said`, all zero
    before, has one entry a reading. A value that is not finite is no news.
    """
    rarity = np.empty(_COUNT)
    for i in range(len(place)):
        if i % _AHEAD == 0:
            rarity[0] = _fetch(memory, place[i : i + _AHEAD], rules, standing)
        at = place[i]
        m = memory[at]
        if not _is_due(m, time[i], value[i]):
            continue
        rule = rules[at]
        stands = standing[at]
        out = said[i]
        before = m["last"] if m["seen"] > 0 else value[i]
        departure, total = _take_in(m, time[i], value[i], rule["bridge"], rarity)
        seen = int(m["seen"])
        known = seen > rule["learn"]
        score = 0.0
        if known and total > 0.0 and departure >= rule["deadband"]:
            score = np.cbrt(total * total) * (seen / (seen + DOUBT))
        out["score"] = score
        if not stands["active"]:
            if score >= bar:
                stands["active"] = True
                stands["since"] = seen
                stands["mark"] = seen
                stands["height"] = score
                out["change"] = RAISED
                _tell(m, value[i], abs(value[i] - before), rarity, out)
            continue
        if stands["since"] > seen:
            # The memory is younger than the alarm: it was begun anew.
            stands["since"] = seen
            stands["mark"] = seen
            out["change"] = KEPT
        elif score >= bar:
            if seen - stands["mark"] >= RENEW:
                stands["mark"] = seen
                out["change"] = KEPT
        elif known and seen - stands["since"] >= REST and seen - stands["mark"] >= QUIET:
            stands["active"] = False
            out["change"] = RETURNED


@kernel
def _fetch(memory: Records, place: Rows, rules: Records, standing: Records) -> float:
    """Read a little of every cache line that the next readings need, so that they come together.

    Memories lie far apart and each would be waited for in turn; the sum means nothing.
    """
    total = 0.0
    for at in place:
        m = memory[at]
        total += m["time"] + m["mean_spread"][0] + m["begins"][4] + m["hours"][0]
        total += m["hours"][16] + m["visits"][23] + rules[at]["learn"] + standing[at]["since"]
    return total


@kernel
def _is_due(m: np.void, time: int, value: float) -> bool:
    """Tell whether a reading is news: finite, and the first of its interval of the event clock."""
    if not abs(value) <= _LARGEST:
        return False
    return bool(m["seen"] == 0 or time // SPACING > m["time"] // SPACING)


@kernel
def _take_in(
    m: np.void, time: int, x: float, bridge: int, rarity: NDArray[np.float64]
) -> tuple[float, float]:
    """Let a memory follow a reading; return its departure in the unit and how surprising it is.

    `rarity` takes each view's -log10 p, the second number is the sum of their powers 3/2.
    """
    seen = int(m["seen"])
    if seen == 0:
        m["level"] = x
        m["origin"] = x
        m["last"] = x
    elif time - m["time"] > bridge:
        m["last"] = x
    gain = max(_SLOW, 1.0 / (seen + 1.0))
    settled = seen > _SETTLED
    floor = 1e-9 + _FLOOR * abs(m["level"])
    total = 0.0

    left = x - m["level"]
    spread = np.float64(m["spread"]) + floor
    rarity[0] = _rarity(m, 0, abs(left) / spread, seen)
    mild = min(max(left, -_CLIP * spread), _CLIP * spread) if settled else left
    m["level"] += gain * mild
    m["spread"] += gain * (abs(mild) - np.float64(m["spread"]))

    hour = (time // _HOUR) % _HOURS
    visits = np.float64(m["visits"][hour])
    left_hour = x - (m["origin"] + np.float64(m["hours"][hour])) if visits > 0 else left
    spread_hour = np.float64(m["spread_for_the_hour"]) + floor
    rarity[1] = _rarity(m, 1, abs(left_hour) / spread_hour, seen)
    mild_hour = left_hour
    if seen > _LEARN_HOURS:
        mild_hour = min(max(left_hour, -_CLIP * spread_hour), _CLIP * spread_hour)
    if visits > 0:
        moved = np.float64(m["hours"][hour]) + max(_HOURLY, 1.0 / (visits + 1.0)) * mild_hour
    else:
        moved = x - m["origin"]
    m["hours"][hour] = moved
    if visits < 255:
        m["visits"][hour] += 1
    m["spread_for_the_hour"] += gain * (abs(mild_hour) - np.float64(m["spread_for_the_hour"]))

    step = abs(x - m["last"])
    usual = np.float64(m["step"]) + floor
    rarity[2] = _rarity(m, 2, step / usual, seen)
    m["step"] += gain * ((min(step, _CLIP * usual) if settled else step) - np.float64(m["step"]))
    m["last"] = x

    for j in range(_MEANS):
        part = mild if j < 2 else mild_hour
        share = _LONGER if j == 1 else _BRIEF
        mean = np.float64(m["mean"][j])
        mean += share * (part - mean)
        m["mean"][j] = mean
        wide = np.float64(m["mean_spread"][j])
        rarity[3 + j] = _rarity(m, 3 + j, abs(mean) / (wide + floor), seen)
        m["mean_spread"][j] = wide + gain * (min(abs(mean), _CLIP * (wide + floor)) - wide)

    usual_now = np.float64(m["step"])
    lost = 0.0
    for j in range(2):
        share = _BRIEF_NOISE if j == 0 else _LONGER
        restless = np.float64(m["restless"][j])
        restless += share * (min(step, 10.0 * usual) - restless)
        m["restless"][j] = restless
        lost = max(lost, abs(restless - usual_now))
        ratio = math.log((restless + floor) / (usual_now + floor))
        noise = np.float64(m["noise"][j])
        noise += gain * (ratio - noise)
        m["noise"][j] = noise
        wide = np.float64(m["noise_spread"][j])
        change = (ratio - noise) / (wide + 0.05)
        rarity[6 + j] = _rarity(m, 6 + j, max(change, 0.0), seen)
        rarity[8 + j] = _rarity(m, 8 + j, max(-change, 0.0), seen)
        m["noise_spread"][j] = wide + gain * (min(abs(ratio - noise), _CLIP / 4) - wide)

    for view in range(_COUNT):
        if rarity[view] > 0.0:
            total += rarity[view] * math.sqrt(rarity[view])
    m["time"] = time
    m["seen"] = seen + 1
    if abs(m["level"] - m["origin"]) > _FAR * spread:
        shift = m["level"] - m["origin"]
        for j in range(_HOURS):
            m["hours"][j] = np.float64(m["hours"][j]) - shift
        m["origin"] += shift
    return max(max(abs(left), step), lost), total


@kernel
def _rarity(m: np.void, view: int, size: float, seen: int) -> float:
    """Return -log10 of how rare a view's departure is, 0 outside its tail; let the tail follow."""
    begins = np.float64(m["begins"][view])
    thins = np.float64(m["thins"][view])
    rarity = 0.0
    inside = 0.0
    fall = _THIN + thins
    # log1p(size) <= size / sqrt(1 + size): most readings need no logarithm.
    if begins < 0.0 or size * size > begins * begins * (1.0 + size):
        beyond = math.log1p(size) - begins
        if beyond > 0.0:
            inside = 1.0
            rarity = beyond / fall / _LN10 + _TAIL_RARITY
            if seen > 20:
                fast = max(0.05, 1.0 / (_TAIL * 5 / 3 * seen + 1.0))
                thins += fast * (min(beyond, _THICK * fall) - thins)
                m["thins"][view] = thins
    if seen > 20:
        gain = 1.8 * max(_SLOW, 2.0 / (seen + 1.0)) * (thins + 0.05) / _TAIL_ROOT
        m["begins"][view] = begins + gain * (inside - _TAIL)
    return rarity


@kernel
def _tell(m: np.void, x: float, step: float, rarity: NDArray[np.float64], out: np.void) -> None:
    """Say in which view a raise was seen most, how much, and what had been usual there."""
    view = 0
    for other in range(1, _COUNT):
        if rarity[other] > rarity[view]:
            view = other
    out["view"] = view
    out["expected"] = m["level"]
    out["usual"] = m["spread"]
    out["amount"] = x
    if view == 1:
        hour = (m["time"] // _HOUR) % _HOURS
        out["expected"] = m["origin"] + np.float64(m["hours"][hour])
        out["usual"] = m["spread_for_the_hour"]
    elif view == 2:
        out["amount"] = step
        out["usual"] = m["step"]
    elif view <= 5:
        out["amount"] = m["mean"][view - 3]
        out["usual"] = m["mean_spread"][view - 3]
    else:
        out["amount"] = m["restless"][view % 2]
        out["usual"] = m["step"]
