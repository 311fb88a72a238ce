"""Takes recorded series through the deviation detector as they would have arrived."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from alarms.detectors import deviation
from alarms.readings import Instants, Mask, Values

DROPPED = 0.05
DOUBLED = 0.02
LATE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One sensor's readings in order of receipt: Micros and values, shape (n,)."""

    time: Instants
    value: Values

    def followed_by(self, other: Self) -> Self:
        """Return this recording with another after it, a step later."""
        step = self.time[-1] - self.time[-2]
        shifted = other.time - other.time[0] + self.time[-1] + step
        return replace(
            self,
            time=np.concatenate([self.time, shifted]),
            value=np.concatenate([self.value, other.value]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the detector said at each reading; `score` is 0 except where an alarm was raised."""

    time: Instants
    raised: Mask
    returned: Mask
    score: Values


def judge(recordings: Sequence[Recording], *, bar: float) -> list[Judgement]:
    """Judge every recording alone, all of them side by side; a reading sees no later one."""
    order = sorted(range(len(recordings)), key=lambda i: -len(recordings[i].time))
    lengths = np.array([len(recordings[i].time) for i in order])
    time = np.zeros((lengths[0], len(order)), np.int64)
    value = np.full(time.shape, np.nan)
    for column, i in enumerate(order):
        time[: lengths[column], column] = recordings[i].time
        value[: lengths[column], column] = recordings[i].value
    raised, returned = np.zeros(time.shape, np.bool_), np.zeros(time.shape, np.bool_)
    score = np.zeros(time.shape)
    baseline = deviation.Baseline.fresh(len(order))
    habits = replace(deviation.Habits.usual(len(order)), bar=np.full(len(order), bar))
    for row in range(len(time)):
        still = int((lengths > row).sum())
        if still < len(baseline.seen):
            baseline, habits = baseline.take(np.arange(still)), habits.take(np.arange(still))
        seen = deviation.judge(baseline, habits, time=time[row, :still], value=value[row, :still])
        baseline = seen.baseline
        raised[row, :still], returned[row, :still] = seen.raised, seen.returned
        score[row, :still] = np.where(seen.raised, seen.score, 0.0)
    judged: list[Judgement | None] = [None] * len(order)
    for column, i in enumerate(order):
        span = (slice(None, lengths[column]), column)
        judged[i] = Judgement(
            time=time[span], raised=raised[span], returned=returned[span], score=score[span]
        )
    return [one for one in judged if one is not None]


def disturbed(recording: Recording, draws: np.random.Generator) -> Recording:
    """Drop 5 % of the readings, double 2 %, let each arrive up to 30 s early or late, then sift.

    Sifting is the engine's: what is not newer than the newest before it is not judged.
    """
    kept = np.flatnonzero(draws.random(len(recording.time)) >= DROPPED)
    kept = np.repeat(kept, 1 + (draws.random(len(kept)) < DOUBLED))
    moved = recording.time[kept] + draws.uniform(-LATE_S, LATE_S, len(kept)) * 1e6
    received = kept[np.argsort(moved, kind="stable")]
    time = recording.time[received]
    newest = np.maximum.accumulate(time)
    news = np.concatenate([[True], time[1:] > newest[:-1]])
    return Recording(time=time[news], value=recording.value[received][news])


def episodes(raises: NDArray[np.int64], gap: int) -> int:
    """Count raises, those closer than `gap` Micros to the one before as one."""
    return int(len(raises) > 0) + int((np.diff(raises) > gap).sum())
