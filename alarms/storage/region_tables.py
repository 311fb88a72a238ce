"""Regions' own tables, each in place of a shipped one: what both kinds of them have in common."""

from datetime import datetime
from typing import TypeVar

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from alarms.errors import NotFoundError

_Table = TypeVar("_Table", bound=msgspec.Struct)


async def every(conn: AsyncConnection, name: str, kind: type[_Table]) -> dict[str, _Table]:
    """Return the tables of regions that have one of their own in the relation `name`, by code."""
    found = await conn.execute(
        sql.SQL("select region, content from {} order by region").format(sql.Identifier(name))
    )
    return {region: msgspec.convert(content, kind) for region, content in await found.fetchall()}


async def put(
    conn: AsyncConnection, name: str, kind: type[_Table], region: str, table: _Table | None,
    *, now: datetime,
) -> _Table | None:  # fmt: skip
    """Give a region its table, or the shipped one back; return the one it had.

    NotFoundError for a region nobody knows.
    """
    known = await conn.execute("select true from region where code = %s", (region,))
    if await known.fetchone() is None:
        raise NotFoundError(f"there is no region {region}")
    before = (await every(conn, name, kind)).get(region)
    relation = sql.Identifier(name)
    if table is None:
        await conn.execute(sql.SQL("delete from {} where region = %s").format(relation), (region,))
    else:
        await conn.execute(
            sql.SQL(
                """
                insert into {} (region, content, changed_at) values (%s, %s, %s)
                on conflict (region) do update
                   set content = excluded.content, changed_at = excluded.changed_at
                """
            ).format(relation),
            (region, Jsonb(table, dumps=msgspec.json.encode), now),
        )
    return before
