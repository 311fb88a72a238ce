"""Who must hear of an alarm or a warning: the shipped table, a region's own, who that is now."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
import yaml
from msgspec import Meta

from alarms import rosters
from alarms.alarm import Tier, Transition
from alarms.plant import smallest_around
from alarms.rosters import Person, Roster
from alarms.warning import Change

Level = Literal["blue", "yellow", "orange", "red"]
When = Literal[
    "raised",
    "step1",
    "step2",
    "step3",
    "returned",
    "proposed",
    "issued",
    "adjusted",
    "lifted",
]
Target = Literal[
    "responsible:operation",
    "responsible:technical",
    "responsible:principal",
    "supervisor:enterprise",
    "duty:enterprise",
    "duty:county",
    "duty:city",
    "duty:province",
    "duty:server",
    "duty:government",
    "told",
]
"""`duty:government`: the desk whose warning it is; `told`: whoever was told of it before."""
UP: Final[dict[str, str]] = {
    "responsible:operation": "responsible:technical",
    "responsible:technical": "responsible:principal",
    "responsible:principal": "duty:enterprise",
    "supervisor:enterprise": "duty:enterprise",
    "duty:enterprise": "duty:county",
    "duty:county": "duty:city",
    "duty:city": "duty:province",
    "duty:province": "duty:server",
}
"""Who is told where a target has nobody who can be reached; above the server's own desk is none."""
NOBODY: Final = "nobody"
"""The target of a notification that reached nobody."""
_RINGS: Final = frozenset(
    {
        *(Transition.raised, Transition.reraised, Transition.realarmed, Transition.tier_up),
        *(Transition.unacknowledged, Transition.unshelved, Transition.unsuppressed),
        Transition.returned_to_service,
    }
)
"""What lets an alarm ring where it is active: alarms.md rows 3, 4, 10, 15, 17, 18 and 26."""
_WARNS: Final[dict[str, When]] = {
    Change.proposed: "proposed",
    Change.issued: "issued",
    Change.adjusted: "adjusted",
    Change.lifted: "lifted",
}
_STEPS: Final[tuple[When, ...]] = ("step1", "step2", "step3")


class NotificationRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row: at these tiers and moments these are told; none is a decision to tell nobody."""

    tiers: Annotated[tuple[Level, ...], Meta(min_length=1, max_length=4)]
    when: Annotated[tuple[When, ...], Meta(min_length=1, max_length=9)]
    tell: Annotated[tuple[Target, ...], Meta(max_length=10)]


class NotificationTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A region's table. What no row of it speaks of, the shipped one says: quiet takes a row.

    `simulated`: what an exercise raises is told as well, and begins with 演练.
    """

    rows: Annotated[tuple[NotificationRule, ...], Meta(max_length=100)] = ()
    simulated: bool = False


class Happening(NamedTuple):
    """What happened to an alarm or a warning, as far as telling asks.

    `acknowledged` has the levels that know already; `government` is whose warning it is. `relayed`:
    it lives at a tower below, which tells its own people and passes on for those who are not there.
    """

    when: When
    tier: Tier
    simulated: bool
    acknowledged: frozenset[str] = frozenset()
    government: str = ""
    relayed: bool = False


class Book(NamedTuple):
    """Who may be reached at a place.

    `responsible` maps a source's roles to names, `rosters` a level (enterprise, county, city,
    province, server) to its roster. `channels` has those that may carry this place's alarms.
    """

    responsible: Mapping[str, Sequence[str]]
    rosters: Mapping[str, Roster]
    channels: frozenset[str]


class Recipient(NamedTuple):
    """Somebody to be told: as what, by which channel, where, and whom that stands in for, and why.

    Nobody has neither person nor channel.
    """

    target: str
    person: str | None
    channel: str | None
    address: str
    note: str


