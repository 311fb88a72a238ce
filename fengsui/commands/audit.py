"""`fengsui audit`: alarms computed again from the stored readings, or the journal's own chain."""

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
from fengsui.commands import audit_chain
from fengsui.settings import Settings


@click.command(name="audit")
@click.option("--from", "first", metavar="T", help="From this instant on.")
@click.option("--to", "end", metavar="T", help="To before this instant.")
@click.option("--chain", is_flag=True, help="Check the journal's own chain of hashes instead.")
@click.option(
    "--key",
    "keys",
    metavar="HEX",
    multiple=True,
    help="A public key that seals may bear (with --chain); else that of the data folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    first: str | None,
    end: str | None,
    chain: bool,
    keys: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compute every alarm again from the stored readings and compare with the journal.

    T is RFC 3339 with its offset, or milliseconds. Exit code 1 when an alarm was missed, is there
    without cause, or has a wrong time or tier. Alarms of silence, of clocks and of numbers outside
    an instrument's range do not follow from stored readings and are left out.

    With --chain: exit code 1 when a row of the journal was changed, added or taken away since it
    was written, or a day's seal does not hold. Keep the printed key and the seals elsewhere: only
    they tell of somebody who wrote the whole journal anew.
    """
    if chain:
        if first is not None or end is not None:
            raise click.UsageError("--chain looks at the whole journal: leave out --from and --to")
        audit_chain.run(settings, [_key(each) for each in keys], as_json=as_json)
        return
    if first is None or end is None or keys:
        raise click.UsageError("give --from and --to, or --chain")
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


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise click.BadParameter("a key is 64 hexadecimal digits", param_hint="--key")
    return key
