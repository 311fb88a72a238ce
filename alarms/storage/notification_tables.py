"""Regions' own tables of who is told."""

from datetime import datetime

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alarms.errors import NotFoundError
from alarms.escalation import NotificationTable


async def every(conn: AsyncConnection) -> dict[str, NotificationTable]:
    """Return the tables of regions that have one of their own, by code."""
    cursor = await conn.execute("select region, content from notification_table order by region")
    return {
        region: msgspec.convert(content, NotificationTable)
        for region, content in await cursor.fetchall()
    }


async def put(
    conn: AsyncConnection, region: str, table: NotificationTable | None, *, now: datetime
) -> NotificationTable | None:
    """Give a region its table, or the shipped one back; return the one it had.

    NotFoundError for a region nobody knows.
    """
    known = await conn.execute("select true from region where code = %s", (region,))
    if await known.fetchone() is None:
        raise NotFoundError(f"there is no region {region}")
    before = (await every(conn)).get(region)
    if table is None:
        await conn.execute("delete from notification_table where region = %s", (region,))
    else:
        await conn.execute(
            """
            insert into notification_table (region, content, changed_at) values (%s, %s, %s)
            on conflict (region) do update
               set content = excluded.content, changed_at = excluded.changed_at
            """,
            (region, Jsonb(table, dumps=msgspec.json.encode), now),
        )
    return before
