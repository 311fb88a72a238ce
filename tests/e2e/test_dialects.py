"""What other makers' gateways send, byte for byte but for the time, raises alarms: one server."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import paho.mqtt.publish
import yaml

from ingest.decoders import hj212
from tests import servers
from tests.conftest import Broker

OVER_HH: Final = 12.5
"""Metres; hh of every point is 9."""


class Sent(NamedTuple):
    """A gateway: its message at a time in ms, the point it means, its settings in the registry."""

    tag: str
    payload: Callable[[int], bytes]
    mapping: Mapping[str, object] | None = None
    dialect: str | None = None
    topic: str = "readings"


def packet(ms: int) -> bytes:
    local = time.strftime("%Y%m%d%H%M%S", time.gmtime(ms / 1000 + 8 * 3600)).encode()
    section = (
        b"QN=%b123;ST=32;CN=2011;PW=123456;MN=81733553213013;Flag=4;CP=&&DataTime=%b;"
        b"w00000-Rtd=12.500,w00000-Flag=N;w01001-SampleTime=%b,w01001-Rtd=7.496,w01001-Flag=N&&"
    ) % (local, local, local)
    return b"##%04d%b%04X\r\n" % (len(section), section, hj212.crc(section))


SENT: Final = {
    "neuron-values": Sent(
        tag="N1.LT",
        payload=lambda ms: (
            b"""{
    "timestamp": %d,
    "node": "modbus",
    "group": "grp",
    "values":
    {
        "tag0": 12.5
    },
    "errors":
    {
        "tag1": 2014
    },
    "metas":{}
}"""
            % ms
        ),
        mapping={"field": "modbus.grp.tag0", "tag": "N1.LT"},
    ),
    "neuron-tags": Sent(
        tag="tag0",
        payload=lambda ms: (
            b'{"node": "modbus", "group": "grp", "timestamp": %d, "tags": '
            b'[{"name": "tag0", "value": 12.5}, {"name": "tag1", "error": 2014}]}' % ms
        ),
    ),
    "kepware": Sent(
        tag="Ch1.Dev1.Tag1",
        payload=lambda ms: (
            b'{"timestamp":%d,"values":[{"id":"Ch1.Dev1.Tag1","v":12.5,"q":true,"t":%d}]}'
            % (ms, ms)
        ),
    ),
    "thingsboard-device": Sent(
        tag="TB.LT",
        payload=lambda _: b'{"temperature": 1250, "humidity": 61}',
        mapping={"field": "temperature", "tag": "TB.LT", "unit": "cm"},
        dialect="thingsboard",
    ),
    "thingsboard-gateway": Sent(
        tag="Device A.temperature",
        payload=lambda ms: b'{"Device A": [{"ts": %d, "values": {"temperature": 12.5}}]}' % ms,
    ),
    "advantech": Sent(
        tag="ADAM.LT",
        payload=lambda ms: (
            b'{"s":1,"t":"%b","q":192,"c":1,"ai1":1.25,"ai_st1":1,"di1":false}'
            % time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ms / 1000)).encode()
        ),
        mapping={"field": "ai1", "tag": "ADAM.LT", "scale": 8, "offset": 2.5},
    ),
    "influx": Sent(
        tag="IL.LT",
        payload=lambda ms: b"weather,location=us-midwest temperature=12500 %d\n" % (ms * 1_000_000),
        mapping={"field": "weather,location=us-midwest.temperature", "tag": "IL.LT", "unit": "mm"},
    ),
    "senml": Sent(
        tag="urn:dev:ow:10e2073a01080063",
        payload=lambda ms: (
            b'[\n  {"n":"urn:dev:ow:10e2073a01080063","u":"mm","v":12500,"t":%.3f}\n]\n'
            % (ms / 1000)
        ),
        topic="senml",
    ),
    "hj212": Sent(tag="HJ.LT", payload=packet, mapping={"field": "w00000-Rtd", "tag": "HJ.LT"}),
}


def registry() -> str:
    """Write an enterprise with a level point and a gateway for every message."""
    points = [
        {"tag": one.tag, "quantity": "level", "unit": "m", "range": [0, 20],
         "gateway": f"gw-{name}", "limits": {"hh": 9}, "on_delay_s": 0, "detect": ["limit"]}
        for name, one in SENT.items()
    ]  # fmt: skip
    unit = {"code": "U1", "name": "罐", "kind": "tank", "points": points}
    source = {"code": "S1", "name": "罐区", "kind": "other", "units": [unit]}
    enterprise = {"code": "E1", "name": "企业", "region": "510603", "sources": [source]}
    gateways = [
        {"id": f"gw-{name}", "enterprise": "E1", "dialect": one.dialect,
         "mapping": [one.mapping] if one.mapping else None}
        for name, one in SENT.items()
    ]  # fmt: skip
    return yaml.safe_dump({"enterprises": [enterprise], "gateways": gateways}, allow_unicode=True)


def publish(broker: Broker, name: str, payload: bytes) -> None:
    host, port = broker.url.removeprefix("mqtt://").split(":")
    paho.mqtt.publish.single(
        f"{broker.prefix}/gw-{name}/{SENT[name].topic}",
        payload,
        qos=1,
        hostname=host,
        port=int(port),
    )


def test_every_dialect_raises_its_alarm_and_a_bad_value_clears_none(
    fengsui: Callable[..., Any], database: str, broker: Broker, tmp_path: Path
) -> None:
    settings = {
        "database_url": database,
        "broker_url": broker.url,
        "topic_prefix": broker.prefix,
    }
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

    now = time.time_ns() // 1_000_000
    for name, one in SENT.items():
        publish(broker, name, one.payload(now))
    tags = {one.tag for one in SENT.values()}
    servers.until(
        lambda: alarms().keys() >= tags,
        deadline_s=30,
        what=f"an alarm of every dialect, missing {tags - alarms().keys()}\n{server.report()}",
    )
    found = alarms()
    assert {tag: found[tag]["value"] for tag in tags} == dict.fromkeys(tags, OVER_HH)
    assert {one["limit"] for one in found.values()} == {9.0}

    later = b'{"timestamp":%d,"values":[{"id":"Ch1.Dev1.Tag1","v":1,"q":false,"t":%d}]}'
    publish(broker, "kepware", later % (now + 1000, now + 1000))
    error = b'{"timestamp":%d,"node":"modbus","group":"grp","values":{},"errors":{"tag0":2014}}'
    publish(broker, "neuron-tags", error % (now + 1000))
    servers.until(
        lambda: alarms()["Ch1.Dev1.Tag1"]["quality"] != "good",
        deadline_s=30,
        what="the alarm to say that its signal is bad",
    )
    assert all(alarms()[tag]["active"] for tag in tags)
