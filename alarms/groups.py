"""The family of group rules: alarms that several points decide together."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np

from alarms import group_record, group_replay, group_telling
from alarms.alarm import ProcessEvent
from alarms.detectors.vote import Vote
from alarms.family import RANK, Clock, Found, Seen
from alarms.group_course import Heard, Standing
from alarms.group_past import Past, begins, settled
from alarms.group_record import Rows
from alarms.group_rules import rules_of
from alarms.group_telling import Clocks
from alarms.late import Around
from alarms.plant import Plant
from alarms.proposal import ChannelState, LastReadings, Proposal, judgeable
from alarms.readings import FAR, HISTORY, Mask, Readings
from alarms.rules import Ruleset

_PREFIX: Final = "group."
_READING_BYTES: Final = 200
"""What a reading kept costs, about: its five numbers as Python keeps them."""


class Change(NamedTuple):
    """What is to be adopted of a group: its past, and its rows of the record before and after.

    `clocks` are those of a batch; late readings of the same batch are judged with `whole`, which
    begins where it did before the batch.
    """

    past: Past
    before: Rows
    after: Rows
    whole: Past
    clocks: Clocks


Changes = dict[int, Change]
"""By the group's index."""


class Groups:
    """The family of group rules."""

    def __init__(self, plant: Plant, rules: Ruleset) -> None:
        self.plant = plant
        self.rules = rules_of(plant, rules)
        self._of: dict[int, list[tuple[int, int]]] = {}
        for index, rule in enumerate(self.rules):
            for member, row in enumerate(rule.rows):
                self._of.setdefault(row, []).append((index, member))
        self._member = np.zeros(len(plant.points), np.bool_)
        self._member[list(self._of)] = True
        self._past = [begins(Standing.never(len(rule.rows))) for rule in self.rules]
        self._recorded: list[Rows] = [{} for _ in self.rules]
        self._awake: set[int] = set()
        self._orphans: list[tuple[str, str]] = []
        self._last = LastReadings.never(len(plant.points))

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes; a member has four numbers."""
        members = sum(len(rule.rows) for rule in self.rules)
        kept = sum(past.many for past in self._past)
        return self._member.nbytes + 32 * members + _READING_BYTES * kept

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:  # noqa: ARG002  # groups have keys of their own
        """Take up where the record left off; rows of rules that are no more go with the next."""
        index_of = {(rule.group.key, rule.name): index for index, rule in enumerate(self.rules)}
        for state in states:
            if not state.rule.startswith(_PREFIX):
                continue
            index = index_of.get((state.key, state.rule.removesuffix(group_record.OPEN)))
            if index is None:
                self._orphans.append((state.key, state.rule))
            else:
                self._recorded[index][state.rule] = state.process

    def take_up(self, last: LastReadings) -> None:
        """Begin with the members' newest readings; call after `recall`, and `replay` after it."""
        self._last = last
        for index, rule in enumerate(self.rules):
            standing = group_replay.newest(rule, last)
            past = group_record.begins_here(rule, self._recorded[index], standing)
            standing.look(rule)
            self._stand(index, past)

    def wanted(self) -> Around:
        """Return which stored readings `replay` needs, and of each point the one before them."""
        return group_replay.wanted(self.rules, self._recorded, self._last)

    def replay(self, readings: Readings) -> None:
        """Come to where the record is by the stored readings that are `wanted`."""
        heard = group_replay.by_row(readings)
        for index, rule in enumerate(self.rules):
            rows = self._recorded[index]
            past = group_replay.replayed(self.plant, rule, rows, heard, self._last)
            if past is not None:
                self._stand(index, past)

    def judge(self, seen: Seen) -> tuple[list[Found], Changes]:
        """Return what a batch means, and what to adopt."""
        if not self.rules:
            return [], {}
        found: list[Found] = []
        changes: Changes = {}
        for index, mine in self._arrivals(seen.readings, seen.is_judged).items():
            whole, told, clocks = group_telling.heard(
                self.plant, self.rules[index], self._past[index], mine
            )
            changes[index] = self._change(index, whole, self._recorded[index], clocks)
            found += ((place, RANK, event.t_change, event) for place, event in told)
        return found, changes

    def judge_late(self, late: Readings, upon: Proposal) -> tuple[list[ProcessEvent], Changes]:
        """Return what readings behind their points' newest put right, and what to adopt.

        `upon` is what the news of the same batch came to.
        """
        if not self.rules:
            return [], {}
        near = late.take((late.quality & FAR) == 0)
        known: Changes = upon.changes_of(self) or {}
        events: list[ProcessEvent] = []
        changes: Changes = {}
        for index, mine in self._arrivals(near, judgeable(near)).items():
            past, before = self._past[index], self._recorded[index]
            clocks = [(0, past.alone.clock)]
            if index in known:
                _, _, before, past, clocks = known[index]
            past, told = group_telling.heard_late(self.plant, self.rules[index], past, mine, clocks)
            changes[index] = self._change(index, past, before, clocks)
            events += (event for _, event in told)
        return events, changes

    def tick(self, clock: Clock) -> tuple[list[Found], Changes]:
        """Return what time alone means: delays met, members gone stale."""
        found: list[Found] = []
        changes: Changes = {}
        for index in sorted(self._awake):
            rule, past = self.rules[index], self._past[index]
            settled = clock.settled(np.array(rule.rows, np.int32)).tolist()
            # The slowest member that is still heard sets the pace: its reading may be on its way.
            reach = min(
                until
                for until, time, stale in zip(
                    settled, past.alone.standing.time, rule.stale, strict=True
                )
                if time + stale > past.alone.clock
            )
            if reach <= max(past.alone.clock, past.waited):
                continue
            later, events = group_telling.ticked(self.plant, rule, past, reach)
            if later is not past:
                changes[index] = self._change(index, later, self._recorded[index], [])
            found += ((0, RANK, event.t_change, event) for event in events)
        return found, changes

    def states(self, changes: Changes) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone = list(self._orphans)
        for index, change in changes.items():
            key, before = self.rules[index].group.key, change.before
            kept += (
                ChannelState(key=key, rule=name, process=process)
                for name, process in change.after.items()
                if before.get(name) != process
            )
            gone += ((key, name) for name in before if name not in change.after)
        return kept, gone

    def adopt(self, changes: Changes) -> None:
        """Let changes take effect: the transaction has committed."""
        self._orphans.clear()
        for index, change in changes.items():
            self._recorded[index] = change.after
            self._stand(index, change.past)

    def _arrivals(self, readings: Readings, is_judged: Mask) -> dict[int, list[tuple[int, Heard]]]:
        """Return readings by the groups they are a member's of, in order of receipt; places."""
        places = np.flatnonzero(self._member[readings.point])
        chosen = readings.take(places)
        value = np.where(is_judged[places] & np.isfinite(chosen.value), chosen.value, np.nan)
        flags = chosen.quality & np.int16(HISTORY)
        columns = (places, chosen.point, chosen.time, chosen.received, value, flags)
        found: dict[int, list[tuple[int, Heard]]] = {}
        for place, row, time, received, number, flag in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            for index, member in self._of[row]:
                heard = time, member, received, number, flag
                found.setdefault(index, []).append((place, heard))
        return found

    def _change(self, index: int, whole: Past, before: Rows, clocks: Clocks) -> Change:
        past = settled(whole)
        after = group_record.rows_of(self.rules[index], past)
        return Change(past, before, after, whole, clocks)

    def _stand(self, index: int, past: Past) -> None:
        """Keep a group's past; time alone can change it: a vote may pass when a member is lost."""
        self._past[index] = past
        rule, now = self.rules[index], past.now
        awake = not now.rests or (now.near and isinstance(rule.detector, Vote))
        (self._awake.add if awake else self._awake.discard)(index)
