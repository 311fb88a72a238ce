"""One alarm's life: what the plant says and what people owe, each step with its journal entries.

The table is alarms.md 1.5, rows 3-11, 14 and 15. `step` is pure: it returns the alarm after the
step and the rows the journal gains, `rev` growing by one with each. The process side (`active`,
tier, value) moves by process events only; people move acknowledgements and the shelf only.
"""

from enum import StrEnum
from typing import Final

import msgspec

from alarms.alarm import (
    ORG_LEVELS,
    Acknowledgement,
    Alarm,
    Entry,
    ProcessEvent,
    Shelf,
    Tier,
    Transition,
    occurrence_id,
)
from alarms.errors import ConflictError, FengsuiError

SHELF_MOST_US: Final = 8 * 3_600_000_000
"""An alarm can be shelved so long at most."""
SHELF_MOST_RED_US: Final = 3_600_000_000
"""A red alarm can be shelved so long at most; a second person must agree (kept by the caller)."""


class Deed(StrEnum):
    """What a person does to an alarm."""

    acknowledge = "acknowledge"
    unacknowledge = "unacknowledge"
    comment = "comment"
    shelve = "shelve"
    unshelve = "unshelve"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A person's action. `seen_rev` is the rev that person had on screen; `until` is in Micros."""

    kind: Deed
    actor: str
    role: str = ""
    org_level: str = "site"
    seen_rev: int | None = None
    note: str = ""
    until: int | None = None


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """Time has passed: what is due by `now` happens (a shelf runs out)."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The alarm after a step, None if there still is none, and what the journal gains."""

    alarm: Alarm | None
    entries: tuple[Entry, ...] = ()


def step(alarm: Alarm | None, event: ProcessEvent | Action | Timer, *, now: int) -> Outcome:
    """Move one alarm by one event; `now` is the server's clock in Micros.

    `alarm` is the open occurrence of the event's subject and rule, or None. ConflictError where an
    action does not fit the alarm as it is now; a process event always fits.
    """
    match event:
        case ProcessEvent():
            return _process(alarm, event, now)
        case Action():
            if alarm is None or alarm.t_closed is not None:
                raise ConflictError(
                    f"cannot {event.kind} this alarm: it is closed; reload the list", alarm
                )
            return _act(alarm, event, now)
        case Timer():
            if alarm is None or alarm.shelf is None or alarm.shelf.until > now:
                return Outcome(alarm=alarm)
            return _unshelve(alarm, now, at=alarm.shelf.until, actor="", note="time is up")


def _process(alarm: Alarm | None, event: ProcessEvent, now: int) -> Outcome:
    if alarm is not None and alarm.t_closed is not None:
        alarm = None
    match event.change:
        case Transition.late:
            return _late(alarm, event)
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
            return _over(alarm, event)


def _over(alarm: Alarm | None, event: ProcessEvent) -> Outcome:
    """Raise, raise again, or move up: all of them annunciate, unless late and over with."""
    if alarm is None:
        alarm = _opened(event)
        return Outcome(alarm=alarm, entries=(_entry(alarm, event, Transition.raised),))
    if not alarm.active:
        change = Transition.reraised
        moved: dict[str, object] = {"t_returned": None, "reraise_count": alarm.reraise_count + 1}
    elif event.tier > alarm.tier or event.change is Transition.tier_up:
        change, moved = Transition.tier_up, dict[str, object]()
    else:
        return Outcome(alarm=alarm)
    annunciates = not event.late or event.still_over
    if annunciates:
        moved |= {"acks": alarm.acks | {"site": None}, "last_alarm_rev": alarm.rev + 1}
    outcome = _one(
        alarm,
        event,
        change,
        active=True,
        tier=event.tier,
        peak_tier=max(alarm.peak_tier, event.tier),
        unconfirmed=event.unconfirmed,
        **moved,
        **_reading(alarm, event),
    )
    if alarm.shelf is None or event.tier <= alarm.shelf.tier:
        return outcome
    return _off_shelf(outcome, event)


def _off_shelf(outcome: Outcome, event: ProcessEvent) -> Outcome:
    """Take back an alarm that went above the tier it was shelved at: nobody agreed to that.

    Else one person's shelving of orange would keep red silent (two must agree to that).
    """
    risen = outcome.alarm
    assert risen is not None  # noqa: S101  it has just risen
    alarm = msgspec.structs.replace(
        risen, rev=risen.rev + 1, shelf=None, last_alarm_rev=risen.rev + 1
    )
    note = f"went up to {event.tier.name}"
    entry = msgspec.structs.replace(_entry(alarm, event, Transition.unshelved), note=note)
    return Outcome(alarm=alarm, entries=(*outcome.entries, entry))


def _returned(alarm: Alarm, event: ProcessEvent, now: int) -> Outcome:
    outcome = _one(
        alarm,
        event,
        Transition.returned,
        active=False,
        t_returned=max(event.t_change, alarm.t_raised),
        **_reading(alarm, event),
    )
    return _closed_if_done(outcome, at=event.t_change, received=event.t_received, now=now)


def _late(alarm: Alarm | None, event: ProcessEvent) -> Outcome:
    """Record a whole occurrence that was over before anyone heard of it (row 21)."""
    end = event.t_change if event.t_end is None else event.t_end
    if alarm is not None:
        until = alarm.t_returned if alarm.t_returned is not None else end
        if alarm.t_raised <= event.t_change and end <= until:
            return Outcome(alarm=alarm)
        return _one(
            alarm, event, Transition.late, late=True, t_raised=min(alarm.t_raised, event.t_change)
        )
    alarm = msgspec.structs.replace(
        _opened(event),
        # A live occurrence of that very instant may have been closed long since.
        id=occurrence_id(event.subject.key, f"{event.rule} late", event.t_change),
        active=False,
        late=True,
        t_returned=end,
    )
    return Outcome(alarm=alarm, entries=(_entry(alarm, event, Transition.late),))


