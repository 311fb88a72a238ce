"""How far back an audit begins, what it computes again, and what it says it left out."""

import json
from collections.abc import AsyncIterator

import pytest
from psycopg import AsyncConnection

from alarms import registry
from alarms.storage import connection, writer
from alarms.storage import registry as stored
from fengsui import audit_scope
from fengsui.audit import audit
from fengsui.audit_findings import Findings
from ingest.messages import Message
from ingest.pipeline import Pipeline
from tests.e2e import every_rule

START = 1_763_712_000_000_000
SECOND = 1_000_000
STEPS = 720
STEP = every_rule.STEP_MS * 1000
LEFT_OUT = {
    "PRESSURE": {"V1.P1", "V1.P2", "V1.DP"},
    "TEMPERATURE": {"V1.T1"},
    "ALL": {"V1.P1", "V1.T1", "V1.L1", "V1.G1"},
}
"""Points under a changed table that have alarms in the recording."""
TOGETHER = 15
"""Messages in a batch."""


async def imported(conn: AsyncConnection, text: str, *, now: int) -> None:
    async with conn.transaction():
        await stored.load_builtin_regions(conn)
        found = registry.parse(text.encode(), await stored.known(conn))
        await stored.apply(conn, found, actor="engineer", now=now)


async def serve(conn: AsyncConnection, steps: range) -> None:
    """Serve a part of the recording, a tick after every batch."""
    running = Pipeline(prefix="t")
    rows = every_rule.recording(START // 1000, seed=4, steps=STEPS)
    first, end = (START // 1000 + every_rule.STEP_MS * step for step in (steps.start, steps.stop))
    bodies = every_rule.messages([row for row in rows if first <= row.received < end])
    await running.recall(conn, now=first * 1000)
    newest = first * 1000
    for place in range(0, len(bodies), TOGETHER):
        batch = []
        for body in bodies[place : place + TOGETHER]:
            newest = max(newest + 1, body["ts"] * 1000)
            batch.append(
                Message(
                    topic=f"t/{every_rule.GATEWAY}/readings", payload=json.dumps(body).encode(),
                    received=newest, mid=0, qos=1, retained=False,
                )
            )  # fmt: skip
        await running.commit(conn, batch, now=newest)
        await running.tick(conn, now=newest + SECOND // 2, link_since=START)


async def audited(database: str, *, first: int) -> Findings:
    async with await connection.connect(database) as conn:
        await conn.execute("set transaction isolation level repeatable read")
        return await audit(conn, first=START + first * STEP, end=START + STEPS * STEP)


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database, autocommit=True) as conn:
        await imported(conn, every_rule.REGISTRY, now=START - SECOND)
        await writer.claim(conn)
        yield conn


async def test_what_was_learned_long_before_the_span_is_learned_again(
    conn: AsyncConnection, database: str
) -> None:
    await serve(conn, range(STEPS))
    found = await audited(database, first=500)
    assert (found.missed, found.extra, found.mistimed) == ([], [], [])
    assert found.not_recomputed == []
    assert found.checked > 20


async def test_where_too_much_was_stored_before_the_learned_kinds_are_left_out_and_named(
    conn: AsyncConnection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await serve(conn, range(STEPS))
    monkeypatch.setattr(audit_scope, "MOST_READINGS", 1000)
    found = await audited(database, first=500)
    assert (found.missed, found.extra, found.mistimed) == ([], [], [])
    kinds = ["forecast", "deviation", "rate", "sensor", "group.balance"]
    assert [each["kinds"] for each in found.not_recomputed] == [kinds]
    assert found.checked > 5


async def test_a_point_that_changed_since_leaves_out_what_it_had_learned(
    conn: AsyncConnection, database: str
) -> None:
    await serve(conn, range(100))
    changed = every_rule.REGISTRY.replace("limits: {h: 1.4, hh: 1.6}", "limits: {h: 1.35, hh: 1.6}")
    await imported(conn, changed, now=START + 100 * STEP)
    await serve(conn, range(100, STEPS))
    found = await audited(database, first=500)
    assert (found.missed, found.extra, found.mistimed) == ([], [], [])
    assert found.left_out == []
    assert [each["subjects"] for each in found.not_recomputed] == [["QJ-01/V1.P1"], ["QJ-01/V1.DP"]]


async def test_a_point_that_changed_in_the_span_is_left_out_with_its_groups(
    conn: AsyncConnection, database: str
) -> None:
    await serve(conn, range(600))
    changed = every_rule.REGISTRY.replace("{ll: 0.5, l: 1, h: 8, hh: 9}", "{l: 1, h: 8, hh: 9}")
    await imported(conn, changed, now=START + 600 * STEP)
    await serve(conn, range(600, STEPS))
    found = await audited(database, first=500)
    assert (found.missed, found.extra, found.mistimed) == ([], [], [])
    assert found.left_out == ["QJ-01/L.DIFF", "QJ-01/V1.L1"]


@pytest.mark.parametrize(
    ("old", "new", "left_out"),
    [
        ("quantity: pressure\n    kinds", "quantity: temperature\n    kinds", "TEMPERATURE"),
        ("kinds: {rate: orange", "kinds: {rate: yellow", "PRESSURE"),
        ('region: "510603"', 'region: "440305"', "ALL"),
    ],
)
async def test_points_under_a_table_that_came_or_changed_in_the_span_are_left_out(
    conn: AsyncConnection, database: str, old: str, new: str, left_out: str
) -> None:
    await serve(conn, range(600))
    assert old in every_rule.REGISTRY
    await imported(conn, every_rule.REGISTRY.replace(old, new), now=START + 600 * STEP)
    await serve(conn, range(600, STEPS))
    found = await audited(database, first=500)
    assert (found.missed, found.extra, found.mistimed) == ([], [], [])
    assert {key.rpartition("/")[2] for key in found.left_out} >= LEFT_OUT[left_out]


async def test_points_that_came_with_their_table_in_the_span_are_audited(
    conn: AsyncConnection, database: str
) -> None:
    await serve(conn, range(100))
    found = await audited(database, first=0)
    assert (found.missed, found.extra, found.mistimed) == ([], [], [])
    assert found.left_out == []


async def test_a_confirmed_limit_is_audited_with_the_readings_before_the_span(
    conn: AsyncConnection, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await serve(conn, range(STEPS))
    monkeypatch.setattr(audit_scope, "MOST_READINGS", 1000)
    monkeypatch.setattr(audit_scope, "WARM_UP_US", 0)
    for first in (544, 546):
        found = await audited(database, first=first)
        assert (found.missed, found.extra, found.mistimed) == ([], [], [])
