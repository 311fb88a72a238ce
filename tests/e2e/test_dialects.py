"""What real clients wrote, byte for byte but for the time, raises alarms: one server."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import paho.mqtt.publish
import pytest
import yaml

from ingest.sparkplug.payload_pb2 import Payload
from tests import servers
from tests.captures import BY_NAME, T
from tests.servers import Mosquitto

GOLDEN: Final = Path(__file__).parents[1] / "contract" / "golden"
OVER_HH: Final = 12.5
"""Metres; hh of every point is 9."""


class Sent(NamedTuple):
    """A gateway: the capture it sends, the point that means, its value, its registry settings."""

    capture: str
    tag: str
    value: float = OVER_HH
    mapping: Mapping[str, object] | None = None
    dialect: str | None = None
    topic: str = "readings"

    def payload(self, ms: int) -> bytes:
        """Return the message as its client would have written it at a time."""
        return BY_NAME[self.capture].at(ms)


SENT: Final = {
    "mqtt-js": Sent(capture="mqtt.js", tag="TK101.LT"),
    "node-red": Sent(
        capture="node-red", tag="NR.LT", mapping={"field": "TK101.LT", "tag": "NR.LT"}
    ),
    "neuron-values": Sent(
        capture="neuron values-format",
        tag="N1.LT",
        mapping={"field": "modbus.grp.level", "tag": "N1.LT"},
    ),
    "neuron-tags": Sent(capture="neuron tags-format", tag="level"),
    "neuron-ecp": Sent(
        capture="neuron ECP-format", tag="N3.LT", mapping={"field": "level", "tag": "N3.LT"}
    ),
    "kepware": Sent(
        capture="kepware",
        tag="KW.LT",
        value=11.21,
        mapping={"field": "Channel1.Device1.Tag1", "tag": "KW.LT", "unit": "cm"},
    ),
    "thingsboard-device": Sent(
        capture="thingsboard flat",
        tag="TB.LT",
        value=12.57,
        mapping={"field": "temperature", "tag": "TB.LT", "scale": 0.3},
        dialect="thingsboard",
    ),
    "thingsboard-gateway": Sent(capture="thingsboard gateway", tag="Tank 101.level"),
    "advantech": Sent(
        capture="advantech analogue inputs",
        tag="ADAM.LT",
        value=12.298,
        mapping={"field": "ai4", "tag": "ADAM.LT", "scale": 2, "offset": 2.5},
    ),
    "advantech-agent": Sent(capture="advantech edge agent", tag="Device1.ATag1"),
    "telegraf": Sent(
        capture="telegraf",
        tag="TG.LT",
        mapping={
            "field": "modbus,name=skid,site=1号 罐,east,slave_id=1,type=holding_register.level",
            "tag": "TG.LT",
        },
    ),
    "influxdb-client": Sent(
        capture="influxdb-client",
        tag="IL.LT",
        mapping={"field": "tank,area=east yard,site=1号罐.level", "tag": "IL.LT"},
    ),
    "senml": Sent(
        capture="senml of kpn", tag="urn:dev:mac:0024befffe804ff1:level", topic="senml"
    ),
    "hj212": Sent(
        capture="hj212", tag="HJ.LT", mapping={"field": "a34004-Rtd", "tag": "HJ.LT"}
    ),
    "hj212-split": Sent(
        capture="hj212 in several packets",
        tag="HJ2.LT",
        mapping={"field": "81733553213013.a34004-Rtd", "tag": "HJ2.LT"},
    ),
}  # fmt: skip
EDGE: Final = ("gw", "TK1.LT", 9.5)
"""The Sparkplug edge node of tests/contract/golden/sparkplug_tahu.json, a tag of it, its value."""


def edge_node_says(verb: str, ms: int) -> bytes:
    """Return a message of the captured session with its stamps at a time; all are as long."""
    captured = json.loads((GOLDEN / "sparkplug_tahu.json").read_text())
    [payload] = [one["payload"] for one in captured if f"/{verb}/" in one["topic"]]
    encoded = bytes.fromhex(payload)
    for later in (0, 100):
        encoded = encoded.replace(varint(1000 * T + 123 + later), varint(ms + later))
    return encoded


def varint(number: int) -> bytes:
    return bytes(Payload(timestamp=number).SerializeToString()[1:])


def registry() -> str:
    """Write an enterprise with a level point and a gateway for every message."""
    tags = {f"gw-{name}": one.tag for name, one in SENT.items()} | {EDGE[0]: EDGE[1]}
    points = [
        {"tag": tag, "quantity": "level", "unit": "m", "range": [0, 20],
         "gateway": gateway, "limits": {"hh": 9}, "on_delay_s": 0, "detect": ["limit"]}
        for gateway, tag in tags.items()
    ]  # fmt: skip
    unit = {"code": "U1", "name": "罐", "kind": "tank", "points": points}
    source = {"code": "S1", "name": "罐区", "kind": "other", "units": [unit]}
    enterprise = {"code": "E1", "name": "企业", "region": "510603", "sources": [source]}
    gateways: list[dict[str, object]] = [
        {"id": f"gw-{name}", "enterprise": "E1", "dialect": one.dialect,
         "mapping": [one.mapping] if one.mapping else None}
        for name, one in SENT.items()
    ]  # fmt: skip
    gateways.append({"id": EDGE[0], "enterprise": "E1"})
    return yaml.safe_dump({"enterprises": [enterprise], "gateways": gateways}, allow_unicode=True)


def publish(url: str, topic: str, payload: bytes) -> None:
    host, port = url.removeprefix("mqtt://").split(":")
    paho.mqtt.publish.single(topic, payload, qos=1, hostname=host, port=int(port))


def test_every_dialect_raises_its_alarm_and_a_bad_value_clears_none(
    fengsui: Callable[..., Any],
    database: str,
    mosquitto: Callable[..., Mosquitto],
    tmp_path: Path,
) -> None:
    url = mosquitto().url
    settings = {"database_url": database, "broker_url": url}
    file = tmp_path / "plant.yaml"
    file.write_text(registry(), encoding="utf-8")
    done = fengsui("import", str(file), wait=False, **settings)
    assert done.wait(60) == 0, done.report()
    server = fengsui("serve", **settings)
    made = fengsui(
        "token", "create", "--name", "t", "--scope", "all", "--role", "viewer", **settings
    )
    assert made.wait(60) == 0, made.report()
    bearer = {"Authorization": f"Bearer {made.output().split()[-1]}"}

    def alarms() -> dict[str, Any]:
        road = f"{server.url}/api/v1/alarms?open=true&kind=limit&limit=100"
        request = urllib.request.Request(road, headers=bearer)  # noqa: S310  loopback
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  loopback
            return {item["point"]: item for item in json.loads(answer.read())["items"]}

    def say(name: str, payload: bytes) -> None:
        publish(url, f"fengsui/v1/gw-{name}/{SENT[name].topic}", payload)

    now = time.time_ns() // 1_000_000
    for name, one in SENT.items():
        say(name, one.payload(now))
    for verb in ("NBIRTH", "NDATA"):
        publish(url, f"spBv1.0/plant/{verb}/{EDGE[0]}", edge_node_says(verb, now))
    values = {one.tag: one.value for one in SENT.values()} | {EDGE[1]: EDGE[2]}
    servers.until(
        lambda: alarms().keys() >= values.keys(),
        deadline_s=30,
        what=f"an alarm of each of {values.keys()}",
    )
    found = alarms()
    assert {tag: found[tag]["value"] for tag in values} == pytest.approx(values)
    assert {one["limit"] for one in found.values()} == {9.0}

    later = b'{"timestamp":%d,"values":[{"id":"Channel1.Device1.Tag1","v":1,"q":false,"t":%d}]}'
    say("kepware", later % (now + 1000, now + 1000))
    error = b'{"timestamp":%d,"node":"modbus","group":"grp","values":{},"errors":{"level":2014}}'
    say("neuron-tags", error % (now + 1000))
    servers.until(
        lambda: alarms()["KW.LT"]["quality"] != "good",
        deadline_s=30,
        what="the alarm to say that its signal is bad",
    )
    assert all(alarms()[tag]["active"] for tag in values)
