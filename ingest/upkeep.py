"""The record's upkeep beside the writer: roll-ups every minute; what is past its term leaves."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import psycopg
from psycopg import AsyncConnection

from alarms import instants
from alarms.errors import UnavailableError
from alarms.storage import connection, packing, retention, rollups

log: Final = logging.getLogger("fengsui.ingest.upkeep")

LOOK_S: Final = 2.0
"""How often it is asked whether something was handed over."""
DROP_EVERY_S: Final = 3600.0
PACK_EVERY_S: Final = 600.0
AFTER_FAILURE_S: Final = 10.0


async def run(database_url: str, terms: retention.Terms) -> None:
    """Keep the record in order until cancelled, on connections of its own.

    What fails is tried again: nothing is lost by it, readers take what is not rolled up from
    readings.
    """
    async with asyncio.TaskGroup() as group:
        group.create_task(
            _again(database_url, lambda conn: _keep(conn, terms)), name="upkeep roll-ups"
        )
        group.create_task(
            _again(database_url, lambda conn: _pack(conn, database_url)), name="upkeep packing"
        )


async def _again(database_url: str, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
    """Do work that never ends on a connection, and anew where that fails."""
    while True:
        try:
            async with await connection.connect(database_url, autocommit=True) as conn:
                await work(conn)
        except (psycopg.Error, UnavailableError) as error:
            log.warning(
                "upkeep put off why=%r retry_in_s=%.0f", str(error).strip(), AFTER_FAILURE_S
            )
        await asyncio.sleep(AFTER_FAILURE_S)


async def _pack(conn: AsyncConnection, database_url: str) -> None:
    while True:
        began = time.monotonic()
        packed = await packing.pack(conn, database_url)
        if packed is None:
            await asyncio.sleep(PACK_EVERY_S)
        else:
            log.info("packed %s in_s=%.1f", packed, time.monotonic() - began)


async def _keep(conn: AsyncConnection, terms: retention.Terms) -> None:
    dropped: float | None = None
    while True:
        began = time.monotonic()
        settled = await rollups.settle(conn)
        if settled.buckets:
            log.debug(
                "rolled up %s in_s=%.2f",
                " ".join(f"{step}={count}" for step, count in settled.buckets.items()),
                time.monotonic() - began,
            )
        if settled.more:
            continue
        if dropped is None or began - dropped >= DROP_EVERY_S:
            dropped = began
            await _drop(conn, terms)
        await asyncio.sleep(LOOK_S)


async def _drop(conn: AsyncConnection, terms: retention.Terms) -> None:
    gone = await retention.drop_old(conn, terms, instants.to_datetime(time.time_ns() // 1000))
    if any(gone.values()):
        log.info("dropped %s", " ".join(f"{kind}={count}" for kind, count in gone.items()))
