"""A point's readings for a trend: raw where they are few, rolled up where they are many."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection, sql

from alarms.readings import JUDGED, QUALITY_MASK
from alarms.storage import rollups
from alarms.storage.rollups import ORIGIN, STEPS

MOST_ROWS: Final = 5_000
_UNSETTLED: Final = timedelta(minutes=5)
"""Roll-ups this young are made from readings on the way: some of theirs may just have come."""


class _Piece(NamedTuple):
    """A span of whole buckets of a roll-up, or of readings where `step` is None."""

    step: str | None
    start: datetime
    end: datetime


class Trend(NamedTuple):
    """Rows `[ms, value, quality]` when raw, else `[ms, min, max, avg, count]`."""

    resolution: str
    rows: Sequence[tuple[Any, ...]]


class Newest(NamedTuple):
    """A point's newest reading; `time` and `received` in Micros, quality without flags."""

    point_id: int
    time: int
    value: float
    quality: int
    received: int


async def trend(
    conn: AsyncConnection, point_id: int, start: datetime, end: datetime, *, resolution: str | None
) -> Trend:
    """Return a point's readings in [start, end), at most 5,000 rows.

    Without a resolution: raw when they fit, else the finest roll-up that fits. A resolution that
    was asked for gives its first 5,000 rows. A bucket that is cut by start or end counts what of
    it is inside.
    """
    if resolution == "raw":
        return Trend("raw", await _raw(conn, point_id, start, end))
    done = await rollups.done(conn)
    settled = None if done is None else done - _UNSETTLED
    if resolution is not None:
        return Trend(resolution, await _rolled(conn, point_id, start, end, resolution, settled))
    if await _rolled_up(conn, point_id, start, end, settled) <= MOST_ROWS:
        rows = await _raw(conn, point_id, start, end, limit=MOST_ROWS + 1)
        if len(rows) <= MOST_ROWS:
            return Trend("raw", rows)
    for name, step in STEPS.items():
        if (end - start) / step < MOST_ROWS:
            return Trend(name, await _rolled(conn, point_id, start, end, name, settled))
    return Trend("1d", await _rolled(conn, point_id, start, end, "1d", settled))


async def _raw(
    conn: AsyncConnection,
    point_id: int,
    start: datetime,
    end: datetime,
    *,
    limit: int = MOST_ROWS,
) -> list[tuple[Any, ...]]:
    cursor = await conn.execute(
        """
        select (extract(epoch from ts) * 1000)::float8, value, quality & %s from reading
         where point_id = %s and ts >= %s and ts < %s order by ts limit %s
        """,
        (QUALITY_MASK, point_id, start, end, limit),
        binary=True,
    )
    return await cursor.fetchall()


async def _rolled_up(
    conn: AsyncConnection, point_id: int, start: datetime, end: datetime, settled: datetime | None
) -> int:
    """Count the readings in [start, end) as far as whole roll-ups say it: the least there are."""
    pieces = [piece for piece in _pieces(start, end, "1d", settled) if piece.step is not None]
    if not pieces:
        return 0
    query = sql.SQL("select sum(count)::bigint from ({}) part").format(_parts(pieces, point_id))
    row = await (await conn.execute(query)).fetchone()
    return 0 if row is None or row[0] is None else int(row[0])


async def _rolled(
    conn: AsyncConnection,
    point_id: int,
    start: datetime,
    end: datetime,
    resolution: str,
    settled: datetime | None,
) -> list[tuple[Any, ...]]:
    """Return buckets of what can be believed, put together of roll-ups and what they lack yet."""
    query = sql.SQL(
        """
        select (date_part('epoch', date_bin({}, bucket, {})) * 1000)::bigint as at,
               min(min), max(max), sum(sum) / sum(count), sum(count)::bigint
          from ({}) part
         group by at order by at limit {}
        """
    ).format(
        STEPS[resolution],
        ORIGIN,
        _parts(list(_pieces(start, end, resolution, settled)), point_id),
        MOST_ROWS,
    )
    return await (await conn.execute(query, binary=True)).fetchall()


def _pieces(
    start: datetime, end: datetime, resolution: str, settled: datetime | None
) -> Iterator[_Piece]:
    """Cut [start, end) into the coarsest whole buckets that are settled, readings where none is."""
    if start >= end:
        return
    names = list(STEPS)
    step = STEPS[resolution]
    first = ORIGIN - (ORIGIN - start) // step * step
    after = end if settled is None else min(end, settled)
    last = ORIGIN + (after - ORIGIN) // step * step
    finer = names[names.index(resolution) - 1] if resolution != names[0] else None
    if settled is None or first >= last:
        first = last = end
    for here in (
        (start, first) if first > start else None,
        (last, end) if end > last else None,
    ):
        if here is None:
            continue
        if finer is None or settled is None:
            yield _Piece(None, *here)
        else:
            yield from _pieces(*here, finer, settled)
    if first < last:
        yield _Piece(resolution, first, last)


def _parts(pieces: Sequence[_Piece], point_id: int) -> sql.Composed:
    """Write pieces as one query for bucket, min, max, sum and count."""
    return sql.SQL(" union all ").join(
        sql.SQL(
            """
            (select ts as bucket, value as min, value as max, value as sum, 1 as count
               from reading
              where point_id = {} and ts >= {} and ts < {} and quality & {} = any({}))
            """
        ).format(point_id, piece.start, piece.end, QUALITY_MASK, [int(each) for each in JUDGED])
        if piece.step is None
        else sql.SQL(
            """
            (select bucket, min, max, sum, count from {}
              where point_id = {} and bucket >= {} and bucket < {} order by bucket limit {})
            """
        ).format(
            sql.Identifier(f"reading_{piece.step}"),
            point_id,
            piece.start,
            piece.end,
            MOST_ROWS,
        )
        for piece in pieces
    )


_NEWEST: Final = sql.SQL(
    """
    (extract(epoch from ts) * 1000000)::bigint, value, quality & {mask},
    (extract(epoch from received) * 1000000)::bigint
    """
).format(mask=sql.Literal(QUALITY_MASK))


async def newest(conn: AsyncConnection, ids: Sequence[int]) -> list[Newest]:
    """Return the newest reading of each of these points that has one."""
    query = sql.SQL(
        """
        select asked.id, {columns} from unnest(%s::integer[]) as asked (id)
         cross join lateral (
             select ts, value, quality, received from reading
              where point_id = asked.id order by ts desc limit 1
         ) newest
        """
    ).format(columns=_NEWEST)
    cursor = await conn.execute(query, (list(ids),))
    return [Newest(*row) for row in await cursor.fetchall()]


async def received_since(conn: AsyncConnection, since: datetime, *, now: datetime) -> list[Newest]:
    """Return the newest of the readings each point received after a moment.

    Only event times within ten minutes of `now` are looked at: older ones are not live.
    """
    query = sql.SQL(
        """
        select distinct on (point_id) point_id, {columns} from reading
         where received > %(since)s and ts > %(now)s - interval '10 minutes'
         order by point_id, ts desc
        """
    ).format(columns=_NEWEST)
    cursor = await conn.execute(query, {"since": since, "now": now})
    return [Newest(*row) for row in await cursor.fetchall()]
