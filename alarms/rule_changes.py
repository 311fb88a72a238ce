"""What a changed registry means for open alarms: another rule behind them, or none any more."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

import msgspec

from alarms import tiers
from alarms.alarm import Alarm, Transition
from alarms.lifecycle import RuleChange
from alarms.plant import Enterprise, Group, Plant, Point, Raise, Source, Tiering
from alarms.registry_changes import Changes
from alarms.rules import tier_of, watched

_Entry = TypeVar("_Entry", Point, Group, Source, Enterprise)
_SIDES: Final = {"limit.high": ("h", "hh", "cut", "reset"), "limit.low": ("l", "ll")}
_OWED: Final = ("latching", "needs_closeout")
_FIELDS: Final = {
    "limit": ("deadband", "on_delay_s", "off_delay_s", "substance", "sector", *_OWED),
    "comms": ("period_s",),
    "sensor": ("range", "period_s"),
}
_OF_TRENDS: Final = ("deadband", "range", "period_s")
_OF_GROUPS: Final = ("kind", "members", "params", "tier", "on_delay_s", "off_delay_s")
_BY_DETECT: Final = frozenset({"limit", "forecast", "rate", "deviation"})
"""Kinds that a point's `detect` switches on and off."""


class Registered:
    """What an import changes behind the open alarms of points and groups; `keys` are theirs.

    A rule changes with its point and with what grades its alarms: the region's table of tiers, the
    level of the source, the region of the enterprise.
    """

    def __init__(self, before: Plant, done: Changes, *, actor: str) -> None:
        self._actor = actor
        self._was, self._now = before, _after(before, done)
        self._points = {after.key: (was, after) for was, after in _changed(done, Point)}
        self._groups = {after.key: (was, after) for was, after in _changed(done, Group)}
        for point in _regraded(before, done):
            self._points.setdefault(point.key, (point, point))
        self.keys = [*self._points, *self._groups]

    def change(self, alarm: Alarm) -> RuleChange | None:
        """Return what the import does to an open alarm, or None."""
        key, rule = alarm.subject.key, alarm.rule
        if key in self._groups:
            return group_change(*self._groups[key], rule, actor=self._actor)
        return point_change((self._was, self._now), *self._points[key], rule, actor=self._actor)


def point_change(
    plants: tuple[Plant, Plant], before: Point, after: Point, rule: str, *, actor: str
) -> RuleChange | None:
    """Return what two plants that follow each other change behind a point's rule, or None."""
    own = rule_change(before, after, rule, actor=actor)
    graded = _grading_change(plants, before, after, rule, actor=actor)
    if own is None or graded is None:
        return own or graded
    return msgspec.structs.replace(own, note=f"{own.note}; {graded.note}")


def rule_change(before: Point, after: Point, rule: str, *, actor: str) -> RuleChange | None:
    """Return what a changed point does to an open alarm of one of its rules, or None.

    A rule is retired where its last limit or its kind in `detect` is gone (alarms.md 1.5, row 25).
    """
    was, now = _seen_by(rule, before), _seen_by(rule, after)
    if was == now:
        return None
    kind = rule.partition(".")[0]
    switched_off = kind in _BY_DETECT and kind not in watched(after)
    limits_gone = kind in ("limit", "forecast") and not now["limits"].keys() - {"reset"}
    gone = switched_off or limits_gone
    words = (f"{name} {text_of(was[name])} → {text_of(now[name])}" for name in was)
    return RuleChange(
        change=Transition.retired if gone else Transition.rule_changed,
        actor=actor,
        note="; ".join(
            text for text, name in zip(words, was, strict=True) if was[name] != now[name]
        ),
    )


def group_change(before: Group, after: Group, rule: str, *, actor: str) -> RuleChange | None:
    """Return what a changed group does to its open alarm, or None; another kind retires it."""
    names = [name for name in _OF_GROUPS if getattr(before, name) != getattr(after, name)]
    if not names:
        return None
    return RuleChange(
        change=Transition.rule_changed if rule == f"group.{after.kind}" else Transition.retired,
        actor=actor,
        note="; ".join(
            f"{name} {text_of(getattr(before, name))} → {text_of(getattr(after, name))}"
            for name in names
        ),
    )


