"""What a delay or a deadband would do, computed from a point's own past (alarms.md 4.1)."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from alarms.readings import Instants, Mask, Values

CHOICES: Final = ((1, 1), (2, 1), (2, 2), (3, 1), (3, 3), (5, 3))
"""Delays to choose from: n samples over to raise, m samples under to return."""
WINDOWS: Final = ((2, 3), (3, 5), (4, 5))
"""Confirmations to choose from: n of the last so many samples over to raise, fewer to return."""
BASE_RATE: Final = 0.010
"""False raises a point and day one can live with: the national base rate (alarms.md 2.1)."""
OVER_WHEN_ABNORMAL: Final = 0.90
"""Share of samples over in an abnormal state, where the past holds none (alarms.md 4.1)."""
WINDOW: Final = 15
"""Samples whose median tells whether a point was beyond its limit or only its noise was."""
_LEAST: Final = 4 * WINDOW
_DAY_S: Final = 86_400.0
_CHAINED: Final = 10
"""Wider windows have too many states to be predicted in no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """What n samples to raise and m to return lead to; rates as shares of time.

    With `window` n of the last so many raise, and fewer return.
    """

    n: int
    m: int
    false_alarm_rate: float
    missed_alarm_rate: float
    delay_samples: float
    false_raises_per_day: float
    window: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a point's past says of one limit; `period_s` is the usual spacing of its samples.

    `over_when_abnormal` is None where the point was never beyond the limit.
    """

    samples: int
    period_s: float
    over_when_normal: float
    over_when_abnormal: float | None


def delay(n: int, m: int, *, p: float, q: float, period_s: float) -> Delay:
    """Predict what an n-sample on-delay with an m-sample off-delay does.

    `p` is the probability of a sample over the limit in the normal state, `q` in the abnormal one,
    both within (0, 1); samples are taken as independent. The chain counts consecutive samples: it
    waits (1 - s^k) / ((1 - s) s^k) samples for k in a row of probability s (Feller, An Introduction
    to Probability Theory I, XIII.7), so it is a renewal process of raises and returns. Delay timers
    as Markov chains: Xu, Wang, Izadi, Chen, Performance assessment and design for univariate alarm
    systems based on FAR, MAR, and AAD, IEEE T-ASE 9(2), 2012. `delay_samples` counts after the
    first sample of the abnormal state.
    """
    to_raise, to_return = _wait(p, n), _wait(1 - p, m)
    to_detect, to_lose = _wait(q, n), _wait(1 - q, m)
    return Delay(
        n=n,
        m=m,
        false_alarm_rate=to_return / (to_raise + to_return),
        missed_alarm_rate=to_detect / (to_detect + to_lose),
        delay_samples=to_detect - 1,
        false_raises_per_day=_DAY_S / period_s / (to_raise + to_return),
    )


def confirmed(n: int, window: int, *, p: float, q: float, period_s: float) -> Delay:
    """Predict what a confirmation by n of the last `window` samples does, without delays.

    `p` and `q` as in `delay`. How many of a window are over is binomial; a raise is a sample over
    that pushes one not over out of a window with n - 1 others. The time to detect is that of a
    scan: a chain over the last samples, from a window with none over (Glaz, Naus, Wallenstein, Scan
    Statistics, 2001, chapter 4).
    """
    over = [math.comb(window, k) * p**k * (1 - p) ** (window - k) for k in range(n, window + 1)]
    short = [math.comb(window, k) * q**k * (1 - q) ** (window - k) for k in range(n)]
    raises = math.comb(window - 1, n - 1) * (p * (1 - p) * p ** (n - 1) * (1 - p) ** (window - n))
    return Delay(
        n=n,
        m=1,
        window=window,
        false_alarm_rate=sum(over),
        missed_alarm_rate=sum(short),
        delay_samples=_scan(n, window, q) - 1,
        false_raises_per_day=_DAY_S / period_s * raises,
    )


def past(times: Instants, values: Values, *, limit: float, above: bool) -> Past | None:
    """Learn from readings in order of time how often a limit is passed; None where there are few.

    A sample counts as abnormal while the median of the samples around it is beyond the limit.
    Where the normal state never passed it, the 95 % bound stands: three in so many samples
    (Hanley, Lippman-Hand, JAMA 249, 1983).
    """
    if len(values) < _LEAST:
        return None
    period = float(np.median(np.diff(times))) / 1e6
    if period <= 0:
        return None
    over: Mask = values >= limit if above else values <= limit
    around = np.pad(values, WINDOW // 2, mode="edge")
    medians = np.median(sliding_window_view(around, WINDOW), axis=1)
    abnormal: Mask = medians >= limit if above else medians <= limit
    normal = int((~abnormal).sum())
    if normal < _LEAST:
        return None
    passed = int((over & ~abnormal).sum())
    beyond = int(abnormal.sum())
    return Past(
        samples=len(values),
        period_s=period,
        over_when_normal=min(max(passed, 3.0) / normal if passed < 3 else passed / normal, 0.5),
        over_when_abnormal=(
            min(float((over & abnormal).sum()) / beyond, 1 - 1 / (beyond + 1)) if beyond else None
        ),
    )


def choices(known: Past, present: tuple[int, int] = (1, 1)) -> list[Delay]:
    """Predict every delay and confirmation one may choose, and the `present` one, n of the last m.

    A present one of more than 10 readings is left out.
    """
    found = OVER_WHEN_ABNORMAL if known.over_when_abnormal is None else known.over_when_abnormal
    p, q, period = known.over_when_normal, max(found, 0.5), known.period_s
    windows = [*WINDOWS]
    if 1 < present[1] <= _CHAINED and present not in windows:
        windows.append(present)
    return [
        *(delay(n, m, p=p, q=q, period_s=period) for n, m in CHOICES),
        *(confirmed(n, window, p=p, q=q, period_s=period) for n, window in windows),
    ]


def best(delays: list[Delay]) -> Delay:
    """Return the fastest that stays at the base rate, and of those the one that misses least."""
    quiet = [each for each in delays if each.false_raises_per_day <= BASE_RATE]
    if not quiet:
        return min(delays, key=lambda each: each.false_raises_per_day)
    return min(quiet, key=lambda each: (each.delay_samples, each.missed_alarm_rate))


def noise(values: Values) -> float:
    """Return the standard deviation of a point's noise, robust against trends and spikes.

    From the differences of neighbours: 1.4826 times their median deviation over the root of two
    (Rousseeuw, Croux, JASA 88, 1993); where most neighbours are equal, from their mean deviation.
    """
    if len(values) < 3:
        return 0.0
    steps = np.abs(np.diff(values))
    spread = 1.4826 * float(np.median(steps))
    if spread == 0.0:
        spread = math.sqrt(math.pi / 2) * float(np.mean(steps))
    return spread / math.sqrt(2)


def deadband(values: Values) -> float:
    """Return the deadband that three standard deviations of the noise ask for, two digits."""
    wanted = 3 * noise(values)
    if wanted <= 0.0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return float(f"{math.ceil(wanted / unit - 1e-9) * unit:.12g}")


def _wait(share: float, count: int) -> float:
    """Return how many samples pass until `count` in a row of probability `share` have come."""
    return (1 - share**count) / ((1 - share) * share**count)


def _scan(n: int, window: int, share: float) -> float:
    """Return how many samples pass until n of the last `window`, of probability `share`, came.

    A state is which of the last window - 1 samples came, as bits.
    """
    states = 1 << (window - 1)
    leads = np.eye(states)
    for past in range(states):
        leads[past, (past << 1) % states] -= 1 - share
        if past.bit_count() + 1 < n:
            leads[past, (past << 1 | 1) % states] -= share
    return float(np.linalg.solve(leads, np.ones(states))[0])
