"""Raises the tier of an active limit alarm by its peak, its duration and how many are over with it.

What raises is a region's table (alarms.tiers), how the tiers go on is alarms.courses. Readings of
every quality let time pass: what is held goes on lasting. What late readings change of it is
alarms.regrading; for that, raised alarms are remembered until no late reading can move their end.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from alarms.alarm import ProcessEvent, Tier
from alarms.courses import Course, Met, Own, went_on
from alarms.detectors import limits
from alarms.family import RANK, Clock, Found, LevelMove, Seen
from alarms.past import MINUTE_US
from alarms.plant import Plant, Raise
from alarms.proposal import ChannelState, LastReadings, Proposal
from alarms.rules import HIGH, RULES, Ruleset
from alarms.tiers import raises_of
from alarms.wording import Behind, raised_by_event, reading_behind

STATES: Final = ("tiers.low", "tiers.high")
PAST: Final = "tiers.past"
_ELAPSED: Final = 2
"""The rank of limits' own delays that have run out, among which what is due sorts by time."""
_LOST: Final = 3
"""The rank of what a tick finds after the signal was lost."""

Slot = tuple[int, int]
"""A point row and a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What to remember: the open course of a slot (None: it is over), a row's that have returned.

    `overtaken` are rows with a reading from before what the clock had let happen.
    """

    open: dict[Slot, Course | None] = field(default_factory=dict)
    past: dict[int, tuple[Course, ...]] = field(default_factory=dict)
    overtaken: set[int] = field(default_factory=set)


