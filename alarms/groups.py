"""The family of group rules: alarms that several points decide together."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from alarms.alarm import ProcessEvent
from alarms.detectors.balance import Balance
from alarms.detectors.limits import PHASES
from alarms.detectors.verdict import Memory
from alarms.detectors.vote import Vote
from alarms.family import RANK, Clock, Found, Seen
from alarms.group_course import Course, Standing
from alarms.group_rules import GroupRule, rules_of
from alarms.plant import Plant
from alarms.proposal import ChannelState, LastReadings, judged
from alarms.rules import Ruleset

_PREFIX: Final = "group."
_OPEN: Final = ".open"
"""A balance's open buckets have a row of their own: they change with every reading."""


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
        self._standing = [Standing.never(len(rule.rows)) for rule in self.rules]
        self._awake: set[int] = set()
        self._orphans: list[tuple[str, str]] = []

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes; a member has four numbers."""
        return self._member.nbytes + sum(32 * len(rule.rows) for rule in self.rules)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:  # noqa: ARG002  # groups have keys of their own
        """Take up where the record left off; rows of rules that are no more go with the next."""
        index_of = {(rule.group.key, rule.name): index for index, rule in enumerate(self.rules)}
        for state in states:
            if not state.rule.startswith(_PREFIX):
                continue
            index = index_of.get((state.key, state.rule.removesuffix(_OPEN)))
            if index is None:
                self._orphans.append((state.key, state.rule))
                continue
            standing = self._standing[index]
            if state.rule.endswith(_OPEN):
                standing.memory = _joined(standing.memory, state.process)
                continue
            standing.phase = PHASES.index(state.process["phase"])
            standing.t0, standing.seen = state.process["t0"], state.process["seen"]
            standing.unsure = state.process["unsure"]
            standing.memory = _joined(state.process["memory"], standing.memory)

    def take_up(self, last: LastReadings) -> None:
        """Take up the members' newest readings; call after `recall`."""
        sound = judged(last.quality) & np.isfinite(last.value)
        for index, (rule, standing) in enumerate(zip(self.rules, self._standing, strict=True)):
            rows = list(rule.rows)
            standing.time = last.time[rows].tolist()
            standing.received = last.received[rows].tolist()
            standing.value = np.where(sound[rows], last.value[rows], np.nan).tolist()
            standing.quality = last.quality[rows].tolist()
            verdict, _ = rule.detector.judge(standing.values(rule, standing.clock), standing.memory)
            standing.near = bool(verdict.parts)
            self._wake(index)

    def judge(self, seen: Seen) -> tuple[list[Found], dict[int, Standing]]:
        """Return what a batch means, and the standings to adopt."""
        changes: dict[int, Standing] = {}
        if not self.rules:
            return [], changes
        told: list[tuple[int, int, ProcessEvent]] = []
        readings = seen.readings
        places = np.flatnonzero(self._member[readings.point])
        chosen = readings.take(places)
        value = np.where(seen.is_judged[places] & np.isfinite(chosen.value), chosen.value, np.nan)
        columns = (places, chosen.point, chosen.time, chosen.received, value, chosen.quality)
        for place, row, time, received, number, quality in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            for index, member in self._of[row]:
                if index not in changes:
                    changes[index] = self._standing[index].copy()
                course = Course(self.plant, self.rules[index], changes[index])
                course.read(member, time=time, received=received, value=number, quality=quality)
                told += ((place, index, event) for event in course.told)
        return [
            (place, RANK, event.t_change, _as_it_is_now(event, changes[index]))
            for place, index, event in told
        ], changes

    def tick(self, clock: Clock) -> tuple[list[Found], dict[int, Standing]]:
        """Return what time alone means: delays met, members gone stale."""
        found: list[Found] = []
        changes: dict[int, Standing] = {}
        for index in sorted(self._awake):
            rule, standing = self.rules[index], self._standing[index]
            settled = clock.settled(np.array(rule.rows, np.int32)).tolist()
            # The slowest member that is still heard sets the pace: its reading may be on its way.
            reach = min(
                until
                for until, time, stale in zip(settled, standing.time, rule.stale, strict=True)
                if time + stale > standing.clock
            )
            if reach <= standing.clock:
                continue
            standing = standing.copy()
            course = Course(self.plant, rule, standing)
            course.wait(reach)
            changes[index] = standing
            found += (
                (0, RANK, event.t_change, _as_it_is_now(event, standing)) for event in course.told
            )
        return found, changes

    def states(
        self, changes: dict[int, Standing]
    ) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone = list(self._orphans)
        for index, standing in changes.items():
            rule = self.rules[index]
            was, now = _rows(rule, self._standing[index]), _rows(rule, standing)
            kept += (
                ChannelState(key=rule.group.key, rule=name, process=process)
                for name, process in now.items()
                if was.get(name) != process
            )
            gone += ((rule.group.key, name) for name in was if name not in now)
        return kept, gone

    def adopt(self, changes: dict[int, Standing]) -> None:
        """Let changes take effect: the transaction has committed."""
        self._orphans.clear()
        for index, standing in changes.items():
            self._standing[index] = standing
            self._wake(index)

    def _wake(self, index: int) -> None:
        """Note whether time alone can change a group: a vote may pass when a member is lost."""
        rule, standing = self.rules[index], self._standing[index]
        awake = not standing.rests or (standing.near and isinstance(rule.detector, Vote))
        (self._awake.add if awake else self._awake.discard)(index)


def _as_it_is_now(event: ProcessEvent, standing: Standing) -> ProcessEvent:
    """Say of a late event whether its alarm still stands."""
    if not event.late:
        return event
    return msgspec.structs.replace(event, still_over=standing.active)


def _rows(rule: GroupRule, standing: Standing) -> dict[str, dict[str, Any]]:
    """Return a group's rows of the record by rule; a balance's open buckets stand apart."""
    process = standing.process()
    if process is None:
        return {}
    if not isinstance(rule.detector, Balance) or not standing.memory:
        return {rule.name: process}
    windows: dict[str, Any] = standing.memory
    opened = {span: {"open": window["open"]} for span, window in windows.items()}
    closed = {
        span: {"closed": window["closed"], "on": window["on"]} for span, window in windows.items()
    }
    return {rule.name: {**process, "memory": closed}, rule.name + _OPEN: opened}


def _joined(first: Memory, second: Memory) -> Memory:
    """Put both rows of a balance's memory together; other memories have one."""
    if not isinstance(first, dict) or not isinstance(second, dict):
        return first if second is None else second
    return {span: {**first.get(span, {}), **window} for span, window in second.items()}
