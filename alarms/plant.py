"""The plant: regions, enterprises, major hazard sources, units, points and gateways."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms.alarm import Subject
from alarms.point import Point as Point
from alarms.points import Points

GASES: Final = frozenset(
    {
        "combustible_gas",
        "toxic_gas",
        "methane",
        "carbon_monoxide",
        "carbon_dioxide",
        "hydrogen_sulfide",
    }
)
QUANTITIES: Final = (
    "level",
    "temperature",
    "pressure",
    "differential_pressure",
    "flow",
    "combustible_gas",
    "toxic_gas",
    "oxygen",
    "methane",
    "carbon_monoxide",
    "carbon_dioxide",
    "hydrogen_sulfide",
    "wind_speed",
    "wind_pressure",
    "smoke",
    "dust",
    "humidity",
    "vibration",
    "displacement",
    "stress",
    "valve_state",
    "equipment_state",
    "feeder_state",
    "air_door",
    "power",
    "other",
)
SOURCE_KINDS: Final = (
    "tank_farm",
    "warehouse",
    "process_unit",
    "gas_line",
    "gas_station",
    "coal_mine",
    "other",
)
DIALECTS: Final = (
    *("native", "neuron", "kepware", "thingsboard"),
    *("advantech", "influx", "senml", "hj212"),
)
"""What gateways write; absent: seen by the message (docs/connect-a-gateway.md)."""
UNIT_KINDS: Final = ("tank", "pipe_section", "working_face", "roadway", "area", "equipment")
LIMIT_NAMES: Final = ("ll", "l", "h", "hh")
GROUP_KINDS: Final = ("vote", "difference", "balance", "air_path", "air_lock", "power_cut")
ROLES: Final = ("points", "inflows", "outflows", "inventory", "order", "feeder")
"""What the members of a group are to it, in the order in which they are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """An administrative division of GB/T 2260, or a park or zone a registry file added."""

    code: str
    name: str
    parent: str | None
    kind: str
    builtin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Enterprise:
    """A company; `simulated` alone decides whether everything below it is an exercise."""

    code: str
    name: str
    region: str
    uscc: str | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A major hazard source 重大危险源; `s`, `r` and `level` follow GB 18218-2018."""

    enterprise: str
    code: str
    name: str
    kind: str
    latitude: float | None = None
    longitude: float | None = None
    chemicals: tuple[Mapping[str, Any], ...] = ()
    exposed_population: int | None = None
    responsible: tuple[Mapping[str, Any], ...] = ()
    s: float | None = None
    r: float | None = None
    level: int | None = None


class Unit(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tank, pipe section, working face, roadway, area or piece of equipment.

    A large plant has a hundred thousand; a dataclass is made in six times the time.
    """

    enterprise: str
    source: str
    code: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What a gateway calls a point, and how its numbers become the point's.

    `value * scale + offset` is in `unit`, absent: in the point's; `tag` absent: the field itself.
    """

    field: str
    tag: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    unit: str | None = None

    @property
    def target(self) -> str:
        """Return the tag of the point it gives."""
        return self.field if self.tag is None else self.tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """A gateway of one enterprise; it may publish every tag of its own enterprise.

    `dialect` is one of DIALECTS, None: seen by each message. A field without a place in `mapping`
    is a tag as it is.
    """

    id: str
    enterprise: str
    dialect: str | None = None
    mapping: tuple[Mapped, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A rule over several points of one enterprise, as its engineer wrote it.

    `members` maps ROLES to tags. `params` are the kind's own settings
    (docs/registry.md); absent ones and None get defaults later.
    """

    enterprise: str
    source: str
    code: str
    name: str
    kind: str
    members: Mapping[str, tuple[str, ...]]
    unit: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    tier: str | None = None
    on_delay_s: float | None = None
    off_delay_s: float | None = None

    @property
    def key(self) -> str:
        """Return the name that stands for this group everywhere: `<enterprise>/<code>`."""
        return f"{self.enterprise}/{self.code}"

    @property
    def tags(self) -> tuple[str, ...]:
        """Return the members' tags, role after role."""
        return tuple(tag for role in ROLES for tag in self.members.get(role, ()))

    @property
    def measures(self) -> bool:
        """Tell whether its value is in its members' unit, and no state or count."""
        return self.kind not in ("air_lock", "power_cut")


