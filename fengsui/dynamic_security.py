"""Mosquitto's dynamic security plugin: accounts and topics changed while it runs, over MQTT.

The server's own account must be an administrator of the plugin (the one `mosquitto_ctrl dynsec
init` makes). Each gateway is a client with a role of its own; the server gets one for its topics.
"""

import asyncio
import contextlib
import queue
import secrets
import threading
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from alarms import topic_rights
from alarms.errors import FengsuiError, UnavailableError

CONTROL: Final = "$CONTROL/dynamic-security/v1"
ANSWERS: Final = f"{CONTROL}/response"
SERVER_ROLE: Final = "fengsui-server"
ANSWER_S: Final = 5.0
_NO_FAULTS: Final = ("already", "not found")
"""What the plugin says of things that are as they should be."""

Order = dict[str, Any]


class DynamicSecurity:
    """A door into a Mosquitto that has the plugin; `url` holds the server's own account."""

    def __init__(self, url: str, *, prefix: str) -> None:
        self._url = url
        self._prefix = prefix

    async def admit(
        self,
        gateway: str,
        password: str | None,
        digest: str | None,  # noqa: ARG002  # for brokers that take our hash
    ) -> Sequence[str]:
        """Make the gateway's account anew; whoever is connected by the old one is cut off."""
        role = f"gateway-{gateway}"
        account: Order = {"username": gateway, "roles": [{"rolename": role}]}
        if password is not None:
            account["password"] = password
        await asyncio.to_thread(self._prepare)
        await asyncio.to_thread(
            self._carry_out,
            [
                {"command": "deleteClient", "username": gateway},
                *_role_orders(role, _acls(gateway, self._prefix)),
                {"command": "createClient", **account},
            ],
        )
        return ("the broker has taken up the account",)

    async def shut(self, gateway: str) -> Sequence[str]:
        """Remove the gateway's account and role; its connection ends."""
        await asyncio.to_thread(
            self._carry_out,
            [
                {"command": "deleteClient", "username": gateway},
                {"command": "deleteRole", "rolename": f"gateway-{gateway}"},
            ],
        )
        return ("the broker has ended its connection and forgotten the account",)

    def _prepare(self) -> None:
        """Let the server's own account write and read below the prefix, where it may not yet.

        The plugin ends the connections of an account whose roles change, the server's too: once,
        and what the broker holds for its session waits there.
        """
        name = unquote(urlsplit(self._url).username or "")
        (mine,) = self._carry_out([{"command": "getClient", "username": name}])
        roles = mine.get("data", {}).get("client", {}).get("roles", [])
        if any(role.get("rolename") == SERVER_ROLE for role in roles):
            return
        own = topic_rights.server(self._prefix)
        acls = [
            _acl(kind, one) for one in own for kind in ("publishClientSend", "subscribePattern")
        ]
        self._carry_out(_role_orders(SERVER_ROLE, acls))
        last = {"command": "addClientRole", "username": name, "rolename": SERVER_ROLE}
        self._carry_out([last], is_cut_off=True)

    def _carry_out(self, orders: list[Order], *, is_cut_off: bool = False) -> list[Order]:
        """Give orders and return their answers; raise FengsuiError with the first fault.

        `is_cut_off`: they end this very connection, which is their answer.
        """
        for order in orders:
            order["correlationData"] = secrets.token_hex(8)
        found: list[Order] = []
        with self._connected() as (client, answers):
            client.publish(CONTROL, msgspec.json.encode({"commands": orders}), qos=1)
            while len(found) < len(orders):
                try:
                    heard = answers.get(timeout=ANSWER_S)
                except queue.Empty:
                    raise UnavailableError(
                        "the broker does not answer as Mosquitto's dynamic security does; load "
                        "its plugin, and let FENGSUI_BROKER_URL name an administrator of it, or "
                        "set FENGSUI_BROKER_ACCESS to files or http"
                    ) from None
                if heard is None:
                    if is_cut_off:
                        break
                    raise UnavailableError(
                        "the broker ended the connection of the server's account before it had "
                        "answered; do this again"
                    )
                found += _answers_to(orders, heard)
        return found

    @contextlib.contextmanager
    def _connected(self) -> Iterator[tuple[paho.Client, "queue.Queue[bytes | None]"]]:
        """Connect as the server's account and hear the plugin's answers; None is the end."""
        parts = urlsplit(self._url)
        tls = parts.scheme == "mqtts"
        answers: queue.Queue[bytes | None] = queue.Queue()
        hears = threading.Event()
        client = paho.Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        if parts.username:
            client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if tls:
            client.tls_set()
        client.on_connect = _subscribe
        client.on_subscribe = lambda *_: hears.set()
        client.on_disconnect = lambda *_: answers.put(None)
        client.on_message = lambda _client, _own, message: answers.put(bytes(message.payload))
        try:
            client.connect(parts.hostname or "", parts.port or (8883 if tls else 1883))
        except OSError as fault:
            raise UnavailableError(
                f"the broker at {parts.hostname}:{parts.port} cannot be told ({fault}); start it "
                "and do this again"
            ) from fault
        client.loop_start()
        try:
            if not hears.wait(ANSWER_S):
                raise UnavailableError(
                    f"the broker at {parts.hostname}:{parts.port} does not let the server's "
                    "account in; mend FENGSUI_BROKER_URL and do this again"
                )
            yield client, answers
        finally:
            client.disconnect()
            client.loop_stop()


def _answers_to(orders: list[Order], heard: bytes) -> Iterator[Order]:
    """Yield what was answered to us; raise FengsuiError where an order was refused."""
    asked = {order["correlationData"]: order["command"] for order in orders}
    for answer in msgspec.json.decode(heard).get("responses", ()):
        command = asked.get(answer.get("correlationData"))
        if command is None:
            continue
        fault = str(answer.get("error", ""))
        if fault and not any(word in fault for word in _NO_FAULTS):
            raise FengsuiError(f"the broker refused {command}: {fault}")
        yield answer


def _subscribe(client: paho.Client, *_: object) -> None:
    client.subscribe(ANSWERS, qos=1)


def _acls(gateway: str, prefix: str) -> list[Order]:
    """Return a gateway's rights; what it may never write stands before what it may."""
    return [
        *(
            _acl("publishClientSend", one, allow=False, priority=1)
            for one in topic_rights.never_writes(gateway, prefix)
        ),
        *(_acl("publishClientSend", one) for one in topic_rights.writes(gateway, prefix)),
        *(_acl("subscribePattern", one) for one in topic_rights.reads(gateway, prefix)),
    ]


def _acl(kind: str, topic: str, *, allow: bool = True, priority: int = 0) -> Order:
    return {"acltype": kind, "topic": topic, "priority": priority, "allow": allow}


def _role_orders(role: str, acls: list[Order]) -> list[Order]:
    """Make a role, or bring the one that is there up to date."""
    return [
        {"command": "createRole", "rolename": role},
        {"command": "modifyRole", "rolename": role, "acls": acls},
    ]
