"""Raises the tier of an active limit alarm by its peak, its duration and how many are over with it.

What raises is a region's table (alarms.tiers). Each condition speaks once an occurrence, at the
instant it is met in event time: a peak at its reading, a duration at the raise plus the time, an
extent at the raise that made the number full. A tier raised so falls back with the limit's own
tier, or with the alarm. Readings of every quality let time pass: what is held goes on lasting.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from alarms.alarm import Tier
from alarms.detectors import limits
from alarms.family import RANK, Clock, Found, LevelMove, Seen
from alarms.plant import Plant, Raise
from alarms.proposal import ChannelState
from alarms.readings import Rows
from alarms.rules import HIGH, RULES, Ruleset
from alarms.tiers import raises_of
from alarms.wording import Behind, raised_by_event, reading_behind

STATES: Final = ("tiers.low", "tiers.high")
_BEFORE: Final = 1
"""The rank of what was due before the reading that ended the alarm."""

Slot = tuple[int, int]
"""A point row and a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Active:
    """An active limit alarm: since when (Micros), its tier now, which conditions have spoken."""

    since: int
    tier: Tier
    spoken: tuple[int, ...] = ()


Changes = dict[Slot, Active | None]
"""What to remember of a slot; None: it is over."""


class Raising:
    """The active limit alarms of points whose region has something that raises them."""

    def __init__(self, plant: Plant, rules: Ruleset) -> None:
        self.plant = plant
        self.rules = rules
        found = [raises_of(plant, point) for point in plant.alike.points]
        raised = np.array([bool(raises) for raises in found], np.bool_)[plant.alike.of]
        self._raises: dict[int, tuple[Raise, ...]] = {
            row: found[plant.alike.of[row]] for row in np.flatnonzero(raised).tolist()
        }
        self._ruled = np.zeros(len(plant.points), np.bool_)
        self._ruled[list(self._raises)] = True
        self._active: dict[Slot, Active] = {}
        self._by_place: dict[tuple[str, str, str], set[Slot]] = {}
        self._is_active = np.zeros(len(plant.points), np.bool_)

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        return int(self._ruled.nbytes + self._is_active.nbytes)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up where the record left off; without a row of its own, from the standing levels."""
        own: Changes = {}
        standing: Changes = {}
        for state in states:
            row = row_of.get(state.key, -1)
            if row not in self._raises:
                continue
            if state.rule in STATES:
                own[row, STATES.index(state.rule)] = Active(
                    since=state.process["since"],
                    tier=Tier[state.process["tier"]],
                    spoken=tuple(state.process["spoken"]),
                )
            elif state.rule in RULES:
                active = self._standing(row, RULES.index(state.rule), state.process["levels"])
                if active is not None:
                    standing[row, RULES.index(state.rule)] = active
        # A row of its own without an active level is of an alarm that ended with its limits.
        self.adopt({slot: own.get(slot, active) for slot, active in standing.items()})

    def judge(self, seen: Seen) -> tuple[list[Found], Changes]:
        """Return what the readings of active alarms raise, one after the other."""
        if not self._raises:
            return [], {}
        points = seen.readings.point
        moves: dict[int, list[LevelMove]] = {}
        for move in seen.moves:
            if self._ruled[move.row]:
                moves.setdefault(move.place, []).append(move)
        if not moves and not self._is_active[points].any():
            return [], {}
        its = self._is_active[points]
        its |= np.isin(points, [move.row for each in moves.values() for move in each])
        told: list[Found] = []
        changes: Changes = {}
        for place in np.flatnonzero(its).tolist():
            row = int(points[place])
            behind = reading_behind(seen.readings, place)
            ended = {move.side: move.at for move in moves.get(place, ()) if move.top == limits.NONE}
            for side in range(len(RULES)):
                until = ended.get(side, behind.time)
                for found in self._lasting(place, (row, side), until, RANK, behind, changes):
                    earlier = side in ended or found[2] < behind.time
                    told.append((place, _BEFORE if earlier else RANK, *found[2:]))
            told += self._moved(place, moves.get(place, ()), changes, behind)
            if seen.is_judged[place]:
                for side in range(len(RULES)):
                    told += self._peak(place, (row, side), behind, changes)
                    # What was raised in this very reading may have lasted long enough already.
                    told += self._lasting(place, (row, side), behind.time, RANK, behind, changes)
        return told, changes

    def tick(self, clock: Clock) -> tuple[list[Found], Changes]:
        """Return what has lasted long enough by the points' own clocks."""
        moves = [move for move in (*clock.owed, *clock.moves) if self._ruled[move.row]]
        if not self._active and not moves:
            return [], {}
        told: list[Found] = []
        changes: Changes = {}
        ended = {(move.row, move.side): move.at for move in moves if move.top == limits.NONE}
        slots = sorted({*self._active, *((move.row, move.side) for move in moves)})
        rows: Rows = np.array([row for row, _ in slots], np.int32)
        settled: dict[int, int] = dict(
            zip(rows.tolist(), clock.settled(rows).tolist(), strict=True)
        )

        def pass_time(slots: Sequence[Slot], rank: int) -> None:
            for row, side in slots:
                until = ended.get((row, side), settled[row])
                received = int(clock.newest.received[row])
                behind = Behind(time=until, received=received, value=float("nan"), quality=0)
                told.extend(self._lasting(row, (row, side), until, rank, behind, changes))

        pass_time([slot for slot in slots if slot in self._active], _BEFORE)
        for move in sorted(moves, key=lambda move: (move.at, move.row, move.side)):
            received = int(clock.newest.received[move.row])
            behind = Behind(time=move.at, received=received, value=float("nan"), quality=0)
            told += self._moved(move.row, [move], changes, behind)
        pass_time(slots, RANK)
        return told, changes

    def states(self, changes: Changes) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone: list[tuple[str, str]] = []
        for (row, side), active in changes.items():
            key, rule = self.plant.points[row].key, STATES[side]
            if active is None:
                if (row, side) in self._active:
                    gone.append((key, rule))
                continue
            process: dict[str, Any] = {"since": active.since, "tier": active.tier.name}
            process["spoken"] = list(active.spoken)
            kept.append(ChannelState(key=key, rule=rule, process=process))
        return kept, gone

    def adopt(self, changes: Changes) -> None:
        """Let changes take effect: the transaction has committed."""
        for slot, active in changes.items():
            together = self._by_place.setdefault(self._place_of(slot[0]), set())
            if active is None:
                self._active.pop(slot, None)
                together.discard(slot)
            else:
                self._active[slot] = active
                together.add(slot)
        for row, _ in changes:
            self._is_active[row] = any((row, side) in self._active for side in range(len(RULES)))

    def _now(self, slot: Slot, changes: Changes) -> Active | None:
        return changes[slot] if slot in changes else self._active.get(slot)

    def _standing(self, row: int, side: int, levels: Mapping[str, Sequence[Any]]) -> Active | None:
        began = [t0 for phase, t0 in levels.values() if phase in ("ACTIVE", "PEND_OFF")]
        names = [name for name, (phase, _) in levels.items() if phase in ("ACTIVE", "PEND_OFF")]
        slots = [
            slot
            for slot in (range(HIGH.start) if side == 0 else range(HIGH.start, HIGH.stop))
            if self.rules.name[row, slot] >= 0 and self.rules.level_name(row, slot) in names
        ]
        if not slots:
            return None
        return Active(since=min(began), tier=Tier(int(self.rules.tier[row, slots[-1]])))

    def _moved(
        self, place: int, moves: Sequence[LevelMove], changes: Changes, behind: Behind
    ) -> Iterator[Found]:
        """Follow the limit's own moves; a raise may make an extent full."""
        for move in moves:
            slot = move.row, move.side
            known = self._now(slot, changes)
            if move.top == limits.NONE:
                changes[slot] = None
                continue
            own = Tier(int(self.rules.tier[move.row, move.top]))
            if known is None:
                changes[slot] = Active(since=move.at, tier=own)
                yield from self._extent(place, move, changes, behind)
            elif move.top > move.was:
                changes[slot] = replace(known, tier=max(known.tier, own))
            else:
                changes[slot] = replace(known, tier=own)

    def _extent(
        self, place: int, move: LevelMove, changes: Changes, behind: Behind
    ) -> Iterator[Found]:
        if all(each.points is None for each in self._raises[move.row]):
            return
        source = self._place_of(move.row)
        slots = self._by_place.get(source, set()) | {
            slot for slot in changes if self._place_of(slot[0]) == source
        }
        over = sorted(slot for slot in slots if self._now(slot, changes) is not None)
        points = len({row for row, _ in over})
        for slot in over:
            for number, each in enumerate(self._raises[slot[0]]):
                if each.points is not None and points >= each.points:
                    yield from self._speak(place, slot, number, move.at, RANK, behind, changes)

    def _lasting(
        self, place: int, slot: Slot, until: int, rank: int, behind: Behind, changes: Changes
    ) -> Iterator[Found]:
        active = self._now(slot, changes)
        if active is None:
            return
        due = [
            (active.since + round(each.lasting_s * 1e6), number)
            for number, each in enumerate(self._raises[slot[0]])
            if each.lasting_s is not None
        ]
        for at, number in sorted(due):
            if at <= until:
                yield from self._speak(place, slot, number, at, rank, behind, changes)

    def _peak(self, place: int, slot: Slot, behind: Behind, changes: Changes) -> Iterator[Found]:
        if self._now(slot, changes) is None:
            return
        sign = -1 if slot[1] == 0 else 1
        for number, each in enumerate(self._raises[slot[0]]):
            if each.peak is not None and sign * behind.value >= sign * each.peak:
                yield from self._speak(place, slot, number, behind.time, RANK, behind, changes)

    def _speak(
        self,
        place: int,
        slot: Slot,
        number: int,
        at: int,
        rank: int,
        behind: Behind,
        changes: Changes,
    ) -> Iterator[Found]:
        """Let a condition speak, once an occurrence; it is heard where it is higher."""
        active = self._now(slot, changes)
        if active is None or number in active.spoken:
            return
        each = self._raises[slot[0]][number]
        tier = Tier[each.tier]
        changes[slot] = replace(
            active, tier=max(active.tier, tier), spoken=(*active.spoken, number)
        )
        if tier > active.tier:
            at = max(at, active.since)
            yield place, rank, at, raised_by_event(self.plant, slot, each, at=at, behind=behind)

    def _place_of(self, row: int) -> tuple[str, str, str]:
        point = self.plant.points[row]
        return point.enterprise, point.source, point.quantity
