"""The main road, as a deployer walks it: a message at the broker, a frame at the platform."""

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.publish
import pytest

from tests import servers
from tests.conftest import Broker
from tests.processes import Command

EXAMPLE = Path(__file__).parents[2] / "examples" / "tank-farm.yaml"
POINT, GATEWAY, OVER_HH = "V101.LT1", "gw-dyd-ammonia", 5.7
Run = Callable[..., Any]


@pytest.fixture
def served(fengsui: Run, database: str, broker: Broker) -> Any:
    """A server with the tank farm registered, against real Mosquitto and TimescaleDB."""
    settings = {
        "database_url": database,
        "broker_url": broker.url,
        "topic_prefix": broker.prefix,
    }
    server = fengsui("serve", **settings)
    done = fengsui("import", str(EXAMPLE), wait=False, **settings)
    assert done.wait() == 0, done.report()
    return server, settings


def token(fengsui: Run, settings: dict[str, str], scope: str, role: str) -> str:
    """Make a platform's token, as printed once."""
    made = fengsui(
        "token", "create", "--name", f"{role}-{scope}", "--scope", scope, "--role", role,
        wait=False, **settings,
    )  # fmt: skip
    assert made.wait() == 0, made.report()
    return str(made.output().split()[-1])


def publish(broker: Broker, gateway: str, body: object) -> None:
    """Publish one message as `mosquitto_pub -q 1` does."""
    host, port = broker.url.removeprefix("mqtt://").split(":")
    paho.mqtt.publish.single(
        f"{broker.prefix}/{gateway}/readings",
        json.dumps(body),
        qos=1,
        hostname=host,
        port=int(port),
    )


def frames(watch: Command) -> list[dict[str, Any]]:
    """Return the frames a watch has printed so far."""
    return [json.loads(line) for line in watch.output().splitlines() if line.endswith("}")]


def get(url: str, bearer: str) -> Any:
    """GET a JSON document."""
    request = urllib.request.Request(  # noqa: S310  loopback
        url, headers={"Authorization": f"Bearer {bearer}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  loopback
        return json.loads(answer.read())


def test_a_value_over_hh_is_at_the_platform_in_the_list_and_acknowledged_from_there(
    fengsui: Run, served: Any, broker: Broker
) -> None:
    server, settings = served
    city = token(fengsui, settings, "510600", "platform")
    watch = fengsui("watch", "--url", server.url, "--token", city, wait=False, **settings)
    now = time.time_ns() // 1_000_000
    publish(broker, GATEWAY, {"ts": now, "values": {POINT: OVER_HH}})
    servers.until(lambda: frames(watch), deadline_s=20, what=f"an event\n{watch.report()}")
    event = frames(watch)[0]["event"]
    alarm = event["data"]
    assert event["type"] == "cn.fengsui.alarm.raised"
    assert (alarm["point"], alarm["tier"], alarm["value"]) == (POINT, "orange", OVER_HH)
    assert alarm["simulated"] is True
    listed = get(f"{server.url}/api/v1/alarms?open=true", city)["items"]
    assert [item["id"] for item in listed] == [alarm["id"]]

    operator = token(fengsui, settings, "DYD-01", "operator")
    request = urllib.request.Request(  # noqa: S310  loopback
        f"{server.url}/api/v1/alarms/{alarm['id']}/acknowledge",
        data=json.dumps({"rev": alarm["rev"]}).encode(),
        headers={
            "Authorization": f"Bearer {operator}",
            "Content-Type": "application/json",
            "Idempotency-Key": "one",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  loopback
        assert json.loads(answer.read())["state"] == "ACKED"
    servers.until(lambda: len(frames(watch)) > 1, deadline_s=20, what="the acknowledgement")
    assert frames(watch)[1]["event"]["type"] == "cn.fengsui.alarm.acknowledged"


def test_a_platform_of_another_region_hears_nothing(
    fengsui: Run, served: Any, broker: Broker
) -> None:
    server, settings = served
    here = token(fengsui, settings, "510000", "platform")
    elsewhere = token(fengsui, settings, "320000", "platform")
    near = fengsui("watch", "--url", server.url, "--token", here, wait=False, **settings)
    far = fengsui("watch", "--url", server.url, "--token", elsewhere, wait=False, **settings)
    publish(broker, GATEWAY, {"ts": time.time_ns() // 1_000_000, "values": {POINT: OVER_HH}})
    servers.until(lambda: frames(near), deadline_s=20, what="the near platform's event")
    assert get(f"{server.url}/api/v1/alarms?open=true", elsewhere)["items"] == []
    assert frames(far) == []
