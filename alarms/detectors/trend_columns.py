"""The trend detector's memory: a ladder of doubling windows of each point, as columns of buckets.

Level k keeps the newest RING buckets of 4 s x 2^k, so the ladder reaches from a minute to four
hours. Buckets are anchored to event time, and a bucket that has ended is passed up to the level
above: a reading costs the same whatever the number of levels. In front stands a filter of spikes:
a reading that leaps out waits until the next one bears it out or not.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.readings import Instants, Mask, Values

LEVELS: Final = 9
RING: Final = 14
CELL_S: Final = 4
"""Width of the narrowest bucket: 15 of them are the shortest window, 60 s."""
WIDTHS_S: Final = np.array([CELL_S * 2**k for k in range(LEVELS)], np.float64)
WINDOWS_S: Final = RING * WIDTHS_S
"""56 s, 112 s ... 14,336 s: the span of a level's closed buckets."""
TICKS: Final = 32
"""Stamps of buckets count 1/32 s, modulo 2^32 (4.2 years)."""
SECOND: Final = 1_000_000
LEAP: Final = 4.0
"""A reading leaps out where it stands this many mean steps from the one before it.

For white noise the mean step is 1.13 sigma: 0.15 % of sound readings wait for the next.
"""

Trends = NDArray[np.void]
"""Shape (n,), of dtype ROW; one record a point, 1,192 bytes."""
Places = NDArray[np.intp]

ROW: Final = np.dtype(
    [
        ("value", np.float32, (LEVELS, RING)),
        ("stamp", np.uint32, (LEVELS, RING)),
        ("open_value", np.float32, (LEVELS,)),
        ("open_time", np.float32, (LEVELS,)),
        ("open_count", np.float32, (LEVELS,)),
        ("origin", np.float64),
        ("time", np.int64),
        ("held_time", np.int64),
        ("judged", np.int64),
        ("cell", np.int64),
        ("last", np.float32),
        ("held", np.float32),
        ("step", np.float32),
        ("period", np.float32),
        ("count", np.int32),
        ("before", np.float32),
        ("drift", np.float32),
        ("steps1", np.float32),
        ("steps2", np.float32),
    ]
)
"""Values are kept relative to `origin`, in the point's unit: as given, else its first reading.

`value` and `stamp` are mean value and mean time of closed buckets (NaN: empty), at slot
index % RING. `open_*` are sums over the bucket still open at each level, its time counted in
seconds from the bucket's start and less what the levels below it hold. `last` is the newest
reading taken, `held` one that leapt out (NaN: none), `step` the mean step from reading to
reading, `period` the mean time between them in seconds.
"""

_FAR: Final = 2 * RING << (LEVELS - 1)
_LEARN: Final = 16
_LEARN_LONG: Final = 64


def blank(points: int, origin: Values | float = np.nan) -> Trends:
    """Return the memory of so many points that have not reported yet; NaN is no origin."""
    trends: Trends = np.zeros(points, ROW)
    trends["origin"] = origin
    trends["value"] = np.nan
    trends["last"] = np.nan
    trends["held"] = np.nan
    trends["before"] = np.nan
    trends["judged"] = np.iinfo(np.int64).min // 2
    return trends


def from_bytes(record: bytes) -> Trends:
    """Return the memory that `trends.tobytes()` wrote down; raises ValueError on a wrong size."""
    return np.frombuffer(record, ROW).copy()


