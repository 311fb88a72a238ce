"""What differs between a plant before a change and after it, and what of it is behind an alarm."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from alarms import expressions, rule_changes
from alarms.alarm import Kind
from alarms.plant import Enterprise, Group, Plant, Point, Source, Tiering
from alarms.point import key_of
from alarms.registry_changes import Entry, name_of

_NAMES: Final = frozenset({"enterprise", "code", "tag", "name"})
"""What a point or group is called: no alarm hangs on it."""
_MEASURED: Final = ("quantity", "unit")
"""What a point measures: every alarm of it hangs on that."""
_BESIDE: Final = {Kind.limit: (*_MEASURED, "range"), Kind.comms: (*_MEASURED, "gateway")}
"""Settings that alarms of these kinds hang on beside those of their rules."""

Settings = Mapping[str, Any]
"""Settings by their place, as in `limits.h`; what is absent has its default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One entry that differs; `before` is None for one that was added, `after` for a removed one.

    Both hold the settings that alarms hang on, as the registry file writes them.
    """

    kind: str
    name: str
    before: Settings | None
    after: Settings | None

    @property
    def change(self) -> str:
        """Return `added`, `removed` or `changed`."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """Return each setting that differs, with what it was and is; None where absent."""
        was, now = self.before or {}, self.after or {}
        return {
            name: (was.get(name), now.get(name))
            for name in sorted(was.keys() | now.keys())
            if was.get(name) != now.get(name)
        }

    @property
    def settings(self) -> str:
        """Say how its settings differ, in the file's own words."""
        return "; ".join(
            f"{name} {_text(was)} → {_text(now)}" for name, (was, now) in self.changed.items()
        )

    def __str__(self) -> str:
        if self.change != "changed":
            return f"{self.kind} {self.name} {self.change}"
        return f"{self.kind} {self.name}: {self.settings}"

    def document(self) -> dict[str, Any]:
        """Return it for the JSON document."""
        settings = [
            {"name": name, "before": was, "after": now} for name, (was, now) in self.changed.items()
        ]
        named = {"kind": self.kind, "name": self.name, "change": self.change}
        return {**named, "settings": settings}


def between(before: Plant, after: Plant) -> tuple[Difference, ...]:
    """Return what differs of what alarms hang on, kind by kind and by name."""
    found: list[Difference] = []
    for was, now in zip(_entries(before), _entries(after), strict=True):
        for name in sorted(was.keys() | now.keys()):
            one, other = was.get(name), now.get(name)
            if one == other:
                continue
            entry = one or other
            kind = type(entry).__name__.lower()
            difference = Difference(
                kind="tiers" if kind == "tiering" else kind,
                name=name,
                before=None if one is None else _settings(one),
                after=None if other is None else _settings(other),
            )
            if difference.before != difference.after:
                found.append(difference)
    return tuple(found)


