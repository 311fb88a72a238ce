"""Sockets under rubbish: a named error or end each time, and who sits beside misses nothing."""

import asyncio
import json
import os
import re
import secrets
import socket as sockets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import websockets
from hypothesis import strategies as st

from alarms.storage import connection
from tests import beacons
from tests.beacons import FAR, NEAR, House

PAGE = (Path(__file__).parents[2] / "docs/security.md").read_text()
CODES = set(re.findall(r"^\| `([a-z_]+)` \|", PAGE, re.MULTILINE))
CLOSES = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
EXAMPLES = int(os.environ.get("FENGSUI_TEST_EXAMPLES", "60"))
"""Runs of frames for each socket; by hand, more."""
PATHS = ("/ws/v1/alarms", "/ws/v1/values")

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 2**31, 2**63 - 1, 2**63, 2**64, 10**40, 1e308, 0.5]),
    st.text(max_size=20),
    st.sampled_from(["a", "\0", "all", FAR, "440305", "snapshot", "now", "x:1", ":", "9" * 30]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
MEMBERS = st.sampled_from(
    [
        "sub",
        "from",
        "filter",
        "offset",
        "id",
        "alarm",
        "action",
        "rev",
        "note",
        "until",
        "cause",
        "token",
        "points",
        "under",
        "max_hz",
    ]
)
OPS = st.sampled_from(["subscribe", "unsubscribe", "ack", "command", "auth", "fly"])
FRAMES = st.one_of(
    st.builds(
        lambda op, members: json.dumps({"op": op, **members}),
        OPS | SCALARS,
        st.dictionaries(MEMBERS, JSON, max_size=6),
    ),
    st.builds(
        lambda position, wanted: json.dumps(
            {"op": "subscribe", "sub": "a", "from": position, "filter": wanted}
        ),
        st.sampled_from(
            ["snapshot", "now", "e:0", {"consumer": "fuzz"}, {"epoch": "e", "offset": 1}]
        ),
        st.dictionaries(st.sampled_from(["region", "enterprise", "kinds", "tier_min"]), SCALARS),
    ),
    st.builds(
        lambda action, rev: json.dumps(
            {"op": "command", "id": "1", "alarm": "nowhere", "action": action, "rev": rev}
        ),
        st.sampled_from(["acknowledge", "shelve", "receipt", "fly", ""]),
        st.none() | st.integers(),
    ),
    JSON.map(json.dumps),
    st.text(max_size=60),
    st.binary(max_size=60),
)


@asynccontextmanager
async def beside(house: House) -> AsyncIterator[None]:
    """Let alarms be raised and a neighbour listen; it must have missed none, in order."""
    async with beacons.watching(house) as neighbour:
        raised: list[str] = []
        enough = asyncio.Event()

        async def raising() -> None:
            while not enough.is_set():
                raised.append(await house.raise_alarm())
                with suppress(TimeoutError):
                    await asyncio.wait_for(enough.wait(), 0.3)

        task = asyncio.create_task(raising())
        yield
        enough.set()
        await task
        last = await house.raise_alarm()
        heard: list[str] = []
        prev = None
        while not heard or heard[-1] != last:
            frame = await neighbour.next("event", deadline_s=30)
            assert prev is None or frame["prev"] == prev
            prev = frame["offset"]
            if frame["event"]["data"]["enterprise"] == NEAR and frame["event"]["type"].endswith(
                "raised"
            ):
                heard.append(frame["event"]["data"]["id"])
    assert heard == [*raised, last]
    async with house.anonymous() as http:
        assert (await http.get("healthz")).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.timeout(300)
async def test_whatever_frames_come_are_answered_by_a_documented_code(
    house: House, path: str
) -> None:
    token = await house.token("510603", "operator")

    @hypothesis.settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(frames=st.lists(FRAMES, min_size=1, max_size=30))
    def swallows(frames: list[str | bytes]) -> None:
        asyncio.run(_swallow(house, path, token, frames))

    async with beside(house):
        await asyncio.to_thread(swallows)


async def _swallow(house: House, path: str, token: str, frames: list[str | bytes]) -> None:
    """Send frames and one that is named in its answer; all that is heard must be documented."""
    mark = secrets.token_hex(4)
    async with beacons.client(house.serve, token, path=path) as client:
        try:
            for frame in frames:
                await client.socket.send(frame)
            await client.send(op=mark)
            while True:
                heard = await client.next(deadline_s=20)
                if "event" in heard:
                    assert heard["event"]["data"]["enterprise"] != FAR
                if heard["op"] == "error":
                    assert heard["code"] in CODES, heard
                    if mark in heard["error"]:
                        return
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd is not None
            assert closed.rcvd.code in CLOSES - {1011}, closed  # that one says: our mistake


ENDS: dict[str, tuple[Any, int]] = {
    "10 MiB of text": ("x" * (10 << 20), 1009),
    "10 MiB of bytes": (b"x" * (10 << 20), 1009),
    "160 KiB in fragments": (["x" * 16_384] * 10, 1009),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ENDS)
async def test_a_message_too_long_ends_its_own_socket(house: House, name: str, path: str) -> None:
    message, code = ENDS[name]
    async with beside(house), beacons.client(house.serve, await house.token(), path=path) as client:
        with suppress(websockets.ConnectionClosed):
            await client.socket.send(message)
        assert await client.closed() == code
    assert code in CLOSES


@pytest.mark.parametrize("path", PATHS)
async def test_text_that_is_no_utf8_ends_its_own_socket(house: House, path: str) -> None:
    async with beside(house), beacons.client(house.serve, await house.token(), path=path) as client:
        await client.socket.send(b'{"op": "\xff\xfe"}', text=True)
        assert await client.closed() == 1007
    assert 1007 in CLOSES


async def test_ten_thousand_subscriptions_are_answered_and_sixteen_held(house: House) -> None:
    async with beside(house), beacons.client(house.serve, await house.token()) as client:

        async def ask() -> None:
            for number in range(10_000):
                await client.send(op="subscribe", sub=f"s{number}", **{"from": "now"})

        asking = asyncio.create_task(ask())
        begun: set[str] = set()
        refused = 0
        while refused < 10_000 - 16 or len(begun) < 16:
            frame = await client.next("subscribed", "error", deadline_s=60)
            if frame["op"] == "subscribed":
                begun.add(frame["sub"])
            else:
                assert frame["code"] == "too_many_subs"
                refused += 1
        await asking
        assert begun == {f"s{number}" for number in range(16)}
    assert "too_many_subs" in CODES


@pytest.mark.parametrize("start", ["now", "snapshot", {"consumer": "twice"}])
async def test_one_name_subscribed_over_and_over_is_one_subscription(
    house: House, start: object
) -> None:
    async with beside(house), beacons.client(house.serve, await house.token()) as client:
        for _ in range(300):
            await client.send(op="subscribe", sub="a", **{"from": start})
        await client.send(op="unsubscribe", sub="a")
        await client.next("unsubscribed", deadline_s=60)
        await client.send(op="unsubscribe", sub="a")
        assert (await client.next("error"))["code"] == "unknown_sub"


async def test_a_place_before_the_floor_is_answered_by_a_snapshot(house: House) -> None:
    await beacons.happen(house.database, *beacons.flip_flop(4, tag="T3"))
    async with beacons.watching(house) as client:
        await client.send(op="subscribe", sub="b", **{"from": "snapshot"})
        epoch = (await client.next("subscribed"))["epoch"]
    async with beside(house):
        async with await connection.connect(house.database) as conn:
            await conn.execute(
                "delete from journal where log_offset = (select min(log_offset) from journal)"
            )
        async with beacons.client(house.serve, await house.token()) as client:
            for place in (f"{epoch}:0", f"{epoch}:{10**17}", "another:1"):
                await client.send(op="subscribe", sub=place, **{"from": place})
                assert not (await client.next("subscribed"))["recovered"]
                assert (await client.next("snapshot_begin"))["sub"] == place
                await client.send(op="unsubscribe", sub=place)
                await client.next("unsubscribed")


async def test_a_token_that_ends_in_mid_stream_ends_its_socket_alone(house: House) -> None:
    made = await beacons.token(house.database, expires_s=2)
    for path in PATHS:
        async with beside(house), beacons.client(house.serve, made, path=path) as client:
            assert await client.closed() == 4401
    assert 4401 in CLOSES


async def test_a_flood_of_strangers_waits_outside_and_leaves(house: House) -> None:
    """Sockets that say nothing are closed; connections that are no sockets harm nobody."""
    port = int(house.serve.url.rpartition(":")[2])
    loose = [sockets.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for number, one in enumerate(loose):
        one.sendall(b"GET /ws/v1/alarms HTTP/1.1\r\n" if number % 2 else b"\x16\x03\x01\x00")
    began_s = time.monotonic()
    async with beside(house), asyncio.TaskGroup() as group:
        ends = [group.create_task(_silent(house, PATHS[number % 2])) for number in range(200)]
    assert {task.result() for task in ends} == {4408}
    assert time.monotonic() - began_s < 60
    for one in loose:
        one.close()
    assert 4408 in CLOSES


async def _silent(house: House, path: str) -> int | None:
    async with beacons.client(house.serve, path=path, open_timeout=30) as client:
        return await client.closed(deadline_s=40)


def test_every_code_of_the_sources_is_documented() -> None:
    """A code nobody wrote down turns this red, and so does one nobody gives any more."""
    room = Path(__file__).parents[2] / "api"
    text = "".join(path.read_text() for path in room.glob("*.py"))
    given = set(re.findall(r'BadFrameError\(\s*"(\w+)"', text))
    given |= set(re.findall(r'error_frame\(\s*"(\w+)"', text))
    given |= set(re.findall(r'^    [A-Z_]+: "(\w+)",$', text, re.MULTILINE))
    given |= set(re.findall(r'code = "(\w+)" if unknown else "(\w+)"', text)[0])
    assert given == CODES
