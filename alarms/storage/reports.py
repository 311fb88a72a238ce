"""What a report tells beside its figures: whose it is, what stood at its end, which warnings."""

from collections.abc import Sequence
from typing import Final

import msgspec
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.handover import Standing, Told
from alarms.scope import Scope
from alarms.storage import fences

_STANDING: Final = msgspec.json.Decoder(Standing)
_TOLD: Final = msgspec.json.Decoder(Told)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A region or an enterprise by name; an enterprise has its region's code."""

    code: str
    name: str
    region: str


async def region(conn: AsyncConnection, code: str) -> Place | None:
    """Return a region by its code, whole or cut at its level."""
    row = await (
        await conn.execute(
            "select code, name from region where code = %(code)s or code = rpad(%(code)s, 6, '0')"
            " order by code = %(code)s desc limit 1",
            {"code": code},
        )
    ).fetchone()
    return None if row is None else Place(code=row[0], name=row[1], region=row[0])


async def enterprise(conn: AsyncConnection, code: str) -> Place | None:
    """Return an enterprise by its code."""
    row = await (
        await conn.execute("select code, name, region from enterprise where code = %s", (code,))
    ).fetchone()
    return None if row is None else Place(code=row[0], name=row[1], region=row[2])


async def region_names(conn: AsyncConnection, codes: Sequence[str]) -> dict[str, str]:
    """Return the names of these regions, by code."""
    cursor = await conn.execute(
        "select code, name from region where code = any(%s)", (list(codes),)
    )
    return dict(await cursor.fetchall())


async def points(conn: AsyncConnection, scope: Scope) -> dict[bool, int]:
    """Return how many points of simulated (True) and of other enterprises are watched there."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="e.region", enterprise="e.code")
    query = sql.SQL(
        "select e.simulated, count(*) from point p join enterprise e on e.id = p.enterprise_id"
        " where {} group by e.simulated"
    ).format(conditions.where())
    return dict(await (await conn.execute(query, conditions.values)).fetchall())


async def standing(
    conn: AsyncConnection, scope: Scope, *, end: int, most: int
) -> tuple[list[Standing], int]:
    """Return the alarms that were open at `end` (Micros) as they were then, and how many.

    The most urgent first, then those raised first; at most so many of them.
    """
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="a.region", enterprise="a.enterprise")
    at = instants.to_datetime(end)
    conditions.add("a.t_raised < %s and (a.t_closed is null or a.t_closed >= %s)", at, at)
    query = sql.SQL(
        """
        select last.data, count(*) over ()
          from alarm a
         cross join lateral (
               select j.data, j.tier from journal j
                where j.alarm_id = a.id and j.t_event < %s
                order by j.rev desc limit 1) as last
         where {} order by last.tier desc, a.t_raised, a.id limit %s
        """
    ).format(conditions.where())
    cursor = await conn.execute(query, (at, *conditions.values, most))
    rows = await cursor.fetchall()
    return [_STANDING.decode(document) for document, _ in rows], rows[0][1] if rows else 0


async def warnings(
    conn: AsyncConnection, scope: Scope, *, start: int, end: int, most: int
) -> list[Told]:
    """Return the warnings that were open within a span (Micros) as they stood at its end."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="w.region", enterprise="w.enterprise")
    conditions.add(
        "w.t_proposed < %s and (w.t_lifted is null or w.t_lifted >= %s)",
        instants.to_datetime(end),
        instants.to_datetime(start),
    )
    query = sql.SQL(
        """
        select last.data
          from warning w
         cross join lateral (
               select j.data, j.tier from journal j
                where j.alarm_id = w.id and j.t_event < %s
                order by j.rev desc limit 1) as last
         where {} order by last.tier desc, w.t_proposed, w.id limit %s
        """
    ).format(conditions.where())
    cursor = await conn.execute(query, (instants.to_datetime(end), *conditions.values, most))
    return [_TOLD.decode(document) for (document,) in await cursor.fetchall()]


async def names(conn: AsyncConnection, keys: Sequence[str]) -> dict[str, str]:
    """Return what the newest alarm of each key called its subject."""
    cursor = await conn.execute(
        """
        select asked.key, last.name
          from unnest(%s::text[]) as asked (key)
         cross join lateral (
               select record -> 'subject' ->> 'name' as name from alarm
                where alarm.key = asked.key order by t_raised desc limit 1) as last
        """,
        (list(keys),),
    )
    return {key: name for key, name in await cursor.fetchall() if name}
