"""The ingest role: from the broker to the record."""

import asyncio
import logging
import time
from typing import Final

from alarms import preparation
from alarms.errors import SettingError
from alarms.storage.retention import Terms
from fengsui.settings import Settings
from ingest import service

log: Final = logging.getLogger("fengsui.ingest")


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Bring readings into the record until `stop`; needs both addresses."""
    if settings.database_url is None or settings.broker_url is None:
        raise SettingError(
            "the ingest role needs FENGSUI_DATABASE_URL and FENGSUI_BROKER_URL; "
            "set them, or run `fengsui serve` for everything with embedded servers"
        )
    began = time.monotonic()
    await asyncio.to_thread(preparation.prepare)
    log.info("engine prepared in_s=%.1f", time.monotonic() - began)
    await service.run(
        database_url=settings.database_url,
        broker_url=settings.broker_url,
        topic_prefix=settings.topic_prefix,
        stop=stop,
        terms=Terms(
            raw_days=settings.raw_days,
            rollup_days=settings.rollup_days,
            journal_days=settings.journal_days,
        ),
    )
