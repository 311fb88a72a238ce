"""What is older than it must be kept leaves the record: what is much by whole pieces."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection, Rollback, sql

from alarms import instants
from alarms.storage import partitions, rollups


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long each class is kept at least, in days."""

    raw_days: int = 400
    rollup_days: int = 731
    journal_days: int = 1096


_BESIDE: Final = (
    ("reading_conflict", "received"),
    ("reading_corrected", "ts"),
    ("reject", "received"),
)
"""What is kept beside readings, little of it, with the column that tells its age."""
_AT_ONCE: Final = 10_000
"""Rows deleted in one transaction: nobody waits long for them."""


async def drop_old(conn: AsyncConnection, terms: Terms, now: datetime) -> dict[str, int]:
    """Drop what is past its term, a day's grace added; return how much went of each class.

    Pieces are counted, of what stands beside the readings rows.

    The grace lets a reading in that was in time when it was taken. The connection must be in
    autocommit, and be the one that rolls up.
    """
    grace = now - timedelta(days=1)
    return {
        "raw": await drop_raw(conn, grace - timedelta(days=terms.raw_days)),
        "beside": await drop_beside(conn, grace - timedelta(days=terms.raw_days)),
        "rollups": await drop_rollups(conn, grace - timedelta(days=terms.rollup_days)),
        "journal": await drop_journal(conn, grace - timedelta(days=terms.journal_days)),
        "notifications": await _delete(
            conn, "notification", "planned_at", grace - timedelta(days=terms.journal_days)
        ),
    }


async def drop_raw(conn: AsyncConnection, before: datetime) -> int:
    """Drop readings of before a moment, as far as they are rolled up; return how many pieces went.

    The connection must be in autocommit, and be the one that rolls up.
    """
    row = await (
        await conn.execute("select done, (select min(ts) from rollup_work) from rollup_progress")
    ).fetchone()
    done, owed = row or (None, None)
    if done is None:
        return 0
    rolled = min(done, instants.to_datetime(owed)) if owed is not None else done
    gone = 0
    for piece in await partitions.ended_by(conn, "reading", min(before, rolled)):
        async with conn.transaction():
            await conn.execute("update rollup_progress set raw_since = %s", (piece.end,))
            if not await partitions.drop(conn, piece):
                raise Rollback
            gone += 1
            continue
        break
    return gone


async def drop_beside(conn: AsyncConnection, before: datetime) -> int:
    """Delete conflicts, own stamps of corrected readings and rejects of before a moment.

    They share the readings' term. Returns how many rows went. The connection must be in autocommit.
    """
    return sum([await _delete(conn, table, column, before) for table, column in _BESIDE])


async def drop_rollups(conn: AsyncConnection, before: datetime) -> int:
    """Drop roll-ups of before a moment; return how many pieces went (autocommit)."""
    gone = 0
    for table in rollups.tables():
        for piece in await partitions.ended_by(conn, table, before):
            if not await partitions.drop(conn, piece):
                break
            gone += 1
    return gone


async def drop_journal(conn: AsyncConnection, before: datetime) -> int:
    """Drop the journal's oldest pieces, all rows of which are of before a moment; return how many.

    The piece that is written stays, and so do one that tells of an alarm still open and all after
    it: a journal has no gaps. The connection must be in autocommit.
    """
    rows = await (
        await conn.execute(
            """
            select n.nspname, c.relname
              from pg_inherits i join pg_class c on c.oid = i.inhrelid
              join pg_namespace n on n.oid = c.relnamespace
             where i.inhparent = 'journal'::regclass
             order by substring(c.relname from '[0-9]+$')::bigint
            """
        )
    ).fetchall()
    gone = 0
    for schema, name in rows:
        asked = sql.SQL(
            """
            select max(t_committed) < {} and max(log_offset) < (select log_offset from journal_head)
                   and not exists (select from alarm where t_closed is null
                                      and id in (select alarm_id from {}))
              from {}
            """
        ).format(before, sql.Identifier(schema, name), sql.Identifier(schema, name))
        if await (await conn.execute(asked)).fetchone() != (True,):
            break
        piece = partitions.Piece(schema, name, before)
        async with conn.transaction():
            await _begin_chain_after(conn, piece)
            if not await partitions.drop(conn, piece):
                raise Rollback
            gone += 1
            continue
        break
    return gone


async def _begin_chain_after(conn: AsyncConnection, piece: partitions.Piece) -> None:
    """Keep the hash of a piece's last row: from there on the journal can be checked still."""
    await conn.execute(
        sql.SQL(
            """
            update journal_head set anchor_offset = last.log_offset, anchor_hash = last.hash
              from (select log_offset, hash from {} order by log_offset desc limit 1) last
             where last.log_offset > anchor_offset
            """
        ).format(sql.Identifier(piece.schema, piece.name))
    )


async def _delete(conn: AsyncConnection, table: str, column: str, before: datetime) -> int:
    """Delete a table's rows of before a moment, some at a time; return how many (autocommit)."""
    statement = sql.SQL(
        "delete from {} where ctid = any(array(select ctid from {} where {} < {} limit {}))"
    ).format(
        *(sql.Identifier(table), sql.Identifier(table), sql.Identifier(column)),
        *(before, _AT_ONCE),
    )
    gone = 0
    while (went := (await conn.execute(statement)).rowcount) > 0:
        gone += went
    return gone
