"""What suppression by design does to an alarm: rows 16 and 17 of alarms.md 1.5.

Who suppressed an alarm by hand keeps it so: the design neither takes over nor lifts that.
"""

import msgspec

from alarms.alarm import BY_DESIGN, Alarm, Entry, ProcessEvent, Transition
from alarms.outcome import Outcome, lifted, moved


def step(alarm: Alarm | None, event: ProcessEvent, *, now: int) -> Outcome:
    """Suppress an open alarm or lift that; what is active then rings."""
    if alarm is None:
        return Outcome(alarm=None)
    standing = alarm.suppression
    if event.change is Transition.suppressed and standing is None:
        return moved(
            alarm,
            event.change,
            at=event.t_change,
            now=event.t_received,
            note=event.basis,
            suppression=event.suppression,
            owed_since=None,
            escalation=None,
        )
    if event.change is Transition.unsuppressed and standing and standing.by == BY_DESIGN:
        rung = msgspec.structs.replace(alarm, flood=event.flood or alarm.flood)
        return lifted(rung, event.change, at=event.t_change, now=now, note=event.basis)
    return Outcome(alarm=alarm)


def born(outcome: Outcome, event: ProcessEvent) -> Outcome:
    """Suppress what has just been raised at a suppressed point: no row of it ever rings."""
    alarm, holding = outcome.alarm, event.suppression
    if alarm is None or holding is None or not outcome.entries or alarm.suppression is not None:
        return outcome
    silent = {"suppression": holding, "owed_since": None, "escalation": None}
    entries = tuple(
        msgspec.structs.replace(entry, alarm=msgspec.structs.replace(entry.alarm, **silent))
        for entry in outcome.entries
    )
    alarm = msgspec.structs.replace(alarm, rev=alarm.rev + 1, **silent)
    suppressed = Entry(
        alarm=alarm,
        transition=Transition.suppressed,
        t_event=event.t_event,
        t_received=event.t_received,
        note=holding.reason,
    )
    return Outcome(alarm=alarm, entries=(*entries, suppressed))