class Raising:
    """The active limit alarms of points whose region has something that raises them."""

    def __init__(self, plant: Plant, rules: Ruleset) -> None:
        self.plant = plant
        self.rules = rules
        found = [raises_of(plant, point) for point in plant.alike.points]
        raised = np.array([bool(raises) for raises in found], np.bool_)[plant.alike.of]
        self.raises: dict[int, tuple[Raise, ...]] = {
            row: found[plant.alike.of[row]] for row in np.flatnonzero(raised).tolist()
        }
        self._ruled = np.zeros(len(plant.points), np.bool_)
        self._ruled[list(self.raises)] = True
        self._active: dict[Slot, Course] = {}
        self._past: dict[int, tuple[Course, ...]] = {}
        self._by_place: dict[tuple[str, str, str], set[Slot]] = {}
        self._is_active = np.zeros(len(plant.points), np.bool_)

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        return int(self._ruled.nbytes + self._is_active.nbytes)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up where the record left off; without a row of its own, from the standing levels."""
        own: dict[Slot, Course | None] = {}
        standing: dict[Slot, Course | None] = {}
        past: dict[int, tuple[Course, ...]] = {}
        for state in states:
            row = row_of.get(state.key, -1)
            if row not in self.raises:
                continue
            if state.rule in STATES:
                side = STATES.index(state.rule)
                own[row, side] = _recalled(side, state.process)
            elif state.rule == PAST:
                past[row] = msgspec.convert(state.process["courses"], tuple[Course, ...])
            elif state.rule in RULES:
                course = self._standing(row, RULES.index(state.rule), state.process["levels"])
                if course is not None:
                    standing[row, RULES.index(state.rule)] = course
        # A row of its own without an active level is of an alarm that ended with its limits.
        open_ = {slot: own.get(slot, course) for slot, course in standing.items()}
        self.adopt(Changes(open=open_, past=past))

    def judge(self, seen: Seen) -> tuple[list[Found], Changes]:
        """Return what the readings of active alarms raise, one after the other."""
        changes = Changes()
        if not self.raises:
            return [], changes
        points = seen.readings.point
        moves: dict[int, list[LevelMove]] = {}
        for move in seen.moves:
            if self._ruled[move.row]:
                moves.setdefault(move.place, []).append(move)
        if not moves and not self._is_active[points].any():
            return [], changes
        its = self._is_active[points]
        its |= np.isin(points, [move.row for each in moves.values() for move in each])
        told: list[Found] = []
        for place in np.flatnonzero(its).tolist():
            row = int(points[place])
            behind = reading_behind(seen.readings, place)
            slots = [(row, side) for side in range(len(RULES))]
            known = [self.now(slot, changes) for slot in slots]
            if any(each is not None and behind.time <= each.newest for each in known):
                changes.overtaken.add(row)
            found: list[tuple[Slot, Met]] = []
            for move in moves.get(place, ()):
                found += self._follow(move, changes, seen.newest)
            for slot in slots:
                peaks = self._peaks(slot, behind) if seen.is_judged[place] else ()
                found += self._pass(slot, behind.time, changes, peaks)
            for slot, (at, number) in found:
                event = self.event(slot, (at, number), behind)
                told.append((place, _ELAPSED if at < behind.time else RANK, at, event))
        return told, changes

    def tick(self, clock: Clock) -> tuple[list[Found], Changes]:
        """Return what has lasted long enough by the points' own clocks."""
        changes = Changes()
        if not self.raises:
            return [], changes
        changes.past.update(self._outlived(clock.newest))
        moves = [move for move in clock.moves if self._ruled[move.row]]
        if not self._active and not moves:
            return [], changes
        found: list[tuple[Slot, Met]] = []
        for move in sorted(moves, key=lambda move: (move.at, move.row, move.side)):
            found += self._follow(move, changes, clock.newest)
        slots = sorted({*self._active, *((move.row, move.side) for move in moves)})
        rows = np.array([row for row, _ in slots], np.int32)
        for slot, settled in zip(slots, clock.settled(rows).tolist(), strict=True):
            found += self._pass(slot, settled, changes)
        lost = {(move.row, move.side): move.at for move in moves if move.lost}
        told: list[Found] = []
        for slot, (at, number) in found:
            received = int(clock.newest.received[slot[0]])
            behind = Behind(time=at, received=received, value=float("nan"), quality=0)
            rank = _LOST if at >= lost.get(slot, at + 1) else _ELAPSED
            told.append((slot[0], rank, at, self.event(slot, (at, number), behind)))
        return told, changes

    def states(
        self, changes: Changes, upon: Changes | None = None
    ) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete.

        `upon` is what is adopted before them.
        """
        kept: list[ChannelState] = []
        gone: list[tuple[str, str]] = []
        for (row, side), course in changes.open.items():
            key, rule = self.plant.key_of(row), STATES[side]
            if course is not None:
                kept.append(ChannelState(key=key, rule=rule, process=_written(course)))
            elif (row, side) in self._active or (upon is not None and (row, side) in upon.open):
                gone.append((key, rule))
        for row, courses in changes.past.items():
            key = self.plant.key_of(row)
            if courses:
                process = {"courses": msgspec.to_builtins(courses)}
                kept.append(ChannelState(key=key, rule=PAST, process=process))
            elif row in self._past or (upon is not None and row in upon.past):
                gone.append((key, PAST))
        return kept, gone

    def adopt(self, changes: Changes) -> None:
        """Let changes take effect: the transaction has committed."""
        for slot, course in changes.open.items():
            together = self._by_place.setdefault(self._place_of(slot[0]), set())
            if course is None:
                self._active.pop(slot, None)
                together.discard(slot)
            else:
                self._active[slot] = course
                together.add(slot)
        for row, _ in changes.open:
            self._is_active[row] = any((row, side) in self._active for side in range(len(RULES)))
        for row, courses in changes.past.items():
            if courses:
                self._past[row] = courses
            else:
                self._past.pop(row, None)

    def proposed(self, upon: Proposal) -> Changes:
        """Return what a proposal has it remember."""
        changes: Changes | None = upon.changes_of(self)
        return Changes() if changes is None else changes

    def now(self, slot: Slot, changes: Changes) -> Course | None:
        """Return the open course of a slot by what is adopted and these changes."""
        return changes.open[slot] if slot in changes.open else self._active.get(slot)

    def past(self, row: int, changes: Changes) -> tuple[Course, ...]:
        """Return a row's courses that have returned, by what is adopted and these changes."""
        return changes.past[row] if row in changes.past else self._past.get(row, ())

    def full(self, slot: Slot, changes: Changes) -> list[tuple[Slot, int]]:
        """Return which extents the raise of a slot makes full: of which slots, by their numbers."""
        if all(each.points is None for each in self.raises[slot[0]]):
            return []
        source = self._place_of(slot[0])
        slots = self._by_place.get(source, set()) | {
            each for each in changes.open if self._place_of(each[0]) == source
        }
        over = sorted({slot, *(each for each in slots if self.now(each, changes) is not None)})
        points = len({row for row, _ in over})
        return [
            (each, number)
            for each in over
            for number, one in enumerate(self.raises[each[0]])
            if one.points is not None and points >= one.points
        ]

    def full_later(
        self, slot: Slot, at: int, number: int, changes: Changes
    ) -> Iterator[tuple[Slot, Met]]:
        """Let an extent speak in the open course of a slot, now that another's raise made it full.

        Yield it where it is heard. That is as the raise comes: it is not judged again.
        """
        course = self.now(slot, changes)
        if course is None:
            return
        at = max(at, course.since)
        gone = went_on(course, self.raises[slot[0]], side=slot[1], extents=[(at, number)], until=0)
        changes.open[slot] = gone.course
        yield from ((slot, met) for met in gone.heard)

    def own(self, row: int, *, was: int, top: int, at: int) -> Own:
        """Return a move of a side's top level as courses have it."""
        return Own(at=at, tier=self.rules.tier_at(row, top), up=top > was)

    def event(self, slot: Slot, met: Met, behind: Behind) -> ProcessEvent:
        """Say that a condition is heard."""
        at, number = met
        return raised_by_event(self.plant, slot, self.raises[slot[0]][number], at=at, behind=behind)

    def _standing(self, row: int, side: int, levels: Mapping[str, Sequence[Any]]) -> Course | None:
        began = [t0 for phase, t0 in levels.values() if phase in ("ACTIVE", "PEND_OFF")]
        names = [name for name, (phase, _) in levels.items() if phase in ("ACTIVE", "PEND_OFF")]
        slots = [
            slot
            for slot in (range(HIGH.start) if side == 0 else range(HIGH.start, HIGH.stop))
            if self.rules.level_name(row, slot) in names
        ]
        if not slots:
            return None
        tier = self.rules.tier_at(row, slots[-1])
        return Course(side=side, path=((min(began), tier),))

    def _follow(
        self, move: LevelMove, changes: Changes, newest: LastReadings
    ) -> Iterator[tuple[Slot, Met]]:
        """Follow a move of the limit's own; yield what is heard on the way there and with it."""
        slot, at = (move.row, move.side), move.at
        known, raises = self.now(slot, changes), self.raises[move.row]
        if move.top == limits.NONE:
            if known is None:
                return
            gone = went_on(known, raises, side=move.side, until=at, returned=at)
            changes.open[slot] = None
            if gone.course.spoken:
                ended = _still(self.past(move.row, changes), newest, move.row)
                changes.past[move.row] = (*ended, gone.course)
        else:
            full = self.full(slot, changes) if known is None else []
            for other, number in full:
                if other != slot:
                    yield from self.full_later(other, at, number, changes)
            gone = went_on(
                known,
                raises,
                side=move.side,
                own=[self.own(move.row, was=move.was, top=move.top, at=at)],
                extents=[(at, number) for other, number in full if other == slot],
                until=at,
            )
            changes.open[slot] = gone.course
        yield from ((slot, met) for met in gone.heard)

    def _pass(
        self, slot: Slot, until: int, changes: Changes, peaks: Iterable[Met] = ()
    ) -> Iterator[tuple[Slot, Met]]:
        """Let time pass, and the value of a reading speak; yield what is heard."""
        course, raises = self.now(slot, changes), self.raises[slot[0]]
        if course is None:
            return
        peaks = [met for met in peaks if met[0] >= course.since]
        if course.awaits(raises, peaks, until):
            gone = went_on(course, raises, side=slot[1], peaks=peaks, until=until)
            changes.open[slot] = gone.course
            yield from ((slot, met) for met in gone.heard)

    def _peaks(self, slot: Slot, behind: Behind) -> Iterator[Met]:
        sign = -1 if slot[1] == 0 else 1
        for number, each in enumerate(self.raises[slot[0]]):
            if each.peak is not None and sign * behind.value >= sign * each.peak:
                yield behind.time, number

    def _outlived(self, newest: LastReadings) -> dict[int, tuple[Course, ...]]:
        """Return what is left of the courses whose return no late reading can move any more."""
        found: dict[int, tuple[Course, ...]] = {}
        for row, courses in self._past.items():
            still = _still(courses, newest, row)
            if len(still) < len(courses):
                found[row] = still
        return found

    def _place_of(self, row: int) -> tuple[str, str, str]:
        point = self.plant.points[row]
        return point.enterprise, point.source, point.quantity


def _still(courses: Sequence[Course], newest: LastReadings, row: int) -> tuple[Course, ...]:
    """Return those that returned since a point is judged again from (alarms.past)."""
    since = (int(newest.time[row]) // MINUTE_US - 1) * MINUTE_US
    return tuple(each for each in courses if each.returned is None or each.returned >= since)


def _written(course: Course) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(course)
    return {"path": built["path"], "spoken": built["spoken"]}


def _recalled(side: int, process: Mapping[str, Any]) -> Course:
    """Read a row; the version before wrote the raise, the tier now, and what has spoken at all."""
    if "path" in process:
        return msgspec.convert({"side": side, **process}, Course)
    since = int(process["since"])
    return Course(
        side=side,
        path=((since, Tier[process["tier"]]),),
        spoken=tuple((since, number) for number in process["spoken"]),
    )
