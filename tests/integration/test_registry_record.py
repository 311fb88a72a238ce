"""The registry in the record: written once, changed in place, audited, announced, or nothing."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import fields, replace
from pathlib import Path

import psycopg
import pytest
from psycopg import AsyncConnection

from alarms import registry
from alarms.alarm import Kind, ProcessEvent, Tier, Transition
from alarms.errors import RefusedError
from alarms.plant import Mapped, Plant, Point, Raise, Tiering
from alarms.registry import Registry
from alarms.storage import alarms, connection, journal, plant
from alarms.storage import registry as stored

EXAMPLES = Path(__file__).parents[2] / "examples"
NOON = 1_763_712_000_000_000


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database) as conn:
        await stored.load_builtin_regions(conn)
        await conn.commit()
        yield conn


async def example(conn: AsyncConnection, name: str = "tank-farm") -> Registry:
    return registry.parse((EXAMPLES / f"{name}.yaml").read_bytes(), await stored.known(conn))


async def apply(conn: AsyncConnection, found: Registry) -> tuple[int, int, int]:
    done = await stored.apply(conn, found, actor="engineer", now=NOON)
    await conn.commit()
    return done.created, done.changed, done.unchanged


def with_point(found: Registry, tag: str, **changed: object) -> Registry:
    points = tuple(
        replace(point, **changed) if point.tag == tag else point  # type: ignore[arg-type]  # fields
        for point in found.points
    )
    return replace(found, points=points)


@pytest.mark.parametrize("name", ["tank-farm", "gas-line", "coal-mine"])
async def test_an_example_comes_back_from_the_record_as_it_was_written(
    conn: AsyncConnection, name: str
) -> None:
    found = await example(conn, name)
    await apply(conn, found)
    loaded = await plant.load(conn)
    assert tuple(loaded.points) == found.points
    assert tuple(loaded.sources.values()) == found.sources
    assert tuple(loaded.units.values()) == found.units
    assert set(loaded.gateways.values()) == set(found.gateways)
    assert tuple(loaded.enterprises.values()) == found.enterprises
    assert tuple(loaded.groups) == found.groups
    assert found.groups


_OTHER: dict[str, object] = {
    "quantity": "pressure",
    "engineering_unit": "kPa",
    "range": (0.0, 9.0),
    "period_s": 7.0,
    "limits": {"h": 7.0},
    "deadband": 0.7,
    "on_delay_s": 7.0,
    "off_delay_s": 7.0,
    "tiers": {"h": "red"},
    "detect": ("limit",),
    "substance": "ammonia",
    "sector": "natural_gas",
    "latching": True,
    "needs_closeout": True,
    "params": {"deviation": {"learn": 70}},
    "compute": "1.0",
    "suppress": {"when": "false"},
}
"""A value for each setting that is not a plain point's."""


async def test_points_that_differ_in_one_setting_alone_are_told_apart(
    conn: AsyncConnection,
) -> None:
    found = await example(conn)
    plain = replace(
        found.points[0], latching=False, needs_closeout=False, sector=None, compute=None
    )
    own = {"enterprise", "source", "unit", "tag", "name", "gateway"}
    assert {each.name for each in fields(Point)} == own | _OTHER.keys()
    points = [
        replace(plain, tag=f"T{number}", **{name: value})  # type: ignore[arg-type]  # fields
        for number, (name, value) in enumerate(_OTHER.items())
    ]
    await apply(conn, replace(found, points=(plain, *points), groups=()))
    assert list((await plant.load(conn)).points) == [plain, *points]


async def test_points_come_back_in_order_with_names_of_any_length_and_gateways_or_none(
    conn: AsyncConnection,
) -> None:
    found = await example(conn)
    await apply(conn, found)
    names = ["", "储罐液位🌊", "x" * 60, "é"]
    for place, point in enumerate(found.points[:4]):  # a changed row moves to the table's end
        gateway = None if place % 2 else point.gateway
        found = with_point(found, point.tag, name=names[place], gateway=gateway)
        await apply(conn, found)
    assert {point.gateway for point in found.points[:4]} > {None}
    loaded = await plant.load(conn)
    assert tuple(loaded.points) == found.points
    assert loaded.point_ids == sorted(loaded.point_ids)


