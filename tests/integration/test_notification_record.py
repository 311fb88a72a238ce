"""The record of notifications: planned once, tried so long, passed on, set aside, forgotten."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from psycopg import AsyncConnection

from alarms.alarm import Tier, Transition
from alarms.storage import alarms, connection, notification_plans, notifications, retention
from alarms.storage.notifications import Waiting
from tests import beacons, people
from tests.beacons import NEAR

DAY = timedelta(days=1)


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    """A connection to a plant whose enterprise has a guard and whose county has a desk."""
    await beacons.build(database)
    async with await connection.connect(database, autocommit=True) as conn:
        for name in ("mail", "chat"):
            await conn.execute(
                """
                insert into channel (name, kind, url, language, scope, changed_by, changed_at)
                values (%s, 'smtp', 'smtp://127.0.0.1:9', 'zh', 'all', 'x', now())
                """,
                (name,),
            )
        guard, county = people.duty("guard"), people.duty("county")
        guard["persons"][0]["addresses"].append({"channel": "chat", "to": "guard@x.cn"})
        for place, roster in ((NEAR, guard), (people.COUNTY, county)):
            await conn.execute(
                """
                insert into roster (place, region, enterprise, content, changed_at)
                values (%s, null, null, %s, now())
                """,
                (place, json.dumps(roster)),
            )
        yield conn


def now() -> datetime:
    return datetime.now(UTC)


async def happen(conn: AsyncConnection, *, tier: Tier, count: int = 1) -> None:
    """Let alarms rise and plan for them."""
    events = [beacons.event(tier=tier, rule=f"limit.{tier}{n}") for n in range(count)]
    async with conn.transaction():
        await alarms.apply_events(conn, events, now=time.time_ns() // 1000)
    await plan(conn)


async def plan(conn: AsyncConnection, *, limit: int = 1000) -> int:
    async with conn.transaction():
        _, read = await notification_plans.plan(conn, now=time.time_ns() // 1000, limit=limit)
    return read


async def states(conn: AsyncConnection) -> list[tuple[str, str, str]]:
    rows = await conn.execute(
        "select coalesce(person, ''), coalesce(channel, ''), state from notification order by id"
    )
    return [(person, channel, state) for person, channel, state in await rows.fetchall()]


async def waiting(conn: AsyncConnection, channel: str) -> list[Waiting]:
    return await notifications.next_message(conn, channel, "smtp", now() + timedelta(minutes=1))


async def miss(
    conn: AsyncConnection, channel: str, *, at: datetime, again_s: float | None
) -> list[tuple[str, str, str]]:
    async with conn.transaction():
        await notifications.missed(
            conn,
            await waiting(conn, channel),
            why="no",
            again_s=again_s,
            now=at,
            micros=time.time_ns() // 1000,
        )
    return await states(conn)


async def test_two_who_plan_at_once_plan_everything_once(
    conn: AsyncConnection, database: str
) -> None:
    events = [beacons.event(rule=f"limit.{n}") for n in range(100)]
    async with conn.transaction():
        await alarms.apply_events(conn, events, now=time.time_ns() // 1000)

    async def work() -> None:
        async with await connection.connect(database, autocommit=True) as own:
            while await plan(own, limit=7):
                pass

    await asyncio.gather(*(work() for _ in range(4)))
    row = await (
        await conn.execute("select count(*), count(distinct alarm_id) from notification")
    ).fetchone()
    assert row == (200, 100)


async def test_a_plan_that_is_not_committed_is_made_again(conn: AsyncConnection) -> None:
    async with conn.transaction():
        await alarms.apply_events(conn, [beacons.event()], now=time.time_ns() // 1000)
    with pytest.raises(RuntimeError, match="died"):
        async with conn.transaction():
            await notification_plans.plan(conn, now=time.time_ns() // 1000, limit=9)
            raise RuntimeError("died")
    assert await states(conn) == []
    await plan(conn)
    assert len(await states(conn)) == 2


@pytest.mark.parametrize(("tier", "minutes"), [(Tier.red, 2), (Tier.orange, 10), (Tier.yellow, 60)])
async def test_it_is_tried_for_as_long_as_its_tier_says(
    conn: AsyncConnection, tier: Tier, minutes: int
) -> None:
    await happen(conn, tier=tier)
    bound = now() + timedelta(minutes=minutes)
    found = await miss(conn, "mail", at=bound - timedelta(seconds=40), again_s=1)
    assert ("guard", "mail", "queued") in found
    await conn.execute("update notification set due_at = now()")
    found = await miss(conn, "mail", at=bound + timedelta(seconds=40), again_s=1)
    assert ("guard", "mail", "failed") in found


async def test_the_next_one_up_is_told_when_no_way_to_a_person_is_left(
    conn: AsyncConnection,
) -> None:
    await happen(conn, tier=Tier.red)
    found = await miss(conn, "mail", at=now(), again_s=None)
    assert found == [("guard", "mail", "failed"), ("guard", "chat", "queued")]
    found = await miss(conn, "chat", at=now(), again_s=None)
    assert found[2:] == [("county", "mail", "queued")]
    found = await miss(conn, "mail", at=now(), again_s=None)
    assert [state for _, _, state in found] == ["failed", "failed", "failed", "nobody"]


async def test_what_is_less_than_red_stays_failed(conn: AsyncConnection) -> None:
    await happen(conn, tier=Tier.orange)
    await miss(conn, "mail", at=now(), again_s=None)
    found = await miss(conn, "chat", at=now(), again_s=None)
    assert [state for _, _, state in found] == ["failed", "failed"]


async def test_the_gravest_goes_first_and_takes_along_what_waits(conn: AsyncConnection) -> None:
    await happen(conn, tier=Tier.yellow, count=2)
    assert await notifications.channels_due(conn, now()) == []
    await happen(conn, tier=Tier.red)
    assert sorted(await notifications.channels_due(conn, now())) == ["chat", "mail"]
    found = await notifications.next_message(conn, "mail", "smtp", now())
    assert [each.tier for each in found] == [Tier.red, Tier.yellow, Tier.yellow]
    await conn.execute(
        "update notification set address = 'other', due_at = due_at - interval '1 hour'"
        " where tier = 2"
    )
    found = await notifications.next_message(conn, "mail", "smtp", now())
    assert [each.tier for each in found] == [Tier.red]


async def test_who_was_told_of_red_is_told_its_end_though_it_ended_as_yellow(
    conn: AsyncConnection,
) -> None:
    for change, tier in (
        (Transition.raised, Tier.red),
        (Transition.tier_down, Tier.yellow),
        (Transition.returned, Tier.yellow),
    ):
        event = beacons.event(change=change, tier=tier)
        async with conn.transaction():
            await alarms.apply_events(conn, [event], now=time.time_ns() // 1000)
        await plan(conn)
    rows = await conn.execute("select moment, tier, person from notification order by id")
    assert await rows.fetchall() == [
        *[("raised", Tier.red, "guard")] * 2,
        *[("returned", Tier.red, "guard")] * 2,
    ]
    await conn.execute("delete from notification where moment = 'raised'")
    await miss(conn, "mail", at=now(), again_s=None)
    found = await miss(conn, "chat", at=now(), again_s=None)
    assert [state for _, _, state in found] == ["failed", "failed"], "nobody else waits for an end"


async def test_the_servers_own_alarms_reach_the_servers_own_desk(conn: AsyncConnection) -> None:
    await conn.execute(
        "insert into roster (place, content, changed_at) values ('all', %s, now())",
        (json.dumps(people.duty("keeper")),),
    )
    async with conn.transaction():
        await alarms.apply_events(conn, [beacons.SYSTEM], now=time.time_ns() // 1000)
    await plan(conn)
    assert await states(conn) == [("keeper", "mail", "queued")]


async def test_a_park_has_its_own_desk_before_the_countys(conn: AsyncConnection) -> None:
    await conn.execute(
        "insert into region (code, name, parent, kind)"
        " values ('510603-P1', '园区', '510603', 'park')"
    )
    await conn.execute("update enterprise set region = '510603-P1' where code = %s", (NEAR,))
    await conn.execute("delete from roster where place = %s", (NEAR,))
    await conn.execute(
        "insert into roster (place, content, changed_at) values ('510603-P1', %s, now())",
        (json.dumps(people.duty("park")),),
    )
    event = beacons.event(tier=Tier.yellow)
    event = msgspec.structs.replace(
        event, subject=msgspec.structs.replace(event.subject, region="510603-P1")
    )
    async with conn.transaction():
        await alarms.apply_events(conn, [event], now=time.time_ns() // 1000)
    await plan(conn)
    assert await states(conn) == [("park", "mail", "queued")]


async def test_what_waited_long_and_is_over_is_set_aside(conn: AsyncConnection) -> None:
    await happen(conn, tier=Tier.red)
    later = now() + timedelta(minutes=11)
    await notifications.end_stale(conn, later)
    assert {state for _, _, state in await states(conn)} == {"queued"}
    await conn.execute("update alarm set t_closed = now()")
    await notifications.end_stale(conn, now())
    assert {state for _, _, state in await states(conn)} == {"queued"}
    await notifications.end_stale(conn, later)
    assert {state for _, _, state in await states(conn)} == {"stale"}


async def test_notifications_are_kept_as_long_as_the_journal(conn: AsyncConnection) -> None:
    await happen(conn, tier=Tier.orange)
    terms = retention.Terms(raw_days=5, rollup_days=5, journal_days=10)
    kept = await retention.drop_old(conn, terms, now() + 10 * DAY)
    gone = await retention.drop_old(conn, terms, now() + 12 * DAY)
    assert (kept["notifications"], gone["notifications"]) == (0, 2)
    assert await states(conn) == []
