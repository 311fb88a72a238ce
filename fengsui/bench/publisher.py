"""A process that publishes readings as fast as the broker takes them, QoS 1, and says when."""

import json
import sys
import threading
import time
from urllib.parse import unquote, urlsplit

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

_IN_FLIGHT = 400


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to publish: `readings` readings of `tags` in turn, `per_message` of them in one.

    `first_ms` is the stamp of the first round over all tags; each round is `step_ms` later.
    """

    broker_url: str
    prefix: str
    gateways: list[str]
    tags: list[str]
    readings: int
    per_message: int
    first_ms: int
    step_ms: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """When publishing began and when the last PUBACK came (seconds since 1970)."""

    began_s: float
    ended_s: float
    messages: int


def connected(broker_url: str) -> Client:
    """Return a client with its network thread running; `disconnect` and `loop_stop` end it."""
    parts = urlsplit(broker_url)
    client = Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(_IN_FLIGHT)
    if parts.username:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
    client.loop_start()
    return client


def publish(order: Order) -> Report:
    """Publish the whole order and wait for every PUBACK."""
    client = connected(order.broker_url)
    window = threading.Semaphore(_IN_FLIGHT)
    client.on_publish = lambda *_: window.release()
    bodies = _bodies(order)
    topics = [f"{order.prefix}/{gateway}/readings" for gateway in order.gateways]
    messages = order.readings // order.per_message
    began_s = time.time()
    for number in range(messages):
        turn, place = divmod(number, len(bodies))
        window.acquire()
        stamp = order.first_ms + turn * order.step_ms
        client.publish(topics[number % len(topics)], b'{"ts":%d,%b' % (stamp, bodies[place]), 1)
    for _ in range(_IN_FLIGHT):
        window.acquire()
    ended_s = time.time()
    client.disconnect()
    client.loop_stop()
    return Report(began_s=began_s, ended_s=ended_s, messages=messages)


def _bodies(order: Order) -> list[bytes]:
    """Write everything of each message but its stamp, with values a tank may have."""
    bodies = []
    for start in range(0, len(order.tags) - order.per_message + 1, order.per_message):
        tags = order.tags[start : start + order.per_message]
        values = {tag: 3 + (start + n) % 400 / 100 for n, tag in enumerate(tags)}
        bodies.append(json.dumps({"values": values}, separators=(",", ":")).encode()[1:])
    return bodies


if __name__ == "__main__":
    report = publish(msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    sys.stdout.buffer.write(msgspec.json.encode(report))
