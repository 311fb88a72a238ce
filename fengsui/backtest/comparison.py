"""Two runs over the same readings, before a change and after it: load, lead, and which alarms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from alarms import instants
from alarms.alarm import Kind, Tier
from alarms.occurrences import Occurrence
from alarms.plant import Plant
from fengsui.backtest import report
from fengsui.backtest.differences import Causes, Difference, between
from fengsui.backtest.rehearsal import Outcome

DIFFERS: Final = ("time", "tier", "heard")
"""In what an alarm of both runs may differ: raise, return or steps; tiers; when it rang first."""
_FAR_US: Final = 3_600_000_000
"""Raises of one rule farther apart than this speak of different happenings."""
_NAMED: Final = 10
"""Points named in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One alarm in both runs; `differs` has those of DIFFERS in which it is not the same."""

    before: Occurrence
    after: Occurrence
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a change does; `leads_s` has how much sooner each common alarm is raised.

    Alarms of silence have no lead: no rule decides when a point falls silent. `changed` are the
    common alarms that differ, `differences` what was changed in the plant.
    """

    before: Outcome
    after: Outcome
    leads_s: tuple[float, ...]
    only_before: tuple[Occurrence, ...]
    only_after: tuple[Occurrence, ...]
    changed: tuple[Pair, ...]
    differences: tuple[Difference, ...]
    causes: Causes

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
            "kinds": {kind.value: counts for kind, counts in self.kinds().items()},
            "kpi": {"before": report.load(self.before), "after": report.load(self.after)},
            "lead_s": self._lead(),
            "changes": [each.document() for each in self.differences],
            "points": {"only_before": self._points("removed"), "only_after": self._points("added")},
            "only_before": [self._named(each) for each in self.only_before],
            "only_after": [self._named(each) for each in self.only_after],
            "changed": [self._pair(each) for each in self.changed],
        }

    def kinds(self) -> dict[Kind, dict[str, int]]:
        """Count each kind's alarms of both runs, those gone and new, and those that differ."""
        columns: dict[str, Sequence[Occurrence]] = {
            "before": self.before.occurrences,
            "after": self.after.occurrences,
            "gone": self.only_before,
            "new": self.only_after,
        }
        for way in DIFFERS:
            columns[way] = [each.after for each in self.changed if way in each.differs]
        return {
            kind: counts
            for kind in Kind
            if any(
                (
                    counts := {name: _of_kind(those, kind) for name, those in columns.items()}
                ).values()
            )
        }

    def unknown(self) -> list[tuple[str, str]]:
        """Say in Chinese and English which points one run does not know: it takes none of theirs.

        `unknown_point` counts the readings of unknown points, of which these are a part.
        """
        found: list[tuple[str, str]] = []
        for change, zh, en, outcome in (
            ("removed", ("修改前", "修改后"), ("before", "after"), self.after),
            ("added", ("修改后", "修改前"), ("after", "before"), self.before),
        ):
            names = self._points(change)
            if names:
                left = len(names) - _NAMED
                some = ", ".join(names[:_NAMED]) + (f", … ({len(names)})" if left > 0 else "")
                count = outcome.rejected["unknown_point"]
                told = f"仅{zh[0]}有测点 {some}；{zh[1]}其读数计入未知测点的 {count} 条"
                others = f"{en[1]}, their readings are among the {count} of unknown points"
                found.append((told, f"only {en[0]}: {some}; {others}"))
        return found

    def because(self, each: Occurrence) -> list[str]:
        """Return what changed behind an alarm."""
        return self.causes.behind(each.key, each.rule, each.kind)

    def _points(self, change: str) -> list[str]:
        return [
            each.name for each in self.differences if each.kind == "point" and each.change == change
        ]

    def _lead(self) -> dict[str, float | int | None]:
        leads = self.leads_s
        return {
            "common": len(leads),
            "median": float(np.median(leads)) if leads else None,
            "least": min(leads) if leads else None,
            "most": max(leads) if leads else None,
        }

    def _named(self, each: Occurrence) -> dict[str, Any]:
        return {
            "point": each.point,
            "kind": each.kind.value,
            "rule": each.rule,
            "peak_tier": each.peak_tier.name,
            "t_raised": instants.to_text(each.t_raised),
            "because": self.because(each),
        }

    def _pair(self, pair: Pair) -> dict[str, Any]:
        return {
            "point": pair.after.point,
            "kind": pair.after.kind.value,
            "rule": pair.after.rule,
            "differs": list(pair.differs),
            "before": _course(pair.before),
            "after": _course(pair.after),
            "because": self.because(pair.after),
        }


