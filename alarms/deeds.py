"""What people do to an alarm: rows 9, 10, 12 to 15 and 18 of alarms.md 1.5; never its process."""

from enum import StrEnum
from typing import Final

import msgspec

from alarms import timers
from alarms.alarm import (
    ORG_LEVELS,
    Acknowledgement,
    Alarm,
    CloseOut,
    Outage,
    Shelf,
    Suppression,
    Transition,
)
from alarms.errors import ConflictError, FengsuiError
from alarms.outcome import LIFTS, Outcome, bell, closed_if_done, lifted, moved

HOUR_US: Final = 3_600_000_000
SUPPRESSION_MOST_US: Final = 24 * HOUR_US
"""An alarm can be suppressed by hand so long at most."""
OUTAGE_MOST_US: Final = 30 * 24 * HOUR_US
"""A permit to take an alarm out of service lasts so long at most."""


class Deed(StrEnum):
    """What a person does to an alarm, in the contract's order."""

    acknowledge = "acknowledge"
    unacknowledge = "unacknowledge"
    comment = "comment"
    shelve = "shelve"
    unshelve = "unshelve"
    suppress = "suppress"
    unsuppress = "unsuppress"
    out_of_service = "out_of_service"
    return_to_service = "return_to_service"
    reset = "reset"
    close_out = "close_out"
    receipt = "receipt"


