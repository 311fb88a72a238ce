"""Regions' own tables of who is told."""

from datetime import datetime
from typing import Final

from psycopg import AsyncConnection

from alarms.escalation import NotificationTable
from alarms.storage import region_tables

_NAME: Final = "notification_table"


async def every(conn: AsyncConnection) -> dict[str, NotificationTable]:
    """Return the tables of regions that have one of their own, by code."""
    return await region_tables.every(conn, _NAME, NotificationTable)


async def put(
    conn: AsyncConnection, region: str, table: NotificationTable | None, *, now: datetime
) -> NotificationTable | None:
    """Give a region its table, or the shipped one back; return the one it had.

    NotFoundError for a region nobody knows.
    """
    return await region_tables.put(conn, _NAME, NotificationTable, region, table, now=now)
