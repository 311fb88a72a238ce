"""Timers in the record: an alarm waits as its rule says now, through imports and restarts."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest
from psycopg import AsyncConnection

from alarms import instants, registry, scope
from alarms.alarm import Alarm, Kind, ProcessEvent, Tier, Transition
from alarms.errors import ConflictError
from alarms.lifecycle import Action, Deed
from alarms.storage import alarms, connection, journal, plant
from alarms.storage import registry as stored
from tests.unit.plants import ONE_TANK

NOON = 1_763_712_000_000_000
SECOND = 1_000_000
QUICK = "params: {limit: {acknowledge_orange_s: [30, 60, 90], shelve_max_orange_s: 0}}"
SLOW = "params: {limit: {acknowledge_orange_s: [600], realarm_orange_s: 1800}}"


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database, autocommit=True) as conn:
        await stored.load_builtin_regions(conn)
        yield conn


async def imported(
    conn: AsyncConnection, point: str = "", group: str = "", *, at: int = NOON
) -> tuple[int, int]:
    """Import a tank whose level and group say so; return how many entries are new and changed."""
    text = f"""{ONE_TANK}
              - {{tag: A, quantity: level, unit: m, limits: {{h: 9}}, {point}}}
              - {{tag: B, quantity: level, unit: m}}
        groups:
          - {{code: G, name: 比对, kind: difference, points: [A, B], bound: 1, {group}}}
