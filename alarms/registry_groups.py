"""Groups in a registry file: what may stand there, and what must hold between their members."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

from alarms import timers
from alarms.detectors.balance import BUCKETS
from alarms.group_rules import is_gas, time_base_s
from alarms.parameters import LIFE
from alarms.plant import GASES, GROUP_KINDS, ROLES, Group, Point
from alarms.registry_checks import Finding
from alarms.registry_fields import Choice, Flag, Form, Key, Many, Number, Spot, Text
from alarms.registry_tree import Items, Node, Plain, Table
from alarms.rules import DEFAULT_PERIOD_S

MOST: Final = 64
"""Members of one role."""
_SPAN_MOST_S: Final = 30 * 86_400.0
_TAGS: Final = Many(each=Text(longest=128, words="the tag of a point"), least=1, most=MOST)
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "vote": ("points",),
    "difference": ("points",),
    "balance": ("inflows", "outflows", "inventory"),
    "air_path": ("points",),
    "air_lock": ("points",),
    "power_cut": ("order", "feeder"),
}
_PARAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "vote": ("k", "limit", "side", "deadband", "degrade"),
    "difference": ("bound", "deadband"),
    "balance": ("windows",),
    "air_path": ("bound", "deadband"),
    "air_lock": (),
    "power_cut": ("cut_state", "remote"),
}
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "vote": ("points", "k", "limit", "degrade"),
    "difference": ("points", "bound"),
    "balance": (),
    "air_path": ("points", "bound"),
    "air_lock": ("points",),
    "power_cut": ("order", "feeder"),
}
_EXACTLY: Final = {"difference": 2, "air_lock": 2}
_SWITCHES: Final = ("feeder_state", "equipment_state", "power", "valve_state", "other")

INVENTORY: Final = Form(
    keys={
        "point": Key(kind=Text(longest=128, words="the tag of a point"), required=True),
        "factor": Key(kind=Number(least=0, most=1e9, above=True)),
    }
)
WINDOW: Final = Form(
    keys={
        "span_s": Key(kind=Number(least=60, most=_SPAN_MOST_S), required=True),
        "least": Key(kind=Number(least=0, above=True)),
        "percent": Key(kind=Number(least=0, most=100, above=True)),
    }
)


def form(*, code: Text, name: Text, tiers: tuple[str, ...], longest_s: float) -> Form:
    """Describe a group; which of its keys belong to which kind `read` knows."""
    return Form(
        keys={
            "code": Key(kind=code, required=True),
            "name": Key(kind=name, required=True),
            "kind": Key(kind=Choice(words=GROUP_KINDS), required=True),
            "unit": Key(kind=code),
            "points": Key(kind=_TAGS),
            "inflows": Key(kind=_TAGS),
            "outflows": Key(kind=_TAGS),
            "inventory": Key(below="inventory"),
            "order": Key(kind=_TAGS),
            "feeder": Key(kind=Text(longest=128, words="the tag of a point")),
            "k": Key(kind=Number(least=1, most=MOST, whole=True)),
            "limit": Key(kind=Number()),
            "side": Key(kind=Choice(words=("high", "low"))),
            "deadband": Key(kind=Number(least=0)),
            "degrade": Key(kind=Choice(words=("safe", "available"))),
            "bound": Key(kind=Number(least=0, above=True)),
            "windows": Key(below="window"),
            "cut_state": Key(kind=Number(least=0, most=1, whole=True)),
            "remote": Key(kind=Flag()),
            "tier": Key(kind=Choice(words=tiers)),
            "on_delay_s": Key(kind=Number(least=0, most=longest_s)),
            "off_delay_s": Key(kind=Number(least=0, most=longest_s)),
            **{name: Key(kind=each.number) for name, each in LIFE.items()},
        }
    )


def read(
    table: Table,
    at: Spot,
    found: Mapping[str, Any],
    *,
    enterprise: str,
    source: str,
    source_kind: str,
    points: Mapping[str, Point],
) -> Group | None:
    """Return the group that `form` read, or None with faults; `points` are the enterprise's."""
    kind = found.get("kind")
    if kind is None:
        return None
    before = len(at.faults)
    found = {
        **found,
        **_tables(table, at, "inventory", INVENTORY),
        **_tables(table, at, "windows", WINDOW),
    }
    if "feeder" in found:
        found["feeder"] = (found["feeder"],)
    rows = found.pop("inventory", ())
    if rows:
        found["inventory"] = tuple(row["point"] for row in rows if "point" in row)
    for key in table.entries:
        owned = (*_ROLES[kind], *_PARAMS[kind])
        if key in (*ROLES, *_ALL_PARAMS) and key not in owned:
            at.fault_at(table.lines[key], key, f"does not belong to kind {kind}: remove it")
    absent = [key for key in _REQUIRED[kind] if key not in found]
    for key in absent:
        node = table.entries.get(key)
        if node is None or (isinstance(node, Plain) and node.value is None):
            at.fault(f"{key} is missing, and kind {kind} requires it")
    members = {role: found[role] for role in _ROLES[kind] if role in found}
    group = Group(
        enterprise=enterprise,
        source=source,
        code=found.get("code", ""),
        name=found.get("name", ""),
        kind=kind,
        members=members,
        unit=found.get("unit"),
        params={
            **{name: found[name] for name in (*_PARAMS[kind], *LIFE) if name in found},
            **({"factors": tuple(row.get("factor", 1.0) for row in rows)} if rows else {}),
        },
        tier=found.get("tier"),
        on_delay_s=found.get("on_delay_s"),
        off_delay_s=found.get("off_delay_s"),
    )
    for role, problem in _membership(group, points):
        at.fault_at(table.lines.get(role, table.line), role, problem)
    if not absent and len(at.faults) == before and {"code", "name"} <= found.keys():
        for key, problem in _findings(group, source_kind, points):
            at.fault_at(table.line_of(key), key, problem)
    return group if not absent and len(at.faults) == before else None


