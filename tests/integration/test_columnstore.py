"""Readings in bulk, and pieces that are over: compressed where that serves, exact everywhere."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from psycopg import AsyncConnection

from alarms import instants
from alarms.late import Around
from alarms.plant import Plant
from alarms.readings import Readings
from alarms.storage import (
    columnstore,
    connection,
    measures,
    neighbours,
    packing,
    partitions,
    readings,
    retention,
    trends,
)
from tests import plants
from tests.rolled import POINTS, START_US, Record, assert_exact, batch

SECOND = 1_000_000
DAY_US = 86_400 * SECOND
MIDNIGHT = instants.from_datetime(datetime(2026, 11, 20, tzinfo=UTC))


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database, autocommit=True) as conn:
        yield conn


@pytest.fixture
async def plant(conn: AsyncConnection) -> Plant:
    return await plants.register(conn, points=20)


def feed(plant: Plant, *, first: int, rounds: int, seed: int = 1) -> Readings:
    """Return what instruments with steps of 0.01 say each 10 s: some noise, slow drift.

    A message holds all points of a gateway; messages take some milliseconds to come.
    """
    rng = np.random.default_rng(seed)
    points = len(plant.points)
    times = first + np.arange(rounds, dtype=np.int64) * 10 * SECOND
    drift = rng.normal(0, 0.002, (rounds, points)).cumsum(axis=0) + rng.uniform(3, 7, points)
    return Readings(
        point=np.tile(np.arange(points, dtype=np.int32), rounds),
        time=np.repeat(times, points),
        value=np.round(drift + rng.normal(0, 0.02, (rounds, points)), 2).ravel(),
        quality=np.zeros(rounds * points, np.int16),
        received=np.repeat(times + 200_000 + rng.integers(0, 50_000, rounds), points),
        stamp=np.repeat(times, points),
    )


async def store(conn: AsyncConnection, plant: Plant, fresh: Readings, *, at_once: int) -> None:
    """Store readings in transactions of so many, each in no order at all."""
    rng = np.random.default_rng(2)
    await partitions.ensure(conn, "reading", partitions.months_of(fresh.time))
    for start in range(0, len(fresh), at_once):
        places = rng.permutation(np.arange(start, min(start + at_once, len(fresh))))
        async with conn.transaction():
            await readings.copy_new(conn, fresh.take(places), plant.ids)


async def pack(conn: AsyncConnection, database: str) -> list[str]:
    """Pack all that is over, as if what is stored had been rolled up; return the pieces' names."""
    await conn.execute("update rollup_progress set done = (select max(ts) from reading)")
    names = []
    while (name := await packing.pack(conn, database)) is not None:
        names.append(name)
    return names


async def compressed(conn: AsyncConnection) -> bool:
    """Return whether some piece of the readings is compressed."""
    found = await conn.execute(
        "select coalesce(bool_or(is_compressed), false) from timescaledb_information.chunks "
        "where hypertable_name = 'reading'"
    )
    return await found.fetchone() == (True,)


async def assert_stored(conn: AsyncConnection, plant: Plant, wanted: Readings) -> None:
    """Compare everything that is stored of each point with what should be."""
    for row, point_id in enumerate(plant.point_ids):
        mine = np.flatnonzero(wanted.point == row)
        mine = mine[np.argsort(wanted.time[mine])]
        found = await conn.execute(
            "select extract(epoch from ts) * 1000000, extract(epoch from received) * 1000000, value"
            "  from reading where point_id = %s order by ts",
            (point_id,),
        )
        rows = [(int(ts), int(received), value) for ts, received, value in await found.fetchall()]
        assert rows == list(
            zip(
                wanted.time[mine].tolist(),
                wanted.received[mine].tolist(),
                wanted.value[mine].tolist(),
                strict=True,
            )
        )