class Causes:
    """Says which differences of two plants are behind an alarm."""

    def __init__(self, before: Plant, after: Plant) -> None:
        self._plants = before, after
        self._groups = tuple({each.key: each for each in plant.groups} for plant in self._plants)
        self._told: dict[tuple[str, str], list[str]] = {}

    def behind(self, key: str, rule: str, kind: Kind) -> list[str]:
        """Name what changed for an alarm's rule and for the points it hangs on; [] for nothing.

        What it shares with other points (peers, a raise by the number of points) is not followed.
        """
        if (key, rule) not in self._told:
            self._told[key, rule] = list(dict.fromkeys(self._behind(key, rule, kind)))
        return self._told[key, rule]

    def _behind(self, key: str, rule: str, kind: Kind) -> Iterator[str]:
        if kind is Kind.group:
            yield from self._of_group(key, rule)
        elif key.startswith("gateway:"):
            gateway = key.removeprefix("gateway:")
            held = [plant.gateways.get(gateway) for plant in self._plants]
            yield from _presence("gateway", gateway, held)
        else:
            yield from self._of_point(key, rule, kind)

    def _of_group(self, key: str, rule: str) -> Iterator[str]:
        held = [groups.get(key) for groups in self._groups]
        yield from _presence("group", key, held)
        was, now = held
        if was is not None and now is not None:
            change = rule_changes.group_change(was, now, rule, actor="")
            if change is not None:
                yield f"group {key}: {change.note}"
        for group in held:
            if group is not None:
                yield from self._feeding(key_of(group.enterprise, tag) for tag in group.tags)

    def _of_point(self, key: str, rule: str, kind: Kind) -> Iterator[str]:
        held = self._points(key)
        yield from _presence("point", key, held)
        was, now = held
        if was is not None and now is not None:
            change = rule_changes.point_change(self._plants, was, now, rule, actor="")
            if change is not None:
                yield f"point {key}: {change.note}"
            yield from _moved(key, was, now, _BESIDE.get(kind, _MEASURED))
        for plant, point in zip(self._plants, held, strict=True):
            yield from self._feeding(_inputs(plant, point))

    def _feeding(self, keys: Iterable[str]) -> Iterator[str]:
        """Follow the points an alarm hangs on, through computed ones, to what changed there."""
        waiting = list(keys)
        seen = set(waiting)
        while waiting:
            key = waiting.pop()
            held = self._points(key)
            yield from _presence("point", key, held)
            was, now = held
            if was is not None and now is not None:
                yield from _moved(key, was, now, ("compute", "range", *_MEASURED))
            for plant, point in zip(self._plants, held, strict=True):
                new = _inputs(plant, point) - seen
                seen |= new
                waiting += sorted(new)

    def _points(self, key: str) -> list[Point | None]:
        rows = [plant.row_of(key) for plant in self._plants]
        return [
            None if row is None else plant.points[row]
            for plant, row in zip(self._plants, rows, strict=True)
        ]


def _presence(kind: str, name: str, held: Sequence[object]) -> Iterator[str]:
    was, now = held
    if (was is None) != (now is None):
        yield f"{kind} {name} {'added' if was is None else 'removed'}"


def _moved(key: str, was: Point, now: Point, names: Sequence[str]) -> Iterator[str]:
    one, other = _settings(was), _settings(now)
    words = [
        f"{name} {_text(one.get(name))} → {_text(other.get(name))}"
        for name in names
        if one.get(name) != other.get(name)
    ]
    if words:
        yield f"point {key}: {'; '.join(words)}"


def _inputs(plant: Plant, point: Point | None) -> set[str]:
    """Return the points that a point is computed from or suppressed by."""
    if point is None:
        return set()
    tags = plant.rows[point.enterprise].keys()
    written = (
        (point.compute, expressions.Kind.number),
        (point.suppress.get("when"), expressions.Kind.condition),
    )
    return {
        key_of(point.enterprise, tag)
        for text, kind in written
        if text is not None
        for tag in expressions.parse(text, tags, kind=kind).tags
    }


def _entries(plant: Plant) -> Iterator[dict[str, Entry]]:
    """Yield, kind by kind, what alarms hang on, by name."""
    kinds: tuple[Iterable[Entry], ...] = (
        plant.tierings,
        plant.enterprises.values(),
        plant.gateways.values(),
        plant.sources.values(),
        plant.points,
        plant.groups,
    )
    for entries in kinds:
        yield {name_of(each): each for each in entries}


def _settings(entry: Entry) -> Settings:
    """Return the settings of an entry that alarms hang on; how it is called is none."""
    match entry:
        case Enterprise():
            return {"region": entry.region, "simulated": entry.simulated}
        case Source():
            return _flat({"kind": entry.kind, "level": entry.level})
        case Tiering():
            raises = rule_changes.raised_by(entry.raises) or None
            tables = ("limits", "kinds", "forecast", "source_levels")
            return _flat({name: getattr(entry, name) for name in tables} | {"raise": raises})
        case Point() | Group():
            written = {
                each.name: getattr(entry, each.name)
                for each in fields(entry)
                if each.name not in _NAMES
            }
            if isinstance(entry, Point):
                written["place"] = f"{written.pop('source')}/{written['unit']}"
                written["unit"] = written.pop("engineering_unit")
            return _flat(written)
        case _:
            return {}


def _flat(written: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Lay settings out by their place; what is absent or empty is left out."""
    found: dict[str, Any] = {}
    for name, value in written.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{above}{name}.")
        elif value is not None:
            found[f"{above}{name}"] = list(value) if isinstance(value, tuple) else value
    return found


def _text(value: object) -> str:
    return "absent" if value is None else rule_changes.text_of(value)
