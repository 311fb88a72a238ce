"""The push of alarms: who is let in, what is refused, when a stream ends."""

import contextlib
import json
import time

import pytest
import websockets

from alarms.storage import accounts, connection
from api import clock
from tests import beacons
from tests.beacons import House, the, watching


async def _cookie(house: House, name: str) -> str:
    await beacons.person(house.database, name)
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        await http.post("session", json={"name": name, "password": beacons.PASSWORD})
        return "; ".join(f"{key}={value}" for key, value in http.cookies.items())


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", "bad_json"),
        ("", "bad_json"),
        ("[]", "bad_frame"),
        ("null", "bad_frame"),
        ('{"sub": "a"}', "bad_frame"),
        ('{"op": "fly"}', "unknown_op"),
        ('{"op": 7}', "bad_frame"),
        ('{"op": "subscribe"}', "bad_frame"),
        ('{"op": "subscribe", "sub": ""}', "bad_frame"),
        ('{"op": "subscribe", "sub": "x", "from": "yesterday"}', "bad_frame"),
        ('{"op": "subscribe", "sub": "x", "from": {"offset": 3}}', "bad_frame"),
        ('{"op": "subscribe", "sub": "x", "from": {}}', "bad_frame"),
        ('{"op": "subscribe", "sub": "x", "filter": {"tier_min": "pink"}}', "bad_frame"),
        ('{"op": "ack", "sub": "nobody", "offset": 1}', "unknown_sub"),
        ('{"op": "ack", "sub": "a", "offset": -1}', "bad_frame"),
        ('{"op": "auth", "token": "again"}', "already_authenticated"),
        (b"\xff\xfe", "bad_json"),
        ("[" * 30_000, "bad_frame"),
        ('{"op": "ack", "x": ' + "[" * 30_000, "bad_json"),
    ],
)
async def test_a_rubbish_frame_is_answered_and_the_stream_goes_on(
    house: House, frame: str | bytes, code: str
) -> None:
    async with watching(house) as client:
        await client.socket.send(frame)
        assert (await client.next("error"))["code"] == code
        alarm = await house.raise_alarm()
        assert the(await client.next("event"))["id"] == alarm


async def test_a_frame_past_64_kib_closes_with_1009(house: House) -> None:
    async with watching(house) as client:
        with contextlib.suppress(websockets.ConnectionClosed):
            await client.socket.send(json.dumps({"op": "x" * 2 * 1024 * 1024}))
        assert await client.closed() == 1009


async def test_a_wrong_token_closes_with_4401(house: House) -> None:
    async with beacons.client(house.serve, "fs_wrong") as client:
        assert await client.closed() == 4401


async def test_a_browser_authenticates_by_its_first_frame(house: House) -> None:
    async with beacons.client(house.serve) as client:
        await client.send(op="auth", token=await house.token())
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        assert (await client.next())["op"] == "subscribed"


async def test_silence_instead_of_auth_closes_with_4408(house: House) -> None:
    async with beacons.client(house.serve) as client:
        began = time.monotonic()
        assert await client.closed() == 4408
    assert 4 < time.monotonic() - began < 9


@pytest.mark.parametrize("frame", ["{}", "rubbish", '{"op": "subscribe", "sub": "a"}'])
async def test_a_first_frame_other_than_auth_closes_with_4401(house: House, frame: str) -> None:
    async with beacons.client(house.serve) as client:
        await client.socket.send(frame)
        assert await client.closed() == 4401


async def test_the_consoles_socket_is_let_in_by_its_session(house: House) -> None:
    cookie = await _cookie(house, "wang")
    headers = {"cookie": cookie, "origin": house.serve.url}
    async with beacons.client(house.serve, headers=headers) as client:
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        assert (await client.next())["op"] == "subscribed"


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_session_serves_no_other_sites_page(house: House, origin: str) -> None:
    cookie = await _cookie(house, f"zhang-{origin[:4]}")
    async with beacons.client(house.serve, headers={"cookie": cookie, "origin": origin}) as client:
        assert await client.closed() == 4403


async def test_a_token_that_expires_ends_its_stream(house: House) -> None:
    made = await beacons.token(house.database, expires_s=3)
    async with beacons.client(house.serve, made) as client:
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        await client.next("caught_up")
        assert await client.closed() == 4401


async def test_a_revoked_token_ends_its_stream_within_ten_seconds(house: House) -> None:
    made = await beacons.token(house.database)
    async with beacons.client(house.serve, made) as client:
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        await client.next("caught_up")
        async with await connection.connect(house.database) as conn:
            name = next(iter(await accounts.tokens(conn))).name
            await accounts.revoke_token(conn, name, now=clock.now())
        assert await client.closed(deadline_s=10) == 4401


async def test_a_session_that_is_signed_out_ends_its_stream_within_ten_seconds(
    house: House,
) -> None:
    cookie = await _cookie(house, "li")
    headers = {"cookie": cookie, "origin": house.serve.url}
    async with beacons.client(house.serve, headers=headers) as client:
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        await client.next("caught_up")
        async with house.anonymous(headers={"cookie": cookie, "x-fengsui": "1"}) as http:
            assert (await http.delete("session")).status_code == 204
        assert await client.closed(deadline_s=10) == 4401
