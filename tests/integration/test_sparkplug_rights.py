"""Mosquitto with the rights we write: an edge node speaks as itself, the server as the host."""

import asyncio
import json
import queue
from collections.abc import Callable
from contextlib import suppress

import pytest

from alarms.topic_rights import server
from fengsui import mosquitto as files
from ingest.address import Address
from ingest.mqtt import Source
from ingest.sparkplug import names
from ingest.sparkplug.host import Presence
from tests.servers import Mosquitto
from tests.sparkplug import edge_node, payload

OWN = "".join(("user fengsui\n", *(f"topic readwrite {one}\n" for one in server("fengsui/v1"))))
"""What the server's own account may write and read."""


def strict(broker: Mosquitto, topics: str) -> Callable[[str], str]:
    """Start a broker that asks who comes; return the address of an account."""
    inside = broker._folder
    passwords, acl = (broker._home.outside(inside / name) for name in ("passwd", "acl"))
    for name in ("fengsui", "gw", "other"):
        files.put_account(passwords, name, f"of-{name}")
    acl.write_text(topics)
    for name in ("gw", "other"):
        files.put_topics(acl, name, files.topics(name, "fengsui/v1"))
    for file in (passwords, acl):
        file.chmod(0o644)
    configuration = broker._home.outside(inside / "mosquitto.conf")
    configuration.write_text(
        configuration.read_text()
        + f"allow_anonymous false\npassword_file {inside}/passwd\nacl_file {inside}/acl\n"
    )
    broker.start()
    return lambda name: broker.url.replace("//", f"//{name}:of-{name}@")


def host(url: str) -> Source:
    return Source(
        address=Address.parse(url),
        client_id="host",
        filters=names.filters(),
        presence=Presence(host_id="fengsui"),
    )


@pytest.fixture
def stopped(mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    server = mosquitto()
    server.stop()
    return server


async def test_an_edge_node_speaks_as_itself_alone_and_hears_its_commands(
    stopped: Mosquitto,
) -> None:
    address = strict(stopped, OWN)
    async with host(address("fengsui")) as source:
        with edge_node(address("gw")) as node, edge_node(address("other"), "gw") as impostor:
            said = await asyncio.to_thread(node.states.get, timeout=10)
            assert json.loads(said.payload)["online"] is True
            source.publish(names.command("plant", "gw"), b"for gw", qos=0)
            assert (await asyncio.to_thread(node.commands.get, timeout=10)).payload == b"for gw"
            with pytest.raises(queue.Empty):
                await asyncio.to_thread(impostor.commands.get, timeout=0.5)
            for verb, device in (("NBIRTH", ""), ("DDATA", "skid")):
                with suppress(RuntimeError):  # Mosquitto breaks with a client that it refuses
                    await asyncio.to_thread(impostor.say, verb, payload(seq=9), device)
                await asyncio.to_thread(node.say, verb, payload(seq=1), device)
            heard = []
            async with asyncio.timeout(10):
                async for batch in source.batches(max_messages=9, linger_s=0):
                    heard += [(message.topic, message.payload) for message in batch.messages]
                    if len(heard) == 2:
                        break
            assert heard == [
                ("spBv1.0/plant/NBIRTH/gw", payload(seq=1)),
                ("spBv1.0/plant/DDATA/gw/skid", payload(seq=1)),
            ]


async def test_a_server_without_the_right_to_say_that_it_is_there_is_told_what_to_do(
    stopped: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    address = strict(stopped, "user fengsui\ntopic readwrite fengsui/v1/#\n")
    async with host(address("fengsui")):
        for _ in range(300):
            if "FENGSUI_SPARKPLUG_HOST_ID=off" in caplog.text:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(caplog.text)
