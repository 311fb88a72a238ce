"""Rosters by place: a region's code, an enterprise's, or `all` for the server's own desk."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from alarms import scope as scopes
from alarms.errors import NotFoundError
from alarms.plant import prefix_of
from alarms.rosters import Roster
from alarms.scope import Scope
from alarms.storage import fences


class Place(NamedTuple):
    """Where a roster holds; `region` is a prefix, or the enterprise's code of its region."""

    code: str
    region: str | None
    enterprise: str | None


class Held(NamedTuple):
    """A roster and where it holds."""

    place: Place
    roster: Roster
    changed_at: datetime


async def place(conn: AsyncConnection, code: str) -> Place:
    """Return what a code stands for; raise NotFoundError for nothing."""
    if code == scopes.ALL.code:
        return Place(code, None, None)
    cursor = await conn.execute("select true from region where code = %s", (code,))
    if await cursor.fetchone() is not None:
        return Place(code, prefix_of(code), None)
    cursor = await conn.execute("select region from enterprise where code = %s", (code,))
    row = await cursor.fetchone()
    if row is None:
        raise NotFoundError(f"there is no region and no enterprise {code}")
    return Place(code, row[0], code)


async def listed(conn: AsyncConnection, scope: Scope, *, code: str | None = None) -> list[Held]:
    """Return the rosters of a scope, or one of them, by place."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="region", enterprise="enterprise")
    if code is not None:
        conditions.add("place = %s", code)
    cursor = await conn.execute(
        sql.SQL(
            """
            select place, region, enterprise, content, changed_at
              from (select place, coalesce(e.region, roster.region) as region, enterprise, content,
                           changed_at
                      from roster left join enterprise e on e.code = roster.enterprise) held
             where {} order by place
            """
        ).format(conditions.where()),
        conditions.values,
    )
    return [
        Held(Place(place, region, enterprise), msgspec.convert(content, Roster), changed_at)
        for place, region, enterprise, content, changed_at in await cursor.fetchall()
    ]


async def of_places(conn: AsyncConnection, codes: Iterable[str]) -> dict[str, Roster]:
    """Return the rosters of these places that have one."""
    cursor = await conn.execute(
        "select place, content from roster where place = any(%s)", ([*codes],)
    )
    return {code: msgspec.convert(content, Roster) for code, content in await cursor.fetchall()}


async def put(conn: AsyncConnection, where: Place, roster: Roster, *, now: datetime) -> None:
    """Give a place its roster."""
    await conn.execute(
        """
        insert into roster (place, region, enterprise, content, changed_at)
        values (%s, %s, %s, %s, %s)
        on conflict (place) do update
           set content = excluded.content, changed_at = excluded.changed_at
        """,
        (
            *(where.code, None if where.enterprise is not None else where.region),
            where.enterprise,
            *(Jsonb(roster, dumps=msgspec.json.encode), now),
        ),
    )


async def delete(conn: AsyncConnection, code: str) -> None:
    """Take a place's roster away."""
    await conn.execute("delete from roster where place = %s", (code,))