def _act(alarm: Alarm, action: Action, now: int) -> Outcome:
    if action.org_level not in ORG_LEVELS:
        raise FengsuiError(
            f"organisation level {action.org_level!r} is unknown; use {', '.join(ORG_LEVELS)}"
        )
    match action.kind:
        case Deed.acknowledge:
            return _acknowledge(alarm, action, now)
        case Deed.unacknowledge:
            if alarm.acks[action.org_level] is None:
                return Outcome(alarm=alarm)
            acks = alarm.acks | {action.org_level: None}
            last = alarm.rev + 1 if action.org_level == "site" else alarm.last_alarm_rev
            return _deed(
                alarm, action, Transition.unacknowledged, now, acks=acks, last_alarm_rev=last
            )
        case Deed.comment:
            if not action.note.strip():
                raise FengsuiError("a comment needs words; give them in `note`")
            return _deed(alarm, action, Transition.commented, now)
        case Deed.shelve:
            return _shelve(alarm, action, now)
        case Deed.unshelve:
            if alarm.shelf is None:
                raise ConflictError("cannot unshelve this alarm: it is not shelved", alarm)
            return _unshelve(
                alarm,
                now,
                at=now,
                actor=action.actor,
                note=action.note,
                org_level=action.org_level,
            )


def _acknowledge(alarm: Alarm, action: Action, now: int) -> Outcome:
    if action.seen_rev is not None and action.seen_rev < alarm.last_alarm_rev:
        raise ConflictError(
            f"the alarm was raised again after revision {action.seen_rev} (now {alarm.rev}); "
            "look at it and acknowledge again",
            alarm,
        )
    if alarm.acks[action.org_level] is not None:
        return Outcome(alarm=alarm)
    given = Acknowledgement(by=action.actor, at=now, note=action.note)
    outcome = _deed(
        alarm, action, Transition.acknowledged, now, acks=alarm.acks | {action.org_level: given}
    )
    return _closed_if_done(outcome, at=now, received=now, now=now, actor=action.actor)


def _shelve(alarm: Alarm, action: Action, now: int) -> Outcome:
    most = SHELF_MOST_RED_US if alarm.tier is Tier.red else SHELF_MOST_US
    if action.until is None or not now < action.until <= now + most:
        raise FengsuiError(
            f"a {alarm.tier.name} alarm can be shelved for up to {most // 3_600_000_000} h; "
            "give an `until` between now and then"
        )
    shelf = Shelf(until=action.until, by=action.actor, at=now, reason=action.note, tier=alarm.tier)
    return _deed(alarm, action, Transition.shelved, now, shelf=shelf)


def _unshelve(
    alarm: Alarm, now: int, *, at: int, actor: str, note: str, org_level: str | None = None
) -> Outcome:
    """Take an alarm off the shelf; one that is still active rings again."""
    changes: dict[str, object] = {"shelf": None}
    if alarm.active:
        changes |= {"acks": alarm.acks | {"site": None}, "last_alarm_rev": alarm.rev + 1}
    alarm = msgspec.structs.replace(alarm, rev=alarm.rev + 1, t_event=at, t_received=now, **changes)
    entry = Entry(
        alarm=alarm,
        transition=Transition.unshelved,
        t_event=at,
        t_received=now,
        actor=actor,
        org_level=org_level,
        note=note,
    )
    outcome = Outcome(alarm=alarm, entries=(entry,))
    return _closed_if_done(outcome, at=at, received=now, now=now, actor=actor)


def _closed_if_done(
    outcome: Outcome, *, at: int, received: int, now: int, actor: str = ""
) -> Outcome:
    """Close an occurrence that is over, acknowledged by the site and on no shelf (row 11)."""
    alarm = outcome.alarm
    if alarm is None or alarm.active or alarm.acks["site"] is None or alarm.shelf is not None:
        return outcome
    closed = msgspec.structs.replace(alarm, rev=alarm.rev + 1, t_closed=now)
    entry = Entry(
        alarm=closed, transition=Transition.closed, t_event=at, t_received=received, actor=actor
    )
    return Outcome(alarm=closed, entries=(*outcome.entries, entry))


def _opened(event: ProcessEvent) -> Alarm:
    return Alarm(
        id=occurrence_id(event.subject.key, event.rule, event.t_change),
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
        basis=event.basis,
        message_zh=event.message_zh,
        message_en=event.message_en,
    )


def _reading(alarm: Alarm, event: ProcessEvent) -> dict[str, object]:
    """Return what every transition with a reading behind it brings along."""
    return {
        "value": event.value,
        "limit": event.limit,
        "peak": _peak(alarm, event),
        "quality": event.quality,
        "late": alarm.late or event.late,
        "basis": event.basis,
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


def _deed(alarm: Alarm, action: Action, change: Transition, now: int, **changes: object) -> Outcome:
    alarm = msgspec.structs.replace(
        alarm, rev=alarm.rev + 1, t_event=now, t_received=now, **changes
    )
    entry = Entry(
        alarm=alarm,
        transition=change,
        t_event=now,
        t_received=now,
        actor=action.actor,
        org_level=action.org_level,
        note=action.note,
    )
    return Outcome(alarm=alarm, entries=(entry,))
