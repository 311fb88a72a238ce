"""Named consumers: how far each platform has acknowledged the journal."""

from datetime import datetime

from psycopg import AsyncConnection


async def offset_of(conn: AsyncConnection, owner: str, name: str) -> int | None:
    """Return the offset a consumer acknowledged last, or None when it never did."""
    row = await (
        await conn.execute(
            "select log_offset from consumer where owner = %s and name = %s", (owner, name)
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def acknowledge(
    conn: AsyncConnection, owner: str, name: str, offset: int, *, now: datetime
) -> None:
    """Move a consumer's cursor up to an offset, never back."""
    await conn.execute(
        """
        insert into consumer (owner, name, log_offset, updated_at) values (%s, %s, %s, %s)
        on conflict (owner, name) do update
           set log_offset = greatest(consumer.log_offset, excluded.log_offset),
               updated_at = excluded.updated_at
        """,
        (owner, name, offset, now),
    )
