"""Every door for every role, scope and credential: tests.rights says what must be, this asks."""

import asyncio
import base64
import binascii
import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pytest
from starlette.routing import WebSocketRoute

from alarms.storage import connection
from api import app as apps
from api import frames
from tests import rights_rows, rights_world
from tests.asgi import Answer
from tests.rights import BODIES, ENTERPRISES, OWN, RIGHTS, SCOPES, Right, foreign_to
from tests.rights_world import NOBODY, Caller, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOORS = [door for door in RIGHTS if not door.startswith("SOCKET")]
LISTS = {
    **dict.fromkeys(("alarms", "sources", "units", "points", "gateways"), "enterprise"),
    **dict.fromkeys(("warnings", "rejects"), "enterprise"),
    "enterprises": "code",
}
PER_ENTERPRISE = {"alarms": 2, "gateways": 2}
TABLE_ROW = "insert into warning_table values (%s, '{\"rows\": []}', now()) on conflict do nothing"


@pytest.mark.parametrize("door", DOORS)
async def test_a_door_opens_to_whom_the_table_says_and_tells_nothing_foreign(
    world: World, door: str
) -> None:
    right = RIGHTS[door]
    together = asyncio.Semaphore(1 if door.startswith("DELETE") else 4)

    async def cell(caller: Caller) -> list[str]:
        async with together:
            return await _cell(world, right, caller)

    faults = await asyncio.gather(*map(cell, world.callers))
    assert [fault for found in faults for fault in found] == []


@pytest.mark.parametrize("door", [door for door in DOORS if RIGHTS[door].reach != "public"])
async def test_a_door_is_shut_to_nobody_and_to_what_has_ended(world: World, door: str) -> None:
    body = BODIES.get(door)
    for name, headers in world.ended.items():
        for places in (world.places, {**world.places, **NOBODY}):
            answer = await world.ask(door, headers, places, body)
            assert answer.status == 401, f"{name}: {answer.status} {answer.text}"
            assert not any(word in answer.text for word in world.marks[OWN]), name


async def test_every_door_of_openapi_and_every_socket_has_its_row(world: World) -> None:
    """A route, an action, a duty or a frame nobody wrote rights down for turns this red."""
    found = set()
    for path, methods in apps.document(world.app)["paths"].items():
        for method, route in methods.items():
            door = f"{method.upper()} {path.removeprefix('/api/v1').removeprefix('/')}"
            words = [
                (each["name"], each["schema"]["enum"])
                for each in route.get("parameters", ())
                if each["in"] == "path" and "enum" in each["schema"]
            ]
            found |= {
                door.replace(f"{{{name}}}", word) for name, options in words for word in options
            } or {door}
    for socket, ops in (("alarms", frames.AlarmOp), ("values", frames.ValueOp)):
        tags = {op.__struct_config__.tag for op in get_args(ops)}
        found |= {f"SOCKET {socket} {tag}" for tag in tags}
    sockets = {each.path.removeprefix("/ws/v1/") for each in _websockets(world.app.routes)}
    assert sockets == {"alarms", "values", "relay", "gateways/{gateway}/payloads"}
    assert found | {"SOCKET relay", "SOCKET gateways/{gateway}/payloads"} == set(RIGHTS)


def _websockets(routes: Sequence[object]) -> Iterator[WebSocketRoute]:
    for route in routes:
        if isinstance(route, WebSocketRoute):
            yield route
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _websockets(inner.routes)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("path", LISTS)
async def test_pages_of_one_lead_through_what_the_scope_covers_and_no_further(
    world: World, path: str, scope: str
) -> None:
    headers = world.caller("administrator", scope).headers
    seen: list[str] = []
    query: dict[str, str] | None = {"limit": "1"}
    while query is not None:
        answer = await world.ask(f"GET {path}", headers, {}, query=query)
        assert answer.status == 200, answer.text
        seen += [item[LISTS[path]] for item in answer.json()["items"]]
        following = answer.json()["next"]
        query = None if following is None else {"limit": "1", "cursor": following}
    wanted = {code for code in ENTERPRISES if code not in foreign_to(scope)}
    system = {None} if scope == "all" and path == "alarms" else set()
    assert set(seen) == wanted | system
    assert len(seen) == PER_ENTERPRISE.get(path, 1) * len(wanted) + len(system)


