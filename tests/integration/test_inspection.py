"""Live messages of a gateway: a sample while somebody looks, within the scope, stored nowhere."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jsonschema
import pytest

from alarms.storage import inspection
from api import permissions, schemas
from ingest import inspector, service
from ingest.decoders.decoded import Reason
from ingest.inspector import Inspector
from ingest.messages import Message
from ingest.refusals import Refused
from tests import beacons
from tests.beacons import FAR, NEAR, Client, House
from tests.conftest import Broker
from tests.gateway import TestGateway, gateway, now_ms

PATH = "/ws/v1/gateways/gw-E1/payloads"


def message(payload: bytes, *, name: str = "gw") -> Message:
    return Message(
        topic=f"p/v1/{name}/readings",
        payload=payload,
        received=1_000_000,
        retained=False,
        qos=1,
        mid=1,
    )


@asynccontextmanager
async def ingest(house: House, broker: Broker) -> AsyncIterator[None]:
    stop = asyncio.Event()
    work = asyncio.create_task(
        service.run(
            database_url=house.database,
            broker_url=broker.url,
            topic_prefix=broker.prefix,
            stop=stop,
        )
    )
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(work, 10)


async def sent_until_shown(sender: TestGateway, socket: Client, payload: bytes) -> beacons.Document:
    """Send a message again and again until it is shown: whoever looks is heard in a while."""
    for _ in range(30):
        await asyncio.to_thread(sender.send, payload)
        try:
            return await socket.next("payload", deadline_s=0.5)
        except TimeoutError:
            continue
    raise AssertionError("no message was shown")


async def test_who_looks_sees_what_comes_and_why_it_is_refused(
    house: House, broker: Broker
) -> None:
    refused = b'{"values": {"T1": 3.5, "NOWHERE": 1}}'
    async with ingest(house, broker):
        with (
            gateway(broker.url, broker.prefix, "gw-E1") as sender,
            gateway(broker.url, broker.prefix, "gw-E2") as other,
        ):
            async with beacons.client(
                house.serve, await house.token(NEAR, "enterprise"), path=PATH
            ) as socket:
                assert (await socket.next())["op"] == "watching"
                shown = await sent_until_shown(sender, socket, refused)
                jsonschema.validate(shown, schemas.standing_alone("PayloadFrame"))
                assert shown["text"].encode() == refused
                assert shown["topic"] == f"{broker.prefix}/gw-E1/readings"
                (why,) = shown["refused"]
                assert (why["reason"], why["tag"]) == ("unknown_point", "NOWHERE")
                assert "位号" in why["words"]["zh"]
                await asyncio.to_thread(other.send, {"ts": now_ms(), "values": {"T1": 1}})
                binary = b"\xff\x00" * 3_000
                await asyncio.to_thread(sender.send, binary)
                while "base64" not in (shown := await socket.next("payload")):
                    assert shown["gateway"] == "gw-E1"
                assert base64.b64decode(shown["base64"]) == binary[:2_048]
                assert (shown["bytes"], shown["cut"]) == (6_000, True)


@pytest.mark.parametrize("role", permissions.ROLES)
@pytest.mark.parametrize("name", ["gw-E2", "nowhere"])
async def test_a_foreign_gateway_is_shown_to_nobody(house: House, role: str, name: str) -> None:
    path = PATH.replace("gw-E1", name)
    async with beacons.client(house.serve, await house.token(NEAR, role), path=path) as socket:
        assert await socket.closed() == 4403


async def test_without_a_token_nothing_is_shown(house: House) -> None:
    async with beacons.client(house.serve, "fs_wrong", path=PATH) as socket:
        assert await socket.closed() == 4401


async def test_ones_own_gateway_is_shown_by_region_too(house: House) -> None:
    path = PATH.replace("gw-E1", "gw-E2")
    for scope in ("4403", FAR, "all"):
        async with beacons.client(house.serve, await house.token(scope), path=path) as socket:
            assert (await socket.next())["op"] == "watching"


async def test_nothing_is_taken_while_nobody_looks() -> None:
    made = Inspector("postgresql://nobody@localhost/nothing", prefix="p/v1")
    made.offer([message(b"{}")] * 10, [])
    assert made._waiting == []
    made._look_at("gw")
    made.offer([message(b"{}"), message(b"{}", name="gw-2")], [])
    assert len(made._waiting) == 1


async def test_a_flood_is_sampled_and_counted() -> None:
    made = Inspector("postgresql://nobody@localhost/nothing", prefix="p/v1")
    made._look_at("gw")
    made._looks["gw"].second = int(asyncio.get_running_loop().time())
    made.offer([message(b"{}")] * 1_000, [])
    assert len(made._waiting) <= 2 * inspector.MOST_PER_S
    assert made._looks["gw"].skipped + len(made._waiting) == 1_000


async def test_a_look_ends_by_itself() -> None:
    made = Inspector("postgresql://nobody@localhost/nothing", prefix="p/v1")
    made._look_at("gw")
    made._looks["gw"].until = asyncio.get_running_loop().time() - 0.001
    made.offer([message(b"{}")], [])
    assert made._looks == {}
    assert made._waiting == []


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x00" * 100_000,
        b"\x00" * 2_048,
        "位".encode() * 5_000,
        b"a" + "位".encode() * 5_000,
        b'"' * 5_000,
        b"\xff",
        bytes(range(256)) * 50,
    ],
)
def test_any_message_fits_into_a_note(payload: bytes) -> None:
    refused = [
        Refused(
            gateway="gw",
            reason=Reason.unknown_point,
            tag="\x01" * 128,
            count=1,
            received=0,
            first=b"{}",
            payload=payload[:4096],
        )
    ] * 100
    note = inspector._note("g" * 64, message(payload, name="g" * 64), refused, 0)
    assert len(note.encode()) <= inspection.MOST_BYTES
