"""What readings and time mean to a group: told once and, where it was told otherwise, put right."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from alarms import group_past
from alarms.alarm import ProcessEvent, Transition
from alarms.corrections import corrections
from alarms.group_course import Course, Heard, Standing
from alarms.group_past import Past, Placed, Run, Said
from alarms.group_rules import GroupRule
from alarms.past import Told
from alarms.plant import Plant
from alarms.retelling import put_right
from alarms.wording_groups import corrected_event

_DOUBTFUL: Final = "uncertain"

Clocks = list[tuple[int, int]]
"""A group's clock after receipts, both Micros and ascending."""


def heard(
    plant: Plant, rule: GroupRule, past: Past, arrivals: Sequence[tuple[int, Heard]]
) -> tuple[Past, list[Placed], Clocks]:
    """Return a group's past after news in order of receipt, with their places; events; its clocks.

    What comes before the base by the clock of its receipt is news at the clock.
    """
    events: list[Placed] = []
    clock = past.alone.clock
    clocks = [(0, clock)]
    settled = max(group_past.border(clock) - 1, past.blind)
    waiting: list[tuple[int, Heard]] = []
    for place, each in arrivals:
        time, _, received, _, _ = each
        if time > settled:
            waiting.append((place, each))
            if time > clock:
                clock = time
                clocks.append((received, clock))
                settled = max(group_past.border(clock) - 1, past.blind)
            continue
        past, told = _in_time(plant, rule, past, waiting)
        events += told
        waiting = []
        past, told = _belated(plant, rule, past, place, each)
        events += told
        settled = past.blind
    past, told = _in_time(plant, rule, past, waiting)
    return past, events + told, clocks


def heard_late(
    plant: Plant,
    rule: GroupRule,
    past: Past,
    arrivals: Sequence[tuple[int, Heard]],
    clocks: Clocks,
) -> tuple[Past, list[Placed]]:
    """Return a group's past after readings behind their members' newest, and events.

    `clocks` are those of the batch: by that of its receipt it is told whether a reading belongs
    before the base. Then it only is what its member said at the base, if nothing newer is.
    """
    known: list[tuple[int, Heard]] = []
    early: list[Heard] = []
    for place, each in arrivals:
        time, _, received, _, _ = each
        clock = clocks[max(bisect_left(clocks, (received, 0)) - 1, 0)][1]
        if time > max(group_past.border(clock) - 1, past.blind):
            known.append((place, each))
        else:
            early.append(each)
    past, events = _in_time(plant, rule, past, known)
    past = group_past.settled(past)
    base = past.base.standing.copy()
    newer = [each for each in sorted(early) if each[0] > base.time[each[1]]]
    if not newer:
        return past, events
    base.take_all(newer)
    base.break_off(rule)
    anew = past.base._replace(standing=base, clock=base.clock)
    begun = past._replace(marks=[anew], prior=anew, alone=anew)
    log = past.log[: past.many]
    run = group_past.run(plant, rule, begun, log, 0, {})
    past, more = _after(plant, rule, past, log, run)
    return past, events + more


def ticked(
    plant: Plant, rule: GroupRule, past: Past, until: int
) -> tuple[Past, list[ProcessEvent]]:
    """Return a group's past after time has passed up to an instant, the same one if to no effect.

    `until` is later than the group's clock and than it has waited before.
    """
    now, said, events = group_past.waiting(plant, rule, past.alone, until)
    if said == past.said and now.process() == past.now.process():
        return past, []
    placed = [(0, event) for event in events]
    run = Run(past.marks, past.prior, past.alone, now, said, placed, 0)
    told, ghosts = _told(plant, rule, past, run)
    later = past._replace(now=now, said=said, ghosts=ghosts, waited=until)
    return later, [event for _, event in told]


def replayed(plant: Plant, rule: GroupRule, past: Past, log: list[Heard]) -> Past | None:
    """Return a past that has only its base, after its readings since.

    None where they do not say what was told: the rule is another than then.
    """
    run = group_past.run(plant, rule, past, log, 0, {})
    if run.said != past.said:
        return None
    return past._replace(
        log=log, many=len(log), marks=run.marks, prior=run.prior, alone=run.alone, now=run.now
    )


