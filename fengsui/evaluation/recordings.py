"""Takes recorded series through the engine's deviation alarms as they would have arrived."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import Transition
from alarms.deviations import Deviations
from alarms.family import Seen, Walk
from alarms.plant import Enterprise, Plant, Point, Source, Unit
from alarms.proposal import LastReadings
from alarms.readings import Instants, Mask, Readings, Values

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
    """What the engine said at each reading; `score` is 0 except where an alarm was raised."""

    time: Instants
    raised: Mask
    returned: Mask
    score: Values


def judge(recordings: Sequence[Recording]) -> list[Judgement]:
    """Judge every recording alone, all of them side by side; a reading sees no later one."""
    family = Deviations(_plant(recordings))
    lengths = np.array([len(one.time) for one in recordings])
    judged = [
        Judgement(
            time=one.time,
            raised=np.zeros(len(one.time), np.bool_),
            returned=np.zeros(len(one.time), np.bool_),
            score=np.zeros(len(one.time)),
        )
        for one in recordings
    ]
    for i in range(lengths.max()):
        rows = np.flatnonzero(lengths > i).astype(np.int32)
        found, changes = family.judge(_seen(recordings, rows, i))
        for place, _, _, event in found:
            row = int(rows[place])
            raised = event.change is Transition.raised
            (judged[row].raised if raised else judged[row].returned)[i] = True
            judged[row].score[i] = family.standing["height"][row] if raised else 0.0
        family.adopt(changes)
    return judged


def _plant(recordings: Sequence[Recording]) -> Plant:
    """Return a plant with a point for each recording; spacing is all that is known of them."""
    return Plant(
        enterprises={"E": Enterprise(code="E", name="recorded", region="510603")},
        sources={("E", "S"): Source(enterprise="E", code="S", name="recorded", kind="other")},
        units={
            ("E", "S", "U"): Unit(
                enterprise="E", source="S", code="U", name="recorded", kind="equipment"
            )
        },
        points=[
            Point(
                enterprise="E",
                source="S",
                unit="U",
                tag=str(row),
                quantity="other",
                engineering_unit="1",
                period_s=float(np.median(np.diff(one.time))) / 1e6,
                detect=("deviation",),
            )
            for row, one in enumerate(recordings)
        ],
        gateways={},
        point_ids=list(range(len(recordings))),
        registered=[0] * len(recordings),
    )


def _seen(recordings: Sequence[Recording], rows: NDArray[np.int32], i: int) -> Seen:
    """Return the i-th reading of each of these recordings as one batch."""
    time = np.array([recordings[row].time[i] for row in rows.tolist()], np.int64)
    readings = Readings(
        point=rows,
        time=time,
        value=np.array([recordings[row].value[i] for row in rows.tolist()]),
        quality=np.zeros(len(rows), np.int16),
        received=time,
        stamp=time,
    )
    every = np.ones(len(rows), np.bool_)
    return Seen(
        readings=readings,
        is_judged=every,
        holding=np.zeros(len(rows), np.bool_),
        newest=LastReadings.never(len(recordings)),
        walk=Walk.of(readings, every, rows=len(recordings)),
        moves=(),
        swept=None,
        stirred=Readings.none(),
        faced=None,
    )


def disturbed(recording: Recording, draws: np.random.Generator, *, late: float = 1.0) -> Recording:
    """Drop 5 % of the readings, double 2 %, let them arrive up to 30 s early or late.

    `late` is the share of readings that do; the rest arrive as they were made.
    """
    kept = np.flatnonzero(draws.random(len(recording.time)) >= DROPPED)
    kept = np.repeat(kept, 1 + (draws.random(len(kept)) < DOUBLED))
    shift = draws.uniform(-LATE_S, LATE_S, len(kept)) * 1e6
    if late < 1.0:
        shift *= draws.random(len(kept)) < late
    moved = recording.time[kept] + shift
    received = kept[np.argsort(moved, kind="stable")]
    return Recording(time=recording.time[received], value=recording.value[received])


def sifted(recording: Recording) -> Recording:
    """Leave out what is not newer than the newest before it, and every double."""
    newest = np.maximum.accumulate(recording.time)
    news = np.concatenate([[True], recording.time[1:] > newest[:-1]])
    return Recording(time=recording.time[news], value=recording.value[news])


def episodes(raises: NDArray[np.int64], gap: int) -> int:
    """Count raises, those closer than `gap` Micros to the one before as one."""
    return len(apart(raises, gap))


def apart(raises: NDArray[np.int64], gap: int) -> NDArray[np.int64]:
    """Return raises, Micros, without those closer than `gap` to the one before."""
    return raises[np.diff(raises, prepend=np.iinfo(np.int64).min // 2) > gap]
