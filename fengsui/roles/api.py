"""The API role: REST, push and the console."""

import asyncio
import logging

from alarms.errors import SettingError
from api import server
from fengsui import broker_doors, console
from fengsui.settings import Settings
from ingest import preview

_log = logging.getLogger(__name__)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve readers and operators until `stop`; needs the database's address."""
    if settings.database_url is None:
        raise SettingError(
            "the api role needs FENGSUI_DATABASE_URL; "
            "set it, or run `fengsui serve` for everything with embedded servers"
        )
    ready = asyncio.Event()
    telling = asyncio.create_task(_tell(settings, ready), name="console's address")
    try:
        await server.run(
            database_url=settings.database_url,
            host=settings.http_host,
            port=settings.http_port,
            console=console.folder(),
            topic_prefix=settings.topic_prefix,
            entrance=broker_doors.entrance(settings),
            preview=preview.preview,
            stop=stop,
            ready=ready,
            compression=settings.push_compression == "on",
        )
    finally:
        telling.cancel()


async def _tell(settings: Settings, ready: asyncio.Event) -> None:
    """Say where the console is once it answers; with port 0 the server's own line has the port."""
    await ready.wait()
    if settings.http_port:
        _log.info("console at %s", console.address(settings.http_host, settings.http_port))