LIFTED_BY: Final = {
    Deed.unshelve: Transition.unshelved,
    Deed.unsuppress: Transition.unsuppressed,
    Deed.return_to_service: Transition.returned_to_service,
}


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A person's action. `seen_rev` is the rev that person had on screen; `until` is in Micros.

    `org_level` is the level the person acts for; `cause` belongs to a close-out. `one_shot` shelves
    until the alarm clears, and no longer than `until`.
    """

    kind: Deed
    actor: str
    role: str = ""
    org_level: str = "site"
    seen_rev: int | None = None
    note: str = ""
    until: int | None = None
    one_shot: bool = False
    cause: str = ""


def act(alarm: Alarm, action: Action, *, now: int) -> Outcome:
    """Do what a person asks of an open alarm; `now` is the server's clock in Micros.

    ConflictError where it does not fit the alarm as it is, FengsuiError where words are missing.
    """
    if action.org_level not in ORG_LEVELS:
        raise FengsuiError(
            f"organisation level {action.org_level!r} is unknown; use {', '.join(ORG_LEVELS)}"
        )
    match action.kind:
        case Deed.acknowledge | Deed.receipt:
            return _acknowledge(alarm, action, now)
        case Deed.unacknowledge:
            return _unacknowledge(alarm, action, now)
        case Deed.comment:
            _words(action, "a comment needs words")
            return _moved(alarm, action, Transition.commented, now)
        case Deed.shelve | Deed.suppress | Deed.out_of_service:
            return _hide(alarm, action, now)
        case Deed.unshelve | Deed.unsuppress | Deed.return_to_service:
            return _lift(alarm, action, now)
        case Deed.reset:
            return _reset(alarm, action, now)
        case Deed.close_out:
            return _close_out(alarm, action, now)


def _acknowledge(alarm: Alarm, action: Action, now: int) -> Outcome:
    """Acknowledge for the site, or say for a level of government that it has been received."""
    receipt = action.kind is Deed.receipt
    if receipt and action.org_level == "site":
        raise FengsuiError("a receipt is a county's, city's or province's; the site acknowledges")
    if action.seen_rev is not None and action.seen_rev < alarm.last_alarm_rev:
        raise ConflictError(
            f"the alarm was raised again after revision {action.seen_rev} (now {alarm.rev}); "
            "look at it and acknowledge again",
            alarm,
        )
    if alarm.acks[action.org_level] is not None:
        return Outcome(alarm=alarm)
    given = Acknowledgement(by=action.actor, at=now, note=action.note)
    outcome = _moved(
        alarm,
        action,
        Transition.receipt if receipt else Transition.acknowledged,
        now,
        acks=alarm.acks | {action.org_level: given},
    )
    return _closed_if_done(outcome, action, now)


def _unacknowledge(alarm: Alarm, action: Action, now: int) -> Outcome:
    if alarm.acks[action.org_level] is None:
        return Outcome(alarm=alarm)
    if action.org_level == "site":
        return _moved(alarm, action, Transition.unacknowledged, now, **bell(alarm, now=now))
    acks = alarm.acks | {action.org_level: None}
    return _moved(alarm, action, Transition.unacknowledged, now, acks=acks)


def _hide(alarm: Alarm, action: Action, now: int) -> Outcome:
    """Shelve, suppress or take out of service, for a limited time; the ladder stops."""
    stops: dict[str, object] = {"owed_since": None, "escalation": None}
    by, at, tier = action.actor, now, alarm.tier
    if action.kind is Deed.shelve:
        most = timers.shelf_most_us(alarm)
        if most == 0:
            raise ConflictError(
                f"cannot shelve this alarm: its rule lets no {tier.name} one be shelved", alarm
            )
        until = _until(action, now, most, f"a {tier.name} alarm can be shelved")
        if action.one_shot and not alarm.active:
            raise ConflictError(
                "cannot shelve this alarm until it clears: it has returned already", alarm
            )
        shelf = Shelf(
            until=until, by=by, at=at, tier=tier, reason=action.note, one_shot=action.one_shot
        )
        return _moved(alarm, action, Transition.shelved, now, shelf=shelf, **stops)
    if action.kind is Deed.suppress:
        reason = _words(action, "suppressing needs a reason")
        until = _until(action, now, SUPPRESSION_MOST_US, "an alarm can be suppressed")
        suppression = Suppression(until=until, by=by, at=at, tier=tier, reason=reason)
        return _moved(alarm, action, Transition.suppressed, now, suppression=suppression, **stops)
    permit = _words(action, "taking out of service needs its permit")
    until = _until(action, now, OUTAGE_MOST_US, "an alarm can be out of service")
    outage = Outage(until=until, by=by, at=at, permit=permit)
    return _moved(alarm, action, Transition.out_of_service, now, outage=outage, **stops)


def _lift(alarm: Alarm, action: Action, now: int) -> Outcome:
    transition = LIFTED_BY[action.kind]
    if getattr(alarm, LIFTS[transition]) is None:
        raise ConflictError(
            f"cannot {action.kind} this alarm: it is {_not_hidden(action.kind)}", alarm
        )
    return lifted(
        alarm,
        transition,
        at=now,
        now=now,
        actor=action.actor,
        org_level=action.org_level,
        note=action.note,
    )


def _not_hidden(kind: Deed) -> str:
    match kind:
        case Deed.unshelve:
            return "not shelved"
        case Deed.unsuppress:
            return "not suppressed"
        case _:
            return "in service"


def _reset(alarm: Alarm, action: Action, now: int) -> Outcome:
    if not alarm.latched:
        raise ConflictError("cannot reset this alarm: it is not latched", alarm)
    if alarm.active:
        raise ConflictError(
            "cannot reset this alarm: it is still active; wait until it has returned", alarm
        )
    outcome = _moved(alarm, action, Transition.reset, now, latched=False)
    return _closed_if_done(outcome, action, now)


def _close_out(alarm: Alarm, action: Action, now: int) -> Outcome:
    if not (action.cause.strip() or action.note.strip()):
        raise FengsuiError("a close-out needs its cause; give `cause`, and what was done in `note`")
    if not alarm.awaits_closeout:
        raise ConflictError("cannot close out this alarm: it awaits no close-out", alarm)
    if alarm.active or alarm.latched or alarm.acks["site"] is None:
        raise ConflictError(
            "cannot close out this alarm yet: it must have returned, be acknowledged and reset",
            alarm,
        )
    done = CloseOut(by=action.actor, at=now, cause=action.cause.strip(), text=action.note)
    outcome = _moved(alarm, action, Transition.closed_out, now, closeout=done)
    return _closed_if_done(outcome, action, now)


def _words(action: Action, wanted: str) -> str:
    if not action.note.strip():
        raise FengsuiError(f"{wanted}; give it in `note`")
    return action.note


def _until(action: Action, now: int, most: int, what: str) -> int:
    if action.until is None or not now < action.until <= now + most:
        raise FengsuiError(f"{what} for up to {_span(most)}; give an `until` between now and then")
    return action.until


def _span(micros: int) -> str:
    for unit, length in (("h", HOUR_US), ("min", HOUR_US // 60)):
        if micros % length == 0:
            return f"{micros // length} {unit}"
    return f"{micros / 1e6:g} s"


def _moved(
    alarm: Alarm, action: Action, change: Transition, now: int, **changes: object
) -> Outcome:
    return moved(
        alarm,
        change,
        at=now,
        now=now,
        actor=action.actor,
        org_level=action.org_level,
        note=action.note,
        **changes,
    )


def _closed_if_done(outcome: Outcome, action: Action, now: int) -> Outcome:
    return closed_if_done(outcome, at=now, received=now, now=now, actor=action.actor)
