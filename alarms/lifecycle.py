"""One alarm's life: what the plant says and what people owe, each step with its journal entries.

The table is alarms.md 1.5. `step` is pure: it returns the alarm after the step and the rows the
journal gains, `rev` growing by one with each. The process side (`active`, tier, value) moves by
process events only; what people do stands in `deeds`, what time does in `deadlines`.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from alarms import deadlines, deeds, designed, nuisance
from alarms.alarm import (
    ORG_LEVELS,
    Alarm,
    Entry,
    ProcessEvent,
    Transition,
    occurrence_id,
)
from alarms.deeds import Action, Deed
from alarms.errors import ConflictError
from alarms.outcome import LIFTS, Outcome, bell, closed_if_done, lifted, moved

__all__ = [
    "Action",
    "Deed",
    "Outcome",
    "RuleChange",
    "Timer",
    "step",
]


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """Time has passed: what is due by `now` happens (`deadlines`)."""


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changed the rule behind an alarm, or took it away: rows 24 and 25.

    `change` is rule_changed or retired; `note` says what was changed.
    """

    change: Transition
    actor: str
    note: str


Event = ProcessEvent | Action | Timer | RuleChange


def step(alarm: Alarm | None, event: Event, *, now: int) -> Outcome:
    """Move one alarm by one event; `now` is the server's clock in Micros.

    `alarm` is the open occurrence of the event's subject and rule, else its last one or None.
    ConflictError where an action does not fit the alarm as it is now; a process event always fits.
    """
    match event:
        case ProcessEvent():
            return _process(alarm, event, now)
        case Action():
            if alarm is None or alarm.t_closed is not None:
                raise ConflictError(
                    f"cannot {event.kind} this alarm: it is closed; reload the list", alarm
                )
            return deeds.act(alarm, event, now=now)
        case Timer():
            return Outcome(alarm=None) if alarm is None else deadlines.expire(alarm, now=now)
        case RuleChange():
            return _rule_changed(alarm, event, now)


def _process(alarm: Alarm | None, event: ProcessEvent, now: int) -> Outcome:
    before = alarm
    if alarm is not None and alarm.t_closed is not None:
        alarm = None
    match event.change:
        case Transition.late:
            if event.path and not touches(before, event):
                return _apart(alarm, event, now)
            return _late(before if touches(before, event) else alarm, event, now)
        case Transition.suppressed | Transition.unsuppressed:
            return designed.step(alarm, event, now=now)
        case Transition.quality:
            if alarm is None or alarm.quality == event.quality:
                return Outcome(alarm=alarm)
            return _one(alarm, event, Transition.quality, quality=event.quality)
        case Transition.returned:
            if alarm is None or not alarm.active:
                return Outcome(alarm=alarm)
            return _returned(alarm, event, now)
        case Transition.tier_down:
            if alarm is None or not alarm.active:
                return Outcome(alarm=alarm)
            return _one(
                alarm, event, Transition.tier_down, tier=event.tier, **_reading(alarm, event)
            )
        case _:
            return designed.born(_over(alarm, event, before=before, now=now), event)


def _over(alarm: Alarm | None, event: ProcessEvent, *, before: Alarm | None, now: int) -> Outcome:
    """Raise, raise again, or move up: all of them annunciate, unless late and over with."""
    annunciates = not event.late or event.still_over
    if alarm is None:
        alarm = msgspec.structs.replace(
            _opened(event),
            rule_version=1 if before is None else before.rule_version,
            latched=event.latching,
            owed_since=now if annunciates else None,
            **nuisance.raised(before, event.t_change),
        )
        return Outcome(alarm=alarm, entries=(_entry(alarm, event, Transition.raised),))
    rings = bell(alarm, now=now) if annunciates else {}
    if not alarm.active:
        change = Transition.reraised
        if annunciates:
            rings["acks"] = dict.fromkeys(ORG_LEVELS)
        rings |= {
            "t_returned": None,
            "reraise_count": alarm.reraise_count + 1,
            "latched": alarm.latched or event.latching,
            "needs_closeout": alarm.needs_closeout or event.needs_closeout,
            "closeout": None,
            **nuisance.raised(alarm, event.t_change),
        }
    elif event.tier > alarm.tier or event.change is Transition.tier_up:
        change = Transition.tier_up
    else:
        return Outcome(alarm=alarm)
    outcome = _one(
        alarm,
        event,
        change,
        active=True,
        # A limit above may be of a lower tier than what peak, duration or extent has raised it to.
        tier=max(alarm.tier, event.tier) if change is Transition.tier_up else event.tier,
        peak_tier=max(alarm.peak_tier, event.tier),
        unconfirmed=event.unconfirmed,
        flood=None if alarm.hidden else event.flood,
        **rings,
        **_reading(alarm, event),
    )
    return _above_what_was_agreed(outcome, event, now)


