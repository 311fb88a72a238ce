"""What the engine learned, in the record: its parts, and the readings stored after them."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

import numpy as np
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.late import Around
from alarms.memory import Part
from alarms.plant import Plant
from alarms.readings import BEHIND, FAR, JUDGED, QUALITY_MASK, Instants, Readings
from alarms.storage import unpacking

_WINDOW_US: Final = 600_000_000
"""Readings are taken by so much event time at once, to be sorted in memory."""
_LAGGING_US: Final = 1_800_000_000
"""Points this far behind the others are asked for one by one."""
_MINUTE_US: Final = 60_000_000
_TOGETHER: Final = 16
"""Parts fetched at once."""


async def save(conn: AsyncConnection, parts: Iterable[Part], *, now: int) -> None:
    """Keep parts in place of older ones of the same family and chunk."""
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into engine_memory (family, chunk, shape, ids, heard, records, saved_at)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (family, chunk) do update
               set shape = excluded.shape, ids = excluded.ids, heard = excluded.heard,
                   records = excluded.records, saved_at = excluded.saved_at
            """,
            [
                (
                    *(part.family, part.chunk, part.shape),
                    *(part.ids.tobytes(), part.heard.tobytes(), part.records),
                    instants.to_datetime(now),
                )
                for part in parts
            ],
        )


async def parts(conn: AsyncConnection) -> AsyncIterator[Part]:
    """Yield all parts."""
    async with conn.cursor(name="engine_memory", binary=True) as cursor:
        cursor.itersize = _TOGETHER
        await cursor.execute("select family, chunk, shape, ids, heard, records from engine_memory")
        async for family, chunk, shape, ids, heard, records in cursor:
            yield Part(
                family=family,
                chunk=chunk,
                shape=shape,
                ids=np.frombuffer(ids, np.int32),
                heard=np.frombuffer(heard, np.int64),
                records=records,
            )


async def stored_after(
    conn: AsyncConnection, plant: Plant, since: Instants
) -> AsyncIterator[Readings]:
    """Yield each point's readings after an event time, Micros, in order of time for each point.

    Those stored behind a newer one are left out. A block holds a window of event time.
    """
    if len(since) == 0:
        return
    near = int(since.max()) - _LAGGING_US
    lagging = np.flatnonzero(since < near)
    unpack = unpacking.Unpacked(plant)
    if len(lagging):
        ids = np.asarray(plant.point_ids, np.int32)[lagging]
        asked = sql.SQL(
            """
            copy (select r.ts, r.received, r.value, r.point_id, r.quality
                    from unnest({}::integer[], {}::timestamptz[]) as asked (id, since)
                    cross join lateral (
                         select * from reading
                          where point_id = asked.id and ts > asked.since and quality & {} = 0
                          order by ts
                    ) r
                  ) to stdout (format binary)
            """
        ).format(
            sql.Literal(ids.tolist()),
            sql.Literal([instants.to_datetime(at) for at in since[lagging].tolist()]),
            sql.Literal(BEHIND),
        )
        async for readings in unpack.copied(conn, asked):
            yield _sorted(readings)
    recent = since[since >= near]
    first = int(recent.min())
    newest = await _newest(conn, first)
    while first < newest:
        window = sql.SQL(
            """
            copy (select ts, received, value, point_id, quality from reading
                   where ts > {} and ts <= {} and quality & {} = 0) to stdout (format binary)
            """
        ).format(
            sql.Literal(instants.to_datetime(first)),
            sql.Literal(instants.to_datetime(first + _WINDOW_US)),
            sql.Literal(BEHIND),
        )
        blocks = [readings async for readings in unpack.copied(conn, window)]
        if blocks:
            readings = Readings.joined(blocks)
            yield _sorted(readings.take(since[readings.point] >= near))
        first += _WINDOW_US


async def judged_behind(conn: AsyncConnection, plant: Plant, wanted: Around) -> Readings:
    """Return the newest judged reading of each row in its span, of those not too far behind."""
    if len(wanted.rows) == 0:
        return Readings.none()
    asked = sql.SQL(
        """
        copy (select r.ts, r.received, r.value, r.point_id, r.quality
                from unnest({}::integer[], {}::timestamptz[], {}::timestamptz[])
                     as asked (id, since, until)
                cross join lateral (
                     select * from reading
                      where point_id = asked.id and ts >= asked.since and ts <= asked.until
                        and quality & {} = any({}) and quality & {} = 0
                      order by ts desc limit 1
                ) r
              ) to stdout (format binary)
        """
    ).format(
        sql.Literal(np.asarray(plant.point_ids, np.int32)[wanted.rows].tolist()),
        sql.Literal([instants.to_datetime(at) for at in wanted.since.tolist()]),
        sql.Literal([instants.to_datetime(at) for at in wanted.until.tolist()]),
        sql.Literal(QUALITY_MASK),
        sql.Literal([int(quality) for quality in JUDGED]),
        sql.Literal(FAR),
    )
    blocks = [readings async for readings in unpacking.Unpacked(plant).copied(conn, asked)]
    return Readings.joined(blocks) if blocks else Readings.none()


async def _newest(conn: AsyncConnection, first: int) -> int:
    row = await (
        await conn.execute(
            "select max(ts) from reading where ts > %s", (instants.to_datetime(first),)
        )
    ).fetchone()
    return 0 if row is None or row[0] is None else instants.from_datetime(row[0])


def _sorted(readings: Readings) -> Readings:
    """Sort by minute, row and time: memory is met in its order, and peers stay close in time."""
    return readings.take(np.lexsort((readings.time, readings.point, readings.time // _MINUTE_US)))
