"""Mosquitto with its dynamic security plugin: gateways come and go while it runs."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as paho
import psycopg
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from fengsui.dynamic_security import DynamicSecurity
from tests import servers
from tests.processes import Command
from tests.servers import Mosquitto

PREFIX = "fengsui/v1"
Run = Callable[..., Command]


class Guarded(NamedTuple):
    """A Mosquitto with the plugin, and the address with the server's account in it."""

    server: Mosquitto
    url: str


@pytest.fixture
def guarded(mosquitto: Callable[..., Mosquitto]) -> Iterator[Guarded]:
    """A Mosquitto that the plugin guards; `fengsui` is its administrator."""
    server = mosquitto()
    server.stop()
    home, inside = server._home, server._folder
    file = inside / "dynamic-security.json"
    words = ["/usr/bin/mosquitto_ctrl", "dynsec", "init", str(file), "fengsui", "beacon"]
    subprocess.run(home.command("mosquitto", words), check=True, capture_output=True)
    (plugin,) = (home.root or Path("/")).glob("usr/lib/*/mosquitto_dynamic_security.so")
    configuration = home.outside(inside / "mosquitto.conf")
    library = plugin if home.root is None else Path("/", plugin.relative_to(home.root))
    configuration.write_text(
        configuration.read_text().replace("allow_anonymous true", "allow_anonymous false")
        + f"plugin {library}\nplugin_opt_config_file {file}\n"
    )
    server.start()
    yield Guarded(server, f"mqtt://fengsui:beacon@127.0.0.1:{server.port}")


class Gateway:
    """A gateway as a broker sees it: MQTT 5, so that every refusal has its reason."""

    def __init__(self, port: int, name: str, password: str) -> None:
        self.answers: list[str] = []
        self.granted: list[int] = []
        self.heard: list[tuple[str, bytes]] = []
        self.published: dict[int, int] = {}
        self.ended: list[str] = []
        self.client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
        )
        self.client.username_pw_set(name, password)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self.answers.append(str(code))
        self.client.on_subscribe = lambda _c, _u, _m, codes, _p: self.granted.extend(
            code.value for code in codes
        )
        self.client.on_message = lambda _c, _u, message: self.heard.append(
            (message.topic, bytes(message.payload))
        )
        self.client.on_publish = self._published
        self.client.on_disconnect = lambda _c, _u, _f, code, _p: self.ended.append(str(code))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        servers.until(lambda: bool(self.answers), deadline_s=10, what="CONNACK")

    def _published(
        self, _c: paho.Client, _u: object, mid: int, code: ReasonCode, _p: Properties
    ) -> None:
        self.published[mid] = code.value

    def publish(self, topic: str, payload: bytes = b"x") -> int:
        """Publish at QoS 1 and return the broker's reason: below 128 it took the message."""
        mid = self.client.publish(topic, payload, qos=1).mid
        servers.until(lambda: mid in self.published, deadline_s=10, what=f"PUBACK of {topic}")
        return self.published[mid]

    def subscribe(self, wanted: str) -> bool:
        """Subscribe and tell whether it was granted."""
        before = len(self.granted)
        self.client.subscribe(wanted, qos=1)
        servers.until(lambda: len(self.granted) > before, deadline_s=10, what=f"SUBACK {wanted}")
        return self.granted[-1] < 128

    def close(self) -> None:
        """End it."""
        self.client.disconnect()
        self.client.loop_stop()


def refused(guarded: Guarded, name: str, password: str, topic: str) -> bool:
    """Tell whether the broker refuses a message; 2.0.21 ends the connection after it has."""
    gateway = Gateway(guarded.server.port, name, password)
    try:
        return gateway.publish(topic) >= 128
    finally:
        gateway.close()


