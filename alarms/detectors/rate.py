"""The rate of change of a point: the median slope over a minimum time, which no spike can bend.

Eight anchors, an eighth of the span apart, stand for the span, so memory does not grow with the
sampling rate; a rate is passed where more than half of the slopes between anchors pass it (Theil
1950, Sen 1968). Anchors follow from readings and the span alone and change in place; where an alarm
stands is kept beside them (`STANDING`).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.ordered import insert
from alarms.readings import Instants, Rows, Values

ANCHORS: Final = 8
LEAST: Final = 4
"""Anchors a rate is told from at least: of their slopes one spike bends half, and no more."""
HYSTERESIS: Final = 0.8
"""An alarm returns after one span without more than this share of the rate that raises."""
NONE, RAISED, RETURNED, TURNED, KEPT = range(5)
"""What a reading did; TURNED: from rising to falling or back; KEPT: standing to be written anew."""
_SECONDS: Final = 1e-6

MEMORY: Final = np.dtype([("time", np.int64, (ANCHORS,)), ("value", np.float64, (ANCHORS,))])
"""A point's anchors, oldest first: Micros, 0 where there is none, and values in its unit."""
RULES: Final = np.dtype([("span", np.int64), ("rise", np.float64), ("fall", np.float64)])
"""A point's rules: the span in Micros, the rates that raise in units per second, infinity where
there is none."""
STANDING: Final = np.dtype([("side", np.int8), ("under", np.int64)])
"""Where a point's alarm stands: 1 rising, -1 falling, 0 none; `under` is since when its rate has
been under the hysteresis, Micros, 0 while it is not."""
SAID: Final = np.dtype([("change", np.int8), ("side", np.int8), ("slope", np.float64)])
"""What a reading did, the side after it, and the median slope, units per second, where it moved."""

Records = NDArray[np.void]
"""An array of one of the types above."""


def fresh(points: int) -> Records:
    """Return the memory of so many points without anchors."""
    return np.zeros(points, MEMORY)


def room() -> NDArray[np.float64]:
    """Return what `judge` works in."""
    return np.empty(ANCHORS * (ANCHORS - 1) // 2)


@kernel
def learn(memory: Records, place: Rows, time: Instants, value: Values, rules: Records) -> None:
    """Take readings in, in order of receipt, without judging: memory ends as `judge` leaves it.

    `place`, `time` (Micros) and `value` have one entry a reading; `memory` and `rules` one a place.
    """
    for i in range(len(place)):
        _anchor(memory[place[i]], time[i], value[i], rules[place[i]]["span"])


@kernel
def judge(
    memory: Records,
    place: Rows,
    time: Instants,
    value: Values,
    rules: Records,
    standing: Records,
    slopes: NDArray[np.float64],
    said: Records,
) -> None:
    """Judge readings in order of receipt; `memory` and `standing` change in place.

    Whoever proposes what follows must adopt it or begin anew from the record. `said`, all zero
    before, has one entry a reading. A value that is not finite is no news; only a reading that
    becomes an anchor is judged.
    """
    for i in range(len(place)):
        at = place[i]
        m = memory[at]
        rule = rules[at]
        span = rule["span"]
        if not _anchor(m, time[i], value[i], span):
            continue
        first = _covers_from(m, time[i], span)
        if first == ANCHORS:
            continue
        stands = standing[at]
        side = stands["side"]
        rising = _passes(m, first, 1.0, rule["rise"])
        falling = _passes(m, first, -1.0, rule["fall"])
        now = 1 if rising else -1 if falling else 0
        if now != 0 and now != side:
            said[i]["change"] = RAISED if side == 0 else TURNED
            stands["side"] = now
            stands["under"] = 0
        elif side != 0:
            bound = rule["rise"] if side > 0 else rule["fall"]
            if _passes(m, first, np.float64(side), HYSTERESIS * bound):
                if stands["under"] == 0:
                    continue
                stands["under"] = 0
                said[i]["change"] = KEPT
            elif stands["under"] == 0:
                stands["under"] = time[i]
                said[i]["change"] = KEPT
            elif time[i] - stands["under"] >= span:
                stands["side"] = 0
                stands["under"] = 0
                said[i]["change"] = RETURNED
            else:
                continue
        else:
            continue
        said[i]["side"] = stands["side"]
        said[i]["slope"] = _median(m, first, slopes)


@kernel
def _anchor(m: np.void, time: int, value: float, span: int) -> bool:
    """Let a reading become an anchor where it is finite and due; tell whether it did."""
    newest = m["time"][ANCHORS - 1]
    if not np.isfinite(value) or time - newest < span // ANCHORS or time <= newest:
        return False
    for j in range(ANCHORS - 1):
        m["time"][j] = m["time"][j + 1]
        m["value"][j] = m["value"][j + 1]
    m["time"][ANCHORS - 1] = time
    m["value"][ANCHORS - 1] = value
    return True


@kernel
def _covers_from(m: np.void, time: int, span: int) -> int:
    """Return the oldest anchor a rate is told from, ANCHORS where it is too early to tell one.

    Anchors older than two spans belong to the time before a gap.
    """
    first = ANCHORS
    while first > 0 and m["time"][first - 1] > 0 and time - m["time"][first - 1] <= 2 * span:
        first -= 1
    if ANCHORS - first < LEAST or time - m["time"][first] < span * (ANCHORS - 1) // ANCHORS:
        return ANCHORS
    return first


@kernel
def _passes(m: np.void, first: int, sign: float, bound: float) -> bool:
    """Tell whether more than half of the slopes between anchors are at the bound or beyond."""
    if bound == np.inf:
        return False
    passing = 0
    for j in range(first, ANCHORS - 1):
        for k in range(j + 1, ANCHORS):
            apart = (m["time"][k] - m["time"][j]) * _SECONDS
            if sign * (m["value"][k] - m["value"][j]) >= bound * apart:
                passing += 1
    many = ANCHORS - first
    return 4 * passing > many * (many - 1)


@kernel
def _median(m: np.void, first: int, slopes: NDArray[np.float64]) -> float:
    """Return the median slope between anchors, units per second."""
    count = 0
    for j in range(first, ANCHORS - 1):
        for k in range(j + 1, ANCHORS):
            apart = (m["time"][k] - m["time"][j]) * _SECONDS
            insert(slopes, count, (m["value"][k] - m["value"][j]) / apart)
            count += 1
    return float((slopes[(count - 1) // 2] + slopes[count // 2]) / 2)
