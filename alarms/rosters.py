"""Who is on duty: persons with their addresses, weekly shifts by local time, dated changes."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta, timezone
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from alarms import instants

LOCAL: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China's legal time; it has known no summer time since 1991, so an offset says all of it."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Post = Literal["duty", "supervisor"]
_CLOCK: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]"
_WALL: Final = rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}"
# Told to programs as patterns, but held to below: people are refused in words.
Clock = Annotated[str, Meta(extra_json_schema={"pattern": f"^{_CLOCK}$"})]
Wall = Annotated[str, Meta(extra_json_schema={"pattern": f"^{_WALL}$"})]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
To = Annotated[str, Meta(max_length=254, pattern=r"^[^\x00-\x1f]*$")]
_DAY: Final = timedelta(days=1)


class Address(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where somebody is reached: a channel, and there a mailbox, a number, nothing for a group."""

    channel: Name
    to: To = ""


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may be told; without an address nobody can."""

    name: Name
    phone: Annotated[str, Meta(max_length=40)] = ""
    addresses: Annotated[tuple[Address, ...], Meta(max_length=8)] = ()


class Shift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shift that begins on these days at a local time; an end not after it is the next day's.

    A night shift belongs to the day on which it begins: Sunday's 20:00 to 08:00 is Sunday's until
    Monday 08:00. Beginning and end alike are 24 hours.
    """

    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)] = DAYS
    begins: Clock = "00:00"
    ends: Clock = "00:00"
    persons: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=20)]
    post: Post = "duty"

    def __post_init__(self) -> None:
        for name, told in (("begins", self.begins), ("ends", self.ends)):
            if re.fullmatch(_CLOCK, told, re.ASCII) is None:
                raise ValueError(
                    f"`{name}` is {told[:40]!r}; a time of day is written HH:MM, from 00:00 to "
                    "23:59 (an `ends` of 00:00 is midnight)"
                )


class RosterChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From one local moment to another others are on duty than the shifts say; nobody is allowed.

    Of several that cover a moment the last in the list holds.
    """

    begins: Wall
    ends: Wall
    persons: Annotated[tuple[Name, ...], Meta(max_length=20)]
    post: Post = "duty"

    def __post_init__(self) -> None:
        for name, told in (("begins", self.begins), ("ends", self.ends)):
            if re.fullmatch(_WALL, told, re.ASCII) is None:
                raise ValueError(
                    f"`{name}` is {told[:40]!r}; a local moment is written YYYY-MM-DDTHH:MM, as "
                    "2026-11-21T08:00"
                )
        try:
            begins, ends = datetime.fromisoformat(self.begins), datetime.fromisoformat(self.ends)
        except ValueError as error:
            raise ValueError(f"{self.begins} to {self.ends}: {error}") from error
        if ends <= begins:
            raise ValueError(f"a change ends after it begins: {self.begins} to {self.ends}")


class Roster(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The persons of a place, and who of them is on duty when."""

    persons: Annotated[tuple[Person, ...], Meta(max_length=500)] = ()
    shifts: Annotated[tuple[Shift, ...], Meta(max_length=200)] = ()
    changes: Annotated[tuple[RosterChange, ...], Meta(max_length=500)] = ()

    def __post_init__(self) -> None:
        names = [person.name for person in self.persons]
        if len(set(names)) < len(names):
            raise ValueError("two persons of a roster have one name; tell them apart")
        named = {name for shift in self.shifts for name in shift.persons}
        named |= {name for each in self.changes for name in each.persons}
        if unknown := named - {*names}:
            raise ValueError(f"on duty, and not among `persons`: {', '.join(sorted(unknown))}")

    def person(self, name: str) -> Person | None:
        """Return the person of a name."""
        return next((person for person in self.persons if person.name == name), None)


class Gap(NamedTuple):
    """A time in which nobody is on duty, Micros."""

    begins: int
    ends: int


def on_duty(roster: Roster, post: Post, moment: int) -> tuple[Person, ...]:
    """Return who is on duty at a post at a moment (Micros), in the roster's order."""
    local = instants.to_datetime(moment).astimezone(LOCAL).replace(tzinfo=None)
    names = _by_change(roster, post, local)
    if names is None:
        names = {
            name
            for shift in roster.shifts
            if shift.post == post and _covers(shift, local)
            for name in shift.persons
        }
    return tuple(person for person in roster.persons if person.name in names)


def gaps(roster: Roster, post: Post, since: int, until: int) -> list[Gap]:
    """Return when nobody is on duty at a post between two moments (Micros)."""
    edges = sorted({since, until, *(at for at in _edges(roster, since, until) if at < until)})
    found: list[Gap] = []
    for begins, ends in pairwise(edges):
        if on_duty(roster, post, begins):
            continue
        if found and found[-1].ends == begins:
            found[-1] = Gap(found[-1].begins, ends)
        else:
            found.append(Gap(begins, ends))
    return found


def _by_change(roster: Roster, post: Post, local: datetime) -> set[str] | None:
    for each in reversed(roster.changes):
        begins, ends = datetime.fromisoformat(each.begins), datetime.fromisoformat(each.ends)
        if each.post == post and begins <= local < ends:
            return set(each.persons)
    return None


def _covers(shift: Shift, local: datetime) -> bool:
    """Tell whether a shift that began today or yesterday still runs."""
    for day in (local.date(), local.date() - _DAY):
        if DAYS[day.weekday()] in shift.days:
            begins, ends = _span(shift, datetime.combine(day, time()))
            if begins <= local < ends:
                return True
    return False


def _span(shift: Shift, day: datetime) -> tuple[datetime, datetime]:
    begins = datetime.combine(day, time.fromisoformat(shift.begins))
    ends = datetime.combine(day, time.fromisoformat(shift.ends))
    return begins, ends if ends > begins else ends + _DAY


def _edges(roster: Roster, since: int, until: int) -> Iterator[int]:
    """Yield the moments after `since` at which who is on duty may change."""
    first = instants.to_datetime(since).astimezone(LOCAL).replace(tzinfo=None)
    last = instants.to_datetime(until).astimezone(LOCAL).replace(tzinfo=None)
    walls: set[datetime] = set()
    day = datetime.combine(first.date() - _DAY, time())
    while day <= last:
        for shift in roster.shifts:
            walls.update(_span(shift, day))
        day += _DAY
    for each in roster.changes:
        walls |= {datetime.fromisoformat(each.begins), datetime.fromisoformat(each.ends)}
    for wall in walls:
        at = instants.from_datetime(wall.replace(tzinfo=LOCAL))
        if at > since:
            yield at