async def test_importing_the_same_file_twice_changes_nothing(conn: AsyncConnection) -> None:
    created, _, _ = await apply(conn, await example(conn))
    before = await plant.revision(conn)
    assert await apply(conn, await example(conn)) == (0, 0, created)
    assert await plant.revision(conn) == before


async def test_tables_of_tiers_come_back_and_change_like_everything_else(
    conn: AsyncConnection,
) -> None:
    table = Tiering(
        region="510000",
        quantity="methane",
        limits={"h": "yellow"},
        kinds={"rate": "orange", "comms": "blue"},
        forecast={"yellow_s": 2700},
        source_levels={"1": 1},
        raises=(Raise(tier="red", peak=3.0), Raise(tier="orange", lasting_s=600.0)),
    )
    found = replace(await example(conn), tierings=(table,))
    created, _, _ = await apply(conn, found)
    assert tuple((await plant.load(conn)).tierings) == (table,)
    assert await apply(conn, found) == (0, 0, created)
    for changed in (
        replace(table, limits={"h": "blue"}),
        replace(table, kinds={}),
        replace(table, forecast={"orange_s": 900}),
    ):
        assert (await apply(conn, replace(found, tierings=(changed,))))[1] == 1
        assert tuple((await plant.load(conn)).tierings) == (changed,)


async def test_what_a_file_does_not_mention_is_left_alone(conn: AsyncConnection) -> None:
    await apply(conn, await example(conn))
    await apply(conn, await example(conn, "coal-mine"))
    loaded = await plant.load(conn)
    assert len(loaded.points) == 88


async def test_a_changed_point_keeps_its_id_and_its_registration(conn: AsyncConnection) -> None:
    found = await example(conn)
    await apply(conn, found)
    before = await plant.load(conn)
    changed = with_point(found, "V101.TT", limits={"h": 36.0, "hh": 40.0}, detect=("limit",))
    done = await stored.apply(conn, changed, actor="engineer", now=NOON + 1_000_000)
    after = await plant.load(conn)
    row = before.rows["DYD-01"]["V101.TT"]
    assert (done.created, done.changed) == (0, 1)
    assert after.points[row].limits == {"h": 36.0, "hh": 40.0}
    assert after.points[row].detect == ("limit",)
    assert list(after.point_ids) == list(before.point_ids)
    assert list(after.registered) == list(before.registered)


async def test_a_change_is_in_the_audit_trail_with_before_and_after(conn: AsyncConnection) -> None:
    found = await example(conn)
    await apply(conn, found)
    await apply(conn, with_point(found, "V101.TT", deadband=0.7))
    cursor = await conn.execute(
        "select actor, action, object, before, after from audit_trail order by id desc limit 2"
    )
    imported, changed = await cursor.fetchall()
    assert imported[1:4] == ("registry.imported", "registry", None)
    assert imported[4]["point"] == {"created": 0, "changed": 1, "unchanged": 43}
    assert changed == (
        "engineer",
        "registry.point.changed",
        "DYD-01/V101.TT",
        {"deadband": 0.5},
        {"deadband": 0.7},
    )


async def test_a_change_grows_the_revision_and_is_announced_at_commit(
    conn: AsyncConnection, database: str
) -> None:
    found = await example(conn)
    before = await plant.revision(conn)
    async with await connection.connect(database, autocommit=True) as listener:
        await listener.execute(f"listen {plant.CHANNEL}")
        await apply(conn, found)
        notices = [note.channel async for note in listener.notifies(timeout=5, stop_after=1)]
    assert notices == [plant.CHANNEL]
    assert await plant.revision(conn) == before + 1


async def test_a_rolled_back_import_leaves_nothing(conn: AsyncConnection) -> None:
    await stored.apply(conn, await example(conn), actor="engineer", now=NOON)
    await conn.rollback()
    loaded = await plant.load(conn)
    assert (len(loaded.points), loaded.revision) == (0, 0)


