"""Ingest killed, the broker and the database taken away: nothing lost, nothing twice."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from alarms.storage import connection
from ingest import service
from tests import plants
from tests.conftest import Broker
from tests.gateway import gateway, now_ms
from tests.integration.test_ingest import count, ingest, listening, one, send
from tests.servers import Mosquitto


@asynccontextmanager
async def ingest_process(
    database: str, broker: Broker
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.dying_ingest", "never", "0",
        env={
            **os.environ,
            "FENGSUI_DATABASE_URL": database,
            "FENGSUI_BROKER_URL": broker.url,
            "FENGSUI_TOPIC_PREFIX": broker.prefix,
        },
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def session(database: str, broker: Broker) -> None:
    """Make ingest's session at the broker, then end it in order."""
    async with ingest_process(database, broker) as process:
        await listening(database, broker)
        process.terminate()
        await process.wait()


@pytest.fixture
async def plant(database: str) -> None:
    async with await connection.connect(database) as conn:
        await plants.register(conn)


async def test_a_broker_killed_and_started_again_is_found_again(
    database: str, mosquitto: Callable[..., Mosquitto], plant: None
) -> None:
    server = mosquitto()
    broker = Broker(server.url, "test/v1")
    async with ingest(database, broker):
        with gateway(broker.url, broker.prefix) as sender:
            await send(sender, {"ts": now_ms(), "values": {"T1": 5}})
            await count(database, "select count(*) from reading", 1)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await count(database, "select count(*) from gateway where state = 'online'", 1)
        end = asyncio.get_running_loop().time() + 20
        number = 1
        while await one(database, "select count(*) from reading") == 1:
            assert asyncio.get_running_loop().time() < end
            with gateway(broker.url, broker.prefix) as sender:
                await send(sender, {"ts": now_ms() + number, "values": {"T1": 5}})
                number += 1
            await asyncio.sleep(0.2)


async def test_a_message_no_transaction_can_take_is_kept_and_the_others_go_on(
    database: str, broker: Broker, plant: None
) -> None:
    async with await connection.connect(database) as conn:
        await conn.execute(
            "alter table reading_conflict add constraint poison check (value <> 6.66)"
        )
    ts = now_ms() - 1000
    await session(database, broker)
    with gateway(broker.url, broker.prefix) as sender:
        good = [{"ts": ts + n, "values": {"T1": 5}} for n in range(1, 20)]
        poison = {"ts": ts + 5, "values": {"T1": 6.66}}
        await send(sender, *good, poison, {"ts": ts + 30, "values": {"T2": 5}})
        async with ingest(database, broker):
            await count(database, "select count(*) from reading", 20)
            await count(database, "select count(*) from reject where reason = 'bad_value'", 1)


async def test_a_full_disk_is_waited_out_with_everything_still_at_the_broker(
    database: str, broker: Broker, plant: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with ingest(database, broker):
        async with await connection.connect(database) as conn:
            await conn.execute(
                """
                create function full_disk() returns trigger language plpgsql as $$
                begin raise exception 'no space left' using errcode = 'disk_full'; end $$
                """
            )
            await conn.execute(
                """
                create trigger full_disk before insert on reading_corrected
                for each statement execute function full_disk()
                """
            )
        with gateway(broker.url, broker.prefix) as sender:
            await send(sender, {"ts": now_ms() + 3_600_000, "values": {"T1": 5}})
            await send(sender, {"ts": now_ms(), "values": {"T2": 5}})
            for _ in range(200):
                if "no space left" in caplog.text:
                    break
                await asyncio.sleep(0.05)
        assert "messages stay at the broker" in caplog.text
        assert await one(database, "select count(*) from reject") == 0
        async with await connection.connect(database) as conn:
            await conn.execute("drop trigger full_disk on reading_corrected")
        await count(database, "select count(*) from reading", 2)


async def test_stop_is_heard_while_database_and_broker_are_away(database: str) -> None:
    stop = asyncio.Event()
    away = "postgresql://fengsui@127.0.0.1:1/none"
    for database_url, broker_url in (
        (away, "mqtt://127.0.0.1:1"),
        (database, "mqtt://127.0.0.1:1"),
    ):
        stop.clear()
        work = asyncio.create_task(
            service.run(
                database_url=database_url, broker_url=broker_url, topic_prefix="x", stop=stop
            )
        )
        await asyncio.sleep(0.5)
        assert not work.done()
        stop.set()
        await asyncio.wait_for(work, 5)


async def test_only_one_ingest_writes_and_the_second_takes_over_when_the_first_is_killed(
    database: str, broker: Broker, plant: None
) -> None:
    async with ingest_process(database, broker) as first:
        await listening(database, broker)
        async with ingest_process(database, broker):
            first.kill()
            await first.wait()
            with gateway(broker.url, broker.prefix) as sender:
                await send(sender, {"ts": now_ms(), "values": {"T1": 5}})
            await count(database, "select count(*) from reading", 1)
