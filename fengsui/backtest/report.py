"""The back-test's outcome as the contract's JSON document and as tables for people."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from alarms import instants
from alarms.averted import Averted
from alarms.occurrences import Occurrence
from fengsui.backtest.rehearsal import Outcome

_MOST_ROWS = 200
"""A table longer than this is read by nobody; `--json` has them all."""
_MOST_AVERTED = 10
"""Rules of which it is printed what their delays averted; `--json` has them all."""


def document(outcome: Outcome, *, elapsed_s: float) -> dict[str, Any]:
    """Return the document of contracts.md section 7."""
    return {
        "readings": outcome.readings,
        "points": outcome.points,
        "elapsed_s": round(elapsed_s, 3),
        "duplicates": outcome.duplicates,
        "rejected": {"bad_value": 0, **outcome.rejected},
        "occurrences": [_occurrence(each) for each in outcome.occurrences],
        "averted": [
            {
                "point": each.key,
                "rule": each.rule,
                "near_misses": each.near_misses,
                "reentries": each.reentries,
            }
            for each in outcome.averted
        ],
        "kpi": load(outcome),
    }


def load(outcome: Outcome) -> dict[str, float | int]:
    """Return the load as the document's `kpi`."""
    return {
        "alarms_per_point_day": round(outcome.load.alarms_per_point_day, 6),
        "floods": outcome.load.floods,
        "chattering": outcome.load.chattering,
        "suppressed": outcome.load.suppressed,
        "near_misses": sum(each.near_misses for each in outcome.averted),
        "reentries": sum(each.reentries for each in outcome.averted),
    }


def show(console: Console, outcome: Outcome, *, elapsed_s: float) -> None:
    """Print a table of occurrences, a line for each kind, and the load."""
    table = Table(
        Column("raised", overflow="fold"),
        Column("returned", overflow="fold"),
        Column("point", overflow="fold"),
        Column("rule", overflow="fold"),
        "tier",
        "peak",
        "value",
        "limit",
    )
    for each in outcome.occurrences[:_MOST_ROWS]:
        table.add_row(
            instants.to_text(each.t_raised),
            "open" if each.t_returned is None else instants.to_text(each.t_returned),
            each.point,
            f"{each.rule}{' (late)' if each.late else ''}",
            each.tier.name,
            each.peak_tier.name,
            _number(each.value),
            _number(each.limit),
        )
    if outcome.occurrences:
        console.print(table)
    left = len(outcome.occurrences) - _MOST_ROWS
    if left > 0:
        console.print(f"and {left} more; --json has them all")
    for line in lines(outcome.occurrences):
        console.print(line, highlight=False)
    refused = ", ".join(f"{count} {reason}" for reason, count in sorted(outcome.rejected.items()))
    rate = outcome.readings / elapsed_s if elapsed_s else 0.0
    console.print(
        f"{outcome.readings} readings of {outcome.points} points in {elapsed_s:.1f} s "
        f"({rate:.0f}/s), {outcome.duplicates} duplicates, "
        f"rejected: {refused or 'none'}",
        highlight=False,
    )
    console.print(
        f"{outcome.load.alarms_per_point_day:.4g} alarms per point and day, "
        f"{outcome.load.floods} floods, {outcome.load.chattering} chattering, "
        f"{outcome.load.suppressed} suppressed by design",
        highlight=False,
    )
    for rule in _most_averted(outcome.averted):
        console.print(
            f"delays of {rule.key} {rule.rule}: {rule.near_misses} near misses (a raise averted), "
            f"{rule.reentries} re-entries (a return averted)",
            highlight=False,
        )


def _most_averted(averted: Sequence[Averted]) -> list[Averted]:
    """Return the rules whose delays averted most."""
    most = sorted(averted, key=lambda each: -(each.near_misses + each.reentries))
    return most[:_MOST_AVERTED]


def lines(occurrences: Sequence[Occurrence]) -> list[str]:
    """Return one line a kind: how many of which tier, how many late and how many still open."""
    found = []
    for kind in sorted({each.kind for each in occurrences}):
        those = [each for each in occurrences if each.kind is kind]
        tiers = Counter(each.peak_tier for each in those)
        shares = ", ".join(f"{tiers[tier]} {tier.name}" for tier in sorted(tiers, reverse=True))
        late = sum(each.late for each in those)
        open_ = sum(each.t_returned is None for each in those)
        found.append(f"{kind.value}: {len(those)} ({shares}), {open_} open, {late} late")
    return found


def _occurrence(each: Occurrence) -> dict[str, Any]:
    return {
        "id": each.id,
        "point": each.point,
        "kind": each.kind.value,
        "rule": each.rule,
        "tier": each.tier.name,
        "peak_tier": each.peak_tier.name,
        "t_raised": instants.to_text(each.t_raised),
        "t_returned": None if each.t_returned is None else instants.to_text(each.t_returned),
        "late": each.late,
        "value": each.value,
        "limit": each.limit,
        "forecast_eta": None if each.forecast_eta is None else instants.to_text(each.forecast_eta),
        "transitions": [
            {
                "type": move.type.value,
                "t_event": instants.to_text(move.t_event),
                "t_change": instants.to_text(move.t_change),
                "tier": move.tier.name,
                "value": move.value,
            }
            for move in each.moves
        ],
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"
