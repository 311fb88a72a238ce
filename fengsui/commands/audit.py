"""`fengsui audit`: every alarm computed again from the stored readings, against the journal."""

import asyncio
import json
import sys

import click
from psycopg import IsolationLevel
from rich.console import Console

from alarms.storage import connection
from fengsui import audit, embedded
from fengsui.audit_findings import Findings
from fengsui.backtest import cells
from fengsui.settings import Settings


@click.command(name="audit")
@click.option("--from", "first", metavar="T", required=True, help="From this instant on.")
@click.option("--to", "end", metavar="T", required=True, help="To before this instant.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(settings: Settings, *, first: str, end: str, as_json: bool) -> None:
    """Compute every alarm again from the stored readings and compare with the journal.

    T is RFC 3339 with its offset, or milliseconds. Exit code 1 when an alarm was missed, is there
    without cause, or has a wrong time or tier. Alarms of silence, of clocks and of numbers outside
    an instrument's range do not follow from stored readings and are left out.
    """
    span = _instant(first, "--from"), _instant(end, "--to")
    if span[0] >= span[1]:
        raise click.UsageError("--from lies not before --to; give an earlier one")
    with Console(stderr=True).status("computing alarms again"):
        found = asyncio.run(_audit(settings, *span))
    if as_json:
        click.echo(json.dumps(_document(found), ensure_ascii=False))
    else:
        _show(found)
    if not found.sound:
        sys.exit(1)


async def _audit(settings: Settings, first: int, end: int) -> Findings:
    async with (
        embedded.servers(settings, broker=False) as served,
        await connection.connect(served.database_url) as conn,
    ):
        await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await conn.set_read_only(True)
        return await audit.audit(conn, first=first, end=end)


def _document(found: Findings) -> dict[str, object]:
    return {
        "checked": found.checked,
        "readings": found.readings,
        "missed": found.missed,
        "extra": found.extra,
        "mistimed": found.mistimed,
        "left_out": found.left_out,
        "not_recomputed": found.not_recomputed,
    }


def _show(found: Findings) -> None:
    click.echo(
        f"{found.checked} alarms checked against {found.readings} readings: {len(found.missed)} "
        f"missed, {len(found.extra)} extra, {len(found.mistimed)} mistimed"
    )
    for word, those in (("missed", found.missed), ("extra", found.extra)):
        for each in those:
            click.echo(f"{word}: {_line(each)}")
    for each in found.mistimed:
        click.echo(f"mistimed: {_line(each)}; the journal has {_line(each['journal'])}")
    for point in found.left_out:
        click.echo(f"left out: {point}, its rules changed meanwhile")
    for each in found.not_recomputed:
        subjects = each["subjects"]
        whose = "" if subjects is None else f" of {', '.join(subjects)}"
        click.echo(f"not recomputed: {', '.join(each['kinds'])}{whose}: {each['why']}")


def _line(each: dict[str, object]) -> str:
    tiers = each["tiers"]
    path = "-".join(tiers) if isinstance(tiers, list) else ""
    return (
        f"{each['point']} {each['rule']} {path} raised {each['t_raised']} "
        f"returned {each['t_returned'] or 'not yet'}"
    )


def _instant(text: str, name: str) -> int:
    try:
        found = cells.instant(text, name)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=name) from error
    if found < 0:
        raise click.BadParameter("give an instant", param_hint=name)
    return found
