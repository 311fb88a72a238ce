"""The trend detector's memory: a ladder of doubling windows of each point, kept in buckets.

Level k keeps the newest RING buckets of 4 s x 2^k, so the ladder reaches from a minute to four
hours. Buckets are anchored to event time, and a bucket that has ended is passed up to the level
above: a reading costs the same whatever the number of levels. In front stands a filter of spikes:
a reading that leaps out waits until the next one bears it out or not.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.lines import in_lines

LEVELS: Final = 9
RING: Final = 14
CELL_S: Final = 4
"""Width of the narrowest bucket: 15 of them are the shortest window, 60 s."""
WIDTHS_S: Final = np.array([CELL_S * 2**k for k in range(LEVELS)], np.float64)
WINDOWS_S: Final = RING * WIDTHS_S
"""56 s, 112 s ... 14,336 s: the span of a level's closed buckets."""
HALVES: Final = 3
"""A bucket so many levels above a window's own is as wide as about half the window."""
SWINGS: Final = 5
SECOND: Final = 1_000_000
CELL_US: Final = CELL_S * SECOND
SHARES: Final = 256
"""Mean times of buckets count in these shares of the bucket's width, rounded down."""
LEAP: Final = 4.0
"""A reading leaps out where it stands this many mean steps from the one before it.

For white noise the mean step is 1.13 sigma: 0.15 % of sound readings wait for the next.
"""

Trends = NDArray[np.void]
"""Shape (n,), of dtype ROW; one record a point, 832 bytes: thirteen lines of the
processor's cache."""
Heads = NDArray[np.void]
"""Shape (n,), of dtype HEAD: `trends["head"]`."""
Rungs = NDArray[np.void]
"""Shape (n, LEVELS), of dtype RUNG: `trends["rungs"]`."""

HEAD: Final = np.dtype(
    [
        ("origin", np.float64),
        ("time", np.int64),
        ("cell", np.int32),
        ("count", np.int32),
        ("last", np.float32),
        ("held", np.float32),
        ("step", np.float32),
        ("period", np.float32),
        ("before", np.float32),
        ("drift", np.float32),
        ("steps1", np.float32),
        ("steps2", np.float32),
        ("swing", np.float32, (SWINGS,)),
        ("far", np.float32),
        ("turn", np.float32),
        ("crest", np.float32),
        ("trough", np.float32),
        ("spare", np.int16),
    ]
)
"""Values are kept relative to `origin`, in the point's unit: its first reading.

`time` is that of the newest reading, `last` the newest one taken, `held` the newest one where it
leapt out (NaN: it did not), `cell` the narrowest bucket that `last` lies in. `step` is the mean
step from reading to reading, `steps1` and `steps2` the mean squares of steps over one reading and
over two, less their `drift`; `period` is the mean time between readings in seconds. `swing` is, for
the first windows, the mean square by which a half of the window departs from the course of the
halves before it (second differences of buckets as wide as about half of it): what the point does
of itself. A steady trend adds nothing to it but where it begins.

`turn` is where the point turned last, `far` how far it has come since, `crest` and `trough` where
it turns by habit: every turn moves them, and a day that passes moves them towards the point.
`spare` makes a point's record whole lines of the processor's cache.
"""
RUNG: Final = np.dtype(
    [
        ("value", np.float32, (RING,)),
        ("open_value", np.float32),
        ("open_time", np.float32),
        ("open_count", np.float32),
        ("share", np.uint8, (RING,)),
    ]
)
"""`value` and `share` are mean value and mean time of closed buckets (NaN: empty), at slot
index % RING; times in SHARES of the width since the bucket began. `open_*` are sums over the
bucket still open, its time in seconds since it began, less what the levels below hold of it.
"""
ROW: Final = np.dtype([("head", HEAD), ("rungs", RUNG, (LEVELS,))])