@pytest.mark.parametrize("scope", SCOPES)
async def test_counts_add_up_what_the_scope_covers_and_nothing_else(
    world: World, scope: str
) -> None:
    headers = world.caller("viewer", scope).headers
    answer = await world.ask("GET regions", headers, {}, query={"used": "true"})
    many = {item["code"]: sum(item["open"].values()) for item in answer.json()["items"]}
    covered = [region for code, region in ENTERPRISES.items() if code not in foreign_to(scope)]
    wanted = {
        code: 2 * sum(region.startswith(code[:size]) for region in covered)
        for code, size in (("510000", 2), ("510600", 4), ("440000", 2), ("440300", 4))
    }
    assert {code: many.get(code, 0) for code in wanted} == wanted
    figures = (await world.ask("GET kpi", headers, {})).json()
    assert figures["points"] == len(covered)


async def test_a_gateway_id_taken_elsewhere_does_not_say_by_whom(world: World) -> None:
    headers = world.caller("enterprise", OWN).headers
    answer = await world.ask("POST gateways", headers, {}, {"id": "gw-CHARLY-1", "enterprise": OWN})
    assert answer.status == 409
    assert "CHARLY-1" not in answer.text.replace("gw-CHARLY-1", "")


async def test_an_answer_kept_for_a_repeated_call_is_not_given_under_other_rights(
    world: World,
) -> None:
    """The same name with the same key, its scope narrowed in between."""
    caller = world.caller("supervisor", "all")
    headers = {**caller.headers, "idempotency-key": secrets.token_hex(4)}
    door, places = "POST alarms/{alarm_id}/comment", {"alarm_id": world.places["drill"]}
    first = await world.ask(door, headers, places, {"note": "看过"})
    assert first.status == 200, first.text
    async with await connection.connect(world.url) as conn:
        narrowed = "update token set scope = %s where name = 'machine, supervisor of all'"
        await conn.execute(narrowed, ("440305",))
        await conn.commit()
        again = await world.ask(door, headers, places, {"note": "看过"})
        await conn.execute(narrowed, ("all",))
    assert again.status == 422
    assert not any(word in again.text for word in world.marks[OWN])


async def _cell(world: World, right: Right, caller: Caller) -> list[str]:
    """Ask once as somebody; return what is wrong with the answer."""
    lets = right.lets(caller.role, caller.scope)
    hidden = right.hidden_from(caller.scope)
    answer, sent = await _asked(world, right, caller, own=True, changes=lets and not hidden)
    who = f"{caller.role} {caller.kind} {caller.scope}: {answer.status} {answer.text[:200]}"
    faults = _leaks(world, caller, answer, sent)
    if not hidden and not lets:
        faults += ["refused was expected"] * (answer.status != 403)
    elif not hidden:
        well = answer.status == int(right.answer) and right.said in answer.text
        faults += [] if well else [f"{right.answer} {right.said} was expected"]
    else:
        wanted = {404} if lets else {403, 404}
        faults += ["404 was expected"] * (answer.status not in wanted)
        if caller.kind == "token":
            faults += await _told_apart(world, right, caller, answer)
    if not hidden and right.marks.get(caller.role) == "*":
        answer, _ = await _asked(world, right, caller, own=True, changes=True, drill=True)
        faults += ["of a drill"] * (answer.status != int(right.answer))
    return [f"{who} · {fault}" for fault in faults]


async def _told_apart(world: World, right: Right, caller: Caller, answer: Answer) -> list[str]:
    """Return how what is foreign is answered otherwise than what is nowhere."""
    twin, _ = await _asked(world, right, caller, own=False, changes=False)
    if _bare(world, answer) == _bare(world, twin):
        return []
    return [f"what is nowhere answers {twin.status} {twin.text[:200]}"]


