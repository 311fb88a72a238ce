"""The registry changes while memory is half saved and the server restarts: nothing cries wolf."""

import json
from collections.abc import AsyncIterator

import numpy as np
import pytest
from psycopg import AsyncConnection

from alarms import registry
from alarms.storage import connection, writer
from alarms.storage import registry as stored
from ingest.messages import Message
from ingest.pipeline import Pipeline
from tests.unit.plants import ONE_TANK

START = 1_763_712_000_000_000
SECOND = 1_000_000
PERIOD_S = 10
ROUND = 600 * SECOND
POINTS = 1500
"""More than one chunk of memory."""
FEW = 12
"""Points that report."""


def document(
    points: int, *, detect: str = "[limit, sensor]", top: float = 10, quantity: str = "level"
) -> bytes:
    """Write a plant; the first point's `detect` and the second one's range are given."""
    lines = []
    for number in range(points):
        mine = detect if number == 0 else "[limit, forecast, rate, deviation, sensor]"
        high = top if number == 1 else 10
        lines.append(
            f"- {{tag: T{number}, quantity: {quantity}, unit: m, range: [0, {high}], "
            f"period_s: {PERIOD_S}, limits: {{l: 1, h: 8, hh: 9}}, detect: {mine}, gateway: gw, "
            "params: {deviation: {learn: 30}, sensor: {learn_s: 60}}}"
        )
    body = "\n              ".join(lines)
    return f"""{ONE_TANK}              {body}
gateways:
  - {{id: gw, enterprise: E1}}
""".encode()


async def imported(conn: AsyncConnection, file: bytes, *, now: int) -> None:
    async with conn.transaction():
        await stored.load_builtin_regions(conn)
        found = registry.parse(file, await stored.known(conn))
        await stored.apply(conn, found, actor="engineer", now=now)


def message(at: int, values: dict[str, float]) -> Message:
    body = json.dumps({"ts": at // 1000, "values": values}).encode()
    return Message(topic="t/gw/readings", payload=body, received=at, mid=0, qos=1, retained=False)


async def feed(running: Pipeline, conn: AsyncConnection, first: int, steps: range) -> None:
    """Send quiet values with noise of one seed, a tick after each."""
    for step in steps:
        draws = np.random.default_rng([11, step])
        at = first + step * PERIOD_S * SECOND
        values = {f"T{number}": 5.0 + draws.normal(0, 0.02) for number in range(FEW)}
        values[f"T{POINTS - 1}"] = 5.0 + draws.normal(0, 0.02)
        await running.commit(conn, [message(at, values)], now=at + SECOND)
        await running.tick(conn, now=at + SECOND, link_since=first)


async def restarted(conn: AsyncConnection, now: int) -> Pipeline:
    made = Pipeline(prefix="t")
    await made.recall(conn, now=now)
    return made


async def alarms_of_readings(conn: AsyncConnection) -> list[tuple[str, str]]:
    cursor = await conn.execute(
        "select rule, key from alarm where kind not in ('comms', 'system') order by 1, 2"
    )
    return await cursor.fetchall()


def learned(running: Pipeline, tag: str) -> dict[str, bytes]:
    """Return what each family remembers of a point, byte for byte."""
    engine = running._engine
    row = engine.plant.rows["E1"][tag]
    return {
        family.name: family.memory[family.rows == row].tobytes()
        for family in engine.learned
        if row in family.rows
    }


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database, autocommit=True) as conn:
        await imported(conn, document(POINTS), now=START - SECOND)
        await writer.claim(conn)
        yield conn


async def test_a_registry_import_between_half_saved_memory_and_a_restart_raises_nothing(
    conn: AsyncConnection,
) -> None:
    steps = 90
    running = await restarted(conn, START)
    await feed(running, conn, START, range(steps))
    cursor = await conn.execute("select count(distinct chunk) from engine_memory")
    saved = (await cursor.fetchone() or (0,))[0]
    assert saved > 0
    # Some parts are younger than others, and one that was being saved never was.
    await conn.execute(
        "delete from engine_memory where chunk = (select max(chunk) from engine_memory)"
    )
    undisturbed = {tag: learned(running, tag) for tag in ("T2", f"T{POINTS - 1}")}

    now = START + steps * PERIOD_S * SECOND
    await imported(
        conn,
        document(POINTS + 8, detect="[limit, forecast, rate, deviation, sensor]", top=12),
        now=now,
    )
    again = await restarted(conn, now)
    for tag, before in undisturbed.items():
        after = learned(again, tag)
        for name in before.keys() - {"peers"}:
            assert after[name] == before[name], (tag, name)
    assert set(learned(again, "T0")) == {"forecast", "deviation", "rate", "sensor", "peers"}

    # The one that goes on without a restart takes the new registry up with its next tick.
    await running.tick(conn, now=now, link_since=START)
    await feed(again, conn, START, range(steps, steps + 60))
    assert await alarms_of_readings(conn) == []


async def test_a_server_that_takes_up_a_new_registry_remembers_what_a_restarted_one_does(
    conn: AsyncConnection,
) -> None:
    running = await restarted(conn, START)
    await feed(running, conn, START, range(30))
    now = START + 30 * PERIOD_S * SECOND
    await imported(conn, document(POINTS + 8, top=12), now=now)
    assert await running.refresh(conn)
    again = await restarted(conn, now)
    for tag in ("T0", "T1", "T2", f"T{POINTS - 1}"):
        assert learned(running, tag) == learned(again, tag)
