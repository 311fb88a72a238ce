"""Reads the ladder of trends: level and slope of each window, with honest uncertainty.

For a window of the ladder (alarms.detectors.trend_columns) the straight line through the whole
window and the slopes of its newest half and quarter are estimated together, by least squares on
bucket means whose errors follow one another: an Ornstein-Uhlenbeck noise, its memory weighed over a
grid by restricted likelihood (Harville 1977) and by what the steps from reading to reading show.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.trend_columns import (
    CELL_S,
    CELL_US,
    LEVELS,
    RING,
    SECOND,
    SHARES,
    Heads,
    Rungs,
)

Floats = NDArray[np.float64]

AHEAD: Final = 7.5
FARTHEST_S: Final = 14_400.0
"""How far ahead a window looks: AHEAD times what it spans, at most four hours."""
LEAST: Final = 5
"""Buckets a window must hold, over at least LEAST_SPAN of its length."""
LEAST_SPAN: Final = 0.45
MEMORIES: Final = np.array([0.0, 0.25, 0.5, 0.7, 0.85, 0.95])
"""Correlation of the noise of neighbouring buckets: the grid that is weighed."""
_GRID: Final = len(MEMORIES)
_DECAYS: Final = np.log(np.maximum(MEMORIES, 1e-300))
_STEPS_SD: Final = 0.14
_STEPS_DOUBT: Final = 0.02
"""Steps speak for a memory with this standard deviation, and may be beside the point."""
_STEPS_KNOWN: Final = 64.0
_STEPS_FREEDOM: Final = np.array([8.0, 8.0, 6.0] + [0.0] * (LEVELS - 3))
"""How many readings' worth of freedom the point's known noise lends to the short windows."""
_GLANCE: Final = 2.0
_NEAR_FREEDOM: Final = 8.0
_OLDER: Final = RING // 2
BUCKETS: Final = _OLDER + RING + 1
_SUMS: Final = 14

UNKNOWN, FAR, NEAR = range(3)
SPAN, LEVEL, SLOPE, LEVEL_VAR, SLOPE_VAR, CROSS, FREEDOM = range(7)
HALF_LEVEL, HALF_SLOPE, HALF_LEVEL_VAR, HALF_SLOPE_VAR, HALF_CROSS = range(7, 12)
QUARTER_SLOPE, QUARTER_SLOPE_VAR = range(12, 14)
TREND: Final = 14
"""What `estimate` writes, by place. Level and slope are at the newest reading, per second."""
TRENDS: Final = 6
DESK: Final = (TRENDS + LEVELS, BUCKETS)
"""The desk's shape: from TRENDS on a row for the trend of each window (`ask`)."""


@kernel
def stirs(heads: Heads, rungs: Rungs, row: int, windows: int) -> int:
    """Return those of the windows, as bits, whose halves differ by more than their noise.

    The noise is what the steps from reading to reading show. A line that is as sure as `near` asks
    for lies above this bar with its halves in all but two of a thousand cases. A window of which
    one half is empty is returned, too.
    """
    head = heads[row]
    cell = np.int64(head["cell"])
    fewer = np.float64(head["period"]) / CELL_S
    noise = 0.5 * _GLANCE * _GLANCE * np.float64(head["steps1"])
    found = 0
    for window in range(LEVELS):
        if windows >> window == 0:
            break
        if (windows >> window) & 1:
            value = rungs[row, window]["value"]
            turn = (cell >> window) % _OLDER
            # Buckets half a window apart lie in different halves. Without branches: which are
            # empty, and where the ring begins, cannot be foretold.
            one = other = 0.0
            n_one = n_other = 0
            for i in range(_OLDER):
                x, y = np.float64(value[i]), np.float64(value[i + _OLDER])
                is_x, is_y = x == x, y == y
                x = x if is_x else np.float64(0.0)
                y = y if is_y else np.float64(0.0)
                begun = i >= turn
                one += x if begun else y
                other += y if begun else x
                n_one += is_x if begun else is_y
                n_other += is_y if begun else is_x
            apart = one * n_other - other * n_one
            both = n_one * n_other
            bar = noise * min(fewer, 1.0) * (n_one + n_other) * both
            if both == 0 or apart * apart >= bar:
                found |= 1 << window
        fewer *= 0.5
    return found


