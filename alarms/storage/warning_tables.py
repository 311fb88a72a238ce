"""Regions' own tables of what asks for a warning, and the names of who governs them."""

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alarms import instants, warning_table
from alarms.errors import NotFoundError
from alarms.warning_table import WarningTable


async def every(conn: AsyncConnection) -> dict[str, WarningTable]:
    """Return the tables of regions that have one of their own, by code."""
    cursor = await conn.execute("select region, content from warning_table order by region")
    return {
        region: msgspec.convert(content, WarningTable)
        for region, content in await cursor.fetchall()
    }


async def names(conn: AsyncConnection, regions: set[str]) -> dict[str, str]:
    """Return the names of all that governs these regions, by code."""
    codes = {code for region in regions for code in warning_table.governing_codes(region).values()}
    cursor = await conn.execute("select code, name from region where code = any(%s)", ([*codes],))
    return dict(await cursor.fetchall())


async def put(
    conn: AsyncConnection, region: str, table: WarningTable | None, *, now: int
) -> WarningTable | None:
    """Give a region its table, or the shipped one back; return the one it had.

    NotFoundError for a region nobody knows. `now` in Micros.
    """
    known = await conn.execute("select true from region where code = %s", (region,))
    if await known.fetchone() is None:
        raise NotFoundError(f"there is no region {region}")
    before = (await every(conn)).get(region)
    if table is None:
        await conn.execute("delete from warning_table where region = %s", (region,))
    else:
        await conn.execute(
            """
            insert into warning_table (region, content, changed_at) values (%s, %s, %s)
            on conflict (region) do update
               set content = excluded.content, changed_at = excluded.changed_at
            """,
            (region, Jsonb(table, dumps=msgspec.json.encode), instants.to_datetime(now)),
        )
    return before
