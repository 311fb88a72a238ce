"""A process that is thousands of gateways: each sends all its points in one message, in turn."""

import asyncio
import resource
import sys
import time
from contextlib import suppress
from functools import partial
from typing import Any, cast

import msgspec
import numpy as np

from fengsui.bench import packets

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
        if self._came >= packets.CONNACK_BYTES and not self.ready.is_set():
            self.ready.set()
            self._came -= packets.CONNACK_BYTES
        if self.ready.is_set():
            whole, self._came = divmod(self._came, packets.PUBACK_BYTES)
            self._answers.add(whole)

    def publish(self, topic: bytes, payload: bytes, number: int) -> None:
        """Send a message with QoS 1."""
        self._transport.write(packets.publish(topic, payload, number))

    def leave(self) -> None:
        """Close without a word."""
        self._transport.abort()


async def send(errand: Errand) -> Went:
    """Connect everybody, then send each message at its moment, and wait for all answers."""
    loop = asyncio.get_running_loop()
    answers = _Answers(errand.messages)
    crowd: list[_Gateway] = []
    for start in range(0, len(errand.gateways), _AT_ONCE):
        made = await asyncio.gather(
            *(
                loop.create_connection(
                    partial(_Gateway, packets.connect(name, errand.broker_url), answers),
                    *packets.place(errand.broker_url),
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


def country(names: list[str], tags: list[str], every_s: float) -> dict[str, Any]:
    """Return a registry file: an enterprise for each gateway, all its points levels of tanks."""
    points = [
        {
            "tag": tag,
            "quantity": "level",
            "unit": "m",
            "range": [0, 12],
            "period_s": every_s,
            "limits": {"ll": 0.5, "l": 1.0, "h": 9.0, "hh": 10.0},
        }
        for tag in tags
    ]
    unit = {"code": "U1", "name": "tanks", "kind": "tank", "points": points}
    source = {"code": "S1", "name": "tank farm", "kind": "tank_farm", "units": [unit]}
    return {
        "enterprises": [
            {
                "code": name.upper(),
                "name": name,
                "region": "510603",
                "simulated": True,
                "sources": [source],
            }
            for name in names
        ],
        "gateways": [{"id": name, "enterprise": name.upper()} for name in names],
    }


def allow_connections(count: int) -> None:
    """Raise this process's limit of open files to `count` connections, as far as it is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 1_000
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


if __name__ == "__main__":
    errand = msgspec.json.decode(sys.stdin.buffer.read(), type=Errand)
    allow_connections(len(errand.gateways))
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(send(errand))))
