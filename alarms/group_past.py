"""What a group was a minute ago, and its members' readings since: where it is judged again.

Time is cut into minutes. It is kept how the group stood, by readings alone, at the beginning of the
minute before that of its clock (the base), and of what it was told since. A reading goes to its
instant, come when it may: the course is run again from the mark before it, and what was told
otherwise is put right (alarms.group_telling). Where all come in order nothing is run twice.

A reading older than the base whose member has nothing newer is news at the clock, and nothing
before that is judged again: the group then goes by the order of receipt.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Final, NamedTuple

from alarms.alarm import ProcessEvent, Transition
from alarms.group_course import Course, Heard, Standing
from alarms.group_rules import GroupRule
from alarms.past import MINUTE_US, Told
from alarms.plant import Plant

_EVERY: Final = 8
"""Readings from one mark that stays to the next."""

Step = tuple[str, int, float | None]
"""What was told of the alarm, when it became true (Micros), and at a raise its value."""
Said = tuple[Step, ...]
Placed = tuple[int, ProcessEvent]
"""An event with its place in the batch."""
_TIME: Final = itemgetter(0)
_RAISED: Final = Transition.raised.value


class Mark(NamedTuple):
    """How a group stood after all readings up to its clock, and what was told by then.

    `run` counts the readings since the last mark that stays; that of one that stays is 0.
    """

    clock: int
    standing: Standing
    said: Said
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is kept of one group; nothing in it is ever written to.

    `log` are the readings since the base, by time and member. `marks` are the base, some on the
    way, and the one before the newest instant; `alone` is after all readings, `now` after time has
    passed, too: up to `waited`, where that changed anything. `said` was told since the base, the
    raise of an alarm that stood there before it; `ghosts` were told and withdrawn. What is not
    newer than `blind` is not judged again.
    """

    log: list[Heard]
    marks: list[Mark]
    alone: Mark
    now: Standing
    said: Said = ()
    ghosts: tuple[Told, ...] = ()
    waited: int = 0
    blind: int = 0

    @property
    def base(self) -> Mark:
        """Return where judging again begins at the earliest."""
        return self.marks[0]


class Run(NamedTuple):
    """A course run: `events` are those of the last steps of `said`."""

    marks: list[Mark]
    alone: Mark
    now: Standing
    said: Said
    events: list[Placed]


def begins(standing: Standing, said: Said = (), *, blind: int = 0) -> Past:
    """Return the past of a group that stands so, of which nothing older is known."""
    mark = Mark(standing.clock, standing, said, 0)
    return Past(log=[], marks=[mark], alone=mark, now=standing, said=said, blind=blind)


def border(clock: int) -> int:
    """Return the instant, Micros, from which on readings are judged again by a group's clock."""
    return (clock // MINUTE_US - 1) * MINUTE_US


def step_of(event: ProcessEvent) -> Step:
    """Return what an event tells."""
    value = event.value if event.change is Transition.raised else None
    return event.change.value, event.t_change, value


def raise_of(standing: Standing, said: Said) -> Said:
    """Return what was told of the raise of the alarm that stands, if one does."""
    if not standing.active:
        return ()
    return tuple(step for step in said if step[0] == _RAISED)[-1:]


def logged(log: Sequence[Heard], heard: Sequence[Heard]) -> list[Heard]:
    """Return a log with more readings, those of one instant by member."""
    found = list(log)
    for each in heard:
        if found and each < found[-1]:
            insort(found, each)
        else:
            found.append(each)
    return found


def run(
    plant: Plant,
    rule: GroupRule,
    past: Past,
    log: Sequence[Heard],
    first: int,
    places: Mapping[int, int],
    last: int,
) -> Run:
    """Run a group's course from the instant `first` on, with the readings of `log`.

    `places` has where in the batch the readings of an instant are, `last` where the last one is.
    """
    marks, start = past.marks.copy(), past.alone
    if first <= start.clock:
        while len(marks) > 1 and marks[-1].clock >= first:
            marks.pop()
        start = marks.pop() if len(marks) > 1 else marks[0]
    clock, standing, said, since = start
    standing = standing.copy()
    course = Course(plant, rule, standing)
    events: list[Placed] = []
    here, end = bisect_right(log, clock, key=_TIME), len(log)
    while here < end:
        at = log[here].time
        if marks[-1].clock < clock:
            if since >= _EVERY or at // MINUTE_US != clock // MINUTE_US:
                since = 0
            if marks[-1].run:
                marks.pop()
            marks.append(Mark(clock, standing.copy(), said, since))
        then = here + 1
        while then < end and log[then].time == at:
            then += 1
        course.read(log[here:then])
        if course.told:
            said = (*said, *map(step_of, course.told))
            events += ((places.get(at, last), event) for event in course.told)
            course.told.clear()
        since += then - here
        clock, here = at, then
    alone = Mark(clock, standing, said, since)
    if past.waited <= clock:
        return Run(marks, alone, standing, said, events)
    now, said, more = waiting(plant, rule, alone, past.waited)
    return Run(marks, alone, now, said, events + [(last, event) for event in more])


def waiting(
    plant: Plant, rule: GroupRule, alone: Mark, until: int
) -> tuple[Standing, Said, list[ProcessEvent]]:
    """Let time pass after all readings, up to and including an instant."""
    now = alone.standing.copy()
    course = Course(plant, rule, now)
    course.wait(until)
    return now, (*alone.said, *map(step_of, course.told)), course.told


def settled(past: Past) -> Past:
    """Return a past that begins where its clock lets it: the base moves on with the minutes."""
    since = border(past.alone.clock)
    marks = past.marks
    at = len(marks) - 1
    while at and marks[at].clock >= since:
        at -= 1
    if at == 0:
        return past
    base = marks[at]
    many, stands = len(base.said), raise_of(base.standing, base.said)
    if many > len(stands):
        marks = [mark._replace(said=stands + mark.said[many:]) for mark in marks[at:]]
        alone = past.alone._replace(said=stands + past.alone.said[many:])
        past = replace(past, alone=alone, said=stands + past.said[many:])
    else:
        marks = marks[at:]
    return replace(
        past,
        log=past.log[bisect_right(past.log, base.clock, key=_TIME) :],
        marks=marks,
        ghosts=tuple(each for each in past.ghosts if each.t_raised >= since),
        blind=past.blind if past.blind >= since else 0,
    )