def learn(trends: Trends, at: Places, time: Instants, value: Values) -> None:
    """Take one judged reading each of the points at these places, in place.

    Places are unique, times in Micros and newer than the points' last; NaN is no news. Work on a
    copy (`trends[rows]`) and write it back on adoption.
    """
    news = np.isfinite(value)
    if not news.all():
        at, time, value = at[news], time[news], value[news]
    if len(at) == 0:
        return
    count = trends["count"][at]
    first = np.isnan(trends["origin"][at])
    if first.any():
        trends["origin"][at[first]] = value[first]
    x = (value - trends["origin"][at]).astype(np.float32)
    last, held = trends["last"][at], trends["held"][at]
    jump = np.abs(x - last)
    borne_out = np.abs(x - held) <= jump
    if borne_out.any():  # and the point moves faster than it did: steps grow at once
        who = at[borne_out]
        _take(trends, who, trends["held_time"][who], held[borne_out])
        jump[borne_out] = np.abs(x - held)[borne_out]
    step = trends["step"][at]
    grown = np.where(borne_out, np.maximum(step, step + (jump - step) / np.float32(4)), step)
    leaps = (jump > np.float32(LEAP) * grown) & (count >= _LEARN // 4)
    trends["step"][at] = _learned(grown.astype(np.float32), jump, count)
    gap = ((time - trends["time"][at]) / SECOND).astype(np.float32)
    period = trends["period"][at]
    trends["period"][at] = _learned(period, gap, count)
    trends["time"][at] = time
    trends["count"][at] = np.minimum(count + 1, 1_000_000)
    trends["held"][at] = np.where(leaps, x, np.float32(np.nan))
    if leaps.any():
        trends["held_time"][at[leaps]] = time[leaps]
        at, time, x = at[~leaps], time[~leaps], x[~leaps]
    _learn_memory(trends, at, x)
    _take(trends, at, time, x)


def due(trends: Trends, at: Places, time: Instants, every: int) -> Mask:
    """Tell which points are to be judged now, once in each `every` Micros of the clock; note it.

    The clock's own intervals, so that a memory built again from later readings agrees on them.
    """
    ripe: Mask = time // every != trends["judged"][at] // every
    trends["judged"][at[ripe]] = time[ripe]
    return ripe


def _learn_memory(trends: Trends, at: Places, x: NDArray[np.float32]) -> None:
    """Keep the mean squares of steps over one reading and over two, less the drift."""
    step, count = x - trends["last"][at], trends["count"][at] - 1
    both = x - trends["before"][at]
    known = np.isfinite(both)
    if not known.all():
        at2, step, both, count = at[known], step[known], both[known], count[known]
    else:
        at2 = at
    drift = trends["drift"][at2]
    for name, off in (("steps1", step - drift), ("steps2", both - 2 * drift)):
        mean = trends[name][at2]
        trends[name][at2] = _learned(mean, off * off, count, _LEARN_LONG)
    share = np.float32(1) / np.minimum(np.maximum(count, 1), _LEARN_LONG).astype(np.float32)
    trends["drift"][at2] = drift + (step - drift) * share
    trends["before"][at] = trends["last"][at]


def _learned(
    mean: NDArray[np.float32],
    news: NDArray[np.float32],
    count: NDArray[np.int32],
    most: int = 16,
) -> NDArray[np.float32]:
    """Return the running mean, slow to believe a value far above it; 0 means not known yet."""
    bounded = np.where(mean > 0, np.minimum(news, np.float32(LEAP) * mean), news)
    share = np.float32(1) / np.minimum(np.maximum(count, 1), most).astype(np.float32)
    grown: NDArray[np.float32] = np.where(count > 0, mean + (bounded - mean) * share, 0)
    return grown.astype(np.float32)


def _take(trends: Trends, at: Places, time: Instants, x: NDArray[np.float32]) -> None:
    """Add readings to the open buckets, after closing those that have ended."""
    if len(at) == 0:
        return
    cell = time // (CELL_S * SECOND)
    old = trends["cell"][at]
    known = ~np.isnan(trends["last"][at])
    gone = known & (cell - old > _FAR)
    if gone.any():
        _forget(trends, at[gone])
    moved = known & (cell != old) & ~gone
    if moved.any():
        _close(trends, at[moved], old[moved], cell[moved])
    trends["cell"][at] = cell
    trends["last"][at] = x
    trends["open_value"][at, 0] += x
    trends["open_time"][at, 0] += ((time - cell * (CELL_S * SECOND)) / SECOND).astype(np.float32)
    trends["open_count"][at, 0] += np.float32(1)


def _forget(trends: Trends, at: Places) -> None:
    """Wipe the buckets of points that were silent for longer than the ladder reaches."""
    trends["value"][at] = np.nan
    for name in ("open_value", "open_time", "open_count"):
        trends[name][at] = 0


def _close(trends: Trends, at: Places, old: NDArray[np.int64], cell: NDArray[np.int64]) -> None:
    """Move the buckets that end before `cell` into their rings and up the ladder."""
    names = ("open_value", "open_time", "open_count")
    value, time, count = (trends[name][at, 0] for name in names)
    level = 0
    while True:
        for name in names:
            trends[name][at, level] = 0
        index = old >> level
        width = CELL_S << level
        slot = index % RING
        trends["value"][at, level, slot] = value / count
        ticks = index * (width * TICKS) + (time / count * np.float32(TICKS)).astype(np.int64)
        trends["stamp"][at, level, slot] = ticks.astype(np.uint32)
        level += 1
        if level == LEVELS:
            return
        time = time + count * ((index & 1) * width).astype(np.float32)
        value = value + trends["open_value"][at, level]
        time = time + trends["open_time"][at, level]
        count = count + trends["open_count"][at, level]
        stays = old >> level == cell >> level
        if stays.any():
            who = at[stays]
            trends["open_value"][who, level] = value[stays]
            trends["open_time"][who, level] = time[stays]
            trends["open_count"][who, level] = count[stays]
            goes = ~stays
            at, old, cell = at[goes], old[goes], cell[goes]
            value, time, count = value[goes], time[goes], count[goes]
        if len(at) == 0:
            return


def opened(trends: Trends) -> tuple[Values, Values, Values]:
    """Return mean value, mean age in s and count of each level's open bucket, shape (n, LEVELS).

    Age is counted back from each point's newest reading; an empty bucket has count 0.
    """
    levels = np.arange(LEVELS)
    cell = trends["cell"][:, None] >> levels
    start_us = cell * (CELL_S * SECOND << levels)
    since = (trends["time"][:, None] - start_us) / SECOND
    count = trends["open_count"].astype(np.float64)
    age = count * since - trends["open_time"]
    total = np.cumsum(count, axis=1)
    many = np.maximum(total, 1)
    value = np.cumsum(trends["open_value"].astype(np.float64), axis=1)
    return value / many, np.cumsum(age, axis=1) / many, total
