"""Takes readings through the forecast detector in order of receipt, and notes what moves."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors.forecast import (
    EVERYTHING,
    MARK,
    SAID,
    look,
    news,
    step,
)
from alarms.detectors.forecast_tasks import Aims, Floats, Tasks, stands
from alarms.detectors.trend_columns import CELL_US, HEAD, LEVELS, RUNG, Heads, Rungs, learn
from alarms.detectors.trend_lines import NEAR, UNKNOWN, stirs
from alarms.lines import LINE, PACE, fetch
from alarms.readings import Instants, Mask, Rows, Values
from alarms.rules import HIGH, SLOTS

_FIRST_HIGH: Final = HIGH.start
_HEAD: Final = HEAD.itemsize
_RUNG: Final = RUNG.itemsize

MOVE: Final = np.dtype(
    [
        ("place", np.int64),
        ("at", np.int64),
        ("point", np.int32),
        ("side", np.int8),
        ("reached", np.int8),
    ]
)
STEP: Final = np.dtype(
    [
        ("place", np.int64),
        ("at", np.int64),
        ("point", np.int32),
        ("slot", np.int8),
        ("was", np.int8),
        ("tier", np.int8),
        ("misses", np.int8),
        ("taken_over", np.bool_),
        ("said", np.float64, (SAID,)),
    ]
)
"""A forecast's tier or its count of failed judgements moved; `at` in Micros."""
MOST: Final = 2 * SLOTS
"""Steps that one reading can cause: a limit alarm takes over, another forecast moves."""

Records = NDArray[np.void]


@kernel
def walk(
    point_of: NDArray[np.int32],
    heads: Heads,
    rungs: Rungs,
    aims: Aims,
    tasks: Tasks,
    memory: NDArray[np.uint8],
    rows: Rows,
    time: Instants,
    value: Values,
    is_judged: Mask,
    moves: Records,
    desk: Floats,
    each: Floats,
    said: Floats,
    steps: Records,
) -> int:
    """Learn readings in order of receipt, judge those that are due, and write down the steps."""
    many = 0
    move = 0
    for i in range(len(rows)):
        _fetch(point_of, heads, tasks, memory, rows, time, i)
        while move < len(moves) and moves[move]["place"] <= i:
            many = _take_over(tasks, moves[move], steps, many)
            move += 1
        point = point_of[rows[i]]
        if point < 0 or not is_judged[i]:
            continue
        before = heads[point]["time"]
        learn(heads, rungs, point, time[i], value[i])
        if heads[point]["time"] == before:
            continue
        windows = news(before, time[i])
        if windows == 0:
            continue
        # Here, and not in a function farther down: nearly every reading ends here.
        windows = EVERYTHING if stands(tasks[point]) else stirs(heads, rungs, point, windows)
        if windows:
            many = _judge(
                heads, rungs, aims, tasks, point, windows, i, time[i], desk, each, said, steps, many
            )
    return many


@kernel
def _fetch(
    point_of: NDArray[np.int32],
    heads: Heads,
    tasks: Tasks,
    memory: NDArray[np.uint8],
    rows: Rows,
    time: Instants,
    now: int,
) -> None:
    """Ask for what the readings to come need: heads first, they tell how much of the ladder moves.

    `now` is the place of the reading at hand.
    """
    if now + 3 * PACE < len(rows):
        fetch(point_of, rows[now + 3 * PACE], 0)
    if now + 2 * PACE < len(rows):
        point = point_of[rows[now + 2 * PACE]]
        for byte in range(0, _HEAD + _RUNG, LINE):
            fetch(memory, point, byte)
        fetch(tasks, point, 0)
    if now + PACE < len(rows):
        point = point_of[rows[now + PACE]]
        if point >= 0:
            closes = np.int64(heads[point]["cell"]) ^ (time[now + PACE] // CELL_US)
            needed = _HEAD + _RUNG
            for _ in range(LEVELS - 1):
                if closes == 0:
                    break
                closes >>= 1
                needed += _RUNG
            for byte in range(-(-(_HEAD + _RUNG) // LINE) * LINE, needed, LINE):
                fetch(memory, point, byte)


@kernel
def _judge(
    heads: Heads,
    rungs: Rungs,
    aims: Aims,
    tasks: Tasks,
    point: int,
    windows: int,
    place: int,
    time: int,
    desk: Floats,
    each: Floats,
    said: Floats,
    steps: Records,
    many: int,
) -> int:
    """Judge one point by these windows; return how many steps are written by now."""
    task = tasks[point]
    aim = aims[task["aim"]]
    answer = look(heads, rungs, aims, tasks, point, windows, desk, each, said)
    if answer != NEAR and not stands(task):
        return many
    if answer != NEAR:
        said[:, MARK] = 0.0
    x = heads[point]["origin"] + np.float64(heads[point]["last"])
    for slot in range(SLOTS):
        was, misses = task["tier"][slot], task["misses"][slot]
        over = (x if slot >= _FIRST_HIGH else -x) >= aim["on"][slot]
        step(task, aim, slot, said[slot], answer != UNKNOWN, over)
        if task["tier"][slot] != was or task["misses"][slot] != misses:
            _note(steps, many, task, slot, was, place, time, point)
            steps[many]["taken_over"] = False
            for k in range(SAID):
                steps[many]["said"][k] = said[slot, k]
            many += 1
    return many


@kernel
def _take_over(tasks: Tasks, move: np.void, steps: Records, many: int) -> int:
    """Let a limit alarm take over from the forecasts it has overtaken."""
    point, side = move["point"], move["side"]
    task = tasks[point]
    task["reached"][side] = move["reached"]
    for slot in range(0 if side == 0 else _FIRST_HIGH, move["reached"]):
        was = task["tier"][slot]
        if was > 0:
            task["tier"][slot], task["misses"][slot] = 0, 0
            _note(steps, many, task, slot, was, move["place"], move["at"], point)
            steps[many]["taken_over"] = True
            many += 1
    return many


@kernel
def _note(
    steps: Records,
    many: int,
    task: np.void,
    slot: int,
    was: int,
    place: int,
    at: int,
    point: int,
) -> None:
    noted = steps[many]
    noted["place"], noted["at"], noted["point"], noted["slot"] = place, at, point, slot
    noted["was"], noted["tier"], noted["misses"] = was, task["tier"][slot], task["misses"][slot]


@kernel
def taken_over(tasks: Tasks, moves: Records, steps: Records) -> int:
    """Let limit alarms that raised without a reading take over; return how many steps follow."""
    many = 0
    for i in range(len(moves)):
        many = _take_over(tasks, moves[i], steps, many)
    return many
