"""`fengsui gateway test`: what would become of a message, without sending it anywhere."""

import asyncio
import json
import time
from typing import Any, BinaryIO

import click
import yaml

from alarms.errors import FengsuiError, NotFoundError
from alarms.plant import DIALECTS, Plant
from alarms.storage import connection, migrate, plant
from fengsui import embedded
from fengsui.settings import Settings
from ingest.preview import preview


@click.command(name="test")
@click.argument("gateway", metavar="ID")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--dialect", type=click.Choice(DIALECTS), help="Tried instead of the set one.")
@click.option(
    "--mapping",
    type=click.File("rb"),
    help="A YAML list of fields, tried instead of the registered mapping.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(
    settings: Settings,
    *,
    gateway: str,
    file: BinaryIO,
    dialect: str | None,
    mapping: BinaryIO | None,
    as_json: bool,
) -> None:
    """Say what would become of the message in FILE (standard input by default) from gateway ID.

    Nothing is published or stored. Exits with 1 when none of it would be stored.
    """
    tried: dict[str, object] = {} if dialect is None else {"dialect": dialect}
    if mapping is not None:
        tried["mapping"] = _read(mapping)
    payload = file.read()
    found = asyncio.run(_load(settings, gateway))
    if found is None:
        raise NotFoundError(f"there is no gateway {gateway}: import it, or correct the id")
    told = preview(found, gateway, payload, time.time_ns() // 1000, tried)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        _show(told)
    if not told["accepted"]:
        raise SystemExit(1)


def _read(mapping: BinaryIO) -> object:
    try:
        found = yaml.safe_load(mapping)
    except yaml.YAMLError as error:
        raise FengsuiError(f"the mapping is no YAML: {error}") from error
    return found["mapping"] if isinstance(found, dict) and "mapping" in found else found


async def _load(settings: Settings, gateway: str) -> Plant | None:
    async with embedded.servers(settings, broker=False) as served:
        await migrate.migrate(served.database_url)
        async with await connection.connect(served.database_url) as conn:
            return await plant.of_gateway(conn, gateway)


def _show(told: dict[str, Any]) -> None:
    how = "set" if told["dialect_set"] else "seen by the message"
    click.echo(f"dialect    {told['dialect']} ({how})")
    click.echo(f"stored     {told['accepted']} readings")
    for one in told["readings"]:
        flags = f"  [{', '.join(one['flags'])}]" if one["flags"] else ""
        click.echo(
            f"  {one['tag']:<24} {one['value']:>14g} {one['unit']:<8} "
            f"{one['quality']:<12} {one['time']}{flags}"
        )
    click.echo(f"refused    {told['rejected']}")
    for one in told["refused"]:
        first = json.dumps(one["first"]["value"], ensure_ascii=False)
        field = "" if one["field"] is None else f" (field {one['field']})"
        click.echo(f"  {one['reason']} {one['tag'] or ''}{field} x{one['count']}: {first}")
        click.echo(f"    {one['words']['zh']}")
        click.echo(f"    {one['words']['en']}")
