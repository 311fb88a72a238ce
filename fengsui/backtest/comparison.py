"""Two runs over the same readings, before a change of rules and after it: load, lead and floods."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from alarms import instants
from alarms.alarm import Kind, Tier
from alarms.occurrences import Occurrence
from fengsui.backtest import report
from fengsui.backtest.rehearsal import Outcome

_FAR_US = 3_600_000_000
"""Raises of one rule farther apart than this speak of different happenings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a change of rules does; `leads_s` has how much sooner each common alarm is raised.

    Alarms of silence have no lead: no rule decides when a point falls silent.
    """

    before: Outcome
    after: Outcome
    leads_s: tuple[float, ...]
    only_before: tuple[Occurrence, ...]
    only_after: tuple[Occurrence, ...]

    def document(self) -> dict[str, Any]:
        """Return the comparison for the JSON document."""
        return {
            "alarms": {
                "before": len(self.before.occurrences),
                "after": len(self.after.occurrences),
            },
            "tiers": {
                tier.name: {
                    "before": _of_tier(self.before.occurrences, tier),
                    "after": _of_tier(self.after.occurrences, tier),
                }
                for tier in Tier
                if tier is not Tier.none
            },
            "kpi": {"before": report.load(self.before), "after": report.load(self.after)},
            "lead_s": self._lead(),
            "only_before": [_named(each) for each in self.only_before],
            "only_after": [_named(each) for each in self.only_after],
        }

    def show(self, console: Console) -> None:
        """Print before beside after."""
        table = Table("", "before", "after", title="before and after")
        document = self.document()
        table.add_row("alarms", *(str(number) for number in document["alarms"].values()))
        for tier, numbers in reversed(document["tiers"].items()):
            table.add_row(f"  {tier}", *(str(number) for number in numbers.values()))
        for name in ("alarms_per_point_day", "floods", "chattering", "suppressed"):
            table.add_row(
                name.replace("_", " "),
                *(f"{document['kpi'][side][name]:g}" for side in ("before", "after")),
            )
        console.print(table)
        lead = document["lead_s"]
        console.print(
            f"{lead['common']} alarms in both: raised sooner by {lead['median']:g} s (median), "
            f"{lead['least']:g} s to {lead['most']:g} s"
            if lead["common"]
            else "no alarm is in both",
            highlight=False,
        )
        for word, those in (("gone", self.only_before), ("new", self.only_after)):
            for each in those[:20]:
                console.print(
                    f"{word}: {each.point} {each.rule} {each.peak_tier.name} "
                    f"{instants.to_text(each.t_raised)}",
                    highlight=False,
                )

    def _lead(self) -> dict[str, float | int | None]:
        leads = self.leads_s
        return {
            "common": len(leads),
            "median": float(np.median(leads)) if leads else None,
            "least": min(leads) if leads else None,
            "most": max(leads) if leads else None,
        }


def compare(before: Outcome, after: Outcome) -> Comparison:
    """Match the occurrences of two runs: of one rule, overlapping or raised within an hour."""
    theirs: dict[tuple[str, str], list[Occurrence]] = {}
    for each in before.occurrences:
        theirs.setdefault((each.key, each.rule), []).append(each)
    leads: list[float] = []
    new: list[Occurrence] = []
    for each in after.occurrences:
        candidates = theirs.get((each.key, each.rule), [])
        near = [other for other in candidates if _same(each, other)]
        if not near:
            new.append(each)
            continue
        match = min(near, key=lambda other: abs(other.t_raised - each.t_raised))
        candidates.remove(match)
        if each.kind is not Kind.comms:
            leads.append((match.t_raised - each.t_raised) / 1e6)
    left = {id(each) for those in theirs.values() for each in those}
    return Comparison(
        before=before,
        after=after,
        leads_s=tuple(leads),
        only_before=tuple(each for each in before.occurrences if id(each) in left),
        only_after=tuple(new),
    )


def _same(one: Occurrence, other: Occurrence) -> bool:
    first, second = sorted((one, other), key=lambda each: each.t_raised)
    apart = second.t_raised - first.t_raised
    return (first.t_returned is None or second.t_raised <= first.t_returned) or apart <= _FAR_US


def _of_tier(occurrences: Sequence[Occurrence], tier: Tier) -> int:
    return sum(each.peak_tier is tier for each in occurrences)


def _named(each: Occurrence) -> dict[str, str]:
    return {
        "point": each.point,
        "rule": each.rule,
        "peak_tier": each.peak_tier.name,
        "t_raised": instants.to_text(each.t_raised),
    }
