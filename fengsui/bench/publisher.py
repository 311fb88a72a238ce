"""A process that publishes readings as fast as the broker takes them, QoS 1, and says when."""

import json
import socket
import sys
import time
from urllib.parse import unquote, urlsplit

import msgspec
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from fengsui.bench import packets

_IN_FLIGHT = 400
_CLIENT_ID = "fengsui-bench-publisher"


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
    if parts.username:
        client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
    client.connect(parts.hostname or "127.0.0.1", parts.port or 1883)
    client.loop_start()
    return client


def publish(order: Order) -> Report:
    """Publish the whole order and wait for every PUBACK.

    Bare packets on a bare socket: a client library takes more of the machine than the broker.
    """
    bodies = _bodies(order)
    topics = [f"{order.prefix}/{gateway}/readings".encode() for gateway in order.gateways]
    messages = order.readings // order.per_message

    def packet(number: int) -> bytes:
        turn, place = divmod(number, len(bodies))
        stamp = order.first_ms + turn * order.step_ms
        payload = b'{"ts":%d,%b' % (stamp, bodies[place])
        return packets.publish(topics[number % len(topics)], payload, number)

    with socket.create_connection(packets.place(order.broker_url)) as broker:
        broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        broker.sendall(packets.connect(_CLIENT_ID, order.broker_url))
        _received(broker, packets.CONNACK_BYTES)
        began_s = time.time()
        sent = answered = 0
        while answered < messages * packets.PUBACK_BYTES:
            room = _IN_FLIGHT - (sent - answered // packets.PUBACK_BYTES)
            following = range(sent, min(messages, sent + room))
            broker.sendall(b"".join(map(packet, following)))
            sent = following.stop
            answered += _received(broker, 1)
        ended_s = time.time()
    return Report(began_s=began_s, ended_s=ended_s, messages=messages)


def _received(broker: socket.socket, least: int) -> int:
    """Wait for so many bytes; return how many came."""
    came = 0
    while came < least:
        some = len(broker.recv(65_536))
        if not some:
            raise ConnectionError("the broker closed the connection; its log says why")
        came += some
    return came


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
