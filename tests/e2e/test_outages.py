"""Servers go away under load and come back: nothing is lost, nothing is there twice."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, Self

import psycopg
import pytest

from tests import servers
from tests.conftest import Broker
from tests.e2e.test_killed_at_every_step import EXAMPLE, GATEWAY, LEVEL, PRESSURE, gateway
from tests.rabbitmq import RabbitMQ
from tests.servers import Mosquitto, Postgres

Run = Callable[..., Any]
MESSAGES = 400


class Load:
    """A gateway that publishes all the while; every message is kept until the broker has it."""

    def __init__(self, broker: Broker, base_ms: int) -> None:
        self._broker, self._base_ms = broker, base_ms
        self._thread = threading.Thread(target=self._publish, name="load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(120)
        assert not self._thread.is_alive(), "the gateway could not deliver"

    def _publish(self) -> None:
        topic = f"{self._broker.prefix}/{GATEWAY}/readings"
        with gateway(self._broker) as client:
            for k in range(MESSAGES):
                level = 5.9 if 100 <= k < 110 else 4.0
                stamp = self._base_ms + 100 * k
                body = {"ts": stamp, "values": {LEVEL: level, PRESSURE: 1.0}, "seq": k}
                client.publish(topic, json.dumps(body), qos=1)
                time.sleep(0.01)
            servers.until(lambda: client._out_messages == {}, deadline_s=100, what="every PUBACK")


def counted(database: str) -> int:
    """Return how many readings the record holds; 0 while it does not answer."""
    try:
        with psycopg.connect(database, connect_timeout=2) as conn:
            row = conn.execute("select count(*) from reading").fetchone()
            return row[0] if row else 0
    except psycopg.OperationalError:
        return 0


def complete(database: str) -> None:
    """Every reading once, and one alarm of the level.

    It is told as `late` where its readings came behind newer ones when messages were sent again.
    """
    servers.until(
        lambda: counted(database) >= 2 * MESSAGES, deadline_s=60, what="every reading stored"
    )
    with psycopg.connect(database) as conn:
        twice = conn.execute(
            "select point_id, ts from reading group by point_id, ts having count(*) > 1"
        ).fetchall()
        told = conn.execute(
            "select distinct alarm_id from journal"
            " where kind = 'limit' and type in ('raised', 'late')"
        ).fetchall()
        stored = conn.execute("select count(*) from reading").fetchone()
    assert twice == []
    assert stored == (2 * MESSAGES,)
    assert len(told) == 1


@pytest.fixture
def plant(fengsui: Run, postgres: Run, mosquitto: Run) -> Any:
    """A served plant whose database and broker belong to the test."""
    return served(fengsui, postgres(), mosquitto())


def served(fengsui: Run, database: Postgres, broker: Mosquitto | RabbitMQ) -> Any:
    """Serve a plant with this database and broker."""
    settings = {"database_url": database.url, "broker_url": broker.url, "topic_prefix": "t/v1"}
    server = fengsui("serve", **settings)
    done = fengsui("import", str(EXAMPLE), wait=False, **settings)
    assert done.wait() == 0, done.report()
    return server, database, broker


def base_ms() -> int:
    """Stamps that end before now, so that none lies in the future."""
    return time.time_ns() // 1_000_000 - 45_000


def stored_some(database: str) -> None:
    servers.until(lambda: counted(database) > 50, deadline_s=30, what="the load to flow")


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_database_restarted_under_load_loses_nothing(plant: Any, how: str) -> None:
    _, database, broker = plant
    with Load(Broker(broker.url, "t/v1"), base_ms()):
        stored_some(database.url)
        getattr(database, how)()
        time.sleep(1)  # the load goes on against a dead database
        database.start()
    complete(database.url)


def test_a_broker_stopped_under_load_loses_nothing(plant: Any) -> None:
    _, database, broker = plant
    with Load(Broker(broker.url, "t/v1"), base_ms()):
        stored_some(database.url)
        broker.stop()
        time.sleep(1)  # the gateway finds nobody
        broker.start()
    complete(database.url)


def test_a_rabbitmq_killed_under_load_loses_nothing(
    fengsui: Run, postgres: Run, rabbitmq: Run
) -> None:
    _, database, broker = served(fengsui, postgres(), rabbitmq())
    with Load(Broker(broker.url, "t/v1"), base_ms()):
        stored_some(database.url)
        broker.kill()
        time.sleep(1)  # the gateway finds nobody
        broker.start()
    complete(database.url)


def test_a_server_killed_whole_under_load_loses_nothing(plant: Any) -> None:
    server, database, broker = plant
    with Load(Broker(broker.url, "t/v1"), base_ms()):
        stored_some(database.url)
        server.kill()
        time.sleep(1)  # the broker keeps what the gateway sends
        server.start()
    complete(database.url)
