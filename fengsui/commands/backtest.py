"""`fengsui backtest`: the live engine over recorded readings, without server or database."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from alarms import instants, registry_form, registry_tree, rulesfile
from alarms.errors import Fault, FengsuiError, first
from alarms.plant import Plant
from fengsui.backtest import (
    advice,
    cells,
    comparison,
    comparison_text,
    page,
    recorded,
    rehearsal,
    report,
)
from ingest.decoders.decoded import Reason

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_READINGS = click.Path(exists=True, path_type=Path)
_ENDINGS = (".csv", ".csv.gz", ".parquet")
_WIDE = 200
"""Signs in a line of tables that go to a file or a pipe."""


@click.command(name="backtest")
@click.option("--registry", type=_FILE, required=True, help="The plant: a registry file.")
@click.option(
    "--readings", type=_READINGS, multiple=True, help="Recordings, or their folder; or FILEs."
)
@click.argument("more", type=_READINGS, nargs=-1, metavar="[FILE]...")
@click.option("--rules", type=_FILE, help="A rules file to lay over the registry.")
@click.option("--against", type=_FILE, help="A rules file or a registry, as it was before.")
@click.option("--until", metavar="T", help="How long silence lasts (default: to the last row).")
@click.option("--advise", is_flag=True, help="Advise deadbands and delays from each point's past.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with plots here."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    *,
    registry: Path,
    readings: tuple[Path, ...],
    more: tuple[Path, ...],
    rules: Path | None,
    against: Path | None,
    until: str | None,
    advise: bool,
    html: Path | None,
    as_json: bool,
) -> None:
    """Judge recorded readings with the live engine and say which alarms arise.

    FILEs have the columns ts,point,value[,quality][,received] (.csv, .csv.gz, .parquet).
    """
    if not readings and not more:
        raise click.UsageError("name the recordings to judge: FILEs, or --readings and a folder")
    if advise and html is not None:
        click.echo(f"warning: {html.name} shows no advice; the text and --json have it", err=True)
    wanted = _Wanted(files=_files((*readings, *more)), until=_instant(until), advise=advise)
    plant, registered = rehearsal.plant_of(registry.read_bytes(), registry.name)
    _warn(registry, registered.warnings)
    ruled = _ruled(plant, rules)
    older = None if against is None else _as_it_was(against, plant, registry.name)
    after = _run(ruled, wanted)
    _warn_of_rows(registry, after)
    before = None if older is None else _run(older, wanted)
    compared = None
    if older is not None and before is not None:
        compared = comparison.compare((older, ruled), before.outcome, after.outcome)
    if html is not None:
        text = page.page(ruled, after.outcome, compared)
        try:
            html.write_text(text, encoding="utf-8")
        except OSError as error:
            raise FengsuiError(
                f"{html} cannot be written: {error.strerror}; name another"
            ) from error
    if as_json:
        document = _document(after)
        if before is not None and compared is not None:
            document["against"] = report.document(before.outcome, elapsed_s=before.elapsed_s)
            document["comparison"] = compared.document()
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        _show(after, compared)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What every run has in common."""

    files: tuple[Path, ...]
    until: int | None
    advise: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """One run."""

    outcome: rehearsal.Outcome
    elapsed_s: float
    unknown: list[str]
    """Names of points that the registry does not have."""
    advice: list[advice.Advice | advice.Unadvised] | None


def _run(plant: Plant, wanted: _Wanted) -> _Done:
    began = time.perf_counter()
    history = advice.History(plant) if wanted.advise else None
    points = cells.Points(plant)
    with _progress(wanted.files) as advance:
        outcome = rehearsal.run(
            plant,
            recorded.chunks(wanted.files, points, advance),
            until=wanted.until,
            observe=None if history is None else history.add,
        )
    return _Done(
        outcome=outcome,
        elapsed_s=time.perf_counter() - began,
        unknown=sorted(points.unknown),
        advice=None if history is None else history.advice(),
    )


def _document(after: _Done) -> dict[str, Any]:
    document = report.document(after.outcome, elapsed_s=after.elapsed_s)
    document["unknown_points"] = after.unknown
    if after.advice is not None:
        known = [each for each in after.advice if isinstance(each, advice.Advice)]
        unknown = [each for each in after.advice if isinstance(each, advice.Unadvised)]
        document["advice"] = [each.document() for each in known]
        document["not_advised"] = [each.document() for each in unknown]
    return document


def _show(after: _Done, compared: comparison.Comparison | None) -> None:
    # A file or a pipe has no width of its own, and a shortened name or time is of no use there.
    has_width = sys.stdout.isatty() or "COLUMNS" in os.environ
    console = Console(width=None if has_width else _WIDE)
    report.show(console, after.outcome, elapsed_s=after.elapsed_s)
    if compared is not None:
        comparison_text.show(console, compared)
    if after.advice is not None:
        advice.show(console, after.advice)


def _as_it_was(against: Path, plant: Plant, name: str) -> Plant:
    """Return the plant as it was: a registry of its own, or a rules file over this one."""
    document = against.read_bytes()
    key = registry_tree.first_key(document)
    if key is None or key == "rules":
        return _ruled(plant, against)
    if key not in registry_form.FORMS["file"].keys:
        raise FengsuiError(
            f"{against.name} is neither a rules file (`rules:`) nor a registry file "
            f"(`enterprises:`), it begins with `{key}:`; give --against what stood before"
        )
    older, registered = rehearsal.plant_of(document, against.name)
    _warn(against, registered.warnings)
    if not {each.key for each in older.points} & {each.key for each in plant.points}:
        raise FengsuiError(
            f"{against.name} and {name} have no point in common, so there is nothing to compare; "
            "give --against the whole registry of the same plant as it was before"
        )
    return older


def _ruled(plant: Plant, rules: Path | None) -> Plant:
    if rules is None:
        return plant
    found = rulesfile.parse(rules.read_bytes(), plant, name=rules.name)
    _warn(rules, found.warnings)
    return rulesfile.apply(found, plant)


def _warn(file: Path, warnings: Sequence[Fault]) -> None:
    """Say on standard error what a file warns of: standard output has the result alone."""
    told = [f"warning: {file.name}: {warning}" for warning in warnings]
    for line in first(told, f"warnings of {file.name}"):
        click.echo(line, err=True)


def _warn_of_rows(registry: Path, done: _Done) -> None:
    """Say on standard error which rows were not judged for a reason that is easily overlooked."""
    told = [
        f"warning: {registry.name} has no point {name!r}: its readings were not judged"
        for name in done.unknown
    ]
    for line in first(told, "unknown points"):
        click.echo(line, err=True)
    old = done.outcome.rejected[Reason.too_old.value]
    if old:
        click.echo(
            f"warning: {old} readings are too old by the recording's clock, which came to "
            f"{instants.to_text(done.outcome.until)}, and were not judged; without a column "
            "received the clock is ts, and one row far ahead makes all behind it old",
            err=True,
        )


def _files(named: tuple[Path, ...]) -> tuple[Path, ...]:
    found: list[Path] = []
    for path in named:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS))
        if not inside:
            raise FengsuiError(f"{path} holds no recording; one ends in {', '.join(_ENDINGS)}")
        found += inside
    return tuple(found)


def _instant(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return cells.instant(text, "--until")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--until") from error


@contextmanager
def _progress(files: tuple[Path, ...]) -> Iterator[Callable[[int], None]]:
    """Show how much of the files has been read, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _bytes: None
        return
    total = sum(file.stat().st_size for file in files)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("judging", total=total)
        yield lambda read: progress.advance(task, read)
