"""Rule packs in the record: a change is audited, told to open alarms, and loses nothing of them."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

from alarms import registry
from alarms.alarm import Kind, ProcessEvent, Tier, Transition
from alarms.rulepacks import PACKS
from alarms.rulepacks.reading import packs as shipped_packs
from alarms.rulepacks.reading import text_of
from alarms.storage import alarms, connection, journal, packs, plant
from alarms.storage import registry as stored

EXAMPLES = Path(__file__).parents[2] / "examples"
NOON = 1_763_712_000_000_000
SHIPPED = {name: text_of(name) for name in PACKS}
TIGHTER = SHIPPED | {
    "gas_detection": SHIPPED["gas_detection"]
    .replace("version: 1", "version: 2")
    .replace("{h: {max: 25}, hh: {max: 50}}", "{h: {max: 20}, hh: {max: 40}}")
}


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database) as conn:
        await stored.load_builtin_regions(conn)
        found = registry.parse((EXAMPLES / "tank-farm.yaml").read_bytes(), await stored.known(conn))
        await stored.apply(conn, found, actor="engineer", now=NOON)
        await conn.commit()
        yield conn


async def rise(conn: AsyncConnection, tag: str, rule: str = "limit.high") -> None:
    registered = await plant.load(conn)
    raised = ProcessEvent(
        subject=registered.subject(registered.rows["DYD-01"][tag]),
        rule=rule,
        kind=Kind.limit,
        change=Transition.raised,
        tier=Tier.orange,
        t_change=NOON,
        t_event=NOON,
        t_received=NOON,
        basis="GB/T 50493-2019 5.5.2",
    )
    await alarms.apply_events(conn, [raised], now=NOON)


async def gas_tag(conn: AsyncConnection, quantity: str) -> str:
    points = (await plant.load(conn)).points
    return next(point.tag for point in points if point.quantity == quantity)


async def trail(conn: AsyncConnection) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    rows = await conn.execute(
        "select object, before, after from audit_trail where action = 'rule_pack.changed'"
    )
    return list(await rows.fetchall())


async def test_a_migrated_database_has_the_shipped_packs_and_nothing_was_a_change(
    conn: AsyncConnection,
) -> None:
    rows = await conn.execute("select name, version from rule_pack")
    assert dict(await rows.fetchall()) == {pack.name: pack.version for pack in shipped_packs()}
    assert await packs.refresh(conn, SHIPPED) == ()
    assert await trail(conn) == []


async def test_an_open_alarm_under_a_changed_bound_is_told_and_keeps_its_state(
    conn: AsyncConnection,
) -> None:
    tag = await gas_tag(conn, "combustible_gas")
    await rise(conn, tag)
    await rise(conn, await gas_tag(conn, "toxic_gas"))
    assert await packs.refresh(conn, TIGHTER, now=NOON + 1) == ("gas_detection",)
    (told,) = (await journal.after(conn, 0, limit=10))[2:]
    seen = json.loads(told.document)
    assert (told.type, told.actor, seen["point"]) == ("rule_changed", "system", tag)
    assert (seen["state"], seen["active"], seen["rule_version"]) == ("UNACK", True, 2)
    assert "GB/T 50493-2019 5.5.2 h ≤ 25 [V], GB/T 50493-2019 5.5.2 hh ≤ 50 [V] → " in told.note
    assert "hh ≤ 40 [V]; its own h 25 is looser; its own hh 50 is looser" in told.note


async def test_a_changed_pack_is_audited_with_what_differs_before_and_after(
    conn: AsyncConnection,
) -> None:
    await packs.refresh(conn, TIGHTER, now=NOON + 1)
    ((name, before, after),) = await trail(conn)
    assert (name, before["version"], after["version"]) == ("gas_detection", 1, 2)
    for found, values in ((before, [25, 50]), (after, [20, 40])):
        (entry,) = found["entries"]
        assert [bound["value"] for bound in entry["bounds"]] == values


async def test_the_same_packs_again_and_words_alone_tell_no_alarm(conn: AsyncConnection) -> None:
    await rise(conn, await gas_tag(conn, "combustible_gas"))
    await packs.refresh(conn, TIGHTER, now=NOON + 1)
    assert await packs.refresh(conn, TIGHTER, now=NOON + 2) == ()
    worded = TIGHTER | {"gas_detection": TIGHTER["gas_detection"].replace("低报值", "一级报警值")}
    assert await packs.refresh(conn, worded, now=NOON + 3) == ("gas_detection",)
    assert len(await journal.after(conn, 0, limit=10)) == 2
    assert len(await trail(conn)) == 2


async def test_an_older_server_does_not_bring_older_packs_back(conn: AsyncConnection) -> None:
    await packs.refresh(conn, TIGHTER, now=NOON + 1)
    assert await packs.refresh(conn, SHIPPED, now=NOON + 2) == ()
    rows = await conn.execute("select version from rule_pack where name = 'gas_detection'")
    assert await rows.fetchone() == (2,)


async def test_a_pack_that_can_no_longer_be_read_is_replaced_and_tells_no_alarm(
    conn: AsyncConnection,
) -> None:
    await rise(conn, await gas_tag(conn, "combustible_gas"))
    await conn.execute("update rule_pack set content = 'x' where name = 'gas_detection'")
    assert await packs.refresh(conn, TIGHTER, now=NOON + 1) == ("gas_detection",)
    assert len(await journal.after(conn, 0, limit=10)) == 1
    ((_, before, after),) = await trail(conn)
    assert before == {"version": 1, "entries": []}
    assert after["version"] == 2


async def test_a_new_pack_tells_the_alarms_it_binds(conn: AsyncConnection) -> None:
    await rise(conn, await gas_tag(conn, "combustible_gas"))
    await conn.execute("delete from rule_pack where name = 'gas_detection'")
    assert await packs.refresh(conn, SHIPPED, now=NOON + 1) == ("gas_detection",)
    (told,) = (await journal.after(conn, 0, limit=10))[1:]
    assert told.note.startswith("rule packs: none → GB/T 50493-2019 5.5.2 h ≤ 25 [V]")
