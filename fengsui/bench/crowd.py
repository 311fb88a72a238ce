"""A process that is thousands of gateways: each sends all its points in one message, in turn."""

import asyncio
import resource
import struct
import sys
import time
from contextlib import suppress
from functools import partial
from typing import cast
from urllib.parse import unquote, urlsplit

import msgspec
import numpy as np

_CONNECT = 0x10
_PUBLISH_QOS1 = 0x32
_PUBACK_BYTES = 4
_CONNACK_BYTES = 4
_AT_ONCE = 200
_PATIENCE_S = 60.0


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What the crowd sends: every gateway its `tags` each `every_s`, for `seconds`."""

    broker_url: str
    prefix: str
    gateways: list[str]
    tags: list[str]
    every_s: float
    seconds: float

    @property
    def gap_s(self) -> float:
        """Seconds from one message to the next, of whatever gateway."""
        return self.every_s / len(self.gateways)

    @property
    def messages(self) -> int:
        """How many messages are sent in all."""
        return int(self.seconds / self.gap_s)


class Went(msgspec.Struct, frozen=True, kw_only=True):
    """When the first message went (seconds since 1970), how late the latest went, how many."""

    began_s: float
    late_s: float
    messages: int
    acknowledged: int


class _Answers:
    """Counts the messages that the broker acknowledged; `every` is set at the last of them."""

    def __init__(self, wanted: int) -> None:
        self.count = 0
        self.every = asyncio.Event()
        self._wanted = wanted

    def add(self, some: int) -> None:
        """Count some more."""
        self.count += some
        if self.count >= self._wanted:
            self.every.set()


class _Gateway(asyncio.Protocol):
    """One MQTT 3.1.1 connection: says who it is, publishes, counts what is acknowledged."""

    def __init__(self, hello: bytes, answers: _Answers) -> None:
        self.ready = asyncio.Event()
        self._hello = hello
        self._answers = answers
        self._came = 0
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say CONNECT."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        """Count answers by their length: a CONNACK first, PUBACKs after it."""
        self._came += len(data)
        if self._came >= _CONNACK_BYTES and not self.ready.is_set():
            self.ready.set()
            self._came -= _CONNACK_BYTES
        if self.ready.is_set():
            whole, self._came = divmod(self._came, _PUBACK_BYTES)
            self._answers.add(whole)

    def publish(self, topic: bytes, payload: bytes, number: int) -> None:
        """Send a message with QoS 1."""
        head = struct.pack(">H", len(topic)) + topic + struct.pack(">H", number % 65_535 + 1)
        size = len(head) + len(payload)
        self._transport.write(bytes([_PUBLISH_QOS1]) + _length(size) + head + payload)

    def leave(self) -> None:
        """Close without a word."""
        self._transport.abort()


async def send(errand: Errand) -> Went:
    """Connect everybody, then send each message at its moment, and wait for all answers."""
    parts = urlsplit(errand.broker_url)
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    loop = asyncio.get_running_loop()
    answers = _Answers(errand.messages)
    crowd: list[_Gateway] = []
    for start in range(0, len(errand.gateways), _AT_ONCE):
        made = await asyncio.gather(
            *(
                loop.create_connection(
                    partial(_Gateway, _connect(name, user, password), answers),
                    parts.hostname or "127.0.0.1",
                    parts.port or 1883,
                )
                for name in errand.gateways[start : start + _AT_ONCE]
            )
        )
        crowd += [gateway for _, gateway in made]
        await asyncio.wait_for(
            asyncio.gather(*(each.ready.wait() for _, each in made)), _PATIENCE_S
        )
    topics = [f"{errand.prefix}/{name}/readings".encode() for name in errand.gateways]
    draws = np.random.default_rng(1)
    began, late = time.time(), 0.0
    for number in range(errand.messages):
        due = began + number * errand.gap_s
        wait = due - time.time()
        if wait > 0:
            await asyncio.sleep(wait)
        late = max(late, -wait)
        place = number % len(crowd)
        values = np.round(5 + 0.02 * draws.standard_normal(len(errand.tags)), 2).tolist()
        body = {
            "ts": int(time.time() * 1000),
            "values": dict(zip(errand.tags, values, strict=True)),
        }
        crowd[place].publish(topics[place], msgspec.json.encode(body), number)
    with suppress(TimeoutError):
        await asyncio.wait_for(answers.every.wait(), _PATIENCE_S)
    for each in crowd:
        each.leave()
    return Went(
        began_s=began,
        late_s=late,
        messages=errand.messages,
        acknowledged=answers.count,
    )


def allow_connections(count: int) -> None:
    """Raise this process's limit of open files to `count` connections, as far as it is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 1_000
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def _connect(name: str, user: str | None, password: str | None) -> bytes:
    """Write an MQTT 3.1.1 CONNECT with a clean session and no keep-alive."""
    flags = 0x02 | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    texts = [name, *(text for text in (user, password) if text is not None)]
    payload = b"".join(struct.pack(">H", len(t.encode())) + t.encode() for t in texts)
    body = b"\0\x04MQTT\x04" + bytes([flags]) + b"\0\0" + payload
    return bytes([_CONNECT]) + _length(len(body)) + body


def _length(size: int) -> bytes:
    """Write MQTT's remaining length."""
    written = bytearray()
    while True:
        size, low = divmod(size, 128)
        written.append(low | (0x80 if size else 0))
        if not size:
            return bytes(written)


if __name__ == "__main__":
    errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    allow_connections(len(errand.gateways))
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(send(errand))))
