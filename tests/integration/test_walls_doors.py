"""What is read for a caller, at every door, is read behind the second wall."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, NamedTuple

import pytest
import pytest_asyncio
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from alarms.storage import connection
from api import app as apps
from tests import asgi
from tests.rights import OWN, RIGHTS
from tests.rights_world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Seen(NamedTuple):
    """Whether a transaction read as its connection's owner, and what its scope was at its end."""

    as_owner: bool
    scope: str


class Watched:
    """The pool of a service, whose transactions say at their end who they were."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self.seen: list[Seen] = []
        self._pool = pool

    @asynccontextmanager
    async def connection(self, timeout: float) -> AsyncIterator[AsyncConnection]:  # noqa: ASYNC109
        """Give a connection as the pool does."""
        async with self._pool.connection(timeout=timeout) as conn:
            try:
                yield conn
            finally:
                found = await conn.execute(
                    """
                    select current_user = session_user,
                           concat(current_setting('fengsui.scope', true),
                                  current_setting('fengsui.region', true),
                                  current_setting('fengsui.enterprise', true))
                    """
                )
                row = await found.fetchone()
                assert row is not None
                self.seen.append(Seen(*row))


OWNERS: Final = {
    "GET authority/revocations.pem": "whole for everybody known: serial numbers only",
    "GET readyz": "asks nobody who they are",
    "GET metrics": "asks nobody who they are",
}
"""Doors behind which the owner reads, and why."""
READ_NOTHING: Final = {
    *("GET rules", "GET session", "GET healthz", "GET authority/ca.pem"),
    *("GET session/ways", "GET session/oidc", "GET session/oidc/callback"),
}
GETS: Final = [door for door in RIGHTS if door.startswith("GET ")]
READS: Final = [*GETS, "POST gateways/{gateway_id}/preview"]
BEHIND: Final = {
    code: Seen(as_owner=False, scope=said)
    for code, said in (("510600", "5106"), (OWN, OWN), ("all", "all"))
}
"""What a transaction says at its end that reads for one of these scopes."""


@asynccontextmanager
async def watching(world: World) -> AsyncIterator[Watched]:
    """Watch the transactions of a world's app, which has found out that the wall stands."""
    await world.ask("GET enterprises", world.caller("viewer", "all").headers, {})
    service = world.app.state.service
    pool = service.pool
    service.pool = Watched(pool)
    try:
        yield service.pool
    finally:
        service.pool = pool


@pytest_asyncio.fixture(loop_scope="module")
async def watched(world: World) -> AsyncIterator[Watched]:
    """The transactions of the world's app."""
    async with watching(world) as found:
        yield found


@pytest.mark.parametrize("scope", BEHIND)
@pytest.mark.parametrize("door", READS)
async def test_every_read_of_a_door_is_behind_the_wall(
    world: World, watched: Watched, door: str, scope: str
) -> None:
    headers = world.caller("administrator", scope).headers
    epoch = world.app.state.service.feed.epoch
    query = {"from": f"{epoch}:0"} if door == "GET journal" else None
    body = {"sample": {"values": {"T1": 1.0}}} if door.startswith("POST") else None
    answer = await world.ask(door, headers, world.places, body, query)
    assert answer.status < 500 or door == "GET readyz", answer.text
    wanted = Seen(as_owner=True, scope="") if door in OWNERS else BEHIND[scope]
    reads = door not in READ_NOTHING
    if answer.status == 403:
        assert set(watched.seen) <= {wanted}
    else:
        assert set(watched.seen) == ({wanted} if reads else set())


SOCKETS: Final[dict[str, tuple[Any, str]]] = {
    "alarms": ({"op": "subscribe", "sub": "s", "from": "snapshot"}, "snapshot_end"),
    "values": ({"op": "subscribe", "under": "510600"}, "points"),
    f"gateways/gw-{OWN}/payloads": (None, "watching"),
}


@pytest.mark.parametrize("scope", BEHIND)
@pytest.mark.parametrize("path", SOCKETS)
async def test_every_read_of_a_socket_is_behind_the_wall(
    world: World, watched: Watched, path: str, scope: str
) -> None:
    frame, answer = SOCKETS[path]
    headers = world.caller("viewer", scope).headers
    async with asgi.socket(world.app, f"/ws/v1/{path}", headers) as socket:
        if frame is not None:
            await socket.send(**frame)
        assert await socket.next(answer) is not None
    assert set(watched.seen) == {BEHIND[scope]}


FOREIGN: Final = 2_500
"""Events of somebody else in a row: more than is read at once."""
AGAIN: Final = """
    insert into journal (log_offset, alarm_id, rev, type, kind, tier, region, enterprise, source,
                         t_event, t_received, t_committed, data, hash)
    select head.log_offset + n, alarm_id, head.log_offset + n, type, kind, tier, region, enterprise,
           source, t_event, t_received, t_committed, data, ''
      from (select * from journal where enterprise = %(enterprise)s and kind = 'limit'
             order by log_offset limit 1) old, journal_head head, generate_series(1, %(many)s) n
"""
MOVE: Final = "update journal_head set log_offset = (select max(log_offset) from journal)"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def later(world: World) -> AsyncIterator[World]:
    """A server that starts after many events of a foreign enterprise, one of OWN, and many more."""
    async with await connection.connect(world.url) as conn:
        for enterprise, many in (("CHARLY-1", FOREIGN), (OWN, 1), ("CHARLY-1", FOREIGN)):
            await conn.execute(AGAIN, {"enterprise": enterprise, "many": many})
            await conn.execute(MOVE)
    app = apps.create(world.url)
    async with asgi.running(app):
        yield replace(world, app=app)


async def test_a_poll_passes_over_what_is_not_its_callers(later: World) -> None:
    feed = later.app.state.service.feed
    headers = later.caller("viewer", OWN).headers
    place, told = f"{feed.epoch}:0", []
    for _ in range(3):
        query = {"from": place, "limit": "1000"}
        answer = (await later.ask("GET journal", headers, {}, query=query)).json()
        told += [item["event"]["data"]["enterprise"] for item in answer["items"]]
        place = answer["next"]
    assert place == f"{feed.epoch}:{feed.head}"
    assert set(told) == {OWN}


async def test_a_poll_with_nothing_of_its_callers_ends_at_the_head(later: World) -> None:
    feed = later.app.state.service.feed
    headers = later.caller("viewer", "BRAVO-1").headers
    query = {"from": f"{feed.epoch}:{feed.head - FOREIGN}", "wait": "0.5"}
    async with watching(later) as watched:
        answer = (await later.ask("GET journal", headers, {}, query=query)).json()
    assert answer["items"] == []
    assert answer["next"] == f"{feed.epoch}:{feed.head}"
    assert len(watched.seen) <= FOREIGN // 1_000 + 4  # it waits, and does not ask again and again


async def test_a_socket_far_behind_is_led_past_what_is_not_its_callers(later: World) -> None:
    feed = later.app.state.service.feed
    headers = later.caller("viewer", OWN).headers
    seen = []
    async with (
        watching(later) as watched,
        asgi.socket(later.app, "/ws/v1/alarms", headers) as socket,
    ):
        await socket.send(op="subscribe", sub="s", **{"from": f"{feed.epoch}:0"})
        while (frame := await socket.next("event", "caught_up")) is not None:
            if frame["op"] == "caught_up":
                break
            seen.append(frame["event"]["data"]["enterprise"])
    assert frame is not None
    assert frame["offset"] == feed.head
    assert set(seen) == {OWN}
    assert len(seen) > 1
    assert set(watched.seen) == {BEHIND[OWN]}
