"""Streams for the detectors that learn from points, and memories to run them over."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alarms.detectors import deviation, deviation_memory

SECOND = 1_000_000
START = 1_700_000_000 * SECOND

Records = NDArray[np.void]


def rules(
    points: int,
    *,
    learn: int = 300,
    deadband: float = 0.0,
    bridge_s: float = 1e9,
    step_s: float = 60.0,
) -> Records:
    """Return the same rules for so many points."""
    made = np.zeros(points, deviation_memory.RULES)
    made["learn"], made["deadband"], made["bridge"] = learn, deadband, round(bridge_s * SECOND)
    made["haste"] = deviation_memory.haste(step_s * SECOND)
    return made


def stream(
    values: NDArray[np.float64], step_s: int = 60
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]]:
    """Return places, times and values of rows of readings, shape (n, points), row by row."""
    rows, points = values.shape
    place = np.tile(np.arange(points, dtype=np.int32), rows)
    time = np.repeat(START + np.arange(rows) * step_s * SECOND, points)
    return place, time, values.ravel()


def replay(
    values: NDArray[np.float64], *, step_s: int = 60, compiled: bool = True, **given: Any
) -> tuple[Records, Records, Records]:
    """Judge rows of readings; return what was said, shaped as the values, memory and standing."""
    points = values.shape[1]
    memory, standing = deviation_memory.fresh(points), np.zeros(points, deviation_memory.STANDING)
    said = np.zeros(values.size, deviation_memory.SAID)
    run = deviation.judge if compiled else deviation.judge.py_func  # type: ignore[attr-defined]  # numba's
    made = rules(points, step_s=step_s, **given)
    run(memory, *stream(values, step_s), made, standing, deviation.room(), said)
    return said.reshape(values.shape), memory, standing


def noise(rows: int, points: int = 1, seed: int = 7) -> NDArray[np.float64]:
    """Draw white noise of 1 unit around 100."""
    return 100.0 + np.random.default_rng(seed).normal(size=(rows, points))
