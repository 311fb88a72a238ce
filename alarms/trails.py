"""Where points stood at the beginnings of their newest two minutes: kept of those that need it.

A plant of up to WHOLE points is followed whole. Of a larger one, a point is followed from its first
reading on, and again from a reading that came late; no longer, once none has come late for
FOLLOW_US of its own clock. A point costs as much again as twice what the families remember of it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.family import Columns, Rewindable, write_at
from alarms.past import MINUTE_US
from alarms.readings import Instants, Rows

FOLLOW_US: Final = 30 * MINUTE_US
WHOLE: Final = 50_000
"""Points whose trails are always kept, some 170 MB; more of them cost too much for what it buys."""
_NONE: Final = -1
_LEAST: Final = 64


class Trails:
    """The trails of a plant's points; `of` has that of each row, -1 for none.

    By trail: `row` (-1: free), `minute` of the point's newest reading, `since` when it can be
    judged again (Micros), `late` when one came late last. Columns are kept, by family, as they were
    at the beginning of `minute` and of the minute before: even minutes and odd ones apart, so that
    a minute that passes writes over the older one alone.
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
        columns = (each for kept in self._kept for part in kept for each in part)
        return int(self.of.nbytes + 28 * len(self.row) + sum(each.nbytes for each in columns))

    @property
    def whole(self) -> bool:
        """Tell whether every point that has reported is followed at all times."""
        return len(self.of) <= WHOLE

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
        for kept in self._kept:
            for columns, records in zip(kept, standing, strict=True):
                write_at(columns, trails, records)

    def end(self, rows: Rows, at: Instants) -> None:
        """Let rows be judged again from the minutes alone that begin after these instants."""
        followed = self.of[rows] >= 0
        trails, minute = self.of[rows[followed]], at[followed] // MINUTE_US
        self.since[trails] = np.maximum(self.since[trails], (minute + 1) * MINUTE_US)

    def drop_quiet(self) -> None:
        """Follow no more those of which no reading has come late for long, in a large plant."""
        if self.whole:
            return
        quiet = (self.minute * MINUTE_US - self.late > FOLLOW_US) & (self.row != _NONE)
        self.of[self.row[quiet]] = _NONE
        self.row[quiet] = _NONE
        self.count -= int(quiet.sum())
        if self.count <= len(self.row) // 4:
            self._resize(2 * self.count)

    def now(self, rows: Rows) -> list[Columns]:
        """Return how rows stand now, one record a row; it means nothing where none is watched."""
        return [
            [column.take(family.place_of[rows], axis=0) for column in family.columns]
            if len(family.rows)
            else _blank(family, len(rows))
            for family in self._families
        ]

    def at(self, family: int, trails: Rows, minute: Instants) -> Columns:
        """Return a family's columns at the beginnings of minutes, each trail's newest or the last.

        `minute` has one for each of the trails.
        """
        odd = minute % 2 == 1
        even_columns, odd_columns = (kept[family] for kept in self._kept)
        if odd.all():
            return [column.take(trails, axis=0) for column in odd_columns]
        found = [column.take(trails, axis=0) for column in even_columns]
        if odd.any():
            write_at(found, np.flatnonzero(odd), [column[trails[odd]] for column in odd_columns])
        return found

    def put(self, family: int, trails: Rows, minute: Instants, columns: Columns) -> None:
        """Keep a family's columns as those at the beginnings of minutes; see `at`."""
        for parity, kept in enumerate(self._kept):
            mine = minute % 2 == parity
            if mine.all():
                write_at(kept[family], trails, columns)
            elif mine.any():
                write_at(kept[family], trails[mine], [column[mine] for column in columns])

    def mark(self, trails: Rows, minute: Instants) -> None:
        """Keep how points stand now as how they stood at the beginnings of minutes; see `at`."""
        for family, columns in enumerate(self.now(self.row[trails])):
            self.put(family, trails, minute, columns)

    def _room_for(self, many: int) -> Rows:
        if len(self.row) - self.count < many:
            self._resize(max(2 * len(self.row), self.count + many, _LEAST))
        return np.flatnonzero(self.row == _NONE)[:many].astype(np.int32)

    def _clear(self, size: int) -> None:
        self.row: Rows = np.full(size, _NONE, np.int32)
        self.minute: Instants = np.zeros(size, np.int64)
        self.since: Instants = np.zeros(size, np.int64)
        self.late: Instants = np.zeros(size, np.int64)
        self._kept = tuple([_blank(family, size) for family in self._families] for _ in range(2))

    def _resize(self, size: int) -> None:
        """Lay the trails that are followed out anew, one after the other."""
        followed = np.flatnonzero(self.row != _NONE)
        row, old = self.row, (self.minute, self.since, self.late)
        kept = self._kept
        self._clear(size)
        many = slice(len(followed))
        for into, column in zip((self.minute, self.since, self.late), old, strict=True):
            into[many] = column[followed]
        self.row[many] = row[followed]
        self.of[self.row[many]] = np.arange(len(followed), dtype=np.int32)
        for families, olds in zip(self._kept, kept, strict=True):
            for columns, was in zip(families, olds, strict=True):
                write_at(columns, np.arange(len(followed)), [each[followed] for each in was])


def _blank(family: Rewindable, size: int) -> Columns:
    """Return so many records of nothing in the form of a family's columns."""
    return [np.zeros((size, *each.shape[1:]), each.dtype) for each in family.columns]
