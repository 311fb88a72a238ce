"""Pieces of readings that are over are packed: index pages filled, rows known to be seen by all."""

from datetime import timedelta
from typing import Final

from psycopg import AsyncConnection, sql

from alarms.storage import partitions

_GRACE: Final = timedelta(days=1)
"""A piece is packed so long after its end: what comes late has come, but for little."""


async def pack(conn: AsyncConnection) -> str | None:
    """Pack the oldest piece that is over and was not packed yet; return its name.

    While it is written, pages of the index by point are about half full, and not all of it can be
    answered without the rows. Nobody is kept waiting, a kill leaves it for the next time. The
    connection must be in autocommit.
    """
    row = await (await conn.execute("select done, packed_to from rollup_progress")).fetchone()
    done, packed_to = row or (None, None)
    if done is None:
        return None
    for piece in await partitions.ended_by(conn, "reading", done - _GRACE):
        if packed_to is None or piece.end > packed_to:
            await _pack(conn, piece)
            await conn.execute("update rollup_progress set packed_to = %s", (piece.end,))
            return piece.name
    return None


async def _pack(conn: AsyncConnection, piece: partitions.Piece) -> None:
    """Build the piece's indexes anew and vacuum it; drop first what a kill left half built."""
    table = sql.Identifier(piece.schema, piece.name)
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
    await conn.execute(sql.SQL("reindex table concurrently {}").format(table))
    await conn.execute(sql.SQL("vacuum (freeze, analyze) {}").format(table))
