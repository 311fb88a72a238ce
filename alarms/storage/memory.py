"""What the engine learned, in the record: its parts, and the readings stored after them."""

from collections.abc import AsyncIterator, Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.late import Around
from alarms.memory import CHUNK_BITS, Part
from alarms.plant import Plant
from alarms.readings import FAR, JUDGED, QUALITY_MASK, Instants, Readings
from alarms.storage import unpacking
from alarms.storage.ahead import ahead

_WINDOW_US: Final = 60_000_000
"""Readings are taken by at most so much event time at once: peers stay close in time."""
_BLOCK: Final = 1_000_000
"""Readings in a block, about: less event time where they lie denser."""
LAGGING_US: Final = 1_800_000_000
"""Points this far behind the others are asked for one by one."""
_TOGETHER: Final = 16
"""Lagging points fetched at once."""


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
    """Yield all parts, the longest saved first; the database goes on while the caller works."""
    statement = """
        copy (select family, chunk, shape, ids, heard, records from engine_memory
               order by saved_at, chunk) to stdout (format binary)
        """
    async with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["text", "int4", "text", "bytea", "bytea", "bytea"])
        async for family, chunk, shape, ids, heard, records in copy.rows():
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

    Those that came too far behind a newer one are left out: nothing learned from them then. Some
    that are not after the time may come too. A block holds a window of event time. The database
    gathers the next one while the caller works.
    """
    if len(since) == 0:
        return
    ids = plant.ids
    unpack = unpacking.Unpacked(plant)
    recent = since >= max(1, int(since.max()) - LAGGING_US)
    async for readings in _lagging(conn, unpack, ids[~recent], since[~recent]):
        yield _sorted(readings)
    if not recent.any():
        return
    async for readings in ahead(_windows(conn, unpack, ids[recent], since[recent])):
        wanted = recent[readings.point]
        yield _sorted(readings if wanted.all() else readings.take(wanted))


async def _windows(
    conn: AsyncConnection, unpack: unpacking.Unpacked, ids: NDArray[np.int32], since: Instants
) -> AsyncIterator[Readings]:
    """Yield what came after the first of these instants, a window of event time after the other."""
    start, last, count = await _spread(conn, int(since.min()))
    width = min(_WINDOW_US, max(1, (last - start) * _BLOCK // max(count, 1)))
    while start < last:
        wanted = ids[since < start + width]
        packed = await _window(conn, start, start + width, wanted >> CHUNK_BITS)
        start += width
        if packed is not None:
            yield unpack.readings([packed])
        elif start < last:
            start, last, _ = await _spread(conn, start)


async def _spread(conn: AsyncConnection, time: int) -> tuple[int, int, int]:
    """Return, of the readings after a time, the instant before the first, the last, how many."""
    statement = "select min(ts), max(ts), count(*) from reading where ts > %s"
    row = await (await conn.execute(statement, (instants.to_datetime(time),))).fetchone()
    if row is None or row[0] is None:
        return time, time, 0
    return instants.from_datetime(row[0]) - 1, instants.from_datetime(row[1]), row[2]


async def _lagging(
    conn: AsyncConnection, unpack: unpacking.Unpacked, ids: NDArray[np.int32], since: Instants
) -> AsyncIterator[Readings]:
    """Yield the readings of single points, some points at once."""
    if len(ids) == 0:
        return
    async with conn.cursor(name="lagging_readings", binary=True) as cursor:
        cursor.itersize = _TOGETHER
        await cursor.execute(
            f"""
            select r.*
              from unnest(%s::integer[], %s::timestamptz[]) as asked (id, since)
             cross join lateral (
                   select {unpacking.PACKED} from reading
                    where point_id = asked.id and ts > asked.since
                      and quality & %s = 0
             ) r
             where r.ts is not null
            """,  # noqa: S608  # a constant
            (ids.tolist(), [instants.to_datetime(at) for at in since.tolist()], FAR),
        )
        while rows := await cursor.fetchmany(_TOGETHER):
            yield unpack.readings(rows)


async def _window(
    conn: AsyncConnection, start: int, end: int, chunks: NDArray[np.int32]
) -> tuple[bytes, ...] | None:
    """Return the packed readings of a window that points of these chunks, ascending, may not know.

    Parts are saved in turn, so that those without news are one run of chunks: it is left out.
    """
    gap = int(np.argmax(np.diff(chunks))) if len(chunks) > 1 else 0
    below, above = int(chunks[gap]), int(chunks[min(gap + 1, len(chunks) - 1)])
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(
            f"""
            select {unpacking.PACKED} from reading
             where ts > %s and ts <= %s
               and quality & %s = 0
               and point_id >> %s between %s and %s
               and (point_id >> %s <= %s or point_id >> %s >= %s)
            """,  # noqa: S608  # a constant
            (
                *(instants.to_datetime(start), instants.to_datetime(end), FAR),
                *(CHUNK_BITS, int(chunks[0]), int(chunks[-1])),
                *(CHUNK_BITS, below, CHUNK_BITS, above),
            ),
        )
        row = await cursor.fetchone()
    return None if row is None or row[0] is None else row


async def judged_behind(conn: AsyncConnection, plant: Plant, wanted: Around) -> Readings:
    """Return the newest judged reading of each row in its span, of those not too far behind."""
    if len(wanted.rows) == 0:
        return Readings.none()
    asked = sql.SQL(
        """
        select r.*
          from unnest({}::integer[], {}::timestamptz[], {}::timestamptz[])
               as asked (id, since, until)
         cross join lateral (
               select ts, received, value, point_id, quality from reading
                where point_id = asked.id and ts >= asked.since and ts <= asked.until
                  and quality & {} = any({}) and quality & {} = 0
                order by ts desc limit 1
         ) r
        """
    ).format(
        sql.Literal(plant.ids[wanted.rows].tolist()),
        sql.Literal([instants.to_datetime(at) for at in wanted.since.tolist()]),
        sql.Literal([instants.to_datetime(at) for at in wanted.until.tolist()]),
        sql.Literal(QUALITY_MASK),
        sql.Literal([int(quality) for quality in JUDGED]),
        sql.Literal(FAR),
    )
    return await unpacking.Unpacked(plant).asked(conn, asked)


def _sorted(readings: Readings) -> Readings:
    """Sort by row and time: memory is met in its order."""
    return readings.take(np.lexsort((readings.time, readings.point)))
