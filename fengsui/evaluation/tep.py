"""Measures which faults of the Tennessee Eastman Process the deviation detector finds, and when.

Each sensor learns from `d00.dat` (normal, 500 rows) and then sees a test run of 960 rows; fault NN
starts after row 160. A fault is found by the first alarm of any watched sensor opened after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fengsui.evaluation import recordings

FAULTS: Final = range(1, 22)
MEASUREMENTS: Final = tuple(range(22))
"""Columns of XMEAS 1 to 22, the continuous measurements."""
VALVES: Final = tuple(range(41, 52))
"""Columns of XMV 1 to 11."""
ONSET: Final = 160
STEP_MIN: Final = 3.0
_STEP: Final = 180_000_000
_MERGE: Final = 30 * 60 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a fault's run showed: minutes to the first alarm (None: not found), false episodes."""

    fault: int
    delay_min: float | None
    column: int | None
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """All faults, and the false episodes of the normal run in so many sensor-days."""

    outcomes: tuple[Outcome, ...]
    false: int
    sensor_days: float

    @property
    def found(self) -> int:
        """How many faults raised an alarm."""
        return sum(one.delay_min is not None for one in self.outcomes)

    @property
    def before(self) -> int:
        """False episodes in the normal rows before the faults, all runs together."""
        return sum(one.before for one in self.outcomes)


def measure(folder: Path, *, columns: Sequence[int], seed: int | None = None) -> Result:
    """Replay the normal run and the 21 faults; a seed disturbs them as the protocol says."""
    normal = _table(folder / "d00.dat").T
    draws = None if seed is None else np.random.default_rng(seed)
    calm = _raises(normal, _table(folder / "d00_te.dat"), columns, draws)
    outcomes = []
    for fault in FAULTS:
        raises = _raises(normal, _table(folder / f"d{fault:02}_te.dat"), columns, draws)
        onset = ONSET * _STEP
        first = [(int(at[at >= onset][0]), i) for i, at in enumerate(raises) if (at >= onset).any()]
        at, place = min(first, default=(None, None))
        outcomes.append(
            Outcome(
                fault=fault,
                delay_min=None if at is None else (at - onset) / _STEP * STEP_MIN,
                column=None if place is None else columns[place],
                before=sum(recordings.episodes(one[one < onset], _MERGE) for one in raises),
            )
        )
    days = len(columns) * 960 * STEP_MIN / 1440
    false = sum(recordings.episodes(one, _MERGE) for one in calm)
    return Result(outcomes=tuple(outcomes), false=false, sensor_days=days)


def _raises(
    normal: NDArray[np.float64],
    run: NDArray[np.float64],
    columns: Sequence[int],
    draws: np.random.Generator | None,
) -> list[NDArray[np.int64]]:
    """Return when each column's alarms were raised, Micros since the run began."""
    feeds = []
    for column in columns:
        feed = _recording(normal[:, column]).followed_by(_recording(run[:, column]))
        if draws is not None:
            feed = recordings.sifted(recordings.disturbed(feed, draws))
        feeds.append(feed)
    began = len(normal) * _STEP
    judged = recordings.judge(feeds)
    return [one.time[one.raised & (one.time >= began)] - began for one in judged]


def _recording(value: NDArray[np.float64]) -> recordings.Recording:
    return recordings.Recording(time=np.arange(len(value)) * _STEP, value=value)


def _table(path: Path) -> NDArray[np.float64]:
    table: NDArray[np.float64] = np.loadtxt(path)
    return table
