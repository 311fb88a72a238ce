"""`fengsui audit --chain`: whether the journal is what was written, and its seals to be kept."""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Final

import click
from psycopg import IsolationLevel
from rich.console import Console
from rich.progress import Progress

from alarms.storage import chain, connection
from alarms.storage.chain import Checked, Seal
from fengsui import embedded, seals
from fengsui.settings import Settings

_WHAT_TO_DO: Final = """
What to do:
* Leave the database as it is and copy it now (pg_dump): it is the evidence, and retention takes
  old rows.
* Rows before the first offset named above are as they were written. From there on compare with a
  backup from before, or with what a platform above has received.
* Find out who could write to the database then: from its own log, and from the audit trail
  (GET /api/v1/audit).
* Where only seals are named: check that --key is the public key that was kept, and no other.
Alarms go on as before. The break stays named: nothing mends a chain afterwards."""


def run(settings: Settings, keys: Sequence[bytes], *, as_json: bool) -> None:
    """Check the chain and the seals and show what was found; exit with 1 where it is broken."""
    trusted = list(keys)
    if not trusted and (settings.data_dir / seals.KEY_FILE).exists():
        trusted = [seals.signing_key(settings.data_dir).public_key().public_bytes_raw()]
    checked, sealed = asyncio.run(_check(settings))
    for each in seals.unsound((seal for seal in sealed if seal.epoch == checked.epoch), trusted):
        checked.note(each.offset, each.why)
    if as_json:
        click.echo(json.dumps(_document(checked, sealed), ensure_ascii=False))
    else:
        _show(checked, sealed)
    if checked.broken:
        sys.exit(1)


async def _check(settings: Settings) -> tuple[Checked, list[Seal]]:
    async with (
        embedded.servers(settings, broker=False) as served,
        await connection.connect(served.database_url) as conn,
    ):
        await conn.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        await conn.set_read_only(True)
        sealed = await chain.seals(conn)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("checking the journal", total=None)
            return await chain.check(
                conn,
                sealed,
                told=lambda done, of: progress.update(task, completed=done, total=of),
            ), sealed


def _document(checked: Checked, sealed: Sequence[Seal]) -> dict[str, object]:
    return {
        "epoch": checked.epoch,
        "rows": checked.rows,
        "first": checked.first,
        "last": checked.last,
        "broken": checked.broken,
        "breaks": [{"offset": each.offset, "why": each.why} for each in checked.breaks],
        "seals": [
            {
                "day": each.day.isoformat(),
                "epoch": each.epoch,
                "offset": each.log_offset,
                "hash": each.hash.hex(),
                "sealed_at": each.sealed_at.isoformat(timespec="milliseconds"),
                "key": each.key.hex(),
                "signature": each.signature.hex(),
            }
            for each in sealed
        ],
    }


def _show(checked: Checked, sealed: Sequence[Seal]) -> None:
    click.echo(
        f"journal {checked.epoch}: {_count(checked.rows, 'row')} checked, offsets {checked.first} "
        f"to {checked.last}; {_count(len(sealed), 'day')} sealed; {_count(checked.broken, 'break')}"
    )
    for each in checked.breaks:
        click.echo(f"{each.offset}: {each.why}")
    if checked.broken > len(checked.breaks):
        click.echo(f"and {checked.broken - len(checked.breaks)} more")
    for key in sorted({each.key.hex() for each in sealed}):
        click.echo(f"sealed with {key}")
    if checked.broken:
        click.echo(_WHAT_TO_DO)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
