"""Sparkplug edge nodes over a real broker: births, data, deaths, rebirths, and the host's STATE."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from alarms.storage import connection
from api import machine_passwords
from fengsui.embedded import access
from fengsui.embedded import broker as embedded
from ingest import service
from tests import plants
from tests.gateway import gateway
from tests.integration.test_ingest import count, one
from tests.servers import Mosquitto
from tests.sparkplug import EdgeNode, birth, data, death, edge_node, now_ms, payload

HOST = "fengsui"
BORN = "select count(*) from edge_node where phase = 'born'"
READINGS = "select count(*) from reading"
OFFLINE = "select count(*) from gateway where id = 'gw' and state = 'offline'"


@pytest.fixture
def own_broker(mosquitto: Callable[..., Mosquitto]) -> str:
    """A broker of the test's own: Sparkplug's topics have no prefix to keep tests apart."""
    return mosquitto().url


@pytest.fixture
async def plant(database: str) -> None:
    async with await connection.connect(database) as conn:
        await plants.register(conn)


@asynccontextmanager
async def ingest(database: str, url: str) -> AsyncIterator[asyncio.Task[None]]:
    stop = asyncio.Event()
    work = asyncio.create_task(
        service.run(
            database_url=database,
            broker_url=url,
            topic_prefix="fengsui/v1",
            sparkplug_host_id=HOST,
            stop=stop,
        )
    )
    try:
        yield work
    finally:
        stop.set()
        await asyncio.wait_for(work, 10)


async def state(node: EdgeNode, *, online: bool) -> int:
    """Wait for the host's STATE and return its timestamp; what it said before is passed over."""
    while True:
        message = await asyncio.to_thread(node.states.get, timeout=15)
        said = json.loads(message.payload)
        assert set(said) == {"online", "timestamp"}
        if said["online"] is online:
            return int(said["timestamp"])


async def say(node: EdgeNode, verb: str, encoded: bytes, device: str = "", qos: int = 0) -> None:
    await asyncio.to_thread(node.say, verb, encoded, device, qos=qos)


async def rebirth(node: EdgeNode) -> None:
    """Wait until the node is asked for a birth."""
    command = await asyncio.to_thread(node.commands.get, timeout=15)
    assert b"Node Control/Rebirth" in command.payload
    assert (command.qos, command.retain) == (0, False)


async def test_what_is_said_under_an_alias_raises_an_alarm(
    database: str, own_broker: str, plant: None
) -> None:
    with edge_node(own_broker) as node:
        async with ingest(database, own_broker):
            await state(node, online=True)
            start = now_ms()
            await say(node, "NBIRTH", birth("T1", "T2", bd_seq=1, ts=start))
            await say(node, "NDATA", data(1, ts=start + 1, _1=9.5))
            await count(database, READINGS, 3)
            await count(database, "select count(*) from alarm where rule = 'limit.high'", 1)
            await count(database, "select count(*) from gateway where state = 'online'", 1)


async def test_data_before_a_birth_is_answered_with_a_rebirth_request(
    database: str, own_broker: str, plant: None
) -> None:
    with edge_node(own_broker) as node:
        async with ingest(database, own_broker):
            await state(node, online=True)
            await say(node, "NDATA", data(12, ts=now_ms(), _1=9.5))
            await rebirth(node)
            await say(node, "NBIRTH", birth("T1", bd_seq=1, ts=now_ms()))
            await count(database, READINGS, 1)
            await count(database, "select count(*) from reject where reason = 'unknown_point'", 1)


async def test_a_gap_is_answered_with_a_rebirth_request_and_counted_as_loss(
    database: str, own_broker: str, plant: None
) -> None:
    with edge_node(own_broker) as node:
        async with ingest(database, own_broker):
            await state(node, online=True)
            start = now_ms()
            await say(node, "NBIRTH", birth("T1", bd_seq=1, ts=start))
            await say(node, "NDATA", data(4, ts=start + 1, _1=6.0))
            await rebirth(node)
            await count(database, READINGS, 2)
            await count(database, "select lost from gateway where id = 'gw'", 3)


async def test_a_restart_goes_on_in_the_middle_of_a_session(
    database: str, own_broker: str, plant: None
) -> None:
    with edge_node(own_broker) as node:
        start = now_ms()
        async with ingest(database, own_broker):
            await state(node, online=True)
            await say(node, "NBIRTH", birth("T1", bd_seq=1, ts=start))
            await say(node, "DBIRTH", birth("T2", ts=start + 1, seq=1), "skid")
            await count(database, READINGS, 2)
        await state(node, online=False)
        async with ingest(database, own_broker):
            await state(node, online=True)
            await say(node, "NDATA", data(2, ts=start + 2, _1=6.0))
            await say(node, "DDATA", data(3, ts=start + 3, _1=7.0), "skid")
            await count(database, READINGS, 4)
        assert node.commands.empty()


