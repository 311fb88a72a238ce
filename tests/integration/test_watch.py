"""`fengsui watch`, `token` and `user` as a platform's and an administrator's own commands."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from websockets import Subprotocol
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as serve_websocket

from fengsui.watch import PROTOCOL, Watch, Wish
from tests import beacons, servers
from tests.beacons import NEAR
from tests.processes import Command, Serve


def lines(watch: Command) -> list[dict[str, Any]]:
    return [json.loads(line) for line in watch.output().splitlines(keepends=True) if "\n" in line]


def wait_for(watch: Command, count: int) -> list[dict[str, Any]]:
    """Wait until so many events are printed, and return them."""
    servers.until(
        lambda: len(lines(watch)) >= count, deadline_s=30, what=f"{count} lines\n{watch.report()}"
    )
    return lines(watch)


@pytest.fixture
async def plant(database: str) -> str:
    """A database with both enterprises."""
    await beacons.build(database)
    return database


async def happen(url: str, count: int) -> None:
    for _ in range(count):
        await beacons.happen(url, beacons.event(NEAR, rule=f"limit.{secrets.token_hex(4)}"))


async def test_watch_prints_the_whole_frame_and_survives_a_killed_server(
    plant: str, fengsui: Callable[..., Any]
) -> None:
    token = await beacons.token(plant, scope="5106")
    serve: Serve = await asyncio.to_thread(beacons.start_api, fengsui, plant)
    watch: Command = fengsui("watch", "--url", serve.url, "--token", token, wait=False)
    await happen(plant, 3)
    first = await asyncio.to_thread(wait_for, watch, 1)
    assert first[0]["op"] == "event"
    assert first[0]["event"]["specversion"] == "1.0"
    before = len(await asyncio.to_thread(wait_for, watch, 1))
    serve.kill()
    await happen(plant, 20)
    Command.start(serve)
    await happen(plant, 1)

    def newest() -> bool:
        return bool(lines(watch)[-1]["offset"] == 24)

    await asyncio.to_thread(servers.until, newest, deadline_s=40, what="the newest event")
    seen = [line["offset"] for line in lines(watch) if "snapshot" not in line]
    assert seen == list(range(25 - len(seen), 25))
    assert len(seen) >= 21
    assert before >= 1
    assert "connecting again" in watch.errors()


async def test_watch_from_an_offset_prints_everything_after_it(
    plant: str, fengsui: Callable[..., Any]
) -> None:
    token = await beacons.token(plant)
    serve: Serve = await asyncio.to_thread(beacons.start_api, fengsui, plant)
    await happen(plant, 5)
    async with beacons.client(serve, token) as client:
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        epoch = (await client.next("subscribed"))["epoch"]
    port = serve.url.rpartition(":")[2]
    words = ("watch", "--port", port, "--token", token, "--from", f"{epoch}:2")
    watch: Command = fengsui(*words, wait=False)
    found = await asyncio.to_thread(wait_for, watch, 3)
    assert [line["offset"] for line in found] == [3, 4, 5]


async def test_a_consumer_that_acknowledges_goes_on_where_it_was_killed(
    plant: str, fengsui: Callable[..., Any]
) -> None:
    token = await beacons.token(plant)
    serve: Serve = await asyncio.to_thread(beacons.start_api, fengsui, plant)
    words = ("watch", "--url", serve.url, "--token", token, "--consumer", "p51", "--ack")
    first: Command = fengsui(*words, wait=False)
    await happen(plant, 1)
    await asyncio.to_thread(wait_for, first, 1)
    await happen(plant, 4)
    await asyncio.to_thread(wait_for, first, 4)

    def acknowledged() -> bool:
        with psycopg.connect(plant) as conn:
            return (
                conn.execute("select true from consumer where name = 'p51'").fetchone() is not None
            )

    await asyncio.to_thread(
        servers.until, acknowledged, deadline_s=30, what="a first acknowledgement"
    )
    first.kill()
    await happen(plant, 4)
    second: Command = fengsui(*words, wait=False)

    def newest() -> bool:
        return bool(lines(second)) and bool(lines(second)[-1]["offset"] == 9)

    await asyncio.to_thread(servers.until, newest, deadline_s=30, what="the newest event")
    printed = [line for line in lines(first) + lines(second) if "snapshot" not in line]
    seen = {line["offset"] for line in printed}
    assert seen >= set(range(min(seen), 10))
    offsets = [line["offset"] for line in lines(second)]
    assert offsets == list(range(offsets[0], 10))


async def test_a_watch_cut_off_within_a_snapshot_asks_for_the_snapshot_again() -> None:
    asked: list[object] = []
    again = asyncio.Event()

    async def platform(socket: ServerConnection) -> None:
        """Break the first snapshot off; see what is asked for then, and after its end."""
        asked.append(json.loads(await socket.recv())["from"])
        place = {"sub": "watch", "epoch": "E", "offset": 9}
        event = {"op": "event", "offset": 0, "prev": 0, "snapshot": True, "event": {}}
        await socket.send(json.dumps({"op": "subscribed", "recovered": True, **place}))
        await socket.send(json.dumps({"op": "snapshot_begin", **place}))
        await socket.send(json.dumps(event))
        if len(asked) == 2:
            await socket.send(json.dumps({"op": "snapshot_end", **place}))
        if len(asked) == 3:
            again.set()

    said: list[str] = []
    async with serve_websocket(
        platform, "127.0.0.1", 0, subprotocols=[Subprotocol(PROTOCOL)]
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        wish = Wish(url=f"http://127.0.0.1:{port}", token="x")
        watching = asyncio.create_task(Watch(wish, say=said.append, tell=lambda _: None).run())
        async with asyncio.timeout(20):
            await again.wait()
        watching.cancel()
        await asyncio.wait([watching])
    assert asked == ["snapshot", "snapshot", {"epoch": "E", "offset": 9}]
    assert json.loads(said[0])["snapshot"] is True


async def test_a_watch_prints_once_what_a_break_makes_come_again() -> None:
    asked: list[dict[str, Any]] = []
    whole = asyncio.Event()

    async def platform(socket: ServerConnection) -> None:
        """Break off after two events of which none counts as acknowledged."""
        asked.append(json.loads(await socket.recv()))
        last = 3 if len(asked) > 1 else 2
        place = {"sub": "watch", "epoch": "E", "offset": 0}
        await socket.send(json.dumps({"op": "subscribed", "recovered": True, **place}))
        for n in range(1, last + 1):
            await socket.send(json.dumps({"op": "event", "offset": n, "prev": n - 1, "event": {}}))
        if last == 3:
            await socket.send(json.dumps({"op": "heartbeat", "head": 9, "prev": 9}))
            await socket.recv()  # another `subscribe` after the gap
            whole.set()

    said: list[str] = []
    async with serve_websocket(
        platform, "127.0.0.1", 0, subprotocols=[Subprotocol(PROTOCOL)]
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        wish = Wish(
            url=f"http://127.0.0.1:{port}", token="x", consumer="c", filter={"tier_min": "red"}
        )
        watching = asyncio.create_task(Watch(wish, say=said.append, tell=lambda _: None).run())
        async with asyncio.timeout(20):
            await whole.wait()
        watching.cancel()
        await asyncio.wait([watching])
    assert [json.loads(line)["offset"] for line in said] == [1, 2, 3]
    assert [each["from"] for each in asked] == [{"consumer": "c"}] * 2
    assert asked[0]["filter"] == {"tier_min": "red"}


async def test_watch_with_a_wrong_token_says_so_and_ends(
    plant: str, fengsui: Callable[..., Any]
) -> None:
    serve: Serve = await asyncio.to_thread(beacons.start_api, fengsui, plant)
    watch: Command = fengsui("watch", "--url", serve.url, "--token", "fs_wrong", wait=False)
    assert await asyncio.to_thread(watch.wait) == 1
    assert "token" in watch.errors()
    assert len(watch.errors().splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--token", "x", "--ack"),
        ("--token", "x", "--token-file", __file__),
        ("--token", "x", "--url", "http://127.0.0.1:1", "--port", "1"),
        ("--token", "x", "--port", "0"),
    ],
)
async def test_watch_with_wrong_words_exits_2(
    fengsui: Callable[..., Any], words: tuple[str, ...]
) -> None:
    watch: Command = fengsui("watch", *words, wait=False)
    assert await asyncio.to_thread(watch.wait) == 2


def run(database: str, *words: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "fengsui", *words],
        env={"FENGSUI_DATABASE_URL": database, "PATH": "/usr/bin:/bin", "HOME": "/tmp"},
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_a_token_is_printed_once_listed_and_revoked(plant: str) -> None:
    words = ("token", "create", "--name", "province", "--scope", "510000", "--json")
    made = await asyncio.to_thread(run, plant, *words)
    assert made.returncode == 0, made.stderr
    document = json.loads(made.stdout)
    assert document["token"].startswith("fs_")
    listed = await asyncio.to_thread(run, plant, "token", "list", "--json")
    assert document["token"] not in listed.stdout
    assert json.loads(listed.stdout)["items"][0]["state"] == "valid"
    assert (await asyncio.to_thread(run, plant, "token", "revoke", "province")).returncode == 0
    listed = await asyncio.to_thread(run, plant, "token", "list", "--json")
    assert json.loads(listed.stdout)["items"][0]["state"] == "revoked"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("token", "create", "--name", "x", "--scope", "nothing"), 1),
        (("token", "create", "--name", "x", "--scope", "all", "--role", "king"), 2),
        (("token", "create", "--name", "x"), 2),
        (("token", "revoke", "x"), 1),
        (("user", "create", "x", "--scope", "all", "--role", "operator"), 1),
        (("user", "disable", "x"), 1),
    ],
)
async def test_wrong_words_get_one_clear_sentence(
    plant: str, words: tuple[str, ...], code: int
) -> None:
    done = await asyncio.to_thread(run, plant, *words, given="short\n")
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


async def test_an_account_is_opened_and_disabled(plant: str) -> None:
    words = ("user", "create", "王工", "--scope", "510603", "--role", "operator")
    made = await asyncio.to_thread(run, plant, *words, given="ten characters and more\n")
    assert made.returncode == 0, made.stderr
    again = await asyncio.to_thread(run, plant, *words, given="ten characters and more\n")
    assert again.returncode == 1
    assert (await asyncio.to_thread(run, plant, "user", "disable", "王工")).returncode == 0
    listed = await asyncio.to_thread(run, plant, "user", "list", "--json")
    assert json.loads(listed.stdout)["items"][0]["disabled"] is True
