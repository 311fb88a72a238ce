"""When an alarm moves by itself: suppressions that run out, re-alarm, who is told by when.

The ladder and the re-alarm are alarms.md 1.4 and rows 26 and 27, on the server's clock.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from alarms.alarm import Alarm, Escalation, Tier, Transition
from alarms.outcome import Outcome, bell, lifted, moved

MINUTE_US: Final = 60_000_000
LADDER_US: Final[dict[Tier, tuple[int, ...]]] = {
    Tier.red: (1 * MINUTE_US, 3 * MINUTE_US, 10 * MINUTE_US),
    Tier.orange: (5 * MINUTE_US, 15 * MINUTE_US, 60 * MINUTE_US),
}
"""How long after it rang an alarm that the site has not acknowledged is told further."""
TOLD: Final[tuple[tuple[str, ...], ...]] = (("site",), ("county",), ("city", "province"))
"""Whom each step tells: the site's supervisor, the county, the city and with it the province."""
REALARM_US: Final[dict[Tier, int]] = {Tier.red: 15 * MINUTE_US}
"""How long after its acknowledgement an alarm that is still active rings again."""


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
                at = alarm.owed_since + LADDER_US[alarm.tier][step]
                found.append(Deadline(at, _escalate))
        elif alarm.active and alarm.tier in REALARM_US:
            found.append(Deadline(acknowledged.at + REALARM_US[alarm.tier], _realarm))
    return min(found, key=lambda deadline: deadline.at, default=None)


def _next_step(alarm: Alarm) -> int | None:
    """Return the place of the next step of the ladder; levels that know already are passed over."""
    told = 0 if alarm.escalation is None else alarm.escalation.step
    for step in range(told, len(LADDER_US.get(alarm.tier, ()))):
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
