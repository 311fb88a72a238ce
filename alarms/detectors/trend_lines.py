"""Reads the ladder of trends: level and slope of each window, with honest uncertainty.

For each window of the ladder (alarms.detectors.trend_columns) the straight line through the whole
window and the slopes of its newest half and quarter are estimated together, by least squares on
bucket means whose errors follow one another: an Ornstein-Uhlenbeck noise, its memory weighed over a
grid by restricted likelihood (Harville 1977) and by what the steps from reading to reading show.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.detectors.trend_columns import (
    CELL_S,
    LEVELS,
    RING,
    SECOND,
    TICKS,
    WIDTHS_S,
    WINDOWS_S,
    Trends,
    opened,
)

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
Mask = NDArray[np.bool_]

HORIZONS_S: Final = np.minimum(10.0 * WINDOWS_S, 14_400.0)
"""How far ahead a window looks: ten times its length, at most four hours."""
LEAST: Final = 5
"""Buckets a window must hold, over at least LEAST_SPAN of its length."""
LEAST_SPAN: Final = 0.45
MEMORIES: Final = np.array([0.0, 0.25, 0.5, 0.7, 0.85, 0.95])
"""Correlation of the noise of neighbouring buckets: the grid that is weighed."""
_STEPS_SD: Final = 0.14
_STEPS_DOUBT: Final = 0.02
"""Steps speak for a memory with this standard deviation, and may be beside the point."""
_STEPS_FREEDOM: Final = np.array([8.0, 8.0, 6.0] + [0.0] * (LEVELS - 3))
"""How many readings' worth of freedom the point's known noise lends to the short windows."""
_BLOCK: Final = 512
"""Points looked at together: what they need stays in the processor's cache."""
_OLDER: Final = RING // 2
_POINTS: Final = _OLDER + RING + 1
_SUMS: Final = ("11", "1t", "tt", "1y", "ty", "yy", "1h", "th", "hh", "hy", "1q", "tq", "qq", "qy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A window's trend; arrays of one length. Level and slope are at the newest reading, per s."""

    point: Places
    window: Places
    span: Floats
    level: Floats
    slope: Floats
    level_var: Floats
    slope_var: Floats
    cross: Floats
    freedom: Floats
    half_level: Floats
    half_slope: Floats
    half_slope_var: Floats
    half_level_var: Floats
    half_cross: Floats
    quarter_slope: Floats
    quarter_slope_var: Floats

    def take(self, chosen: Mask) -> "Trend":
        """Return some of these trends."""
        return Trend(**{name: getattr(self, name)[chosen] for name in Trend.__slots__})


def candidates(
    trends: Trends, low: Floats, high: Floats, *, reach: Floats, sharp: Floats
) -> tuple[Places, Places]:
    """Return (point, window) pairs whose plain straight line comes near `low` or `high` in time.

    All arguments but trends have shape (n,), limits in the points' units (-inf, inf: none).
    `reach` stretches the horizon, `sharp` is the least slope in standard errors of a plain fit.
    """
    points: list[Places] = []
    windows: list[Places] = []
    for start in range(0, len(trends), _BLOCK):
        block = slice(start, start + _BLOCK)
        point, window = _near(trends[block], low[block], high[block], reach[block], sharp[block])
        points.append(point + start)
        windows.append(window)
    if not points:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    return np.concatenate(points), np.concatenate(windows)


def estimate(trends: Trends, point: Places, window: Places) -> Trend:
    """Estimate the trends of these (point, window) pairs."""
    t, y, w, width, zero = _series(trends, point, window)
    n = w.sum(0)
    span = np.maximum(-t.min(0), 1e-3)
    h = np.maximum(t + span / 2, 0) * w
    q = np.maximum(t + span / 4, 0) * w
    t = t * w
    k = len(point)
    decay = np.log(np.maximum(MEMORIES, 1e-300))[:, None]
    shape = (len(MEMORIES), k)
    sums = {name: np.zeros(shape) for name in _SUMS}
    logdet = np.zeros(shape)
    prev = {name: np.zeros(k) for name in "1thqy"}
    prev_t = np.zeros(k)
    seen = np.zeros(k, np.bool_)
    for i in range(_POINTS):
        m = w[i]
        if not m.any():
            continue
        here = {"1": m.astype(np.float64), "t": t[i], "h": h[i], "q": q[i], "y": y[i]}
        gap = np.where(seen & m, np.maximum((t[i] - prev_t) / width, 1e-3), np.inf)
        phi = np.exp(decay * gap)
        precision = m / (1 - phi * phi)
        logdet += np.where(m, np.log1p(-phi * phi), 0)
        fresh = {name: here[name] - phi * prev[name] for name in here}
        for name in _SUMS:
            sums[name] += precision * fresh[name[0]] * fresh[name[1]]
        for name in prev:
            prev[name] = np.where(m, here[name], prev[name])
        prev_t = np.where(m, t[i], prev_t)
        seen |= m
    return _solve(sums, logdet, n, span, zero, *_prior(trends, point, width), point, window)


def _near(
    trends: Trends, low: Floats, high: Floats, reach: Floats, sharp: Floats
) -> tuple[Places, Places]:
    age, value, here = _rings(trends)
    weight = here.astype(np.float32)
    n = weight.sum(0)
    many = np.maximum(n, 1)
    oldest = age.max(0)
    mean_t = age.sum(0) / many
    mean_v = value.sum(0) / many
    dt = (mean_t - age) * weight
    dv = (value - mean_v) * weight
    tt = np.maximum((dt * dt).sum(0), np.float32(1e-9))
    tv = (dt * dv).sum(0)
    vv = (dv * dv).sum(0)
    np.copyto(age, np.float32(9), where=~here)
    span = oldest - age.min(0)
    slope = tv / tt
    error = np.maximum(vv - slope * tv, 0) / (np.maximum(n - 2, 1) * tt)
    ends = mean_v + slope * mean_t + trends["origin"][:, None]
    ends += slope * (HORIZONS_S / WINDOWS_S) * reach[:, None]
    nears = ((slope > 0) & (ends >= high[:, None])) | ((slope < 0) & (ends <= low[:, None]))
    good = (n >= LEAST) & (span >= LEAST_SPAN) & (slope * slope >= sharp[:, None] ** 2 * error)
    point, window = np.nonzero(good & nears)
    return point, window


def _prior(trends: Trends, point: Places, width: Floats) -> tuple[Floats, Floats]:
    """Return what the steps from reading to reading say, for each memory, shape (memories, k).

    First the log odds of the memory, then the variance a bucket's mean has if it is true.
    """
    ones, twos = (trends[name][point].astype(np.float64) for name in ("steps1", "steps2"))
    ratio = np.clip(np.where(ones > 0, twos / np.maximum(ones, 1e-300), 1.0) - 1, 0, 1)
    blur = _STEPS_SD * np.sqrt(64 / np.clip(trends["count"][point], 1, 64))
    share = trends["period"][point].astype(np.float64) / width
    expected = MEMORIES[:, None] ** share
    odds = np.log(np.exp(-0.5 * ((ratio - expected) / blur) ** 2) + _STEPS_DOUBT)
    variance = ones / (2 * np.maximum(1 - expected, 1e-3))
    fewer = np.minimum(share, 1.0)
    return odds, variance * (expected + (1 - expected) * fewer)


def _solve(
    s: dict[str, Floats],
    logdet: Floats,
    n: NDArray[np.int64],
    span: Floats,
    zero: Floats,
    prior: Floats,
    quiet: Floats,
    point: Places,
    window: Places,
) -> Trend:
    det = np.maximum(s["11"] * s["tt"] - s["1t"] ** 2, 1e-12)
    v00, v01, v11 = s["tt"] / det, -s["1t"] / det, s["11"] / det
    a = v00 * s["1y"] + v01 * s["ty"]
    b = v01 * s["1y"] + v11 * s["ty"]
    sse = np.maximum(s["yy"] - a * s["1y"] - b * s["ty"], 0)

    def bend(name: str) -> tuple[Floats, Floats, Floats, Floats]:
        g0 = v00 * s["1" + name] + v01 * s["t" + name]
        g1 = v01 * s["1" + name] + v11 * s["t" + name]
        den = np.maximum(s[name * 2] - g0 * s["1" + name] - g1 * s["t" + name], 1e-12)
        c = (s[name + "y"] - a * s["1" + name] - b * s["t" + name]) / den
        return g0, g1, den, c

    h0, h1, hd, hc = bend("h")
    _, q1, qd, qc = bend("q")
    floor = 1e-12 * s["yy"] + 1e-30
    sse_h = np.maximum(sse - hc * hc * hd, floor)
    free = np.maximum(n - 3, 1).astype(np.float64)
    loglik = -0.5 * (free * np.log(sse_h) + logdet + np.log(det) + np.log(hd))
    loglik += prior
    loglik -= loglik.max(0)
    weight = np.exp(loglik)
    weight /= _total(weight)
    extra = _STEPS_FREEDOM[window]
    noise = (sse_h + extra * quiet) / (free + extra)

    def mixed(x: Floats, v: Floats) -> tuple[Floats, Floats]:
        mean = _total(weight * x)
        return mean, _total(weight * np.sqrt(v + (x - mean) ** 2)) ** 2

    slope, slope_var = mixed(b, noise * v11)
    level, level_var = mixed(a, noise * v00)
    cross = _total(weight * (noise * v01 + (a - level) * (b - slope)))
    turned, lifted = 1 - h1, span / 2 - h0
    bs, as_ = b + hc * turned, a + hc * lifted
    half_slope, half_var = mixed(bs, noise * (v11 + turned**2 / hd))
    half_level, half_level_var = mixed(as_, noise * (v00 + lifted**2 / hd))
    half_cross = _total(
        weight * (noise * (v01 + turned * lifted / hd) + (as_ - half_level) * (bs - half_slope))
    )
    quarter_slope, quarter_var = mixed(b + qc * (1 - q1), noise * (v11 + (1 - q1) ** 2 / qd))
    return Trend(
        point=point,
        window=window,
        span=span,
        level=level + zero,
        slope=slope,
        level_var=level_var,
        slope_var=slope_var,
        cross=cross,
        freedom=free + extra,
        half_level=half_level + zero,
        half_slope=half_slope,
        half_slope_var=half_var,
        half_level_var=half_level_var,
        half_cross=half_cross,
        quarter_slope=quarter_slope,
        quarter_slope_var=quarter_var,
    )


def _total(x: Floats) -> Floats:
    """Sum over the grid of memories, in one fixed order whatever the number of points."""
    total: Floats = x[0].copy()
    for row in x[1:]:
        total += row
    return total


def _rings(trends: Trends) -> tuple[NDArray[np.float32], NDArray[np.float32], Mask]:
    """Return age, value and validity of the buckets, shape (RING + 1, n, LEVELS), open ones last.

    Ages are shares of the level's window; what is not valid is 0.
    """
    value, age, count = opened(trends)
    shape = (RING + 1, len(trends), LEVELS)
    ages, values = np.empty(shape, np.float32), np.empty(shape, np.float32)
    now = (trends["time"] * TICKS // SECOND).astype(np.uint32)
    ages[:RING] = (now[:, None, None] - trends["stamp"]).transpose(2, 0, 1)
    ages[:RING] *= (1 / (TICKS * WINDOWS_S)).astype(np.float32)
    values[:RING] = trends["value"].transpose(2, 0, 1)
    ages[RING] = age / WINDOWS_S
    values[RING] = np.where(count > 0, value, np.nan)
    here = (values == values) & (ages <= np.float32((RING + 1.5) / RING))
    np.copyto(values, 0, where=~here)
    np.copyto(ages, 0, where=~here)
    return ages, values, here


def _series(
    trends: Trends, point: Places, window: Places
) -> tuple[Floats, Floats, Mask, Floats, Floats]:
    """Return times (s, <= 0), values and validity, oldest first, shape (_POINTS, k).

    Then the width of the finer buckets in s, and the value that stands for zero.

    The older half has the window's own buckets, the newest half those of the level below.
    """
    k = len(point)
    times, values = np.zeros((_POINTS, k)), np.zeros((_POINTS, k))
    here = np.zeros((_POINTS, k), np.bool_)
    below = np.maximum(window - 1, 0)
    cell, now = trends["cell"][point], trends["time"][point]
    ticks_now = (now * TICKS // SECOND).astype(np.uint32)
    value, stamp = trends["value"], trends["stamp"]
    for i in range(_POINTS - 1):
        level = window if i < _OLDER else below
        index = (cell >> level) + (i - RING if i < _OLDER else i - _OLDER - RING)
        slot = index % RING
        v = value[point, level, slot]
        s = stamp[point, level, slot]
        begin = (index * ((CELL_S * TICKS) << level)).astype(np.uint32)
        ok = ~np.isnan(v) & (s - begin < ((CELL_S * TICKS) << level).astype(np.uint32))
        if i < _OLDER:
            ok &= window > 0
        here[i] = ok
        times[i] = np.where(ok, (ticks_now - s) * (-1.0 / TICKS), 0)
        values[i] = np.where(ok, v, 0)
    mean, age, count = opened(trends[point])
    rows = np.arange(k)
    n = count[rows, below]
    width = WIDTHS_S[below]
    full = np.maximum(width / np.maximum(trends["period"][point], 1e-3), 1)
    i = _POINTS - 1
    times[i], values[i] = -age[rows, below], mean[rows, below]
    share = np.where(n < 0.5 * full, n / full, 0)
    before = here[i - 1] & (share > 0)
    for column in (times, values):
        merged = (column[i - 1] + share * column[i]) / (1 + share)
        column[i - 1] = np.where(before, merged, column[i - 1])
    here[i] = (n > 0) & ~before
    values *= here
    times *= here
    centre = values[_POINTS - 1].copy()
    for row in values[:-1]:
        centre += row
    centre /= np.maximum(here.sum(0), 1)
    return times, (values - centre) * here, here, width, centre + trends["origin"][point]
