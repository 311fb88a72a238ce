"""Alarms in the record: one open a rule and subject, every step in the journal, in commit order."""

import asyncio
import json
from collections.abc import AsyncIterator

import psycopg
import pytest
from psycopg import AsyncConnection

from alarms import instants, scope
from alarms.alarm import State, Tier, Transition
from alarms.errors import ConflictError, NotFoundError
from alarms.lifecycle import Action, Deed
from alarms.storage import alarms, connection, journal, retention
from tests.integration.alarm_rows import NOON, SECOND, apply, event


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database, autocommit=True) as conn:
        yield conn


async def story(conn: AsyncConnection) -> list[tuple[int, str, int]]:
    rows = await journal.after(conn, 0, limit=1000)
    return [(row.log_offset, row.type, row.rev) for row in rows]


def acknowledge(by: str = "wang", seen: int | None = None) -> Action:
    return Action(kind=Deed.acknowledge, actor=by, seen_rev=seen)


async def test_each_step_is_one_row_with_the_next_rev_and_offset(conn: AsyncConnection) -> None:
    await apply(
        conn,
        event(Transition.raised, 0),
        event(Transition.tier_up, 5, tier=Tier.orange),
        event(Transition.returned, 60),
    )
    rows = await journal.after(conn, 0, limit=10)
    async with conn.transaction():
        closed = await alarms.act(
            conn, rows[0].alarm_id, acknowledge(), scope=scope.ALL, now=NOON + 200 * SECOND
        )
    assert closed.state is State.NORM
    assert await story(conn) == [
        (1, "raised", 1),
        (2, "tier_up", 2),
        (3, "returned", 3),
        (4, "acknowledged", 4),
        (5, "closed", 5),
    ]
    assert (await journal.head(conn)).offset == 5


async def test_the_database_itself_refuses_a_second_open_occurrence(conn: AsyncConnection) -> None:
    await apply(conn, event(Transition.raised, 0))
    with pytest.raises(psycopg.errors.UniqueViolation):
        await conn.execute(
            """
            insert into alarm (id, key, rule, rev, kind, tier, state, active, simulated, t_raised,
                               record)
            select 'other', key, rule, 1, kind, tier, state, active, simulated, t_raised, record
              from alarm
            """
        )


async def test_nobody_acts_outside_their_scope(conn: AsyncConnection) -> None:
    await apply(conn, event(Transition.raised, 0))
    (row,) = await journal.after(conn, 0, limit=10)
    for foreign in (scope.of_region("320000"), scope.of_enterprise("E2")):
        with pytest.raises(NotFoundError):
            async with conn.transaction():
                await alarms.act(conn, row.alarm_id, acknowledge(), scope=foreign, now=NOON)
    assert len(await story(conn)) == 1


async def test_an_acknowledgement_that_saw_less_than_the_newest_raise_is_refused(
    conn: AsyncConnection,
) -> None:
    await apply(conn, event(Transition.raised, 0), event(Transition.tier_up, 5, tier=Tier.red))
    row = (await journal.after(conn, 0, limit=10))[0]
    with pytest.raises(ConflictError):
        async with conn.transaction():
            await alarms.act(conn, row.alarm_id, acknowledge(seen=1), scope=scope.ALL, now=NOON)


async def test_a_late_occurrence_within_a_closed_one_is_told_once(conn: AsyncConnection) -> None:
    await apply(conn, event(Transition.raised, 0), event(Transition.returned, 60))
    (row, _) = await journal.after(conn, 0, limit=10)
    async with conn.transaction():
        await alarms.act(conn, row.alarm_id, acknowledge(), scope=scope.ALL, now=NOON)
    before = await story(conn)
    await apply(conn, event(Transition.late, 10, until_s=20))
    assert await story(conn) == before
    await apply(conn, event(Transition.late, 90, until_s=95))
    assert [kind for _, kind, _ in await story(conn)][len(before) :] == ["late"]


async def test_a_late_occurrence_that_touches_a_closed_one_is_its_next_revision(
    conn: AsyncConnection,
) -> None:
    await apply(conn, event(Transition.raised, 10), event(Transition.returned, 60))
    (row, _) = await journal.after(conn, 0, limit=10)
    async with conn.transaction():
        await alarms.act(conn, row.alarm_id, acknowledge(), scope=scope.ALL, now=NOON)
    await apply(conn, event(Transition.raised, 200))
    longer = [
        event(Transition.late, 5, until_s=20),
        event(Transition.late, 50, until_s=70),
    ]
    await apply(conn, *longer, event(Transition.returned, 230))
    rows = (await journal.after(conn, 0, limit=100))[-3:]
    assert [(each.type, each.rev, each.alarm_id == row.alarm_id) for each in rows] == [
        ("late", 5, True),
        ("late", 6, True),
        ("returned", 2, False),
    ]
    closed = await alarms.get(conn, row.alarm_id, scope=scope.ALL)
    assert (closed.t_raised, closed.t_returned) == (NOON + 5 * SECOND, NOON + 70 * SECOND)
    assert closed.state is State.NORM