async def test_a_plan_says_what_would_happen_and_writes_nothing(conn: AsyncConnection) -> None:
    done = await stored.plan(conn, await example(conn))
    assert done.created == 58
    assert len((await plant.load(conn)).points) == 0


async def test_two_imports_at_once_do_the_work_once(conn: AsyncConnection, database: str) -> None:
    found = await example(conn)
    async with await connection.connect(database) as other:
        done = await asyncio.gather(apply(conn, found), apply(other, found))
    assert sorted(done) == [(0, 0, 58), (58, 0, 0)]


async def test_a_registered_enterprise_and_gateway_may_be_leaned_on(conn: AsyncConnection) -> None:
    await apply(conn, await example(conn))
    known = await stored.known(conn)
    assert "DYD-01" in known.enterprises
    assert known.gateways["gw-dyd-gds"] == "DYD-01"


async def test_five_thousand_points_are_written_in_a_few_seconds(conn: AsyncConnection) -> None:
    found = await example(conn)
    pattern = found.points[0]
    points: tuple[Point, ...] = tuple(replace(pattern, tag=f"T{n}") for n in range(5000))
    async with asyncio.timeout(10):
        assert (await apply(conn, replace(found, points=points)))[0] == 5014


async def test_a_gateway_that_vanished_refuses_the_whole_file(conn: AsyncConnection) -> None:
    found = await example(conn)
    with pytest.raises(psycopg.errors.IntegrityError):
        await stored.apply(conn, replace(found, gateways=()), actor="engineer", now=NOON)
    await conn.rollback()
    assert len((await plant.load(conn)).enterprises) == 0


async def test_what_latches_and_what_is_closed_out_is_kept_in_the_record(
    conn: AsyncConnection,
) -> None:
    found = await example(conn)
    await apply(conn, with_point(found, "V101.TT", latching=True))
    loaded = await plant.load(conn)
    row = loaded.rows["DYD-01"]["V101.TT"]
    assert (loaded.points[row].latching, loaded.points[row].needs_closeout) == (True, False)
    await apply(conn, with_point(found, "V101.TT", needs_closeout=True))
    point = (await plant.load(conn)).points[row]
    assert (point.latching, point.needs_closeout) == (False, True)


async def raised(
    conn: AsyncConnection, registered: Plant, point: Point, rule: str, tier: Tier
) -> None:
    """Raise an alarm of a point at NOON."""
    event = ProcessEvent(
        subject=registered.subject(registered.rows[point.enterprise][point.tag]),
        rule=rule,
        kind=Kind(rule.partition(".")[0]),
        change=Transition.raised,
        tier=tier,
        t_change=NOON,
        t_event=NOON,
        t_received=NOON,
    )
    await alarms.apply_events(conn, [event], now=NOON)
    await conn.commit()


async def test_open_alarms_of_a_changed_point_say_who_changed_their_rule(
    conn: AsyncConnection,
) -> None:
    found = await example(conn)
    point = next(each for each in found.points if {"h", "hh", "l"} <= set(each.limits))
    await apply(conn, found)
    registered = await plant.load(conn)
    for rule in ("limit.high", "limit.low"):
        await raised(conn, registered, point, rule, Tier.orange)

    await apply(conn, with_point(found, point.tag, name="另一个名字"))
    assert len(await journal.after(conn, 0, limit=10)) == 2

    high = {**point.limits, "hh": point.limits["hh"] * 1.01}
    await apply(conn, with_point(found, point.tag, limits=high))
    low_gone = {name: value for name, value in high.items() if name not in ("l", "ll")}
    await apply(conn, with_point(found, point.tag, limits=low_gone))
    rows = (await journal.after(conn, 0, limit=10))[2:]
    told = [(row.type, row.actor, json.loads(row.document)) for row in rows]
    assert [(kind, actor, seen["rule"], seen["state"]) for kind, actor, seen in told] == [
        ("rule_changed", "engineer", "limit.high", "UNACK"),
        ("retired", "engineer", "limit.low", "NORM"),
    ]
    assert told[0][2]["rule_version"] == 2
    assert f"hh {point.limits['hh']}" in rows[0].note


