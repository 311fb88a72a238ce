"""The registry file, parsed and validated whole: every fault at once, or one Registry value."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from alarms import registry_groups, tier_checks
from alarms.errors import Fault, RefusedError
from alarms.plant import (
    Enterprise,
    Gateway,
    Group,
    Mapped,
    Point,
    Raise,
    Region,
    Source,
    Tiering,
    Unit,
)
from alarms.points import settings
from alarms.registry_checks import (
    PointFinding,
    enterprise_faults,
    point_findings,
    region_faults,
    source_findings,
)
from alarms.registry_expressions import expression_findings
from alarms.registry_fields import Spot
from alarms.registry_form import FORMS
from alarms.registry_gateways import mapping_findings, owner_problem
from alarms.registry_tree import Items, Node, Plain, Table, quick, read
from alarms.tank_checks import tank_findings
from alarms.uncollected import uncollected


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is registered already: regions, enterprise codes, and gateways with their enterprise.

    `points` has each enterprise's tags with what they are computed by, None where measured, and
    `units` with the unit they are registered in.
    """

    regions: Mapping[str, Region]
    enterprises: frozenset[str] = frozenset()
    gateways: Mapping[str, str]
    points: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    units: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tierings: tier_checks.Tables = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """A whole sound registry file, in the file's order, and what it warns of."""

    regions: tuple[Region, ...]
    enterprises: tuple[Enterprise, ...]
    sources: tuple[Source, ...]
    units: tuple[Unit, ...]
    points: tuple[Point, ...]
    gateways: tuple[Gateway, ...]
    tierings: tuple[Tiering, ...] = ()
    warnings: tuple[Fault, ...]
    groups: tuple[Group, ...] = ()


@uncollected()
def parse(document: bytes, known: Known, *, name: str = "the registry file") -> Registry:
    """Read a registry file; raises RefusedError with every fault, in order of lines."""
    root = quick(document)
    reader = _Reader(known, [])
    if root is not None:
        reader.file(root)
    told = reader.faults or reader.warnings
    if root is None or (told and not root.line):  # what is told is told with its line
        root, faults = read(document)
        reader = _Reader(known, list(faults))
        if root is not None:
            reader.file(root)
    if reader.faults:
        ordered = sorted(dict.fromkeys(reader.faults), key=lambda fault: fault.line)
        raise RefusedError(name, tuple(ordered))
    return Registry(
        regions=tuple(reader.regions.values()),
        enterprises=tuple(reader.enterprises.values()),
        sources=tuple(reader.sources.values()),
        units=tuple(reader.units.values()),
        points=tuple(chain.from_iterable(tags.values() for tags in reader.points.values())),
        gateways=tuple(reader.gateways.values()),
        groups=tuple(reader.groups.values()),
        tierings=tuple(reader.tierings.values()),
        warnings=tuple(reader.warnings),
    )


