"""Occurrences as nobody acknowledged them: every raise up to its return is one of its own."""

from collections.abc import Iterable
from typing import Final

import msgspec

from alarms.alarm import Alarm, Kind, ProcessEvent, Tier, Transition, occurrence_id
from alarms.lifecycle import step, touches

MOVES: Final = (
    Transition.raised,
    Transition.tier_up,
    Transition.tier_down,
    Transition.returned,
)
"""What an occurrence's process does; the rest of a journal is what people and clocks do."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A step of an occurrence: `t_change` when it became true, `t_event` of the reading behind."""

    type: Transition
    t_change: int
    t_event: int
    tier: Tier
    value: float | None


class Occurrence(msgspec.Struct, kw_only=True):
    """One raise and its return, with the steps between; times in Micros.

    `tier`, `value` and `limit` are those at the raise. `told_late` marks one that a late reading
    told of or corrected; `late` also one that rests on an old reading. `key` names the subject for
    ever, `point` as people do: `<enterprise>/<tag>`, or a gateway's id.
    """

    id: str
    key: str
    point: str
    rule: str
    kind: Kind
    tier: Tier
    peak_tier: Tier
    t_raised: int
    t_returned: int | None
    late: bool
    told_late: bool = False
    value: float | None
    limit: float | None
    forecast_eta: int | None
    moves: list[Move]
    region: str | None = None
    rings: list[int] = msgspec.field(default_factory=list)
    """When it rang (Micros): a raise or rise that was suppressed rings when that is lifted."""
    missed: bool = False
    """It stands, and its newest raise or rise was suppressed."""

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """Return the tier path: that of the raise and of every step up or down."""
        return tuple(move.tier for move in self.moves if move.type is not Transition.returned)

    @property
    def unheard(self) -> bool:
        """Tell whether it was suppressed by design from its raise to its end."""
        return not self.late and not self.rings


