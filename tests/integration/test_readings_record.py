"""Readings in the record: each once, late ones found a place, conflicts kept."""

from collections.abc import AsyncIterator

import numpy as np
import pytest
from psycopg import AsyncConnection

from alarms import instants
from alarms.late import Around
from alarms.plant import Plant
from alarms.readings import CORRECTED, Quality, Readings, far_marked
from alarms.storage import connection, neighbours, readings, rejects, retention
from tests import plants

NOON = 1_763_712_000_000_000  # 2025-11-21T08:00:00Z
SECOND = 1_000_000


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database) as conn:
        yield conn


@pytest.fixture
async def plant(conn: AsyncConnection) -> Plant:
    return await plants.register(conn)


def ids(plant: Plant) -> readings.Ids:
    return np.array(plant.point_ids, np.int32)


def columns(*rows: tuple[int, int, float], quality: int = 0) -> Readings:
    """Build readings of (point row, seconds after noon, value), received a second later."""
    times = np.array([NOON + s * SECOND for _, s, _ in rows], np.int64)
    return Readings(
        point=np.array([p for p, _, _ in rows], np.int32),
        time=times,
        value=np.array([v for _, _, v in rows]),
        quality=np.full(len(rows), quality, np.int16),
        received=times + SECOND,
        stamp=times,
    )


async def stored(conn: AsyncConnection) -> list[tuple[int, int, float]]:
    found = await conn.execute(
        """
        select point_id, extract(epoch from ts)::bigint - 1763712000, value
          from reading order by point_id, ts
        """
    )
    return [tuple(row) for row in await found.fetchall()]


async def test_new_readings_come_back_as_they_went_in(conn: AsyncConnection, plant: Plant) -> None:
    batch = columns((0, 0, 3.25), (1, 0, -1.5), (0, 10, 3.5), quality=0x105)
    await readings.copy_new(conn, batch, ids(plant))
    first = plant.point_ids[0]
    assert await stored(conn) == [(first, 0, 3.25), (first, 10, 3.5), (first + 1, 0, -1.5)]
    last = await readings.last(conn, plant, np.arange(len(plant.points), dtype=np.int32))
    assert last.time.tolist() == [NOON + 10 * SECOND, NOON, 0]
    assert last.received.tolist() == [NOON + 11 * SECOND, NOON + SECOND, 0]
    assert last.value[:2].tolist() == [3.5, -1.5]
    assert np.isnan(last.value[2])
    assert last.quality.tolist() == [0x105, 0x105, 0]


