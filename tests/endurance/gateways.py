"""Gateways with a store: what was not acknowledged is sent again, and a ledger says what was."""

import heapq
import itertools
import json
import queue
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Self
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from tests import servers

Identity = tuple[str, int]
"""A reading: its tag and its stamp in milliseconds."""
IN_FLIGHT: Final = 20
_LATEST_S: Final = 40.0
"""Within the minute in which order does not matter."""
_REFUSED_S: Final = 0.5
_UNANSWERED_S: Final = 20.0
_VERSIONS: Final = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)


@dataclass(slots=True)
class Ledger:
    """What gateways sent, and what of it the broker has acknowledged."""

    sent: dict[Identity, float] = field(default_factory=dict)
    acknowledged: set[Identity] = field(default_factory=set)
    messages: int = 0
    refused: int = 0
    """PUBACKs that said no."""
    reconnected: int = 0
    """Connections given up because a message was not answered."""

    def __iadd__(self, other: "Ledger") -> Self:
        self.sent |= other.sent
        self.acknowledged |= other.acknowledged
        self.messages += other.messages
        self.refused += other.refused
        self.reconnected += other.reconnected
        return self


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class _Message:
    stamp: int
    values: dict[str, float] = field(compare=False)
    payload: bytes = b""
    """Written when it is first sent, for messages are numbered as they leave."""


class Gateway:
    """Publishes every `every_s` until told to stop, then delivers what it still has.

    One in ten messages comes up to 40 s behind its time, one in twenty twice, unless it is
    `punctual`.
    """

    def __init__(
        self,
        *,
        url: str,
        prefix: str,
        number: int,
        tags: list[str],
        every_s: float,
        seed: int = 0,
        punctual: bool = False,
    ) -> None:
        self.name = name(number)
        self.ledger = Ledger()
        self._topic = f"{prefix}/{self.name}/readings"
        self._tags, self._every_s, self._punctual = tags, every_s, punctual
        self._random = random.Random(f"{seed} {self.name}")  # noqa: S311  # drawn again by its seed
        self._numbers = itertools.count()
        self._sent: dict[int, _Message] = {}
        self._withheld: list[tuple[float, _Message]] = []
        self._answers: queue.SimpleQueue[tuple[int, bool]] = queue.SimpleQueue()
        self._answered = time.monotonic()
        self._stop = threading.Event()
        self._client = self._connect(url, _VERSIONS[number % 2])
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def __enter__(self) -> Self:
        self._client.loop_start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def waiting(self) -> int:
        """Return how many messages are not acknowledged yet."""
        return len(self._sent) + len(self._withheld)

    def stop(self) -> None:
        """Make nothing new any more."""
        self._stop.set()

    def delivered(self) -> bool:
        """Say whether, after stop(), everything is acknowledged."""
        return not self._thread.is_alive()

    def _connect(self, url: str, version: MQTTProtocolVersion) -> Client:
        parts = urlsplit(url)
        client = Client(CallbackAPIVersion.VERSION2, client_id=self.name, protocol=version)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.reconnect_delay_set(1, 1)
        if parts.username:
            client.username_pw_set(parts.username, parts.password)
        client.on_publish = lambda _c, _u, mid, reason, _p: self._answers.put(
            (mid, not reason.is_failure)
        )
        client.connect_async(parts.hostname or "", parts.port or 1883, keepalive=10)
        return client

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            self._make()
            self._settle()
            due += self._every_s
            self._stop.wait(max(0.0, due - time.monotonic()))
        while self._sent or self._withheld:
            self._settle(all_of_it=True)
            time.sleep(0.05)

    def _make(self) -> None:
        now = time.time_ns() // 1_000_000
        values = {tag: value(n, now) for n, tag in enumerate(self._tags)}
        message = _Message(stamp=now, values=values)
        self.ledger.sent.update(((tag, now), value_) for tag, value_ in values.items())
        self.ledger.messages += 1
        chance = 1.0 if self._punctual else self._random.random()
        if chance < 0.1:
            wait_s = self._random.uniform(1, _LATEST_S)
            heapq.heappush(self._withheld, (time.monotonic() + wait_s, message))
            return
        message = self._send(message)
        if chance < 0.15:
            self._send(message)

    def _send(self, message: _Message) -> _Message:
        if not message.payload:
            body = {"ts": message.stamp, "values": message.values, "seq": next(self._numbers)}
            message = replace(message, payload=json.dumps(body).encode())
        sent: MQTTMessageInfo = self._client.publish(self._topic, message.payload, qos=1)
        self._sent[sent.mid] = message
        return message

    def _settle(self, *, all_of_it: bool = False) -> None:
        """Note what was answered; send what was refused, and what was withheld long enough."""
        now = time.monotonic()
        while not self._answers.empty():
            mid, taken = self._answers.get()
            self._answered = now
            message = self._sent.pop(mid)
            if taken:
                self.ledger.acknowledged.update((tag, message.stamp) for tag in message.values)
            else:
                self.ledger.refused += 1
                heapq.heappush(self._withheld, (now + _REFUSED_S, message))
        while self._withheld and (all_of_it or self._withheld[0][0] <= now):
            self._send(heapq.heappop(self._withheld)[1])
        if not self._sent:
            self._answered = now
        elif self._client.is_connected() and now - self._answered > _UNANSWERED_S:
            # MQTT 3.1.1 has no word for a refusal: the broker is silent until we come again.
            self._answered = now
            self.ledger.reconnected += 1
            try:
                self._client.reconnect()
            except OSError:
                return


def name(number: int) -> str:
    """Name a gateway."""
    return f"gw-{number}"


def value(place: int, ms: int) -> float:
    """Return a point's value at a time: at rest, and beyond HH for three seconds in a minute."""
    second = ms // 1000 + 7 * place
    return 10.5 if second % 60 < 3 else 5.0 + (ms * 7 + place) % 100 / 1000


def stopped(gateways: list[Gateway], *, deadline_s: float) -> Iterator[Ledger]:
    """Stop all, wait until all is delivered, and yield their ledgers."""
    for gateway in gateways:
        gateway.stop()
    servers.until(
        lambda: all(gateway.delivered() for gateway in gateways),
        deadline_s=deadline_s,
        what=f"every PUBACK; left {[gateway.waiting for gateway in gateways]}",
        every_s=0.1,
    )
    yield from (gateway.ledger for gateway in gateways)
