"""The table of a report that sets each figure beside its target, its limit and a verdict."""

from collections.abc import Sequence
from typing import Final

from alarms import targets
from alarms.performance import Report
from alarms.targets import Verdict
from api.reports import forms
from api.reports.blocks import Cell, Judged, Table
from api.reports.words import Lang, say

_SIGNS: Final = {Verdict.met: "✓", Verdict.above: "▲", Verdict.over: "×"}
ORDER: Final = (
    ("annunciated", "count"),
    ("per_hour", "rate"),
    ("per_day", "rate"),
    ("per_10_min", "rate"),
    ("upset_per_10_min", "rate"),
    ("most_in_minute", "count"),
    ("most_in_10_min", "count"),
    ("most_in_hour", "count"),
    ("ten_minutes_above_10", "share"),
    ("hours_above_30", "share"),
    ("floods", "count"),
    ("time_in_flood", "share"),
    ("top_10_share", "share"),
    ("chattering", "pair"),
    ("stale", "count"),
    ("tier_shares.red", "share"),
    ("tier_shares.orange", "share"),
    ("tier_shares.low", "share"),
    ("escalated", "count"),
    ("realarmed", "count"),
    ("late", "count"),
    ("late_share", "share"),
    ("not_good_share", "share"),
    ("unconfirmed", "count"),
    ("hidden.shelved", "count"),
    ("hidden.suppressed", "count"),
    ("hidden.out_of_service", "count"),
    ("alarms_per_point_day", "rate"),
    ("MaximumActiveState", "time"),
    ("MaximumUnAck", "time"),
)
"""Every figure that is shown, and how it is written."""


def table(lang: Lang, report: Report) -> Table:
    """Return the figures of all positions together, each with what was published about it."""
    values = _values(report)
    return Table(
        title=say(lang, "figures"),
        head=[
            say(lang, name) for name in ("figure", "value", "target", "limit", "verdict", "source")
        ],
        rows=[
            (
                say(lang, name),
                _shown(lang, report, values[name], form),
                *_judged(lang, name, form, values[name]),
            )
            for name, form in ORDER
        ],
        widths=(30, 12, 9, 9, 16, 24),
        numbers=frozenset({1, 2, 3}),
    )


def _values(report: Report) -> dict[str, float]:
    """Return the figures by name, as their bounds are given."""
    each = report.overall
    shares = each.tier_shares
    plain = {name: getattr(each, name) for name, _ in ORDER if hasattr(each, name)}
    return plain | {
        "chattering": each.chattering + each.fleeting,
        "tier_shares.red": shares.get("red", 0.0),
        "tier_shares.orange": shares.get("orange", 0.0),
        "tier_shares.low": shares.get("yellow", 0.0) + shares.get("blue", 0.0),
        "hidden.shelved": each.hidden.shelved,
        "hidden.suppressed": each.hidden.suppressed,
        "hidden.out_of_service": each.hidden.out_of_service,
        "alarms_per_point_day": report.alarms_per_point_day,
        "MaximumActiveState": each.opc_ua.maximum_active_state,
        "MaximumUnAck": each.opc_ua.maximum_un_ack,
    }


def _shown(lang: Lang, report: Report, value: float, form: str) -> str:
    match form:
        case "rate":
            return f"{value:.2f}"
        case "share":
            return forms.percent(value)
        case "time":
            return forms.duration(lang, value)
        case "pair":
            return f"{report.overall.chattering} + {report.overall.fleeting}"
        case _:
            return str(value)


def _judged(lang: Lang, name: str, form: str, value: float) -> Sequence[Cell]:
    target = targets.BY_FIGURE.get(name)
    if target is None:
        return ("", "", "", "")
    found = targets.verdict(value, target)
    return (
        _bound(target.acceptable, form),
        "" if target.limit is None else _bound(target.limit, form),
        Judged(text=f"{_SIGNS[found]} {say(lang, found.value)}", verdict=found),
        f"{target.source} [{target.mark}]",
    )


def _bound(value: float, form: str) -> str:
    return f"≤ {value * 100:g}%" if form == "share" else f"≤ {value:g}"
