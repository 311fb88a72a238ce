"""Takes a batch through the limit detector: point by point, each one's readings oldest first.

Readings of a point that is at rest and inside its calm interval change nothing and are passed over.
"""

import math
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors import limits
from alarms.lines import AHEAD, fetch
from alarms.readings import Instants, Mask, Readings, Rows
from alarms.rules import HIGH, LOW, SLOTS, Ruleset
from alarms.standing import Standing

_FIRST_LOW: Final = LOW.start
_FIRST_HIGH: Final = HIGH.start
_NONE_YET: Final = -1
FOUND: Final = np.dtype(
    [
        ("point", np.int32),
        ("place", np.int32),
        ("rank", np.int8),
        ("side", np.int8),
        ("was", np.int8),
        ("top", np.int8),
        ("at", np.int64),
        ("behind", np.int32),
        ("peak", np.float64),
        ("still_over", np.bool_),
    ]
)
"""A finding as it is written down: `peak` is mirrored at low sides, NaN for none."""
Faced = NDArray[np.float64] | None
"""What low and high sides go by at each reading, shape (n, 2), where some limits are confirmed
(alarms.confirmations); None: the values themselves."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A side's top level moved. `point` and `place` index the points and readings swept.

    `behind` is the place of the judged reading whose value it rests on, -1 where that is the
    newest adopted one. `rank` orders the findings of one reading. `still_over`: a level of the
    side is active after the batch.
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
    still_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Where the points stand after a batch, and what was found on the way."""

    standing: Standing
    findings: list[Finding]


def stirring(
    calm: NDArray[np.float64],
    mark: Mask,
    rows: Rows,
    value: NDArray[np.float64],
    faced: Faced,
) -> tuple[Rows, NDArray[np.intp]]:
    """Return the points with a reading outside their calm interval, and the places of all theirs.

    `calm`, shape (n, 2), and `mark`, all False before and after, run along the plant's points.
    """
    stirred, places = np.empty(len(rows), np.int32), np.empty(len(rows), np.intp)
    low, high = sides(value, faced)
    points, many = _stirring(calm, mark, rows, low, high, stirred, places)
    return np.sort(stirred[:points]), places[:many]


