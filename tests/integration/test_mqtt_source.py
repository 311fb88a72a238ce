"""The broker's side of ingest: versions, windows, and messages that come again."""

import asyncio
import contextlib
from pathlib import Path
from urllib.parse import urlsplit

from api import machine_passwords
from fengsui.embedded import access
from fengsui.embedded import broker as embedded
from ingest.address import Address
from ingest.mqtt import Source
from tests.conftest import Broker
from tests.gateway import gateway


def source(broker: Broker, *, window: int = 1000, name: str = "") -> Source:
    return Source(
        address=Address.parse(broker.url),
        client_id=f"test-{hash(broker.prefix) & 0xFFFFFF:x}{name}",
        filters=(f"{broker.prefix}/+/readings",),
        window=window,
    )


async def up(taker: Source) -> None:
    for _ in range(500):
        if taker.link_up_since is not None:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the source never came up")


async def take(taker: Source, count: int, *, acknowledge: int) -> list[bytes]:
    """Take `count` messages and acknowledge the first ones, one batch a message."""
    taken: list[bytes] = []
    async with asyncio.timeout(15):
        async for batch in taker.batches(max_messages=1, linger_s=0):
            if batch.messages:
                taken.append(batch.messages[0].payload)
                if len(taken) <= acknowledge:
                    await taker.commit(batch)
            if len(taken) == count:
                break
    return taken


async def send(broker: Broker, first: int, count: int) -> None:
    with gateway(broker.url, broker.prefix) as sender:
        payloads: list[object] = [b"%d" % number for number in range(first, first + count)]
        await asyncio.to_thread(sender.send_all, payloads)


async def test_what_was_not_committed_comes_again_in_order(broker: Broker) -> None:
    async with source(broker) as first:
        await up(first)
        await send(broker, 0, 50)
        assert len(await take(first, 50, acknowledge=10)) == 50
    await send(broker, 50, 10)
    async with source(broker) as second:
        again = await take(second, 50, acknowledge=50)
    assert [int(payload) for payload in again] == list(range(10, 60))


async def test_no_more_than_the_window_is_in_hand(broker: Broker) -> None:
    async with source(broker, window=20) as taker:
        await up(taker)
        await send(broker, 0, 100)
        assert len(await take(taker, 20, acknowledge=0)) == 20
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                async for batch in taker.batches(max_messages=1, linger_s=0, idle_s=0.1):
                    assert not batch.messages


async def test_in_mqtt_3_1_1_the_window_holds_too_and_nothing_is_dropped(tmp_path: Path) -> None:
    server = await embedded.start(tmp_path, prefix="x/v1")
    account = access.Account(hash=machine_passwords.hashed("secret"), gateway=True)
    access.put(server.files.credentials, "gw", account)
    port = urlsplit(server.url).port
    try:
        async with source(Broker(server.url, "x/v1"), window=20) as taker:
            await up(taker)
            mine = Broker(f"mqtt://gw:secret@127.0.0.1:{port}", "x/v1")
            sending = asyncio.create_task(send(mine, 0, 100))  # its PUBACKs wait for our commits
            held: list[int] = []
            async with asyncio.timeout(30):
                async for batch in taker.batches(max_messages=50, linger_s=0.1):
                    assert len(batch.messages) <= 20
                    held += [int(message.payload) for message in batch.messages]
                    await taker.commit(batch)
                    if len(held) == 100:
                        break
            await sending
        assert held == list(range(100))
    finally:
        await server.stop()


async def test_without_messages_a_batch_is_empty_and_comes_in_time(broker: Broker) -> None:
    async with source(broker) as taker:
        await up(taker)
        loop = asyncio.get_running_loop()
        began = loop.time()
        async for batch in taker.batches(max_messages=10, linger_s=0, idle_s=0.1):
            assert not batch.messages
            if loop.time() - began > 0.5:
                break


async def test_a_broker_that_hangs_up_on_mqtt_5_is_tried_with_3_1_1() -> None:
    levels: list[int] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            start = await reader.readuntil(b"MQTT")
            levels.append((await reader.readexactly(1))[0] if start else 0)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, source(Broker(f"mqtt://127.0.0.1:{port}", "x")):
        for _ in range(500):
            if len(levels) >= 2:
                break
            await asyncio.sleep(0.02)
    assert levels[:2] == [5, 4]
