"""The deviation detector: a point against its own past, whatever its limits say.

A point remembers its level, the level of each hour of the day, its usual step, short and longer
means of what is left, and how restless it is; all forget slowly. Each of those views gives a
departure in units of its own usual size, and of each departure only the tail is kept: the departure
passed by one reading in 36, and how fast rarer ones thin out (a Pareto tail, fitted as Hill 1975
does, one reading at a time). So every view states how rare the present reading is, -log10 p, and
the score is a power mean over the views: one view that is very surprised counts, several mildly
surprised ones together do too.

One bar is to mean one rate of false alarms a day, at every point. So what was learned from few
readings is believed less, by 1 / (1 + sqrt(DOUBT / n)), as the error of a tail learned from n
readings shrinks; a point that reports often must be surprised more (`haste`), a decade of readings
for a decade of rarity; and a point that raises again and again must be surprised more each time,
until it has kept quiet for weeks.

Readings are walked one by one in order of receipt and a point's memory changes in place. Memory
follows from readings alone; what depends on rules stands beside it (`STANDING`).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.deviation_memory import (
    HOURS,
    MEANS,
    MEMORY,
    SPACING,
    VIEWS,
    Records,
)
from alarms.lines import LINE, PACE, begins, fetch
from alarms.readings import Instants, Rows, Values

BAR: Final = 6.5
"""Score from which a deviation raises."""
DOUBT: Final = 250.0
"""Readings after which half of a score is believed."""
REST: Final = 120
"""Readings an alarm stands at least; what follows the first surprise belongs to it."""
QUIET: Final = 60
"""Readings under the bar after which a rested alarm returns."""
RENEW: Final = 15
"""While an alarm stands, its quiet begins anew at most this often, so that few rows are written."""
NONE, RAISED, RETURNED, KEPT = range(4)
"""What a reading did to an alarm; KEPT: it stands, and its standing is to be written again."""

_SLOW: Final = 1 / 1500
_SLOW_TAIL: Final = 1 / 3000
_QUICK_TAIL: Final = 1 / 16
_TAIL: Final = 0.0275
_HOURLY: Final = 1 / 240
_BRIEF: Final = 1 / 4
_LONGER: Final = 1 / 50
_BRIEF_NOISE: Final = 1 / 12
_LONGER_NOISE: Final = 1 / 36
_CLIP: Final = 7.0
_THICK: Final = 1.2
_THIN: Final = 0.02
_FIRST_THINS: Final = 0.3
_FLOOR: Final = 1e-3
_YOUNG: Final = 20
_SETTLED: Final = 30
_LEARN_HOURS: Final = 300
_WEARY: Final = 0.06
_WEARIEST: Final = 3.0
_FREE: Final = 1.0
_FORGIVEN: Final = 30 * 86_400_000_000.0
"""Raises are forgotten with this time constant, Micros; each beyond _FREE raises what is needed by
_WEARY, up to _WEARIEST times."""
_HOUR: Final = 3_600_000_000
_FAR: Final = 4096.0
"""Spreads between a point's level and the origin of its hours: beyond, the origin moves."""
_SEEN, _HOURLY_AT, _VISITS_AT = (begins(MEMORY, name) for name in ("seen", "hours", "visits"))
_LARGEST: Final = 1e30
_LN10: Final = math.log(10.0)
_TAIL_RARITY: Final = -math.log10(_TAIL)
_TAIL_ROOT: Final = math.sqrt(_TAIL)
_COUNT: Final = len(VIEWS)
_WEIGHTS: Final = np.array([1.0, 1.0, 0.5, 1.0, 0.75, 0.5, 0.5, 0.75, 0.5, 1.0])
"""How much each view counts: those that say much the same as another count less."""


def room() -> NDArray[np.float64]:
    """Return what `learn` and `judge` work in: how rare a reading is in each view."""
    return np.empty(_COUNT)


