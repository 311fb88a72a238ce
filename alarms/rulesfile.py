"""The rules file: settings laid over a plant's points, the most specific match winning."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from alarms import tier_checks
from alarms.errors import Fault, RefusedError
from alarms.parameters import FORM
from alarms.plant import QUANTITIES, Plant, Point
from alarms.registry_checks import PointFinding, point_findings
from alarms.registry_fields import Choice, Form, Key, Number, Spot, Text
from alarms.registry_form import CODE, DETECTORS, LIMITS, LONGEST_S, TIERED, TIERS
from alarms.registry_tree import Items, Plain, Table, read
from alarms.rules import watched

_SETTINGS: Final = ("limits", "tiers", "on_delay_s", "off_delay_s", "deadband")
_WEIGHTS: Final = {"point": 8, "source": 4, "enterprise": 2, "quantity": 1}
"""A match by point outweighs all others together; then source, enterprise, quantity."""

_MATCH: Final = Form(
    keys={
        "quantity": Key(kind=Choice(words=QUANTITIES)),
        "enterprise": Key(kind=CODE),
        "source": Key(kind=CODE),
        "point": Key(kind=Text(longest=193, words="a tag or enterprise/tag")),
    }
)
_RULE: Final = Form(
    keys={
        "id": Key(kind=CODE, required=True),
        "match": Key(kind=_MATCH),
        "kind": Key(kind=Choice(words=DETECTORS), required=True),
        "limits": Key(kind=Form(keys={name: Key(kind=Number()) for name in LIMITS})),
        "tiers": Key(kind=Form(keys={name: Key(kind=Choice(words=TIERS)) for name in TIERED})),
        "on_delay_s": Key(kind=Number(least=0, most=LONGEST_S)),
        "off_delay_s": Key(kind=Number(least=0, most=LONGEST_S)),
        "deadband": Key(kind=Number(least=0)),
        "params": Key(below="params"),
    }
)
_FILE: Final = Form(keys={"rules": Key(below="rule", required=True)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One entry: what it matches and what it sets there; `line` is where it stands."""

    id: str
    line: int
    kind: str
    match: Mapping[str, str]
    settings: Mapping[str, Any]

    @property
    def weight(self) -> int:
        """Return how specific the match is."""
        return sum(_WEIGHTS[name] for name in self.match)

    def matches(self, point: Point) -> bool:
        """Tell whether this rule speaks of a point."""
        match = self.match
        return (
            match.get("quantity", point.quantity) == point.quantity
            and match.get("enterprise", point.enterprise) == point.enterprise
            and match.get("source", point.source) == point.source
            and match.get("point", point.tag) in (point.tag, point.key)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """A sound rules file: its rules in order of lines, and what the registry would warn of."""

    rules: tuple[Rule, ...]
    warnings: tuple[Fault, ...] = ()


def parse(document: bytes, plant: Plant, *, name: str = "the rules file") -> Rules:
    """Read a rules file for a plant; raises RefusedError with every fault, in order of lines.

    Refused are a rule that matches no point, two equally specific rules that set one thing
    differently, and whatever would not be allowed in the registry. What the registry would warn of
    is warned of, unless the registry gives cause for it without the rules.
    """
    root, faults = read(document)
    found = list(faults)
    rules = _rules(root, found) if root is not None else []
    found += [
        _fault(rule, f"matches no point of the registry: correct its match, {_told(rule.match)}")
        for rule in rules
        if not any(rule.matches(point) for point in plant.points)
    ]
    found += _contradictions(rules, plant)
    warned: list[Fault] = []
    if not found:
        found, warned = _outcome(rules, plant)
    if found:
        raise RefusedError(name, _ordered(found))
    return Rules(rules=tuple(rules), warnings=_ordered(warned))


def apply(rules: Rules, plant: Plant) -> Plant:
    """Return the plant with the rules laid over its points; rows stay as they are.

    Each setting, and each single limit and tier, is the most specific matching rule's; what no
    rule sets stays as the registry has it. A rule's kind is watched wherever the rule matches.
    """
    return replace(plant, points=[_applied(rules.rules, point) for point in plant.points])


def _applied(rules: Sequence[Rule], point: Point) -> Point:
    changes: dict[str, Any] = {}
    limits, tiers = dict(point.limits), dict(point.tiers)
    kinds = watched(point)
    detect = point.detect
    params = dict(point.params)
    for rule in sorted(rules, key=lambda rule: rule.weight):
        if not rule.matches(point):
            continue
        for name, value in rule.settings.items():
            match name:
                case "limits":
                    limits |= value
                case "tiers":
                    tiers |= value
                case "params":
                    params[rule.kind] = {**params.get(rule.kind, {}), **value}
                case _:
                    changes[name] = value
        if rule.kind not in kinds:
            detect = kinds = (*kinds, rule.kind)
    return replace(point, limits=limits, tiers=tiers, detect=detect, params=params, **changes)


def _rules(root: Table, faults: list[Fault]) -> list[Rule]:
    top = Spot(faults, root.line, "")
    _FILE.read(root, top)
    listed = root.entries.get("rules")
    if listed is None:
        return []
    if not isinstance(listed, Items):
        top.fault_at(root.lines["rules"], "rules", "a list of rules is wanted, each begun with -")
        return []
    rules: list[Rule] = []
    seen: dict[str, int] = {}
    for place, (item, line) in enumerate(zip(listed.items, listed.lines, strict=True)):
        at = Spot(faults, line, f"rules[{place}]")
        found = _RULE.read(item, at)
        if found is None or not isinstance(item, Table):
            continue
        params = _params(item, found.get("kind"), at)
        if "id" not in found or "kind" not in found:
            continue
        if found["id"] in seen:
            at.fault(f"id {found['id']} stands in line {seen[found['id']]} already: ids are unique")
        seen[found["id"]] = line
        settings: dict[str, Any] = {name: found[name] for name in _SETTINGS if name in found}
        if settings and found["kind"] != "limit":
            at.fault(
                f"{', '.join(settings)} belong to kind limit, not to {found['kind']}: "
                "write them into a rule of kind limit"
            )
            continue
        if params:
            settings["params"] = params
        rules.append(
            Rule(
                id=found["id"],
                line=line,
                kind=found["kind"],
                match=found.get("match", {}),
                settings=settings,
            )
        )
    return rules


def _params(item: Table, kind: str | None, at: Spot) -> dict[str, Any]:
    """Read a rule's parameters; which there are depends on its kind."""
    node = item.entries.get("params")
    if node is None or (isinstance(node, Plain) and node.value is None):
        return {}
    spot = at.of(item.lines["params"], "params")
    if not isinstance(node, Table):
        spot.fault("a mapping is wanted")
        return {}
    form = FORM.keys[kind].kind if kind is not None and kind in FORM.keys else None
    if not isinstance(form, Form):
        for name in node.entries:
            spot.fault_at(node.lines[name], name, "this kind has no such parameter: remove it")
        return {}
    return form.read(node, spot) or {}


def _contradictions(rules: list[Rule], plant: Plant) -> list[Fault]:
    """Find pairs of equally specific rules that set one thing of one point differently."""
    by_weight: dict[int, list[Rule]] = {}
    for rule in rules:
        by_weight.setdefault(rule.weight, []).append(rule)
    found: list[Fault] = []
    for equals in by_weight.values():
        for place, second in enumerate(equals):
            for first in equals[:place]:
                names = _differing(first.settings, second.settings)
                if not names:
                    continue
                both = next(
                    (p for p in plant.points if first.matches(p) and second.matches(p)), None
                )
                if both is not None:
                    problem = (
                        f"sets {', '.join(names)} of {both.key} otherwise than {first.id} in line "
                        f"{first.line}, and both are as specific: narrow one match"
                    )
                    found.append(_fault(second, problem))
    return found


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    names: list[str] = []
    for name in first.keys() & second.keys():
        one, other = first[name], second[name]
        if isinstance(one, Mapping):
            names += [
                f"{name}.{key}" for key in one.keys() & other.keys() if one[key] != other[key]
            ]
        elif one != other:
            names.append(name)
    return sorted(names)


def _outcome(rules: list[Rule], plant: Plant) -> tuple[list[Fault], list[Fault]]:
    """Find what the rules would leave that no registry may have, and what it would warn of."""
    faults: list[Fault] = []
    warned: list[Fault] = []
    for point in plant.points:
        matching = [rule for rule in rules if rule.matches(point)]
        if not matching:
            continue
        kind = plant.sources[point.enterprise, point.source].kind
        known = {finding.problem for finding in _findings(plant, point, kind)}
        for finding in _findings(plant, _applied(rules, point), kind):
            if finding.problem not in known:
                blamed = _blamed(matching, finding.key)
                found = _fault(blamed, f"{point.key}: {finding.key} {finding.problem}")
                (faults if finding.refused else warned).append(found)
    return faults, warned


def _findings(plant: Plant, point: Point, kind: str) -> Iterator[PointFinding]:
    yield from point_findings(point, kind)
    yield from tier_checks.findings(plant, point)


def _ordered(found: list[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(dict.fromkeys(found), key=lambda fault: fault.line))


def _blamed(matching: list[Rule], key: str) -> Rule:
    """Return the most specific rule that sets what is wrong."""
    name, _, inner = key.partition(".")
    setting = [
        rule
        for rule in matching
        if (name in rule.settings and (not inner or inner in rule.settings[name]))
        or inner.removeprefix(f"{rule.kind}.") in rule.settings.get("params", ())
        or (name == "detect" and inner == rule.kind)
    ]
    return max(setting or matching, key=lambda rule: rule.weight)


def _told(match: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {word}" for name, word in match.items())


def _fault(rule: Rule, problem: str) -> Fault:
    return Fault(line=rule.line, place=f"rule {rule.id}", problem=problem)