async def test_one_occurrence_is_open_however_many_raise_it_at_once(database: str) -> None:
    async def write() -> None:
        async with await connection.connect(database, autocommit=True) as conn:
            for at_s in range(0, 20, 2):
                await apply(conn, event(Transition.raised, at_s))

    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(write())
    async with await connection.connect(database, autocommit=True) as conn:
        assert await story(conn) == [(1, "raised", 1)]


async def test_an_alarm_acknowledged_each_time_still_shows_that_it_chatters(
    conn: AsyncConnection,
) -> None:
    for at_s in (0, 20, 40):
        await apply(conn, event(Transition.raised, at_s))
        row = (await journal.after(conn, 0, limit=100))[-1]
        async with conn.transaction():
            await alarms.act(conn, row.alarm_id, acknowledge(), scope=scope.ALL, now=NOON)
        await apply(conn, event(Transition.returned, at_s + 15))
    rows = await journal.after(conn, 0, limit=100)
    assert len({row.alarm_id for row in rows}) == 3
    labels = [json.loads(row.document)["nuisance"] for row in rows if row.type == "returned"]
    assert labels == ["none", "none", "chattering"]


async def test_what_is_due_is_journaled_at_its_time_whoever_asks(
    conn: AsyncConnection, database: str
) -> None:
    rung = NOON + 100 * SECOND
    await apply(conn, event(Transition.raised, 0, tier=Tier.red))
    for minutes, entries in ((1, 1), (1, 0), (3, 1), (9, 0), (10, 1), (99, 0)):
        async with await connection.connect(database) as other:
            now = rung + minutes * 60 * SECOND
            assert await alarms.due(other, now=now) == entries
    rows = (await journal.after(conn, 0, limit=10))[1:]
    assert [row.type for row in rows] == ["escalated"] * 3
    assert [row.org_level for row in rows] == ["site", "county", "city"]
    assert [row.t_event.timestamp() * 1e6 - rung for row in rows] == [
        60 * SECOND,
        180 * SECOND,
        600 * SECOND,
    ]


async def test_offsets_follow_commits_however_many_write(database: str) -> None:
    async def write(tag: str) -> None:
        async with await connection.connect(database, autocommit=True) as conn:
            for at_s in range(0, 40, 2):
                await apply(
                    conn,
                    event(Transition.raised, at_s, tag=tag),
                    event(Transition.returned, at_s + 1, tag=tag),
                )

    seen: list[int] = []

    async def read() -> None:
        async with await connection.connect(database, autocommit=True) as conn:
            while len(seen) < 4 * 40:
                newest = seen[-1] if seen else 0
                seen.extend(row.log_offset for row in await journal.after(conn, newest, limit=7))

    async with asyncio.TaskGroup() as group:
        group.create_task(read())
        for tag in ("A", "B", "C", "D"):
            group.create_task(write(tag))
    assert seen == list(range(1, 161))


async def test_the_journal_goes_on_into_its_next_piece(conn: AsyncConnection) -> None:
    await conn.execute("update journal_head set log_offset = %s", (journal.PIECE_ROWS - 2,))
    await apply(conn, *(event(Transition.raised, s, tag=f"T{s}") for s in range(4)))
    offsets = [offset for offset, *_ in await story(conn)]
    assert offsets == [journal.PIECE_ROWS + n for n in (-1, 0, 1, 2)]
    kept = await conn.execute(
        "select count(*) from pg_inherits where inhparent = 'journal'::regclass"
    )
    assert await kept.fetchone() == (3,), "one piece is ahead"


async def test_old_pieces_of_the_journal_leave_but_not_those_of_an_open_alarm(
    conn: AsyncConnection,
) -> None:
    await apply(conn, event(Transition.raised, 0), event(Transition.returned, 60))
    later = instants.to_datetime(NOON + 200 * SECOND)
    assert await retention.drop_journal(conn, later) == 0, "the piece that is written stays"
    await conn.execute("update journal_head set log_offset = %s", (journal.PIECE_ROWS - 1,))
    await apply(conn, event(Transition.raised, 0, tag="T2"))
    assert await retention.drop_journal(conn, later) == 0, "T1 is open: not acknowledged"
    rows = await journal.after(conn, 0, limit=1)
    async with conn.transaction():
        action = acknowledge()
        await alarms.act(conn, rows[0].alarm_id, action, scope=scope.ALL, now=NOON + 150 * SECOND)
    assert await retention.drop_journal(conn, instants.to_datetime(NOON)) == 0, "not old enough"
    assert await retention.drop_journal(conn, later) == 1
    assert (await journal.head(conn)).floor == journal.PIECE_ROWS
