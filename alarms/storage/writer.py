"""Who may write readings and process events: one ingest at a time, as long as it is connected."""

from typing import Final

from psycopg import AsyncConnection

from alarms.storage import connection

_LOCK: Final = 0x66656E67_737569
"""Key of the session's advisory lock: `fengsui` in ASCII."""


async def claim(conn: AsyncConnection) -> bool:
    """Try to become the writer for as long as this session lives; False while another is."""
    return await connection.claim(conn, _LOCK)


async def still(conn: AsyncConnection) -> None:
    """Let all that this transaction reads be of one moment; must be its first statement."""
    await conn.execute("set transaction isolation level repeatable read")


async def identity(conn: AsyncConnection) -> str:
    """Return the name of this record, the same after every restart and with every epoch."""
    row = await (
        await conn.execute("select record || '/' || current_database() from journal_head")
    ).fetchone()
    return "" if row is None else str(row[0])
