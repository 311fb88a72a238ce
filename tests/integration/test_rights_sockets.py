"""Every socket and op for every role, scope and credential, as tests.rights says."""

import json
from contextlib import AbstractAsyncContextManager

import pytest

from api import connection
from tests import asgi, rights_world
from tests.asgi import Frame, Socket
from tests.rights import ENTERPRISES, OWN, RIGHTS, ROLES, SCOPES, foreign_to
from tests.rights_world import NOBODY, Caller, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
ACTIONS = [door.rpartition("/")[2] for door in RIGHTS if door.startswith("POST alarms/{alarm_id}/")]
KINDS = ("token", "session")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
async def test_a_command_over_the_socket_is_let_through_as_over_rest(
    world: World, role: str, kind: str
) -> None:
    found = [await _commands(world, world.caller(role, scope, kind)) for scope in SCOPES]
    assert [fault for faults in found for fault in faults] == []


async def _commands(world: World, caller: Caller) -> list[str]:
    """Send every command for a real alarm, a drill's and none; return what is wrong."""
    faults = []
    async with _open(world, "alarms", caller) as socket:
        for action in ACTIONS:
            right = RIGHTS[f"POST alarms/{{alarm_id}}/{action}"]
            hidden = right.hidden_from(caller.scope)
            answers = {}
            for name in ("alarm_id", "drill", "nowhere"):
                alarm = world.places.get(name, NOBODY["alarm_id"])
                answers[name] = await _command(socket, action, alarm)
                lets = right.lets(caller.role, caller.scope, simulated=name == "drill")
                wanted = 404 if hidden or name == "nowhere" else int(right.answer) if lets else 403
                if answers[name]["status"] != wanted or answers[name]["ok"]:
                    faults.append(f"{caller.scope} {action} {name}: {answers[name]}")
            if hidden and answers["alarm_id"] != answers["nowhere"]:
                faults.append(f"{caller.scope} {action}: {answers}")
    return faults


async def _command(socket: Socket, action: str, alarm: str) -> Frame:
    await socket.send(
        op="command", id="1", alarm=alarm, action=action, note="长" * 2_001,
        until="2099-01-01T00:00:00Z",
    )  # fmt: skip
    answer = await socket.next("result")
    assert answer is not None
    told = json.loads(json.dumps(answer, ensure_ascii=False).replace(alarm, "it"))
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("scope", SCOPES)
async def test_the_push_shows_what_the_scope_covers_from_the_first_frame_on(
    world: World, scope: str, role: str, kind: str
) -> None:
    """The snapshot, the whole log again, and what a filter for a foreign place finds."""
    caller = world.caller(role, scope, kind)
    epoch = world.app.state.service.feed.epoch
    wanted = {code for code in ENTERPRISES if code not in foreign_to(scope)}
    async with _open(world, "alarms", caller) as socket:
        for start, last in (("snapshot", "snapshot_end"), (f"{epoch}:0", "caught_up")):
            told = await _told(socket, start, last)
            seen = {frame["event"]["data"]["enterprise"] for frame in told if "event" in frame}
            assert seen - {None} == wanted
            assert (None in seen) == (scope == "all")
            _nothing_foreign(world, scope, told)
        for code in foreign_to(scope):
            for place in ({"enterprise": code}, {"region": ENTERPRISES[code]}):
                told = await _told(socket, "snapshot", "snapshot_end", **place)
                theirs = [frame for frame in told if "event" in frame]
                assert {frame["event"]["data"]["enterprise"] for frame in theirs} <= wanted - {code}
        await socket.send(op="ack", sub="a", offset=2**62)
        assert (await socket.next("error") or {})["code"] == "ack_ahead"
        await socket.send(op="unsubscribe", sub="a")
        assert await socket.next("unsubscribed") is not None
        await socket.send(op="auth", token="another")
        assert (await socket.next("error") or {})["code"] == "already_authenticated"


async def _told(socket: Socket, start: str, last: str, **wanted: str) -> list[Frame]:
    await socket.send(op="subscribe", sub="a", filter=wanted, **{"from": start})
    told: list[Frame] = []
    while not told or told[-1]["op"] != last or told[0]["op"] != "subscribed":
        frame = await socket.next()
        assert frame is not None, socket.close_code
        told += [frame] * (bool(told) or frame["op"] == "subscribed")
    return told


def _nothing_foreign(world: World, scope: str, told: list[Frame]) -> None:
    text = json.dumps(told, ensure_ascii=False)
    assert [word for word in rights_world.hidden_words(world, scope) if word in text] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("scope", SCOPES)