async def test_a_large_batch_comes_back_as_it_went_in_across_midnight(
    conn: AsyncConnection, plant: Plant
) -> None:
    wanted = feed(plant, first=MIDNIGHT - 3_000 * SECOND, rounds=600)
    await store(conn, plant, wanted, at_once=6_000)
    assert await compressed(conn) == await columnstore.serves(conn)
    await assert_stored(conn, plant, wanted)
    last = await readings.last(conn, plant, np.arange(len(plant.points), dtype=np.int32))
    assert last.time.tolist() == [int(wanted.time.max())] * len(plant.points)
    assert last.value.tolist() == wanted.value[-len(plant.points) :].tolist()


async def test_small_batches_and_old_ones_stay_rows(conn: AsyncConnection, plant: Plant) -> None:
    await store(conn, plant, feed(plant, first=MIDNIGHT, rounds=200), at_once=4_000)
    old = feed(plant, first=MIDNIGHT - 3 * DAY_US, rounds=300)
    old.received[:] += 3 * DAY_US
    await store(conn, plant, old, at_once=6_000)
    assert not await compressed(conn)


@pytest.mark.parametrize("each", [100, 5], ids=["few", "many"])
async def test_late_readings_meet_their_own_among_compressed_ones(
    conn: AsyncConnection, plant: Plant, each: int
) -> None:
    whole = feed(plant, first=MIDNIGHT, rounds=600)
    late = np.arange(len(whole)) % each == 0
    await store(conn, plant, whole.take(~late), at_once=6_000)
    for wanted, stored in ((whole.take(late), True), (whole, False)):
        async with conn.transaction():
            came = await readings.insert_late(conn, wanted, plant.ids)
        assert came.stored.tolist() == [stored] * len(wanted)
        assert came.duplicates == (0 if stored else len(whole))
    other = replace(whole, value=whole.value + 1).take(np.arange(0, len(whole), 2 * each))
    async with conn.transaction():
        came = await readings.insert_late(conn, other, plant.ids)
    assert (int(came.stored.sum()), came.conflicts) == (0, len(other))
    await assert_stored(conn, plant, whole)


async def test_what_is_asked_of_compressed_readings_is_all_of_it_and_no_more(
    conn: AsyncConnection, plant: Plant
) -> None:
    whole = feed(plant, first=MIDNIGHT, rounds=900)
    await store(conn, plant, whole, at_once=6_000)
    rng = np.random.default_rng(3)
    for _ in range(20):
        row = int(rng.integers(len(plant.points)))
        since, until = MIDNIGHT + np.sort(rng.integers(0, 9_000, 2)) * SECOND
        asked = Around(
            rows=np.array([row], np.int32),
            since=np.array([since]),
            until=np.array([until]),
            before=np.array([0]),
        )
        found = await neighbours.around(conn, plant, asked, without=Readings.none())
        spanned = (whole.point == row) & (whole.time >= since) & (whole.time <= until)
        assert np.sort(found.time).tolist() == whole.time[spanned].tolist()
        trend = await trends.trend(
            conn,
            plant.point_ids[row],
            instants.to_datetime(int(since)),
            instants.to_datetime(int(until) + 1),
            resolution="raw",
        )
        assert [value for _, value, _ in trend.rows] == whole.value[spanned].tolist()


async def test_roll_ups_of_compressed_readings_are_exact(conn: AsyncConnection) -> None:
    plant = await plants.register(conn, points=POINTS)
    record, rng = Record(conn, list(plant.point_ids)), np.random.default_rng(17)
    for hour in range(2):
        now_s = 3_600 * (hour + 1)
        came = batch(rng, size=6_000, first_s=now_s - 7_200, last_s=now_s, received_s=now_s)
        await record.store(came)
        await record.settle(START_US + (now_s + 60) * SECOND)
    assert await compressed(conn) == await columnstore.serves(conn)
    await assert_exact(conn)