def compare(plants: tuple[Plant, Plant], before: Outcome, after: Outcome) -> Comparison:
    """Match the occurrences of two runs: of one rule, overlapping or raised within an hour.

    `plants` are those of the two runs.
    """
    theirs: dict[tuple[str, str], list[Occurrence]] = {}
    for each in before.occurrences:
        theirs.setdefault((each.key, each.rule), []).append(each)
    pairs: list[Pair] = []
    new: list[Occurrence] = []
    for each in after.occurrences:
        candidates = theirs.get((each.key, each.rule), [])
        near = [other for other in candidates if _same(each, other)]
        if not near:
            new.append(each)
            continue
        match = min(near, key=lambda other: abs(other.t_raised - each.t_raised))
        candidates.remove(match)
        pairs.append(Pair(before=match, after=each, differs=_differing(match, each)))
    left = {id(each) for those in theirs.values() for each in those}
    return Comparison(
        before=before,
        after=after,
        leads_s=tuple(
            (pair.before.t_raised - pair.after.t_raised) / 1e6
            for pair in pairs
            if pair.after.kind is not Kind.comms
        ),
        only_before=tuple(each for each in before.occurrences if id(each) in left),
        only_after=tuple(new),
        changed=tuple(pair for pair in pairs if pair.differs),
        differences=between(*plants),
        causes=Causes(*plants),
    )


def words_of(pair: Pair) -> Iterator[tuple[str, str]]:
    """Say in Chinese and English in what an alarm of both runs differs."""
    was, now = pair.before, pair.after
    if "time" in pair.differs:
        yield from _times(was, now) or [("变级时刻不同", "other times of its tiers")]
    if "tier" in pair.differs:
        path, path_now = (" ".join(tier.name for tier in each.tiers) for each in (was, now))
        yield f"级别 {path} → {path_now}", f"tier {path} → {path_now}"
    if "heard" in pair.differs:
        heard, heard_now = _heard(was), _heard(now)
        yield f"鸣响 {heard[0]} → {heard_now[0]}", f"heard {heard[1]} → {heard_now[1]}"


def _same(one: Occurrence, other: Occurrence) -> bool:
    first, second = sorted((one, other), key=lambda each: each.t_raised)
    apart = second.t_raised - first.t_raised
    return (first.t_returned is None or second.t_raised <= first.t_returned) or apart <= _FAR_US


def _differing(was: Occurrence, now: Occurrence) -> tuple[str, ...]:
    """Tell in what two differ; when one that came late rings says nothing of the rules."""
    span, span_now = ((each.t_raised, each.t_returned) for each in (was, now))
    steps, steps_now = ([move.t_change for move in each.moves] for each in (was, now))
    path, path_now = ((each.tiers, each.peak_tier) for each in (was, now))
    found = (
        span != span_now or (path == path_now and steps != steps_now),
        path != path_now,
        not (was.late or now.late) and _heard(was) != _heard(now),
    )
    return tuple(way for way, differs in zip(DIFFERS, found, strict=True) if differs)


def _times(was: Occurrence, now: Occurrence) -> list[tuple[str, str]]:
    words: list[tuple[str, str]] = []
    if was.t_raised != now.t_raised:
        zh, en = _sooner(was.t_raised - now.t_raised)
        words.append((f"{zh}发生", f"raised {en}"))
    if was.t_returned != now.t_returned:
        if now.t_returned is None:
            words.append(("至末尾未恢复", "stands to the end"))
        elif was.t_returned is None:
            words.append(("已恢复", "returns"))
        else:
            zh, en = _sooner(was.t_returned - now.t_returned)
            words.append((f"{zh}恢复", f"returned {en}"))
    return words


def _sooner(lead_us: int) -> tuple[str, str]:
    apart = f"{abs(lead_us) / 1e6:.10g} s"
    return (
        (f"早 {apart} ", f"{apart} sooner") if lead_us > 0 else (f"晚 {apart} ", f"{apart} later")
    )


def _heard(each: Occurrence) -> tuple[str, str]:
    """Say when an alarm rang first: at its raise, when its suppression was lifted, or never."""
    if not each.rings:
        return "从未", "never"
    if each.rings[0] <= each.t_raised:
        return "立即", "at once"
    moment = instants.to_text(each.rings[0])
    return moment, f"at {moment}"


def _course(each: Occurrence) -> dict[str, Any]:
    return {
        "t_raised": instants.to_text(each.t_raised),
        "t_returned": None if each.t_returned is None else instants.to_text(each.t_returned),
        "tiers": [tier.name for tier in each.tiers],
        "peak_tier": each.peak_tier.name,
        "t_heard": instants.to_text(each.rings[0]) if each.rings else None,
    }


def _of_tier(occurrences: Sequence[Occurrence], tier: Tier) -> int:
    return sum(each.peak_tier is tier for each in occurrences)


def _of_kind(occurrences: Sequence[Occurrence], kind: Kind) -> int:
    return sum(each.kind is kind for each in occurrences)
