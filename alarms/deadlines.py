"""When an alarm moves by itself: suppressions that run out, re-alarm, who is told by when.

The ladder and the re-alarm are rows 26 and 27 of alarms.md 1.5, on the server's clock; how
long they wait stands in `timers`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from alarms import timers
from alarms.alarm import Alarm, Escalation, Transition
from alarms.outcome import Outcome, bell, lifted, moved

TOLD: Final[tuple[tuple[str, ...], ...]] = (("site",), ("county",), ("city", "province"))
"""Whom each step tells: the site's supervisor, the county, the city and with it the province."""


class Deadline(NamedTuple):
    """What happens at `at` (Micros) unless something else happens before."""

    at: int
    happen: Callable[[Alarm, int, int], Outcome]


def due_at(alarm: Alarm) -> int | None:
    """Return when this alarm next moves by itself (Micros, server's clock), or None."""
    following = _next(alarm)
    return None if following is None else following.at


def expire(alarm: Alarm, *, now: int) -> Outcome:
    """Let happen what is due by `now`, in order; the event time of each row is when it was due."""
    outcome = Outcome(alarm=alarm)
    while outcome.alarm is not None:
        following = _next(outcome.alarm)
        if following is None or following.at > now:
            break
        step = following.happen(outcome.alarm, following.at, now)
        outcome = Outcome(alarm=step.alarm, entries=(*outcome.entries, *step.entries))
    return outcome


def _next(alarm: Alarm) -> Deadline | None:
    if alarm.t_closed is not None:
        return None
    found: list[Deadline] = []
    if alarm.outage is not None:
        found.append(Deadline(alarm.outage.until, _back_in_service))
    if alarm.suppression is not None:
        found.append(Deadline(alarm.suppression.until, _unsuppress))
    if alarm.shelf is not None:
        found.append(Deadline(alarm.shelf.until, _unshelve))
    if not alarm.hidden:
        acknowledged = alarm.acks["site"]
        if acknowledged is None:
            step = _next_step(alarm)
            if step is not None and alarm.owed_since is not None:
                at = alarm.owed_since + timers.ladder_us(alarm)[step]
                found.append(Deadline(max(at, alarm.rule_since), _escalate))
        elif alarm.active and (again := timers.realarm_us(alarm)) is not None:
            found.append(Deadline(max(acknowledged.at + again, alarm.rule_since), _realarm))
    return min(found, key=lambda deadline: deadline.at, default=None)


def _next_step(alarm: Alarm) -> int | None:
    """Return the place of the next step of the ladder; levels that know already are passed over."""
    told = 0 if alarm.escalation is None else alarm.escalation.step
    for step in range(told, len(timers.ladder_us(alarm))):
        if any(alarm.acks[level] is None for level in TOLD[step]):
            return step
    return None


def _escalate(alarm: Alarm, at: int, now: int) -> Outcome:
    step = _next_step(alarm)
    if step is None:
        raise RuntimeError("an escalation was due without a step to take")
    targets = tuple(level for level in TOLD[step] if alarm.acks[level] is None)
    return moved(
        alarm,
        Transition.escalated,
        at=at,
        now=now,
        org_level=targets[0],
        note=f"step {step + 1}: {', '.join(targets)}",
        escalation=Escalation(step=step + 1, targets=targets, at=now),
    )


def _realarm(alarm: Alarm, at: int, now: int) -> Outcome:
    return moved(alarm, Transition.realarmed, at=at, now=now, **bell(alarm, now=now))


def _unshelve(alarm: Alarm, at: int, now: int) -> Outcome:
    return lifted(alarm, Transition.unshelved, at=at, now=now, note="time is up")


def _unsuppress(alarm: Alarm, at: int, now: int) -> Outcome:
    return lifted(alarm, Transition.unsuppressed, at=at, now=now, note="time is up")


def _back_in_service(alarm: Alarm, at: int, now: int) -> Outcome:
    return lifted(alarm, Transition.returned_to_service, at=at, now=now, note="time is up")
