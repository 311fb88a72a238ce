"""The forecast detector: when a point will reach its limits, as far as its trends tell.

A limit is forecast where, in one window of the ladder at least, the slope is significant, the
straight line and the newest half both reach the limit within the horizon, the trend carries the
point much farther than it goes of itself, and neither the newest quarter nor a shorter window says
that the rise has stopped (alarms.md 4.2). One configuration serves every point.
"""

from typing import Final

import numpy as np

from alarms.alarm import Tier
from alarms.compiled import kernel
from alarms.detectors.crossings import HIGH_S, LOW_S, chance, deviate, interval
from alarms.detectors.forecast_tasks import Aims, Floats, Tasks, stands
from alarms.detectors.trend_columns import (
    HALVES,
    LEARN,
    LEVELS,
    SECOND,
    SWINGS,
    WINDOWS_S,
    Heads,
    Rungs,
    passed,
)
from alarms.detectors.trend_lines import (
    AHEAD,
    CROSS,
    DESK,
    FARTHEST_S,
    FREEDOM,
    HALF_CROSS,
    HALF_LEVEL,
    HALF_LEVEL_VAR,
    HALF_SLOPE,
    HALF_SLOPE_VAR,
    LEAST_SPAN,
    LEVEL,
    LEVEL_VAR,
    NEAR,
    QUARTER_SLOPE,
    QUARTER_SLOPE_VAR,
    SLOPE,
    SLOPE_VAR,
    SPAN,
    TRENDS,
    UNKNOWN,
    ask,
    near,
)
from alarms.rules import HIGH, SLOTS

EVERY: Final = 10 * SECOND
"""A point is judged at most once in this much event time (Micros): its clock's own intervals."""
_OFTEN: Final = 2
_SELDOM_US: Final = (4 * SECOND) << _OFTEN
"""The first windows are looked at whenever a point is judged; the next one once in this time."""
RISE_Z: Final = np.array([4.4, 4.0, 3.3, 2.8, 2.9] + [3.6] * (LEVELS - 5))
"""How sure of its slope a window must be, as a normal deviate.

Short windows have their chance more often, and the memory of the noise hides from them. 2.8 at
7 minutes is what a slow rise that must be told in its fifth minute allows.
"""
_DOUBT: Final = 0.25
"""So much surer must it be for each reading that a new point is short of LEARN."""
HALF_Z: Final = 1.0
HALF_SHARE: Final = 0.4
"""The newest half must go on at this share of the whole window's slope at least."""
_STOPPED_Z: Final = -3.5
"""Where the newest quarter falls short by so much in the same fit, the trend is over."""
_GOES_ON: Final = 0.8
_OVER_Z: Final = -1.7
_DOUBTFUL_Z: Final = -1.4
"""A shorter window must go on at this share of the trend. Where it falls short by so much, the
trend is over; by so much, it raises nothing, so that what was withdrawn does not come back at once.
"""
_KNOWN: Final = 24.0
"""Halves of a window that must have passed before what a point does of itself counts in full.

Of a younger point the beginning of the trend itself is most of what is known.
"""
_OWN: Final = 4.0
"""So many times as far as it usually departs from its course must a trend carry a point."""
_BEYOND: Final = 0.1
_BEFORE: Final = 0.5
"""A cycle is left behind by this share of its height, or of what is left to the limit."""
_BENT_Z: Final = 2.0
"""From this difference on the newest half's slope gives the time, not the whole's."""
RECEDE: Final = 1.5
"""A tier is kept until the limit is this much farther away than the tier's bound."""
MISSES: Final = 3
"""Judgements in a row that must say less than what stands before its tier falls, or it goes."""
_BLUR: Final = 2.0
"""A window whose interval is so many times as wide as another's does not speak first."""
_KEEP: Final = 0.6
_REACH: Final = 1.7
_SHARP: Final = 4.0
_REACH_KEPT: Final = 2.5
_SHARP_KEPT: Final = 0.8
"""How far the plain line is followed, and how sure of it one must be, before a closer look."""
_FIRST_HIGH: Final = HIGH.start
_BLUE: Final = int(Tier.blue)
_YELLOW: Final = int(Tier.yellow)
_ORANGE: Final = int(Tier.orange)

