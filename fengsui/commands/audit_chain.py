"""`fengsui audit --chain`: whether the journal is what was written, and its seals to be kept."""

import asyncio
import json
import sys
from collections.abc import Sequence

import click
from psycopg import IsolationLevel
from rich.progress import Progress

from alarms.storage import chain, connection
from alarms.storage.chain import Checked, Seal
from fengsui import embedded, seals
from fengsui.settings import Settings


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
        with Progress(transient=True) as progress:
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
        f"journal {checked.epoch}: {checked.rows} rows checked, offsets {checked.first} to "
        f"{checked.last}; {len(sealed)} days sealed; {checked.broken} breaks"
    )
    for each in checked.breaks:
        click.echo(f"{each.offset}: {each.why}")
    if checked.broken > len(checked.breaks):
        click.echo(f"and {checked.broken - len(checked.breaks)} more")
    for key in sorted({each.key.hex() for each in sealed}):
        click.echo(f"sealed with {key}")