@pytest.mark.parametrize("at_once", [4_000, 20_000], ids=["small batches", "in bulk"])
async def test_a_piece_that_is_over_is_small_and_takes_late_readings_still(
    conn: AsyncConnection, plant: Plant, database: str, at_once: int
) -> None:
    whole = feed(plant, first=MIDNIGHT, rounds=8_640)
    late = np.arange(len(whole)) % 1_000 == 7
    await store(conn, plant, whole.take(~late), at_once=at_once)
    await store(conn, plant, feed(plant, first=MIDNIGHT + 3 * DAY_US, rounds=1), at_once=at_once)
    assert len(await pack(conn, database)) == 1
    serves = await columnstore.serves(conn)
    size = await measures.reading_bytes(conn) / await measures.stored(conn)
    assert size < (8 if serves else 120)  # a small record: its first pages are most of it
    async with conn.transaction():
        came = await readings.insert_late(conn, whole.take(late), plant.ids)
        assert came.stored.all()
    async with conn.transaction():
        came = await readings.insert_late(conn, whole.take(np.arange(40)), plant.ids)
        assert came.duplicates == 40
    assert len(await pack(conn, database)) == (1 if serves else 0)
    assert await pack(conn, database) == []
    span = (MIDNIGHT, MIDNIGHT + DAY_US - 1)
    assert len(await between(conn, *span)) == len(whole)
    one = await trends.trend(
        conn,
        plant.point_ids[7],
        *(instants.to_datetime(at) for at in (span[0], span[0] + 3_600 * SECOND)),
        resolution="raw",
    )
    assert [value for _, value, _ in one.rows] == whole.value[7 : 360 * 20 : 20].tolist()


async def test_a_packed_piece_past_its_term_leaves_whole(
    conn: AsyncConnection, plant: Plant, database: str
) -> None:
    await store(conn, plant, feed(plant, first=MIDNIGHT, rounds=600), at_once=6_000)
    left = feed(plant, first=MIDNIGHT + 3 * DAY_US, rounds=300)
    await store(conn, plant, left, at_once=6_000)
    (name,) = await pack(conn, database)
    end = instants.to_datetime(MIDNIGHT + 2 * DAY_US)
    assert await retention.drop_raw(conn, end) == 1
    await assert_stored(conn, plant, left)
    relations = await conn.execute(
        "select relname from pg_class where starts_with(relname, %s)", (name,)
    )
    assert await relations.fetchall() == []


async def between(conn: AsyncConnection, since: int, until: int) -> set[tuple[int, datetime]]:
    """Return identities of what is stored of a span."""
    found = await conn.execute(
        "select point_id, ts from reading where ts >= %s and ts <= %s",
        (instants.to_datetime(since), instants.to_datetime(until)),
    )
    return set(await found.fetchall())


async def test_packing_gives_way_to_the_writer(
    conn: AsyncConnection, plant: Plant, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columnstore, "_WAIT_MS", 60_000)
    whole = feed(plant, first=MIDNIGHT, rounds=300)
    await store(conn, plant, whole.take(np.arange(20, len(whole))), at_once=4_000)
    await store(conn, plant, feed(plant, first=MIDNIGHT + 3 * DAY_US, rounds=1), at_once=4_000)
    await conn.execute("update rollup_progress set done = (select max(ts) from reading)")
    async with (
        await connection.connect(database) as reader,
        await connection.connect(database, autocommit=True) as packer,
    ):
        await reader.execute("select count(*) from reading")
        packing_now = asyncio.create_task(packing.pack(packer, database))
        await waits(conn, packer.info.backend_pid)
        async with conn.transaction():
            await conn.execute("set local lock_timeout = '20s'")
            came = await readings.insert_late(conn, whole.take(np.arange(20)), plant.ids)
        assert came.stored.all()
        await reader.commit()
        packed = await packing_now
        if packed is None:
            packed = await packing.pack(packer, database)
        assert packed is not None
    assert len(await between(conn, MIDNIGHT, MIDNIGHT + DAY_US)) == len(whole)


async def waits(conn: AsyncConnection, pid: int) -> None:
    """Wait until a session can go no further without a lock another has."""
    for _ in range(400):
        found = await conn.execute("select cardinality(pg_blocking_pids(%s)) > 0", (pid,))
        if await found.fetchone() == (True,):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never waited")
