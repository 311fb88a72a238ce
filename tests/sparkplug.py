"""A Sparkplug edge node of the tests: payloads, and a real MQTT client that publishes them."""

import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from ingest.sparkplug.payload_pb2 import Payload

DOUBLE: Final = 10
UINT64: Final = 8
Metric = dict[str, object]


def payload(
    metrics: Sequence[Metric] = (), *, seq: int | None = None, ts: int | None = None
) -> bytes:
    """Write a payload; `quality` in a metric becomes the property of that name."""
    made = Payload() if ts is None else Payload(timestamp=ts)
    if seq is not None:
        made.seq = seq
    for fields in metrics:
        metric = made.metrics.add(**{key: fields[key] for key in fields if key != "quality"})
        if "quality" in fields:
            metric.properties.keys.append("Quality")
            metric.properties.values.add(type=3, int_value=fields["quality"])
    return made.SerializeToString()


def birth(
    *tags: str, bd_seq: int | None = None, ts: int, seq: int = 0, value: float = 5.0
) -> bytes:
    """Write a birth that gives tags the aliases 1, 2, …"""
    named: list[Metric] = [
        {"name": tag, "alias": alias, "datatype": DOUBLE, "double_value": value, "timestamp": ts}
        for alias, tag in enumerate(tags, 1)
    ]
    if bd_seq is not None:
        named.append({"name": "bdSeq", "datatype": UINT64, "long_value": bd_seq})
    return payload(named, seq=seq, ts=ts)


def data(seq: int, *, ts: int, **values: float) -> bytes:
    """Write data under aliases: `data(1, ts=…, _1=5.0)`."""
    return payload(
        [
            {"alias": int(alias.removeprefix("_")), "double_value": value, "timestamp": ts}
            for alias, value in values.items()
        ],
        seq=seq,
        ts=ts,
    )


def death(bd_seq: int) -> bytes:
    """Write a node's death."""
    return payload([{"name": "bdSeq", "datatype": UINT64, "long_value": bd_seq}])


def now_ms() -> int:
    """Return this machine's clock."""
    return time.time_ns() // 1_000_000


class EdgeNode:
    """Publishes as `spBv1.0/plant/…/{node}` and takes its commands and the host's STATE."""

    def __init__(self, client: Client, node: str) -> None:
        self.node = node
        self._client = client
        self.commands: queue.Queue[MQTTMessage] = queue.Queue()
        self.states: queue.Queue[MQTTMessage] = queue.Queue()
        client.on_message = lambda _client, _userdata, message: (
            self.states if "/STATE/" in message.topic else self.commands
        ).put(message)

    def publish(self, topic: str, encoded: bytes) -> None:
        """Publish something of another's."""
        self._client.publish(topic, encoded, qos=1, retain=True).wait_for_publish(10)

    def say(self, verb: str, encoded: bytes, device: str = "", *, qos: int = 0) -> None:
        """Publish a message and wait until it is on its way."""
        topic = f"spBv1.0/plant/{verb}/{self.node}" + (f"/{device}" if device else "")
        self._client.publish(topic, encoded, qos=qos).wait_for_publish(10)

    def break_off(self) -> None:
        """Go without a DISCONNECT: the broker publishes the will."""
        self._client.loop_stop()
        sock = self._client.socket()
        assert sock is not None
        sock.close()


@contextmanager
def edge_node(
    url: str, node: str = "gw", *, will: bytes | None = None, host: str = "fengsui"
) -> Iterator[EdgeNode]:
    """Connect an edge node that listens to its commands and to the host's STATE."""
    parts = urlsplit(url)
    client = Client(CallbackAPIVersion.VERSION2)
    if parts.username:
        client.username_pw_set(parts.username, parts.password)
    if will is not None:
        client.will_set(f"spBv1.0/plant/NDEATH/{node}", will, qos=1)
    made = EdgeNode(client, node)
    subscribed: queue.Queue[bool] = queue.Queue()
    client.on_subscribe = lambda *_: subscribed.put(True)
    client.connect(parts.hostname or "", parts.port or 1883)
    client.loop_start()
    client.subscribe([(f"spBv1.0/plant/NCMD/{node}", 1), (f"spBv1.0/STATE/{host}", 1)])
    subscribed.get(timeout=10)
    try:
        yield made
    finally:
        client.disconnect()
        client.loop_stop()
