"""What n of a point's last m readings say of its limits (alarms.md 1.3 and 4.1).

n of the last m values are at a limit or beyond it exactly where the n-th largest of them is. So a
high side goes by the n-th largest of the last m judged values and a low side by the n-th smallest;
deadband, delays and tiers stand behind that as behind a plain value. A window holds the last
LONGEST values in order of time, whatever m is and in whatever order they came: it follows from the
readings alone and changes in place.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.ordered import insert
from alarms.readings import Instants, Mask, Rows, Values

LONGEST: Final = 64
"""The most that m may be."""

MEMORY: Final = np.dtype(
    [("many", np.int64), ("time", np.int64, (LONGEST,)), ("value", np.float64, (LONGEST,))]
)
"""A point's window: how many values it holds, and those in order of time, Micros."""

Records = NDArray[np.void]
"""An array of MEMORY."""
Confirm = NDArray[np.int8]
"""Shape (k, 2): n and m of each point."""


def fresh(points: int) -> Records:
    """Return the windows of so many points that have not reported."""
    return np.zeros(points, MEMORY)


def room() -> NDArray[np.float64]:
    """Return what `face` works in."""
    return np.empty(LONGEST)


@kernel
def learn(memory: Records, place: Rows, time: Instants, value: Values) -> None:
    """Take readings in, in any order; one of an instant that is known or not finite is no news.

    `place` is that of a reading's point in `memory`, below zero where there is none.
    """
    for i in range(len(place)):
        if place[i] >= 0:
            _take(memory[place[i]], time[i], value[i])


@kernel
def face(
    memory: Records,
    place: Rows,
    time: Instants,
    value: Values,
    is_judged: Mask,
    confirm: Confirm,
    ordered: NDArray[np.float64],
    faced: NDArray[np.float64],
) -> None:
    """Write into `faced`, shape (k, 2), what low and high side go by at each reading.

    `place` is that of a reading's point in `memory` and `confirm`, below zero where there is none:
    it goes by its own value. Where fewer than n values are known it is NaN, no news. Readings come
    in order of time for each place; only judged ones enter a window.
    """
    for i in range(len(place)):
        faced[i, 0] = value[i]
        faced[i, 1] = value[i]
        at = place[i]
        if at < 0 or not is_judged[i]:
            continue
        window = memory[at]
        _take(window, time[i], value[i])
        n = int(confirm[at, 0])
        many = _order(window, int(confirm[at, 1]), ordered)
        faced[i, 0] = ordered[n - 1] if n <= many else np.nan
        faced[i, 1] = ordered[many - n] if n <= many else np.nan


@kernel
def _take(window: np.void, time: int, value: float) -> None:
    many, times, values = int(window["many"]), window["time"], window["value"]
    after = many
    while after > 0 and times[after - 1] > time:
        after -= 1
    known = after > 0 and times[after - 1] == time
    if known or not np.isfinite(value) or (after == 0 and many == LONGEST):
        return
    if many == LONGEST:
        for j in range(1, after):
            times[j - 1], values[j - 1] = times[j], values[j]
        after -= 1
    else:
        for j in range(many, after, -1):
            times[j], values[j] = times[j - 1], values[j - 1]
        window["many"] += 1
    times[after], values[after] = time, value


@kernel
def _order(window: np.void, m: int, ordered: NDArray[np.float64]) -> int:
    """Write the last m values, or as many as are known, in rising order; return how many."""
    known, values = int(window["many"]), window["value"]
    many = min(known, m)
    for j in range(many):
        insert(ordered, j, values[known - many + j])
    return many
