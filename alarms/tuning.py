"""What a delay or a deadband would do, computed from a point's own past (alarms.md 4.1)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

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
_POISSON_95: Final = (3.0, 4.74, 6.30)
"""How many may have to be expected, at 95 %, where none, one or two were seen."""
_RAREST: Final = 1e-6
_STATES: Final = 1500
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

    `normal` samples were in the normal state, `passed` of them over the limit. With fewer than 3
    there is no rate to go by: `over_when_normal` is its 95 % bound then, and `bound` is True.
    `under_...` are shares beyond the release: with a deadband some lie between. Those of the
    abnormal state are None where the point was never in it.
    """

    samples: int
    period_s: float
    normal: int
    passed: int
    over_when_normal: float
    over_when_abnormal: float | None
    under_when_normal: float
    under_when_abnormal: float | None

    @property
    def bound(self) -> bool:
        """Tell whether too little passed the limit to predict from."""
        return self.passed < len(_POISSON_95)

    @property
    def hours(self) -> float:
        """Return how long the point was watched in its normal state."""
        return self.normal * self.period_s / 3600


class Unlearned(StrEnum):
    """Why a past says nothing of a limit."""

    few = "fewer than 60 judged readings"
    timeless = "its readings have no spacing in time"
    abnormal = "fewer than 60 readings in the normal state"


def delay(
    n: int,
    m: int,
    *,
    p: float,
    q: float,
    period_s: float,
    under: tuple[float, float] | None = None,
) -> Delay:
    """Predict what an n-sample on-delay with an m-sample off-delay does.

    `p` is the probability of a sample over the limit in the normal state, `q` in the abnormal one,
    both within (0, 1); `under` those of a sample beyond the release, None without a deadband. What
    lies between holds the verdict before it. Samples are taken as independent. The chain counts
    verdicts in a row (Feller, An Introduction to Probability Theory I, XIII.7), so it is a renewal
    process of raises and returns. Delay timers as Markov chains: Xu, Wang, Izadi, Chen, Performance
    assessment and design for univariate alarm systems based on FAR, MAR, and AAD, IEEE T-ASE 9(2),
    2012. `delay_samples` counts after the first sample of the abnormal state.
    """
    normal, abnormal = (1 - p, 1 - q) if under is None else under
    to_raise, to_return = _wait(p, 1 - normal, n), _wait(normal, 1 - p, m)
    to_detect, to_lose = _wait(q, 1 - abnormal, n), _wait(abnormal, 1 - q, m)
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

    `p` and `q` as in `delay`; a deadband, which makes raises fewer, is left out. How many of a
    window are over is binomial; a raise is a sample over that pushes one not over out of a window
    with n - 1 others. The time to detect is that of a scan: a chain over the last samples, from a
    window with none over (Glaz, Naus, Wallenstein, Scan Statistics, 2001, chapter 4).
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


def confirmed_and_delayed(
    n: int, window: int, on: int, off: int, *, p: float, q: float, period_s: float
) -> Delay | None:
    """Predict what `on` confirmed verdicts in a row to raise and `off` to return do.

    As `confirmed`, whose verdicts are counted; None where there are too many states to solve. A
    state is which of the last window - 1 samples were over, raised or not, and the run so far.
    """
    if (on + off) << (window - 1) > _STATES:
        return None
    steady, leads = _steady(n, window, on, off, p)
    bits = 1 << (window - 1)
    clear = on * bits
    waiting = np.eye(clear) - _steady(n, window, on, off, q)[1][:clear, :clear]
    return Delay(
        n=on,
        m=off,
        window=window,
        false_alarm_rate=float(steady[clear:].sum()),
        missed_alarm_rate=float(_steady(n, window, on, off, q)[0][:clear].sum()),
        delay_samples=float(np.linalg.solve(waiting, np.ones(clear))[0]) - 1,
        false_raises_per_day=max(
            0.0, float(steady[:clear] @ leads[:clear, clear:].sum(axis=1)) * _DAY_S / period_s
        ),
    )