ETA_S, LATER_S, CHANCE, RATE, WINDOW_S, MARK, BLUR, BENT = 0, *range(3, 10)
SAID: Final = 10
"""What is said of a limit, by place.

`ETA_S` is the time left from the point's newest reading, `LOW_S` and `HIGH_S` bound it with
probability COVER, `LATER_S` is the later of what the whole window and its newest half say: tiers
go by that. `CHANCE` is the probability of reaching the limit within the window's horizon,
`WINDOW_S` the length of the window that tells, `RATE` its slope in unit/s.
"""
SILENT, WEAK, STRONG = range(3)
"""MARK: STRONG may raise a forecast, WEAK keeps one."""
EVERYTHING: Final = (1 << LEVELS) - 1


def room() -> tuple[Floats, Floats, Floats]:
    """Return what `look` works in: desk, what each window says, and what is said of each limit."""
    return np.zeros(DESK), np.zeros((LEVELS, SLOTS, SAID)), np.zeros((SLOTS, SAID))


@kernel
def news(before: int, now: int) -> int:
    """Return the windows to be looked at with a reading at `now` after one at `before`, as bits.

    None but once in EVERY; a longer window once in the width of its buckets: the first
    reading in each such interval of the clock, so that nothing need be remembered for it.
    """
    if now // EVERY == before // EVERY:
        return 0
    found = (1 << _OFTEN) - 1
    this, last = now // _SELDOM_US, before // _SELDOM_US
    for window in range(_OFTEN, LEVELS):
        if this == last:
            break
        found |= 1 << window
        this >>= 1
        last >>= 1
    return found


@kernel
def look(
    heads: Heads,
    rungs: Rungs,
    aims: Aims,
    tasks: Tasks,
    row: int,
    windows: int,
    desk: Floats,
    each: Floats,
    said: Floats,
) -> int:
    """Write what these windows of a point lead to into `said`, shape (SLOTS, SAID).

    While no forecast stands, windows that do not stir (trend_lines.stirs) need no look. Return
    NEAR where anything is said, UNKNOWN where every window holds too little. A limit that has its
    alarm, or lies behind the newest reading, is not spoken of.
    """
    head, task = heads[row], tasks[row]
    aim = aims[task["aim"]]
    count = head["count"]
    if count < LEARN // 2:
        return UNKNOWN
    doubt = max(LEARN - count, 0) * _DOUBT
    origin, x = np.float64(head["origin"]), np.float64(head["last"])
    low, high = -np.inf, np.inf
    for slot in range(SLOTS):
        limit = aim["on"][slot]
        if slot < _FIRST_HIGH:
            limit = -limit - origin
            if limit < x:
                low = max(low, limit)
        else:
            limit -= origin
            if limit > x:
                high = min(high, limit)
    if low == -np.inf and high == np.inf:
        return UNKNOWN
    reach, sharp = (_REACH_KEPT, _SHARP_KEPT) if stands(task) else (_REACH, _SHARP)
    answer = UNKNOWN
    found = 0
    desk[TRENDS:, SPAN] = np.nan
    for window in range(LEVELS):
        if (windows >> window) & 1 == 0:
            continue
        nears = near(heads, rungs, row, window, low, high, reach, sharp)
        answer = max(answer, min(nears, NEAR - 1))
        if nears != NEAR:
            continue
        ask(heads, rungs, row, window, desk)
        trend = desk[TRENDS + window]
        if not _leads(trend, window):
            continue
        shortfall = _shortfall(heads, rungs, row, window, desk, trend)
        if shortfall < _OVER_Z:
            continue
        is_doubtful = shortfall < _DOUBTFUL_Z
        usual = np.float64(head["swing"][min(window, SWINGS - 1)])
        for slot in range(SLOTS):
            line = each[window, slot]
            _weigh(task, aim, slot, window, trend, origin + x, doubt, usual, line)
            if line[MARK] == STRONG and (
                is_doubtful or _habitual(head, slot, aim["on"][slot], trend)
            ):
                line[MARK] = WEAK
        found |= 1 << window
    if found == 0:
        return answer
    for slot in range(SLOTS):
        if _best(each, slot, found, said[slot]):
            answer = NEAR
    return answer


