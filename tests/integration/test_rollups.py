"""Roll-ups: exact with late readings, once after a kill, the same in every edition."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import numpy as np
import psycopg
import pytest
from psycopg import AsyncConnection, sql

from alarms.readings import Quality, Readings
from alarms.storage import (
    connection,
    journal,
    migrate,
    packing,
    partitions,
    readings,
    retention,
    rollups,
    trends,
)
from alarms.storage.rollups import STEPS
from tests import plants
from tests.databases import Databases
from tests.rolled import (
    POINTS,
    SECOND,
    START,
    START_US,
    Record,
    assert_exact,
    batch,
    expected,
    kept,
)
from tests.servers import Postgres


@pytest.fixture(scope="module")
def plain() -> Iterator[Databases]:
    """The source of databases on a PostgreSQL without TimescaleDB."""
    server = Postgres(timescaledb=False)
    server.start()
    try:
        yield Databases(server.url, lambda url: asyncio.run(migrate.migrate(url)))
    finally:
        server.stop()


@pytest.fixture(params=["timescaledb", "plain"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a fresh database of each edition."""
    source = "databases" if request.param == "timescaledb" else "plain"
    databases: Databases = request.getfixturevalue(source)
    name = databases.create()
    yield databases.address(name)
    databases.drop(name)