@kernel
def near(
    heads: Heads,
    rungs: Rungs,
    row: int,
    window: int,
    low: float,
    high: float,
    reach: float,
    sharp: float,
) -> int:
    """Tell whether a window's plain straight line comes NEAR `low` or `high` in time.

    The answer is UNKNOWN where the window holds too little. The limits are relative to the point's
    origin (-inf, inf: none). `reach` stretches the horizon, `sharp` is the least slope in standard
    errors of a plain fit.
    """
    head = heads[row]
    rung = rungs[row, window]
    value, share = rung["value"], rung["share"]
    width_us = CELL_US << window
    newest = np.int64(head["time"])
    now = np.int64(head["cell"]) >> window
    begun = (now * width_us - newest) / width_us
    zero = np.float64(head["last"])
    n = st = sv = stt = stv = svv = oldest = 0.0
    slot = int(now % RING)
    for i in range(RING):  # without branches: which buckets are empty cannot be foretold
        v = np.float64(value[slot])
        full = v == v
        w = 1.0 if full else 0.0
        y = v - zero if full else 0.0
        t = begun + (i - RING) + (np.float64(share[slot]) + 0.5) / SHARES
        tw = t * w
        oldest = tw if tw < oldest else oldest
        n += w
        st += tw
        sv += y
        stt += t * tw
        stv += tw * y
        svv += y * y
        slot = slot + 1 if slot < RING - 1 else 0
    mean, age, count = opened(head, rungs, row, window)
    if count > 0:
        ago, y = -age / (CELL_S << window), mean - zero
        oldest = min(oldest, ago)
        n += 1.0
        st += ago
        sv += y
        stt += ago * ago
        stv += ago * y
        svv += y * y
    if n < LEAST or -oldest < LEAST_SPAN * RING:
        return UNKNOWN
    tt = stt - st * st / n
    tv = stv - st * sv / n
    vv = svv - sv * sv / n
    slope = tv / max(tt, 1e-9)
    ahead = (
        zero
        + (sv - slope * st) / n
        + slope * reach * min(-AHEAD * oldest, FARTHEST_S / (CELL_S << window))
    )
    if not ((slope > 0 and ahead >= high) or (slope < 0 and ahead <= low)):
        return FAR
    rest = max(vv - slope * tv, 0.0)
    rest += _NEAR_FREEDOM * 0.5 * np.float64(head["steps1"])
    return NEAR if slope * tv * (n - 2.0 + _NEAR_FREEDOM) >= sharp * sharp * rest else FAR


@kernel
def opened(head: Heads, rungs: Rungs, row: int, level: int) -> tuple[float, float, float]:
    """Return mean value, mean age in s and count of a level's open bucket.

    Age is counted back from the point's newest reading; an empty bucket has count 0.
    """
    newest, cell = np.int64(head["time"]), np.int64(head["cell"])
    value = age = count = 0.0
    for k in range(level + 1):
        rung = rungs[row, k]
        many = np.float64(rung["open_count"])
        if many > 0:
            since = (newest - (cell >> k) * (CELL_US << k)) / SECOND
            value += np.float64(rung["open_value"])
            age += many * since - np.float64(rung["open_time"])
            count += many
    if count == 0.0:
        return 0.0, 0.0, 0.0
    return value / count, age / count, count


@kernel
def ask(heads: Heads, rungs: Rungs, row: int, window: int, desk: Floats) -> None:
    """Write a window's trend into its row of the desk, unless it is there: SPAN is no longer NaN.

    Whoever begins with a point writes NaN there.
    """
    if math.isnan(desk[TRENDS + window, SPAN]):
        estimate(heads, rungs, row, window, desk, desk[TRENDS + window])