@kernel
def step(
    task: np.void,
    aim: np.void,
    slot: int,
    line: Floats,
    known: bool,  # noqa: FBT001
    over: bool,  # noqa: FBT001
) -> None:
    """Move the forecast that stands for a limit by one judgement, in place.

    One raises at once and its tier rises at once. After MISSES judgements in a row that say less,
    the tier falls to what the last of them says; without even a weak sign of the trend in it the
    forecast is withdrawn. Where nothing is `known`, or the value is `over` the limit and its alarm
    still waits, it is held.
    """
    was = task["tier"][slot]
    mark = line[MARK]
    tier = 0
    if mark == STRONG or (mark == WEAK and was > 0):
        tier = _BLUE
        if line[LATER_S] <= aim["yellow_s"] * (RECEDE if was >= _YELLOW else 1.0):
            tier = _YELLOW
        slack = RECEDE if was >= _ORANGE else 1.0
        if line[LATER_S] <= aim["orange_s"] * slack or line[ETA_S] <= aim["response_s"] * slack:
            tier = _ORANGE
    if tier >= was:
        task["tier"][slot] = tier
        task["misses"][slot] = 0
    elif tier > 0 or (known and not over):
        misses = task["misses"][slot] + 1
        if misses >= MISSES:
            task["tier"][slot] = tier
            misses = 0
        task["misses"][slot] = misses


@kernel
def _leads(trend: Floats, window: int) -> bool:
    """Tell whether a trend may lead anywhere: a slope, and a newest half that keeps up with it."""
    slope, size = trend[SLOPE], abs(trend[SLOPE])
    if trend[SPAN] < LEAST_SPAN * WINDOWS_S[window] or trend[FREEDOM] < 2:
        return False
    if deviate(size, trend[SLOPE_VAR], trend[FREEDOM]) < _KEEP * RISE_Z[window]:
        return False
    half = trend[HALF_SLOPE] if slope > 0 else -trend[HALF_SLOPE]
    return bool(half >= _KEEP * HALF_SHARE * size)


@kernel
def _shortfall(
    heads: Heads, rungs: Rungs, row: int, window: int, desk: Floats, trend: Floats
) -> float:
    """Return how far the newest part falls short of a trend, as a normal deviate; 0: it does not.

    The newest quarter is asked by its slope in the same fit and, where the ladder has them, the
    windows a quarter as long and shorter are asked themselves. A step that is long past looks like
    a slow trend to a long window, and they deny it. What the point does of itself in as much time
    is no denial: its mean square, as far as it is known, adds to the variance of their slope.
    """
    way, size = (1.0 if trend[SLOPE] > 0 else -1.0), abs(trend[SLOPE])
    short = way * trend[QUARTER_SLOPE] - size
    if deviate(short, trend[QUARTER_SLOPE_VAR], trend[FREEDOM]) < _STOPPED_Z:
        return -np.inf
    claimed = _GOES_ON * max(size, way * trend[HALF_SLOPE])
    head = heads[row]
    most = 0.0
    for shorter in range(max(window - 5, 0), window - 1):
        ask(heads, rungs, row, shorter, desk)
        newest = desk[TRENDS + shorter]
        if newest[FREEDOM] < 2 or newest[SPAN] < LEAST_SPAN * WINDOWS_S[shorter]:
            continue
        scale = min(shorter, SWINGS - 1)
        known = min(passed(head, scale + HALVES) / _KNOWN, 1.0)
        own = np.float64(head["swing"][scale]) * known * known
        var = newest[SLOPE_VAR] + own / (0.5 * newest[SPAN]) ** 2
        most = min(most, deviate(way * newest[SLOPE] - claimed, var, newest[FREEDOM]))
    return most


