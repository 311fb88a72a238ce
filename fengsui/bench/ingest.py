"""Measure ingest: publisher, broker, server and database together, against bare COPY."""

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import numpy as np
from psycopg import AsyncConnection

from alarms.errors import FengsuiError
from alarms.readings import Readings
from alarms.storage import connection, measures, partitions, plant, readings
from fengsui.bench import report, scratch
from fengsui.bench.publisher import Order, Report, connected
from fengsui.settings import Settings, clean_environment

STEP_MS = 50
_COPY_ROWS = 50_000
_POLL_S = 0.02
_STALL_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """How much is sent: `readings` in messages of `per_message`, then `singles` one by one."""

    points: int = 10_000
    readings: int = 1_000_000
    per_message: int = 100
    singles: int = 50_000


async def measure(settings: Settings, workload: Workload) -> dict[str, object]:
    """Run it all and return the document of contracts.md section 8."""
    async with (
        scratch.servers(settings) as (database_server, broker_url),
        scratch.database(database_server, scratch.levels(workload.points)) as database_url,
        await connection.connect(database_url, autocommit=True) as conn,
    ):
        prefix = f"fengsui-bench-{secrets.token_hex(4)}/v1"
        server = Settings(database_url=database_url, broker_url=broker_url, topic_prefix=prefix)
        bulk, single = _orders(broker_url, prefix, workload)
        async with serving(server, conn, gateway=bulk.gateways[0]):
            bulk_s = await _timed(conn, bulk)
            size = await measures.reading_bytes(conn) / await measures.stored(conn)
            single_s = await _timed(conn, single)
        sent = bulk.readings + single.readings
        if await measures.stored(conn) != sent:
            raise FengsuiError(f"{sent} readings were sent, {await measures.stored(conn)} stored")
        limit = await _bare_copy(database_server, bulk)
        versions = {"database": await measures.server_version(conn)}
    results = {
        "ingest_readings_per_s": report.Result(
            value=bulk.readings / bulk_s, unit="readings/s", limit=limit
        ),
        "ingest_single_messages_per_s": report.Result(
            value=single.readings / single_s, unit="messages/s"
        ),
        "ingest_bytes_per_reading": report.Result(value=size, unit="bytes"),
    }
    return report.document(results, workload=msgspec.to_builtins(workload), versions=versions)


@asynccontextmanager
async def serving(
    settings: Settings, conn: AsyncConnection, *, gateway: str, role: str = "ingest"
) -> AsyncIterator[int]:
    """Run `fengsui serve` with these settings; its process id, once it hears the broker."""
    async with started(settings, role=role) as pid:
        await _hears(settings, conn, gateway)
        yield pid


@asynccontextmanager
async def started(settings: Settings, *, role: str) -> AsyncIterator[int]:
    """Run `fengsui serve` with these settings; its process id, at once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fengsui", "serve", "--role", role, "--no-migrate",
        env=clean_environment() | settings.environment(),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


async def until(
    conn: AsyncConnection, count: Callable[[AsyncConnection], Awaitable[int]], wanted: int
) -> float:
    """Poll until a count is reached; return when that was (seconds since 1970)."""
    last, moved = -1, time.monotonic()
    while (now := await count(conn)) < wanted:
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > _STALL_S:
            raise FengsuiError(f"ingest stood still at {now} of {wanted} for {_STALL_S:g} s")
        await asyncio.sleep(_POLL_S)
    return time.time()


async def _hears(settings: Settings, conn: AsyncConnection, gateway: str) -> None:
    """Wait until a retained word of a gateway has come through."""
    topic = f"{settings.topic_prefix}/{gateway}/status"
    client = connected(settings.broker_url or "")
    try:
        client.publish(topic, '{"state":"online"}', 1, retain=True)
        await until(conn, measures.online, 1)
        client.publish(topic, "", 1, retain=True)
    finally:
        client.disconnect()
        client.loop_stop()


async def _timed(conn: AsyncConnection, order: Order) -> float:
    """Publish an order; return seconds from the first PUBLISH to the last reading committed."""
    before = await measures.accepted(conn)
    publisher = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fengsui.bench.publisher",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    committed = asyncio.create_task(until(conn, measures.accepted, before + order.readings))
    try:
        out, _ = await publisher.communicate(msgspec.json.encode(order))
        if publisher.returncode != 0:
            raise FengsuiError("the publisher ended before its time; its words stand above")
        ended_s = await committed
    finally:
        committed.cancel()
    return ended_s - msgspec.json.decode(out, type=Report).began_s


async def _bare_copy(database_server: str, order: Order) -> float:
    """Return readings/s of COPY alone: the same rows into the same empty table."""
    async with (
        scratch.database(database_server, scratch.levels(len(order.tags))) as url,
        await connection.connect(url) as conn,
    ):
        ids = (await plant.load(conn)).ids
        rows = _rows(order)
        await partitions.ensure(conn, "reading", partitions.months_of(rows.time))
        await conn.commit()
        began = time.perf_counter()
        for start in range(0, len(rows), _COPY_ROWS):
            part = rows.take(np.arange(start, min(start + _COPY_ROWS, len(rows))))
            await readings.copy_new(conn, part, ids)
            await conn.commit()
        return len(rows) / (time.perf_counter() - began)


def _rows(order: Order) -> Readings:
    """Return the readings of an order as the record gets them."""
    place = np.arange(order.readings)
    point = (place % len(order.tags)).astype(np.int32)
    times = (order.first_ms + place // len(order.tags) * order.step_ms) * 1000
    return Readings(
        point=point,
        time=times,
        value=3 + point % 400 / 100,
        quality=np.zeros(order.readings, np.int16),
        received=times,
        stamp=times,
    )


def _orders(broker_url: str, prefix: str, workload: Workload) -> tuple[Order, Order]:
    """Lay the stamps so that the last round is now and no round is late."""
    tags = scratch.tags(workload.points)
    per_message = min(workload.per_message, workload.points)
    bulk = workload.readings // per_message * per_message
    rounds = -(-bulk // workload.points) + -(-workload.singles // workload.points)
    step_ms = max(1, min(STEP_MS, 50_000 // rounds))
    first_ms = time.time_ns() // 1_000_000 - rounds * step_ms
    gateways = scratch.gateways(workload.points)

    def order(readings_: int, per: int, begin_ms: int) -> Order:
        return Order(
            broker_url=broker_url,
            prefix=prefix,
            gateways=gateways,
            tags=tags,
            readings=readings_,
            per_message=per,
            first_ms=begin_ms,
            step_ms=step_ms,
        )

    after_bulk = first_ms + -(-bulk // workload.points) * step_ms
    return order(bulk, per_message, first_ms), order(workload.singles, 1, after_bulk)