@kernel
def estimate(heads: Heads, rungs: Rungs, row: int, window: int, desk: Floats, out: Floats) -> None:
    """Estimate a window's trend into `out`, shape (TREND,); the first rows of `desk` are room."""
    n = _series(heads, rungs, row, window, desk)
    times, values = desk[0], desk[1]
    span = max(-times[0], 1e-3)
    width = np.float64(CELL_S << max(window - 1, 0))
    centre = 0.0
    for i in range(n):
        centre += values[i]
    centre /= max(n, 1)
    total = 0.0
    for i in range(n):
        values[i] -= centre
        total += values[i] * values[i]
    ones, twos = np.float64(heads[row]["steps1"]), np.float64(heads[row]["steps2"])
    ratio = min(max(twos / ones - 1.0, 0.0), 1.0) if ones > 0 else 0.0
    known = min(max(np.float64(heads[row]["count"]), 1.0), _STEPS_KNOWN)
    blur = _STEPS_SD * math.sqrt(_STEPS_KNOWN / known)
    step_share = np.float64(heads[row]["period"]) / width
    extra = min(_STEPS_FREEDOM[window], max(np.float64(heads[row]["count"]) - 4.0, 0.0))
    free = max(n - 3.0, 1.0)
    floor = 1e-12 * total + 1e-30
    found = desk[2:].reshape(-1)
    best = -np.inf
    for m in range(_GRID):
        decay = _DECAYS[m]
        s11 = s1t = stt = s1y = sty = syy = s1h = sth = shh = shy = s1q = stq = sqq = sqy = 0.0
        logdet = 0.0
        t0 = h0 = q0 = y0 = 0.0
        for i in range(n):
            t, y = times[i], values[i]
            h, q = max(t + span / 2, 0.0), max(t + span / 4, 0.0)
            phi = 0.0
            if i > 0:
                phi = math.exp(decay * max((t - t0) / width, 1e-3))
            w = 1.0 / (1.0 - phi * phi)
            logdet -= math.log(w)
            f1, ft, fh, fq, fy = 1.0 - phi, t - phi * t0, h - phi * h0, q - phi * q0, y - phi * y0
            w1, wt, wh, wq = w * f1, w * ft, w * fh, w * fq
            s11 += w1 * f1
            s1t += w1 * ft
            stt += wt * ft
            s1y += w1 * fy
            sty += wt * fy
            syy += w * fy * fy
            s1h += w1 * fh
            sth += wt * fh
            shh += wh * fh
            shy += wh * fy
            s1q += w1 * fq
            stq += wt * fq
            sqq += wq * fq
            sqy += wq * fy
            t0, h0, q0, y0 = t, h, q, y
        det = max(s11 * stt - s1t * s1t, 1e-12)
        v00, v01, v11 = stt / det, -s1t / det, s11 / det
        a = v00 * s1y + v01 * sty
        b = v01 * s1y + v11 * sty
        sse = max(syy - a * s1y - b * sty, 0.0)
        g0, g1 = v00 * s1h + v01 * sth, v01 * s1h + v11 * sth
        hd = max(shh - g0 * s1h - g1 * sth, 1e-12)
        hc = (shy - a * s1h - b * sth) / hd
        k0, k1 = v00 * s1q + v01 * stq, v01 * s1q + v11 * stq
        qd = max(sqq - k0 * s1q - k1 * stq, 1e-12)
        qc = (sqy - a * s1q - b * stq) / qd
        sse = max(sse - hc * hc * hd, floor)
        memory = MEMORIES[m]
        expected = memory**step_share
        z = (ratio - expected) / blur
        odds = math.log(math.exp(-0.5 * z * z) + _STEPS_DOUBT)
        quiet = ones / (2.0 * max(1.0 - expected, 1e-3))
        quiet *= expected + (1.0 - expected) * min(step_share, 1.0)
        noise = (sse + extra * quiet) / (free + extra)
        likely = -0.5 * (free * math.log(sse) + logdet + math.log(det) + math.log(hd)) + odds
        best = max(best, likely)
        turned, lifted = 1.0 - g1, span / 2 - g0
        place = m * _SUMS
        found[place] = likely
        found[place + 1], found[place + 2] = a, noise * v00
        found[place + 3], found[place + 4] = b, noise * v11
        found[place + 5], found[place + 6] = (
            a + hc * lifted,
            noise * (v00 + lifted * lifted / hd),
        )
        found[place + 7], found[place + 8] = (
            b + hc * turned,
            noise * (v11 + turned * turned / hd),
        )
        found[place + 9], found[place + 10] = (
            b + qc * (1.0 - k1),
            noise * (v11 + (1.0 - k1) * (1.0 - k1) / qd),
        )
        found[place + 11] = noise * v01
        found[place + 12] = noise * (v01 + turned * lifted / hd)
    total = 0.0
    for m in range(_GRID):
        found[m * _SUMS] = math.exp(found[m * _SUMS] - best)
        total += found[m * _SUMS]
    for m in range(_GRID):
        found[m * _SUMS] /= total
    out[SPAN] = span
    out[FREEDOM] = free + extra
    _mix(found, 1, out, LEVEL, LEVEL_VAR)
    _mix(found, 3, out, SLOPE, SLOPE_VAR)
    _mix(found, 5, out, HALF_LEVEL, HALF_LEVEL_VAR)
    _mix(found, 7, out, HALF_SLOPE, HALF_SLOPE_VAR)
    _mix(found, 9, out, QUARTER_SLOPE, QUARTER_SLOPE_VAR)
    out[CROSS] = _crossed(found, 1, 3, 11, out[LEVEL], out[SLOPE])
    out[HALF_CROSS] = _crossed(found, 5, 7, 12, out[HALF_LEVEL], out[HALF_SLOPE])
    zero = centre + np.float64(heads[row]["origin"])
    out[LEVEL] += zero
    out[HALF_LEVEL] += zero