def sides(
    value: NDArray[np.float64], faced: Faced
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what low and high sides go by at each reading."""
    return (value, value) if faced is None else (faced[:, 0].copy(), faced[:, 1].copy())


@kernel
def _stirring(
    calm: NDArray[np.float64],
    mark: Mask,
    rows: Rows,
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    stirred: Rows,
    places: NDArray[np.intp],
) -> tuple[int, int]:
    points = many = 0
    for i in range(len(rows)):
        if i + AHEAD < len(rows):
            fetch(calm, rows[i + AHEAD], 0)
        row = rows[i]
        if not (calm[row, 0] < low[i] and high[i] < calm[row, 1]) and not mark[row]:
            mark[row] = True
            stirred[points] = row
            points += 1
    if points == 0:
        return 0, 0
    for i in range(len(rows)):
        if i + AHEAD < len(rows):
            fetch(mark, rows[i + AHEAD], 0)
        if mark[rows[i]]:
            places[many] = i
            many += 1
    for i in range(points):
        mark[stirred[i]] = False
    return points, many


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
    end = np.cumsum(np.bincount(point, minlength=len(standing.rows)))
    low, high = sides(readings.value, faced)
    phase, t0, peak = standing.phase.copy(), standing.t0.copy(), standing.peak.copy()
    averted = np.zeros((len(phase), 2, 2), np.int32)
    found = np.empty(limits.MOST * len(readings), FOUND)
    many = _walk(
        standing.rows,
        phase,
        t0,
        peak,
        averted,
        rules.of,
        rules.on,
        rules.off,
        rules.on_delay,
        rules.off_delay,
        rules.tier,
        rules.bridge,
        order,
        end,
        readings.time,
        readings.value,
        low,
        high,
        is_judged,
        holding,
        judged_time,
        np.empty(limits.MOST, limits.STEP),
        found,
    )
    told = found[:many]
    told = told[np.argsort(told["place"], kind="stable")]
    done = Standing(
        rows=standing.rows, phase=phase, t0=t0, peak=peak, stored=standing.stored, averted=averted
    )
    return Swept(standing=done, findings=[_finding(*each) for each in told.tolist()])


@kernel
def _walk(
    rows: Rows,
    phase: limits.Phases,
    t0: limits.Onsets,
    peak: NDArray[np.float64],
    averted: NDArray[np.int32],
    of: Rows,
    on: NDArray[np.float64],
    off: NDArray[np.float64],
    on_delay: limits.Onsets,
    off_delay: limits.Onsets,
    tier: NDArray[np.int8],
    bridge: Instants,
    order: NDArray[np.intp],
    end: NDArray[np.intp],
    time: Instants,
    value: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
    is_judged: Mask,
    holding: Mask,
    judged_time: Instants,
    steps: limits.Records,
    found: limits.Records,
) -> int:
    """Judge each point's readings in turn, in place; return how many findings are written.

    `order` has the places of the readings by point, `end` is where each point's end in it.
    """
    many = 0
    begin = 0
    for point in range(len(rows)):
        kind = of[rows[point]]
        told = many
        calm_low, calm_high = -on[kind, _FIRST_LOW], on[kind, _FIRST_HIGH]
        before = judged_time[point]
        held = _NONE_YET
        resting = _at_rest(phase, t0, point, before)
        for at in range(begin, end[point]):
            place = order[at]
            judged = is_judged[place]
            calm = calm_low < low[place] and high[place] < calm_high
            if not resting or (judged and not calm):
                moved = limits.judge(
                    phase, t0, point, on, off, on_delay, off_delay, tier, bridge, kind,
                    time[place], low[place], high[place], judged, holding[place], before,
                    averted, steps,
                )  # fmt: skip
                many = _note(
                    peak, point, place, held, time[place], value[place], judged,
                    steps, moved, found, many,
                )  # fmt: skip
                _rest(phase, t0, peak, point, time[place], judged)
                resting = _at_rest(phase, t0, point, time[place] if judged else before)
            if judged:
                before = time[place]
                held = place
        for i in range(told, many):
            found[i]["still_over"] = limits.top_of(phase, point, found[i]["side"]) != limits.NONE
        begin = end[point]
    return many


@kernel
def _note(
    peak: NDArray[np.float64],
    point: int,
    place: int,
    held: int,
    time: int,
    value: float,
    judged: bool,  # noqa: FBT001
    steps: limits.Records,
    moved: int,
    found: limits.Records,
    many: int,
) -> int:
    """Let a point's peaks follow a reading, and write down the steps it has caused."""
    for side in range(2):
        earlier = peak[point, side]
        later = earlier
        for i in range(moved):
            if steps[i]["side"] == side and steps[i]["cause"] == limits.ELAPSED:
                later = np.nan if steps[i]["top"] == limits.NONE else earlier
        y = value if side == 1 else -value
        if judged and not later >= y:
            later = y
        peak[point, side] = later
        for i in range(moved):
            step = steps[i]
            if step["side"] != side:
                continue
            elapsed = step["cause"] == limits.ELAPSED
            # A delay met at the very instant of a reading rests on that reading.
            own = step["cause"] == limits.VALUE or (elapsed and judged and step["at"] == time)
            each = found[many + i]
            each["point"], each["place"], each["rank"] = point, place, step["cause"]
            each["side"], each["was"], each["top"] = side, step["was"], step["top"]
            each["at"], each["behind"] = step["at"], place if own else held
            each["peak"] = earlier if elapsed else later
    return many + moved


@kernel
def _rest(
    phase: limits.Phases,
    t0: limits.Onsets,
    peak: NDArray[np.float64],
    point: int,
    time: int,
    judged: bool,  # noqa: FBT001
) -> None:
    """Forget what a side at rest no longer needs, so that equal states look equal."""
    for side in range(2):
        clear = past = True
        for slot in range(limits.BEGINS[side], limits.ENDS[side]):
            clear = clear and phase[point, slot] == limits.CLEAR
            past = past and t0[point, slot] <= time
        if clear:
            peak[point, side] = np.nan
            if judged and past:
                for slot in range(limits.BEGINS[side], limits.ENDS[side]):
                    t0[point, slot] = 0


@kernel
def _at_rest(phase: limits.Phases, t0: limits.Onsets, point: int, judged_time: int) -> bool:
    """Tell whether a point has no level pending or active, nor cleared ahead of its data."""
    busy = False
    for slot in range(SLOTS):
        busy = busy or phase[point, slot] != limits.CLEAR or t0[point, slot] > judged_time
    return not busy


def _finding(
    point: int,
    place: int,
    rank: int,
    side: int,
    was: int,
    top: int,
    at: int,
    behind: int,
    peak: float,
    still_over: bool,  # noqa: FBT001
) -> Finding:
    shown = None if math.isnan(peak) else (-peak if side == 0 else peak)
    return Finding(
        point=point, place=place, rank=rank, side=side, was=was, top=top, at=at,
        behind=behind, peak=shown, lost=rank == limits.LOST, still_over=still_over,
    )  # fmt: skip