@cache
def shipped() -> NotificationTable:
    """Return the table that holds where a region's own says nothing."""
    text = (resources.files("alarms") / "notifications.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), NotificationTable)


def of_region(tables: Mapping[str, NotificationTable], region: str | None) -> NotificationTable:
    """Return the table of the smallest region around, else the shipped one."""
    code = None if region is None else smallest_around(tables, region)
    return shipped() if code is None else tables[code]


def moment_of(change: str, *, speaks_of_warning: bool, rings: bool, step: int) -> When | None:
    """Return what a journal row is to a table; None for what nobody is told of.

    `rings`: the alarm is active and nobody hides it; `step` is its newest one of the ladder.
    """
    if speaks_of_warning:
        return _WARNS.get(change)
    if change == Transition.returned:
        return "returned"
    if not rings and change != Transition.escalated:
        return None
    if change == Transition.escalated:
        return _STEPS[min(step, len(_STEPS)) - 1] if step else None
    return "raised" if change in _RINGS else None


def targets(table: NotificationTable, tier: Tier, when: When) -> tuple[Target, ...]:
    """Return whom a table tells, in its order, each once."""
    for rows in (table.rows, shipped().rows):
        said = [row for row in rows if tier.name in row.tiers and when in row.when]
        if said:
            return tuple(dict.fromkeys(target for row in said for target in row.tell))
    return ()


def recipients(
    happening: Happening,
    table: NotificationTable,
    book: Book,
    told: Sequence[Recipient],
    now: int,
) -> list[Recipient]:
    """Return who is told now (Micros), each address once; whom nobody stands in for is said too.

    `told` are those who were told of it before. Nothing for an exercise that the table keeps quiet.
    """
    if happening.simulated and not table.simulated:
        return []
    found: dict[tuple[str | None, str], Recipient] = {}
    for target in targets(table, happening.tier, happening.when):
        if target == "told":
            reached = list(told)
        elif happening.when in _STEPS and _level(target) in happening.acknowledged:
            continue
        else:
            begun = f"duty:{happening.government}" if target == "duty:government" else target
            reached = reach(begun, book, now)
            if happening.relayed:
                reached = [each for each in reached if each.target == begun]
        for each in reached:
            before = found.get((each.channel, each.address))
            if before is not None:
                each = before._replace(note=joined(before.note, each.note))
            found[each.channel, each.address] = each
    return list(found.values())


def reach(target: str | None, book: Book, now: int) -> list[Recipient]:
    """Return who stands for a target now (Micros), or for the next one up that has somebody."""
    passed: list[str] = []
    while target is not None:
        persons, why = _persons(target, book, now)
        reached = [
            Recipient(target, person.name, address.channel, address.to, "")
            for person in persons
            for address in person.addresses
            if address.channel in book.channels
        ]
        missing = [each.name for each in persons if each.name not in {to.person for to in reached}]
        passed += [f"{target}: {why}"] if why else []
        passed += [f"{target}: {name} has no address" for name in missing]
        if reached:
            return [each._replace(note="; ".join(passed)) for each in reached]
        target = UP.get(target)
    return [Recipient(NOBODY, None, None, "", "; ".join(passed))]


def joined(*notes: str) -> str:
    """Join notes of who was passed over, each said once."""
    return "; ".join(dict.fromkeys(part for note in notes for part in note.split("; ") if part))


def _persons(target: str, book: Book, now: int) -> tuple[tuple[Person, ...], str]:
    """Return who a target is now, or why it is nobody."""
    post, _, level = target.partition(":")
    if post == "responsible":
        names = book.responsible.get(level, ())
        roster = book.rosters.get("enterprise", Roster())
        held = tuple(roster.person(name) or Person(name=name) for name in names)
        return held, "" if held else "nobody is named"
    found = book.rosters.get(level)
    if found is None:
        return (), "no roster"
    on = rosters.on_duty(found, "supervisor" if post == "supervisor" else "duty", now)
    return on, "" if on else "nobody on duty"


def _level(target: str) -> str:
    """Return the level whose acknowledgement speaks for a target."""
    level = target.partition(":")[2]
    return "site" if level == "enterprise" or target.startswith("responsible:") else level