@kernel
def _weigh(
    task: np.void,
    aim: np.void,
    slot: int,
    window: int,
    trend: Floats,
    value: float,
    doubt: float,
    usual: float,
    line: Floats,
) -> None:
    """Write down what a window says of one limit."""
    line[MARK] = SILENT
    on = aim["on"][slot]
    sign = -1.0 if slot < _FIRST_HIGH else 1.0
    side = 0 if slot < _FIRST_HIGH else 1
    if on == np.inf or slot < task["reached"][side] or sign * value >= on:
        return
    rate, half_rate = sign * trend[SLOPE], sign * trend[HALF_SLOPE]
    if rate <= 0 or half_rate <= 0 or rate * trend[SPAN] < aim["deadband"]:
        return
    gap, half_gap = on - sign * trend[LEVEL], on - sign * trend[HALF_LEVEL]
    line_s, half_s = max(gap / rate, 0.0), max(half_gap / half_rate, 0.0)
    later = max(line_s, half_s)
    horizon = min(AHEAD * trend[SPAN], FARTHEST_S)
    if later > horizon / _KEEP:
        return
    line[MARK] = WEAK
    freedom = trend[FREEDOM]
    if (
        later <= horizon
        and half_rate >= HALF_SHARE * rate
        and deviate(rate, trend[SLOPE_VAR], freedom) >= RISE_Z[window] + doubt
        and (0.5 * rate * trend[SPAN]) ** 2 >= _OWN * _OWN * usual
        and deviate(half_rate, trend[HALF_SLOPE_VAR], freedom) >= HALF_Z
    ):
        line[MARK] = STRONG
    bends = abs(deviate(half_rate - rate, trend[HALF_SLOPE_VAR], freedom)) > _BENT_Z
    line[CHANCE] = chance(gap, rate, trend, horizon)
    line[ETA_S], line[LATER_S] = line_s, later
    line[RATE], line[WINDOW_S] = sign * rate, WINDOWS_S[window]
    line[BENT] = 1.0 if bends else 0.0
    if bends:
        line[ETA_S] = half_s
        interval(
            half_gap,
            half_rate,
            trend[HALF_LEVEL_VAR],
            trend[HALF_SLOPE_VAR],
            trend[HALF_CROSS],
            line,
        )
    else:
        interval(gap, rate, trend[LEVEL_VAR], trend[SLOPE_VAR], trend[CROSS], line)
    line[BLUR] = line[HIGH_S] - line[LOW_S]


@kernel
def _habitual(head: np.void, slot: int, on: float, trend: Floats) -> bool:
    """Tell whether a point is no farther towards a limit than it comes by habit before it turns.

    A cycle that comes near no limit is no forecast, however steep; beyond its crest it is one. A
    straight line runs ahead of a crest, the newest reading may lie off the line: both are asked.
    """
    sign = -1.0 if slot < _FIRST_HIGH else 1.0
    crest, trough = np.float64(head["crest"]), np.float64(head["trough"])
    turns = sign * (head["origin"] + (crest if sign > 0 else trough))
    if turns >= on:
        return False
    beyond = min(_BEYOND * (crest - trough), _BEFORE * (on - turns))
    value = sign * (head["origin"] + np.float64(head["last"]))
    return bool(min(sign * trend[LEVEL], value) <= turns + beyond)


@kernel
def _best(each: Floats, slot: int, found: int, said: Floats) -> bool:
    """Let the best of the windows speak: the longest that is straight and not vaguer than another.

    What is strong speaks before what is weak.
    """
    least = np.inf
    for window in range(LEVELS):
        if (found >> window) & 1 and each[window, slot, MARK] != SILENT:
            least = min(least, each[window, slot, BLUR])
    best, most = -1, 0.0
    for window in range(LEVELS):
        if (found >> window) & 1 == 0 or each[window, slot, MARK] == SILENT:
            continue
        line = each[window, slot]
        trusted = line[BENT] == 0.0 and line[BLUR] <= _BLUR * least
        rank = line[MARK] * 4 * LEVELS + window + (LEVELS if trusted else 0)
        if rank > most:
            best, most = window, rank
    said[MARK] = SILENT
    if best < 0:
        return False
    for place in range(SAID):
        said[place] = each[best, slot, place]
    return True
