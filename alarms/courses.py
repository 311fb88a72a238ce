"""The tiers an occurrence of a limit came to: its own levels', and what a region's table made them.

Conditions speak once an occurrence and are heard where they are higher: a peak at its reading, a
duration at the raise plus the time, an extent at the raise that made the number full. A level up
keeps the higher of both tiers, a level down falls back to its own. At one instant levels come
first, then durations, extents and peaks. An occurrence is over at its return: what is due at that
very instant was not met, as with every other delay (alarms.md 1.3).
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from alarms.alarm import Tier
from alarms.plant import Raise

Met = tuple[int, int]
"""A condition that is met: when (Micros), and its number in the region's table."""


class Own(NamedTuple):
    """A move of the limits' own top level: when (Micros), to which tier, and whether upwards."""

    at: int
    tier: Tier
    up: bool


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence of a side: when it came to which tier (Micros), the raise first.

    `spoken` are the conditions that have spoken, heard or not, in the order in which they did.
    """

    side: int
    path: tuple[tuple[int, Tier], ...]
    spoken: tuple[Met, ...] = ()
    returned: int | None = None

    @property
    def since(self) -> int:
        """Return its raise, Micros."""
        return self.path[0][0]

    @property
    def tier(self) -> Tier:
        """Return the tier it came to last."""
        return self.path[-1][1]

    @property
    def newest(self) -> int:
        """Return how far it has come: to its last level, or what spoke after that, Micros."""
        return max(self.path[-1][0], *(at for at, _ in self.spoken), 0)

    def until(self, instant: int) -> "Course":
        """Return what of it was before an instant that lies after its raise."""
        return Course(
            side=self.side,
            path=tuple(step for step in self.path if step[0] < instant),
            spoken=tuple(met for met in self.spoken if met[0] < instant),
        )

    def covers(self, instant: int) -> bool:
        """Tell whether it began before an instant and had not returned by then."""
        return self.since < instant and (self.returned is None or self.returned >= instant)

    def awaits(self, raises: Sequence[Raise], peaks: Iterable[Met], until: int) -> bool:
        """Tell whether a condition that has not spoken is met by these peaks or that instant."""
        heard = {number for _, number in self.spoken}
        met = {number for _, number in peaks} | {
            number for at, number in durations(raises, self.since) if at <= until
        }
        return bool(met - heard)


class Gone(NamedTuple):
    """A course gone on: what was heard on the way, and how much of that ends its path."""

    course: Course
    heard: list[Met]
    last: int


def durations(raises: Sequence[Raise], since: int) -> list[Met]:
    """Return when an alarm raised at an instant will have lasted for each duration."""
    return [
        (since + round(each.lasting_s * 1e6), number)
        for number, each in enumerate(raises)
        if each.lasting_s is not None
    ]


def went_on(
    course: Course | None,
    raises: Sequence[Raise],
    *,
    side: int,
    own: Sequence[Own] = (),
    extents: Iterable[Met] = (),
    peaks: Iterable[Met] = (),
    until: int,
    returned: int | None = None,
) -> Gone:
    """Go on with a course, or begin one with the first of `own`, by what came after it.

    Durations run out up to `until`, Micros; all else is from before `returned`.
    """
    since = own[0].at if course is None else course.since
    path = [] if course is None else list(course.path)
    spoken = {} if course is None else {number: at for at, number in course.spoken}
    due = [(at, 1, number) for at, number in durations(raises, since) if at <= until]
    due += [(at, 2, number) for at, number in extents]
    due += [(at, 3, number) for at, number in peaks]
    news: list[tuple[int, int, int]] = [(each.at, 0, place) for place, each in enumerate(own)]
    news += [each for each in due if returned is None or each[0] < returned]
    heard: list[Met] = []
    last = 0
    for at, kind, number in sorted(news):
        if kind == 0:
            tier = own[number].tier
            path.append((at, max(path[-1][1], tier) if path and own[number].up else tier))
            last = 0
        elif number not in spoken:
            spoken[number] = at
            tier = Tier[raises[number].tier]
            if tier > path[-1][1]:
                path.append((at, tier))
                heard.append((at, number))
                last += 1
    ended = Course(
        side=side,
        path=tuple(path),
        spoken=tuple((at, number) for number, at in spoken.items()),
        returned=returned,
    )
    return Gone(course=ended, heard=heard, last=last)
