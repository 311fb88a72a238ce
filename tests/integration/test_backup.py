"""Backups as docs/storage.md describes them come back whole, and the record goes on from there."""

import asyncio
import shutil
from collections.abc import Iterator

import numpy as np
import psycopg
import pytest
from psycopg import sql

from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition
from alarms.readings import Readings
from alarms.storage import (
    alarms,
    connection,
    journal,
    migrate,
    packing,
    partitions,
    plant,
    readings,
    rollups,
    writer,
)
from tests import plants
from tests.servers import Postgres, until

NOON = 1_763_712_000_000_000
SECOND = 1_000_000
TABLES = ("reading", "reading_1m", "reading_1h", "reading_1d", "journal", "alarm", "point")


@pytest.fixture(params=["timescaledb", "plain"])
def server(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A durable server of each edition that archives its log."""
    made = Postgres(
        durable=True,
        timescaledb=request.param == "timescaledb",
        settings={"wal_level": "replica", "archive_mode": "on"},
    )
    archive = made.inside("archive")
    made.configure({"archive_command": f"'mkdir -p {archive} && cp %p {archive}/%f'"})
    made.start()
    yield made
    made.kill()


async def make(url: str) -> None:
    """Make a record with readings, also in bulk and in packed pieces, roll-ups and alarms."""
    await migrate.migrate(url)
    async with await connection.connect(url, autocommit=True) as conn:
        await plants.register(conn)
        await store(url, seconds=range(-2 * 86_400, -86_400, 60))
        await store(url, seconds=range(0, 86_400, 50))
        while await packing.pack(conn, url) is not None:
            pass


async def store(url: str, *, seconds: range) -> None:
    """Store a reading of each point at these seconds, roll them up, and raise an alarm."""
    async with await connection.connect(url, autocommit=True) as conn:
        registered = await plant.load(conn)
        ids = np.array(registered.point_ids, np.int32)
        times = np.repeat(NOON + np.array(seconds, np.int64) * SECOND, len(ids))
        batch = Readings(
            point=np.tile(np.arange(len(ids), dtype=np.int32), len(seconds)),
            time=times,
            value=np.sin(times / 1e9),
            quality=np.zeros(len(times), np.int16),
            received=times,
            stamp=times,
        )
        await partitions.ensure(conn, "reading", partitions.months_of(times))
        async with conn.transaction():
            await readings.copy_new(conn, batch, ids)
            owed = await rollups.owe(conn, batch, rollups.NOTHING)
            await alarms.apply_events(conn, [raised(seconds.start)], now=NOON)
        await rollups.hand_over(conn, owed, now=NOON + (seconds.stop + 60) * SECOND)
        while (await rollups.settle(conn)).more:
            pass


def raised(at_s: int) -> ProcessEvent:
    at = NOON + at_s * SECOND
    return ProcessEvent(
        subject=Subject(key=f"E1/T{at_s}", region="510603", enterprise="E1", point="T1"),
        rule="limit.high",
        kind=Kind.limit,
        change=Transition.raised,
        tier=Tier.yellow,
        t_change=at,
        t_event=at,
        t_received=at,
    )


def contents(url: str) -> dict[str, tuple[object, ...]]:
    """Return each table's number of rows and a digest of them."""
    found: dict[str, tuple[object, ...]] = {}
    with psycopg.connect(url, options="-c timezone=UTC") as conn:
        for table in TABLES:
            query = sql.SQL("select count(*), sum(hashtextextended(t::text, 0)) from {} t")
            row = conn.execute(query.format(sql.Identifier(table))).fetchone()
            assert row is not None
            found[table] = row
    return found


def test_a_dump_comes_back_whole_in_a_new_database(server: Postgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute("create database record")
        conn.execute("create database restored")
    record, restored = server.database("record"), server.database("restored")
    asyncio.run(make(record))
    dump = str(server.inside("record.dump"))
    server.program("pg_dump", "--format=custom", f"--file={dump}", record)
    with psycopg.connect(restored, autocommit=True) as conn, psycopg.connect(record) as old:
        has = old.execute("select from pg_extension where extname = 'timescaledb'").fetchone()
        if has is not None:
            conn.execute("create extension timescaledb")
            conn.execute("select timescaledb_pre_restore()")
    server.program("pg_restore", "--no-owner", "--no-privileges", f"--dbname={restored}", dump)
    if has is not None:
        with psycopg.connect(restored, autocommit=True) as conn:
            conn.execute("select timescaledb_post_restore()")
    assert contents(restored) == contents(record)
    assert contents(restored)["reading_1d"][0] != 0
    asyncio.run(store(restored, seconds=range(90_000, 90_600, 60)))
    assert contents(restored)["reading"] != contents(record)["reading"]


def test_the_record_comes_back_as_it_was_at_a_moment(server: Postgres) -> None:
    with psycopg.connect(server.url, autocommit=True) as conn:
        conn.execute("create database record")
    record = server.database("record")
    asyncio.run(make(record))
    other = Postgres(durable=True)
    shutil.rmtree(other.cluster)
    server.program(
        "pg_basebackup", f"--pgdata={other.inside('cluster')}", f"--dbname={server.url}",
        "--checkpoint=fast",
    )  # fmt: skip
    asyncio.run(store(record, seconds=range(90_000, 90_600, 60)))
    wanted = contents(record)
    with psycopg.connect(record) as conn:
        row = conn.execute("select clock_timestamp()::text").fetchone()
    assert row is not None
    with psycopg.connect(record, autocommit=True) as conn:
        conn.execute("truncate journal")
        newest = conn.execute("select pg_walfile_name(pg_switch_wal())").fetchone()
    assert newest is not None
    archived = "select last_archived_wal from pg_stat_archiver"

    def is_archived() -> bool:
        with psycopg.connect(server.url) as conn:
            done = conn.execute(archived).fetchone()
        return done is not None and done[0] is not None and done[0] >= newest[0]

    until(is_archived, deadline_s=30, what="the log to be archived")
    server.kill()
    other.configure(
        {
            "port": str(other.port),
            "archive_mode": "off",
            "restore_command": f"'cp {server.inside('archive')}/%f %p'",
            "recovery_target_time": f"'{row[0]}'",
            "recovery_target_action": "promote",
        }
    )
    (other.cluster / "recovery.signal").touch()
    try:
        other.start()
        until(lambda: writes(other.url), deadline_s=30, what="the end of the recovery")
        assert contents(other.database("record")) == wanted
        asyncio.run(store(other.database("record"), seconds=range(91_000, 91_600, 60)))
    finally:
        other.kill()


def writes(url: str) -> bool:
    with psycopg.connect(url) as conn:
        return conn.execute("select pg_is_in_recovery()").fetchone() == (False,)


async def test_a_new_epoch_leaves_the_record_its_name(database: str) -> None:
    async with await connection.connect(database, autocommit=True) as conn:
        before = await writer.identity(conn), (await journal.head(conn)).epoch
        await conn.execute(
            "update journal_head set epoch = replace(gen_random_uuid()::text, '-', '')"
        )
        after = await writer.identity(conn), (await journal.head(conn)).epoch
    assert before[0] == after[0], "the broker keeps the queue under this name"
    assert before[1] != after[1]
