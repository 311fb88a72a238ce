"""What was published about how much alarm load is acceptable: bounds, their sources and marks."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of a figure: at most `acceptable`, over `limit` too much; None: none is known."""

    figure: str
    acceptable: float
    limit: float | None
    source: str
    mark: str


class Verdict(StrEnum):
    """How a figure stands to its bounds."""

    met = "met"
    above = "above"
    over = "over"


def verdict(value: float, target: Target) -> Verdict:
    """Judge a figure; without a `limit`, whatever is not acceptable is only above."""
    if value <= target.acceptable:
        return Verdict.met
    if target.limit is None or value <= target.limit:
        return Verdict.above
    return Verdict.over


TARGETS: Final[Sequence[Target]] = tuple(
    Target(figure=figure, acceptable=acceptable, limit=limit, source=source, mark=mark)
    for figure, acceptable, limit, source, mark in (
        ("per_hour", 6, 12, "ISA-18.2-2016 16.4", "2nd"),
        ("per_10_min", 1, 2, "ISA-18.2-2016 16.4", "2nd"),
        ("per_day", 150, 300, "ISA-18.2-2009", "recall"),
        ("ten_minutes_above_10", 0.01, 0.05, "ISA-18.2-2016 16.4", "2nd"),
        ("most_in_10_min", 10, None, "ISA-18.2-2016 16.4", "2nd"),
        ("most_in_hour", 15, None, "EEMUA 191", "2nd"),
        ("most_in_minute", 2, None, "EEMUA 191", "2nd"),
        ("time_in_flood", 0.01, 0.05, "ISA-18.2-2016 16.4", "2nd"),
        ("hours_above_30", 0.01, None, "ISA-18.2-2016 16.4", "recall"),
        ("top_10_share", 0.05, 0.15, "ISA-18.2-2016 16.4", "2nd"),
        ("stale", 5, None, "ISA-18.2-2016 16.4, on any day", "2nd"),
        ("chattering", 0, 3, "ISA-18.2-2016 16.4, with fleeting", "2nd"),
        ("tier_shares.orange", 0.15, 0.30, "ISA-18.2-2016 16.4, priority medium", "2nd"),
        ("tier_shares.red", 0.05, 0.20, "ISA-18.2-2016 16.4, priority high", "2nd"),
        ("not_good_share", 0, None, "Fengsui, alarms.md 2.1", "own"),
    )
)
"""Quoted by alarms.md 2.1 from a public compliance file; the second bound is that file's own.

A deviation of more than 15 points from the priority split (80 / 15 / 5) is what it calls too much.
"""
BY_FIGURE: Final[Mapping[str, Target]] = {target.figure: target for target in TARGETS}
