"""The deviation detector: a point against its own past, whatever its limits say.

Arrays in, new arrays out, one row a point, one reading a row. A point remembers its level, the
level of each hour of the day, its usual step, short and longer means of what is left, and how
restless it is; all forget slowly. Each of those views gives a departure in units of its own usual
size, and of each departure only the tail is kept: the departure passed by 3 % of readings and how
fast rarer ones thin out (a Pareto tail, fitted as Hill 1975 does, one reading at a time). So every
view states how rare the present reading is, -log10 p, and the score is a power mean over the views:
one view that is very surprised counts, several mildly surprised ones together do too.
"""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.readings import Instants, Mask, Values

VIEWS: Final = (
    "value",
    "value_for_the_hour",
    "step",
    "short_mean",
    "long_mean",
    "short_mean_for_the_hour",
    "long_mean_for_the_hour",
    "noise_grown_short",
    "noise_grown_long",
    "noise_vanished_short",
    "noise_vanished_long",
)
"""What a departure is seen in, in the order of the tails."""
LEARN: Final = 300
"""Readings a point is silent for, unless its rule says otherwise."""
BAR: Final = 9.25
"""Score from which a deviation raises, unless its rule says otherwise; 6.5 is sensitive."""
REST: Final = 120
"""Readings an alarm stands at least; what follows the first surprise belongs to it."""
QUIET: Final = 60
"""Readings in a row under the bar after which a rested alarm returns."""

_SLOW: Final = 1 / 1500
_TAIL: Final = 0.03
_HOURLY: Final = 1 / 120
_BRIEF: Final = np.array([1 / 8, 1 / 48])
_CLIP: Final = 6.0
_FLOOR: Final = 1e-3
_SETTLED: Final = 30
_HOURS: Final = 24
_HOUR: Final = 3_600_000_000

_LEVEL, _SPREAD, _LAST, _STEP, _LEFT = range(5)
_MEAN: Final = slice(5, 9)
_MEAN_SPREAD: Final = slice(9, 13)
_RESTLESS: Final = slice(13, 15)
_NOISE: Final = slice(15, 17)
_NOISE_SPREAD: Final = slice(17, 19)
_COLUMNS: Final = 19

Columns = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What is remembered of k points, 481 bytes each.

    `slow`, shape (k, 19), holds levels and spreads in the point's unit; `hours`, shape (k, 24), the
    level of each hour (UTC) and `visits` its readings, 255 at most; `tail`, shape (k, 2, 11), where
    each view's tail begins and how fast it thins out. `since` and `quiet` count readings since the
    raise and since the score was last at the bar; `height` is the score at the raise.
    """

    slow: Columns
    hours: Columns
    visits: NDArray[np.uint8]
    tail: NDArray[np.float32]
    seen: NDArray[np.int32]
    time: Instants
    since: NDArray[np.int32]
    quiet: NDArray[np.int32]
    height: NDArray[np.float32]
    active: Mask

    @classmethod
    def fresh(cls, points: int) -> Self:
        """Return so many points of which nothing has been seen."""
        tail = np.zeros((points, 2, len(VIEWS)), np.float32)
        tail[:, 1] = 0.3
        return cls(
            slow=np.zeros((points, _COLUMNS)),
            hours=np.zeros((points, _HOURS)),
            visits=np.zeros((points, _HOURS), np.uint8),
            tail=tail,
            seen=np.zeros(points, np.int32),
            time=np.zeros(points, np.int64),
            since=np.zeros(points, np.int32),
            quiet=np.zeros(points, np.int32),
            height=np.zeros(points, np.float32),
            active=np.zeros(points, np.bool_),
        )

    def take(self, rows: NDArray[np.integer]) -> Self:
        """Return a copy of what is remembered of these rows."""
        return type(self)(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})

    def put(self, rows: NDArray[np.integer], other: "Baseline") -> None:
        """Write what is remembered of these rows: the one place where a table changes."""
        for part in fields(self):
            getattr(self, part.name)[rows] = getattr(other, part.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """The rules of the points in hand.

    `learn` is in readings, `deadband` in the point's unit: the smallest departure that may raise.
    `bridge`, Micros, is the longest gap across which a step means anything; `bar` is the score that
    raises.
    """

    learn: NDArray[np.int32]
    deadband: Values
    bridge: Instants
    bar: Values

    @classmethod
    def usual(cls, points: int) -> Self:
        """Return the defaults for so many points."""
        return cls(
            learn=np.full(points, LEARN, np.int32),
            deadband=np.zeros(points),
            bridge=np.full(points, np.iinfo(np.int64).max),
            bar=np.full(points, BAR),
        )

    def take(self, rows: NDArray[np.integer]) -> Self:
        """Return the rules of some of these points."""
        return type(self)(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Where the points stand after one reading each, and what each reading did.

    `score` is 0 while a point learns; `view` indexes VIEWS: the one most surprised; `expected` is
    the level the reading was held against, `usual` its usual distance from it.
    """

    baseline: Baseline
    score: Values
    view: NDArray[np.int8]
    expected: Values
    usual: Values
    raised: Mask
    returned: Mask


