"""A point's readings for a trend: raw where they are few, rolled up where they are many."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection, sql

from alarms.readings import QUALITY_MASK

MOST_ROWS: Final = 5_000
STEPS: Final = {
    "1m": timedelta(minutes=1),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
"""The roll-ups, finest first; buckets begin at whole steps of UTC."""
_CHINA_DAY: Final = datetime.fromisoformat("2000-01-01T00:00:00+08:00")
"""Where buckets are counted from: days are those of the site's clock, UTC+8."""


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
    was asked for gives its first 5,000 rows.
    """
    if resolution == "raw":
        return Trend("raw", await _raw(conn, point_id, start, end))
    if resolution is not None:
        return Trend(resolution, await _rolled(conn, point_id, start, end, STEPS[resolution]))
    rows = await _raw(conn, point_id, start, end, limit=MOST_ROWS + 1)
    if len(rows) <= MOST_ROWS:
        return Trend("raw", rows)
    for name, step in STEPS.items():
        if (end - start) / step < MOST_ROWS:
            return Trend(name, await _rolled(conn, point_id, start, end, step))
    return Trend("1d", await _rolled(conn, point_id, start, end, STEPS["1d"]))


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
    )
    return await cursor.fetchall()


async def _rolled(
    conn: AsyncConnection, point_id: int, start: datetime, end: datetime, step: timedelta
) -> list[tuple[Any, ...]]:
    """Roll up what can be believed: good, uncertain and over-range readings."""
    cursor = await conn.execute(
        """
        select (extract(epoch from date_bin(%(step)s, ts, %(origin)s)) * 1000)::bigint as bucket,
               min(value), max(value), avg(value), count(*)
          from reading
         where point_id = %(point)s and ts >= %(start)s and ts < %(end)s
           and quality & %(mask)s in (0, 1, 4)
         group by bucket order by bucket limit %(limit)s
        """,
        {
            "step": step,
            "origin": _CHINA_DAY,
            "point": point_id,
            "start": start,
            "end": end,
            "mask": QUALITY_MASK,
            "limit": MOST_ROWS,
        },
    )
    return await cursor.fetchall()


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