class _Reader:
    """Walks the tree once, from regions and gateways to points, and notes every fault."""

    def __init__(self, known: Known, faults: list[Fault]) -> None:
        self.known = known
        self.faults = faults
        self.warnings: list[Fault] = []
        self.regions: dict[str, Region] = {}
        self.every = ChainMap(self.regions, dict(known.regions))
        self.gateways: dict[str, Gateway] = {}
        self.tierings: dict[tuple[str, str], Tiering] = {}
        self.enterprises: dict[str, Enterprise] = {}
        self.sources: dict[tuple[str, str], Source] = {}
        self.units: dict[tuple[str, str, str], Unit] = {}
        self.points: dict[str, dict[str, Point]] = {}
        self.groups: dict[tuple[str, str], Group] = {}
        self.seen: dict[object, int] = {}
        self.sound: set[tuple[object, ...]] = set()
        """Kind of source and settings of points with no finding; others are told at each line."""
        self.expressed: dict[str, tuple[Point, Table, Spot]] = {}
        self.mapped: dict[str, tuple[Table, Spot]] = {}
        self.graded: list[tier_checks.Placed] = []

    def file(self, root: Table) -> None:
        """Read everything; gateways and regions first, for points and enterprises name them."""
        top = Spot(self.faults, root.line, "")
        FORMS["file"].read(root, top)
        if not root.entries:
            Spot(self.faults, root.line, "file").fault(
                "holds nothing: give regions, enterprises, gateways or tiers"
            )
        self._regions(root, top)
        codes = self._codes(root)
        self._gateways(root, top, codes)
        for table, at, found in self._each(root, top, "tiers", "tiering"):
            self._tiering(table, at, found)
        for table, at, found in self._each(root, top, "enterprises", "enterprise"):
            self._enterprise(table, at, found)
        self._expressions()
        self._mappings()
        tables = {**self.known.tierings, **self.tierings}
        tier_checks.check(self.graded, tables, self.enterprises, self.sources, self._note)

    def _regions(self, root: Table, top: Spot) -> None:
        listed = list(self._each(root, top, "regions", "region"))
        for table, at, found in listed:
            if self._once(("region", found.get("code")), at, table, "code"):
                self.regions[found["code"]] = Region(
                    code=found["code"],
                    name=found.get("name", ""),
                    parent=found.get("parent"),
                    kind=found.get("kind", ""),
                )
        for table, at, found in listed:
            for key, problem in region_faults(found, self.known.regions, self.every):
                at.fault_at(table.lines[key], key, problem)

    def _codes(self, root: Table) -> frozenset[str]:
        """Return the enterprise codes that stand in the file, sound entries or not."""
        listed = root.entries.get("enterprises")
        items = listed.items if isinstance(listed, Items) else []
        codes = (item.entries.get("code") for item in items if isinstance(item, Table))
        return self.known.enterprises | {code for code in codes if isinstance(code, str)}

    def _gateways(self, root: Table, top: Spot, enterprises: frozenset[str]) -> None:
        for table, at, found in self._each(root, top, "gateways", "gateway"):
            new = self._once(("gateway", found.get("id")), at, table, "id")
            mapping = [values for _, _, values in self._each(table, at, "mapping", "mapped")]
            if not new or not {"id", "enterprise"} <= found.keys():
                continue
            named = tuple(Mapped(**values) for values in mapping if "field" in values)
            gateway = Gateway(**found, mapping=named)
            if mapping and len(named) == len(mapping):
                self.mapped[gateway.id] = table, at
            owner = self.known.gateways.get(gateway.id)
            if gateway.enterprise not in enterprises:
                problem = (
                    f"there is no enterprise {gateway.enterprise}, neither in this file nor "
                    "registered: add it or correct the code"
                )
                at.fault_at(table.lines["enterprise"], "enterprise", problem)
            elif owner is not None and owner != gateway.enterprise:
                problem = (
                    f"gateway {gateway.id} belongs to {owner} already, not to "
                    f"{gateway.enterprise}: give this one another id"
                )
                at.fault_at(table.lines["id"], "id", problem)
            self.gateways[gateway.id] = gateway

    def _tiering(self, table: Table, at: Spot, found: dict[str, Any]) -> None:
        before = len(self.faults)
        raises = [values for _, _, values in self._each(table, at, "raise", "raise")]
        if not {"region", "quantity"} <= found.keys() or len(self.faults) > before:
            return
        self._once(("tiers", found["region"], found["quantity"]), at, table, "quantity")
        tiering = Tiering(**found, raises=tuple(Raise(**one) for one in raises))
        self._note(tier_checks.own_findings(tiering, self.every), table, at)
        self.tierings[tiering.region, tiering.quantity] = tiering

    def _enterprise(self, table: Table, at: Spot, found: dict[str, Any]) -> None:
        self._once(("enterprise", found.get("code")), at, table, "code")
        for key, problem in enterprise_faults(found, self.every):
            at.fault_at(table.lines[key], key, problem)
        code = found.get("code", "")
        if {"code", "name", "region"} <= found.keys():
            self.enterprises[code] = Enterprise(**found)
        sources = list(self._each(table, at, "sources", "source"))
        for source, spot, values in sources:
            self._source(source, spot, values, code)
        own = self.points.get(code, {})
        for source, spot, values in sources:
            for group, place, written in self._each(source, spot, "groups", "group"):
                self._group(group, place, written, values, code, own)

    def _source(self, table: Table, at: Spot, found: dict[str, Any], enterprise: str) -> None:
        self._once(("source", enterprise, found.get("code")), at, table, "code")
        chemicals = [
            (spot, values) for _, spot, values in self._each(table, at, "chemicals", "chemical")
        ]
        responsible = [
            values for _, _, values in self._each(table, at, "responsible", "responsible")
        ]
        appraisal = source_findings(
            at, chemicals, responsible, found.get("exposed_population"), self._warn
        )
        code, kind = found.get("code", ""), found.get("kind", "")
        location = found.get("location", {})
        if {"code", "name", "kind"} <= found.keys():
            self.sources[enterprise, code] = Source(
                enterprise=enterprise,
                code=code,
                name=found["name"],
                kind=kind,
                latitude=location.get("lat"),
                longitude=location.get("lon"),
                chemicals=tuple(values for _, values in chemicals),
                exposed_population=found.get("exposed_population"),
                responsible=tuple(responsible),
                s=appraisal.s if appraisal else None,
                r=appraisal.r if appraisal else None,
                level=appraisal.level if appraisal else None,
            )
        for unit, spot, values in self._each(table, at, "units", "unit"):
            self._unit(unit, spot, values, enterprise, code, kind)

    def _unit(
        self, table: Table, at: Spot, found: dict[str, Any], enterprise: str, source: str, kind: str
    ) -> None:
        code = found.get("code", "")
        self._once(("unit", enterprise, source, found.get("code")), at, table, "code")
        if {"code", "name", "kind"} <= found.keys():
            self.units[enterprise, source, code] = Unit(
                enterprise=enterprise, source=source, **found
            )
        listed = list(self._each(table, at, "points", "point"))
        for point, spot, values in listed:
            self._point(point, spot, values, (enterprise, source, code), kind)
        above = self.sources.get((enterprise, source))
        if above is not None and found.get("kind") == "tank":
            tags = [values.get("tag", "") for _, _, values in listed]
            own = self.points.get(enterprise, {})
            points = [held for tag in tags if (held := own.get(tag))]
            for problem in tank_findings(above, points):
                self._warn(at, problem)

    def _point(
        self,
        table: Table,
        at: Spot,
        found: dict[str, Any],
        where: tuple[str, str, str],
        source_kind: str,
    ) -> None:
        enterprise, source, unit = where
        self._once(("point", enterprise, found.get("tag")), at, table, "tag")
        if not {"tag", "quantity", "unit"} <= found.keys():
            return
        found["engineering_unit"] = found.pop("unit")
        point = Point(enterprise=enterprise, source=source, unit=unit, **found)
        if point.gateway is not None:
            self._owned(point, table, at)
        asked = (source_kind, *settings(point))
        if asked not in self.sound:
            findings = list(point_findings(point, source_kind))
            self._note(findings, table, at)
            if not findings:
                self.sound.add(asked)
        self.points.setdefault(enterprise, {})[point.tag] = point
        if self.tierings or self.known.tierings:
            self.graded.append((point, table, at))
        if point.compute is not None or point.suppress:
            self.expressed[point.key] = point, table, at

    def _note(self, findings: Iterable[PointFinding], table: Table, at: Spot) -> None:
        for finding in findings:
            line = table.line_of(finding.key)
            if finding.refused:
                at.fault_at(line, finding.key, finding.problem)
            else:
                self._warn(at.of(line, finding.key), finding.problem)

    def _expressions(self) -> None:
        """Check what points are computed by and suppressed at, now that all tags are known."""
        if not self.expressed:
            return
        known = {code: dict(tags) for code, tags in self.known.points.items()}
        for enterprise, own in self.points.items():
            known.setdefault(enterprise, {}).update({tag: own[tag].compute for tag in own})
        for point, table, at in self.expressed.values():
            self._note(expression_findings(point, known[point.enterprise]), table, at)

    def _mappings(self) -> None:
        """Check what gateways' fields become, now that all points and their units are known."""
        if not self.mapped:
            return
        unit_of = {code: dict(tags) for code, tags in self.known.units.items()}
        for enterprise, own in self.points.items():
            unit_of.setdefault(enterprise, {}).update(
                {tag: own[tag].engineering_unit for tag in own}
            )
        for gateway, (table, at) in self.mapped.items():
            found = self.gateways[gateway]
            listed = table.entries.get("mapping")
            for place, key, problem in mapping_findings(
                found.mapping, unit_of.get(found.enterprise, {})
            ):
                entry = listed.items[place] if isinstance(listed, Items) else None
                line = entry.line_of(key) if isinstance(entry, Table) else table.line
                at.fault_at(line, f"mapping[{place}].{key}", problem)

    def _group(
        self,
        table: Table,
        at: Spot,
        found: dict[str, Any],
        source: dict[str, Any],
        enterprise: str,
        points: Mapping[str, Point],
    ) -> None:
        self._once(("group", enterprise, found.get("code")), at, table, "code")
        group = registry_groups.read(
            table,
            at,
            found,
            enterprise=enterprise,
            source=source.get("code", ""),
            source_kind=source.get("kind", ""),
            points=points,
        )
        if group is None:
            return
        if group.unit is not None and (enterprise, group.source, group.unit) not in self.units:
            problem = f"there is no unit {group.unit} in source {group.source}: correct the code"
            at.fault_at(table.lines["unit"], "unit", problem)
        self.groups[enterprise, group.code] = group

    def _owned(self, point: Point, table: Table, at: Spot) -> None:
        """Check that a point's gateway exists and belongs to the same enterprise."""
        gateway = self.gateways.get(point.gateway or "")
        owner = gateway.enterprise if gateway else self.known.gateways.get(point.gateway or "")
        problem = owner_problem(point, owner)
        if problem is not None:
            at.fault_at(table.lines["gateway"], "gateway", problem)

    def _each(
        self, parent: Table, at: Spot, key: str, form: str
    ) -> Iterator[tuple[Table, Spot, dict[str, Any]]]:
        """Read every table of a list below a key; what is no table is a fault and left out."""
        listed: Node | None = parent.entries.get(key)
        if listed is None or (isinstance(listed, Plain) and listed.value is None):
            return
        if not isinstance(listed, Items):
            at.fault_at(parent.lines[key], key, f"a list of {key} is wanted, each begun with -")
            return
        place = f"{at.place}.{key}" if at.place else key
        for row, (item, line) in enumerate(zip(listed.items, listed.lines, strict=True)):
            spot = Spot(self.faults, line, f"{place}[{row}]")
            found = FORMS[form].read(item, spot)
            if found is not None and isinstance(item, Table):
                yield item, spot, found

    def _once(self, key: tuple[object, ...], at: Spot, table: Table, name: str) -> bool:
        """Note a fault when this key stood in the file before; tell whether it is new."""
        if key[-1] is None:
            return False
        line = table.lines[name]
        before = self.seen.get(key)
        if before is not None:
            at.fault_at(line, name, f"{key[-1]} stands in line {before} already: once is enough")
            return False
        self.seen[key] = line
        return True

    def _warn(self, at: Spot, problem: str) -> None:
        self.warnings.append(Fault(line=at.line, place=at.place, problem=problem))
