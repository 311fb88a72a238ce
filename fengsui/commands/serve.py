"""`fengsui serve`: the server, whole or one role of it."""

import asyncio
import dataclasses
import importlib
import logging
from pathlib import Path

import click
import uvloop

from alarms.storage import migrate
from fengsui import embedded, logs, supervisor
from fengsui.settings import Settings

_log = logging.getLogger(__name__)


@click.command(name="serve")
@click.option("--role", type=click.Choice(["all", "ingest", "api"]), default="all")
@click.option("--host", help="Address to listen on (FENGSUI_HTTP_HOST).")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on (FENGSUI_HTTP_PORT)."
)
@click.option(
    "--data-dir", type=click.Path(file_okay=False, path_type=Path), help="FENGSUI_DATA_DIR."
)
@click.option("--no-migrate", is_flag=True, help="Leave the database schema as it is.")
@click.option("--supervised", is_flag=True, hidden=True)
@click.pass_obj
def command(
    settings: Settings,
    *,
    role: str,
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    no_migrate: bool,
    supervised: bool,
) -> None:
    """Run the server against the database and broker in the settings, or embedded ones."""
    logs.configure(role)
    chosen = settings.with_flags(http_host=host, http_port=port, data_dir=data_dir)
    work = (
        _all(chosen, migrates=not no_migrate)
        if role == "all"
        else _one(role, chosen, migrates=not no_migrate, supervised=supervised)
    )
    uvloop.run(work)


async def _all(settings: Settings, *, migrates: bool) -> None:
    """Start what the settings do not name, migrate, and supervise one process a role."""
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop)
    async with embedded.servers(settings) as served:
        named = dataclasses.replace(
            settings, database_url=served.database_url, broker_url=served.broker_url
        )
        if migrates:
            await _migrate(served.database_url)
        await supervisor.supervise(named, stop)


async def _one(role: str, settings: Settings, *, migrates: bool, supervised: bool) -> None:
    """Run one role in this process, loading only that role's room."""
    stop = asyncio.Event()
    supervisor.stop_on_signals(stop)
    if migrates and settings.database_url is not None:
        await _migrate(settings.database_url)
    watch = (
        asyncio.create_task(supervisor.stop_when_orphaned(stop), name="orphan watch")
        if supervised
        else None
    )
    try:
        await importlib.import_module(f"fengsui.roles.{role}").run(settings, stop)
    finally:
        if watch is not None:
            watch.cancel()


async def _migrate(database_url: str) -> None:
    done = await migrate.migrate(database_url)
    _log.info(
        "schema %s, TimescaleDB edition %s, applied %d migrations",
        done.version,
        done.edition,
        len(done.applied),
    )