async def _asked(
    world: World, right: Right, caller: Caller, *, own: bool, changes: bool, drill: bool = False
) -> tuple[Answer, list[str]]:
    """Ask at a door; return the answer and what was sent."""
    places = world.places if own else {**world.places, **NOBODY}
    if drill:
        places = {**places, "alarm_id": places["drill"]}
    headers, body = caller.headers, BODIES.get(right.door)
    if right.door.endswith("/revoke") and "serial" not in right.door and own:
        places = {**places, "gateway": f"gw-spare-{OWN}"}
    if not own and isinstance(body, dict):
        body = {**body, **{key: "NOBODY-1" for key in ("enterprise", "source") if key in body}}
    if right.door == "PUT channels/{name}":
        places = {**places, "name": f"of-{caller.scope.lower()}"}
    if changes:
        places, headers = await _prepared(world, right.door, caller, places)
    named = [str(places[name]) for name in re.findall(r"{(\w+)}", right.door)]
    sent = [word for word in (*named, *re.findall(r"[A-Z]+-1", str(body))) if len(word) > 5]
    query = {"dry_run": "true"} if right.door == "POST registry" else None
    if right.door == "GET journal":
        query = {"from": f"{world.app.state.service.feed.epoch}:0", "limit": "1000"}
    return await world.ask(right.door, headers, places, body, query), sent


async def _prepared(
    world: World, door: str, caller: Caller, places: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Put there what a call that is let through takes away."""
    headers = caller.headers
    # The app's own connections: one made for each of thousands of calls costs more than the call.
    async with world.app.state.service.pool.connection() as conn:
        match door:
            case "DELETE warning-tables/{region}":
                await conn.execute(TABLE_ROW, (places["region"],))
            case "DELETE notification-tables/{region}":
                await conn.execute(
                    TABLE_ROW.replace("warning", "notification"), (places["region"],)
                )
            case "DELETE channels/{name}":
                places = {**places, "name": secrets.token_hex(4)}
                await conn.execute(rights_rows.CHANNEL, places)
            case "GET rosters/{place}" | "DELETE rosters/{place}":
                await conn.execute(rights_rows.ROSTER, places)
            case "DELETE webhooks/{webhook}":
                made = await conn.execute(
                    """
                    insert into webhook (name, url, secret, filter, scope, region, created_by,
                                         created_at, epoch, log_offset)
                    values (%s, 'u', 's', '{}', '510603', '510603', 'x', now(), 'e', 0) returning id
                    """,
                    (secrets.token_hex(4),),
                )
                (webhook,) = await made.fetchone() or (0,)
                places = {**places, "webhook": str(webhook)}
            case "DELETE relays/{relay}":
                made = await conn.execute(rights_rows.RELAY, {"name": secrets.token_hex(4)})
                (relay,) = await made.fetchone() or (0,)
                places = {**places, "relay": str(relay)}
            case "DELETE session" if caller.kind == "session":
                session = secrets.token_hex(16)
                await rights_world.open_session(
                    conn, session, f"{caller.role} of {caller.scope.lower()}"
                )
                headers = {**headers, "cookie": f"fengsui_session={session}"}
    return places, headers


def _leaks(world: World, caller: Caller, answer: Answer, sent: list[str]) -> list[str]:
    """Return what an answer tells of what its reader's scope does not cover."""
    told = " ".join([answer.text, *map(str, answer.headers), *_cursors(answer)])
    for word in sorted(sent, key=len, reverse=True):
        told = told.replace(word, "")
    return [
        f"tells {word}" for word in rights_world.hidden_words(world, caller.scope) if word in told
    ]


def _cursors(answer: Answer) -> list[str]:
    """Return what the cursors of an answer stand for."""
    found = []
    for cursor in re.findall(r'"next":"([^"]+)"', answer.text):
        try:
            found.append(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode())
        except (binascii.Error, UnicodeDecodeError):
            found.append(cursor)
    return found


def _bare(world: World, answer: Answer) -> tuple[int, str, list[tuple[str, str]]]:
    """Return an answer without what things are called in it."""
    text = answer.text
    names = {
        *map(str, world.places.values()),
        *NOBODY.values(),
        OWN,
        f"gw-spare-{OWN}",
        "NOBODY-1",
        f"{OWN}-S1",
    }
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "it")
    headers = [pair for pair in answer.headers if pair[0] != "content-length"]
    return answer.status, text, headers