@kernel
def learn(
    memory: Records,
    place: Rows,
    time: Instants,
    value: Values,
    rules: Records,
    rarity: NDArray[np.float64],
) -> None:
    """Take readings in, in order of receipt, without judging: memory ends as `judge` leaves it.

    `place`, `time` (Micros) and `value` have one entry a reading; `memory` and `rules` one a place.
    """
    for i in range(len(place)):
        m = memory[place[i]]
        if _is_due(m, time[i], value[i]):
            rule = rules[place[i]]
            total = _take_in(m, time[i], value[i], rule["bridge"], rarity)[1]
            _score(m, total, rule)


@kernel
def judge(
    memory: Records,
    place: Rows,
    time: Instants,
    value: Values,
    rules: Records,
    standing: Records,
    rarity: NDArray[np.float64],
    said: Records,
) -> None:
    """Judge readings in order of receipt; `memory` and `standing` change in place.

    Whoever proposes what follows must adopt it or begin anew from the record. `said`, all zero
    before, has one entry a reading. A value that is not finite is no news.
    """
    for i in range(len(place)):
        _fetch(memory, place, time, rules, standing, i)
        at = place[i]
        m = memory[at]
        if not _is_due(m, time[i], value[i]):
            continue
        rule = rules[at]
        stands = standing[at]
        out = said[i]
        before = m["last"] if m["seen"] > 0 else value[i]
        departure, total = _take_in(m, time[i], value[i], rule["bridge"], rarity)
        score = _score(m, total, rule)
        out["score"] = score
        seen = int(m["seen"])
        known = seen > rule["learn"]
        over = score >= BAR and departure >= rule["deadband"]
        if not stands["active"]:
            if over:
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
        elif over:
            if seen - stands["mark"] >= RENEW:
                stands["mark"] = seen
                out["change"] = KEPT
        elif known and seen - stands["since"] >= REST and seen - stands["mark"] >= QUIET:
            stands["active"] = False
            stands["since"] = 0
            stands["mark"] = 0
            stands["height"] = 0.0
            out["change"] = RETURNED


