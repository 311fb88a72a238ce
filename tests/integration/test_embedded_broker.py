"""The embedded broker: who may do what, and that nothing acknowledged to a gateway is lost."""

import asyncio
import os
import queue
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from fengsui.embedded import access, broker

PREFIX = "fengsui/v1"
WAIT_S = 10.0


class Client:
    """A plain MQTT client with manual acknowledgement whose messages come out of a queue."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        account: str | None = None,
        password: str | None = None,
        clean: bool = True,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv311,
        will: str | None = None,
        keepalive: int = 30,
    ) -> None:
        parts = urlsplit(url)
        self.got: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.codes: queue.Queue[str] = queue.Queue()
        self.granted: queue.Queue[list[int]] = queue.Queue()
        self.gone: queue.Queue[str] = queue.Queue()
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=version,
            manual_ack=True,
            reconnect_on_failure=False,
            clean_session=None if version == MQTTProtocolVersion.MQTTv5 else clean,
        )
        self.client.username_pw_set(account or parts.username, password or parts.password)
        if will:
            self.client.will_set(will, b"gone", qos=1)
        self.client.on_message = lambda _c, _u, message: self.got.put(message)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.codes.put(str(code))
        self.client.on_disconnect = lambda _c, _u, _f, code, _p: self.gone.put(str(code))
        self.client.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.put(
            [code.value for code in codes]
        )
        self.client.connect(parts.hostname or "", parts.port or 0, keepalive=keepalive)
        self.client.loop_start()
        self.code = self.codes.get(timeout=WAIT_S)

    def subscribe(self, pattern: str, qos: int = 1) -> int:
        self.client.subscribe(pattern, qos)
        return self.granted.get(timeout=WAIT_S)[0]

    def publish(self, topic: str, payload: bytes, qos: int = 1, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos, retain).wait_for_publish(WAIT_S)

    def take(self, count: int) -> list[paho.MQTTMessage]:
        return [self.got.get(timeout=WAIT_S) for _ in range(count)]

    def ack(self, *messages: paho.MQTTMessage) -> None:
        for message in messages:
            self.client.ack(message.mid, message.qos)

    def none_within(self, seconds: float) -> bool:
        try:
            self.got.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def cut(self) -> None:
        """End without DISCONNECT, as a killed process does."""
        taken = self.client.socket()
        assert isinstance(taken, socket.socket)
        self.client.loop_stop()
        taken.close()


@contextmanager
def connected(url: str, **words: object) -> Iterator[Client]:
    client = Client(url, **words)  # type: ignore[arg-type]  # passed through as written
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[broker.Broker]:
    server = await broker.start(tmp_path, prefix=PREFIX)
    for gateway in ("gw-a", "gw-b"):
        account = access.Account(hash=access.hashed(f"secret of {gateway}"), gateway=True)
        access.put(server.files.credentials, gateway, account)
    yield server
    await server.stop()


def gateway(url: str, name: str, **words: object) -> Client:
    return Client(url, name=name, account=name, password=f"secret of {name}", **words)  # type: ignore[arg-type]


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
        again = Client(served.url, name="ingest", clean=False)
        came = again.take(50)
        assert [int(message.payload) for message in came] == list(range(10, 60))
        assert all(message.dup for message in came[:40])
        assert not any(message.retain for message in came)
        again.close()

    await asyncio.to_thread(story)


async def test_a_message_held_longer_than_five_seconds_is_not_forgotten(
    served: broker.Broker,
) -> None:
    def story() -> None:
        slow = Client(served.url, name="ingest", clean=False)
        slow.subscribe(f"{PREFIX}/#")
        with connected(served.url, name="sender") as sender:
            sender.publish(f"{PREFIX}/gw-a/readings", b"held")
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
                sent = sender.client.publish(f"{PREFIX}/gw-a/readings", b"%d" % number, 1)
            sent.wait_for_publish(WAIT_S)
            taken = receiver.take(1000)
            assert receiver.none_within(0.5)
            receiver.ack(*taken)
            assert [int(message.payload) for message in receiver.take(100)] == [*range(1000, 1100)]

    await asyncio.to_thread(story)


async def test_an_mqtt_5_client_is_told_the_version_is_not_spoken(served: broker.Broker) -> None:
    def story() -> None:
        with connected(served.url, name="five", version=MQTTProtocolVersion.MQTTv5) as client:
            assert client.code == "Unsupported protocol version"
        with connected(served.url, name="five") as client:
            assert client.code == "Success"

    await asyncio.to_thread(story)


@pytest.mark.parametrize(
    ("account", "password"),
    [("gw-a", "wrong"), ("nobody", "secret of gw-a"), ("fengsui.server", "x"), ("gw-a", "")],
)
async def test_a_wrong_account_or_password_is_refused(
    served: broker.Broker, account: str, password: str
) -> None:
    def story() -> None:
        parts = urlsplit(served.url)
        url = f"mqtt://{account}:{password}@{parts.hostname}:{parts.port}"
        with connected(url, name="stranger") as client:
            assert client.code == "Not authorized"

    await asyncio.to_thread(story)


async def test_a_stranger_who_names_the_servers_client_id_changes_nothing(
    served: broker.Broker,
) -> None:
    def story() -> None:
        with connected(served.url, name="ingest", clean=False) as server:
            server.subscribe(f"{PREFIX}/#")
            stranger = Client(served.url, name="ingest", account="fengsui.server", password="guess")
            assert stranger.code == "Not authorized"
            stranger.close()
            other = gateway_with_id(served.url, "ingest")
            assert other.code == "Client identifier not valid"
            other.close()
            with connected(served.url, name="sender") as sender:
                sender.publish(f"{PREFIX}/gw-a/readings", b"1")
            assert server.take(1)[0].payload == b"1"
            assert server.gone.empty()

    await asyncio.to_thread(story)


def gateway_with_id(url: str, client_id: str) -> Client:
    return Client(url, name=client_id, account="gw-a", password="secret of gw-a")


async def test_a_gateway_reaches_only_its_own_topics(served: broker.Broker) -> None:
    def story() -> None:
        with connected(served.url, name="ingest") as server:
            server.subscribe("#")
            gate = gateway(served.url, "gw-a")
            for topic in (
                f"{PREFIX}/gw-b/readings",
                f"{PREFIX}/gw-a/replies",
                "elsewhere",
                f"{PREFIX}/gw-a/readings",
            ):
                gate.publish(topic, topic.encode())
            gate.publish("spBv1.0/g/NDATA/gw-b", b"")
            gate.publish("spBv1.0/g/NDATA/gw-a", b"")
            assert [message.topic for message in server.take(2)] == [
                f"{PREFIX}/gw-a/readings",
                "spBv1.0/g/NDATA/gw-a",
            ]
            assert gate.subscribe(f"{PREFIX}/gw-a/replies") == 1
            for pattern in ("#", f"{PREFIX}/+/replies", f"{PREFIX}/gw-b/replies"):
                assert gate.subscribe(pattern) == 0x80
            gate.close()

    await asyncio.to_thread(story)


async def test_a_gateways_will_is_published_when_it_is_cut_and_only_on_its_own_topic(
    served: broker.Broker,
) -> None:
    def story() -> None:
        with connected(served.url, name="ingest") as server:
            server.subscribe(f"{PREFIX}/+/status")
            foreign = gateway(served.url, "gw-a", will=f"{PREFIX}/gw-b/status")
            assert foreign.code == "Not authorized"
            foreign.close()
            own = gateway(served.url, "gw-a", will=f"{PREFIX}/gw-a/status")
            own.cut()
            came = server.take(1)[0]
            assert (came.topic, came.payload) == (f"{PREFIX}/gw-a/status", b"gone")

    await asyncio.to_thread(story)


async def test_retained_messages_go_to_who_subscribes_and_may_read_them(
    served: broker.Broker,
) -> None:
    def story() -> None:
        gate = gateway(served.url, "gw-a")
        gate.publish(f"{PREFIX}/gw-a/status", b"online", retain=True)
        with connected(served.url, name="ingest") as server:
            server.subscribe(f"{PREFIX}/+/status")
            came = server.take(1)[0]
            assert (came.payload, came.retain) == (b"online", True)
        other = gateway(served.url, "gw-b", clean=False)
        other.subscribe(f"{PREFIX}/gw-b/replies")
        other.close()
        other = gateway(served.url, "gw-b", clean=False)
        assert other.none_within(0.5)
        other.close()
        gate.close()

    await asyncio.to_thread(story)


async def test_a_revoked_gateway_loses_its_connection_and_comes_in_no_more(
    served: broker.Broker,
) -> None:
    def story() -> None:
        gate = gateway(served.url, "gw-a")
        access.put(served.files.credentials, "gw-a", None)
        gate.gone.get(timeout=WAIT_S)
        gate.close()
        again = gateway(served.url, "gw-a")
        assert again.code == "Not authorized"
        again.close()

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


async def test_the_files_with_secrets_are_closed_to_others(served: broker.Broker) -> None:
    for path in (served.files.address, served.files.credentials):
        assert path.stat().st_mode & 0o077 == 0
    assert b"secret of" not in served.files.credentials.read_bytes()
