"""Warnings in the record: proposed once, exactly, whatever restarts; journaled on the same log."""

import time
from typing import Any

import pytest
from psycopg import AsyncConnection

from alarms import lifecycle
from alarms.alarm import Tier, Transition
from alarms.scope import ALL
from alarms.storage import alarms, chain, connection, journal, queries, warning_tables, warnings
from alarms.warning import Action, Duty
from alarms.warning_table import WarningRule, WarningTable
from ingest.pipeline import Pipeline
from tests import beacons

S = 1_000_000


@pytest.fixture
async def plant(database: str) -> str:
    """A database with both enterprises."""
    await beacons.build(database)
    return database


async def judged(
    conn: AsyncConnection, *, now: int | None = None, before: warnings.Judged | None = None
) -> warnings.Judged:
    moment = time.time_ns() // 1000 if now is None else now
    async with conn.transaction():
        return await warnings.judge(conn, now=moment, before=before)


async def says(conn: AsyncConnection, **told: Any) -> None:
    now = time.time_ns() // 1000
    async with conn.transaction():
        await alarms.apply_events(conn, [beacons.event(**told)], now=now)


async def rows(conn: AsyncConnection) -> list[tuple[str, int, str]]:
    cursor = await conn.execute(
        "select type, rev, data::json ->> 'level' from journal where kind = 'warning'"
        " order by log_offset"
    )
    return [(type_, rev, level) for type_, rev, level in await cursor.fetchall()]


async def the_one(conn: AsyncConnection) -> str:
    cursor = await conn.execute("select id from warning where t_lifted is null")
    ((found,),) = await cursor.fetchall()
    return str(found)


