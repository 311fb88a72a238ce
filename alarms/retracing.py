"""Finds, while a start learns, how points stood at the beginnings of their newest two minutes.

A late reading has a point judged again from there (alarms.rewinds). What is kept of it is what was
learned, which follows from the readings, and what stands, which the record has as of now. So a
start that learns the stored readings in order marks each point's minutes on the way, and the marks
hold where none of these alarms stands and, of limits' as well, none has moved since: then nothing
stood, and forecasts followed the limit alarms that they follow now. Others are followed from their
next minute on.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np

from alarms import tales
from alarms.family import Rewindable
from alarms.past import MINUTE_US
from alarms.plant import Plant
from alarms.proposal import ChannelState, LastReadings
from alarms.readings import Instants, Mask, Readings
from alarms.rules import RULES as LIMITS
from alarms.trails import Trails

RULES: Final = (*LIMITS, *tales.RULES)
"""What makes a point stand otherwise than it did: what is judged again, and limits' alarms."""
AHEAD_US: Final = 10 * MINUTE_US
"""What is told before the server's clock came to an instant less this has no part in what stands
from that instant on: stamps may run five minutes ahead of it, and what was withdrawn is kept for
four. A change of the registry, too, is in force by then."""
REACH_US: Final = 30 * MINUTE_US
"""How far behind the newest reading of all a point may be for its marks to be gone by."""


class Retracing:
    """Marks the trails of a plant's points, where it is followed whole."""

    def __init__(self, plant: Plant, trails: Trails) -> None:
        self._plant = plant
        self._trails = trails

    def legs(self, readings: Readings) -> Iterator[Mask]:
        """Yield which readings of a block to learn next, and mark the points in between.

        Blocks and their readings are in order of time for each point; who asks for the next leg has
        learned the one before.
        """
        trails = self._trails
        if not trails.whole:
            yield np.ones(len(readings), np.bool_)
            return
        newest = np.zeros(len(trails.of), np.int64)
        np.maximum.at(newest, readings.point, readings.time)
        rows = np.flatnonzero(newest).astype(np.int32)
        minute = newest[rows] // MINUTE_US
        new = trails.of[rows] < 0
        trails.follow(rows[new], minute[new], since=(minute[new] + 1) * MINUTE_US)
        known = np.where(new, 0, trails.minute[trails.of[rows]])
        begun = minute > known
        rows, minute, known = rows[begun], minute[begun], known[begun]
        jumped = minute > known + 1
        begin, before = np.zeros((2, len(trails.of)), np.int64)
        begin[rows] = minute * MINUTE_US
        before[rows[jumped]] = (minute[jumped] - 1) * MINUTE_US
        leg = (readings.time >= before[readings.point]).astype(np.int8)
        leg += readings.time >= begin[readings.point]
        of = trails.of[rows]
        yield leg == 0
        trails.mark(of[jumped], minute[jumped] - 1)
        yield leg == 1
        trails.mark(of, minute)
        trails.minute[of] = minute
        yield leg == 2

    def told_from(self, newest: LastReadings) -> int:
        """Return from when on, by the server's clock in Micros, it must be known what was told."""
        return max(int(newest.time.max(initial=0)) - REACH_US - AHEAD_US, 0)

    def settle(
        self,
        newest: LastReadings,
        learned_after: Mapping[Rewindable, Instants],
        states: Iterable[ChannelState],
        told: Mapping[str, int],
        changed: int,
    ) -> None:
        """Say from when on points can be judged again, once all is learned.

        `learned_after` says after which event times each family has learned each row's readings
        now. `told` has when something was told last of the alarms of points (by key, RULES), from
        `told_from` on, `changed` when the registry was changed: both by the server's clock, Micros.
        """
        trails = self._trails
        of = np.flatnonzero(trails.row >= 0)
        rows = trails.row[of]
        minute = newest.time[rows] // MINUTE_US
        border = (minute - 1) * MINUTE_US
        since = np.zeros(len(rows), np.int64)
        for family, after in learned_after.items():
            watched = family.place_of[rows] >= 0
            since[watched] = np.maximum(since[watched], after[rows[watched]] + 1)
        upset = np.full(len(trails.of), changed)
        stands = {state.key: tales.NEVER for state in states if state.rule in tales.RULES}
        for key, at in (*told.items(), *stands.items()):
            row = self._plant.row_of(key)
            if row is not None:
                upset[row] = max(int(upset[row]), at)
        reached = border - AHEAD_US >= self.told_from(newest)
        holds = reached & (trails.minute[of] == minute) & (border - AHEAD_US > upset[rows])
        trails.minute[of] = minute
        trails.since[of] = np.where(holds, since, (minute + 1) * MINUTE_US)
