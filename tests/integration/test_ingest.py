"""From the broker to the record: what is committed, answered, refused and given again."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from alarms.overload import Strain
from alarms.storage import connection
from api import machine_passwords
from fengsui.embedded import access
from fengsui.embedded import broker as embedded
from ingest import service
from ingest.pipeline import no_step
from tests import plants
from tests.conftest import Broker
from tests.gateway import TestGateway, gateway, now_ms

RESULT_S = 15.0


@asynccontextmanager
async def ingest(
    database: str,
    broker: Broker,
    steps: Callable[[str], None] = no_step,
    *,
    gateway_url: str | None = None,
    gauges: Callable[[], Strain] = service.no_gauges,
) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    work = asyncio.create_task(
        service.run(
            database_url=database,
            broker_url=broker.url,
            topic_prefix=broker.prefix,
            stop=stop,
            steps=steps,
            gauges=gauges,
        )
    )
    try:
        await listening(database, Broker(gateway_url or broker.url, broker.prefix))
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
        found = None if row is None else row[0]
        if found == expected:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what}: {found}, not {expected}, after {RESULT_S:g} s")


async def one(database: str, what: str) -> object:
    async with await psycopg.AsyncConnection.connect(database) as conn:
        row = await (await conn.execute(what.encode())).fetchone()
    return None if row is None else row[0]


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


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"ts": now_ms() - 401 * 86_400_000, "values": {"T1": 3}}, "too_old"),
        ({"ts": "2025-11-21T16:00:00", "values": {"T1": 3}}, "bad_time"),
        ({"ts": now_ms(), "values": {"T1": 21}}, "out_of_range"),
        ({"ts": now_ms(), "values": {"T1": -0.6}}, "out_of_range"),
        ({"ts": now_ms(), "values": {"T3": 3}}, "not_allowed"),
        (b"{", "bad_json"),
        (b"[3]", "bad_shape"),
        (b" " * (2 << 20), "too_large"),
    ],
)
async def test_every_refusal_has_its_reason(
    database: str, broker: Broker, plant: None, message: object, reason: str
) -> None:
    async with await connection.connect(database) as conn:
        await conn.execute("insert into gateway (id, enterprise_id) select 'b', id from enterprise")
        await conn.execute("update point set gateway_id = 'b' where tag = 'T3'")
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, message)
            reply = await reply_with(sender, "rejected")
            rejected = reply["rejected"]
            assert isinstance(rejected, list)
            assert [entry["reason"] for entry in rejected] == [reason]
            await send(sender, {"ts": now_ms(), "values": {"T2": 3}})
            await count(database, "select count(*) from reading", 1)


async def test_a_stamp_in_the_future_counts_at_receipt_and_once(
    database: str, broker: Broker, plant: None
) -> None:
    message = {"ts": now_ms() + 3_600_000, "values": {"T1": 9.5}}
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, message)
            reply = await reply_with(sender, "corrected")
            assert reply["corrected"] == [{"reason": "future_time", "count": 1}]
            await send(sender, message)
            await count(database, "select accepted from gateway where id = 'gw'", 2)
            await count(database, "select count(*) from reading where ts <= received", 1)
            await count(database, "select count(*) from reading where quality & 255 = 1", 1)
            await count(database, "select count(*) from alarm where rule = 'limit.high'", 1)
            await count(database, "select count(*) from alarm where rule = 'comms.clock'", 1)
            kept = "select corrected, corrected_stamp - corrected_at from gateway where id = 'gw'"
            async with await connection.connect(database) as conn:
                row = await (await conn.execute(kept)).fetchone()
            assert row is not None
            assert row[0] == 2, "as often as it came"
            assert timedelta(minutes=59) < row[1] <= timedelta(hours=1)


async def test_a_number_past_the_range_is_judged_at_its_end(
    database: str, broker: Broker, plant: None
) -> None:
    values = {"T1": 19.5, "T2": -0.4, "T3": {"v": 0, "q": 8}}
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, {"ts": now_ms(), "values": values})
            await count(
                database,
                "select count(*) from reading where quality & 255 = 1 and value in (0, 10)",
                3,
            )
            await count(database, "select count(*) from reading where value = 10", 2)


async def test_late_readings_find_their_place_and_a_second_value_is_a_conflict(
    database: str, broker: Broker, plant: None
) -> None:
    ts = now_ms() - 200_000
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, {"ts": ts + 150_000, "values": {"T1": 5}})
            await send(sender, {"ts": ts, "values": {"T1": 5, "T2": 5}, "history": True})
            await send(sender, {"ts": ts, "values": {"T1": 6}})
            await count(database, "select count(*) from reading", 3)
            await count(database, "select count(*) from reading_conflict where value = 6", 1)


async def test_what_gateways_had_stored_does_not_stand_before_live_readings(
    database: str, broker: Broker, plant: None
) -> None:
    async with ingest(database, broker):
        pass  # from now on the broker keeps what comes
    begin = now_ms() - 86_400_000
    old: list[object] = [{"ts": begin + n, "values": {"T2": 5}} for n in range(2_000)]
    with gateway(broker.url, broker.prefix) as sender:
        await asyncio.to_thread(sender.send_all, old, "history")
        await send(sender, {"ts": now_ms(), "values": {"T1": 5}})
    async with ingest(database, broker):
        await count(database, "select count(*) from reading", 2_001)
    # Rows of one transaction have one xmin; those of later ones a higher one.
    earlier = """
        select count(*) from reading where xmin::text::bigint <
               (select r.xmin::text::bigint from reading r join point on point.id = r.point_id
                 where tag = 'T1')
        """
    await count(database, f"select (({earlier}) < 500)::int", 1)


async def test_lost_messages_are_counted_by_seq(database: str, broker: Broker, plant: None) -> None:
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            for seq in (7, 8, 8, 11, 0, 1):
                await send(sender, {"ts": now_ms(), "values": {"T1": 5}, "seq": seq})
            await count(database, "select lost from gateway where last_seq = 1", 2)


async def test_a_message_behind_its_time_was_not_lost(
    database: str, broker: Broker, plant: None
) -> None:
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            for seq in (7, 12, 9, 9, 11):
                await send(sender, {"ts": now_ms(), "values": {"T1": 5}, "seq": seq})
            await count(database, "select lost from gateway where messages = 5", 2)


async def test_a_tag_registered_while_running_is_known_at_its_first_reading(
    database: str, broker: Broker, plant: None
) -> None:
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            async with await connection.connect(database) as conn:
                await conn.execute("update point set tag = 'NEW' where tag = 'T3'")
                await conn.execute("update plant_revision set revision = revision + 1")
            await asyncio.sleep(1.1)
            await send(sender, {"ts": now_ms(), "values": {"NEW": 5}})
            await count(database, "select count(*) from reading", 1)


async def test_a_dialect_and_a_mapping_set_while_running_hold_from_then_on(
    database: str, broker: Broker, plant: None
) -> None:
    flat = {"level": 325}
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, flat)
            await count(database, "select count(*) from reject where reason = 'bad_shape'", 1)
            async with await connection.connect(database) as conn:
                await conn.execute(
                    """
                    update gateway set dialect = 'thingsboard',
                           mapping = '[{"field": "level", "tag": "T1", "unit": "cm"}]'
                    """
                )
                await conn.execute("update plant_revision set revision = revision + 1")
            await asyncio.sleep(1.1)
            await send(sender, flat)
            await count(database, "select count(*) from reading where value = 3.25", 1)


async def test_a_senml_pack_has_its_own_topic_and_its_own_units(
    database: str, broker: Broker, plant: None
) -> None:
    pack = [{"bn": "T", "bt": now_ms() / 1000, "bu": "mm", "n": "1", "v": 3250}, {"n": "2", "v": 1}]
    with gateway(broker.url, broker.prefix) as sender:
        async with ingest(database, broker):
            await send(sender, pack, channel="senml")
            await count(database, "select count(*) from reading where value in (3.25, 0.001)", 2)


async def test_what_the_broker_retained_without_a_time_is_no_news(
    database: str, broker: Broker, plant: None
) -> None:
    with gateway(broker.url, broker.prefix) as sender:
        await asyncio.to_thread(sender.send, {"values": {"T1": 5}}, retain=True)
        async with ingest(database, broker):
            await count(database, "select count(*) from reject where reason = 'bad_time'", 1)
        assert await one(database, "select count(*) from reading") == 0


async def test_the_embedded_broker_serves_as_well(
    database: str, plant: None, tmp_path: Path
) -> None:
    server = await embedded.start(tmp_path, prefix="fengsui/v1")
    account = access.Account(hash=machine_passwords.hashed("secret"), gateway=True)
    access.put(server.files.credentials, "gw", account)
    address = urlsplit(server.url)
    mine = f"mqtt://gw:secret@{address.hostname}:{address.port}"
    try:
        async with ingest(database, Broker(server.url, "fengsui/v1"), gateway_url=mine):
            ts = now_ms() - 20_000
            with gateway(mine, "fengsui/v1") as sender:
                await send(sender, *({"ts": ts + n, "values": {"T1": 5}} for n in range(300)))
            await count(database, "select count(*) from reading", 300)
    finally:
        await server.stop()


async def test_an_unknown_gateway_is_kept_and_never_answered(
    database: str, broker: Broker, plant: None
) -> None:
    with gateway(broker.url, broker.prefix, "stranger") as sender:
        async with ingest(database, broker):
            await send(sender, {"ts": now_ms(), "values": {"T1": 3}})
            await count(database, "select count(*) from reject where reason = 'unknown_gateway'", 1)
            assert await asyncio.to_thread(sender.no_reply_within, 1.5)


async def test_readings_are_rolled_up_also_those_a_stopped_ingest_left(
    database: str, broker: Broker, plant: None
) -> None:
    past = now_ms() - 120_000
    async with ingest(database, broker):
        with gateway(broker.url, broker.prefix) as sender:
            await asyncio.to_thread(sender.send, {"ts": past, "values": {"T1": 5.0}})
            await count(database, "select count(*) from reading", 1)
    async with ingest(database, broker):
        await count(database, "select count(*) from reading_1m where abs(mean - 5) < 1e-9", 1)
        await count(database, "select count(*) from rollup_work where handed_at is not null", 0)


async def test_a_disk_that_fills_is_an_alarm_like_any_other_and_a_restart_lets_it_return(
    database: str, broker: Broker, plant: None
) -> None:
    open_ones = (
        "select count(*) from alarm where kind = 'system' and key = 'system:disk' and active"
    )
    async with ingest(database, broker, gauges=lambda: Strain(disk_free_gib=0.5)):
        await count(database, open_ones, 1)
    async with ingest(database, broker, gauges=lambda: Strain(disk_free_gib=50.0)):
        await count(database, open_ones, 0)
    told = await one(
        database,
        "select string_agg(type || ' ' || (data::jsonb ->> 'subject'), ', ' order by log_offset) "
        "from journal",
    )
    assert told == "raised disk, returned disk"