_ALL_PARAMS: Final = tuple(dict.fromkeys(name for names in _PARAMS.values() for name in names))


def _tables(table: Table, at: Spot, key: str, wanted: Form) -> dict[str, Any]:
    """Read a list of tables below a key; what is no table is a fault and left out."""
    node: Node | None = table.entries.get(key)
    if node is None or (isinstance(node, Plain) and node.value is None):
        return {}
    if not isinstance(node, Items) or not 1 <= len(node.items) <= MOST:
        at.fault_at(table.lines[key], key, f"a list of 1 to {MOST} is wanted, each begun with -")
        return {}
    places = zip(node.items, node.lines, strict=True)
    rows = (
        wanted.read(item, Spot(at.faults, line, f"{at.place}.{key}[{row}]"))
        for row, (item, line) in enumerate(places)
    )
    return {key: tuple(row for row in rows if row is not None)}


def _membership(group: Group, points: Mapping[str, Point]) -> Iterator[Finding]:
    """Say which members are unknown or stand twice."""
    seen: set[str] = set()
    for role, tags in group.members.items():
        for tag in tags:
            if tag not in points:
                yield (
                    role,
                    (
                        f"there is no point {tag} of {group.enterprise} in this file: correct the "
                        "tag, members are points of the group's own enterprise and file"
                    ),
                )
            elif tag in seen:
                yield role, f"{tag} stands twice in this group: once is enough"
            seen.add(tag)
    if group.code in points:
        yield "code", f"{group.code} is the tag of a point already: alarms could not be told apart"


def _findings(group: Group, source_kind: str, points: Mapping[str, Point]) -> Iterator[Finding]:
    """Say what contradicts itself in a group whose members are all known."""
    members = [points[tag] for tag in group.tags]
    yield from timers.problems(group.params)
    exactly = _EXACTLY.get(group.kind)
    if exactly is not None and len(members) != exactly:
        yield "points", f"has {len(members)} points, a {group.kind} has exactly {exactly}"
        return
    match group.kind:
        case "vote":
            yield from _vote(group, members)
        case "difference" | "air_path":
            yield from _compared(group, members)
        case "balance":
            yield from _balance(group, source_kind, points)
        case "air_lock":
            yield from _quantities("points", members, ("air_door",))
        case "power_cut":
            yield from _power_cut(members)