"""
    async with conn.transaction():
        found = registry.parse(text.encode(), await stored.known(conn))
        done = await stored.apply(conn, found, actor="engineer", now=at)
    return done.created, done.changed


async def raise_(conn: AsyncConnection, rule: str = "limit.high") -> str:
    """Let an orange alarm of the point or the group ring at noon; return its id."""
    registered = await plant.load(conn)
    kind = Kind(rule.partition(".")[0])
    subject = (
        registered.group_subject(registered.groups[0])
        if kind is Kind.group
        else registered.subject(registered.rows["E1"]["A"])
    )
    event = ProcessEvent(
        subject=subject, rule=rule, kind=kind, change=Transition.raised, tier=Tier.orange,
        t_change=NOON, t_event=NOON, t_received=NOON,
    )  # fmt: skip
    async with conn.transaction():
        await alarms.apply_events(conn, [event], now=NOON)
    return (await journal.after(conn, 0, limit=100))[-1].alarm_id


async def due(conn: AsyncConnection, alarm: str) -> float | None:
    """Return how many seconds after noon an alarm moves by itself."""
    row = await (await conn.execute("select due_at from alarm where id = %s", (alarm,))).fetchone()
    assert row is not None
    at: datetime | None = row[0]
    return None if at is None else (instants.from_datetime(at) - NOON) / SECOND


async def act(conn: AsyncConnection, alarm: str, action: Action, *, at_s: int) -> Alarm:
    async with conn.transaction():
        return await alarms.act(conn, alarm, action, scope=scope.ALL, now=NOON + at_s * SECOND)


async def wait(conn: AsyncConnection, until_s: int) -> list[tuple[str, float]]:
    """Let time pass; return what that told, and for how many seconds after noon."""
    before = (await journal.head(conn)).offset
    async with conn.transaction():
        await alarms.due(conn, now=NOON + until_s * SECOND)
    rows = await journal.after(conn, before, limit=100)
    return [(row.type, (instants.from_datetime(row.t_event) - NOON) / SECOND) for row in rows]


async def test_what_a_rule_sets_comes_back_from_the_record_as_it_was_written(
    conn: AsyncConnection,
) -> None:
    group = "acknowledge_red_s: [20, 40, 60]"
    assert (await imported(conn, QUICK, group))[1] == 0
    assert await imported(conn, QUICK, group) == (0, 0)
    loaded = await plant.load(conn)
    assert loaded.points[0].params["limit"]["acknowledge_orange_s"] == (30.0, 60.0, 90.0)
    assert loaded.groups[0].params["acknowledge_red_s"] == (20.0, 40.0, 60.0)


async def test_an_alarm_is_told_further_as_its_rule_says(conn: AsyncConnection) -> None:
    await imported(conn, QUICK)
    alarm = await raise_(conn)
    assert await due(conn, alarm) == 30
    assert await wait(conn, 61) == [("escalated", 30), ("escalated", 60)]
    assert await due(conn, alarm) == 90


async def test_without_timers_of_its_own_it_waits_as_ever(conn: AsyncConnection) -> None:
    await imported(conn, "params: {limit: {deadband_h: 0.1}}")
    assert await due(conn, await raise_(conn)) == 300


async def test_a_groups_alarm_waits_as_its_group_says(conn: AsyncConnection) -> None:
    await imported(conn, QUICK, "acknowledge_orange_s: [45]")
    assert await due(conn, await raise_(conn, "group.difference")) == 45
    await imported(conn, QUICK, at=NOON + SECOND)
    (alarm,) = {row.alarm_id for row in await journal.after(conn, 0, limit=100)}
    assert await due(conn, alarm) == 300


async def test_the_timers_of_one_kind_are_no_other_kinds(conn: AsyncConnection) -> None:
    await imported(conn, QUICK)
    assert await due(conn, await raise_(conn, "deviation")) == 300


async def test_an_open_alarm_follows_its_rule_and_keeps_what_it_was(
    conn: AsyncConnection, database: str
) -> None:
    await imported(conn, QUICK)
    alarm = await raise_(conn)
    await wait(conn, 31)
    await imported(conn, SLOW, at=NOON + 40 * SECOND)
    rows = await journal.after(conn, 0, limit=100)
    assert [row.type for row in rows] == ["raised", "escalated", "rule_changed"]
    assert "acknowledge_orange_s 600.0" in rows[-1].note
    assert await due(conn, alarm) is None  # the one step it has now has been taken
    acknowledged = Action(kind=Deed.acknowledge, actor="wang")
    await act(conn, alarm, acknowledged, at_s=100)
    assert await due(conn, alarm) == 1900
    async with await connection.connect(database, autocommit=True) as restarted:
        assert await wait(restarted, 1899) == []
        assert await wait(restarted, 1900) == [("realarmed", 1900)]
    assert await due(conn, alarm) == 2500


async def test_what_a_new_rule_makes_overdue_is_due_when_it_came_into_force(
    conn: AsyncConnection,
) -> None:
    await imported(conn, SLOW)
    alarm = await raise_(conn)
    await imported(conn, QUICK, at=NOON + 70 * SECOND)
    assert await wait(conn, 71) == [("escalated", 70), ("escalated", 70)]
    assert await due(conn, alarm) == 90


async def test_a_rule_that_lets_nobody_shelve_may_be_changed_to_one_that_does(
    conn: AsyncConnection,
) -> None:
    await imported(conn, QUICK)
    alarm = await raise_(conn)
    shelve = Action(kind=Deed.shelve, actor="wang", until=NOON + 3600 * SECOND)
    with pytest.raises(ConflictError, match="its rule lets no orange one be shelved"):
        await act(conn, alarm, shelve, at_s=1)
    assert b'"shelve_max_s":0.0' in (await journal.after(conn, 0, limit=1))[0].document.encode()
    await imported(conn, "params: {limit: {shelve_max_orange_s: 3600}}", at=NOON + SECOND)
    assert (await act(conn, alarm, shelve, at_s=2)).shelf is not None


async def test_what_rings_after_an_import_waits_by_it_though_nobody_has_read_it_yet(
    conn: AsyncConnection,
) -> None:
    await imported(conn)
    registered = await plant.load(conn)  # what an engine still goes by
    await imported(conn, QUICK, at=NOON + SECOND)
    event = ProcessEvent(
        subject=registered.subject(0), rule="limit.high", kind=Kind.limit,
        change=Transition.raised, tier=Tier.orange, t_change=NOON, t_event=NOON, t_received=NOON,
    )  # fmt: skip
    async with conn.transaction():
        await alarms.apply_events(conn, [event], now=NOON)
    assert await due(conn, (await journal.after(conn, 0, limit=1))[0].alarm_id) == 30