_BACK: Final = 0.3
"""A point has turned when it has come back by this share of its way since it turned last,"""
_BACK_STEPS: Final = 8.0
"""and by so many mean squares of its steps from reading to reading."""
_FARTHER: Final = 0.7
_NEARER: Final = 0.1
_FADES: Final = 0.1
"""How much a turn farther out or nearer moves the habit, and how much of it a day takes away."""
_DAY: Final = 86_400 // (CELL_S << HALVES)

LEARN: Final = 16
"""Readings after which a point's mean step is believed, and the point may be judged."""
_LEARN_LONG: Final = 64
_FIRST: Final = 12
"""So many steps are believed sooner, the first the most."""
_MANY: Final = 1_000_000


def blank(points: int) -> Trends:
    """Return the memory of so many points that have not reported yet: zeros."""
    return in_lines(points, ROW)


@kernel
def learn(heads: Heads, rungs: Rungs, row: int, time: int, value: float) -> None:
    """Take one reading of a point, in place; `time` in Micros, newer than the point's last.

    What is not finite is no news.
    """
    if not math.isfinite(value):
        return
    head = heads[row]
    if head["count"] == 0:
        _begin(head, rungs, row, value)
    x = np.float64(np.float32(value - head["origin"]))
    count = int(head["count"])
    last, held = np.float64(head["last"]), np.float64(head["held"])
    step = np.float64(head["step"])
    jump = abs(x - last)
    if abs(x - held) <= jump:  # borne out, and the point moves faster than it did
        _take(head, rungs, row, int(head["time"]), held)
        last = held
        jump = abs(x - held)
        step = max(step, step + (jump - step) / 4)
    leaps = jump > LEAP * step and count >= LEARN // 4
    head["step"] = learned(step, jump, count, LEARN)
    gap = (time - int(head["time"])) / SECOND
    head["period"] = learned(np.float64(head["period"]), gap, count, LEARN)
    head["time"] = time
    head["count"] = min(count + 1, _MANY)
    head["held"] = x if leaps else np.nan
    if leaps:
        return
    both = x - np.float64(head["before"])
    if not math.isnan(both):
        move = x - last
        drift = np.float64(head["drift"])
        one, two = move - drift, both - 2 * drift
        usual = np.float64(head["step"]) * (LEAP if count < _FIRST else 1.0)
        head["steps1"] = _squared(np.float64(head["steps1"]), one, count, usual)
        head["steps2"] = _squared(np.float64(head["steps2"]), two, count, usual)
        head["drift"] = drift + (move - drift) / min(max(count, 1), _LEARN_LONG)
    head["before"] = last
    _take(head, rungs, row, time, x)


@kernel
def _begin(head: np.void, rungs: Rungs, row: int, value: float) -> None:
    """Lay a point's memory out for its first reading: empty buckets, and nothing before it."""
    head["origin"] = value
    head["last"], head["held"], head["before"] = np.nan, np.nan, np.nan
    for level in range(LEVELS):
        for slot in range(RING):
            rungs[row, level]["value"][slot] = np.nan


@kernel
def replay(
    heads: Heads,
    rungs: Rungs,
    rows: NDArray[np.int32],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
) -> None:
    """Take readings in order; -1 is no row, and what is not newer than a row's newest is known."""
    for i in range(len(rows)):
        if rows[i] >= 0 and times[i] > heads[rows[i]]["time"]:
            learn(heads, rungs, rows[i], times[i], values[i])


@kernel
def learned(mean: float, news: float, count: int, most: int) -> float:
    """Return the running mean, slow to believe a value far above it; 0 means not known yet.

    The first are believed sooner: a small one would hold the mean down for long.
    """
    if count == 0:
        return 0.0
    if mean > 0 and news > LEAP * mean:
        news = min(news, LEAP * mean * max(_FIRST / count, 1.0) ** 2)
    return mean + (news - mean) / min(count, most)


@kernel
def _squared(mean: float, step: float, count: int, usual: float) -> float:
    """Return the running mean square of the steps from a point's second reading on.

    It is slow to believe a step far beyond it, but not one of the `usual` size: the mean itself
    may be too small, after an early step of next to nothing or while the point stood all but still.
    """
    news = min(step * step, max(LEAP * mean, usual * usual))
    return mean + (news - mean) / min(count - 1, _LEARN_LONG)


