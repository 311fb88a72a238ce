"""`fengsui migrate`: bring the database schema to this version."""

import asyncio
import json

import click

from alarms.storage import migrate
from fengsui import embedded
from fengsui.settings import Settings


@click.command(name="migrate")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(settings: Settings, as_json: bool) -> None:  # noqa: FBT001  click's signature
    """Bring the database schema to this version (idempotent)."""
    done = asyncio.run(_migrate(settings))
    if as_json:
        click.echo(json.dumps({**done._asdict(), "applied": list(done.applied)}))
        return
    made = ", ".join(done.applied) or "nothing was missing"
    click.echo(f"schema {done.version} ({made}); TimescaleDB edition: {done.edition}")


async def _migrate(settings: Settings) -> migrate.Migrated:
    """Migrate the database of the settings, the embedded one included."""
    async with embedded.servers(settings, broker=False) as served:
        return await migrate.migrate(served.database_url)
