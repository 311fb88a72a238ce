"""A Sparkplug edge node as an enterprise has it: birth, data, an alarm, a server that is killed."""

import asyncio
import json
import signal
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from alarms.storage import connection
from tests import beacons, plants, servers
from tests.conftest import Broker
from tests.e2e.test_killed_at_every_step import STEPS, ingest, ready
from tests.servers import Mosquitto
from tests.sparkplug import EdgeNode, birth, data, edge_node, now_ms

RESULT_S = 30.0


def host_is(node: EdgeNode, *, online: bool) -> None:
    """Wait until the host says so; what it said before is passed over."""
    while json.loads(node.states.get(timeout=RESULT_S).payload)["online"] is not online:
        pass


def stored(database: str) -> int:
    with psycopg.connect(database) as conn:
        row = conn.execute("select count(*) from reading").fetchone()
    assert row is not None
    return int(row[0])


async def register(database: str) -> None:
    async with await connection.connect(database) as conn:
        await plants.register(conn)


async def test_an_edge_nodes_data_is_an_alarm_on_a_platform_and_a_killed_server_goes_on(
    database: str, mosquitto: Callable[..., Mosquitto], fengsui: Callable[..., Any]
) -> None:
    url = mosquitto().url
    await register(database)
    with edge_node(url) as node:
        serve = fengsui("serve", database_url=database, broker_url=url)
        host_is(node, online=True)
        start = now_ms()
        async with beacons.client(serve, await beacons.token(database)) as platform:
            await platform.send(op="subscribe", sub="a", **{"from": "now"})
            await platform.next("caught_up")
            node.say("NBIRTH", birth("T1", "T2", bd_seq=1, ts=start))
            node.say("NDATA", data(1, ts=start + 1, _1=9.5))
            raised = await platform.next("event", deadline_s=RESULT_S)
            assert raised["event"]["subject"] == "T1"
        node.say("DDATA", data(2, ts=start + 2, _1=9.5), "skid")
        assert b"Node Control/Rebirth" in node.commands.get(timeout=RESULT_S).payload
        node.say("NBIRTH", birth("T1", "T2", bd_seq=1, ts=start + 3))
        servers.until(lambda: stored(database) == 5, deadline_s=RESULT_S, what="the rebirth")
        serve.kill()
        host_is(node, online=False)
        fengsui("serve", database_url=database, broker_url=url)
        host_is(node, online=True)
        node.say("NDATA", data(1, ts=start + 4, _1=8.5, _2=4.0))
        servers.until(lambda: stored(database) == 7, deadline_s=RESULT_S, what="the data after it")


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_this_step_it_goes_on_in_the_session_with_every_value_once(
    step: str, database: str, mosquitto: Callable[..., Mosquitto]
) -> None:
    """The node publishes with QoS 1, so that what was not acknowledged comes again."""
    broker = Broker(mosquitto().url, "fengsui/v1")
    asyncio.run(register(database))
    start = now_ms() - 30_000
    first = ingest(database, broker, step, 4)
    beat = ready(database)
    with edge_node(broker.url) as node:
        host_is(node, online=True)
        node.say("NBIRTH", birth("T1", bd_seq=1, ts=start), qos=1)
        servers.until(lambda: stored(database) == 1, deadline_s=RESULT_S, what="the birth")
        node.say("DBIRTH", birth("T2", ts=start, seq=1), "skid", qos=1)
        for seq in range(2, 22):
            said = data(seq, ts=start + 1000 * seq, _1=3.0 + seq % 2)
            node.say("DDATA" if seq % 2 else "NDATA", said, "skid" if seq % 2 else "", qos=1)
            time.sleep(0.02)
        try:
            assert first.wait(30) == -signal.SIGKILL
        finally:
            first.kill()
        second = ingest(database, broker, "none", 0)
        try:
            ready(database, after=beat)
            servers.until(lambda: stored(database) >= 22, deadline_s=RESULT_S, what="every value")
            assert node.commands.empty()
        finally:
            second.terminate()
            second.wait(30)
    with psycopg.connect(database) as conn:
        session = conn.execute("select phase, seq, counted from edge_node").fetchall()
        values = conn.execute(
            """
            select tag, value, count(*) from reading join point on point.id = point_id
             group by tag, value order by tag, value
            """
        ).fetchall()
        refused = conn.execute("select reason from reject").fetchall()
    assert session == [("born", 21, 21)]
    assert values == [("T1", 3.0, 10), ("T1", 5.0, 1), ("T2", 4.0, 10), ("T2", 5.0, 1)]
    assert refused == []
