"""Judges points again when a reading of theirs came late: what goes by single points, and learns.

Like the limits (alarms.late): a followed point (alarms.trails) is judged again from how it stood a
minute ago or two, with all its readings in order, and where what follows is not what was told, a
`late` event says so. So forecasts, rates, deviations and sensors' own alarms are in the end those
of the readings in order of event time, and what was learned is, too. A plant is followed from its
first readings on, or from a start, which finds how its points stood (alarms.retracing) unless an
alarm did; a large one's points that had none late for long, from the first that is: that one, and
those within a minute or two of it, or of such a start, are not learned from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms import tales
from alarms.alarm import ProcessEvent
from alarms.corrections import corrections
from alarms.family import Clock, Columns, Found, LevelMove, Rewindable, Seen, write_at
from alarms.past import MINUTE_US, Told, in_order
from alarms.plant import Plant
from alarms.proposal import (
    ChannelState,
    LastReadings,
    Newest,
    Proposal,
    judgeable,
    judged,
    learned_from,
)
from alarms.readings import BEHIND, FAR, TAUGHT, Instants, Readings, Rows
from alarms.retelling import retold
from alarms.rewind_changes import Again, Aside, Asked, Marks, Said, Settled, Ticked
from alarms.rewinding import Rewound, legs_of, rewound
from alarms.trails import Trails

_GHOSTS_US: Final = 4 * MINUTE_US


class Rewinds:
    """The followed points of a plant, and what was told of those whose alarms stand."""

    def __init__(self, plant: Plant, families: Sequence[Rewindable]) -> None:
        self.plant = plant
        self._families = tuple(families)
        self.trails = Trails(self._families, len(plant.points))
        self._told: dict[int, tuple[Told, ...]] = {}
        self._ghosts: dict[int, tuple[Told, ...]] = {}
        self._aside: dict[int, Aside] = {}
        self._unheard = True
        self._minute = 0

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        return self.trails.nbytes

    @property
    def whole(self) -> bool:
        """Tell whether every point that has reported is followed at all times."""
        return self.trails.whole

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:  # noqa: ARG002  # as other families do
        """Take up which alarms stand; points are followed from their next late reading."""
        self._told = tales.standing(states, self.plant)

    def settle(self, newest: LastReadings) -> None:
        """Follow every point that has reported, where a plant is followed whole."""
        if self.trails.whole:
            reported = (newest.time > 0) & (self.trails.of < 0)
            rows = np.flatnonzero(reported).astype(np.int32)
            minute = newest.time[rows] // MINUTE_US
            self.trails.follow(rows, minute, since=(minute + 1) * MINUTE_US)

    def judge(self, seen: Seen) -> tuple[list[Found], Marks | None]:
        """Mark where points stand whose newest minute ends; ask before the families judge."""
        minute = int(seen.readings.time.max(initial=0)) // MINUTE_US
        if minute > self._minute:
            self._minute = minute
            self.trails.drop_quiet()
        self._follow_new(seen)
        if not len(self.trails):
            return [], None
        return [], self._marks(seen)

    def tick(self, clock: Clock) -> tuple[list[Found], Ticked | None]:
        """Say nothing; what limit alarms do without a reading is remembered with the adoption."""
        if not len(self.trails):
            return [], None
        return [], Ticked(moves=tuple(clock.moves))

    def states(
        self,
        changes: Marks | Ticked | None,  # noqa: ARG002  # as other families do
    ) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Keep nothing: after a start points are followed anew."""
        return [], []

    def settled(self, family: Rewindable, rows: Rows) -> Settled:
        """Return what a family has learned of followed rows that no late reading changes any more.

        `at` are the places of these rows among `rows`.
        """
        trails = self.trails.of[rows]
        at = np.flatnonzero(trails >= 0)
        at = at[self.trails.minute[trails[at]] * MINUTE_US >= self.trails.since[trails[at]]]
        trails = trails[at]
        which, can = self._families.index(family), self.trails.can(trails)
        minute = self.trails.minute[trails] - can
        memory = self.trails.at(which, trails, minute)[0]
        return Settled(memory=memory, until=minute * MINUTE_US - 1, at=at)

    def teach(self, late: Readings) -> Readings:
        """Return late readings, those marked that points are judged again with: TAUGHT.

        What is stored already (BEHIND) keeps its mark: so an audit learns what was learned.
        """
        trails = self.trails.of[late.point]
        taught = (trails >= 0) & ((late.quality & (FAR | BEHIND)) == 0)
        taught[taught] = self.trails.can(trails[taught])
        flag = np.where(taught, np.int16(TAUGHT), np.int16(0))
        return replace(late, quality=late.quality | flag)

    def around(self, late: Readings, rows: Rows) -> Asked:
        """Return which followed points are judged again.

        They have one of these late readings, marked by `teach`, or are among `rows`, whose limits
        are judged again, and have none without that mark.
        """
        close = _close(late)
        taught = (close.quality & TAUGHT) != 0
        others = np.setdiff1d(rows, close.point[~taught])
        both = np.union1d(close.point[taught], others).astype(np.int32)
        trails = self.trails.of[both]
        both, trails = both[trails >= 0], trails[trails >= 0]
        can = self.trails.can(trails)
        since = np.maximum(self.trails.border(trails[can]), 0)
        return Asked(rows=both[can], since=since)

    def again(
        self,
        asked: Asked,
        late: Readings,
        neighbours: Readings,
        moves: Sequence[LevelMove],
        upon: Proposal,
        newest: LastReadings,
    ) -> tuple[list[ProcessEvent], list[ChannelState], list[tuple[str, str]], Again]:
        """Say what late readings put right: events, rows to upsert and to delete, what to adopt.

        `neighbours` are the stored readings since then, `moves` what limit alarms did since, `upon`
        what the news of the same batch came to; nothing of that is adopted yet. What came late and
        was not learned from then is not learned from now either: a start does not know it.
        """
        rows, since = asked
        known = neighbours.take(learned_from(neighbours.quality))
        taken = Readings.joined([known, late.take((late.quality & TAUGHT) != 0)])
        place = np.minimum(np.searchsorted(rows, taken.point), max(len(rows) - 1, 0))
        mine = np.zeros(len(taken), np.bool_)
        if len(rows):
            mine = (rows[place] == taken.point) & ((taken.quality & FAR) == 0)
            mine &= taken.time >= since[place]
        taken = in_order(taken.take(mine))
        trails = self.trails.of[rows]
        minute = self.trails.minute[trails].copy()
        np.maximum.at(minute, np.searchsorted(rows, taken.point), taken.time // MINUTE_US)
        borders = tuple((minute + n) * MINUTE_US for n in (-1, 0, 1))
        legs = legs_of(rows, taken, moves, borders=borders, newest=newest)
        done: list[Rewound] = []
        kept: list[ChannelState] = []
        gone: list[tuple[str, str]] = []
        for which, family in enumerate(self._families):
            watched = trails[family.place_of[rows] >= 0]
            before = self.trails.at(which, watched, self.trails.minute[watched] - 1)
            each = rewound(family, rows, before, legs)
            done.append(each)
            for i, at in enumerate(each.places.tolist()):
                key = self.plant.key_of(int(family.rows[at]))
                was, now = family.stands(at), each.ended.stands(i)
                kept += [
                    ChannelState(key=key, rule=rule, process=process)
                    for rule, process in now.items()
                    if process != was.get(rule)
                ]
                gone += [(key, rule) for rule in was if rule not in now]
        events, told, ghosts = self._retell(asked, taken, done, upon.events)
        follow = np.unique(_close(late).point)
        follow = follow[self.trails.of[follow] < 0]
        again = Again(
            rows=rows,
            minute=minute,
            rewound=done,
            told=told,
            ghosts=ghosts,
            follow=follow,
            follow_minute=_newest(follow, newest, upon),
            ahead=[
                move for move in moves if move.at >= borders[-1][np.searchsorted(rows, move.row)]
            ],
        )
        return events, kept, gone, again

    def adopt(self, changes: Marks | Ticked | Said | Again | None) -> None:
        """Let changes take effect: the transaction has committed."""
        match changes:
            case Marks():
                self._mark(changes)
            case Ticked():
                self._set_aside(changes.moves)
            case Said():
                self._hear(changes.events)
            case Again():
                self._take(changes)

    def _follow_new(self, seen: Seen) -> None:
        """Follow the points that report for the first time, from before their first reading."""
        if not self._unheard:
            return
        readings = seen.readings
        new = np.flatnonzero(seen.newest.time[readings.point] == 0)
        if len(new) == 0:
            self._unheard = bool((seen.newest.time == 0).any())
            return
        rows, first = np.unique(readings.point[new], return_index=True)
        unknown = self.trails.of[rows] < 0
        rows, minute = rows[unknown], readings.time[new[first[unknown]]] // MINUTE_US
        self.trails.follow(rows, minute, since=np.zeros(len(rows), np.int64))

    def _marks(self, seen: Seen) -> Marks | None:
        readings = seen.readings
        trail = self.trails.of[readings.point]
        mine = np.flatnonzero(trail >= 0)
        trails, place = np.unique(trail[mine], return_inverse=True)
        time = readings.time[mine]
        first = np.full(len(trails), np.iinfo(np.int64).max)
        last = np.zeros(len(trails), np.int64)
        np.minimum.at(first, place, time)
        np.maximum.at(last, place, time)
        minute = last // MINUTE_US
        crossed = minute > self.trails.minute[trails]
        if not crossed.any():
            return None
        trails, first, minute = trails[crossed], first[crossed], minute[crossed]
        rows = self.trails.row[trails]
        aged = minute == self.trails.minute[trails] + 1
        begin = self.trails.now(rows)
        before: list[Columns] = [[column[~aged] for column in part] for part in begin]
        moved = {move.row for move in seen.moves} | self._aside.keys()
        slow = (first < minute * MINUTE_US) | np.isin(rows, np.array(sorted(moved), np.int32))
        if slow.any():
            self._walk_on(seen, rows, minute, slow, aged, before, begin)
        return Marks(trails=trails, minute=minute, aged=aged, before=before, begin=begin)

    def _walk_on(
        self,
        seen: Seen,
        rows: Rows,
        minute: Instants,
        slow: NDArray[np.bool_],
        aged: NDArray[np.bool_],
        before: list[Columns],
        begin: list[Columns],
    ) -> None:
        """Find how points stand at beginnings of minutes that lie within their readings."""
        place_of = np.cumsum(~aged) - 1
        chosen = np.flatnonzero(slow)
        chosen = chosen[np.argsort(rows[chosen])]
        rows, ends = rows[chosen], minute[chosen] * MINUTE_US
        readings = in_order(seen.readings.take(np.isin(seen.readings.point, rows)))
        moves = [move for move in seen.moves if move.row in set(rows.tolist())]
        aside = {row: self._aside[row] for row in rows.tolist() if row in self._aside}
        moves += [move for each in aside.values() for move in each.moves]
        borders = ends - MINUTE_US, ends
        legs = legs_of(rows, readings, moves, borders=borders, newest=seen.newest)
        for which, family in enumerate(self._families):
            watched = np.flatnonzero(family.place_of[rows] >= 0)
            start = [column[chosen[watched]] for column in begin[which]]
            for i, row in enumerate(rows[watched].tolist()):
                if row in aside:
                    write_at(start, np.array([i]), aside[row].columns[which])
            done = rewound(family, rows, start, legs)
            places = chosen[watched]
            far = ~aged[places]
            older, newer = done.legs
            write_at(before[which], place_of[places[far]], [column[far] for column in older])
            write_at(begin[which], places, newer)

    def _mark(self, marks: Marks) -> None:
        trails, jumped = marks.trails, ~marks.aged
        for which in range(len(self._families)):
            self.trails.put(which, trails[jumped], marks.minute[jumped] - 1, marks.before[which])
            self.trails.put(which, trails, marks.minute, marks.begin[which])
        self.trails.minute[trails] = marks.minute
        for row in self._aside.keys() & set(self.trails.row[trails].tolist()):
            del self._aside[row]

    def _set_aside(self, moves: Sequence[LevelMove]) -> None:
        """Keep how points stand before limit alarms do something ahead of their newest minute."""
        for move in moves:
            trail = int(self.trails.of[move.row])
            if trail >= 0 and move.at >= (self.trails.minute[trail] + 1) * MINUTE_US:
                if move.row not in self._aside:
                    rows = np.array([move.row], np.int32)
                    self._aside[move.row] = Aside(columns=self.trails.now(rows))
                self._aside[move.row].moves.append(move)

    def _hear(self, events: Sequence[ProcessEvent]) -> None:
        for row, mine in tales.by_row(events, self.plant).items():
            self._keep(row, tales.told_by(self._told.get(row, ()), mine))

    def _keep(self, row: int, told: tuple[Told, ...]) -> None:
        """Keep what was told of a point: what stands and, of a followed one, what may be judged."""
        trail = int(self.trails.of[row])
        border = int(self.trails.border(np.array([trail]))[0]) if trail >= 0 else tales.NEVER
        left = tales.since(told, border)
        if left:
            self._told[row] = left
        else:
            self._told.pop(row, None)

    def _take(self, again: Again) -> None:
        trails = self.trails.of[again.rows]
        self.trails.minute[trails] = again.minute
        self.trails.late[trails] = again.minute * MINUTE_US
        for which, done in enumerate(again.rewound):
            family = self._families[which]
            family.take(done.places, done.ended)
            watched = family.place_of[again.rows] >= 0
            for minute, leg in zip((again.minute - 1, again.minute), done.legs, strict=False):
                self.trails.put(which, trails[watched], minute[watched], leg)
        for row in again.rows.tolist():
            self._aside.pop(row, None)
        for move in again.ahead:
            if move.row not in self._aside:
                self._aside[move.row] = Aside(columns=_before_ahead(again, move.row))
            self._aside[move.row].moves.append(move)
        for row in again.rows.tolist():
            self._keep(row, again.told[row])
            self._ghosts.pop(row, None)
            if again.ghosts[row]:
                self._ghosts[row] = again.ghosts[row]
        minute, rows = again.follow_minute, again.follow
        self.trails.follow(rows, minute, since=(minute + 1) * MINUTE_US)

    def _retell(
        self,
        asked: Asked,
        taken: Readings,
        done: Sequence[Rewound],
        upon: Sequence[ProcessEvent],
    ) -> tuple[list[ProcessEvent], dict[int, tuple[Told, ...]], dict[int, tuple[Told, ...]]]:
        """Return what puts right what was told, and what is told by then of each point."""
        news = tales.by_row(upon, self.plant)
        again = tales.by_row((item[3] for each in done for item in each.found), self.plant)
        events: list[ProcessEvent] = []
        told: dict[int, tuple[Told, ...]] = {}
        ghosts: dict[int, tuple[Told, ...]] = {}
        for row, base in zip(asked.rows.tolist(), asked.since.tolist(), strict=True):
            before = tales.told_by(self._told.get(row, ()), news.get(row, ()))
            told[row] = tales.told_by(tales.as_of(before, base), again.get(row, ()))
            due, withdrawn = corrections(
                tales.since(before, base), told[row], self._ghosts.get(row, ())
            )
            ghosts[row] = tuple(each for each in withdrawn if each.t_raised >= base - _GHOSTS_US)
            for each in due:
                events += retold(self.plant, row, taken, each, again.get(row, ()))
        return events, told, ghosts


def _close(late: Readings) -> Readings:
    """Return the late readings that families learn from."""
    return late.take(((late.quality & FAR) == 0) & (judgeable(late) | ~judged(late.quality)))


def _before_ahead(again: Again, row: int) -> list[Columns]:
    """Return how a row stood before what its limit alarms did ahead of its newest minute."""
    found: list[Columns] = []
    for done in again.rewound:
        at = done.ended.place_of[row]
        found.append([column[[at]] if at >= 0 else column[:0] for column in done.legs[-1]])
    return found


def _newest(rows: Rows, newest: LastReadings, upon: Proposal) -> Instants:
    """Return the minute of rows' newest readings, with the news of the batch."""
    time = newest.time[rows].copy()
    for part in upon.memory:
        if isinstance(part, Newest):
            news = part.readings.take(np.isin(part.readings.point, rows))
            np.maximum.at(time, np.searchsorted(rows, news.point), news.time)
    minute: Instants = time // MINUTE_US
    return minute
