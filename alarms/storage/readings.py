"""Readings in the record: the fast road for news, the slow road for what comes late."""

from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection, AsyncCursor, sql

from alarms import instants
from alarms.plant import Plant
from alarms.proposal import LastReadings
from alarms.readings import (
    BEHIND,
    CORRECTED,
    FAR,
    JUDGED,
    QUALITY_MASK,
    Mask,
    Readings,
    Rows,
)
from alarms.storage import columnstore

Ids = NDArray[np.int32]
"""Database ids along a plant's points, shape (points,)."""

POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 in Micros: PostgreSQL's binary timestamps count from there."""
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("ts_len", ">i4"),
        ("ts", ">i8"),
        ("received_len", ">i4"),
        ("received", ">i8"),
        ("value_len", ">i4"),
        ("value", ">f8"),
        ("point_len", ">i4"),
        ("point", ">i4"),
        ("quality_len", ">i4"),
        ("quality", ">i2"),
    ]
)


_FEW: Final = 1_000
"""So many questions for a point and a time go to the index; for more, all of that time is read."""


class Late(NamedTuple):
    """What became of late readings: which were new, and how many were not."""

    stored: Mask
    duplicates: int
    conflicts: int


def pack(readings: Readings, ids: Ids) -> bytes:
    """Pack readings as PostgreSQL's binary COPY format, whole columns at a time."""
    rows = np.empty(len(readings), ROW)
    rows["fields"] = 5
    for name, size in (("ts", 8), ("received", 8), ("value", 8), ("point", 4), ("quality", 2)):
        rows[f"{name}_len"] = size
    rows["ts"] = readings.time - POSTGRES_EPOCH_US
    rows["received"] = readings.received - POSTGRES_EPOCH_US
    rows["value"] = readings.value
    rows["point"] = ids[readings.point]
    rows["quality"] = readings.quality
    return b"".join((_SIGNATURE, rows.tobytes(), _TRAILER))


async def copy_new(conn: AsyncConnection, readings: Readings, ids: Ids) -> None:
    """Store readings that are newer than their points' last: none of them can be a duplicate."""
    await _copy(conn, "reading", await columnstore.compressed(conn, readings, ids), ids)
    await keep_corrected(conn, readings, ids)


async def keep_corrected(conn: AsyncConnection, readings: Readings, ids: Ids) -> None:
    """Remember the own stamps of corrected readings: by them a redelivery is known."""
    corrected = readings.take((readings.quality & CORRECTED) != 0)
    if len(corrected):
        async with conn.cursor() as cursor:
            await cursor.executemany(
                """
                insert into reading_corrected (point_id, stamp, ts)
                values (%s, %s, %s)
                on conflict do nothing
                """,
                [
                    (point_id, instants.to_datetime(stamp), instants.to_datetime(time))
                    for point_id, stamp, time in zip(
                        ids[corrected.point].tolist(),
                        corrected.stamp.tolist(),
                        corrected.time.tolist(),
                        strict=True,
                    )
                ],
            )


async def insert_late(conn: AsyncConnection, readings: Readings, ids: Ids) -> Late:
    """Store what is not there yet; a second value for a (point, ts) is kept as a conflict.

    The first of several rows with one (point, ts) in `readings` counts as the first.
    """
    await conn.execute(
        """
        create temporary table if not exists late_reading
            (like reading, place integer generated always as identity) on commit delete rows
        """
    )
    await conn.execute("truncate late_reading restart identity")
    marked = replace(readings, quality=readings.quality | np.int16(BEHIND))
    await _copy(conn, "late_reading", marked, ids)
    rows = await (
        await conn.execute(
            sql.SQL(
                """
            with one as (
                select distinct on (point_id, ts) * from late_reading order by point_id, ts, place
            ), known as (
                select one.place, old.value as value
                  from one cross join lateral (
                       select value from reading
                        where point_id = one.point_id and ts = one.ts and ts >= {} and ts <= {}
                       {}
                  ) old
            ), stored as (
                insert into reading (ts, received, value, point_id, quality)
                select ts, received, value, point_id, quality from one
                 where place not in (select place from known)
                returning point_id, ts
            ), second as (
                insert into reading_conflict (point_id, ts, received, value, quality)
                select late.point_id, late.ts, late.received, late.value, late.quality
                  from late_reading late
                  join one on one.point_id = late.point_id and one.ts = late.ts
                  left join known on known.place = one.place
                 where late.value is distinct from coalesce(known.value, one.value)
                returning id
            )
            select late.place,
                   stored.point_id is not null and late.place = one.place,
                   (select count(*) from second)
              from late_reading late
              join one on one.point_id = late.point_id and one.ts = late.ts
              left join stored on stored.point_id = one.point_id and stored.ts = one.ts
            """
            ).format(
                instants.to_datetime(int(readings.time.min())),
                instants.to_datetime(int(readings.time.max())),
                probing(len(readings)),
            )
        )
    ).fetchall()
    stored = np.zeros(len(readings), np.bool_)
    for place, was_stored, _ in rows:
        stored[place - 1] = was_stored
    conflicts = rows[0][2] if rows else 0
    return Late(stored, len(readings) - int(stored.sum()) - conflicts, conflicts)


