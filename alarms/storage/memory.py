"""What the engine learned, in the record: its parts, and the readings stored after them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.late import Around
from alarms.memory import Part
from alarms.plant import Plant
from alarms.readings import FAR, JUDGED, QUALITY_MASK, Instants, Readings
from alarms.storage import unpacking
from alarms.storage.ahead import ahead

_WINDOW_US: Final = 60_000_000
"""Readings are taken by at most so much event time at once: peers stay close in time."""
_BLOCK: Final = 500_000
"""Readings in a block, about, or fewer: less event time where they lie denser."""
_FIRST_US: Final = 2_000_000
"""How dense they lie shows a short first window. An empty one is followed by one twice as long, at
last by a look for the next reading: the database goes through all later ones for that."""
_AT_ONCE: Final = 8 << 20
"""Bytes of memory put back at once."""
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


def parts(conn: AsyncConnection) -> AsyncIterator[Sequence[Part]]:
    """Yield all parts, the longest saved first, many at once.

    The database sends more while the caller works.
    """
    return ahead(_parts(conn))


async def _parts(conn: AsyncConnection) -> AsyncIterator[Sequence[Part]]:
    statement = """
        copy (select family, chunk, shape, ids, heard, records from engine_memory
               order by saved_at, chunk) to stdout (format binary)
        """
    some: list[Part] = []
    waiting = 0
    async with conn.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["text", "int4", "text", "bytea", "bytea", "bytea"])
        async for family, chunk, shape, ids, heard, records in copy.rows():
            some.append(
                Part(
                    family=family,
                    chunk=chunk,
                    shape=shape,
                    ids=np.frombuffer(ids, np.int32),
                    heard=np.frombuffer(heard, np.int64),
                    records=records,
                )
            )
            waiting += len(records)
            if waiting >= _AT_ONCE:
                yield some
                some, waiting = [], 0
    yield some


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
    start: int | None = int(since.min())
    width = _FIRST_US
    while start is not None:
        wanted = ids[since < start + width]
        packed = await _window(conn, start, start + width, wanted)
        start += width
        if packed is not None:
            readings = unpack.readings([packed])
            yield readings
            dense = len(readings) * len(ids) // len(wanted)
            width = min(_WINDOW_US, width * _BLOCK // max(dense, 1) + 1)
        elif width < _WINDOW_US:
            width = min(_WINDOW_US, 2 * width)
        else:
            start, width = await _before_next(conn, start), _FIRST_US


async def _before_next(conn: AsyncConnection, time: int) -> int | None:
    """Return the instant before the first reading after a time; None where there is none."""
    statement = "select min(ts) from reading where ts > %s"
    row = await (await conn.execute(statement, (instants.to_datetime(time),))).fetchone()
    return None if row is None or row[0] is None else instants.from_datetime(row[0]) - 1


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
    conn: AsyncConnection, start: int, end: int, ids: NDArray[np.int32]
) -> tuple[bytes, ...] | None:
    """Return the packed readings of a window that these points, ascending, may not know.

    Parts are saved in turn, so that those without news are one run of points: it is left out.
    """
    gap = int(np.argmax(np.diff(ids))) if len(ids) > 1 else 0
    below, above = int(ids[gap]), int(ids[min(gap + 1, len(ids) - 1)])
    async with conn.cursor(binary=True) as cursor:
        await cursor.execute(
            f"""
            select {unpacking.PACKED} from reading
             where ts > %s and ts <= %s
               and point_id between %s and %s
               and (point_id <= %s or point_id >= %s)
               and quality & %s = 0
            """,  # noqa: S608  # a constant
            (
                *(instants.to_datetime(start), instants.to_datetime(end)),
                *(int(ids[0]), int(ids[-1]), below, above, FAR),
            ),
            prepare=False,  # a plan for any window would go by the index of points
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
