"""A gateway of the tests: a real MQTT client that publishes and hears its replies."""

import json
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion


class TestGateway:
    """Publishes on `{prefix}/{gateway}/…` with QoS 1."""

    __test__ = False

    def __init__(self, client: Client, prefix: str, name: str) -> None:
        self.topic = f"{prefix}/{name}"
        self._client = client
        self._replies: queue.Queue[MQTTMessage] = queue.Queue()
        client.on_message = lambda _client, _userdata, message: self._replies.put(message)

    def send(self, message: object, channel: str = "readings", *, retain: bool = False) -> None:
        """Publish a payload (bytes, or anything as JSON) and wait until the broker has it."""
        self.send_all([message], channel, retain=retain)

    def send_all(
        self, messages: list[object], channel: str = "readings", *, retain: bool = False
    ) -> None:
        """Publish payloads and wait until the broker has them all."""
        sent: list[MQTTMessageInfo] = []
        for message in messages:
            payload = message if isinstance(message, bytes) else json.dumps(message).encode()
            sent.append(
                self._client.publish(f"{self.topic}/{channel}", payload, qos=1, retain=retain)
            )
        for one in sent:
            one.wait_for_publish(30)
            assert one.is_published()

    def reply(self, deadline_s: float = 10) -> dict[str, Any]:
        """Return the next reply."""
        reply: dict[str, Any] = json.loads(self._replies.get(timeout=deadline_s).payload)
        return reply

    def no_reply_within(self, seconds: float) -> bool:
        """Tell whether nothing was answered for that long."""
        try:
            self._replies.get(timeout=seconds)
        except queue.Empty:
            return True
        return False


@contextmanager
def gateway(url: str, prefix: str, name: str = "gw") -> Iterator[TestGateway]:
    """Connect a gateway that listens to its replies."""
    parts = urlsplit(url)
    client = Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(100)
    if parts.username:
        client.username_pw_set(parts.username, parts.password)
    made = TestGateway(client, prefix, name)
    subscribed: queue.Queue[bool] = queue.Queue()
    client.on_subscribe = lambda *_: subscribed.put(True)
    client.connect(parts.hostname or "", parts.port or 1883)
    client.loop_start()
    client.subscribe(f"{prefix}/{name}/replies", qos=1)
    subscribed.get(timeout=10)
    try:
        yield made
    finally:
        client.disconnect()
        client.loop_stop()


def now_ms() -> int:
    """Return this machine's clock as gateways write it."""
    return time.time_ns() // 1_000_000
