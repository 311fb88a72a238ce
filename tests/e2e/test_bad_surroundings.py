"""What the server says when something around it is missing, taken or wrong."""

import re
import socket
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests import servers
from tests.conftest import Broker
from tests.e2e.test_beacon import EXAMPLE, GATEWAY, POINT, publish

Run = Callable[..., Any]


def last_line(command: Any) -> str:
    """Return the sentence a command ended with."""
    return str(command.errors().strip().splitlines()[-1])


def test_without_a_database_it_says_which_address_it_tried(fengsui: Run, broker: Broker) -> None:
    port = servers.free_port()
    server = fengsui(
        "serve",
        wait=False,
        database_url=f"postgresql://u:s3cret@127.0.0.1:{port}/d",
        broker_url=broker.url,
    )
    assert server.wait() == 1
    assert f"127.0.0.1:{port}" in last_line(server)
    assert "FENGSUI_DATABASE_URL" in last_line(server)
    assert "s3cret" not in server.errors()


def test_a_taken_port_is_named_and_the_way_to_choose_another(
    fengsui: Run, database: str, broker: Broker
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        server = fengsui(
            "serve", wait=False, database_url=database, broker_url=broker.url, http_port=port
        )
        assert server.wait() == 1, server.report()
    assert f"{port}" in server.errors()
    assert "Traceback" not in server.errors()
    assert "FENGSUI_HTTP_PORT" in server.errors()


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("FENGSUI_HTP_PORT", "1", "FENGSUI_HTP_PORT is no setting"),
        ("FENGSUI_BROKER_URL", "amqp://x", "FENGSUI_BROKER_URL"),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_start(
    fengsui: Run, setting: str, value: str, says: str
) -> None:
    server = fengsui("serve", wait=False, env={setting: value})
    assert server.wait() == 1
    assert says in last_line(server)


def test_without_a_broker_it_waits_says_so_and_goes_on_when_one_comes(
    fengsui: Run, database: str, mosquitto: Run
) -> None:
    broker = mosquitto()
    broker.stop()
    settings = {"database_url": database, "broker_url": broker.url, "topic_prefix": "t/v1"}
    server = fengsui("serve", wait=False, **settings)
    servers.until(
        lambda: "broker not connected" in server.errors(), deadline_s=30, what=server.report()
    )
    assert fengsui("import", str(EXAMPLE), wait=False, **settings).wait() == 0
    broker.start()
    is_live = re.compile("broker connected .* client=fengsui-ingest")
    servers.until(
        lambda: is_live.search(server.errors()) is not None, deadline_s=60, what=server.report()
    )
    publish(
        Broker(broker.url, "t/v1"),
        GATEWAY,
        {"ts": time.time_ns() // 1_000_000, "values": {POINT: 4.0}},
    )
    servers.until(lambda: stored(database) == 1, deadline_s=20, what=server.report())


def stored(database: str) -> int:
    with psycopg.connect(database) as conn:
        row = conn.execute("select count(*) from reading").fetchone()
        return row[0] if row else 0


def test_ctrl_c_stops_it_cleanly(fengsui: Run, database: str, broker: Broker) -> None:
    server = fengsui("serve", database_url=database, broker_url=broker.url)
    assert server.stop() == 0, server.report()
    assert "Traceback" not in server.errors()


def test_a_first_start_says_what_it_migrated_in_one_line_and_where_the_console_is(
    fengsui: Run, empty_database: str, broker: Broker
) -> None:
    server = fengsui("serve", database_url=empty_database, broker_url=broker.url)
    servers.until(
        lambda: f"console at {server.url}/" in server.errors(), deadline_s=10, what=server.report()
    )
    assert server.errors().count("applied ") == 1
    assert "yoyo" not in server.errors()