@dataclass(frozen=True, slots=True, kw_only=True)
class Raise:
    """What raises an active limit alarm to a tier: one of the three is set.

    `peak`: a value at or beyond this, in the limit's direction; `lasting_s`: active for so long;
    `points`: so many points of one source and quantity over a limit at once.
    """

    tier: str
    peak: float | None = None
    lasting_s: float | None = None
    points: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiering:
    """A region's table of tiers for one quantity; it holds for all below the region.

    `limits` maps limits to tiers, `kinds` other kinds of alarms; `forecast` has the `yellow_s` and
    `orange_s` within which forecasts are so. What is absent is as shipped. `source_levels` maps a
    source's level (1 to 4) to how many tiers higher its alarms are: those of limits, and of other
    kinds those this table names.
    """

    region: str
    quantity: str
    limits: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    forecast: Mapping[str, float] = field(default_factory=dict)
    source_levels: Mapping[str, int] = field(default_factory=dict)
    raises: tuple[Raise, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plant:
    """Everything registered, as one value; a point's place in `points` is its row.

    `point_ids` (database ids) and `registered` (Micros since which a point is watched) run along
    `points`. `revision` grows with every change of the registry.
    """

    enterprises: Mapping[str, Enterprise]
    sources: Mapping[tuple[str, str], Source]
    units: Mapping[tuple[str, str, str], Unit]
    points: Sequence[Point]
    gateways: Mapping[str, Gateway]
    point_ids: Sequence[int]
    registered: Sequence[int]
    tierings: Sequence[Tiering] = ()
    revision: int = 0
    groups: Sequence[Group] = ()

    @cached_property
    def columns(self) -> Points:
        """Return the points as columns: what is asked of all of them is asked there."""
        return self.points if isinstance(self.points, Points) else Points.of_each(self.points)

    @cached_property
    def rows(self) -> dict[str, dict[str, int]]:
        """Return, for each enterprise, its tags' rows."""
        return {code: {} for code in self.enterprises} | self.columns.rows_of_tags()

    @cached_property
    def tables(self) -> dict[tuple[str, str], Tiering]:
        """Return the tables of tiers by the beginning of the codes they hold for, and quantity."""
        return {(prefix_of(each.region), each.quantity): each for each in self.tierings}

    @cached_property
    def ids(self) -> NDArray[np.int32]:
        """Return the points' database ids as a column."""
        return np.asarray(self.point_ids, np.int32)

    @cached_property
    def _rows_by_id(self) -> NDArray[np.int32]:
        rows = np.full(int(self.ids.max(initial=0)) + 2, -1, np.int32)
        rows[self.ids] = np.arange(len(self.ids), dtype=np.int32)
        return rows

    def rows_with(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """Return the rows of the points with these database ids, -1 for any not registered."""
        rows: NDArray[np.int32] = self._rows_by_id[np.minimum(ids, len(self._rows_by_id) - 1)]
        return rows

    def row_of(self, key: str) -> int | None:
        """Return the row of the point that a key names, None where it names none."""
        enterprise, _, tag = key.partition("/")
        return self.rows.get(enterprise, {}).get(tag)

    @cached_property
    def alike(self) -> "Alike":
        """Return points of which each stands for all with the same settings, and whose each is.

        What an engine lays out of a point follows from its settings, its region and its source's
        kind and level alone; a large plant has few that differ.
        """
        columns = self.columns
        kinds: dict[tuple[object, ...], int] = {}
        kind_of: dict[tuple[str, str], int] = {}
        for place, source in self.sources.items():
            kind = (self.enterprises[source.enterprise].region, source.kind, source.level)
            kind_of[place] = kinds.setdefault(kind, len(kinds))
        place_kind = [kind_of[enterprise, code] for enterprise, code, _ in columns.places]
        both = columns.of * np.int64(len(kinds)) + np.array(place_kind, np.int64)[columns.at]
        _, first, of = np.unique(both, return_index=True, return_inverse=True)
        return Alike(points=[self.points[row] for row in first.tolist()], of=of.astype(np.int32))

    @cached_property
    def only_gateway(self) -> dict[str, str | None]:
        """Return each enterprise's gateway where it has exactly one."""
        owned: dict[str, list[str]] = {code: [] for code in self.enterprises}
        for gateway in self.gateways.values():
            owned[gateway.enterprise].append(gateway.id)
        return {code: ids[0] if len(ids) == 1 else None for code, ids in owned.items()}

    @cached_property
    def reporters(self) -> NDArray[np.int32]:
        """Return, of each row, which gateway (by place) it names or its enterprise's only one is.

        -1: none.
        """
        columns = self.columns
        place_of = {name: place for place, name in enumerate(self.gateways)}
        named = [place_of.get(name, -1) for name in (*columns.gateways, "")]
        only = [place_of.get(self.only_gateway[code] or "", -1) for code, _, _ in columns.places]
        if len(columns) == 0:
            return np.zeros(0, np.int32)
        own, sole = np.array(named, np.int32)[columns.reporter], np.array(only, np.int32)
        return np.where(columns.reporter >= 0, own, sole[columns.at])

    def key_of(self, row: int) -> str:
        """Return the key of a row's point."""
        return self.columns.key(row)

    def subject(self, row: int) -> Subject:
        """Return what an alarm of this point says of it."""
        point = self.points[row]
        enterprise = self.enterprises[point.enterprise]
        return Subject(
            key=point.key,
            region=enterprise.region,
            enterprise=point.enterprise,
            source=point.source,
            unit=point.unit,
            point=point.tag,
            name=point.name or point.tag,
            quantity=point.quantity,
            engineering_unit=point.engineering_unit,
            simulated=enterprise.simulated,
        )

    def group_subject(self, group: Group) -> Subject:
        """Return what an alarm of this group says of it."""
        enterprise = self.enterprises[group.enterprise]
        telling = group.tags[0 if group.measures else -1]
        point = self.points[self.rows[group.enterprise][telling]]
        return Subject(
            key=group.key,
            region=enterprise.region,
            enterprise=group.enterprise,
            source=group.source,
            unit=group.unit,
            name=group.name,
            quantity=point.quantity,
            engineering_unit=point.engineering_unit if group.measures else None,
            simulated=enterprise.simulated,
        )

    def gateway_subject(self, gateway_id: str) -> Subject:
        """Return what an alarm of this gateway says of it."""
        enterprise = self.enterprises[self.gateways[gateway_id].enterprise]
        return Subject(
            key=f"gateway:{gateway_id}",
            region=enterprise.region,
            enterprise=enterprise.code,
            name=gateway_id,
            simulated=enterprise.simulated,
        )


class Alike(NamedTuple):
    """Points with different settings, and for each row of the plant which of them it is like."""

    points: Sequence[Point]
    of: NDArray[np.int32]


def prefix_of(region: str) -> str:
    """Cut a GB/T 2260 code at its level: `510000` -> `51`, `510600` -> `5106`, else unchanged."""
    if len(region) == 6 and region.isdigit():
        if region.endswith("0000"):
            return region[:2]
        if region.endswith("00"):
            return region[:4]
    return region


def smallest_around(codes: Iterable[str], region: str) -> str | None:
    """Return the smallest of these regions that is or lies around a region; None for none."""
    around = [code for code in codes if region.startswith(prefix_of(code))]
    return max(around, key=lambda code: len(prefix_of(code)), default=None)
