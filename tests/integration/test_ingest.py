"""From the broker to the record: what is committed, answered, refused and given again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from alarms.storage import connection
from ingest import service
from ingest.pipeline import no_step
from tests import plants
from tests.conftest import Broker
from tests.gateway import TestGateway, gateway, now_ms

RESULT_S = 15.0


@asynccontextmanager
async def ingest(
    database: str, broker: Broker, steps: Callable[[str], None] = no_step
) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    work = asyncio.create_task(
        service.run(
            database_url=database,
            broker_url=broker.url,
            topic_prefix=broker.prefix,
            stop=stop,
            steps=steps,
        )
    )
    try:
        await listening(database, broker)
        yield work
    finally:
        stop.set()
        await asyncio.wait_for(work, 10)


async def listening(database: str, broker: Broker) -> None:
    """Wait until ingest has its subscription: a retained word of the gateway has arrived."""
    with gateway(broker.url, broker.prefix) as sender:
        await asyncio.to_thread(sender.send, {"state": "online"}, "status", retain=True)
    await count(database, "select count(*) from gateway where state = 'online'", 1)


@pytest.fixture
async def plant(database: str) -> None:
    async with await connection.connect(database) as conn:
        await plants.register(conn)


async def count(database: str, what: str, expected: int) -> None:
    """Wait until the query's only number is the expected one."""
    found: object = None
    for _ in range(int(RESULT_S / 0.05)):
        async with await psycopg.AsyncConnection.connect(database) as conn:
            row = await (await conn.execute(what.encode())).fetchone()
        assert row is not None
        found = row[0]
        if found == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what}: {found}, not {expected}, after {RESULT_S:g} s")


async def send(sender: TestGateway, *messages: object, channel: str = "readings") -> None:
    await asyncio.to_thread(sender.send_all, list(messages), channel)


async def reply_with(sender: TestGateway, what: str) -> dict[str, object]:
    """Return the next reply in which `what` is not empty."""
    while True:
        reply = await asyncio.to_thread(sender.reply)
        if reply.get(what):
            return reply


async def test_a_reading_over_its_limit_is_stored_and_raises_an_alarm(
    database: str, broker: Broker, plant: None
) -> None:
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, {"ts": now_ms(), "values": {"T1": 9.5, "T2": 5}})
            await count(database, "select count(*) from reading", 2)
            await count(database, "select count(*) from alarm where rule = 'limit.high'", 1)


async def test_a_message_delivered_twice_counts_once(
    database: str, broker: Broker, plant: None
) -> None:
    message = {"ts": now_ms(), "values": {"T1": 3.25, "T2": 4.5}}
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, message, message)
            await count(database, "select accepted from gateway where id = 'gw'", 4)
            await count(database, "select count(*) from reading", 2)


async def test_what_is_refused_is_answered_and_kept_with_its_reason(
    database: str, broker: Broker, plant: None
) -> None:
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, {"ts": now_ms(), "values": {"T1": 3, "X": 1, "T2": "wet"}})
            reply = await reply_with(sender, "rejected")
            assert reply["accepted"] == 1
            assert reply["rejected"] == [
                {"reason": "bad_value", "tag": "T2", "count": 1,
                 "first": {"tag": "T2", "value": "wet"}},
                {"reason": "unknown_point", "tag": "X", "count": 1,
                 "first": {"tag": "X", "value": 1.0}},
            ]  # fmt: skip
            await count(database, "select count(*) from reject where enterprise = 'E1'", 2)


async def test_an_unknown_gateway_is_kept_and_never_answered(
    database: str, broker: Broker, plant: None
) -> None:
    with gateway(broker.url, broker.prefix, "stranger") as sender:
        async with ingest(database, broker):
            await send(sender, {"ts": now_ms(), "values": {"T1": 3}})
            await count(database, "select count(*) from reject where reason = 'unknown_gateway'", 1)
            assert await asyncio.to_thread(sender.no_reply_within, 1.5)