@kernel
def _mix(found: Floats, place: int, out: Floats, mean_at: int, var_at: int) -> None:
    """Mix what the memories say, by their weights: mean and variance."""
    mean = sd = 0.0
    for m in range(_GRID):
        mean += found[m * _SUMS] * found[m * _SUMS + place]
    for m in range(_GRID):
        off = found[m * _SUMS + place] - mean
        sd += found[m * _SUMS] * math.sqrt(found[m * _SUMS + place + 1] + off * off)
    out[mean_at], out[var_at] = mean, sd * sd


@kernel
def _crossed(found: Floats, a: int, b: int, place: int, a_mean: float, b_mean: float) -> float:
    total = 0.0
    for m in range(_GRID):
        at = m * _SUMS
        both = (found[at + a] - a_mean) * (found[at + b] - b_mean)
        total += found[at] * (found[at + place] + both)
    return total


@kernel
def _series(heads: Heads, rungs: Rungs, row: int, window: int, desk: Floats) -> int:
    """Write a window's bucket times (s, <= 0) and values, oldest first; return how many.

    The older half has the window's own buckets, the newest half those of the level below.
    """
    head = heads[row]
    below = max(window - 1, 0)
    newest, cell = np.int64(head["time"]), np.int64(head["cell"])
    times, values = desk[0], desk[1]
    n = 0
    fresh = False
    for part in range(2):
        if part == 0 and window == 0:
            continue
        level = window if part == 0 else below
        rung = rungs[row, level]
        width_us = CELL_US << level
        now = cell >> level
        begun = (now * width_us - newest) / SECOND
        width = width_us / SECOND
        for i in range(_OLDER if part == 0 else RING):
            slot = (now + i) % RING
            v = np.float64(rung["value"][slot])
            fresh = v == v
            if fresh:
                times[n] = (
                    begun + (i - RING + (np.float64(rung["share"][slot]) + 0.5) / SHARES) * width
                )
                values[n] = v
                n += 1
    mean, age, count = opened(head, rungs, row, below)
    if count > 0:
        full = max((CELL_S << below) / max(np.float64(head["period"]), 1e-3), 1.0)
        if fresh and count < 0.5 * full:
            part_of = count / full
            times[n - 1] = (times[n - 1] - part_of * age) / (1.0 + part_of)
            values[n - 1] = (values[n - 1] + part_of * mean) / (1.0 + part_of)
        else:
            times[n], values[n] = -age, mean
            n += 1
    if n == 0:
        times[0] = 0.0
    return n
