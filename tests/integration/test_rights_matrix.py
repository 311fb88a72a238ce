"""Every door for every role, scope and credential: tests.rights says what must be, this asks."""

import base64
import binascii
import re
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from alarms.storage import connection
from api import app as apps
from ingest import preview
from tests import asgi, rights_world
from tests.asgi import Answer
from tests.databases import Databases
from tests.rights import BODIES, OWN, RIGHTS, ROLES, SCOPES, Right
from tests.rights_world import NOBODY, Caller, World

pytestmark = pytest.mark.asyncio(loop_scope="module")
DOORS = [door for door in RIGHTS if not door.startswith("SOCKET")]
TABLE_ROW = "insert into warning_table values (%s, '{\"rows\": []}', now()) on conflict do nothing"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """One plant for the whole matrix, and the app in this process."""
    name = databases.create()
    folder: Path = tmp_path_factory.mktemp("rights")
    app = apps.create(
        databases.address(name), entrance=rights_world.entrance(folder), preview=preview.preview
    )
    async with asgi.running(app):
        yield await rights_world.built(app, databases.address(name))
    databases.drop(name)


@pytest.mark.parametrize("door", DOORS)
async def test_a_door_opens_to_whom_the_table_says_and_tells_nothing_foreign(
    world: World, door: str
) -> None:
    right = RIGHTS[door]
    faults = []
    for caller in world.callers:
        faults += await _cell(world, right, caller)
    assert faults == []


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
    if changes:
        places, headers = await _prepared(world, right.door, caller, places)
    sent = [*map(str, places.values()), *re.findall(r"[A-Z]+-1", str(body))]
    query = {"dry_run": "true"} if right.door == "POST registry" else None
    if right.door == "GET journal":
        query = {"from": f"{world.app.state.service.feed.epoch}:0", "limit": "1000"}
    return await world.ask(right.door, headers, places, body, query), sent


async def _prepared(
    world: World, door: str, caller: Caller, places: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Put there what a call that is let through takes away."""
    headers = caller.headers
    async with await connection.connect(world.url) as conn:
        match door:
            case "DELETE warning-tables/{region}":
                await conn.execute(TABLE_ROW, (places["region"],))
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
