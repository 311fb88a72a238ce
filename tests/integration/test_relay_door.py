"""The upper end of a relay, spoken to frame by frame: what it takes, what it refuses, its place."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import jsonschema
import pytest

from alarms import towers as path
from alarms.storage import connection, relays
from alarms.towers import Tower
from api import examples, relay_frames, schemas
from tests import beacons, towers
from tests.beacons import Client, Document, House
from tests.databases import Databases


@pytest.fixture(scope="module")
def province(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A tower that watches nothing itself."""
    with towers.tower(databases, tmp_path_factory.mktemp("door"), watches=False) as made:
        yield made


def a_tower() -> Tower:
    return Tower(id=secrets.token_hex(8), name="a tower below")


def an_alarm(below: Tower, **members: Any) -> Document:
    """Return an alarm of a tower as it leaves it."""
    name = f"01{secrets.token_hex(12).upper()}"
    return path.departing({**examples.ALARM, "id": name, "rev": 1, **members}, below)


def bring(offset: int, document: Document, **members: Any) -> Document:
    event = {**examples.CLOUD_EVENT, "data": document}
    return {"op": "event", "offset": offset, "event": event, **members}


@asynccontextmanager
async def met(
    province: House, below: Tower, *, scope: str = "all", epoch: str = "e1", **hello: Any
) -> AsyncIterator[tuple[Client, Document]]:
    """Open a relay's socket; give it and the welcome."""
    token = await province.token(scope, "tower")
    async with beacons.client(province.serve, token, path=relay_frames.PATH) as socket:
        said = {"tower": {"id": below.id, "name": below.name}, "epoch": epoch, "head": 9, **hello}
        await socket.send(op="hello", **said)
        welcome = await socket.next("welcome")
        jsonschema.validate(welcome, schemas.standing_alone("RelayWelcome"))
        yield socket, welcome


async def test_a_place_is_kept_for_each_epoch_and_a_new_tower_has_none(province: House) -> None:
    below = a_tower()
    async with met(province, below) as (socket, welcome):
        assert welcome["after"] is None
        await socket.send(**bring(3, an_alarm(below), snapshot=True))
        assert (await socket.next("taken"))["offset"] == 3
    async with met(province, below) as (socket, welcome):
        assert welcome["after"] is None, "what was open before is no place"
        await socket.send(**bring(7, an_alarm(below)))
        assert (await socket.next("taken"))["offset"] == 7
    async with met(province, below) as (socket, welcome):
        assert welcome["after"] == {"epoch": "e1", "offset": 7}
        await socket.send(op="beat", offset=9, head=9)
        assert (await socket.next("taken"))["offset"] == 9
    async with met(province, below, epoch="e2") as (socket, welcome):
        assert welcome["after"] == {"epoch": "e1", "offset": 9}


async def test_a_revision_counts_once_and_a_gap_between_revisions_is_allowed(
    province: House,
) -> None:
    below = a_tower()
    alarm = an_alarm(below)
    async with met(province, below) as (socket, _):
        for offset, rev in enumerate((1, 1, 4, 2, 4, 5), start=1):
            await socket.send(**bring(offset, alarm | {"rev": rev}))
        while (await socket.next("taken"))["offset"] < 6:
            pass
    assert [row.rev for row in await towers.journal(province, alarm["id"])] == [1, 4, 5]


