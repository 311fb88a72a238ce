"""What a registry file would do to what is registered: create, change, leave unchanged."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from alarms import tier_checks
from alarms.plant import (
    Enterprise,
    Gateway,
    Group,
    Plant,
    Point,
    Region,
    Source,
    Tiering,
    Unit,
)
from alarms.registry import Registry

KINDS: Final = ("region", "tiering", "enterprise", "gateway", "source", "unit", "point", "group")
"""In the order in which they are written: each leans only on those before it."""

Entry = Region | Tiering | Enterprise | Gateway | Source | Unit | Point | Group
E = TypeVar("E", Region, Tiering, Enterprise, Gateway, Source, Unit, Point, Group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """The entries of one kind: new ones, changed ones (before, after), and how many stay."""

    created: Sequence[Entry]
    changed: Sequence[tuple[Entry, Entry]]
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a file does, kind by kind; `regraded`: where its tables of tiers fit points badly."""

    kinds: Mapping[str, Sorted]
    regraded: Sequence[str] = ()

    @property
    def created(self) -> int:
        """Count what is new."""
        return sum(len(self.kinds[kind].created) for kind in KINDS)

    @property
    def changed(self) -> int:
        """Count what changes."""
        return sum(len(self.kinds[kind].changed) for kind in KINDS)

    @property
    def unchanged(self) -> int:
        """Count what the file mentions and leaves as it is."""
        return sum(self.kinds[kind].unchanged for kind in KINDS)

    def counts(self) -> dict[str, dict[str, int]]:
        """Count created, changed and unchanged kind by kind."""
        return {
            kind: {
                "created": len(self.kinds[kind].created),
                "changed": len(self.kinds[kind].changed),
                "unchanged": self.kinds[kind].unchanged,
            }
            for kind in KINDS
        }


def changes(registry: Registry, plant: Plant, regions: Mapping[str, Region]) -> Changes:
    """Compare a file with the registered plant and its regions.

    A mentioned entry is as the file writes it: an absent optional key means its default. What the
    file does not mention is left alone, so nothing is ever removed.
    """
    rows, groups = plant.rows, {(group.enterprise, group.code): group for group in plant.groups}
    tierings = {(each.region, each.quantity): each for each in plant.tierings}

    def registered(point: Point) -> Point | None:
        row = rows.get(point.enterprise, {}).get(point.tag)
        return None if row is None else plant.points[row]

    return Changes(
        regraded=tuple(tier_checks.regraded(plant, registry.tierings, registry.points)),
        kinds={
            "region": _sort(registry.regions, lambda each: regions.get(each.code)),
            "tiering": _sort(
                registry.tierings, lambda each: tierings.get((each.region, each.quantity))
            ),
            "enterprise": _sort(
                registry.enterprises, lambda each: plant.enterprises.get(each.code)
            ),
            "gateway": _sort(registry.gateways, lambda each: plant.gateways.get(each.id)),
            "source": _sort(
                registry.sources, lambda each: plant.sources.get((each.enterprise, each.code))
            ),
            "unit": _sort(
                registry.units,
                lambda each: plant.units.get((each.enterprise, each.source, each.code)),
            ),
            "point": _sort(registry.points, registered),
            "group": _sort(registry.groups, lambda each: groups.get((each.enterprise, each.code))),
        },
    )


def warnings(changes: Changes) -> Iterator[str]:
    """Say what of the changes deserves a second look."""
    for before, after in changes.kinds["enterprise"].changed:
        if not (isinstance(before, Enterprise) and isinstance(after, Enterprise)):
            continue
        if before.simulated and not after.simulated:
            yield f"{after.code} was a simulation: from now on its alarms leave as real ones"
        if after.simulated and not before.simulated:
            yield f"{after.code} was real: from now on its alarms leave as exercises"
    yield from changes.regraded


def name_of(entry: Entry) -> str:
    """Return the name under which the audit trail keeps an entry."""
    match entry:
        case Region() | Enterprise():
            return entry.code
        case Tiering():
            return f"{entry.region}/{entry.quantity}"
        case Gateway():
            return entry.id
        case Source():
            return f"{entry.enterprise}/{entry.code}"
        case Unit():
            return f"{entry.enterprise}/{entry.source}/{entry.code}"
        case Point() | Group():
            return entry.key


def _sort(entries: Iterable[E], registered: Callable[[E], E | None]) -> Sorted:
    created: list[Entry] = []
    changed: list[tuple[Entry, Entry]] = []
    unchanged = 0
    for entry in entries:
        before = registered(entry)
        if before is None:
            created.append(entry)
        elif before == entry:
            unchanged += 1
        else:
            changed.append((before, entry))
    return Sorted(created=created, changed=changed, unchanged=unchanged)
