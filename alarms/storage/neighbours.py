"""The stored readings around late ones, with which those are judged (alarms.late).

And those with which groups are judged again at a start (alarms.group_replay).
"""

from typing import Final

import numpy as np
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.late import Around
from alarms.plant import Plant
from alarms.readings import FAR, JUDGED, QUALITY_MASK, Readings
from alarms.storage.memory import LAGGING_US
from alarms.storage.readings import probing
from alarms.storage.unpacking import Unpacked

_TOGETHER: Final = 500
"""Lagging points (LAGGING_US) asked for at once, apart from the others."""


async def around(
    conn: AsyncConnection, plant: Plant, wanted: Around, *, without: Readings
) -> Readings:
    """Return the readings asked for, but for those of `without`, which may be stored already."""
    if len(wanted.rows) == 0:
        return Readings.none()
    ids = plant.ids[wanted.rows].tolist()
    # One span for all keeps the scan to the chunks of that time. `offset 0` has a few points
    # probed one by one, where the database would read through all that is compressed.
    statement = sql.SQL(
        """
        select reading.*
          from unnest({}::integer[], {}::timestamptz[], {}::timestamptz[])
               as asked (point_id, since, until)
         cross join lateral (
               select ts, received, value, point_id, quality from reading
                where point_id = asked.point_id
                  and ts >= asked.since and ts <= asked.until and ts >= {} and ts <= {}
               {}
         ) reading
        """
    ).format(
        sql.Literal(ids),
        sql.Literal([instants.to_datetime(at) for at in wanted.since.tolist()]),
        sql.Literal([instants.to_datetime(at) for at in wanted.until.tolist()]),
        sql.Literal(instants.to_datetime(int(wanted.since.min()))),
        sql.Literal(instants.to_datetime(int(wanted.until.max()))),
        probing(len(wanted.rows)),
    )
    unpacked = Unpacked(plant)
    found = await unpacked.asked(conn, statement)
    if wanted.before.any():
        found = Readings.joined([found, await unpacked.asked(conn, _before(plant, wanted))])
    found = found.take((found.quality & FAR) == 0)
    if len(without) == 0:
        return found
    known = set(zip(without.point.tolist(), without.time.tolist(), strict=True))
    identities = zip(found.point.tolist(), found.time.tolist(), strict=True)
    mine = np.array([each not in known for each in identities], np.bool_)
    return found.take(mine)


async def since(conn: AsyncConnection, plant: Plant, wanted: Around) -> Readings:
    """Return the readings asked for and, before them, the newest of each point of any quality.

    Of a point that has none among them that one is left out.
    """
    lagging = wanted.since < int(wanted.since.max(initial=0)) - LAGGING_US
    places = np.flatnonzero(lagging)
    runs = [places[first : first + _TOGETHER] for first in range(0, len(places), _TOGETHER)]
    found = [Readings.none()]
    for run in (np.flatnonzero(~lagging), *runs):
        asked = Around(*(column[run] for column in wanted))
        found.append(await around(conn, plant, asked, without=Readings.none()))
    mine = np.flatnonzero(wanted.until >= wanted.since)
    if len(mine):
        statement = sql.SQL(
            """
            select r.*
              from unnest({}::integer[], {}::timestamptz[]) as asked (point_id, since)
             cross join lateral (
                   select ts, received, value, point_id, quality from reading
                    where point_id = asked.point_id and ts < asked.since
                      and quality & {} = 0
                    order by ts desc limit 1
             ) r
            """
        ).format(
            sql.Literal(plant.ids[wanted.rows[mine]].tolist()),
            sql.Literal([instants.to_datetime(at) for at in wanted.since[mine].tolist()]),
            sql.Literal(FAR),
        )
        found.append(await Unpacked(plant).asked(conn, statement))
    return Readings.joined(found)


def _before(plant: Plant, wanted: Around) -> sql.Composed:
    """Ask for the newest judged readings before the others."""
    mine = np.flatnonzero(wanted.before)
    return sql.SQL(
        """
        select r.*
          from unnest({}::integer[], {}::timestamptz[], {}::integer[])
               as asked (point_id, since, many)
         cross join lateral (
               select ts, received, value, point_id, quality from reading
                where point_id = asked.point_id and ts < asked.since
                  and quality & {} = any({}::integer[]) and quality & {} = 0
                  and value > '-infinity' and value < 'infinity'
                order by ts desc limit asked.many
         ) r
        """
    ).format(
        sql.Literal(plant.ids[wanted.rows[mine]].tolist()),
        sql.Literal([instants.to_datetime(at) for at in wanted.since[mine].tolist()]),
        sql.Literal(wanted.before[mine].tolist()),
        sql.Literal(QUALITY_MASK),
        sql.Literal([int(quality) for quality in JUDGED]),
        sql.Literal(FAR),
    )