async def test_live_values_are_those_of_points_the_scope_covers(
    world: World, scope: str, role: str, kind: str
) -> None:
    caller = world.caller(role, scope, kind)
    points = await world.ask("GET points", world.caller("viewer", "all").headers, {})
    ids = {item["enterprise"]: item["id"] for item in points.json()["items"]}
    covered = {code for code in ENTERPRISES if code not in foreign_to(scope)}
    async with _open(world, "values", caller) as socket:
        await socket.send(op="subscribe", points=[*ids.values(), "999999"])
        assert set((await socket.next("points") or {})["ids"]) == {ids[code] for code in covered}
        for code, region in ENTERPRISES.items():
            for under in (code, f"{code}-S1", region):
                await socket.send(op="subscribe", under=under)
                told = await socket.next("points") or {}
                assert told["ids"] == ([ids[code]] if code in covered else []), under
        await socket.send(op="unsubscribe")
        await socket.send(op="auth", token="another")
        assert (await socket.next() or {})["code"] == "already_authenticated"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", ROLES)
async def test_a_gateways_messages_are_shown_within_the_scope_only(
    world: World, role: str, kind: str
) -> None:
    right = RIGHTS["SOCKET gateways/{gateway}/payloads"]
    for scope in SCOPES:
        caller = world.caller(role, scope, kind)
        ends = []
        for gateway in (f"gw-{OWN}", NOBODY["gateway"]):
            async with _open(world, f"gateways/{gateway}/payloads", caller) as socket:
                first = await socket.next() or {}
                ends.append((first.get("op"), first.get("error"), socket.close_code))
        hidden = ("error", "there is no such gateway within your scope")
        assert ends[1][:2] == hidden
        assert ends[0][:2] == (hidden if right.hidden_from(scope) else ("watching", None)), scope


@pytest.mark.parametrize("path", ["alarms", "values", f"gateways/gw-{OWN}/payloads"])
async def test_no_socket_opens_to_nobody_nor_to_what_has_ended(world: World, path: str) -> None:
    known = {name: headers for name, headers in world.ended.items() if headers}
    for name, headers in known.items():
        own_page = {**headers, "origin": "http://here", "host": "here"}
        async with asgi.socket(world.app, f"/ws/v1/{path}", own_page) as socket:
            refused = await socket.next()
            assert refused is not None
            assert (refused["op"], refused["code"]) == ("error", "unauthenticated"), name
            assert await socket.next() is None
            assert socket.close_code == 4401, name


async def test_a_session_of_another_sites_page_opens_no_socket(world: World) -> None:
    caller = world.caller("administrator", "all", "session")
    headers = {**caller.headers, "origin": "https://elsewhere.example", "host": "here"}
    async with asgi.socket(world.app, "/ws/v1/values", headers) as socket:
        assert (await socket.next() or {})["code"] == "forbidden"
        assert await socket.next() is None
        assert socket.close_code == 4403


async def test_who_opens_more_sockets_than_one_may_is_told_to_come_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of that name stay, and everybody else comes in."""
    monkeypatch.setattr(connection, "MOST_SOCKETS", 2)
    caller = world.caller("platform", "all")
    async with _open(world, "values", caller) as first, _open(world, "alarms", caller) as second:
        for each in (first, second):
            await each.send(op="unsubscribe", sub="a")
            await each.send(op="auth", token="again")
            assert await each.next("error") is not None
        async with _open(world, "values", caller) as third:
            assert (await third.next() or {})["op"] == "goaway"
            assert await third.next() is None
            assert third.close_code == 1013
        async with _open(world, "values", world.caller("viewer", "all")) as another:
            await another.send(op="auth", token="again")
            assert (await another.next() or {})["op"] == "error"
        await first.send(op="auth", token="again")
        assert (await first.next() or {})["op"] == "error"


async def test_who_asks_without_end_is_told_to_wait_and_nobody_else(world: World) -> None:
    """The bucket is emptied, and stays so: this machine may be too slow to outrun its pace."""
    caller, other = world.caller("auditor", "440305"), world.caller("auditor", "all")
    pace = world.app.state.service.pace
    name = "machine, auditor of 440305"
    while pace.wait_s(name) == 0:
        pass
    pace._left[name] = (0.0, pace._left[name][1] + 30)
    refused = await world.ask("GET session", caller.headers, {})
    assert refused.status == 429
    assert int(dict(refused.headers)["retry-after"]) >= 1
    assert (await world.ask("GET session", other.headers, {})).status == 200
    pace._left.pop(name)
    assert (await world.ask("GET session", caller.headers, {})).status == 200


def _open(world: World, path: str, caller: Caller) -> AbstractAsyncContextManager[Socket]:
    """Open a socket as a caller, from this server's own page where it is a session."""
    own_page = {**caller.headers, "origin": "http://here", "host": "here"}
    return asgi.socket(world.app, f"/ws/v1/{path}", own_page)
