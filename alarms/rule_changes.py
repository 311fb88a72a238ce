"""What a changed point means for its open alarms: another rule behind them, or none any more."""

from collections.abc import Mapping
from typing import Any, Final

from alarms.alarm import Transition
from alarms.lifecycle import RuleChange
from alarms.plant import Group, Point
from alarms.rules import watched

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
    words = (f"{name} {_text(was[name])} → {_text(now[name])}" for name in was)
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
            f"{name} {_text(getattr(before, name))} → {_text(getattr(after, name))}"
            for name in names
        ),
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


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in value.items()) or "none"
    return "default" if value is None else str(value)
