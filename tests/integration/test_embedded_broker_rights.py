"""The embedded broker: who may come in, and who may do what."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from paho.mqtt.enums import MQTTProtocolVersion

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
        gate.flush()
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


async def test_the_files_with_secrets_are_closed_to_others(served: broker.Broker) -> None:
    for path in (served.files.address, served.files.credentials):
        assert path.stat().st_mode & 0o077 == 0
    assert b"secret of" not in served.files.credentials.read_bytes()