async def test_a_gateways_dialect_and_mapping_come_back_and_may_be_changed(
    conn: AsyncConnection,
) -> None:
    found = await example(conn)
    mapping = (Mapped(field="ai1", tag="V101.LT1", scale=0.1, offset=-2.0, unit="cm"),)
    spoken = replace(found.gateways[0], dialect="advantech", mapping=mapping)
    with_mapping = replace(found, gateways=(spoken, *found.gateways[1:]))
    await apply(conn, with_mapping)
    assert (await plant.load(conn)).gateways[spoken.id] == spoken
    assert (await apply(conn, with_mapping))[:2] == (0, 0)
    alone = await plant.of_gateway(conn, spoken.id)
    assert alone is not None
    assert alone.gateways == {spoken.id: spoken}
    assert {point.tag for point in alone.points} == {
        point.tag for point in found.points if point.enterprise == spoken.enterprise
    }
    assert await plant.of_gateway(conn, "gw-nobody") is None
    assert (await apply(conn, found))[1] == 1
    assert (await plant.load(conn)).gateways[spoken.id] == found.gateways[0]


async def test_a_mapping_may_lean_on_points_registered_before(conn: AsyncConnection) -> None:
    found = await example(conn)
    await apply(conn, found)
    gateway = found.gateways[0]
    point = next(one for one in found.points if one.enterprise == gateway.enterprise)
    text = """
gateways:
  - id: {0.id}
    enterprise: {0.enterprise}
    mapping: [{{field: x, tag: {1.tag}, unit: {1.engineering_unit}}}, {{field: y, tag: nowhere}}]
"""
    with pytest.raises(RefusedError) as refused:
        registry.parse(text.format(gateway, point).encode(), await stored.known(conn))
    assert [fault.place for fault in refused.value.faults] == ["gateways[0].mapping[1].tag"]


async def test_open_alarms_say_who_changed_their_regions_table_of_tiers(
    conn: AsyncConnection,
) -> None:
    table = Tiering(region="510000", quantity="level", limits={"h": "yellow", "hh": "orange"})
    found = replace(await example(conn), tierings=(table,))
    point = next(each for each in found.points if {"h", "hh"} <= set(each.limits))
    assert (point.quantity, point.tiers) == ("level", {})
    await apply(conn, found)
    await raised(conn, await plant.load(conn), point, "limit.high", Tier.yellow)

    higher = replace(table, limits={"h": "orange", "hh": "red"}, source_levels={"4": 1})
    await apply(conn, replace(found, tierings=(higher,)))
    sources = tuple(replace(each, level=4) for each in found.sources)
    await apply(conn, replace(found, tierings=(higher,), sources=sources))
    await apply(conn, replace(found, tierings=(higher,), sources=sources))
    rows = (await journal.after(conn, 0, limit=10))[1:]
    assert [(row.type, row.actor, row.note) for row in rows] == [
        ("rule_changed", "engineer", "tiers: h yellow → orange; hh orange → red"),
        ("rule_changed", "engineer", "tiers: h orange → red"),
    ]
    seen = json.loads(rows[-1].document)
    assert (seen["rule_version"], seen["tier"], seen["state"]) == (3, "yellow", "UNACK")


async def test_an_open_alarm_of_any_kind_says_who_gave_it_another_tier(
    conn: AsyncConnection,
) -> None:
    found = await example(conn)
    await apply(conn, found)
    point = next(each for each in found.points if each.quantity == "level")
    await raised(conn, await plant.load(conn), point, "comms.stale", Tier.blue)
    table = Tiering(region="510000", quantity="level", kinds={"comms": "orange"})
    await apply(conn, replace(found, tierings=(table,)))
    rows = (await journal.after(conn, 0, limit=10))[1:]
    assert [(row.type, row.actor, row.note) for row in rows] == [
        ("rule_changed", "engineer", "tiers: comms blue → orange")
    ]
    assert json.loads(rows[-1].document)["tier"] == "blue"
    cursor = await conn.execute(
        "select object, before, after ->> 'kinds' from audit_trail where action like %s",
        ("registry.tiering.%",),
    )
    assert await cursor.fetchall() == [("510000/level", None, '{"comms": "orange"}')]