async def test_a_gateway_reaches_its_own_topics_and_no_other(guarded: Guarded) -> None:
    door = DynamicSecurity(guarded.url, prefix=PREFIX)
    await door.admit("gw-1", "one", None)
    await door.admit("gw-2", "two", None)
    one = Gateway(guarded.server.port, "gw-1", "one")
    assert one.answers == ["Success"]
    for topic in (f"{PREFIX}/gw-1/readings", f"{PREFIX}/gw-1/x/y", "spBv1.0/g/DDATA/gw-1/pump"):
        assert one.publish(topic) < 128, topic
        assert refused(guarded, "gw-2", "two", topic), topic
    assert refused(guarded, "gw-1", "one", f"{PREFIX}/gw-1/replies")
    assert refused(guarded, "gw-1", "one", "$CONTROL/dynamic-security/v1")
    one = Gateway(guarded.server.port, "gw-1", "one")
    for wanted in (f"{PREFIX}/gw-1/replies", "spBv1.0/+/NCMD/gw-1/#", "spBv1.0/STATE/+"):
        assert one.subscribe(wanted), wanted
    for wanted in ("#", f"{PREFIX}/+/replies", f"{PREFIX}/gw-2/#", "spBv1.0/#", "$CONTROL/#"):
        assert not one.subscribe(wanted), wanted
    server = Gateway(guarded.server.port, "fengsui", "beacon")
    assert server.publish(f"{PREFIX}/gw-1/replies", b"told") < 128
    servers.until(
        lambda: (f"{PREFIX}/gw-1/replies", b"told") in one.heard, deadline_s=10, what="the reply"
    )
    for client in (one, server):
        client.close()


async def test_a_rotated_and_a_revoked_gateway_lose_their_connection_at_once(
    guarded: Guarded,
) -> None:
    door = DynamicSecurity(guarded.url, prefix=PREFIX)
    await door.admit("gw-1", "old", None)
    await door.admit("gw-2", "two", None)
    other = Gateway(guarded.server.port, "fengsui", "beacon")
    gateway = Gateway(guarded.server.port, "gw-1", "old")
    await door.admit("gw-1", "new", None)
    servers.until(lambda: bool(gateway.ended), deadline_s=2, what="the old connection to end")
    assert Gateway(guarded.server.port, "gw-1", "old").answers == ["Not authorized"]
    renewed = Gateway(guarded.server.port, "gw-1", "new")
    assert renewed.publish(f"{PREFIX}/gw-1/readings") < 128
    await door.shut("gw-1")
    servers.until(lambda: bool(renewed.ended), deadline_s=2, what="the connection to end")
    assert Gateway(guarded.server.port, "gw-1", "new").answers == ["Not authorized"]
    assert other.ended == []
    other.close()


async def test_the_accounts_outlive_a_kill_of_the_broker(guarded: Guarded) -> None:
    await DynamicSecurity(guarded.url, prefix=PREFIX).admit("gw-1", "one", None)
    guarded.server.kill()
    guarded.server.start()
    gateway = Gateway(guarded.server.port, "gw-1", "one")
    assert gateway.answers == ["Success"]
    assert gateway.publish(f"{PREFIX}/gw-1/readings") < 128
    gateway.close()


def test_the_command_tells_the_broker_and_changes_nothing_where_it_cannot(
    fengsui: Run, database: str, enterprise: str, guarded: Guarded
) -> None:
    def run(*words: str) -> Command:
        command = fengsui(
            "gateway", *words,
            database_url=database, broker_url=guarded.url, broker_access="dynsec",
        )  # fmt: skip
        command.wait(60)
        return command

    made = json.loads(run("create", "gw-1", "--enterprise", enterprise, "--json").output())
    gateway = Gateway(guarded.server.port, "gw-1", made["password"])
    assert gateway.publish(made["topics"]["readings"]) < 128
    guarded.server.stop()
    refused = run("rotate", "gw-1")
    assert refused.exit_code == 1
    assert "cannot be told" in refused.errors()
    with psycopg.connect(database) as conn:
        trail = conn.execute("select action, before, after from audit_trail order by id").fetchall()
    assert [row[0] for row in trail] == ["gateway_create"]
    assert trail[0][1] is None
    assert trail[0][2]["credential"] == "given"
    late = run("revoke", "gw-1")
    assert late.exit_code == 1
    assert "revoked in the database" in late.errors()
    guarded.server.start()
    assert run("revoke", "gw-1").exit_code == 0
    assert Gateway(guarded.server.port, "gw-1", made["password"]).answers == ["Not authorized"]


async def test_a_broker_without_the_plugin_is_named_as_such(
    mosquitto: Callable[..., Mosquitto],
) -> None:
    door = DynamicSecurity(mosquitto().url, prefix=PREFIX)
    with pytest.raises(Exception, match="dynamic security"):
        await door.shut("gw-1")
