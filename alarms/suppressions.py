"""Suppression by design: an engineer wrote when a point's alarms need no attention (DSUPR).

Rows 16 and 17 of alarms.md 1.5, all in event time. The condition must hold for its dwell with every
input good; it lifts as soon as it holds no more, an input is missing, stale or not good, or its
longest time is over. After that the condition must have been false before it suppresses again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

import msgspec
import numpy as np

from alarms.alarm import BY_DESIGN, Kind, ProcessEvent, Suppression, Tier, Transition
from alarms.expressions import Kind as Gives
from alarms.family import Clock, Found, Seen
from alarms.inputs import GOOD, Formula, Input, Newest, together
from alarms.plant import Plant, Point
from alarms.proposal import ChannelState
from alarms.rules import RULES, SECOND, Ruleset

STATE: Final = "suppression.design"
MOST_S: Final = 28_800.0
"""A suppression lasts so long at most where the registry gives no `most_s`: a shift."""
_RANK: Final = 1
"""Before limits and families: what the same reading raises is born suppressed, or free again."""
_NEVER: Final = np.iinfo(np.int64).max
_KINDS: Final = frozenset({Kind.limit, Kind.forecast, Kind.rate, Kind.deviation})
_RAISES: Final = frozenset({Transition.raised, Transition.tier_up})
_OVER: Final = "the condition holds no more"
_UNKNOWN: Final = "an input is missing or not good"
_TIME: Final = "time is up"
_REMOVED: Final = "no longer in the registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a point's suppression stands: since when true, since when held (Micros), time used up.

    `spent`: the longest time is over, and the condition has not been false since.
    """

    since: int | None = None
    held: int | None = None
    spent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Design:
    """What the registry says of one point; times in Micros."""

    formula: Formula
    dwell: int
    most: int
    reason: str


_REST: Final = Standing()
_Move = tuple[int, int | None, str]
"""When (Micros), the instant since which it is held or None where it is lifted, and why."""


class Suppressions:
    """The suppressions by design of a plant; a family of the engine (alarms.family)."""

    def __init__(self, plant: Plant, rules: Ruleset) -> None:
        self._plant = plant
        self._designs: dict[int, _Design] = {}
        self._standing: dict[int, Standing] = {}
        self._removed: list[int] = []
        self._fed_by: dict[int, set[int]] = {}
        asked = plant.columns.where(lambda point: bool(point.suppress))
        for row in np.flatnonzero(asked).tolist():
            design = _design(plant, plant.points[row], rules)
            if design is not None:
                self._designs[row] = design
                for each in design.formula.rows:
                    self._fed_by.setdefault(each, set()).add(row)
        self._feeds = np.zeros(len(plant.points), np.bool_)
        self._feeds[list(self._fed_by)] = True
        self._row_of = {plant.key_of(row): row for row in self._designs}

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        return self._feeds.nbytes

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up where the record left off; what the registry no longer says is lifted."""
        for state in states:
            row = row_of.get(state.key)
            if state.rule == STATE and row is not None:
                self._standing[row] = Standing(**state.process)
                if row not in self._designs:
                    self._removed.append(row)

    def judge(self, seen: Seen) -> tuple[list[Found], dict[int, Standing]]:
        """Return what a batch suppresses and lifts, and where that leaves it."""
        if not self._designs:
            return [], {}
        places = np.flatnonzero(self._feeds[seen.readings.point])
        before, newest = Newest(seen.newest), Newest(seen.newest)
        changes: dict[int, Standing] = {}
        found: list[Found] = []
        for group in together(seen.readings, places, newest):
            for row in sorted(set().union(*(self._fed_by[each] for each in group.rows))):
                design = self._designs[row]
                old, new = design.formula.inputs(before), design.formula.inputs(newest)
                standing = changes.get(row, self._standing.get(row, _REST))
                changes[row], moves = _read(design, standing, old, new)
                found += self._found(group.place, row, moves, group.received)
            for each in group.rows:
                before[each] = newest[each]
        return found, changes

    def tick(self, clock: Clock) -> tuple[list[Found], dict[int, Standing]]:
        """Return what time alone suppresses and lifts, by the inputs' event clocks."""
        changes: dict[int, Standing] = {}
        found: list[Found] = []
        newest = Newest(clock.newest)
        for row, standing in self._standing.items():
            if row not in self._designs:
                continue
            design = self._designs[row]
            changes[row], moves = _wait(design, standing, design.formula.inputs(newest), clock)
            found += self._found(row, row, moves, None)
        for row in self._removed:
            changes[row] = _REST
            found += self._found(row, row, [(int(clock.newest.time[row]), None, _REMOVED)], None)
        return found, changes

    def states(
        self, changes: dict[int, Standing]
    ) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone: list[tuple[str, str]] = []
        for row, standing in changes.items():
            key = self._plant.key_of(row)
            if standing == _REST:
                gone += [(key, STATE)] if row in self._standing else []
            elif standing != self._standing.get(row):
                kept.append(ChannelState(key=key, rule=STATE, process=asdict(standing)))
        return kept, gone

    def adopt(self, changes: dict[int, Standing]) -> None:
        """Let changes take effect: the transaction has committed."""
        for row, standing in changes.items():
            if standing == _REST:
                self._standing.pop(row, None)
                self._removed = [each for each in self._removed if each != row]
            else:
                self._standing[row] = standing

    def cover(self, events: Iterable[ProcessEvent]) -> Iterator[ProcessEvent]:
        """Mark events that raise an alarm while its point is suppressed: it is born so.

        `events` are a whole proposal's, in order, those of this family among them.
        """
        moved: dict[str, Suppression | None] = {}
        for event in events:
            key = event.subject.key
            if key not in self._row_of:
                yield event
                continue
            if event.change is Transition.suppressed:
                moved[key] = event.suppression
            elif event.change is Transition.unsuppressed:
                moved[key] = None
            elif event.change in _RAISES and event.kind in _KINDS:
                holding = moved[key] if key in moved else self._holding(self._row_of[key])
                if holding is not None:
                    event = msgspec.structs.replace(event, suppression=holding)
            yield event

    def _found(
        self, place: int, row: int, moves: Iterable[_Move], received: int | None
    ) -> Iterator[Found]:
        """Say of every rule of a point that it is suppressed, or no longer."""
        point = self._plant.points[row]
        for at, held, why in moves:
            holding = None if held is None else self._suppression(row, held)
            for rule in _rules(point):
                event = ProcessEvent(
                    subject=self._plant.subject(row),
                    rule=rule,
                    kind=Kind(rule.partition(".")[0]),
                    change=Transition.suppressed if holding else Transition.unsuppressed,
                    tier=Tier.none,
                    t_change=at,
                    t_event=at,
                    t_received=at if received is None else received,
                    basis=why,
                    suppression=holding,
                )
                yield place, _RANK, at, event

    def _holding(self, row: int) -> Suppression | None:
        held = self._standing.get(row, _REST).held
        return None if held is None else self._suppression(row, held)

    def _suppression(self, row: int, held: int) -> Suppression:
        """Return what stands on the alarm; an engineer agreed to it up to red."""
        design = self._designs[row]
        return Suppression(
            until=held + design.most, by=BY_DESIGN, at=held, tier=Tier.red, reason=design.reason
        )