@kernel
def _fetch(
    memory: Records, place: Rows, time: Instants, rules: Records, standing: Records, now: int
) -> None:
    """Ask for what the readings to come need, and for more of it where they are due.

    `now` is the place of the reading at hand.
    """
    if now + 2 * PACE < len(place):
        at = place[now + 2 * PACE]
        fetch(memory, at, 0)
        fetch(memory, at, _SEEN)
    if now + PACE < len(place):
        at = place[now + PACE]
        if time[now + PACE] // SPACING != memory[at]["time"] // SPACING:
            hour = (time[now + PACE] // _HOUR) % HOURS
            for byte in range(LINE, _HOURLY_AT, LINE):
                fetch(memory, at, byte)
            fetch(memory, at, _HOURLY_AT - 1)
            fetch(memory, at, _HOURLY_AT + 4 * hour)
            fetch(memory, at, _VISITS_AT + hour)
            fetch(rules, at, 0)
            fetch(standing, at, 0)


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

    `rarity` takes each view's -log10 p, the second number is the weighted sum of their powers 5/4.
    """
    seen = int(m["seen"])
    if seen == 0:
        m["level"] = x
        m["origin"] = x
        m["last"] = x
        for view in range(_COUNT):
            m["thins"][view] = _FIRST_THINS
    elif time - m["time"] > bridge:
        m["last"] = x
    gain = max(_SLOW, 1.0 / (seen + 1.0))
    # How fast tails move, 0 until their sizes mean something.
    pace = 2.0 / _TAIL_ROOT * max(_SLOW_TAIL, 2.0 / (seen + 1.0)) if seen > _YOUNG else 0.0
    settled = seen > _SETTLED
    floor = 1e-9 + _FLOOR * abs(m["level"])
    total = 0.0

    left = x - m["level"]
    spread = np.float64(m["spread"]) + floor
    rarity[0] = _rarity(m, 0, abs(left) / spread, seen, pace)
    mild = min(max(left, -_CLIP * spread), _CLIP * spread) if settled else left
    m["level"] += gain * mild
    m["spread"] += gain * (abs(mild) - np.float64(m["spread"]))

    hour = (time // _HOUR) % HOURS
    visits = np.float64(m["visits"][hour])
    left_hour = x - (m["origin"] + np.float64(m["hours"][hour])) if visits > 0 else left
    spread_hour = np.float64(m["spread_for_the_hour"]) + floor
    rarity[1] = _rarity(m, 1, abs(left_hour) / spread_hour, seen, pace)
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
    rarity[2] = _rarity(m, 2, step / usual, seen, pace)
    m["step"] += gain * ((min(step, _CLIP * usual) if settled else step) - np.float64(m["step"]))
    m["last"] = x

    for j in range(MEANS):
        part = mild if j < 2 else mild_hour
        share = _LONGER if j == 1 else _BRIEF
        mean = np.float64(m["mean"][j])
        mean += share * (part - mean)
        m["mean"][j] = mean
        wide = np.float64(m["mean_spread"][j])
        rarity[3 + j] = _rarity(m, 3 + j, abs(mean) / (wide + floor), seen, pace)
        m["mean_spread"][j] = wide + gain * (min(abs(mean), _CLIP * (wide + floor)) - wide)

    usual_now = np.float64(m["step"])
    lost = 0.0
    for j in range(2):
        share = _BRIEF_NOISE if j == 0 else _LONGER_NOISE
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
        rarity[6 + j] = _rarity(m, 6 + j, max(change, 0.0), seen, pace)
        rarity[8 + j] = _rarity(m, 8 + j, max(-change, 0.0), seen, pace)
        m["noise_spread"][j] = wide + gain * (min(abs(ratio - noise), _CLIP / 4) - wide)

    for view in range(_COUNT):
        if rarity[view] > 0.0:
            total += _WEIGHTS[view] * rarity[view] * math.sqrt(math.sqrt(rarity[view]))
    m["time"] = time
    m["seen"] = seen + 1
    if abs(m["level"] - m["origin"]) > _FAR * spread:
        shift = m["level"] - m["origin"]
        for j in range(HOURS):
            m["hours"][j] = np.float64(m["hours"][j]) - shift
        m["origin"] += shift
    return max(max(abs(left), step), lost), total


@kernel
def _score(m: np.void, total: float, rule: np.void) -> float:
    """Return the score of the newest reading, 0 while its point learns; count when it passes."""
    seen = int(m["seen"])
    if total <= 0.0 or seen <= rule["learn"]:
        return 0.0
    score = math.pow(total, 0.8) / (1.0 + math.sqrt(DOUBT / seen)) - np.float64(rule["haste"])
    raises = np.float64(m["raises"])
    if raises > 0.0:
        raises *= math.exp((m["raised"] - m["time"]) / _FORGIVEN)
        score /= min(1.0 + _WEARY * max(raises - _FREE, 0.0), _WEARIEST)
    if score >= BAR:
        if m["raised"] == 0 or seen - m["surprised"] >= REST:
            m["raises"] = raises + 1.0
            m["raised"] = m["time"]
        m["surprised"] = seen
    return max(score, 0.0)


@kernel
def _rarity(m: np.void, view: int, size: float, seen: int, pace: float) -> float:
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
            if pace > 0.0:
                fast = max(_QUICK_TAIL, 1.0 / (_TAIL * 5 / 3 * seen + 1.0))
                thins += fast * (min(beyond, _THICK * fall) - thins)
                m["thins"][view] = thins
    m["begins"][view] = begins + pace * (thins + 0.05) * (inside - _TAIL)
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
        hour = (m["time"] // _HOUR) % HOURS
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
