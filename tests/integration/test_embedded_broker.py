"""The embedded broker: nothing acknowledged to a gateway is lost, whatever stops or dies."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from api import machine_passwords
from fengsui.embedded import access, broker
from tests.broker_clients import PREFIX, WAIT_S, Client, connected, gateway


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[broker.Broker]:
    server = await broker.start(tmp_path, prefix=PREFIX)
    for name in ("gw-a", "gw-b"):
        account = access.Account(hash=machine_passwords.hashed(f"secret of {name}"), gateway=True)
        access.put(server.files.credentials, name, account)
    yield server
    await server.stop()


async def test_unacknowledged_messages_come_again_in_order_after_a_reconnect(
    served: broker.Broker,
) -> None:
    def story() -> None:
        first = Client(served.url, name="ingest", clean=False)
        first.subscribe(f"{PREFIX}/+/readings")
        with connected(served.url, name="gw", account="gw-a", password="secret of gw-a") as sender:
            for number in range(50):
                sender.publish(f"{PREFIX}/gw-a/readings", b"%d" % number)
            taken = first.take(50)
            first.ack(*taken[:10])
            first.subscribe("barrier")  # answered after the acknowledgements were taken
            first.cut()
            for number in range(50, 60):
                sender.publish(f"{PREFIX}/gw-a/readings", b"%d" % number)
            sender.flush()
        again = Client(served.url, name="ingest", clean=False)
        came = again.take(50)
        assert [int(message.payload) for message in came] == list(range(10, 60))
        assert all(message.dup for message in came[:40])
        assert not any(message.retain for message in came)
        again.close()

    await asyncio.to_thread(story)


async def test_a_gateway_is_acknowledged_when_the_server_has_acknowledged_and_not_before(
    served: broker.Broker,
) -> None:
    def story() -> None:
        with connected(served.url, name="ingest", clean=False) as server:
            server.subscribe(f"{PREFIX}/#")
            gate = gateway(served.url, "gw-a")
            sent = [gate.client.publish(f"{PREFIX}/gw-a/readings", b"x", 1) for _ in range(3)]
            taken = server.take(3)
            gate.flush()
            assert [one.is_published() for one in sent] == [False] * 3
            server.ack(*taken[:2])
            sent[1].wait_for_publish(WAIT_S)
            gate.flush()
            assert [one.is_published() for one in sent] == [True, True, False]
            server.ack(taken[2])
            sent[2].wait_for_publish(WAIT_S)
            assert sent[2].is_published()
            gate.close()

    await asyncio.to_thread(story)


async def test_a_kill_of_the_broker_loses_nothing_a_gateway_was_told_to_forget(
    served: broker.Broker,
) -> None:
    def before() -> list[bool]:
        with connected(served.url, name="ingest", clean=False) as server:
            server.subscribe(f"{PREFIX}/#")
        gate = gateway(served.url, "gw-a")
        sent = [gate.client.publish(f"{PREFIX}/gw-a/readings", b"x", 1) for _ in range(5)]
        gate.flush()
        killed = served.kept.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        gate.gone.get(timeout=WAIT_S)
        return [one.is_published() for one in sent]

    assert await asyncio.to_thread(before) == [False] * 5


async def test_with_no_session_of_the_server_a_publisher_waits_for_nobody(
    served: broker.Broker,
) -> None:
    def story() -> None:
        gate = gateway(served.url, "gw-a")
        sent = gate.client.publish(f"{PREFIX}/gw-a/readings", b"x", 1)
        sent.wait_for_publish(WAIT_S)
        assert sent.is_published()
        gate.close()

    await asyncio.to_thread(story)


async def test_a_message_held_longer_than_five_seconds_is_not_forgotten(
    served: broker.Broker,
) -> None:
    def story() -> None:
        slow = Client(served.url, name="ingest", clean=False)
        slow.subscribe(f"{PREFIX}/#")
        with connected(served.url, name="sender") as sender:
            sender.publish(f"{PREFIX}/gw-a/readings", b"held")
            sender.flush()
        slow.take(1)
        assert slow.none_within(6.0)
        slow.cut()
        again = Client(served.url, name="ingest", clean=False)
        assert again.take(1)[0].payload == b"held"
        again.close()

    await asyncio.to_thread(story)


async def test_no_more_than_the_window_is_in_hand_and_an_acknowledgement_lets_the_next_come(
    served: broker.Broker,
) -> None:
    def story() -> None:
        with (
            connected(served.url, name="ingest", clean=False) as receiver,
            connected(served.url, name="sender") as sender,
        ):
            receiver.subscribe(f"{PREFIX}/#")
            for number in range(1100):
                sender.publish(f"{PREFIX}/gw-a/readings", b"%d" % number)
            taken = receiver.take(1000)
            assert receiver.none_within(0.5)
            receiver.ack(*taken)
            assert [int(message.payload) for message in receiver.take(100)] == [*range(1000, 1100)]

    await asyncio.to_thread(story)


async def test_a_client_that_falls_silent_is_ended_and_its_will_published(
    served: broker.Broker,
) -> None:
    def story() -> None:
        with connected(served.url, name="ingest") as server:
            server.subscribe(f"{PREFIX}/+/status")
            silent = gateway(served.url, "gw-a", will=f"{PREFIX}/gw-a/status", keepalive=2)
            silent.client.loop_stop()  # the socket stays open, nothing is sent any more
            assert server.take(1)[0].payload == b"gone"

    await asyncio.to_thread(story)


async def test_sessions_and_what_waits_for_them_outlive_a_stop_of_the_broker(
    tmp_path: Path,
) -> None:
    server = await broker.start(tmp_path, prefix=PREFIX)

    def before() -> None:
        with connected(server.url, name="ingest", clean=False) as receiver:
            receiver.subscribe(f"{PREFIX}/#")
        with connected(server.url, name="sender") as sender:
            for number in range(20):
                sender.publish(f"{PREFIX}/gw-a/readings", b"%d" % number)
            sender.flush()

    def after(url: str) -> None:
        with connected(url, name="ingest", clean=False) as receiver:
            assert [int(message.payload) for message in receiver.take(20)] == [*range(20)]

    await asyncio.to_thread(before)
    await server.stop()
    server = await broker.start(tmp_path, prefix=PREFIX)
    try:
        await asyncio.to_thread(after, server.url)
    finally:
        await server.stop()


async def test_a_killed_broker_comes_back_on_its_port_and_still_knows_the_servers_session(
    served: broker.Broker,
) -> None:
    def subscribe() -> None:
        with connected(served.url, name="ingest", clean=False) as receiver:
            receiver.subscribe(f"{PREFIX}/#")

    def publish_and_receive() -> None:
        with connected(served.url, name="sender") as sender:
            sender.publish(f"{PREFIX}/gw-a/readings", b"after")
            sender.flush()
        with connected(served.url, name="ingest", clean=False) as receiver:
            assert receiver.take(1)[0].payload == b"after"

    await asyncio.to_thread(subscribe)
    killed = served.kept.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    async with asyncio.timeout(WAIT_S):
        while not listens(served, killed):  # noqa: ASYNC110  # it is another process
            await asyncio.sleep(0.05)
    await asyncio.to_thread(publish_and_receive)


def listens(server: broker.Broker, killed: int) -> bool:
    ready = (server.files.folder / "ready").read_text().split()
    pid = server.kept.pid
    return pid not in (None, killed) and ready == [str(server.port), str(pid)]


async def test_a_taken_port_is_left_for_a_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", broker.USUAL_PORT))
            taken.listen()
        except OSError:
            pass  # something else has it, which serves as well
        server = await broker.start(tmp_path, prefix=PREFIX)
        try:
            assert server.port != broker.USUAL_PORT
            assert urlsplit(server.url).port == server.port
        finally:
            await server.stop()