@kernel
def _take(head: np.void, rungs: Rungs, row: int, time: int, x: float) -> None:
    """Add a reading to the open bucket, after closing those that have ended."""
    cell = time // CELL_US
    old = int(head["cell"])
    if cell != old and not math.isnan(head["last"]):
        _close(head, rungs, row, old, cell)
    head["cell"] = cell
    head["last"] = x
    rung = rungs[row, 0]
    rung["open_value"] = np.float64(rung["open_value"]) + x
    rung["open_time"] = np.float64(rung["open_time"]) + (time - cell * CELL_US) / SECOND
    rung["open_count"] = np.float64(rung["open_count"]) + 1.0


@kernel
def _close(head: np.void, rungs: Rungs, row: int, old: int, new: int) -> None:
    """Move the buckets that end before cell `new` into their rings and up the ladder."""
    value = time = count = 0.0
    width = float(CELL_S)
    for level in range(LEVELS):
        rung = rungs[row, level]
        value += np.float64(rung["open_value"])
        time += np.float64(rung["open_time"])
        count += np.float64(rung["open_count"])
        if old == new:
            rung["open_value"], rung["open_time"], rung["open_count"] = value, time, count
            return
        rung["open_value"], rung["open_time"], rung["open_count"] = 0.0, 0.0, 0.0
        slot = old % RING
        rung["value"][slot] = value / count
        if HALVES <= level < HALVES + SWINGS:
            _sway(head, rung, level, slot)
        if level == HALVES:
            _turn(head, value / count, old // _DAY != new // _DAY)
        rung["share"][slot] = int(min(max(time / count / width, 0.0) * SHARES, SHARES - 1.0))
        for _ in range(min(new - old - 1, RING)):
            slot = slot + 1 if slot < RING - 1 else 0
            rung["value"][slot] = np.nan
        time += count * (old & 1) * width
        old >>= 1
        new >>= 1
        width *= 2


@kernel
def passed(head: np.void, level: int) -> float:
    """Return how many of a level's buckets a point has reported for, its pauses left out."""
    many: float = head["count"] * np.float64(head["period"]) / (CELL_S << level)
    return many


@kernel
def _sway(head: np.void, rung: np.void, level: int, slot: int) -> None:
    """Learn from a bucket just closed how the point departs from its course at this scale."""
    one = slot - 1 if slot > 0 else RING - 1
    two = one - 1 if one > 0 else RING - 1
    value = rung["value"]
    off = np.float64(value[slot]) - 2.0 * np.float64(value[one]) + np.float64(value[two])
    if off == off:  # the buckets before hold something
        told = int(passed(head, level)) - 1
        swing = np.float64(head["swing"][level - HALVES])
        head["swing"][level - HALVES] = learned(swing, off * off, max(told, 1), _LEARN_LONG)


@kernel
def _turn(head: np.void, x: float, new_day: bool) -> None:  # noqa: FBT001
    """Learn from a bucket just closed where the point turns: up to where it rises and comes back.

    Where nothing but noise turns, the habit lies within the noise.
    """
    far, turn = np.float64(head["far"]), np.float64(head["turn"])
    crest, trough = np.float64(head["crest"]), np.float64(head["trough"])
    way = 1.0 if far >= turn else -1.0
    back = max(_BACK * abs(far - turn), math.sqrt(_BACK_STEPS * np.float64(head["steps1"])))
    if way * (x - far) > 0:
        head["far"] = x
    elif way * (far - x) > back:
        if way > 0:
            crest += (_FARTHER if far > crest else _NEARER) * (far - crest)
        else:
            trough += (_FARTHER if far < trough else _NEARER) * (far - trough)
        head["turn"], head["far"] = far, x
    if new_day:
        crest += _FADES * (x - crest)
        trough += _FADES * (x - trough)
    head["crest"], head["trough"] = crest, trough
