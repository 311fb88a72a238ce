"""What an audit needs of the record: readings by receipt, and what the journal says."""

from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.plant import Plant
from alarms.proposal import LastReadings
from alarms.readings import FAR, JUDGED, QUALITY_MASK, Readings, Rows
from alarms.storage import unpacking
from alarms.storage.readings import last_of

_AHEAD_US: Final = 300_000_000
"""A stored stamp lies at most so far ahead of its receipt (contracts.md section 4, Time)."""


class Row(NamedTuple):
    """A journal row: what happened, and the alarm after it as it was sent."""

    alarm_id: str
    type: str
    key: str
    document: dict[str, Any]


async def alive(conn: AsyncConnection) -> int | None:
    """Return until when ingest was surely at work, Micros: its last beat, or a later reading."""
    cursor = await conn.execute(
        """
        with beat as (select max(at) as at from service_heartbeat where service = 'ingest')
        select greatest(beat.at, (select max(received) from reading where received >= beat.at))
          from beat
        """
    )
    row = await cursor.fetchone()
    return None if row is None or row[0] is None else instants.from_datetime(row[0])


async def changed(conn: AsyncConnection, end: int) -> dict[str, dict[str, int]]:
    """Return, for each kind of registry entry, when its entries last changed before `end`, Micros.

    By the name the audit trail has for them: a key for points and groups. Of enterprises a change
    of region counts; a new table of tiers changes what was graded without it.
    """
    cursor = await conn.execute(
        """
        select split_part(action, '.', 2), object, max(at) from audit_trail
         where at < %s
           and (action like 'registry.%%.changed' or action = 'registry.tiering.created')
           and (action <> 'registry.enterprise.changed' or after ? 'region')
         group by 1, 2
        """,
        (instants.to_datetime(end),),
    )
    found: dict[str, dict[str, int]] = {}
    for kind, name, at in await cursor.fetchall():
        found.setdefault(kind, {})[name] = instants.from_datetime(at)
    return found


async def before(conn: AsyncConnection, moment: int, *, most: int) -> tuple[int, int]:
    """Return how many readings came before a moment, Micros, and when the first of them did.

    No more than one above `most` are counted. The moment itself stands for the first of none.
    """
    cursor = await conn.execute(
        """
        select count(*), min(received)
          from (select received from reading where received < %s limit %s) counted
        """,
        (instants.to_datetime(moment), most + 1),
    )
    count, first = await cursor.fetchone() or (0, None)
    return count, moment if first is None else instants.from_datetime(first)


async def first_told(conn: AsyncConnection) -> int | None:
    """Return when the first alarm that follows from stored readings was committed, Micros."""
    cursor = await conn.execute(
        """
        select t_committed from journal
         where kind not in ('comms', 'system', 'sensor', 'warning')
           and not exists (select from alarm
                            where alarm.id = journal.alarm_id and alarm.origin is not null)
         order by log_offset limit 1
        """
    )
    row = await cursor.fetchone()
    return None if row is None else instants.from_datetime(row[0])


async def last_before(conn: AsyncConnection, plant: Plant, moment: int) -> LastReadings:
    """Return each point's newest reading and newest judged one received before a moment, Micros."""
    cursor = await conn.execute(
        """
        select p.id, newest.*, judged.*
          from point p
          cross join lateral (
               select extract(epoch from ts) * 1000000, extract(epoch from received) * 1000000,
                      value, quality
                 from reading
                where point_id = p.id and ts <= %(latest)s and received < %(moment)s
                order by ts desc limit 1
          ) newest
          left join lateral (
               select extract(epoch from ts) * 1000000, extract(epoch from received) * 1000000,
                      value, quality
                 from reading
                where point_id = p.id and ts <= %(latest)s and received < %(moment)s
                  and quality & %(mask)s = any(%(judged)s) and quality & %(far)s = 0
                order by ts desc limit 1
          ) judged on true
        """,
        {
            "moment": instants.to_datetime(moment),
            "latest": instants.to_datetime(moment + _AHEAD_US),
            "mask": QUALITY_MASK,
            "judged": [int(quality) for quality in JUDGED],
            "far": FAR,
        },
        binary=True,
    )
    return await last_of(cursor, plant)


