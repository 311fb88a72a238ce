"""What the engine learned is the same after a restart, whenever it comes: to the last bit."""

import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from psycopg import AsyncConnection

from alarms.engine import Engine
from alarms.proposal import NEWEST
from alarms.readings import BEHIND, TAUGHT, Readings
from alarms.retracing import RULES
from alarms.storage import connection, journal, memory, partitions, plant, readings, writer
from ingest.messages import Message
from ingest.pipeline import Pipeline
from tests import plants

START = 1_763_712_000_000_000
SECOND = 1_000_000
ROUND = 600 * SECOND


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database, autocommit=True) as conn:
        await plants.register(conn)
        await conn.execute(
            """
            update point set detect = '["limit", "forecast", "rate", "deviation", "sensor"]',
                             params = '{"deviation": {"learn": 30}}'
            """
        )
        await writer.claim(conn)
        yield conn


def message(at: int, values: dict[str, Any], *, behind_s: float = 0) -> Message:
    ts = (at - round(behind_s * SECOND)) // 1000
    body = json.dumps({"ts": ts, "values": values}).encode()
    return Message(topic="t/gw/readings", payload=body, received=at, mid=0, qos=1, retained=False)


async def pipeline(conn: AsyncConnection, now: int) -> Pipeline:
    made = Pipeline(prefix="t")
    await made.recall(conn, now=now)
    return made


async def feed(running: Pipeline, conn: AsyncConnection, first: int, seconds: range) -> None:
    """Send noisy and drifting values, some of them behind, some no news, with ticks between."""
    draws = np.random.default_rng([7, seconds.start])
    for second in seconds:
        at = first + second * SECOND
        values = {
            "T1": 5.0 + 0.002 * second + draws.normal(0, 0.02),
            "T2": 5.0 + draws.normal(0, 0.05),
            "T3": 5.0 + np.sin(second / 300),
        }
        sent = [message(at, values)]
        if draws.random() < 0.1:
            sent.append(message(at + 1000, {"T1": 5.0, "T2": 4.0}, behind_s=draws.uniform(1, 90)))
        await running.commit(conn, sent, now=at)
        if second % 20 == 0:
            await running.tick(conn, now=at, link_since=first)


def same(one: Engine, other: Engine) -> None:
    assert one.learned, "no family learns: this test would pass on anything"
    for family, twin in zip(one.learned, other.learned, strict=True):
        np.testing.assert_array_equal(
            family.memory.view(np.uint8), twin.memory.view(np.uint8), err_msg=family.name
        )
    for name in NEWEST.names or ():
        np.testing.assert_array_equal(one.newest.records[name], other.newest.records[name])


async def test_a_restart_finds_what_was_learned_with_parts_saved_and_without(
    conn: AsyncConnection,
) -> None:
    running = await pipeline(conn, START)
    await feed(running, conn, START, range(40))
    same(running._engine, (await pipeline(conn, START + 40 * SECOND))._engine)
    await running.tick(conn, now=START + ROUND, link_since=START)
    cursor = await conn.execute("select count(*) from engine_memory")
    assert (await cursor.fetchone() or (0,))[0] == 1 + len(running._engine.learned)
    same(running._engine, (await pipeline(conn, START + ROUND))._engine)
    await feed(running, conn, START + ROUND, range(60))
    same(running._engine, (await pipeline(conn, START + ROUND + 60 * SECOND))._engine)


async def test_readings_that_come_late_soon_after_a_start_are_known_after_the_next(
    conn: AsyncConnection,
) -> None:
    await feed(await pipeline(conn, START), conn, START, range(40))
    again = await pipeline(conn, START + 40 * SECOND)
    await feed(again, conn, START, range(40, 80))
    same(again._engine, (await pipeline(conn, START + 80 * SECOND))._engine)


@pytest.mark.parametrize("saved", [False, True])
async def test_what_comes_late_just_after_a_start_is_learned_from_as_if_it_had_come_in_order(
    saved: bool, conn: AsyncConnection
) -> None:
    await conn.execute("update plant_revision set changed_at = '2025-01-01T00:00:00Z'")
    values = {tag: np.random.default_rng(row).normal(5, 0.02, 200)
              for row, tag in enumerate(("T1", "T2", "T3"))}  # fmt: skip
    running = await pipeline(conn, START)
    for n in range(200):
        at = START + n * SECOND
        sent = [message(at, {tag: each[n] for tag, each in values.items() if n % 40})]
        if n % 40 == 35:  # that of 35 s ago, and soon after the start the other
            sent.append(message(at, {tag: values[tag][n - 35] for tag in values}, behind_s=35))
        if n == 97:
            if saved:
                await running.tick(conn, now=at + ROUND, link_since=START)
            running = await pipeline(conn, at)
        await running.commit(conn, sent, now=at)
    cursor = await conn.execute(
        "select count(*), min(quality & %s) from reading where quality & %s <> 0", (TAUGHT, BEHIND)
    )
    assert await cursor.fetchone() == (15, TAUGHT)
    again = await pipeline(conn, START + 200 * SECOND)
    same(running._engine, again._engine)
    await conn.execute("delete from engine_memory")
    await conn.execute("update reading set quality = 0")
    in_order = await pipeline(conn, START + 200 * SECOND)
    for family, twin in zip(running._engine.learned, in_order._engine.learned, strict=True):
        assert family.memory.tobytes() == twin.memory.tobytes(), family.name


