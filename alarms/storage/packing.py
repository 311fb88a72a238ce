"""Pieces of readings that are over are packed: compressed by point, or their index pages filled."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from psycopg import AsyncConnection, sql

from alarms.storage import columnstore, partitions

GRACE: Final = timedelta(days=1)
"""A piece is packed so long after its end: what comes late has come, but for little."""


async def pack(conn: AsyncConnection, database_url: str) -> str | None:
    """Pack the oldest piece that is over and was not packed yet; return its name.

    A columnstore takes it compressed by point, again when something came late. As rows, pages of
    the index by point are about half full while it is written, and not all of it can be answered
    without the rows. Nobody is kept waiting, a kill leaves it for the next time. The connection,
    one to `database_url`, must be in autocommit.
    """
    row = await (await conn.execute("select done, packed_to from rollup_progress")).fetchone()
    done, packed_to = row or (None, None)
    if done is None:
        return None
    ended = await partitions.ended_by(conn, "reading", done - GRACE)
    if await columnstore.serves(conn):
        return await _compress(conn, ended, database_url)
    for piece in ended:
        if packed_to is None or piece.end > packed_to:
            await _pack(conn, piece)
            await conn.execute("update rollup_progress set packed_to = %s", (piece.end,))
            return piece.name
    return None


async def _compress(
    conn: AsyncConnection, ended: Sequence[partitions.Piece], database_url: str
) -> str | None:
    for piece in ended:
        table = sql.Identifier(piece.schema, piece.name)
        if await columnstore.loose(conn, table):
            await _drop_halves(conn, table)
            if not await columnstore.compress(conn, table, database_url):
                return None
            await conn.execute(sql.SQL("vacuum (freeze, analyze) {}").format(table))
            return piece.name
    return None


async def _pack(conn: AsyncConnection, piece: partitions.Piece) -> None:
    """Build the piece's indexes anew and vacuum it."""
    table = sql.Identifier(piece.schema, piece.name)
    await _drop_halves(conn, table)
    await conn.execute(sql.SQL("reindex table concurrently {}").format(table))
    await conn.execute(sql.SQL("vacuum (freeze, analyze) {}").format(table))


async def _drop_halves(conn: AsyncConnection, table: sql.Identifier) -> None:
    """Drop the indexes that a kill left half built."""
    halves = await conn.execute(
        """
        select n.nspname, c.relname
          from pg_index x join pg_class c on c.oid = x.indexrelid
          join pg_namespace n on n.oid = c.relnamespace
         where x.indrelid = %s::text::regclass and not x.indisvalid
        """,
        (table.as_string(conn),),
    )
    for schema, name in await halves.fetchall():
        half = sql.Identifier(schema, name)
        await conn.execute(sql.SQL("drop index concurrently if exists {}").format(half))