async def received_between(
    conn: AsyncConnection, plant: Plant, first: int, end: int
) -> AsyncIterator[Readings]:
    """Yield the readings received from `first` to before `end` (Micros), in order of receipt."""
    statement = sql.SQL(
        """
        copy (select ts, received, value, point_id, quality from reading
               where received >= {} and received < {}
               order by received, point_id, ts) to stdout (format binary)
        """
    ).format(
        sql.Literal(instants.to_datetime(first)),
        sql.Literal(instants.to_datetime(end)),
    )
    async for readings in unpacking.Unpacked(plant).copied(conn, statement):
        yield readings


async def judged_before(
    conn: AsyncConnection, plant: Plant, rows: Rows, moment: int, *, most: int
) -> Readings:
    """Return the newest judged readings, at most so many each, of rows received before a moment.

    By point and time; those that came beyond the bound of lateness are left out.
    """
    statement = sql.SQL(
        """
        copy (select r.ts, r.received, r.value, r.point_id, r.quality
                from unnest({}::integer[]) as asked (id)
                cross join lateral (
                     select * from reading
                      where point_id = asked.id and ts <= {} and received < {}
                        and quality & {} = any({}::integer[]) and quality & {} = 0
                      order by ts desc limit {}
                ) r
               order by r.point_id, r.ts
              ) to stdout (format binary)
        """
    ).format(
        sql.Literal(plant.ids[rows].tolist()),
        sql.Literal(instants.to_datetime(moment + _AHEAD_US)),
        sql.Literal(instants.to_datetime(moment)),
        sql.Literal(QUALITY_MASK),
        sql.Literal([int(quality) for quality in JUDGED]),
        sql.Literal(FAR),
        sql.Literal(most),
    )
    found = [each async for each in unpacking.Unpacked(plant).copied(conn, statement)]
    return Readings.joined(found or [Readings.none()])


async def open_at(conn: AsyncConnection, moment: int) -> list[Row]:
    """Return the newest row, at a moment of the server's clock (Micros), of alarms active then."""
    cursor = await conn.execute(
        """
        select newest.alarm_id, newest.type, alarm.key, newest.data
          from alarm
          cross join lateral (
               select alarm_id, type, data from journal
                where alarm_id = alarm.id and t_committed <= %(moment)s
                order by rev desc limit 1
          ) newest
         where alarm.t_raised <= %(moment)s and alarm.origin is null
           and (alarm.t_closed is null or alarm.t_closed > %(moment)s)
         order by newest.alarm_id
        """,
        {"moment": instants.to_datetime(moment)},
    )
    rows = [_row(*row) for row in await cursor.fetchall()]
    return [row for row in rows if row.document["active"]]


async def journalled(conn: AsyncConnection, first: int, end: int) -> list[Row]:
    """Return the rows of what processes did, committed after `first` up to `end`, in order."""
    cursor = await conn.execute(
        """
        select journal.alarm_id, journal.type, alarm.key, journal.data
          from journal left join alarm on alarm.id = journal.alarm_id
         where t_committed > %s and t_committed <= %s and alarm.origin is null
           and journal.type in ('raised', 'reraised', 'tier_up', 'tier_down', 'returned', 'late')
         order by log_offset
        """,
        (instants.to_datetime(first), instants.to_datetime(end)),
    )
    return [_row(*row) for row in await cursor.fetchall()]


def _row(alarm_id: str, type_: str, key: str | None, document: str) -> Row:
    decoded: dict[str, Any] = msgspec.json.decode(document)
    if key is None:
        key = f"{decoded.get('enterprise')}/{decoded.get('subject')}"
    return Row(alarm_id=alarm_id, type=type_, key=key, document=decoded)