def _in_time(
    plant: Plant, rule: GroupRule, past: Past, arrivals: Sequence[tuple[int, Heard]]
) -> tuple[Past, list[Placed]]:
    """Judge readings that belong after the base, each at its instant."""
    if not arrivals:
        return past, []
    places = {each[0]: place for place, each in arrivals}
    log = group_past.logged(past, [each for _, each in arrivals])
    run = group_past.run(plant, rule, past, log, min(places), places)
    return _after(plant, rule, past, log, run)


def _after(
    plant: Plant, rule: GroupRule, past: Past, log: list[Heard], run: Run
) -> tuple[Past, list[Placed]]:
    told, ghosts = _told(plant, rule, past, run)
    later = Past(
        log,
        len(log),
        run.marks,
        run.prior,
        run.alone,
        run.now,
        run.said,
        ghosts,
        past.waited if past.waited > run.alone.clock else 0,
        past.blind,
    )
    return later, told


def _belated(
    plant: Plant, rule: GroupRule, past: Past, place: int, one: Heard
) -> tuple[Past, list[Placed]]:
    """Judge its member's newest reading, older than the base, at the clock: all begins anew."""
    now = past.now.copy()
    course = Course(plant, rule, now)
    course.belated(one)
    said = (*group_past.raise_of(past.now, past.said), *map(group_past.step_of, course.told))
    later = group_past.begins(now, said, blind=now.clock)
    return later, [(place, _as_it_is(event, now)) for event in course.told]


def _told(
    plant: Plant, rule: GroupRule, past: Past, run: Run
) -> tuple[list[Placed], tuple[Told, ...]]:
    """Return what tells of a run, given what was told, and what is withdrawn by then."""
    if run.said == past.said:
        return [], past.ghosts
    known, moves = _moves(past.said), _moves(run.said)
    if moves[: len(known)] == known and (moves == known or not past.ghosts):
        told = [(place, _as_it_is(event, run.now)) for place, event in _news(past.said, run)]
        ghosts = past.ghosts
    else:
        found = [event for _, event in run.events]
        due, ghosts = corrections(_told_of(rule, known), _told_of(rule, moves), past.ghosts)
        worded = partial(corrected_event, plant, rule, run.alone.standing.newest)
        told = [(run.place, event) for one in due for event in put_right(one, found, worded)]
    doubted = past.now.active and bool(past.now.unsure)
    if told and told[-1][1].change is not Transition.late:
        doubted = told[-1][1].quality == _DOUBTFUL
    if run.now.active and doubted != bool(run.now.unsure):
        course = Course(plant, rule, run.now)
        course.doubt()
        told += ((run.place, event) for event in course.told)
    return told, ghosts


def _news(said: Said, run: Run) -> list[Placed]:
    """Return what a run tells beyond what was said, of which it repeats all but doubts."""
    known, newest = len(_moves(said)), said[-1][1] if said else 0
    before = len(run.said) - len(run.events)
    count = len(_moves(run.said[:before]))
    found: list[Placed] = []
    for step, placed in zip(run.said[before:], run.events, strict=True):
        doubt = step[0] == Transition.quality
        count += not doubt
        if step[1] > newest if doubt else count > known:
            found.append(placed)
    return found


def _moves(said: Said) -> Said:
    """Return the raises and returns."""
    return tuple(step for step in said if step[0] != Transition.quality)


def _as_it_is(event: ProcessEvent, now: Standing) -> ProcessEvent:
    """Say of a late event whether its alarm still stands."""
    if not event.late:
        return event
    return msgspec.structs.replace(event, still_over=now.active)


def _told_of(rule: GroupRule, moves: Said) -> list[Told]:
    """Return raises and returns as occurrences."""
    found: list[Told] = []
    for change, at, value in moves:
        if change == Transition.raised:
            found.append(Told(side=0, t_raised=at, path=((at, int(rule.tier)),), peak=value))
        elif found:
            found[-1] = msgspec.structs.replace(found[-1], t_returned=at)
    return found
