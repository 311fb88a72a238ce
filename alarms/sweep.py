"""Takes a batch through the limit detector: one reading a point at a time, oldest first.

A layer holds each point at most once, so it is judged as one vector; readings of a point that is
at rest and inside its calm interval change nothing and are passed over.
"""

from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors import limits
from alarms.readings import Mask, Readings, Rows
from alarms.rules import HIGH, LOW, SLOTS, Ruleset

ELAPSED: Final = 0
VALUE: Final = 1
LOST: Final = 2
_SIDES: Final = (LOW, HIGH)
_NONE_YET: Final = -1
Faced = NDArray[np.float64] | None
"""What low and high sides go by at each reading, shape (n, 2), where some limits are confirmed
(alarms.confirmations); None: the values themselves."""
_LONG: Final = 32
"""Readings still to come from which on it pays to look ahead for the next that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the limit detector remembers of point rows, shape (k, …).

    `peak`, shape (k, 2), is the most extreme judged value since each side left rest, NaN at rest;
    low sides keep it mirrored. `stored` tells which sides have a row in the record. `averted`,
    shape (k, 2, 2), has how often a sweep broke off a delay (limits.Moved); empty before one.
    """

    rows: Rows
    phase: limits.Phases
    t0: limits.Onsets
    peak: NDArray[np.float64]
    stored: Mask
    averted: NDArray[np.int32] = field(default_factory=lambda: np.zeros((0, 2, 2), np.int32))

    @classmethod
    def clear(cls, points: int) -> Self:
        """Return so many points at rest."""
        return cls(
            rows=np.arange(points, dtype=np.int32),
            phase=np.zeros((points, SLOTS), np.int8),
            t0=np.zeros((points, SLOTS), np.int64),
            peak=np.full((points, 2), np.nan),
            stored=np.zeros((points, 2), np.bool_),
        )

    def take(self, rows: Rows) -> Self:
        """Return a copy of what is remembered of these rows."""
        return type(self)(
            rows=rows,
            phase=self.phase[rows],
            t0=self.t0[rows],
            peak=self.peak[rows],
            stored=self.stored[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A side's top level moved. `point` and `place` index the points and readings swept.

    `behind` is the place of the judged reading whose value it rests on, -1 where that is the
    newest adopted one. `rank` orders the findings of one reading.
    """

    point: int
    place: int
    rank: int
    side: int
    was: int
    top: int
    at: int
    behind: int
    peak: float | None
    lost: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Where the points stand after a batch, and what was found on the way."""

    standing: Standing
    findings: list[Finding]


def stirring(
    calm: NDArray[np.float64], rows: Rows, value: NDArray[np.float64], faced: Faced
) -> NDArray[np.intp]:
    """Return the places of readings outside their point's calm interval, `calm` of shape (n, 2)."""
    found = np.empty(len(rows), np.intp)
    low, high = sides(value, faced)
    return found[: _stirring(calm, rows, low, high, found)]


def sides(
    value: NDArray[np.float64], faced: Faced
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what low and high sides go by at each reading."""
    return (value, value) if faced is None else (faced[:, 0].copy(), faced[:, 1].copy())


@kernel
def _stirring(
    calm: NDArray[np.float64],
    rows: Rows,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    found: NDArray[np.intp],
) -> int:
    many = 0
    for i in range(len(rows)):
        row = rows[i]
        if not (calm[row, 0] < low[i] and high[i] < calm[row, 1]):
            found[many] = i
            many += 1
    return many


def sweep(
    rules: Ruleset,
    standing: Standing,
    readings: Readings,
    is_judged: Mask,
    holding: Mask,
    judged_time: NDArray[np.int64],
    faced: Faced = None,
) -> Swept:
    """Judge all readings of the points that stand here; `standing.rows` is sorted.

    `judged_time` is the time of each point's newest adopted judged reading.
    """
    point = np.searchsorted(standing.rows, readings.point)
    order = np.argsort(point, kind="stable")
    count = np.bincount(point, minlength=len(standing.rows))
    end = np.cumsum(count)
    start = end - count
    value, judged_here = readings.value[order], is_judged[order]
    previous = _previous(judged_here, start[point[order]])
    low, high = sides(value, None if faced is None else faced[order])
    news = _news(rules, standing.rows[point[order]], low, high, judged_here)
    levels = limits.Levels.gather(rules, standing.rows)
    phase, t0, peak = standing.phase.copy(), standing.t0.copy(), standing.peak.copy()
    averted = np.zeros((len(phase), 2, 2), np.int32)
    resting = at_rest(phase, t0, judged_time)
    findings: list[Finding] = []
    cursor = start.copy()
    chosen = np.arange(len(cursor))
    while True:
        chosen = chosen[cursor[chosen] < end[chosen]]
        jump = chosen[resting[chosen]]
        cursor[jump] = news[cursor[jump]]
        chosen = chosen[cursor[chosen] < end[chosen]]
        for i in _steady(chosen, end - cursor, resting, phase, t0):
            stretch = slice(cursor[i], end[i])
            mirrored = -low[stretch], high[stretch]
            passed, extremes = _undisturbed(
                levels, phase, i, mirrored, value[stretch], judged_here[stretch], peak[i]
            )
            cursor[i] += passed
            peak[i] = extremes
        chosen = chosen[cursor[chosen] < end[chosen]]
        if len(chosen) == 0:
            break
        at = cursor[chosen]
        place = order[at]
        back = previous[at]
        before = np.where(back >= 0, readings.time[order[back]], judged_time[chosen])
        layer = limits.Layer(
            time=readings.time[place],
            value=readings.value[place],
            judged=is_judged[place],
            holding=holding[place],
            before=before,
            faced=None if faced is None else faced[place],
        )
        held = np.where(back >= 0, order[back], _NONE_YET)
        whole = len(chosen) == len(standing.rows)
        moved = limits.judge(
            phase[chosen], t0[chosen], levels if whole else levels.take(chosen), layer
        )
        phase[chosen], t0[chosen] = moved.phase, moved.t0
        if moved.averted is not None:
            averted[chosen] += moved.averted
        earlier = peak[chosen]
        later = _risen(earlier, moved.cleared, layer)
        findings += _findings(moved, chosen, layer, place, held, earlier, later)
        peak[chosen] = later
        _rest(phase, t0, peak, chosen, layer)
        resting[chosen] = at_rest(
            phase[chosen], t0[chosen], np.where(layer.judged, layer.time, before)
        )
        cursor[chosen] += 1
    done = Standing(
        rows=standing.rows, phase=phase, t0=t0, peak=peak, stored=standing.stored, averted=averted
    )
    return Swept(standing=done, findings=findings)


def _steady(
    chosen: NDArray[np.intp],
    left: NDArray[np.intp],
    resting: Mask,
    phase: limits.Phases,
    t0: limits.Onsets,
) -> list[int]:
    """Return points with an active level, no delay running and many readings still to come."""
    long = chosen[(left[chosen] > _LONG) & ~resting[chosen]]
    if len(long) == 0:
        return []
    settled = ((phase[long] == limits.CLEAR) | (phase[long] == limits.ACTIVE)).all(axis=1)
    for slots in _SIDES:
        clear = (phase[long, slots] == limits.CLEAR).all(axis=1)
        settled &= ~clear | (t0[long, slots] == 0).all(axis=1)
    found: list[int] = long[settled].tolist()
    return found


def _undisturbed(
    levels: limits.Levels,
    phase: limits.Phases,
    i: int,
    mirrored: tuple[NDArray[np.float64], NDArray[np.float64]],
    value: NDArray[np.float64],
    judged_here: Mask,
    peak: NDArray[np.float64],
) -> tuple[int, NDArray[np.float64]]:
    """Return how many readings leave a steady point's levels as they are, and the peaks after them.

    No clear level is over and no active one under: between those bounds only the peak can move.
    `mirrored` is what the low side, by -x, and the high side go by.
    """
    active = phase[i] == limits.ACTIVE
    ceiling = np.where(active, np.inf, levels.on[i])
    floor = np.where(active, levels.off[i], -np.inf)
    bounds = [(ceiling[slots].min(), floor[slots].max()) for slots in _SIDES]
    chunk, passed = _LONG, 0
    while passed < len(value):
        part = slice(passed, passed + chunk)
        x, counts = value[part], judged_here[part]
        stirs = np.zeros(len(x), np.bool_)
        for side, (upper, lower) in zip(mirrored, bounds, strict=True):
            stirs |= counts & ((side[part] >= upper) | (side[part] < lower))
        first = int(stirs.argmax()) if stirs.any() else len(x)
        held = x[:first][counts[:first]]
        if len(held):
            both = np.array([-held.min(), held.max()])
            peak = np.where(_active_sides(active), np.fmax(peak, both), peak)
        passed += first
        if first < len(x):
            break
        chunk *= 2
    return passed, peak


def _active_sides(active: Mask) -> Mask:
    """Tell for each side, low and high, whether one of its levels is marked."""
    return np.array([active[slots].any() for slots in _SIDES])


def at_rest(phase: limits.Phases, t0: limits.Onsets, judged_time: NDArray[np.int64]) -> Mask:
    """Tell which points have no level pending or active, nor cleared ahead of their data."""
    busy: Mask = ((phase != limits.CLEAR) | (t0 > judged_time[:, None])).any(axis=1)
    return ~busy


def _previous(judged_here: Mask, start: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return for each sorted reading the judged one before it of the same point, or -1."""
    here = np.where(judged_here, np.arange(len(judged_here)), _NONE_YET)
    newest = np.maximum.accumulate(here)
    before = np.r_[_NONE_YET, newest[:-1]]
    return np.where(before >= start, before, _NONE_YET)


def _news(
    rules: Ruleset,
    rows: Rows,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    judged_here: Mask,
) -> NDArray[np.intp]:
    """Return for each sorted reading the place of the next that can stir a point at rest."""
    calm = rules.calm(rows)
    stirs = judged_here & ~((low > calm[:, 0]) & (high < calm[:, 1]))
    places = np.where(stirs, np.arange(len(low)), len(low))
    following: NDArray[np.intp] = np.minimum.accumulate(places[::-1])[::-1]
    return following


def _risen(peak: NDArray[np.float64], cleared: Mask, layer: limits.Layer) -> NDArray[np.float64]:
    y = np.where(layer.judged, layer.value, np.nan)
    risen: NDArray[np.float64] = np.fmax(np.where(cleared, np.nan, peak), np.stack([-y, y], axis=1))
    return risen


def _rest(
    phase: limits.Phases,
    t0: limits.Onsets,
    peak: NDArray[np.float64],
    chosen: NDArray[np.intp],
    layer: limits.Layer,
) -> None:
    """Forget what a side at rest no longer needs, so that equal states look equal."""
    for side, slots in enumerate(_SIDES):
        idle = chosen[(phase[chosen, slots] == limits.CLEAR).all(axis=1)]
        peak[idle, side] = np.nan
        past = chosen[layer.judged]
        time = layer.time[layer.judged]
        over = (phase[past, slots] == limits.CLEAR).all(axis=1) & (
            t0[past, slots] <= time[:, None]
        ).all(axis=1)
        t0[past[over], slots] = 0


def _findings(
    moved: limits.Moved,
    chosen: NDArray[np.intp],
    layer: limits.Layer,
    place: NDArray[np.intp],
    held: NDArray[np.intp],
    earlier: NDArray[np.float64],
    later: NDArray[np.float64],
) -> list[Finding]:
    found: list[Finding] = []
    kinds = [
        *((ELAPSED, steps) for steps in moved.elapsed),
        (VALUE, moved.by_value),
        (LOST, moved.lost),
    ]
    for cause, steps in kinds:
        if steps is None:
            continue
        peaks = earlier if cause == ELAPSED else later
        for row, side, was, top, at in steps.each():
            # A delay met at the very instant of a reading rests on that reading.
            own = cause == VALUE or (
                cause == ELAPSED and layer.judged[row] and at == layer.time[row]
            )
            peak = float(peaks[row, side])
            found.append(
                Finding(
                    point=int(chosen[row]),
                    place=int(place[row]),
                    rank=cause,
                    side=side,
                    was=was,
                    top=top,
                    at=at,
                    behind=int(place[row] if own else held[row]),
                    peak=None if np.isnan(peak) else (-peak if side == 0 else peak),
                    lost=cause == LOST,
                )
            )
    return found