def text_of(value: object) -> str:
    """Write a setting as people read it; None: the default holds."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {text_of(inner)}" for name, inner in value.items()) or "none"
    if isinstance(value, tuple | list):
        return "/".join(map(text_of, value))
    return "default" if value is None else str(value)


def raised_by(raises: Iterable[Raise]) -> str:
    """Say what raises an active alarm by a table of tiers."""
    return ", ".join(
        f"{each.tier} "
        + (
            f"from {each.peak:g}"
            if each.peak is not None
            else f"after {each.lasting_s:g} s"
            if each.lasting_s is not None
            else f"with {each.points} points"
        )
        for each in raises
    )


def _seen_by(rule: str, point: Point) -> dict[str, Any]:
    """Return of a point what one of its rules is made of."""
    kind = rule.partition(".")[0]
    seen: dict[str, Any] = {name: getattr(point, name) for name in _FIELDS.get(kind, _OF_TRENDS)}
    seen["params"] = point.params.get(kind, {})
    if kind in _BY_DETECT:
        levels = _SIDES.get(rule, tuple(point.limits))
        seen["limits"] = {name: point.limits[name] for name in levels if name in point.limits}
        seen["tiers"] = {name: point.tiers[name] for name in levels if name in point.tiers}
        seen["detect"] = kind in watched(point)
        seen["compute"] = point.compute or "measured"
        seen["suppress"] = point.suppress
    return seen


def _grading_change(
    plants: tuple[Plant, Plant], before: Point, after: Point, rule: str, *, actor: str
) -> RuleChange | None:
    """Return what changed of what grades an alarm; a point's own tiers are its rule's."""
    here = replace(after, source=before.source)
    was, now = _grading(plants[0], here, rule), _grading(plants[1], after, rule)
    words = [
        f"{name} {was.get(name, 'none')} → {now.get(name, 'none')}"
        for name in (was | now)
        if was.get(name) != now.get(name)
    ]
    if not words:
        return None
    note = f"tiers: {'; '.join(words)}"
    return RuleChange(change=Transition.rule_changed, actor=actor, note=note)


def _changed(done: Changes, kind: type[_Entry]) -> Iterator[tuple[_Entry, _Entry]]:
    for before, after in done.kinds[kind.__name__.lower()].changed:
        if isinstance(before, kind) and isinstance(after, kind):
            yield before, after


def _after(before: Plant, done: Changes) -> Plant:
    """Return the plant with what grades its points as it is after an import."""

    def new(kind: str) -> Iterator[object]:
        yield from done.kinds[kind].created
        yield from (after for _, after in done.kinds[kind].changed)

    tables = {(each.region, each.quantity): each for each in before.tierings}
    sources, enterprises = dict(before.sources), dict(before.enterprises)
    for each in (*new("tiering"), *new("source"), *new("enterprise")):
        match each:
            case Tiering():
                tables[each.region, each.quantity] = each
            case Source():
                sources[each.enterprise, each.code] = each
            case Enterprise():
                enterprises[each.code] = each
    return replace(
        before, tierings=tuple(tables.values()), sources=sources, enterprises=enterprises
    )


def _regraded(before: Plant, done: Changes) -> Iterator[Point]:
    """Yield the points that an import may grade anew."""
    tables = done.kinds["tiering"]
    quantities = {
        each.quantity
        for each in (*tables.created, *(after for _, after in tables.changed))
        if isinstance(each, Tiering)
    }
    sources = {
        (now.enterprise, now.code) for was, now in _changed(done, Source) if was.level != now.level
    }
    moved = {now.code for was, now in _changed(done, Enterprise) if was.region != now.region}
    if quantities or sources or moved:
        for point in before.points:
            at = point.enterprise, point.source
            if point.quantity in quantities or at in sources or point.enterprise in moved:
                yield point


def _grading(plant: Plant, point: Point, rule: str) -> dict[str, str]:
    """Return the tiers of a rule's alarms in words; of limits with what raises them."""
    kind = rule.partition(".")[0]
    if kind == "forecast":
        words = (
            f"within {s:g} s" if s < math.inf else "always" for s in tiers.within_s(plant, point)
        )
        return dict(zip(("yellow", "orange"), words, strict=True))
    if kind in tiers.KINDS:
        return {kind: tiers.of_kind(plant, point, kind).name}
    graded = tiers.graded(plant, point)
    found = {
        level: tier_of(graded, level).name
        for level in _SIDES[rule]
        if level in point.limits and level != "reset"
    }
    raises = tiers.raises_of(plant, point)
    return found | ({"raise": raised_by(raises)} if raises else {})
