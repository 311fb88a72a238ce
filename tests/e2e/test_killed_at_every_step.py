"""kill -9 at every step of a batch, then a restart: the record is as if nobody had."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests import servers
from tests.conftest import Broker

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "tank-farm.yaml"
GATEWAY, LEVEL, PRESSURE = "gw-dyd-ammonia", "V101.LT1", "V101.PT"
STEPS = ("decoded", "judged", "copied", "journaled", "committed", "adopted", "acknowledged")
Run = Callable[..., Any]


class Record(NamedTuple):
    """What must be the same however often the server died."""

    readings: list[tuple[Any, ...]]
    journal: list[tuple[Any, ...]]


def stream(base_ms: int) -> list[bytes]:
    """Forty-four seconds of an overfill: level straight past HH and back, pressure over H for long.

    The level returns after its off-delay of 30 s; the pressure is raised after its on-delay, 15 s.
    """
    bodies = []
    for k in range(23):
        level = 5.9 if k in (2, 3) else 4.0
        pressure = 1.5 if k >= 4 else 1.0
        body = {"ts": base_ms + 2000 * k, "values": {LEVEL: level, PRESSURE: pressure}, "seq": k}
        bodies.append(json.dumps(body).encode())
    return bodies


def record(database: str) -> Record:
    """Read what the server has made of the stream; silence and warnings, of its clock, stay out."""
    with psycopg.connect(database) as conn:
        readings = conn.execute(
            """
            select tag, ts, value, quality from reading join point on point.id = point_id
             order by tag, ts
            """
        ).fetchall()
        journal = conn.execute(
            """
            select j.alarm_id, j.rev, j.type, j.tier, j.t_event, j.data::jsonb ->> 't_raised',
                   j.data::jsonb ->> 't_returned', j.data::jsonb ->> 'value'
              from journal j where j.kind not in ('comms', 'warning') order by j.alarm_id, j.rev
            """
        ).fetchall()
    return Record(readings, journal)


@contextmanager
def gateway(broker: Broker) -> Iterator[paho.Client]:
    """Connect a gateway that publishes with QoS 1."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"{broker.prefix}-{GATEWAY}")
    parts = urlsplit(broker.url)
    if parts.username:
        client.username_pw_set(parts.username, parts.password)
    client.connect(parts.hostname or "", parts.port or 1883)
    client.loop_start()
    yield client
    client.disconnect()
    client.loop_stop()


def publish(broker: Broker, bodies: list[bytes], *, every_s: float = 0.02) -> None:
    """Publish one message after the other, so that they come in several batches."""
    with gateway(broker) as client:
        for body in bodies:
            client.publish(f"{broker.prefix}/{GATEWAY}/readings", body, qos=1).wait_for_publish(30)
            time.sleep(every_s)


def ingest(database: str, broker: Broker, step: str, count: int) -> subprocess.Popen[bytes]:
    """Start an ingest process that dies at the `count`th `step`, or lives when it is 0."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("FENGSUI_")}
    settings = {
        "FENGSUI_DATABASE_URL": database,
        "FENGSUI_BROKER_URL": broker.url,
        "FENGSUI_TOPIC_PREFIX": broker.prefix,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.dying_ingest", step, str(count)],
        cwd=ROOT,
        env=inherited | settings,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def ready(database: str, *, after: Any = None) -> Any:
    """Wait until an ingest process beats, later than `after`; return when it did."""
    found: list[Any] = []

    def beats() -> bool:
        with psycopg.connect(database) as conn:
            row = conn.execute(
                "select at from service_heartbeat where service = 'ingest'"
            ).fetchone()
        found[:] = [row[0]] if row and (after is None or row[0] > after) else []
        return bool(found)

    servers.until(beats, deadline_s=30, what="the ingest process to work")
    return found[0]


def listening(database: str, broker: Broker) -> None:
    """Wait until it has its subscription: a retained word of the gateway has come through."""
    topic = f"{broker.prefix}/{GATEWAY}/status"
    with gateway(broker) as client:
        client.publish(topic, b'{"state": "online"}', qos=1, retain=True).wait_for_publish(30)

    def heard() -> bool:
        with psycopg.connect(database) as conn:
            row = conn.execute("select state from gateway where id = %s", (GATEWAY,)).fetchone()
        return row == ("online",)

    servers.until(heard, deadline_s=30, what="the gateway's word to come through")


def settled(database: str, readings: int) -> None:
    """Wait until so many readings are stored and both alarms are raised and one returned."""

    def done() -> bool:
        seen = record(database)
        kinds = [row[2] for row in seen.journal]
        stored = len(seen.readings) >= readings
        return stored and "returned" in kinds and kinds.count("raised") == 2

    servers.until(done, deadline_s=60, what="every reading stored and judged")


@pytest.fixture
def registered(fengsui: Run, database: str, broker: Broker) -> str:
    """A database with the tank farm registered."""
    done = fengsui("import", str(EXAMPLE), wait=False, database_url=database)
    assert done.wait() == 0, done.report()
    return database


def undisturbed(fengsui: Run, databases: Any, broker: Broker, bodies: list[bytes]) -> Record:
    """Give the same messages to a server that nobody kills, and return its record."""
    name = databases.create()
    url, calm = databases.address(name), Broker(broker.url, f"{broker.prefix}/calm")
    assert fengsui("import", str(EXAMPLE), wait=False, database_url=url).wait() == 0
    process = ingest(url, calm, "none", 0)
    try:
        ready(url)
        listening(url, calm)
        publish(calm, bodies, every_s=0)
        settled(url, 2 * len(bodies))
        return record(url)
    finally:
        process.terminate()
        process.wait(30)
        databases.drop(name)


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_this_step_it_comes_back_with_the_same_alarms_and_every_reading_once(
    step: str, fengsui: Run, databases: Any, registered: str, broker: Broker
) -> None:
    bodies = stream((time.time_ns() // 1_000_000) - 50_000)
    first = ingest(registered, broker, step, 4)
    beat = ready(registered)
    listening(registered, broker)
    publish(broker, bodies)
    assert first.wait(30) == -signal.SIGKILL
    second = ingest(registered, broker, "none", 0)
    try:
        ready(registered, after=beat)
        settled(registered, 2 * len(bodies))
    finally:
        second.terminate()
        second.wait(30)
    seen = record(registered)
    assert len(seen.readings) == 2 * len(bodies)
    assert seen == undisturbed(fengsui, databases, broker, bodies)