def abnormal_states(values: Values, *, limit: float, above: bool) -> Mask:
    """Tell of each reading whether the median of those around it is beyond the limit."""
    if len(values) < WINDOW:
        return np.zeros(len(values), np.bool_)
    around = np.pad(values, WINDOW // 2, mode="edge")
    medians = np.median(sliding_window_view(around, WINDOW), axis=1)
    beyond: Mask = medians >= limit if above else medians <= limit
    return beyond


def past(
    times: Instants,
    values: Values,
    abnormal: Mask,
    *,
    limit: float,
    above: bool,
    deadband: float = 0.0,
) -> Past | Unlearned:
    """Learn from readings in order of time how often a limit is passed.

    `abnormal` is what `abnormal_states` says of them. Where fewer than 3 normal ones passed the
    limit, the 95 % bound stands for their share: 3 in so many samples where none did (Hanley,
    Lippman-Hand, JAMA 249, 1983), and likewise by Poisson's law for one and two (Garwood, 1936).
    """
    if len(values) < _LEAST:
        return Unlearned.few
    period = float(np.median(np.diff(times))) / 1e6
    if period <= 0:
        return Unlearned.timeless
    sign = 1.0 if above else -1.0
    over: Mask = sign * values >= sign * limit
    under: Mask = sign * values < sign * limit - deadband
    normal = int((~abnormal).sum())
    if normal < _LEAST:
        return Unlearned.abnormal
    passed = int((over & ~abnormal).sum())
    beyond = int(abnormal.sum())
    p = min((_POISSON_95[passed] if passed < len(_POISSON_95) else passed) / normal, 0.5)
    return Past(
        samples=len(values),
        period_s=period,
        normal=normal,
        passed=passed,
        over_when_normal=p,
        over_when_abnormal=(
            min(float((over & abnormal).sum()) / beyond, 1 - 1 / (beyond + 1)) if beyond else None
        ),
        under_when_normal=min(max(float((under & ~abnormal).sum()) / normal, 1 / normal), 1 - p),
        under_when_abnormal=float((under & abnormal).sum()) / beyond if beyond else None,
    )


def predicted(known: Past, n: int, m: int, confirmation: tuple[int, int] = (1, 1)) -> Delay | None:
    """Predict n samples over to raise and m under to return, each confirmed where that is set.

    None where a confirmation is too wide to be predicted.
    """
    p, q, under = _shares(known)
    of, window = confirmation
    if window == 1:
        return delay(n, m, p=p, q=q, under=under, period_s=known.period_s)
    if window > _CHAINED:
        return None
    if (n, m) == (1, 1):
        return confirmed(of, window, p=p, q=q, period_s=known.period_s)
    return confirmed_and_delayed(of, window, n, m, p=p, q=q, period_s=known.period_s)


def choices(known: Past) -> list[Delay]:
    """Predict every delay and every confirmation one may choose."""
    p, q, under = _shares(known)
    return [
        *(delay(n, m, p=p, q=q, under=under, period_s=known.period_s) for n, m in CHOICES),
        *(confirmed(n, window, p=p, q=q, period_s=known.period_s) for n, window in WINDOWS),
    ]


def best(delays: Sequence[Delay]) -> int:
    """Return the place of the fastest that stays at the base rate, of those that miss least.

    The first of equals; where none stays there, of the one that raises falsely least.
    """
    places = range(len(delays))
    quiet = [place for place in places if delays[place].false_raises_per_day <= BASE_RATE]
    if not quiet:
        return min(places, key=lambda place: delays[place].false_raises_per_day)
    return min(
        quiet, key=lambda place: (delays[place].delay_samples, delays[place].missed_alarm_rate)
    )


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


def _shares(known: Past) -> tuple[float, float, tuple[float, float]]:
    """Return the shares over when normal and abnormal, and those under, within (0, 1)."""
    seen = known.over_when_abnormal
    q = max(OVER_WHEN_ABNORMAL if seen is None else seen, 0.5)
    below = known.under_when_abnormal
    lost = 1 - q if below is None else min(max(below, _RAREST), 1 - q)
    return known.over_when_normal, q, (known.under_when_normal, lost)


def _wait(first: float, next_: float, count: int) -> float:
    """Return how many samples pass until `count` verdicts in a row have come.

    The first comes with one probability, each after it with the other; a run that breaks begins
    anew. Beyond what floats can tell it is a time nobody lives to see.
    """
    tries = count - 1.0 if next_ == 1 else (1 - next_ ** (count - 1)) / (1 - next_)
    return (1 / first + tries) / max(next_ ** (count - 1), 1e-200)


def _steady(
    n: int, window: int, on: int, off: int, share: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how often each state is taken in the long run, and the chances from each to each.

    States are ordered by run, those of no alarm first, and within it by the samples as bits.
    """
    bits = 1 << (window - 1)
    leads = np.zeros(((on + off) * bits,) * 2)
    for run in range(on + off):
        for past in range(bits):
            for over, chance in ((1, share), (0, 1 - share)):
                confirms = past.bit_count() + over >= n
                if run < on:
                    then = run + 1 if confirms else 0
                else:
                    then = on if confirms else (run + 1) % (on + off)
                leads[run * bits + past, then * bits + (past << 1 | over) % bits] += chance
    balance = leads.T - np.eye(len(leads))
    balance[-1] = 1.0
    wanted = np.zeros(len(leads))
    wanted[-1] = 1.0
    return np.linalg.solve(balance, wanted).astype(np.float64), leads


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
