"""A Sparkplug edge node as an enterprise has it: birth, data, an alarm, a server that is killed."""

import json
from collections.abc import Callable
from typing import Any

import psycopg

from alarms.storage import connection
from tests import beacons, plants, servers
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


async def test_an_edge_nodes_data_is_an_alarm_on_a_platform_and_a_killed_server_goes_on(
    database: str, mosquitto: Callable[..., Mosquitto], fengsui: Callable[..., Any]
) -> None:
    url = mosquitto().url
    async with await connection.connect(database) as conn:
        await plants.register(conn)
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
