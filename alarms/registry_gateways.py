"""Gateways in a registry file: the names and units they speak in, against the points' own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from alarms import units
from alarms.plant import DIALECTS, Mapped, Point
from alarms.registry_fields import Choice, Form, Key, Number, Text

MOST: Final = 10_000
"""Fields of one gateway."""


def form(*, gateway: Text, code: Text) -> Form:
    """Return what may stand in a gateway's entry."""
    return Form(
        keys={
            "id": Key(kind=gateway, required=True),
            "enterprise": Key(kind=code, required=True),
            "dialect": Key(kind=Choice(words=DIALECTS)),
            "mapping": Key(below="mapped"),
        }
    )


def mapped_form(*, tag: Text) -> Form:
    """Return what may stand in an entry of a gateway's mapping."""
    return Form(
        keys={
            "field": Key(
                kind=Text(longest=256, words="a gateway's name without blanks at its ends"),
                required=True,
            ),
            "tag": Key(kind=tag),
            "scale": Key(kind=Number(least=-1e12, most=1e12)),
            "offset": Key(kind=Number(least=-1e12, most=1e12)),
            "unit": Key(kind=Text(longest=32, words="the unit a gateway measures in")),
        }
    )


def owner_problem(point: Point, owner: str | None) -> str | None:
    """Say what is wrong with a point's gateway, whose `owner` is the enterprise it belongs to."""
    if owner is None:
        return (
            f"there is no gateway {point.gateway}, neither in this file nor registered: "
            "add it under gateways or correct the id"
        )
    if owner != point.enterprise:
        return (
            f"gateway {point.gateway} belongs to {owner}, the point to {point.enterprise}: "
            "name a gateway of the point's own enterprise"
        )
    return None


class MappingFinding(NamedTuple):
    """A fault of the entry at `place` in a mapping, behind a key of it."""

    place: int
    key: str
    problem: str


def mapping_findings(
    mapping: Sequence[Mapped], unit_of: Mapping[str, str]
) -> Iterator[MappingFinding]:
    """Find what cannot be: unknown tags, a field or tag named twice, units that never meet.

    `unit_of` has the unit of each point of the gateway's enterprise, by tag.
    """
    if len(mapping) > MOST:
        yield MappingFinding(MOST, "field", f"is one of {len(mapping)} fields, {MOST} are allowed")
    fields: set[str] = set()
    tags: set[str] = set()
    for place, one in enumerate(mapping):
        if one.field in fields:
            problem = (
                f"{one.field} is mapped above: once is enough; a field of the same name of another "
                "device is told apart by what speaks in front, node.group.field"
            )
            yield MappingFinding(place, "field", problem)
        elif one.target in tags:
            problem = f"another field gives {one.target} already: a point hears one of them"
            yield MappingFinding(place, "tag", problem)
        fields.add(one.field)
        tags.add(one.target)
        if one.scale == 0.0:
            yield MappingFinding(place, "scale", "is 0, which makes every value the same")
        unit = unit_of.get(one.target)
        if unit is None:
            problem = (
                f"there is no point {one.target} in the gateway's enterprise: "
                "register it or correct the tag"
            )
            yield MappingFinding(place, "tag", problem)
        elif one.unit is not None:
            try:
                units.conversion(one.unit, unit)
            except units.UnitError as error:
                yield MappingFinding(place, "unit", f"{error} (the unit of {one.target})")
