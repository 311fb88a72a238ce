"""Where points stood at the beginnings of their newest two minutes: kept of those that need it.

Followed is a point from its first reading on, and again from a reading that came late; no longer,
once none has come late for FOLLOW_US of its own clock. A point costs as much again as twice what
the families remember of it.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.family import Rewindable
from alarms.past import MINUTE_US
from alarms.readings import Instants, Rows

FOLLOW_US: Final = 30 * MINUTE_US
_NONE: Final = -1
_LEAST: Final = 64

Columns = list[NDArray[Any]]
"""The columns of one family (alarms.family.Rewindable), one record for each of some rows."""
Chosen = NDArray[np.bool_]


class Trails:
    """The trails of a plant's points; `of` has that of each row, -1 for none.

    By trail: `row` (-1: free), `minute` of the point's newest reading, `since` when it can be
    judged again (Micros), `late` when one came late last. `before` and `begin` are, by family, the
    columns at the beginning of the minute before `minute` and of `minute`.
    """

    def __init__(self, families: Sequence[Rewindable], points: int) -> None:
        self._families = families
        self.of: Rows = np.full(points, _NONE, np.int32)
        self.count = 0
        self._clear(0)

    def __len__(self) -> int:
        return self.count

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        columns = (each for kept in (self.before, self.begin) for part in kept for each in part)
        return int(self.of.nbytes + 28 * len(self.row) + sum(each.nbytes for each in columns))

    def border(self, trails: Rows) -> Instants:
        """Return the beginning of the minute before the newest: points are judged again from it."""
        border: Instants = (self.minute[trails] - 1) * MINUTE_US
        return border

    def can(self, trails: Rows) -> NDArray[np.bool_]:
        """Tell which points can be judged again: they were followed for two minutes, or ever."""
        known: NDArray[np.bool_] = self.border(trails) >= self.since[trails]
        return known

    def follow(self, rows: Rows, minute: Instants, *, since: Instants) -> None:
        """Follow rows that are not followed yet, as they stand."""
        trails = self._room_for(len(rows))
        self.of[rows] = trails
        self.row[trails], self.minute[trails] = rows, minute
        self.since[trails], self.late[trails] = since, minute * MINUTE_US
        self.count += len(rows)
        standing = self.now(rows)
        for kept in (self.before, self.begin):
            self.write(kept, trails, standing, np.ones(len(rows), np.bool_))

    def drop_quiet(self) -> None:
        """Follow no more those of which no reading has come late for long."""
        quiet = (self.minute * MINUTE_US - self.late > FOLLOW_US) & (self.row != _NONE)
        self.of[self.row[quiet]] = _NONE
        self.row[quiet] = _NONE
        self.count -= int(quiet.sum())
        if self.count <= len(self.row) // 4:
            self._resize(2 * self.count)

    def now(self, rows: Rows) -> list[Columns]:
        """Return how rows stand now, one record a row; it means nothing where none is watched."""
        found: list[Columns] = []
        for family in self._families:
            places = family.place_of[rows]
            if len(family.rows):
                found.append([column[places] for column in family.columns])
            else:
                blank = [np.zeros((len(rows), *c.shape[1:]), c.dtype) for c in family.columns]
                found.append(blank)
        return found

    def write(
        self, kept: Sequence[Columns], trails: Rows, found: Sequence[Columns], chosen: Chosen
    ) -> None:
        """Write the chosen of these records into `before` or `begin`."""
        for columns, records in zip(kept, found, strict=True):
            for into, record in zip(columns, records, strict=True):
                into[trails[chosen]] = record[chosen]

    def age(self, trails: Rows) -> None:
        """Let what was the beginning of the newest minute be that of the one before."""
        for older, newer in zip(self.before, self.begin, strict=True):
            for into, column in zip(older, newer, strict=True):
                into[trails] = column[trails]

    def _room_for(self, many: int) -> Rows:
        if len(self.row) - self.count < many:
            self._resize(max(2 * len(self.row), self.count + many, _LEAST))
        return np.flatnonzero(self.row == _NONE)[:many].astype(np.int32)

    def _clear(self, size: int) -> None:
        self.row: Rows = np.full(size, _NONE, np.int32)
        self.minute: Instants = np.zeros(size, np.int64)
        self.since: Instants = np.zeros(size, np.int64)
        self.late: Instants = np.zeros(size, np.int64)
        self.before, self.begin = (
            [
                [np.zeros((size, *each.shape[1:]), each.dtype) for each in family.columns]
                for family in self._families
            ]
            for _ in range(2)
        )

    def _resize(self, size: int) -> None:
        """Lay the trails that are followed out anew, one after the other."""
        followed = np.flatnonzero(self.row != _NONE)
        row, old = self.row, (self.minute, self.since, self.late)
        kept = self.before, self.begin
        self._clear(size)
        many = slice(len(followed))
        for into, column in zip((self.minute, self.since, self.late), old, strict=True):
            into[many] = column[followed]
        self.row[many] = row[followed]
        self.of[self.row[many]] = np.arange(len(followed), dtype=np.int32)
        for families, olds in zip((self.before, self.begin), kept, strict=True):
            for columns, was in zip(families, olds, strict=True):
                for into, column in zip(columns, was, strict=True):
                    into[many] = column[followed]
