"""What a step of an alarm's life comes to: the alarm after it and what the journal gains."""

from typing import Any, Final

import msgspec

from alarms.alarm import Alarm, Entry, Transition

LIFTS: Final = {
    Transition.unshelved: "shelf",
    Transition.unsuppressed: "suppression",
    Transition.returned_to_service: "outage",
}
"""Which of the three suppressions each of these transitions takes away."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The alarm after a step, None if there still is none, and what the journal gains."""

    alarm: Alarm | None
    entries: tuple[Entry, ...] = ()


def moved(
    alarm: Alarm,
    transition: Transition,
    *,
    at: int,
    now: int,
    actor: str = "",
    org_level: str | None = None,
    note: str = "",
    **changes: object,
) -> Outcome:
    """Change an alarm by a person or by time: one row, its event at `at`, taken in at `now`."""
    alarm = msgspec.structs.replace(alarm, rev=alarm.rev + 1, t_event=at, t_received=now, **changes)
    entry = Entry(
        alarm=alarm,
        transition=transition,
        t_event=at,
        t_received=now,
        actor=actor,
        org_level=org_level,
        note=note,
    )
    return Outcome(alarm=alarm, entries=(entry,))


def bell(alarm: Alarm, *, now: int) -> dict[str, Any]:
    """Return what annunciation changes: the site owes an acknowledgement from `now` on.

    A hidden alarm loses its acknowledgement too, but its ladder starts when it is hidden no more.
    """
    return {
        "acks": alarm.acks | {"site": None},
        "last_alarm_rev": alarm.rev + 1,
        "owed_since": None if alarm.hidden else now,
        "escalation": None,
    }


def lifted(
    alarm: Alarm,
    transition: Transition,
    *,
    at: int,
    now: int,
    actor: str = "",
    org_level: str | None = None,
    note: str = "",
) -> Outcome:
    """Take one suppression away (LIFTS); once the last is gone, what is active rings again."""
    changes: dict[str, Any] = {LIFTS[transition]: None}
    bare = msgspec.structs.replace(alarm, **changes)
    if not bare.hidden:
        if bare.active:
            changes |= bell(bare, now=now)
        elif bare.acks["site"] is None:
            changes |= {"owed_since": now, "escalation": None}
    outcome = moved(
        alarm, transition, at=at, now=now, actor=actor, org_level=org_level, note=note, **changes
    )
    return closed_if_done(outcome, at=at, received=now, now=now, actor=actor)


def closed_if_done(
    outcome: Outcome, *, at: int, received: int, now: int, actor: str = ""
) -> Outcome:
    """Close what is over, acknowledged by the site, unlatched, closed out and not hidden."""
    alarm = outcome.alarm
    if (
        alarm is None
        or alarm.active
        or alarm.acks["site"] is None
        or alarm.hidden
        or alarm.latched
        or alarm.awaits_closeout
    ):
        return outcome
    closed = msgspec.structs.replace(alarm, rev=alarm.rev + 1, t_closed=now)
    entry = Entry(
        alarm=closed, transition=Transition.closed, t_event=at, t_received=received, actor=actor
    )
    return Outcome(alarm=closed, entries=(*outcome.entries, entry))