def judge(baseline: Baseline, habits: Habits, *, time: Instants, value: Values) -> Judged:
    """Judge one reading a point; NaN is no news and keeps what is remembered."""
    news = np.isfinite(value)
    slow, hours, visits, sizes, departure = _views(baseline, habits, time, value)
    rarity, tail = _rarity(sizes, baseline.tail, baseline.seen)
    score = _together(rarity)
    learned = news & (baseline.seen >= habits.learn) & (departure >= habits.deadband)
    score = np.where(learned, score, 0.0)
    over = score >= habits.bar
    quiet = np.where(over, 0, baseline.quiet + 1)
    since = baseline.since + 1
    raised = over & ~baseline.active
    returned = news & baseline.active & (since >= REST) & (quiet >= QUIET)
    kept = news[:, None]
    after = Baseline(
        slow=np.where(kept, slow.T, baseline.slow),
        hours=np.where(kept, hours, baseline.hours),
        visits=np.where(kept, visits, baseline.visits),
        tail=np.where(kept[:, None], tail, baseline.tail),
        seen=baseline.seen + news,
        time=np.where(news, time, baseline.time),
        since=np.where(raised, 0, np.where(news & baseline.active, since, baseline.since)),
        quiet=np.where(news & (raised | baseline.active), quiet, baseline.quiet),
        height=np.where(raised, score, baseline.height).astype(np.float32),
        active=(baseline.active | raised) & ~returned,
    )
    return Judged(
        baseline=after,
        score=score,
        view=rarity.argmax(axis=0).astype(np.int8),
        expected=np.where(baseline.seen > 0, baseline.slow[:, _LEVEL], np.nan),
        usual=baseline.slow[:, _SPREAD],
        raised=raised,
        returned=returned,
    )


def _together(rarity: Columns) -> Values:
    """Return the power mean of exponent 3/2 without its divisor.

    Added view by view: a sum whose order depends on how many points stand side by side would make
    the batching show in the last bit.
    """
    total = np.zeros(rarity.shape[1])
    for view in rarity:
        total = total + view * np.sqrt(view)
    score: Values = np.cbrt(total * total)
    return score