async def does(conn: AsyncConnection, warning: str, duty: Duty, **more: Any) -> None:
    action = Action(kind=duty, actor="li", org_level="city", **more)
    async with conn.transaction():
        await warnings.act(conn, warning, action, scope=ALL, now=time.time_ns() // 1000)


async def closes(conn: AsyncConnection, **told: Any) -> None:
    """Let an alarm return and be acknowledged."""
    await says(conn, change=Transition.returned, **told)
    cursor = await conn.execute("select id from alarm where t_closed is null and not active")
    for (alarm,) in await cursor.fetchall():
        action = lifecycle.Action(kind=lifecycle.Deed.acknowledge, actor="wang")
        async with conn.transaction():
            await alarms.act(conn, alarm, action, scope=ALL, now=time.time_ns() // 1000)


async def test_an_alarm_asks_once_whoever_looks_how_often(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn)
        first = await judged(conn)
        assert first.entries == 1
        again = await judged(conn)
        assert again.entries == 0, "a process that knows nothing any more proposes nothing anew"
        assert (await judged(conn, before=again)).entries == 0
        assert await rows(conn) == [("proposed", 1, "orange")]


async def test_a_transaction_that_fails_has_proposed_nothing(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn)
        with pytest.raises(ZeroDivisionError):
            async with conn.transaction():
                await warnings.judge(conn, now=time.time_ns() // 1000, before=None)
                raise ZeroDivisionError
        assert await rows(conn) == []
        assert (await judged(conn)).entries == 1


async def test_it_rises_with_its_alarms_and_lapses_when_they_are_closed(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn)
        await judged(conn)
        await says(conn, tag="T2", tier=Tier.red)
        await judged(conn)
        await closes(conn)
        assert (await judged(conn)).entries == 0
        await says(conn, tag="T2", change=Transition.returned)
        assert (await judged(conn)).entries == 0, "what has returned may come again"
        await closes(conn, tag="T2")
        await judged(conn)
        assert await rows(conn) == [
            ("proposed", 1, "orange"),
            ("joined", 2, "red"),
            ("lifted", 3, "red"),
        ]


async def test_what_a_person_lifted_stays_lifted_until_there_is_news(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn)
        await judged(conn)
        first = await the_one(conn)
        await does(conn, first, Duty.lift, note="标校")
        assert (await judged(conn)).entries == 0
        await says(conn, tag="T2")
        await judged(conn)
        second = await the_one(conn)
        await does(conn, second, Duty.lift, note="标校")
        await says(conn, change=Transition.tier_up, tier=Tier.red)
        await judged(conn)
        third = await the_one(conn)
        assert len({first, second, third}) == 3


async def test_an_issued_warning_outlives_its_alarms(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn)
        await judged(conn)
        await does(conn, await the_one(conn), Duty.issue)
        await closes(conn)
        assert (await judged(conn)).entries == 0
        await does(conn, await the_one(conn), Duty.lift)
        assert [type_ for type_, _, _ in await rows(conn)] == ["proposed", "issued", "lifted"]


async def test_a_hidden_alarm_and_an_instruments_ask_for_nothing(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn)
        cursor = await conn.execute("select id from alarm")
        ((alarm,),) = await cursor.fetchall()
        now = time.time_ns() // 1000
        shelve = lifecycle.Action(kind=lifecycle.Deed.shelve, actor="wang", until=now + 3600 * S)
        async with conn.transaction():
            await alarms.act(conn, alarm, shelve, scope=ALL, now=now)
            await alarms.apply_events(conn, [beacons.SYSTEM], now=now)
        assert (await judged(conn)).entries == 0


async def test_a_regions_table_decides_and_time_alone_may_bring_it_about(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        row = WarningRule(level="red", tier="orange", lasting_s=60, automatic=True)
        async with conn.transaction():
            await warning_tables.put(
                conn, "510600", WarningTable(rows=(row,)), now=time.time_ns() // 1000
            )
        moment = time.time_ns() // 1000
        await says(conn, moment=moment)
        before = await judged(conn, now=moment)
        assert (before.entries, before.due) == (0, {("E1", "E1-S1"): moment + 60 * S})
        assert (await judged(conn, now=moment + 59 * S, before=before)).entries == 0
        assert (await judged(conn, now=moment + 60 * S, before=before)).entries == 2
        assert await rows(conn) == [("proposed", 1, "red"), ("issued", 2, "red")]


async def test_only_sources_with_news_are_looked_at_and_none_is_passed_over(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        before = await judged(conn)
        await says(conn)
        first = await judged(conn, before=before)
        await says(conn, enterprise=beacons.FAR)
        second = await judged(conn, before=first)
        assert (first.entries, second.entries) == (1, 1)
        assert (await judged(conn, before=before)).entries == 0
        await closes(conn)
        lapsed = await judged(conn, before=second)
        assert lapsed.entries == 1
        assert (await judged(conn, before=None)).entries == 0


async def test_a_changed_table_is_looked_at_without_any_other_news(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn, tier=Tier.yellow)
        before = await judged(conn)
        async with conn.transaction():
            table = WarningTable(rows=(WarningRule(level="blue", tier="yellow"),))
            await warning_tables.put(conn, "510000", table, now=time.time_ns() // 1000)
        assert (await judged(conn, before=before)).entries == 1


async def test_its_rows_stand_in_the_one_chain_and_in_no_list_of_alarms(plant: str) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn)
        await judged(conn)
        await says(conn, tag="T2", tier=Tier.yellow)
        async with conn.transaction():
            await conn.execute("set transaction isolation level repeatable read")
            checked = await chain.check(conn, [], told=lambda _read, _all: None)
        assert (checked.rows, checked.broken) == (3, 0)
        kinds = [row.kind for row in await journal.after(conn, 0, limit=9)]
        assert kinds == ["limit", "warning", "limit"]
        listed = await queries.alarms(conn, queries.AlarmFilter(), ALL, after=None, limit=9)
        assert len(listed) == 2
        async with conn.transaction():
            _, standing = await queries.standing(conn, queries.AlarmFilter(), ALL)
        assert [row.kind for row in standing] == ["limit", "limit", "warning"]


async def test_ingests_tick_proposes_and_one_started_anew_proposes_nothing_again(
    plant: str,
) -> None:
    async with await connection.connect(plant, autocommit=True) as conn:
        await says(conn)
        for _ in range(2):
            ingest = Pipeline(prefix="t")
            now = time.time_ns() // 1000
            await ingest.recall(conn, now=now)
            await ingest.tick(conn, now=now, link_since=now)
            await ingest.tick(conn, now=now + S, link_since=now)
            assert await rows(conn) == [("proposed", 1, "orange")]
