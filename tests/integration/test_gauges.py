"""What the server measures of its surroundings, against a real broker and a real disk."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from alarms.storage import connection, facts
from fengsui.gauges import Gauges, free_gib
from tests.conftest import Broker
from tests.gateway import gateway
from tests.servers import Mosquitto


async def test_the_queue_a_broker_holds_for_an_absent_server_is_measured(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    server = mosquitto("sys_interval 1")
    broker = Broker(server.url, "gauges/v1")
    absent = paho.Client(CallbackAPIVersion.VERSION2, client_id="absent", clean_session=False)
    subscribed = threading.Event()
    absent.on_subscribe = lambda *_: subscribed.set()
    absent.connect("127.0.0.1", server.port)
    absent.subscribe(f"{broker.prefix}/#", 1)
    absent.loop_start()
    assert await asyncio.to_thread(subscribed.wait, 10)
    absent.disconnect()
    absent.loop_stop()
    with gateway(broker.url, broker.prefix) as sender:
        for _ in range(100):
            await asyncio.to_thread(sender.send, {"values": {"T1": 1.0}, "pad": "x" * 1000})
    with Gauges(folders=[tmp_path], broker_url=server.url, queue_bytes=1_000_000) as gauges:
        for _ in range(200):
            share = gauges().queue_share
            if share is not None and share > 0.1:
                break
            await asyncio.sleep(0.05)
        assert share is not None
        assert 0.1 < share < 0.3
        server.kill()
        for _ in range(200):
            if gauges().queue_share is None:
                break
            await asyncio.sleep(0.05)
        assert gauges().queue_share is None, "a broker that is away tells nothing"


def test_the_fullest_disk_counts_and_folders_that_are_not_here_do_not(tmp_path: Path) -> None:
    assert free_gib([tmp_path / "nowhere"]) is None
    found = free_gib([tmp_path, tmp_path / "nowhere"])
    assert found is not None
    assert found > 0


async def test_a_database_on_this_machine_tells_its_folder(database: str) -> None:
    async with await connection.connect(database) as conn:
        folder = await facts.local_folder(conn)
    assert folder is not None
    with psycopg.connect(database) as plain:
        assert plain.execute("show data_directory").fetchone() == (folder,)
