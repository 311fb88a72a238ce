"""When a straight line of uncertain level and slope meets a limit, and how surely."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.trend_lines import CROSS, FREEDOM, LEVEL_VAR, SLOPE_VAR

Floats = NDArray[np.float64]

COVER: Final = 0.8
_COVER_Z: Final = 1.17
"""Half-width of the stated interval: calibrated on the generator of alarms.md 4.2."""
LOW_S, HIGH_S = 1, 2
"""Places of the interval's bounds in what is said of a limit."""


@kernel
def interval(
    gap: float, rate: float, gap_var: float, rate_var: float, cross: float, line: Floats
) -> None:
    """Say when the trend's band reaches the limit, earliest and latest (Fieller 1954).

    The level ahead at x is gap - rate x short of the limit, with variance
    gap_var + 2 cross x + rate_var x^2.
    """
    q = _COVER_Z * _COVER_Z
    a = rate * rate - q * rate_var
    b = gap * rate + q * cross
    c = gap * gap - q * gap_var
    if a <= 0:
        line[LOW_S], line[HIGH_S] = 0.0, np.inf
        return
    root = math.sqrt(max(b * b - a * c, 0.0))
    line[LOW_S], line[HIGH_S] = max((b - root) / a, 0.0), max((b + root) / a, 0.0)


@kernel
def chance(gap: float, rate: float, trend: Floats, horizon: float) -> float:
    """Return the probability of being at the limit by the horizon if the trend goes on."""
    spread = trend[LEVEL_VAR] + 2 * horizon * trend[CROSS] + horizon * horizon * trend[SLOPE_VAR]
    z = deviate(rate * horizon - gap, max(spread, 1e-300), trend[FREEDOM])
    # Tocher's logistic form of the normal distribution, within 0.02 of it.
    return 1.0 / (1.0 + math.exp(-2.0 * math.sqrt(2.0 / math.pi) * min(max(z, -40.0), 40.0)))


@kernel
def deviate(x: float, variance: float, freedom: float) -> float:
    """Return x in standard errors, as the normal deviate as rare as Student's t (Wallace 1959)."""
    if variance <= 0:
        return 0.0
    t = x / math.sqrt(variance)
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    z = scale * math.sqrt(freedom * math.log1p(t * t / freedom))
    return z if t > 0 else -z