def probing(asked: int) -> sql.SQL:
    """End a lateral question with what has it asked one by one, if it is asked not too often."""
    return sql.SQL("offset 0" if asked <= _FEW else "")


async def known_corrected(conn: AsyncConnection, ids: Ids, readings: Readings) -> Mask:
    """Tell which of these future-stamped readings were stored before, by their own stamp."""
    rows = await (
        await conn.execute(
            """
            select asked.place
              from unnest(%s::integer[], %s::timestamptz[]) with ordinality
                   as asked (point_id, stamp, place)
              join reading_corrected known using (point_id, stamp)
            """,
            (
                ids[readings.point].tolist(),
                [instants.to_datetime(stamp) for stamp in readings.stamp.tolist()],
            ),
        )
    ).fetchall()
    known = np.zeros(len(readings), np.bool_)
    known[[place - 1 for (place,) in rows]] = True
    return known


async def last(conn: AsyncConnection, plant: Plant, rows: Rows) -> LastReadings:
    """Recall these rows' newest readings and newest judged ones: two probes a point.

    What came too far behind for others to be judged again is not the newest judged.
    """
    if len(rows) == 0:
        return LastReadings.never(len(plant.points))
    cursor = await conn.execute(
        """
        select p.id, newest.*, judged.*
          from point p
          cross join lateral (
               select extract(epoch from ts) * 1000000, extract(epoch from received) * 1000000,
                      value, quality
                 from reading where point_id = p.id order by ts desc limit 1
          ) newest
          left join lateral (
               select extract(epoch from ts) * 1000000, extract(epoch from received) * 1000000,
                      value, quality
                 from reading
                where point_id = p.id and quality & %(mask)s = any(%(judged)s)
                  and quality & %(far)s = 0
                order by ts desc limit 1
          ) judged on true
         where p.id = any(%(ids)s)
        """,
        {
            "mask": QUALITY_MASK,
            "judged": [int(quality) for quality in JUDGED],
            "far": FAR,
            "ids": plant.ids[rows].tolist(),
        },
        binary=True,
    )
    return await last_of(cursor, plant)


async def last_of(cursor: AsyncCursor, plant: Plant) -> LastReadings:
    """Lay rows of point id, its newest's four columns and its newest judged's along a plant."""
    found = LastReadings.never(len(plant.points))
    rows = {point_id: row for row, point_id in enumerate(plant.point_ids)}
    columns = (
        (found.time, found.received, found.value, found.quality),
        (found.judged_time, found.judged_received, found.judged_value, found.judged_quality),
    )
    async for point_id, *recalled in cursor:
        row = rows.get(point_id)
        if row is None:
            continue
        for first, (times, receipts, values, qualities) in zip((0, 4), columns, strict=True):
            time, received, value, quality = recalled[first : first + 4]
            if time is not None:
                times[row], receipts[row] = int(time), int(received)
                values[row], qualities[row] = value, quality
    return found


async def _copy(conn: AsyncConnection, table: str, readings: Readings, ids: Ids) -> None:
    """COPY readings into a table in one piece."""
    statement = sql.SQL(
        "copy {} (ts, received, value, point_id, quality) from stdin (format binary)"
    ).format(sql.Identifier(table))
    async with conn.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(pack(readings, ids))
