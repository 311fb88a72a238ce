"""Regions' own tables of what asks for a warning, and the names of who governs them."""

from typing import Final

from psycopg import AsyncConnection

from alarms import instants, warning_table
from alarms.storage import region_tables
from alarms.warning_table import WarningTable

_NAME: Final = "warning_table"


async def every(conn: AsyncConnection) -> dict[str, WarningTable]:
    """Return the tables of regions that have one of their own, by code."""
    return await region_tables.every(conn, _NAME, WarningTable)


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
    moment = instants.to_datetime(now)
    return await region_tables.put(conn, _NAME, WarningTable, region, table, now=moment)