async def test_the_journal_knows_when_something_was_told_last_of_a_point(
    conn: AsyncConnection,
) -> None:
    running = await pipeline(conn, START)
    for n, value in ((0, 5.0), (60, 9.5), (120, 9.5)):
        at = START + n * SECOND
        await running.commit(conn, [message(at, {"T1": value, "T2": 5.0})], now=at)
    told = {"E1/T1": START + 60 * SECOND}
    assert await journal.told_since(conn, 0, RULES) == told
    assert await journal.told_since(conn, START + 60 * SECOND, RULES) == told
    assert await journal.told_since(conn, START + 61 * SECOND, RULES) == {}


async def test_a_part_of_another_layout_is_learned_again_from_the_readings(
    conn: AsyncConnection,
) -> None:
    running = await pipeline(conn, START)
    await feed(running, conn, START, range(30))
    await running.tick(conn, now=START + ROUND, link_since=START)
    await conn.execute("update engine_memory set shape = 'another' where family <> 'newest'")
    same(running._engine, (await pipeline(conn, START + ROUND))._engine)


async def test_a_part_that_cannot_be_put_back_ends_the_start(conn: AsyncConnection) -> None:
    running = await pipeline(conn, START)
    await feed(running, conn, START, range(2))
    await running.tick(conn, now=START + ROUND, link_since=START)
    await conn.execute("update engine_memory set records = substring(records from 2)")
    with pytest.raises(ValueError, match="buffer size"):
        await pipeline(conn, START + ROUND)


async def test_stored_readings_come_once_and_in_order_however_they_lie(
    conn: AsyncConnection,
) -> None:
    registered = await plant.load(conn)
    seconds = [0, 1, 2, 3, 4, 5, 6, 30, 31, 120, 121, 122, 700, 1000, 1000.5, 1090]
    await partitions.ensure(conn, "reading", partitions.months_of(np.array([START])))
    for second in seconds:
        time = np.full(3, START + round(second * SECOND))
        await readings.copy_new(
            conn,
            Readings(
                point=np.arange(3, dtype=np.int32),
                time=time,
                value=np.full(3, float(second)),
                quality=np.zeros(3, np.int16),
                received=time,
                stamp=time,
            ),
            registered.ids,
        )
    known = np.array([START + 3 * SECOND, START - 1, START + 700 * SECOND])
    found: list[tuple[int, int]] = []
    async with conn.transaction():
        async for block in memory.stored_after(conn, registered, known):
            found += zip(block.point.tolist(), block.time.tolist(), strict=True)
    for row, since in enumerate(known.tolist()):
        times = [START + round(second * SECOND) for second in seconds]
        assert [at for point, at in found if point == row and at > since] == [
            at for at in times if at > since
        ]


async def test_parts_are_saved_once_a_round_and_only_where_something_was_heard(
    conn: AsyncConnection,
) -> None:
    running = await pipeline(conn, START)
    await feed(running, conn, START, range(3))
    for now in (START + ROUND, START + 2 * ROUND):
        await running.tick(conn, now=now, link_since=START)
    cursor = await conn.execute("select distinct saved_at from engine_memory")
    assert len(await cursor.fetchall()) == 1


@pytest.mark.parametrize("saved", ["before", "after", "never"])
async def test_a_late_reading_behind_one_not_judged_is_recalled_as_the_newest_judged(
    saved: str, conn: AsyncConnection
) -> None:
    running = await pipeline(conn, START)
    await feed(running, conn, START, range(20))
    at = START + 150 * SECOND
    bad = {"v": 5.0, "q": "bad"}
    await running.commit(conn, [message(at, {"T1": bad, "T2": bad, "T3": bad})], now=at)
    late = [
        message(at, {"T1": 9.5}, behind_s=40),
        message(at + 1000, {"T1": 5.0, "T2": 5.0}, behind_s=30),
        message(at + 2000, {"T1": 5.0}, behind_s=35),
        message(at + 3000, {"T3": 5.0}, behind_s=65),
    ]
    if saved == "before":
        await running.tick(conn, now=START + ROUND, link_since=START)
    await running.commit(conn, late, now=at)
    if saved == "after":
        await running.tick(conn, now=START + ROUND, link_since=START)
    judged = ((at - running._engine.newest.judged_time) / SECOND).round(1)
    assert judged.tolist() == [30.0, 30.0, 131.0]
    same(running._engine, (await pipeline(conn, START + ROUND))._engine)