class Episodes:
    """Folds the engine's events into occurrences, by the life cycle's own rules.

    A returned alarm is taken as acknowledged: the next raise of its rule begins a new occurrence.
    """

    def __init__(self) -> None:
        self.found: list[Occurrence] = []
        self._open: dict[tuple[str, str], tuple[Alarm, Occurrence]] = {}
        self._past: dict[tuple[str, str], list[Occurrence]] = {}

    def add(self, events: Iterable[ProcessEvent], *, now: int) -> None:
        """Take events in the engine's order; `now` is the clock in Micros."""
        for event in events:
            if event.change is Transition.late:
                self._late(event, now)
            else:
                self._live(event, now)

    def _live(self, event: ProcessEvent, now: int) -> None:
        slot = event.subject.key, event.rule
        held = self._open.get(slot)
        outcome = step(None if held is None else held[0], event, now=now)
        if outcome.alarm is None or not outcome.entries:
            return
        change = outcome.entries[0].transition
        occurrence = self._opened(slot, event) if held is None else held[1]
        if change in MOVES:
            _move(occurrence, change, event, outcome.alarm.tier)
        occurrence.late |= event.late
        _hear(occurrence, change, event, outcome.alarm)
        if outcome.alarm.active:
            self._open[slot] = outcome.alarm, occurrence
        else:
            occurrence.t_returned = outcome.alarm.t_returned
            self._past.setdefault(slot, []).append(occurrence)
            del self._open[slot]

    def _late(self, event: ProcessEvent, now: int) -> None:
        """Record what was over before anyone heard of it, or put right what is known."""
        slot = event.subject.key, event.rule
        end = event.t_change if event.t_end is None else event.t_end
        held = self._open.get(slot)
        if event.instead is not None and self._right(slot, event, now):
            return
        if held is not None and touches(held[0], event):
            alarm, occurrence = held
            moved = step(alarm, event, now=now).alarm
            if moved is not None and moved is not alarm:
                occurrence.t_raised, occurrence.peak_tier = moved.t_raised, moved.peak_tier
                occurrence.late = occurrence.told_late = True
                self._open[slot] = moved, occurrence
            return
        touched = [past for past in self._past.get(slot, ()) if _touches(past, event.t_change, end)]
        if touched:
            past = max(touched, key=lambda one: one.t_raised)
            before = past.t_raised, past.t_returned
            past.t_raised = min(past.t_raised, event.t_change)
            past.t_returned = end if past.t_returned is None else max(end, past.t_returned)
            past.peak_tier = max(past.peak_tier, event.tier)
            if before != (past.t_raised, past.t_returned):
                past.late = past.told_late = True
            return
        occurrence = self._opened(slot, event)
        occurrence.id = occurrence_id(slot[0], f"{event.rule} late", event.t_change)
        _put_right(occurrence, event)
        self._past.setdefault(slot, []).append(occurrence)

    def _right(self, slot: tuple[str, str], event: ProcessEvent, now: int) -> bool:
        """Put right what was told, exactly, and tell whether it was found."""
        held = self._open.get(slot)
        past = self._past.setdefault(slot, [])
        if held is not None and (held[1].t_raised, None) == event.instead:
            alarm, occurrence = held
            moved = step(alarm, event, now=now).alarm
            _put_right(occurrence, event)
            if event.t_end is None and moved is not None:
                self._open[slot] = moved, occurrence
            else:
                del self._open[slot]
                past.append(occurrence)
            return True
        known = [each for each in past if (each.t_raised, each.t_returned) == event.instead]
        if not known:
            return False
        _put_right(known[-1], event)
        if event.t_end is None:
            past.remove(known[-1])
            stands = event.path[-1][1] if event.path else event.tier
            raised = msgspec.structs.replace(event, change=Transition.raised, tier=stands)
            opened = step(None, raised, now=now).alarm
            if opened is not None:
                self._open[slot] = opened, known[-1]
        return True

    def _opened(self, slot: tuple[str, str], event: ProcessEvent) -> Occurrence:
        key, rule = slot
        occurrence = Occurrence(
            id=occurrence_id(key, rule, event.t_change),
            key=key,
            point=key.removeprefix("gateway:"),
            rule=rule,
            kind=event.kind,
            tier=event.tier,
            peak_tier=event.tier,
            t_raised=event.t_change,
            t_returned=None,
            late=event.late,
            value=event.value,
            limit=event.limit,
            forecast_eta=None if event.forecast is None else event.forecast.eta,
            moves=[],
            region=event.subject.region,
        )
        self.found.append(occurrence)
        return occurrence


def _hear(occurrence: Occurrence, change: Transition, event: ProcessEvent, after: Alarm) -> None:
    """Note a ring, or that one was missed and is due when the suppression is lifted."""
    if change in (Transition.raised, Transition.tier_up):
        occurrence.missed = after.hidden
    elif not (change is Transition.unsuppressed and occurrence.missed):
        return
    if not after.hidden:
        occurrence.missed = False
        occurrence.rings.append(event.t_change)


def _touches(past: Occurrence, begin: int, end: int) -> bool:
    """Tell whether an occurrence that has returned shares an instant with a span."""
    return past.t_raised <= end and begin <= (past.t_returned or end)


def _put_right(occurrence: Occurrence, event: ProcessEvent) -> None:
    """Make an occurrence what a late event says it was."""
    occurrence.t_raised, occurrence.t_returned = event.t_change, event.t_end
    occurrence.peak_tier, occurrence.late, occurrence.told_late = event.tier, True, True
    occurrence.moves = []
    path = event.path or ((event.t_change, event.tier),)
    occurrence.tier = tier = path[0][1]
    for at, after in path:
        change = Transition.raised
        if occurrence.moves:
            change = Transition.tier_up if after > tier else Transition.tier_down
        tier = after
        _move(occurrence, change, msgspec.structs.replace(event, t_change=at), tier)
    if event.t_end is not None:
        ended = msgspec.structs.replace(event, t_change=event.t_end)
        _move(occurrence, Transition.returned, ended, tier)


def _move(occurrence: Occurrence, change: Transition, event: ProcessEvent, tier: Tier) -> None:
    occurrence.peak_tier = max(occurrence.peak_tier, tier)
    occurrence.moves.append(
        Move(
            type=change,
            t_change=event.t_change,
            t_event=event.t_event,
            tier=tier,
            value=event.value,
        )
    )