def _views(
    baseline: Baseline, habits: Habits, time: Instants, value: Values
) -> tuple[Columns, Columns, NDArray[np.uint8], Columns, Values]:
    """Return the memory after the reading, each view's departure in usual sizes, and in units."""
    slow = baseline.slow.T.copy()
    first = baseline.seen == 0
    x = np.where(np.isfinite(value), value, slow[_LAST])
    slow[_LEVEL] = np.where(first, x, slow[_LEVEL])
    slow[_LAST] = np.where(first | (time - baseline.time > habits.bridge), x, slow[_LAST])
    gain = np.maximum(_SLOW, 1.0 / (baseline.seen + 1.0))
    settled = baseline.seen > _SETTLED
    floor = 1e-9 + _FLOOR * np.abs(slow[_LEVEL])

    left = x - slow[_LEVEL]
    spread = slow[_SPREAD] + floor
    sizes = [np.abs(left) / spread]
    mild = np.where(settled, np.clip(left, -_CLIP * spread, _CLIP * spread), left)
    slow[_LEVEL] += gain * mild
    slow[_SPREAD] += gain * (np.abs(mild) - slow[_SPREAD])

    hours, visits, left_hour = _hour(baseline, time, x, left)
    spread = slow[_LEFT] + floor
    sizes.append(np.abs(left_hour) / spread)
    clip = np.where(baseline.seen > LEARN, _CLIP * spread, np.inf)
    mild_hour = np.clip(left_hour, -clip, clip)
    hours, visits = _visited(baseline, hours, visits, time, mild_hour)
    slow[_LEFT] += gain * (np.abs(mild_hour) - slow[_LEFT])

    step = np.abs(x - slow[_LAST])
    usual = slow[_STEP] + floor
    sizes.append(step / usual)
    slow[_STEP] += gain * (np.where(settled, np.minimum(step, _CLIP * usual), step) - slow[_STEP])
    slow[_LAST] = x

    both = np.stack([mild, mild, mild_hour, mild_hour])
    slow[_MEAN] += np.tile(_BRIEF, 2)[:, None] * (both - slow[_MEAN])
    spreads = slow[_MEAN_SPREAD] + floor
    mean = np.abs(slow[_MEAN])
    sizes.extend(mean / spreads)
    slow[_MEAN_SPREAD] += gain * (np.minimum(mean, _CLIP * spreads) - slow[_MEAN_SPREAD])

    slow[_RESTLESS] += _BRIEF[:, None] * (np.minimum(step, 10.0 * usual) - slow[_RESTLESS])
    ratio = np.log((slow[_RESTLESS] + floor) / (slow[_STEP] + floor))
    slow[_NOISE] += gain * (ratio - slow[_NOISE])
    change = (ratio - slow[_NOISE]) / (slow[_NOISE_SPREAD] + 0.05)
    sizes.extend(np.maximum(change, 0.0))
    sizes.extend(np.maximum(-change, 0.0))
    off = np.minimum(np.abs(ratio - slow[_NOISE]), _CLIP / 4)
    slow[_NOISE_SPREAD] += gain * (off - slow[_NOISE_SPREAD])
    lost = np.abs(slow[_RESTLESS] - slow[_STEP]).max(axis=0)
    return slow, hours, visits, np.stack(sizes), np.maximum(np.maximum(np.abs(left), step), lost)


def _hour(
    baseline: Baseline, time: Instants, x: Values, left: Values
) -> tuple[Columns, NDArray[np.uint8], Values]:
    """Return the hours, begun where new, and what is left after the hour's level is taken off."""
    row, hour = np.arange(len(x)), time // _HOUR % _HOURS
    known = baseline.visits[row, hour] > 0
    hours, visits = baseline.hours.copy(), baseline.visits.copy()
    left_hour = np.where(known, x - hours[row, hour], left)
    hours[row, hour] = np.where(known, hours[row, hour], x)
    return hours, visits, left_hour


def _visited(
    baseline: Baseline,
    hours: Columns,
    visits: NDArray[np.uint8],
    time: Instants,
    mild: Values,
) -> tuple[Columns, NDArray[np.uint8]]:
    """Let the hour's level follow what is left, quickly at first."""
    row, hour = np.arange(len(mild)), time // _HOUR % _HOURS
    count = baseline.visits[row, hour]
    gain = np.where(count > 0, np.maximum(_HOURLY, 1.0 / (count + 1.0)), 0.0)
    hours[row, hour] += gain * mild
    visits[row, hour] = np.minimum(count, 254) + 1
    return hours, visits


def _rarity(
    sizes: Columns, tail: NDArray[np.float32], seen: NDArray[np.int32]
) -> tuple[Columns, NDArray[np.float32]]:
    """Return -log10 of how rare each view's departure is, 0 outside its tail, and the new tails."""
    y = np.log1p(sizes)
    begins, thins = tail[:, 0].T.astype(np.float64), tail[:, 1].T.astype(np.float64)
    inside = y > begins
    beyond = y - begins
    rarity = np.where(inside, beyond / (thins + 0.02) / np.log(10) - np.log10(_TAIL), 0.0)
    fast = np.maximum(0.05, 1.0 / (_TAIL * 5 / 3 * seen + 1.0))
    thicker = fast * (np.minimum(beyond, 5 * (thins + 0.02)) - thins)
    gain = 1.8 * np.maximum(_SLOW, 2.0 / (seen + 1.0)) * (thins + 0.05) / np.sqrt(_TAIL)
    moved = begins + gain * (inside - _TAIL)
    known = seen > 20
    new = np.stack(
        [np.where(known, moved, begins), np.where(known & inside, thins + thicker, thins)]
    )
    return rarity, new.transpose(2, 0, 1).astype(np.float32)