def _vote(group: Group, members: list[Point]) -> Iterator[Finding]:
    params = group.params
    if len(members) < 2:
        yield "points", "has 1 point, a vote has 2 or more"
    elif params["k"] > len(members):
        yield "k", f"is {params['k']}, more than the {len(members)} points that vote"
    yield from _one_unit("points", members)
    limit, deadband = params["limit"], params.get("deadband", 0.0)
    for point in members:
        if point.range is None:
            continue
        low, high = point.range
        span = f"{low:g} to {high:g}, the range of {point.tag}"
        room = high - limit if params.get("side") == "low" else limit - low
        if not low <= limit <= high:
            yield "limit", f"is {limit:g}, outside {span}: it could never vote"
        elif deadband >= room:
            problem = (
                f"is {deadband:g}, and between limit {limit:g} and the end of {span}, are "
                f"{room:g}: its vote would never end; make it less, or move the limit"
            )
            yield "deadband" if deadband else "limit", problem


def _compared(group: Group, members: list[Point]) -> Iterator[Finding]:
    if len(members) < 2:
        yield "points", f"has 1 point, kind {group.kind} compares 2 or more"
    yield from _one_unit("points", members)
    if group.kind == "air_path":
        yield from _quantities("points", members, ("methane",))
    if group.params.get("deadband", 0.0) > group.params["bound"]:
        yield "deadband", f"is wider than bound {group.params['bound']:g}: it would never return"


def _power_cut(members: list[Point]) -> Iterator[Finding]:
    yield from _quantities("feeder", members[-1:], ("feeder_state", "power"))
    for point in members[:-1]:
        if point.quantity in GASES and "cut" not in point.limits:
            yield "order", f"{point.tag} has no limit cut: without it this gas orders nothing"
        elif point.quantity not in GASES:
            yield from _quantities("order", [point], _SWITCHES)


def _balance(group: Group, source_kind: str, points: Mapping[str, Point]) -> Iterator[Finding]:
    flows = [points[tag] for role in ("inflows", "outflows") for tag in group.members.get(role, ())]
    stores = len(group.members.get("inventory", ()))
    if len(flows) + stores < 2 or not flows:
        yield (
            "kind",
            "a balance needs inflows and outflows, or one of them and inventory: 2 points at least",
        )
        return
    role = "inflows" if group.members.get("inflows") else "outflows"
    yield from _one_unit(role, flows)
    unit = flows[0].engineering_unit
    if time_base_s(unit) is None:
        yield role, f"unit {unit} is no flow: write it per s, min, h or d, as m³/h"
    windows = group.params.get("windows")
    if windows is None:
        if is_gas(source_kind, unit):
            yield (
                "kind",
                (
                    "a balance of gas needs windows with leaks of its own: the usual 1 to 5 % of "
                    "flow are known for liquids only"
                ),
            )
        windows = ()
    yield from _windows(windows, max(point.period_s or DEFAULT_PERIOD_S for point in flows))


def _windows(windows: tuple[Mapping[str, float], ...], period_s: float) -> Iterator[Finding]:
    for place, window in enumerate(windows):
        key = f"windows.{place}"
        if not {"least", "percent"} & window.keys():
            yield key, "gives neither least nor percent: how small a leak must it find?"
        if window["span_s"] < BUCKETS * period_s:
            yield (
                key,
                (
                    f"spans {window['span_s']:g} s, less than {BUCKETS} readings of a flow that "
                    f"comes every {period_s:g} s"
                ),
            )
    for place, (short, long) in enumerate(pairwise(windows), 1):
        key = f"windows.{place}"
        if long["span_s"] <= short["span_s"]:
            yield key, f"spans {long['span_s']:g} s, no longer than the window before it"
        for name in ("least", "percent"):
            if name in short and name in long and long[name] > short[name]:
                yield (
                    key,
                    (
                        f"{name} is {long[name]:g}, more than in the shorter window before it: "
                        "this one could never speak first"
                    ),
                )


def _one_unit(role: str, members: list[Point]) -> Iterator[Finding]:
    first = members[0]
    for point in members[1:]:
        if point.engineering_unit != first.engineering_unit:
            yield (
                role,
                (
                    f"{point.tag} is in {point.engineering_unit}, {first.tag} in "
                    f"{first.engineering_unit}: units are not converted"
                ),
            )


def _quantities(role: str, members: list[Point], wanted: tuple[str, ...]) -> Iterator[Finding]:
    for point in members:
        if point.quantity not in wanted:
            yield role, f"{point.tag} is {point.quantity}, {' or '.join(wanted)} is wanted"
