"""The ingest role: from the broker to the record."""

import asyncio
from pathlib import Path

import psycopg

from alarms.errors import SettingError, UnavailableError
from alarms.storage import connection, facts
from alarms.storage.retention import Terms
from fengsui import seals
from fengsui.gauges import Gauges
from fengsui.settings import Settings
from ingest import service


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Bring readings into the record until `stop`; needs both addresses."""
    if settings.database_url is None or settings.broker_url is None:
        raise SettingError(
            "the ingest role needs FENGSUI_DATABASE_URL and FENGSUI_BROKER_URL; "
            "set them, or run `fengsui serve` for everything with embedded servers"
        )
    with Gauges(
        folders=[settings.data_dir, *await _database_folder(settings.database_url)],
        broker_url=settings.broker_url,
        queue_bytes=settings.broker_queue_bytes,
        metrics_url=settings.broker_metrics_url,
    ) as gauges:
        sealing = asyncio.create_task(seals.run(settings.database_url, settings.data_dir))
        try:
            await service.run(
                database_url=settings.database_url,
                broker_url=settings.broker_url,
                topic_prefix=settings.topic_prefix,
                sparkplug_host_id=settings.sparkplug_host,
                stop=stop,
                terms=Terms(
                    raw_days=settings.raw_days,
                    rollup_days=settings.rollup_days,
                    journal_days=settings.journal_days,
                ),
                gauges=gauges,
            )
        finally:
            sealing.cancel()


async def _database_folder(url: str) -> list[Path]:
    """Return where the database keeps its files, if that is on this machine and it tells."""
    try:
        async with await connection.connect(url) as conn:
            folder = await facts.local_folder(conn)
    except (UnavailableError, psycopg.Error):
        return []
    return [] if folder is None else [Path(folder)]
