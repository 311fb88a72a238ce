"""What a group was a minute ago, and its members' readings since: where it is judged again.

Time is cut into minutes. It is kept how the group stood, by readings alone, at the beginning of the
minute before that of its clock (the base), and what was told since. A reading goes to its instant,
come when it may: the course is run again from the mark before it, and what was told otherwise is
put right (alarms.group_telling). Where all come in order nothing is run twice.

A reading older than the base whose member has nothing newer is news at the clock, and nothing
before that is judged again: the group then goes by the order of receipt.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from alarms.alarm import ProcessEvent, Transition
from alarms.group_course import Course, Heard, Standing
from alarms.group_rules import GroupRule
from alarms.past import MINUTE_US, Told
from alarms.plant import Plant

_EVERY: Final = 16
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


class Past(NamedTuple):
    """What is kept of one group; nothing in it is ever written to, but that `log` is added to.

    The first `many` of `log` are the readings since the base, by time and member. `marks` are the
    base and some on the way, `prior` is before the newest instant, `alone` after all readings, and
    `now` after time has passed, too: up to `waited`, where that changed anything. `said` was told
    since the base and, before it, the raise of an alarm that stood there; `ghosts` were told and
    withdrawn. What is not newer than `blind` is not judged again.
    """

    log: list[Heard]
    many: int
    marks: list[Mark]
    prior: Mark
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
    """A course run: `events` are those of the last steps of `said`, `place` that of the last."""

    marks: list[Mark]
    prior: Mark
    alone: Mark
    now: Standing
    said: Said
    events: list[Placed]
    place: int


def begins(standing: Standing, said: Said = (), *, blind: int = 0) -> Past:
    """Return the past of a group that stands so, of which nothing older is known."""
    mark = Mark(standing.clock, standing, said, 0)
    return Past([], 0, [mark], mark, mark, standing, said, blind=blind)


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


def logged(past: Past, heard: Sequence[Heard]) -> list[Heard]:
    """Return a past's log with more readings, those of one instant by member."""
    log, many = past.log, past.many
    if many and min(heard) < log[many - 1]:
        log = log[:many]
        for each in heard:
            insort(log, each)
        return log
    # What was added for a proposal that nobody adopted goes.
    del log[many:]
    log += heard if len(heard) == 1 else sorted(heard)
    return log


def run(
    plant: Plant,
    rule: GroupRule,
    past: Past,
    log: Sequence[Heard],
    first: int,
    places: Mapping[int, int],
) -> Run:
    """Run a group's course from the instant `first` on, with the readings of `log`.

    `places` has where in the batch the readings of an instant are; events keep their order.
    """
    marks, prior, start = past.marks, past.prior, past.alone
    if first <= start.clock:
        start = prior
        if first <= prior.clock:
            at = len(marks) - 1
            while at and marks[at].clock >= first:
                at -= 1
            start, marks = marks[at], marks[: at + 1]
    clock, _, said, since = start
    standing = start.standing.copy()
    course = Course(plant, rule, standing)
    events: list[Placed] = []
    place = 0
    here, end = bisect_right(log, clock, key=_TIME), len(log)
    newest = log[-1][0] if log else 0
    while here < end:
        at = log[here][0]
        if since >= _EVERY or at // MINUTE_US != clock // MINUTE_US:
            since = 0
        if since == 0 or at == newest:
            kept = start.standing if clock == start.clock else standing.copy()
            prior = Mark(clock, kept, said, since)
            if since == 0 and marks[-1].clock < clock:
                marks = [*marks, prior]
        then = here + 1
        while then < end and log[then][0] == at:
            then += 1
        course.read(log[here:then])
        place = max(place, places.get(at, 0))
        if course.told:
            said = (*said, *map(step_of, course.told))
            events += ((place, event) for event in course.told)
            course.told.clear()
        since += then - here
        clock, here = at, then
    alone = Mark(clock, standing, said, since)
    if past.waited <= clock:
        return Run(marks, prior, alone, standing, said, events, place)
    now, said, more = waiting(plant, rule, alone, past.waited)
    events += ((place, event) for event in more)
    return Run(marks, prior, alone, now, said, events, place)


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
    since, marks = border(past.alone.clock), past.marks
    if len(marks) == 1 or marks[1].clock >= since:
        return past
    at = len(marks) - 1
    while marks[at].clock >= since:
        at -= 1
    base = marks[at]
    stands, known = raise_of(base.standing, base.said), len(base.said)

    def anew(mark: Mark) -> Mark:
        return mark._replace(said=stands + mark.said[known:])

    log = past.log[bisect_right(past.log, base.clock, hi=past.many, key=_TIME) : past.many]
    return past._replace(
        log=log,
        many=len(log),
        marks=[anew(mark) for mark in marks[at:]],
        prior=anew(past.prior),
        alone=anew(past.alone),
        said=stands + past.said[known:],
        ghosts=tuple(each for each in past.ghosts if each.t_raised >= since),
        blind=past.blind if past.blind >= since else 0,
    )
