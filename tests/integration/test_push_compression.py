"""Compressed and plain clients of one audience hear the same, in whatever order frames are made."""

import asyncio
import json
import secrets
from collections.abc import Callable
from typing import Any, Final

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from tests import beacons
from tests.beacons import NEAR
from tests.processes import Serve

_EVENTS: Final = 40
_SMALL_WINDOW: Final = ClientPerMessageDeflateFactory(server_max_window_bits=9)


async def heard(socket: ClientConnection) -> list[int]:
    """Subscribe, and return the offsets of all events that follow the snapshot, in order."""
    await socket.send(json.dumps({"op": "subscribe", "sub": "a", "from": "snapshot"}))
    seen: list[int] = []
    while len(seen) < _EVENTS:
        frame: dict[str, Any] = json.loads(await socket.recv())
        if frame["op"] == "event" and not frame.get("snapshot"):
            assert frame["prev"] == (seen[-1] if seen else frame["prev"])
            seen.append(frame["offset"])
    return seen


@pytest.mark.parametrize("setting", ["on", "off"])
async def test_all_clients_hear_the_same_however_their_frames_are_packed(
    setting: str, database: str, fengsui: Callable[..., Any]
) -> None:
    await beacons.build(database)
    token = await beacons.token(database, scope="5106", role="platform")
    serve: Serve = await asyncio.to_thread(
        beacons.start_api, fengsui, database, push_compression=setting
    )
    await beacons.happen(database, beacons.event(NEAR))
    async with (
        asyncio.timeout(60),
        beacons.client(serve, token) as pressed,
        beacons.client(serve, token, compression=None) as plain,
        beacons.client(serve, token, compression=None, extensions=[_SMALL_WINDOW]) as small,
        asyncio.TaskGroup() as group,
    ):
        sockets = [each.socket for each in (pressed, plain, small)]
        tasks = [group.create_task(heard(socket)) for socket in sockets]
        await asyncio.sleep(1.0)
        for _ in range(_EVENTS // 5):
            events = [beacons.event(NEAR, rule=f"limit.{secrets.token_hex(4)}") for _ in range(5)]
            await beacons.happen(database, *events)
        found = [await task for task in tasks]
        agreed = [bool(socket.protocol.extensions) for socket in sockets]
    assert found[0] == found[1] == found[2]
    assert agreed == [setting == "on", False, setting == "on"]
