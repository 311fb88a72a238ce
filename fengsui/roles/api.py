"""The API role: REST, push and the console."""

import asyncio

from alarms.errors import SettingError
from api import server
from fengsui import console
from fengsui.settings import Settings


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Serve readers and operators until `stop`; needs the database's address."""
    if settings.database_url is None:
        raise SettingError(
            "the api role needs FENGSUI_DATABASE_URL; "
            "set it, or run `fengsui serve` for everything with embedded servers"
        )
    await server.run(
        database_url=settings.database_url,
        host=settings.http_host,
        port=settings.http_port,
        console=console.folder(),
        topic_prefix=settings.topic_prefix,
        stop=stop,
    )
