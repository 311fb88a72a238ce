"""Groups in the record: changed in place, told to their open alarms, and alarms without a point."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

from alarms import registry
from alarms.alarm import Kind, ProcessEvent, Tier, Transition
from alarms.plant import Group
from alarms.registry import Registry
from alarms.storage import alarms, connection, journal, plant
from alarms.storage import registry as stored

EXAMPLE = Path(__file__).parents[2] / "examples" / "coal-mine.yaml"
NOON = 1_763_712_000_000_000


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database) as conn:
        await stored.load_builtin_regions(conn)
        await conn.commit()
        yield conn


async def example(conn: AsyncConnection) -> Registry:
    return registry.parse(EXAMPLE.read_bytes(), await stored.known(conn))


async def apply(conn: AsyncConnection, found: Registry) -> tuple[int, int, int]:
    done = await stored.apply(conn, found, actor="engineer", now=NOON)
    await conn.commit()
    return done.created, done.changed, done.unchanged


def with_group(found: Registry, code: str, **changed: Any) -> Registry:
    groups = tuple(
        replace(group, **changed) if group.code == code else group for group in found.groups
    )
    return replace(found, groups=groups)


async def raised(conn: AsyncConnection, code: str) -> None:
    registered = await plant.load(conn)
    group = next(group for group in registered.groups if group.code == code)
    event = ProcessEvent(
        subject=registered.group_subject(group),
        rule=f"group.{group.kind}",
        kind=Kind.group,
        change=Transition.raised,
        tier=Tier.orange,
        t_change=NOON,
        t_event=NOON,
        t_received=NOON,
        value=2.0,
        message_zh="同时打开",
        message_en="open at once",
    )
    await alarms.apply_events(conn, [event], now=NOON)
    await conn.commit()


async def test_a_changed_group_is_changed_in_place_and_in_the_audit_trail(
    conn: AsyncConnection,
) -> None:
    found = await example(conn)
    await apply(conn, found)
    changed = with_group(found, "R3300.AL", on_delay_s=20.0, unit=None)
    assert (await apply(conn, changed))[1] == 1
    assert tuple((await plant.load(conn)).groups) == changed.groups
    cursor = await conn.execute(
        "select before, after from audit_trail where action = 'registry.group.changed'"
        " and object = 'JCD-01/R3300.AL'"
    )
    assert await cursor.fetchall() == [
        ({"unit": "R3300", "on_delay_s": None}, {"unit": None, "on_delay_s": 20.0})
    ]


async def test_params_with_windows_come_back_as_they_were_written(conn: AsyncConnection) -> None:
    found = await example(conn)
    balance = Group(
        enterprise="JCD-01",
        source="JCD01-M001",
        code="GD.MB",
        name="抽采平衡",
        kind="balance",
        members={"inflows": ("GD.FT",), "inventory": ("GD.PS",)},
        params={"factors": (2.5,), "windows": ({"span_s": 300.0, "least": 1.0},)},
        tier="red",
    )
    await apply(conn, replace(found, groups=(*found.groups, balance)))
    loaded = (await plant.load(conn)).groups[-1]
    assert loaded == balance
    assert loaded.tags == ("GD.FT", "GD.PS")


async def test_an_open_alarm_of_a_group_is_told_of_its_change_and_of_its_end(
    conn: AsyncConnection,
) -> None:
    found = await example(conn)
    await apply(conn, found)
    await raised(conn, "R3300.AL")
    await apply(conn, with_group(found, "R3300.AL", name="另一个名字"))
    assert len(await journal.after(conn, 0, limit=10)) == 1
    await apply(conn, with_group(found, "R3300.AL", on_delay_s=20.0))
    members = {"order": ("R3300.DA",), "feeder": ("R3300.DB",)}
    await apply(conn, with_group(found, "R3300.AL", kind="power_cut", members=members))
    told = (await journal.after(conn, 0, limit=10))[1:]
    assert [(row.type, row.actor) for row in told] == [
        ("rule_changed", "engineer"),
        ("retired", "engineer"),
    ]
    assert told[0].note == "on_delay_s default → 20.0"
    assert "kind air_lock → power_cut" in told[1].note


async def test_an_alarm_of_a_group_is_placed_by_its_source_and_has_no_point(
    conn: AsyncConnection,
) -> None:
    await apply(conn, await example(conn))
    await raised(conn, "R3300.AL")
    (row,) = await journal.after(conn, 0, limit=10)
    document = json.loads(row.document)
    assert (document["subject"], document["point"]) == ("R3300.AL", None)
    assert (document["source"], document["unit"]) == ("JCD01-M001", "R3300")
    assert (document["kind"], document["name"]) == ("group", "联络巷风门闭锁")
    cursor = await conn.execute("select source, unit, point, region from alarm")
    assert await cursor.fetchone() == ("JCD01-M001", "R3300", None, "140581")