def _above_what_was_agreed(outcome: Outcome, event: ProcessEvent, now: int) -> Outcome:
    """Take back an alarm that went above the tier it was shelved or suppressed at.

    Nobody agreed to that; else one person's shelving of orange would keep red silent (two must
    agree to that). What is out of service stays so: its permit is for the instrument.
    """
    for transition in (Transition.unshelved, Transition.unsuppressed):
        alarm = outcome.alarm
        assert alarm is not None  # noqa: S101  it has just risen
        agreed = alarm.shelf if transition is Transition.unshelved else alarm.suppression
        if agreed is None or event.tier <= agreed.tier:
            continue
        bare = msgspec.structs.replace(alarm, **{LIFTS[transition]: None})
        flood = None if bare.hidden else event.flood
        changes = {LIFTS[transition]: None, "flood": flood} | bell(bare, now=now)
        alarm = msgspec.structs.replace(alarm, rev=alarm.rev + 1, **changes)
        entry = msgspec.structs.replace(
            _entry(alarm, event, transition), note=f"went up to {event.tier.name}"
        )
        outcome = Outcome(alarm=alarm, entries=(*outcome.entries, entry))
    return outcome


def _returned(alarm: Alarm, event: ProcessEvent, now: int) -> Outcome:
    outcome = _one(
        alarm,
        event,
        Transition.returned,
        active=False,
        t_returned=max(event.t_change, alarm.t_raised),
        **nuisance.returned(alarm, event.t_change),
        **_reading(alarm, event),
    )
    return _cleared(outcome, event, at=event.t_change, now=now)


def _cleared(outcome: Outcome, event: ProcessEvent, *, at: int, now: int) -> Outcome:
    """Take off the shelf what was shelved until it clears (row 15); close what is done."""
    alarm = outcome.alarm
    if alarm is None or alarm.shelf is None or not alarm.shelf.one_shot:
        return closed_if_done(outcome, at=at, received=event.t_received, now=now)
    off = lifted(alarm, Transition.unshelved, at=at, now=now, note="it has cleared")
    return Outcome(alarm=off.alarm, entries=(*outcome.entries, *off.entries))


def _late(alarm: Alarm | None, event: ProcessEvent, now: int) -> Outcome:
    """Record a whole occurrence that was over before anyone heard of it (row 21).

    What touches one that is known, be it closed, makes that longer, worse or both; its state and
    what people owe stay. What stands `instead` of an occurrence puts that right: it may end what is
    active, and begin again what has returned.
    """
    end = event.t_change if event.t_end is None else event.t_end
    if alarm is not None:
        began, returned = event.instead or (None, None)
        begin = event.t_change
        whole = began == alarm.t_raised and returned == alarm.t_returned
        # What was judged wrong is put right exactly; of all else no instant over is given up.
        if began != alarm.t_raised:
            begin = min(begin, alarm.t_raised)
        if alarm.t_returned is not None and returned != alarm.t_returned:
            end = max(end, alarm.t_returned)
        corrected: dict[str, Any] = {
            "t_raised": begin,
            "t_returned": None if alarm.t_returned is None else end,
            "peak": event.peak if whole else _peak(alarm, event),
            "peak_tier": event.tier if whole else max(alarm.peak_tier, event.tier),
        }
        if event.instead is not None and returned == alarm.t_returned:
            corrected |= _stands(alarm, event, now)
        if all(getattr(alarm, name) == value for name, value in corrected.items()):
            return Outcome(alarm=alarm)
        outcome = _one(alarm, event, Transition.late, late=True, **corrected)
        if alarm.active and not corrected.get("active", True):
            return _cleared(outcome, event, at=end, now=now)
        return outcome
    alarm = msgspec.structs.replace(
        _opened(event),
        # A live occurrence of that very instant may have been closed long since.
        id=occurrence_id(event.subject.key, f"{event.rule} late", event.t_change, event.again),
        active=False,
        late=True,
        t_returned=end,
    )
    return Outcome(alarm=alarm, entries=(_entry(alarm, event, Transition.late),))


def _apart(alarm: Alarm | None, event: ProcessEvent, now: int) -> Outcome:
    """Record an occurrence of which it is known that it was one of its own.

    Where another of the rule is open, that is the one to act on: this one is closed at once.
    """
    if event.t_end is None:
        raised = msgspec.structs.replace(event, change=Transition.raised)
        return _over(alarm, raised, before=None, now=now)
    told = _late(None, event, now)
    if alarm is None or told.alarm is None:
        return told
    closed = msgspec.structs.replace(told.alarm, rev=told.alarm.rev + 1, t_closed=now)
    return Outcome(alarm=closed, entries=(*told.entries, _entry(closed, event, Transition.closed)))


def _stands(alarm: Alarm, event: ProcessEvent, now: int) -> dict[str, Any]:
    """Return what changes of an alarm's newest occurrence where it stands, or stands no more."""
    if event.t_end is not None:
        return {"active": False, "t_returned": event.t_end}
    tier = event.path[-1][1] if event.path else event.tier
    if alarm.active:
        return {"tier": tier}
    again: dict[str, Any] = {"active": True, "t_returned": None, "t_closed": None, "tier": tier}
    return again | bell(msgspec.structs.replace(alarm, active=True), now=now)