async def test_the_neighbours_of_late_readings_are_those_asked_for_without_themselves(
    conn: AsyncConnection, plant: Plant
) -> None:
    batch = columns(*((p, s, 10.0 * p + s) for p in (0, 1, 2) for s in range(0, 100, 10)))
    await readings.copy_new(conn, batch, ids(plant))
    wanted = Around(
        rows=np.array([0, 2], np.int32),
        since=NOON + SECOND * np.array([20, 50]),
        until=NOON + SECOND * np.array([40, 60]),
        before=np.array([0, 2]),
    )
    found = await neighbours.around(conn, plant, wanted, without=columns((0, 30, 0.0)))
    seconds = ((found.time - NOON) // SECOND).tolist()
    assert sorted(zip(found.point.tolist(), seconds, found.value.tolist(), strict=True)) == [
        (0, 20, 20.0),
        (0, 40, 40.0),
        (2, 30, 50.0),
        (2, 40, 60.0),
        (2, 50, 70.0),
        (2, 60, 80.0),
    ]


async def test_what_groups_are_judged_again_with_is_what_came_since_and_the_one_before(
    conn: AsyncConnection, plant: Plant
) -> None:
    batch = columns(*((p, s, 10.0 * p + s) for p in (0, 1, 2) for s in range(0, 100, 10)))
    await readings.copy_new(conn, batch, ids(plant))
    await readings.copy_new(conn, columns((0, 5000, 1.0), (1, 5000, 1.0)), ids(plant))
    bad = far_marked(columns((2, 75, 7.0), (2, 78, 8.0)), np.array([60, 61]), 60)
    await readings.insert_late(conn, bad, ids(plant))
    wanted = Around(
        rows=np.array([0, 1, 2], np.int32),
        since=NOON + SECOND * np.array([4900, 5001, 80]),
        until=NOON + SECOND * np.array([5000, 5000, 90]),
        before=np.zeros(3, np.int64),
    )
    found = await neighbours.since(conn, plant, wanted)
    seconds = ((found.time - NOON) // SECOND).tolist()
    assert sorted(zip(found.point.tolist(), seconds, strict=True)) == [
        (0, 90),
        (0, 5000),
        (2, 75),
        (2, 80),
        (2, 90),
    ]


async def test_the_newest_judged_reading_is_recalled_beside_the_newest(
    conn: AsyncConnection, plant: Plant
) -> None:
    await readings.copy_new(conn, columns((0, 0, 3.0)), ids(plant))
    bad = columns((0, 10, 4.0), quality=int(Quality.bad))
    await readings.copy_new(conn, bad, ids(plant))
    last = await readings.last(conn, plant, np.arange(len(plant.points), dtype=np.int32))
    assert (last.value[0], last.judged_value[0]) == (4.0, 3.0)
    assert last.judged_time[0] == NOON


async def test_a_late_reading_is_stored_once(conn: AsyncConnection, plant: Plant) -> None:
    await readings.copy_new(conn, columns((0, 0, 1.0), (0, 20, 2.0)), ids(plant))
    late = columns((0, 10, 1.5), (0, 0, 1.0), (0, 10, 1.5))
    outcome = await readings.insert_late(conn, late, ids(plant))
    assert outcome.stored.tolist() == [True, False, False]
    assert (outcome.duplicates, outcome.conflicts) == (2, 0)
    assert [value for _, _, value in await stored(conn)] == [1.0, 1.5, 2.0]


async def test_a_second_value_for_one_instant_is_kept_as_a_conflict(
    conn: AsyncConnection, plant: Plant
) -> None:
    await readings.copy_new(conn, columns((0, 0, 1.0)), ids(plant))
    outcome = await readings.insert_late(conn, columns((0, 0, 7.0), (1, 5, 2.0)), ids(plant))
    assert outcome.stored.tolist() == [False, True]
    assert (outcome.duplicates, outcome.conflicts) == (0, 1)
    assert [value for _, _, value in await stored(conn)] == [1.0, 2.0]
    kept = await (await conn.execute("select value from reading_conflict")).fetchall()
    assert kept == [(7.0,)]


async def test_a_reading_stamped_in_the_future_is_known_again_by_its_own_stamp(
    conn: AsyncConnection, plant: Plant
) -> None:
    batch = columns((0, 0, 1.0), quality=CORRECTED | int(Quality.uncertain))
    ahead = Readings(
        point=batch.point,
        time=batch.time,
        value=batch.value,
        quality=batch.quality,
        received=batch.received,
        stamp=batch.time + 3600 * SECOND,
    )
    await readings.copy_new(conn, ahead, ids(plant))
    assert (await readings.known_corrected(conn, ids(plant), ahead)).tolist() == [True]
    assert (await readings.known_corrected(conn, ids(plant), batch)).tolist() == [False]


async def test_nothing_of_a_failed_transaction_stays(conn: AsyncConnection, plant: Plant) -> None:
    await conn.commit()
    with pytest.raises(ZeroDivisionError):
        async with conn.transaction():
            await readings.copy_new(conn, columns((0, 0, 1.0)), ids(plant))
            raise ZeroDivisionError
    assert await stored(conn) == []


async def test_what_stands_beside_old_readings_leaves_with_them(
    database: str, plant: Plant, conn: AsyncConnection
) -> None:
    await conn.commit()
    hour = 3600
    async with await connection.connect(database, autocommit=True) as conn:
        for second in (0, 1, hour):
            await readings.copy_new(conn, columns((0, second, 3.0), quality=CORRECTED), ids(plant))
            async with conn.transaction():
                await readings.insert_late(conn, columns((0, second, 4.0)), ids(plant))
            refused = rejects.Reject(
                received=NOON + second * SECOND, gateway="gw", enterprise=None, region=None,
                reason="bad_value", tag=None, count=1, first=None, payload=b"?",
            )  # fmt: skip
            await rejects.keep(conn, [refused])
        before = instants.to_datetime(NOON + hour * SECOND)
        assert await retention.drop_beside(conn, before) == 6
        left = await conn.execute(
            """
            select (select array_agg(received) from reading_conflict),
                   (select array_agg(ts) from reading_corrected),
                   (select array_agg(received) from reject), (select count(*) from reading)
            """
        )
        kept = instants.to_datetime(NOON + hour * SECOND + SECOND)
        assert await left.fetchone() == ([kept], [before], [before], 3)
