"""Notes between API and ingest about messages somebody looks at; nothing of them is stored."""

from typing import Final

from psycopg import AsyncConnection, sql

WANTED: Final = "fengsui_look"
SHOWN: Final = "fengsui_payload"
MOST_BYTES: Final = 7_900
"""What fits into one note of PostgreSQL, which takes less than 8,000 bytes."""


async def listen(conn: AsyncConnection, channel: str) -> None:
    """Let this connection hear one of the two channels."""
    await conn.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))


async def tell(conn: AsyncConnection, channel: str, note: str) -> None:
    """Say something on a channel to whoever listens now: a gateway's id, or a message shown."""
    await conn.execute("select pg_notify(%s, %s)", (channel, note))