async def test_what_has_been_here_or_lives_elsewhere_is_refused_by_name_and_told_again(
    province: House,
) -> None:
    below, other = a_tower(), a_tower()
    async with await province.http() as http:
        here = Tower(**(await http.get("tower")).json())
    circle = path.departing(an_alarm(here), below)
    mine, broken = an_alarm(below), an_alarm(below, tier="purple")
    async with met(province, other) as (socket, _):
        theirs = an_alarm(other)
        await socket.send(**bring(1, theirs))
        await socket.next("taken")
    stolen = an_alarm(below, id=theirs["id"], rev=2)
    async with met(province, below) as (socket, _):
        for offset, each in enumerate((circle, stolen, broken, mine), start=1):
            await socket.send(**bring(offset, each))
        refused = [await socket.next("refused") for _ in range(3)]
        assert [each["code"] for each in refused] == ["loop", "other_origin", "bad_event"]
        jsonschema.validate(refused[0], schemas.standing_alone("RelayRefused"))
        while (await socket.next("taken"))["offset"] < 4:
            pass
    assert len(await towers.journal(province, mine["id"])) == 1
    assert [row.rev for row in await towers.journal(province, theirs["id"])] == [1]
    async with met(province, below, refused=1) as (socket, _):
        again = [await socket.next("refused") for _ in range(2)]
        assert again == refused[1:]


async def test_what_is_asked_is_sent_until_it_is_answered(province: House) -> None:
    below = a_tower()
    alarm = an_alarm(below)
    async with met(province, below) as (socket, _):
        await socket.send(**bring(1, alarm))
        await socket.next("taken")
        async with await province.http("51", "duty") as http:
            for note in ("一", "二"):
                answer = await http.post(f"alarms/{alarm['id']}/receipt", json={"note": note})
                assert answer.status_code == 202
        first = [await socket.next("command") for _ in range(2)]
        jsonschema.validate(first[0], schemas.standing_alone("RelayAsk"))
        assert [each["note"] for each in first] == ["一", "二"]
        assert (first[0]["rev"], first[0]["level"]) == (1, None)
        await socket.send(op="done", number=first[0]["number"], status=200)
        await socket.send(op="beat", offset=1, head=1)
        await socket.next("taken")
    async with met(province, below) as (socket, _):
        assert await socket.next("command") == first[1]


async def test_a_command_is_carried_out_once_however_often_it_comes(database: str) -> None:
    async with await connection.connect(database) as conn:
        await conn.execute(
            "insert into relay (name, url, token, escalated_only, level, created_by, created_at,"
            " epoch, log_offset) values ('r', 'u', 't', false, 'city', 'z', now(), 'e', 0)"
        )
        ((relay,),) = await (await conn.execute("select id from relay")).fetchall()
        asked = [("a", 1), ("a", 1), ("a", 2), ("a", 1), ("b", 1), ("b", 1)]
        done = [
            await relays.begin_command(conn, relay, epoch=epoch, number=number)
            for epoch, number in asked
        ]
    assert done == [True, False, True, False, True, False]


@pytest.mark.parametrize(
    "frame",
    [
        "no JSON",
        '{"op": "subscribe"}',
        '{"op": "event", "offset": -1, "event": {}}',
        '{"op": "hello", "tower": {"id": "", "name": ""}, "epoch": "e", "head": 0}',
    ],
)
async def test_a_frame_of_another_tongue_ends_the_meeting(province: House, frame: str) -> None:
    async with met(province, a_tower()) as (socket, _):
        await socket.socket.send(frame)
        assert await socket.closed() == 4400


async def test_an_event_that_says_nothing_is_refused_and_the_meeting_goes_on(
    province: House,
) -> None:
    below = a_tower()
    async with met(province, below) as (socket, _):
        alarm = an_alarm(below)
        nul = bring(0, alarm | {"name": "a\0b"})["event"]
        acks = alarm["acks"] | {"\0": None}
        for offset, event in enumerate(
            ([], {"type": "x", "data": {}}, {"data": 1}, nul, bring(0, alarm | {"acks": acks})),
            start=1,
        ):
            await socket.send(op="event", offset=offset, event=event)
            assert (await socket.next("refused"))["code"] == "bad_event"
        await socket.send(**bring(8, alarm, note="a\0b"))
        assert (await socket.next("refused"))["offset"] == 8
        await socket.send(op="event", offset=9, event={})
        while (await socket.next("taken"))["offset"] < 9:
            pass
