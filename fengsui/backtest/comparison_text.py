"""A comparison of two runs as text: what changed, before beside after, and each alarm's fate."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from alarms import instants
from alarms.occurrences import Occurrence
from fengsui.backtest.comparison import Comparison, words_of

_SHOWN: Final = 20
"""Lines of each sort that are printed; `--json` has them all."""


def show(console: Console, found: Comparison) -> None:
    """Print what changed, before beside after, and the alarms that are not the same."""
    lines = [str(each) for each in found.differences] or ["nothing that alarms hang on"]
    lines = [f"changed: {line}" for line in lines]
    _print(console, [*_first(lines), *(en for _, en in found.unknown())])
    document = found.document()
    table = Table("", "before", "after", title="before and after")
    table.add_row("alarms", *(str(number) for number in document["alarms"].values()))
    for tier, numbers in reversed(document["tiers"].items()):
        table.add_row(f"  {tier}", *(str(number) for number in numbers.values()))
    load = document["kpi"]
    for name in load["after"]:
        numbers = (f"{load[side][name]:g}" for side in ("before", "after"))
        table.add_row(name.replace("_", " "), *numbers)
    console.print(table)
    kinds = Table(
        "", "before", "after", "gone", "new", "other time", "other tier", "otherwise heard"
    )
    for kind, counts in document["kinds"].items():
        kinds.add_row(kind, *map(str, counts.values()))
    console.print(kinds)
    lead = document["lead_s"]
    told = "no alarm is in both"
    if lead["common"]:
        told = (
            f"{lead['common']} alarms in both: raised sooner by {lead['median']:g} s (median), "
            f"{lead['least']:g} s to {lead['most']:g} s"
        )
    _print(console, [told])
    _print(console, _first([f"gone: {_line(each, found)}" for each in found.only_before]))
    _print(console, _first([f"new: {_line(each, found)}" for each in found.only_after]))
    differing = (
        f"{'; '.join(en for _, en in words_of(pair))}: {_line(pair.after, found)}"
        for pair in found.changed
    )
    _print(console, _first(list(differing)))


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False)


def _line(each: Occurrence, found: Comparison) -> str:
    """Say which alarm it is, and what changed behind it."""
    because = found.because(each)
    behind = f" ({' | '.join(because)})" if because else ""
    when = instants.to_text(each.t_raised)
    return f"{each.point} {each.rule} {each.peak_tier.name} {when}{behind}"


def _first(lines: Sequence[str]) -> Iterator[str]:
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"and {len(lines) - _SHOWN} more; --json has them all"
