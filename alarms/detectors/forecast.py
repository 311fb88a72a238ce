"""The forecast detector: when a point will reach its limits, as far as its trends tell.

A limit is forecast where, in one window of the ladder at least, the slope is significant, the
straight line and the newest half both reach the limit within the horizon, and the newest quarter
does not say that the rise has stopped (alarms.md 4.2). One configuration serves every point.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import Tier
from alarms.detectors.trend_columns import LEVELS, SECOND, WINDOWS_S, Trends
from alarms.detectors.trend_lines import HORIZONS_S, LEAST_SPAN, Trend, candidates, estimate
from alarms.rules import HIGH, LOW, SLOTS

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

EVERY: Final = 10 * SECOND
"""A point is judged at most once in this much event time (Micros)."""
RISE_Z: Final = np.array([5.6, 5.6, 5.4, 4.5, 3.2] + [3.5] * (LEVELS - 5))
"""How sure of its slope a window must be, as a normal deviate.

Short windows have their chance more often, and the memory of the noise hides from them. 3.2 at
15 minutes is what the hits of alarms.md 4.2 under correlated noise allow.
"""
HALF_Z: Final = 1.0
HALF_SHARE: Final = 0.4
"""The newest half must go on at this share of the whole window's slope at least."""
STOPPED_Z: Final = -3.5
STOPPED_SHARE: Final = 0.3
"""Where the newest part falls short by so much, of a shorter window's share, the rise is over."""
_BENT_Z: Final = 2.0
"""From this difference on the newest half's slope gives the time, not the whole's."""
COVER: Final = 0.8
_COVER_Z: Final = 1.17
"""Half-width of the stated interval: calibrated on the generator of alarms.md 4.2."""
YELLOW_S: Final = 1800.0
ORANGE_S: Final = 600.0
RECEDE: Final = 1.25
"""A tier is kept until the limit is this much farther away than the tier's bound."""
MISSES: Final = 3
"""Judgements in a row that must fail before a standing forecast is withdrawn."""
_BLUR: Final = 2.0
"""A window whose interval is so many times as wide as another's does not speak first."""
_KEEP: Final = 0.6
_SIGN: Final = np.array([-1.0, -1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What trends say of each limit, shape (n, SLOTS); NaN where nothing leads to it.

    `eta_s` is the time left from the point's newest reading, `low_s` and `high_s` bound it with
    probability COVER, `later_s` is the later of what the whole window and its newest half say:
    tiers go by that. `probability` is that of reaching the limit within the window's horizon,
    `window_s` the length of the window that tells, `rate` its slope in unit/s. `strong` marks
    what may raise a forecast, `weak` what keeps one.
    """

    eta_s: Floats
    low_s: Floats
    high_s: Floats
    later_s: Floats
    probability: Floats
    window_s: Floats
    rate: Floats
    strong: Mask
    weak: Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The forecasts that stand, shape (n, SLOTS), int8: tier (0: none) and failed judgements."""

    tier: NDArray[np.int8]
    misses: NDArray[np.int8]

    @classmethod
    def clear(cls, points: int) -> Self:
        """Return so many points without a forecast."""
        shape = (points, SLOTS)
        return cls(tier=np.zeros(shape, np.int8), misses=np.zeros(shape, np.int8))


def judge(trends: Trends, on: Floats, deadband: Floats, standing: Standing) -> Outlook:
    """Say what the trends of these points lead to; nothing is changed.

    `on` are the limits, mirrored at low sides (alarms.rules.Ruleset), shape (n, SLOTS); inf is
    no limit. `deadband`, shape (n,), is the smallest departure that may raise a forecast.
    """
    stands = (standing.tier > 0).any(axis=1)
    low, high = _next_limits(trends, on)
    point, window = candidates(
        trends,
        low,
        high,
        reach=np.where(stands, 2.5, 1.7),
        sharp=np.where(stands, 0.8, 2.0),
    )
    outlook = _nothing(len(trends))
    if len(point) == 0:
        return outlook
    trend = estimate(trends, point, window)
    trend = trend.take(_leads(trend))
    trend = trend.take(~_stopped(trends, trend))
    point = trend.point
    for slot in range(SLOTS):
        has = np.isfinite(on[point, slot])
        if has.any():
            _look(outlook, slot, trend, on[point, slot], deadband[point])
    return outlook


def step(standing: Standing, outlook: Outlook) -> Standing:
    """Return the forecasts that stand after a judgement.

    One raises at once and its tier rises at once; the tier falls when the limit has receded, and
    the forecast is withdrawn after MISSES judgements without even a weak sign of the trend.
    """
    was = standing.tier
    later = outlook.later_s
    tier = np.full(was.shape, int(Tier.blue), np.int8)
    for bound, grade in ((YELLOW_S, Tier.yellow), (ORANGE_S, Tier.orange)):
        slack = np.where(was >= grade, RECEDE, 1.0)
        tier[later <= bound * slack] = int(grade)
    keeps = (was > 0) & outlook.weak
    misses = np.where((was > 0) & ~keeps, standing.misses + 1, 0).astype(np.int8)
    waits = (misses > 0) & (misses < MISSES)
    seen = outlook.strong | keeps
    new = np.where(seen, tier, np.where(waits, was, 0)).astype(np.int8)
    return Standing(tier=new, misses=np.where(waits, misses, 0).astype(np.int8))


def _next_limits(trends: Trends, on: Floats) -> tuple[Floats, Floats]:
    """Return the nearest limits not reached yet on either side; -inf, inf where there are none."""
    x = (trends["origin"] + trends["last"])[:, None]
    low = np.where(on[:, LOW] > -x, on[:, LOW], np.inf).min(axis=1)
    high = np.where(on[:, HIGH] > x, on[:, HIGH], np.inf).min(axis=1)
    return -low, high


def _nothing(points: int) -> Outlook:
    shape = (points, SLOTS)
    none = [np.full(shape, np.nan) for _ in range(7)]
    return Outlook(
        eta_s=none[0],
        low_s=none[1],
        high_s=none[2],
        later_s=none[3],
        probability=none[4],
        window_s=none[5],
        rate=none[6],
        strong=np.zeros(shape, np.bool_),
        weak=np.zeros(shape, np.bool_),
    )


def _leads(trend: Trend) -> Mask:
    """Tell which trends may lead anywhere: a slope, and a newest half that keeps up with it."""
    size = np.abs(trend.slope)
    full = trend.span >= LEAST_SPAN * WINDOWS_S[trend.window]
    sure = _deviate(size, trend.slope_var, trend.freedom)
    leads: Mask = full & (trend.freedom >= 2) & (sure >= _KEEP * RISE_Z[trend.window])
    return leads & (np.sign(trend.slope) * trend.half_slope >= _KEEP * HALF_SHARE * size)


def _stopped(trends: Trends, trend: Trend) -> Mask:
    """Tell where the newest part says that the trend is over.

    The newest quarter is asked by its slope in the same fit and, where the ladder has them, the
    windows a quarter and an eighth as long are asked themselves.
    """
    way, size = np.sign(trend.slope), np.abs(trend.slope)
    quarter = way * trend.quarter_slope
    stopped = _deviate(quarter - size, trend.quarter_slope_var, trend.freedom) < STOPPED_Z
    for shorter in (2, 3):
        asked = np.flatnonzero(~stopped & (trend.window >= shorter))
        if len(asked):
            newest = estimate(trends, trend.point[asked], trend.window[asked] - shorter)
            rate = way[asked] * newest.slope - STOPPED_SHARE * size[asked]
            known = (newest.freedom >= 2) & (newest.span >= LEAST_SPAN * WINDOWS_S[newest.window])
            over = _deviate(rate, newest.slope_var, newest.freedom) < STOPPED_Z
            stopped[asked] = known & over
    return stopped


def _look(outlook: Outlook, slot: int, trend: Trend, on: Floats, deadband: Floats) -> None:
    """Write down what each window says of one limit; the best of them has the last word.

    That is the longest one that is straight and not much vaguer than another.
    """
    sign = _SIGN[slot]
    rate, half_rate = sign * trend.slope, sign * trend.half_slope
    gap, half_gap = on - sign * trend.level, on - sign * trend.half_level
    horizon = HORIZONS_S[trend.window]
    with np.errstate(all="ignore"):
        line_s = np.where(gap <= 0, 0.0, np.where(rate > 0, gap / rate, np.inf))
        half_s = np.where(half_gap <= 0, 0.0, np.where(half_rate > 0, half_gap / half_rate, np.inf))
    later = np.maximum(line_s, half_s)
    leads = np.isfinite(on) & (rate > 0) & (half_rate > 0) & (rate * trend.span >= deadband)
    strong = leads & (_deviate(rate, trend.slope_var, trend.freedom) >= RISE_Z[trend.window])
    strong &= _deviate(half_rate, trend.half_slope_var, trend.freedom) >= HALF_Z
    strong &= (half_rate >= HALF_SHARE * rate) & (later <= horizon)
    weak = leads & (later <= horizon / _KEEP)
    bends = np.abs(_deviate(half_rate - rate, trend.half_slope_var, trend.freedom)) > _BENT_Z
    eta = np.where(bends, half_s, line_s)
    low, high = _interval(
        np.where(bends, half_gap, gap),
        np.where(bends, half_rate, rate),
        np.where(bends, trend.half_level_var, trend.level_var),
        np.where(bends, trend.half_slope_var, trend.slope_var),
        np.where(bends, trend.half_cross, trend.cross),
    )
    columns = (
        (outlook.eta_s, eta),
        (outlook.low_s, low),
        (outlook.high_s, high),
        (outlook.later_s, later),
        (outlook.probability, _chance(gap, rate, trend, horizon)),
        (outlook.window_s, WINDOWS_S[trend.window]),
        (outlook.rate, sign * rate),
    )
    with np.errstate(invalid="ignore"):
        blur = np.where(strong | weak, high - low, np.inf)
    least = np.full(len(outlook.weak), np.inf)
    np.minimum.at(least, trend.point, blur)
    trusted = ~bends & (blur <= _BLUR * least[trend.point])
    best_last = np.argsort(trend.window + LEVELS * trusted, kind="stable")
    for mask, marked in ((weak, outlook.weak), (strong, outlook.strong)):
        chosen = best_last[mask[best_last]]
        rows = trend.point[chosen]
        marked[rows, slot] = True
        for column, found in columns:
            column[rows, slot] = found[chosen]


def _interval(
    gap: Floats, rate: Floats, gap_var: Floats, rate_var: Floats, cross: Floats
) -> tuple[Floats, Floats]:
    """Return when the trend's band reaches the limit, earliest and latest (Fieller 1954).

    The level ahead at x is gap - rate x short of the limit, with variance
    gap_var + 2 cross x + rate_var x^2.
    """
    q = _COVER_Z**2
    with np.errstate(all="ignore"):  # a limit that is absent is infinitely far
        a = rate * rate - q * rate_var
        b = gap * rate + q * cross
        c = gap * gap - q * gap_var
        root = np.sqrt(np.maximum(b * b - a * c, 0))
        low = np.where(a > 0, (b - root) / a, 0.0)
        high = np.where(a > 0, (b + root) / a, np.inf)
    return np.maximum(low, 0), np.maximum(high, 0)


def _chance(gap: Floats, rate: Floats, trend: Trend, horizon: Floats) -> Floats:
    """Return the probability of being at the limit by the horizon if the trend goes on."""
    spread = trend.level_var + 2 * horizon * trend.cross + horizon**2 * trend.slope_var
    z = _deviate(rate * horizon - gap, np.maximum(spread, 1e-300), trend.freedom)
    # Tocher's logistic form of the normal distribution, within 0.02 of it.
    chance: Floats = 1 / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * np.clip(z, -40, 40)))
    return chance


def _deviate(x: Floats, variance: Floats, freedom: Floats) -> Floats:
    """Return x in standard errors, as the normal deviate as rare as Student's t (Wallace 1959)."""
    with np.errstate(all="ignore"):
        t = x / np.sqrt(variance)
        scale = (8 * freedom + 1) / (8 * freedom + 3)
        z = np.sign(t) * scale * np.sqrt(freedom * np.log1p(t * t / freedom))
    known: Floats = np.where(np.isfinite(z), z, 0.0)
    return known