async def test_after_a_restart_a_jump_in_numbers_is_taken_for_a_birth_that_was_missed(
    database: str, own_broker: str, plant: None
) -> None:
    with edge_node(own_broker) as node:
        start = now_ms()
        async with ingest(database, own_broker):
            await state(node, online=True)
            await say(node, "NBIRTH", birth("T1", "T2", bd_seq=1, ts=start))
            await count(database, READINGS, 2)
        await say(node, "NBIRTH", birth("T2", "T1", bd_seq=2, ts=start + 1))
        async with ingest(database, own_broker):
            await state(node, online=True)
            await say(node, "NDATA", data(3, ts=start + 2, _1=9.5))
            await rebirth(node)
            await say(node, "NBIRTH", birth("T2", "T1", bd_seq=2, ts=start + 3))
            await count(database, BORN, 1)
            await say(node, "NDATA", data(1, ts=start + 4, _1=9.5))
            high = "select count(*) from reading join point p on p.id = point_id where value = 9.5"
            await count(database, f"{high} and tag = 'T2'", 1)
            assert await one(database, f"{high} and tag = 'T1'") == 0


async def test_a_node_whose_connection_breaks_is_offline_and_its_old_will_is_not(
    database: str, own_broker: str, plant: None
) -> None:
    async with ingest(database, own_broker):
        with edge_node(own_broker, will=death(1)) as node:
            await state(node, online=True)
            await say(node, "NBIRTH", birth("T1", bd_seq=1, ts=now_ms()))
            await count(database, BORN, 1)
            node.break_off()
            await count(database, OFFLINE, 1)
        with edge_node(own_broker, will=death(2)) as node:
            await say(node, "NBIRTH", birth("T1", bd_seq=2, ts=now_ms()))
            await count(database, BORN, 1)
            await say(node, "NDEATH", death(1), qos=1)
            await say(node, "NDATA", data(1, ts=now_ms(), _1=6.0))
            await count(database, "select seq from edge_node", 1)
            assert await one(database, OFFLINE) == 0


async def test_a_devices_death_is_recorded_at_the_time_it_gives(
    database: str, own_broker: str, plant: None
) -> None:
    with edge_node(own_broker) as node:
        async with ingest(database, own_broker):
            await state(node, online=True)
            start = now_ms()
            await say(node, "NBIRTH", birth("T1", bd_seq=1, ts=start))
            await say(node, "DBIRTH", birth("T2", ts=start, seq=1), "skid")
            await say(node, "DDEATH", payload(seq=2, ts=start - 5000), "skid")
            gone = "select count(*) from edge_birth where not alive and device = 'skid' and {}"
            await count(
                database, gone.format(f"changed_at = to_timestamp({start - 5000} / 1e3)"), 1
            )


async def test_the_hosts_state_is_born_with_its_wills_time_and_dies_with_the_present(
    database: str, own_broker: str, plant: None
) -> None:
    with edge_node(own_broker) as node:
        async with ingest(database, own_broker):
            first = await state(node, online=True)
            assert abs(now_ms() - first) < 10_000
            await asyncio.sleep(0.05)
        assert await state(node, online=False) > first
    with edge_node(own_broker) as late:
        message = await asyncio.to_thread(late.states.get, timeout=10)
        assert message.retain
        assert json.loads(message.payload)["online"] is False


async def test_a_host_that_is_said_to_be_away_says_at_once_that_it_is_not(
    database: str, own_broker: str, plant: None
) -> None:
    with edge_node(own_broker) as node:
        async with ingest(database, own_broker):
            first = await state(node, online=True)
            await asyncio.to_thread(
                node.publish, f"spBv1.0/STATE/{HOST}", b'{"online":false,"timestamp":1}'
            )
            assert await state(node, online=False) == 1
            assert await state(node, online=True) == first


async def test_native_and_sparkplug_gateways_share_one_connection(
    database: str, own_broker: str, plant: None
) -> None:
    async with await psycopg.AsyncConnection.connect(database) as conn:
        await conn.execute("insert into gateway (id, enterprise_id) select 'n', id from enterprise")
    with edge_node(own_broker) as node, gateway(own_broker, "fengsui/v1", "n") as native:
        async with ingest(database, own_broker):
            await state(node, online=True)
            await say(node, "NBIRTH", birth("T1", bd_seq=1, ts=now_ms()))
            await asyncio.to_thread(native.send, {"ts": now_ms(), "values": {"T2": 3.0}})
            assert (await asyncio.to_thread(native.reply))["accepted"] == 1
            await count(database, READINGS, 2)


async def test_the_embedded_broker_serves_an_edge_node_as_well(
    database: str, plant: None, tmp_path: Path
) -> None:
    server = await embedded.start(tmp_path, prefix="fengsui/v1")
    account = access.Account(hash=machine_passwords.hashed("secret"), gateway=True)
    access.put(server.files.credentials, "gw", account)
    address = urlsplit(server.url)
    mine = f"mqtt://gw:secret@{address.hostname}:{address.port}"
    try:
        async with ingest(database, server.url):
            with edge_node(mine, will=death(1)) as node:
                await state(node, online=True)
                await say(node, "NDATA", data(12, ts=now_ms(), _1=9.5))
                await rebirth(node)
                await say(node, "NBIRTH", birth("T1", bd_seq=1, ts=now_ms()))
                await count(database, READINGS, 1)
                node.break_off()
                await count(database, OFFLINE, 1)
    finally:
        await server.stop()
