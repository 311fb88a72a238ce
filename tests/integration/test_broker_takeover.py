"""A gateway's connection ends when the server's account takes over its client id."""

import asyncio
from collections.abc import Callable

import pytest

from alarms.errors import UnavailableError
from fengsui import broker_takeover
from tests import servers
from tests.integration.test_dynamic_security import Gateway
from tests.servers import Mosquitto


async def test_the_connection_ends_and_others_stay(mosquitto: Callable[..., Mosquitto]) -> None:
    server = mosquitto()
    gateway, other = (Gateway(server.port, name, "x") for name in ("gw-1", "gw-2"))
    await asyncio.to_thread(broker_takeover.end, server.url, "gw-1")
    servers.until(lambda: bool(gateway.ended), deadline_s=2, what="the connection to end")
    assert gateway.ended == ["Session taken over"]
    assert other.ended == []
    other.close()


def test_a_broker_that_is_away_is_said_to_be() -> None:
    with pytest.raises(UnavailableError, match="do this again"):
        broker_takeover.end(f"mqtt://127.0.0.1:{servers.free_port()}", "gw-1")
