"""The host's own packets, read as the broker reads them: will, session, subscriptions, birth."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ingest.address import Address
from ingest.mqtt import Source
from ingest.sparkplug import names
from ingest.sparkplug.host import Presence

CONNECT, PUBLISH, SUBSCRIBE, DISCONNECT = 1, 3, 8, 14
STATE = "spBv1.0/STATE/a-host"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """An MQTT 5 packet: its kind, the flags of its first byte, and the rest."""

    kind: int
    flags: int
    body: bytes


@dataclass(slots=True)
class Reader:
    """Takes a packet's body apart from the front."""

    rest: bytes

    def take(self, count: int) -> bytes:
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def text(self) -> bytes:
        return self.take(self.number(2))

    def properties(self) -> bytes:
        return self.take(self.number(1))


@dataclass(slots=True)
class Desk:
    """A broker that takes one host, grants what it asks for, and keeps what it says."""

    packets: list[Packet] = field(default_factory=list)
    port: int = 0
    talks: list[asyncio.Task[None]] = field(default_factory=list)
    _said: asyncio.Queue[Packet] = field(default_factory=asyncio.Queue)
    _writer: asyncio.StreamWriter | None = None

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read packets until the host goes."""
        self._writer = writer
        self.talks.append(asyncio.create_task(self._talk(reader, writer)))

    async def gone(self) -> None:
        """Wait until every host that came has gone."""
        await asyncio.wait_for(asyncio.gather(*self.talks), 10)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while first := await reader.read(1):
            length = shift = 0
            while True:
                byte = (await reader.readexactly(1))[0]
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            packet = Packet(
                kind=first[0] >> 4, flags=first[0] & 15, body=await reader.readexactly(length)
            )
            self.packets.append(packet)
            if packet.kind == CONNECT:
                writer.write(bytes([0x20, 3, 0, 0, 0]))
            elif packet.kind == PUBLISH:
                self._said.put_nowait(packet)
            elif packet.kind == SUBSCRIBE:
                count = len(list(subscribed(packet)))
                writer.write(bytes([0x90, 3 + count, *packet.body[:2], 0, *[1] * count]))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def deliver(self, topic: str, payload: bytes) -> None:
        """Send the host a message."""
        assert self._writer is not None
        body = len(topic).to_bytes(2, "big") + topic.encode() + b"\0" + payload
        self._writer.write(bytes([0x31, len(body)]) + body)

    async def said(self, count: int) -> list[tuple[str, int, bool, dict[str, object]]]:
        """Wait for this many PUBLISH packets more: topic, QoS, retain and JSON of each."""
        async with asyncio.timeout(10):
            return [published(await self._said.get()) for _ in range(count)]


def published(packet: Packet) -> tuple[str, int, bool, dict[str, object]]:
    reader = Reader(packet.body)
    topic, qos = reader.text().decode(), packet.flags >> 1 & 3
    reader.take(2 if qos else 0)
    reader.properties()
    return topic, qos, bool(packet.flags & 1), json.loads(reader.rest)


def subscribed(packet: Packet) -> Iterator[tuple[str, int]]:
    reader = Reader(packet.body)
    reader.take(2)
    reader.properties()
    while reader.rest:
        yield reader.text().decode(), reader.number(1) & 3


def will(packet: Packet) -> tuple[str, int, bool, dict[str, object]]:
    """Return the will of a CONNECT: topic, QoS, retain and JSON."""
    reader = Reader(packet.body)
    assert (reader.text(), reader.number(1)) == (b"MQTT", 5)
    flags = reader.number(1)
    assert flags & 4, "a will"
    reader.take(2)
    reader.properties()
    reader.text()
    reader.properties()
    topic, payload = reader.text().decode(), reader.text()
    return topic, flags >> 3 & 3, bool(flags & 0x20), json.loads(payload)


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    await made.gone()
    server.close()


@asynccontextmanager
async def host(at: Desk) -> AsyncIterator[Source]:
    async with Source(
        address=Address.parse(f"mqtt://127.0.0.1:{at.port}"),
        client_id="host",
        filters=names.filters(),
        presence=Presence(host_id="a-host"),
    ) as source:
        yield source


async def test_the_host_is_born_after_its_subscriptions_with_the_time_of_its_will() -> None:
    async with desk() as at, host(at):
        birth = (await at.said(1))[0]
        topic, qos, retain, death = will(at.packets[0])
        assert (topic, qos, retain) == (STATE, 1, True)
        assert death == {"online": False, "timestamp": birth[3]["timestamp"]}
        assert birth == (STATE, 1, True, {"online": True, "timestamp": death["timestamp"]})
        assert [packet.kind for packet in at.packets] == [CONNECT, SUBSCRIBE, PUBLISH]
        asked = list(subscribed(at.packets[1]))
        assert asked == [*((topic, 1) for topic in names.filters()), (STATE, 1)]


async def test_the_host_dies_before_it_disconnects_with_the_time_of_now() -> None:
    async with desk() as at:
        async with host(at):
            birth = (await at.said(1))[0]
            await asyncio.sleep(0.01)
        death = (await at.said(1))[0]
        assert death[:3] == (STATE, 1, True)
        assert death[3]["online"] is False
        assert int(str(death[3]["timestamp"])) > int(str(birth[3]["timestamp"]))
        await at.gone()
        assert [packet.kind for packet in at.packets] == [
            CONNECT, SUBSCRIBE, PUBLISH, PUBLISH, DISCONNECT,
        ]  # fmt: skip


async def test_a_death_of_ours_that_is_delivered_is_denied_and_a_birth_is_not() -> None:
    async with desk() as at, host(at):
        birth = (await at.said(1))[0]
        at.deliver(STATE, b'{"online":true,"timestamp":1}')
        at.deliver(STATE, b"no JSON")
        at.deliver(STATE, b'{"online":false,"timestamp":1}')
        assert await at.said(1) == [birth]


async def test_a_host_that_connects_again_is_born_again_with_the_time_of_the_new_will() -> None:
    async with desk() as at, host(at):
        first = (await at.said(1))[0]
        assert at._writer is not None
        at._writer.close()
        second = (await at.said(1))[0]
        connects = [packet for packet in at.packets if packet.kind == CONNECT]
        assert will(connects[1])[3]["timestamp"] == second[3]["timestamp"]
        assert int(str(second[3]["timestamp"])) > int(str(first[3]["timestamp"]))