def span_of(event: ProcessEvent) -> tuple[int, int]:
    """Return within which instants the alarm lies that a late occurrence is or becomes, Micros."""
    if event.instead is not None:
        began, returned = event.instead
        return began, began if returned is None else returned
    return event.t_change, event.t_change if event.t_end is None else event.t_end


def touches(alarm: Alarm | None, event: ProcessEvent) -> bool:
    """Tell whether a late occurrence and a known one, open or closed, share an instant.

    One whose levels are known is new, unless it says `instead` of what.
    """
    if alarm is None or alarm.retired or (event.path and event.instead is None):
        return False
    begin, end = span_of(event)
    return begin <= (alarm.t_returned or end) and alarm.t_raised <= end


def meant(known: Alarm | None, closed: Iterable[Alarm], event: ProcessEvent) -> Alarm | None:
    """Return which alarm of its slot an event goes to: the `known` one, or a closed one it touches.

    A late occurrence goes to what it stands `instead` of, otherwise to the newest it touches: one
    that was withdrawn may have another's raise. What is begun again stands in its slot alone: where
    an alarm is open, that one is raised again.
    """
    if event.change is not Transition.late or (known is not None and touches(known, event)):
        return known
    touched = max(
        (alarm for alarm in closed if touches(alarm, event)),
        key=lambda alarm: ((alarm.t_raised, alarm.t_returned) == event.instead, alarm.t_raised),
        default=None,
    )
    return known if known is not None and event.t_end is None else touched or known


def _rule_changed(alarm: Alarm | None, event: RuleChange, now: int) -> Outcome:
    """Keep the alarm under its new rule, or close it with its rule; acknowledgement stays."""
    if alarm is None or alarm.t_closed is not None:
        return Outcome(alarm=alarm)
    changes: dict[str, Any] = {"rule_version": alarm.rule_version + 1, "rule_since": now}
    if event.change is Transition.retired:
        changes |= {"active": False, "retired": True, "t_closed": now, "owed_since": None}
    return moved(
        alarm, event.change, at=now, now=now, actor=event.actor, note=event.note, **changes
    )


def _opened(event: ProcessEvent) -> Alarm:
    return Alarm(
        id=occurrence_id(event.subject.key, event.rule, event.t_change, event.again),
        rev=1,
        rule=event.rule,
        kind=event.kind,
        subject=event.subject,
        tier=event.tier,
        peak_tier=event.tier,
        active=True,
        t_raised=event.t_change,
        t_event=event.t_event,
        t_received=event.t_received,
        quality=event.quality,
        late=event.late,
        unconfirmed=event.unconfirmed,
        value=event.value,
        limit=event.limit,
        peak=event.value if event.peak is None else event.peak,
        forecast=event.forecast,
        basis=event.basis,
        rule_pack=event.rule_pack,
        abnormal_type=event.abnormal_type,
        message_zh=event.message_zh,
        message_en=event.message_en,
        needs_closeout=event.needs_closeout,
        flood=event.flood,
    )


def _reading(alarm: Alarm, event: ProcessEvent) -> dict[str, object]:
    """Return what every transition with a reading behind it brings along."""
    if event.value is None and event.limit is None:
        return {
            "peak": _peak(alarm, event),
            "late": alarm.late or event.late,
            "message_zh": event.message_zh,
            "message_en": event.message_en,
        }
    return {
        "value": event.value,
        "limit": alarm.limit if event.limit is None else event.limit,
        "peak": _peak(alarm, event),
        "quality": event.quality,
        "late": alarm.late or event.late,
        "forecast": alarm.forecast if event.forecast is None else event.forecast,
        "basis": event.basis,
        "rule_pack": event.rule_pack,
        "abnormal_type": event.abnormal_type or alarm.abnormal_type,
        "message_zh": event.message_zh,
        "message_en": event.message_en,
    }


def _peak(alarm: Alarm, event: ProcessEvent) -> float | None:
    """Return the worst value of the whole occurrence: an alarm raised again keeps the older one."""
    known = [peak for peak in (alarm.peak, event.peak) if peak is not None]
    worst = min if event.rule.endswith(".low") else max
    return worst(known, default=None)


def _one(alarm: Alarm, event: ProcessEvent, change: Transition, **changes: object) -> Outcome:
    alarm = msgspec.structs.replace(
        alarm, rev=alarm.rev + 1, t_event=event.t_event, t_received=event.t_received, **changes
    )
    return Outcome(alarm=alarm, entries=(_entry(alarm, event, change),))


def _entry(alarm: Alarm, event: ProcessEvent, change: Transition) -> Entry:
    return Entry(alarm=alarm, transition=change, t_event=event.t_event, t_received=event.t_received)