@pytest.fixture
async def conn(address: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(address, autocommit=True) as conn:
        yield conn


@pytest.fixture
async def record(conn: AsyncConnection) -> Record:
    plant = await plants.register(conn, points=POINTS)
    return Record(conn, list(plant.point_ids))


@pytest.mark.parametrize("seed", range(3))
async def test_every_bucket_is_what_its_readings_say_however_late_they_came(
    record: Record, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    for minute in range(0, 100, 10):
        now_s = 60 * minute + 62
        await record.store(
            batch(rng, size=200, first_s=now_s - 600, last_s=now_s, received_s=now_s)
        )
        if rng.random() < 0.6:
            far = 86_400 * float(rng.integers(1, 40))
            await record.store(
                batch(rng, size=20, first_s=-far, last_s=now_s - 600, received_s=now_s)
            )
        if rng.random() < 0.7:
            await record.settle(START_US + (now_s + 60) * SECOND)
    await record.settle(START_US + 7200 * SECOND)
    await assert_exact(record.conn)
    assert await kept(record.conn, "1d", START + timedelta(days=1))


async def test_what_is_stored_before_there_were_roll_ups_is_rolled_up_hour_by_hour(
    record: Record,
) -> None:
    rng = np.random.default_rng(7)
    for hour in range(5):
        now_s = 3600 * hour
        await record.store(
            batch(rng, size=300, first_s=now_s - 3600, last_s=now_s, received_s=now_s)
        )
    await record.conn.execute("delete from rollup_work")
    await record.conn.execute(
        "insert into rollup_work (received, ts, handed_at) values (0, 0, %s)",
        (START + timedelta(hours=5),),
    )
    assert (await rollups.settle(record.conn)).more
    await record.settle(START_US + 5 * 3600 * SECOND)
    await assert_exact(record.conn)


async def test_a_clock_put_back_leaves_nothing_out(record: Record) -> None:
    rng = np.random.default_rng(8)
    await record.store(batch(rng, size=100, first_s=0, last_s=600, received_s=3600))
    await record.settle(START_US + 3700 * SECOND)
    await record.store(batch(rng, size=100, first_s=0, last_s=600, received_s=610))
    await record.settle(START_US + 700 * SECOND)
    await record.settle(START_US + 7200 * SECOND)
    await assert_exact(record.conn)


async def test_a_kill_before_the_commit_leaves_the_work_to_be_done_and_after_it_none(
    record: Record, address: str
) -> None:
    rng = np.random.default_rng(9)
    await record.store(batch(rng, size=500, first_s=0, last_s=3600, received_s=3600))
    await record.hand_over(START_US + 3700 * SECOND)
    async with (
        await connection.connect(address, autocommit=True) as dying,
        record.conn.transaction(),
    ):
        await record.conn.execute("select from rollup_progress for update")
        settling = asyncio.create_task(rollups.settle(dying))
        await waits_for_a_lock(record.conn, dying.info.backend_pid)
        await record.conn.execute("select pg_terminate_backend(%s)", (dying.info.backend_pid,))
        with pytest.raises(psycopg.OperationalError):
            await settling
    assert await rollups.done(record.conn) is None
    settled = await rollups.settle(record.conn)
    assert settled.buckets["1m"] > 0
    await assert_exact(record.conn)
    assert (await rollups.settle(record.conn)).buckets == {}


async def waits_for_a_lock(conn: AsyncConnection, pid: int) -> None:
    for _ in range(400):
        cursor = await conn.execute(
            "select wait_event_type from pg_stat_activity where pid = %s", (pid,)
        )
        if await cursor.fetchone() == ("Lock",):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never waited")


async def test_readings_stored_while_the_roller_works_are_rolled_up_next(record: Record) -> None:
    rng = np.random.default_rng(10)
    await record.store(batch(rng, size=100, first_s=0, last_s=600, received_s=600))
    await record.hand_over(START_US + 700 * SECOND)
    await record.store(batch(rng, size=100, first_s=0, last_s=600, received_s=600))
    await rollups.settle(record.conn)
    await record.settle(START_US + 800 * SECOND)
    await assert_exact(record.conn)


async def test_only_judged_readings_reach_a_roll_up(record: Record) -> None:
    kinds = [int(each) for each in Quality]
    times = START_US + np.arange(len(kinds), dtype=np.int64) * SECOND
    await record.store(
        Readings(
            point=np.zeros(len(kinds), np.int32),
            time=times,
            value=np.arange(len(kinds), dtype=np.float64),
            quality=np.array(kinds, np.int16),
            received=times,
            stamp=times,
        )
    )
    await record.settle(START_US + 120 * SECOND)
    found = await (await record.conn.execute("select count, min, max from reading_1m")).fetchall()
    assert found == [(3, float(Quality.good), float(Quality.over_range))]


@pytest.mark.parametrize("resolution", list(STEPS))
async def test_a_trend_from_roll_ups_is_the_one_from_readings(
    record: Record, resolution: str
) -> None:
    rng = np.random.default_rng(11)
    point = int(record.ids[0])
    start, end = START + timedelta(seconds=7), START + timedelta(days=2, hours=5, seconds=3)
    for hour in range(0, 56, 4):
        now_s = 3600 * (hour + 4)
        await record.store(
            batch(rng, size=400, first_s=now_s - 5 * 3600, last_s=now_s, received_s=now_s)
        )
    from_raw = await trends.trend(record.conn, point, start, end, resolution=resolution)
    await record.settle(START_US + 50 * 3600 * SECOND)
    rolled = await trends.trend(record.conn, point, start, end, resolution=resolution)
    assert [row[0] for row in rolled.rows] == [row[0] for row in from_raw.rows]
    for one, other in zip(rolled.rows, from_raw.rows, strict=True):
        assert one == pytest.approx(other)
    assert len(rolled.rows) > 2


async def test_a_trend_of_many_readings_does_not_read_them(record: Record) -> None:
    now_s = 86_400
    times = START_US + np.arange(now_s // 10, dtype=np.int64) * 10 * SECOND
    await record.store(
        Readings(
            point=np.zeros(len(times), np.int32),
            time=times,
            value=np.ones(len(times)),
            quality=np.zeros(len(times), np.int16),
            received=times,
            stamp=times,
        )
    )
    await record.settle(START_US + (now_s + 600) * SECOND)
    await record.conn.execute("delete from reading")
    point, end = int(record.ids[0]), START + timedelta(days=1)
    found = await trends.trend(record.conn, point, START, end, resolution=None)
    assert (found.resolution, len(found.rows)) == ("1m", 1440)
    assert found.rows[0][1:] == (1.0, 1.0, 1.0, 6)


async def test_old_readings_leave_by_whole_pieces_once_they_are_rolled_up(record: Record) -> None:
    rng = np.random.default_rng(12)
    month_s = 40 * 86_400
    await record.store(
        batch(rng, size=400, first_s=-month_s, last_s=0, received_s=60),
    )
    assert await retention.drop_raw(record.conn, START + timedelta(days=1)) == 0
    await record.hand_over(START_US + 120 * SECOND)
    assert await retention.drop_raw(record.conn, START + timedelta(days=1)) == 0
    await record.settle(START_US + 3 * 86_400 * SECOND)
    before = await expected(record.conn, STEPS["1h"], START)
    assert await retention.drop_raw(record.conn, START) >= 1
    left = await expected(record.conn, STEPS["1h"], START)
    assert 0 < len(left) < len(before)
    assert await kept(record.conn, "1h", START) == before
    await record.store(
        batch(rng, size=50, first_s=-month_s, last_s=-month_s + 60, received_s=180),
    )
    await record.settle(START_US + 4 * 86_400 * SECOND)
    assert await kept(record.conn, "1h", START) == before


async def test_a_piece_that_is_read_now_stays_for_the_next_time(
    record: Record, address: str
) -> None:
    rng = np.random.default_rng(13)
    await record.store(batch(rng, size=100, first_s=-40 * 86_400, last_s=0, received_s=60))
    await record.settle(START_US + 86_400 * SECOND)
    async with await connection.connect(address) as reader:
        await reader.execute("select count(*) from reading")
        assert await retention.drop_raw(record.conn, START) == 0
        await reader.rollback()
    assert await retention.drop_raw(record.conn, START) >= 1


async def test_a_piece_that_is_over_is_packed_once_also_after_a_kill(
    record: Record, address: str
) -> None:
    rng = np.random.default_rng(16)
    for day in range(40):
        first_s = day * 86_400.0
        await record.store(
            batch(rng, size=50, first_s=first_s, last_s=first_s + 86_400, received_s=first_s)
        )
    await record.settle(START_US + 40 * 86_400 * SECOND)
    piece, *_ = await partitions.ended_by(record.conn, "reading", START + timedelta(days=38))
    half = sql.SQL("create index half on {} (ts)").format(sql.Identifier(*piece[:2]))
    await record.conn.execute(half)
    await record.conn.execute(
        "update pg_index set indisvalid = false where indexrelid::regclass::text like '%half'"
    )
    packed = [await packing.pack(record.conn, address) for _ in range(60)]
    names = [name for name in packed if name is not None]
    assert names[0] == piece.name
    assert len(names) == len(set(names)) < 60
    left = await record.conn.execute("select count(*) from pg_index where not indisvalid")
    assert await left.fetchone() == (0,)
    await assert_exact(record.conn)


async def test_old_roll_ups_leave_by_whole_pieces(record: Record) -> None:
    rng = np.random.default_rng(14)
    await record.store(batch(rng, size=200, first_s=-500 * 86_400, last_s=0, received_s=60))
    await record.settle(START_US + 86_400 * SECOND)
    before = START - timedelta(days=30)
    minutes = len(await kept(record.conn, "1m", before))
    assert await retention.drop_rollups(record.conn, before) >= 3
    assert len(await kept(record.conn, "1m", before)) < minutes / 5
    assert await kept(record.conn, "1m", START + timedelta(days=1))


@pytest.fixture(params=["timescaledb", "plain"])
def empty(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a database of each edition without any schema."""
    source = "databases" if request.param == "timescaledb" else "plain"
    databases: Databases = request.getfixturevalue(source)
    name = databases.create(template="template0")
    yield databases.address(name)
    databases.drop(name)


async def test_a_record_from_before_roll_ups_is_taken_over_whole(empty: str) -> None:
    backend, known = migrate._backend(empty), migrate._migrations()
    async with await connection.connect(empty, autocommit=True) as conn:
        await migrate._create_extension(conn)
        before = [each for each in known if each.id < "0013"]
        await asyncio.to_thread(backend.apply_migrations, known.replace(before))
        backend.connection.close()
        await plants.put(conn)
        ids = await (await conn.execute("select id from point order by id")).fetchall()
        record = Record(conn, [point for (point,) in ids] * 2)
        rng = np.random.default_rng(15)
        held = batch(rng, size=300, first_s=0, last_s=3000, received_s=3000)
        await partitions.ensure(conn, "reading", partitions.months_of(held.time))
        await readings.copy_new(conn, held, record.ids)
        await conn.execute(
            """
            insert into journal (log_offset, alarm_id, rev, type, kind, tier, t_event, t_received,
                                 t_committed, data, hash)
            select n, 'A', n, 'raised', 'limit', 2, now(), now(), now(), '{}', ''
              from generate_series(1, 5) n;
            update journal_head set log_offset = 5
            """
        )
        await migrate.migrate(empty)
        while (await rollups.settle(conn)).more:
            pass
        await assert_exact(conn)
        assert (await journal.head(conn))[1:] == (5, 1)
        assert len(await journal.after(conn, 2, limit=10)) == 3
        kept_in = await conn.execute("select distinct tableoid::regclass::text from journal")
        assert await kept_in.fetchall() == [("journal_0",)]