def _design(plant: Plant, point: Point, rules: Ruleset) -> _Design | None:
    given = point.suppress
    formula = Formula.of(plant, point.enterprise, given["when"], rules.stale, kind=Gives.condition)
    if formula is None:
        return None
    return _Design(
        formula=formula,
        dwell=round(given.get("dwell_s", 0.0) * SECOND),
        most=round(given.get("most_s", MOST_S) * SECOND),
        reason=given["reason"],
    )


def _rules(point: Point) -> Iterator[str]:
    """Yield the rules of a point that a suppression covers; never comms or sensor."""
    yield from RULES
    yield from (f"forecast.{level}" for level in point.limits if level != "reset")
    yield from ("rate", "deviation")


def _read(
    design: _Design, standing: Standing, old: list[Input], new: list[Input]
) -> tuple[Standing, list[_Move]]:
    """Take a point's suppression to its inputs' newest instant, and judge them there."""
    if not new:
        return standing, []
    at = max(each.time for each in new)
    expires = design.formula.expires(old) if old else _NEVER
    standing, moves = _pass(design, standing, expires, at - 1, at - 1)
    answer = design.formula.value(new, GOOD)
    if answer:
        standing = replace(standing, since=at) if standing.since is None else standing
    else:
        if standing.held is not None:
            moves.append((at, None, _UNKNOWN if answer is None else _OVER))
        standing = Standing(spent=standing.spent and answer is None)
    standing, more = _pass(design, standing, design.formula.expires(new), at, at)
    return standing, moves + more


def _wait(
    design: _Design, standing: Standing, inputs: list[Input], clock: Clock
) -> tuple[Standing, list[_Move]]:
    """Let time pass: the dwell waits for the slowest of the inputs' clocks, lifting for none."""
    if not inputs:
        return standing, []
    settled = clock.settled(np.array(design.formula.rows, np.int32)).tolist()
    stale_at = [each.time + stale for each, stale in zip(inputs, design.formula.stale, strict=True)]
    lost = [at for at, reach in zip(stale_at, settled, strict=True) if at <= reach]
    return _pass(design, standing, min(lost, default=_NEVER), min(settled), max(settled))


def _pass(
    design: _Design, standing: Standing, expires: int, dwell_to: int, lift_to: int
) -> tuple[Standing, list[_Move]]:
    """Let a true condition stand up to these instants: held after its dwell, lifted at its end.

    `expires` is when the first input is stale.
    """
    moves: list[_Move] = []
    if standing.since is None:
        return standing, moves
    due = standing.since + design.dwell
    if standing.held is None and not standing.spent and due <= dwell_to and due < expires:
        standing = replace(standing, held=due)
        moves.append((due, due, design.reason))
    if standing.held is not None:
        end = standing.held + design.most
        if end <= lift_to and end <= expires:
            standing = replace(standing, held=None, spent=True)
            moves.append((end, None, _TIME))
    if expires <= lift_to:
        if standing.held is not None:
            moves.append((expires, None, _UNKNOWN))
        standing = Standing(spent=standing.spent)
    return standing, moves
