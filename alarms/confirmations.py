"""The points whose limits are confirmed by n of their last m readings, and those readings."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.detectors import confirmation
from alarms.proposal import judgeable
from alarms.readings import Instants, Mask, Readings, Rows, Values
from alarms.rules import Ruleset
from alarms.sweep import Faced

NAME: Final = "confirmation"
"""What the windows are called among what is learned."""


class Confirmations:
    """The windows of the points that have one; all others cost nothing.

    `rows` are theirs in the plant, ascending; `memory` has one window a row (alarms.memory keeps
    it). `faced` learns in place: what is proposed is adopted, or the engine is built anew.
    What comes late enters the windows in its place when it is adopted.
    """

    def __init__(self, rules: Ruleset) -> None:
        self.name = NAME
        self.rows = rows_of(rules)
        self.memory = confirmation.fresh(len(self.rows))
        self._confirm = rules.confirm[self.rows]
        self._place_of = np.full(len(rules) if len(self.rows) else 0, -1, np.int32)
        self._place_of[self.rows] = np.arange(len(self.rows), dtype=np.int32)

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        columns = (self.rows, self.memory, self._confirm, self._place_of)
        return sum(column.nbytes for column in columns)

    def faced(self, readings: Readings, is_judged: Mask) -> Faced:
        """Return what low and high sides go by at each reading, shape (k, 2); None: by its value.

        Readings come in order of time for each point, all there are.
        """
        if len(self.rows) == 0:
            return None
        return _faced(
            self.memory, self._place_of[readings.point], readings, is_judged, self._confirm
        )

    def adopt(self, late: Readings) -> None:
        """Take up judged readings that came late: the transaction has committed."""
        self.replay(late.point, late.time, late.value)

    def replay(self, rows: Rows, time: Instants, value: Values) -> None:
        """Learn stored judged readings of the plant's rows; what is known is passed over."""
        if len(self.rows):
            confirmation.learn(self.memory, self._place_of[rows], time, value)


def rows_of(rules: Ruleset) -> Rows:
    """Return the rows whose limits are confirmed."""
    return np.flatnonzero(rules.confirm[:, 1] > 1).astype(np.int32)


def reach(rules: Ruleset, rows: Rows) -> NDArray[np.int64]:
    """Return how many judged readings before one decide with it what sides go by, shape (k,)."""
    found: NDArray[np.int64] = rules.confirm[rows, 1].astype(np.int64) - 1
    return found


def preceding(
    readings: Readings, rows: Rows, since: Instants, many: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which are, of each of these sorted rows, the `many` newest judged before `since`."""
    found = np.zeros(len(readings), np.bool_)
    wanted = np.flatnonzero(many)
    if len(wanted) == 0:
        return found
    rows, since, many = rows[wanted], since[wanted], many[wanted]
    place = np.minimum(np.searchsorted(rows, readings.point), len(rows) - 1)
    early = (rows[place] == readings.point) & (readings.time < since[place]) & judgeable(readings)
    mine = np.flatnonzero(early)
    mine = mine[np.lexsort((-readings.time[mine], place[mine]))]
    first = np.searchsorted(place[mine], np.arange(len(rows)))
    rank = np.arange(len(mine)) - first[place[mine]]
    found[mine[rank < many[place[mine]]]] = True
    return found


def faced_anew(
    rules: Ruleset, rows: Rows, readings: Readings, is_judged: Mask, before: Readings
) -> Faced:
    """Return what sides go by at readings of sorted rows if only `before` was known before them.

    Readings come in order of time for each point; `before` are judged ones, in any order.
    """
    confirm = rules.confirm[rows]
    if not (confirm[:, 1] > 1).any():
        return None
    memory = confirmation.fresh(len(rows))
    known = np.searchsorted(rows, before.point).astype(np.int32)
    confirmation.learn(memory, known, before.time, before.value)
    places = np.searchsorted(rows, readings.point).astype(np.int32)
    return _faced(memory, places, readings, is_judged, confirm)


def _faced(
    memory: confirmation.Records,
    places: Rows,
    readings: Readings,
    is_judged: Mask,
    confirm: confirmation.Confirm,
) -> NDArray[np.float64]:
    faced = np.empty((len(readings), 2))
    confirmation.face(
        memory,
        places,
        readings.time,
        readings.value,
        is_judged,
        confirm,
        confirmation.room(),
        faced,
    )
    return faced
