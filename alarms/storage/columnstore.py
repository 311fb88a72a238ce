"""TimescaleDB Community's columnstore for readings: written at once in bulk, by point once over.

Nothing here touches another edition. Two ways lead into it, and one table keeps its name:

* A large batch of news is compressed while it is copied. Its blocks hold many points: quick to
  write, slower to find a point in.
* A piece that is over is compressed by point, each point's readings in order of time, a thousand
  in a block.
"""

import asyncio
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection, errors, sql

from alarms.readings import Readings
from alarms.storage import connection

OLDEST: Final = "2.27"
"""The first version that can be told to compress a table in two ways; tested with 2.29.2."""
FEWEST: Final = 5_000
"""Smaller batches are stored as rows, which the index finds: half a second of a nation's load."""
RECENT_US: Final = 86_400_000_000
"""Only what is this young is compressed while it is copied: pieces by point are older."""
_BULK_BLOCK: Final = 250
"""Readings in a block of bulk: of a thousand, a point's newest is found four times as slowly."""
_WAIT_MS: Final = 1_000
"""Compressing waits no longer for readers when it puts the piece in place: others wait behind."""
_LOOK_S: Final = 0.2
"""How often it is asked whether somebody waits for the piece that is compressed."""
_LOCK: Final = 0x636F6C_756D6E
"""Key of the advisory lock under which the table is made ready: `column` in ASCII."""
_COMPRESSED: Final = 1
_UNORDERED: Final = 2
_FROZEN: Final = 4
_SERVES: Final = """
    to_regprocedure('reading_order(regclass, text[])') is not null
    and current_setting('timescaledb.license', true) = 'timescale'
    """


async def prepare(conn: AsyncConnection) -> None:
    """Make the readings ready for the columnstore where there is one; idempotent.

    Values become a domain over their type: TimescaleDB keeps bare floating-point numbers by the
    bits that change from one to the next, nearly all of them in decimals (5.5 bytes a reading of
    an instrument's hundredths), and any other type by a dictionary of the values a block has
    (0.8). Versions before OLDEST are used as the Apache edition is.
    """
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        missing = await conn.execute(
            f"""
            select current_setting('timescaledb.license', true) = 'timescale'
               and current_setting('timescaledb.enable_direct_compress_auto_segmentby', true) = 'on'
               and not ({_SERVES})
              from pg_extension where extname = 'timescaledb'
            """  # noqa: S608  # a constant
        )
        if await missing.fetchone() == (True,):
            await conn.execute(_PREPARE)


async def serves(conn: AsyncConnection) -> bool:
    """Return whether this database has its readings in a columnstore."""
    found = await conn.execute(f"select {_SERVES}")
    return await found.fetchone() == (True,)


async def compressed(conn: AsyncConnection, readings: Readings, ids: NDArray[np.int32]) -> Readings:
    """Let COPYs of this transaction compress if the readings are enough; return them for it.

    Within a block readings must have the order that is declared for it, or the database looks past
    some; they are sorted here, which costs a fifth of what the database takes for it. That it
    must not rely on the order from block to block, it is told by `client_sorted`, which stays off.
    """
    if len(readings) < FEWEST:
        return readings
    if int(readings.received.max()) - int(readings.time.min()) >= RECENT_US:
        return readings
    done = await conn.execute(
        f"""
        select set_config(name, value, true)
          from (values ('timescaledb.enable_direct_compress_copy', 'on'),
                       ('timescaledb.enable_direct_compress_copy_sort_batches', 'off'),
                       ('timescaledb.enable_sparse_index_bloom', 'off'),
                       ('timescaledb.compression_batch_size_limit', '{_BULK_BLOCK}'),
                       ('timescaledb.compression_orderby_default_function', 'reading_order'))
               as wanted (name, value)
         where {_SERVES}
        """  # noqa: S608  # a constant
    )
    if done.rowcount == 0:
        return readings
    return readings.take(np.lexsort((readings.time, ids[readings.point])))


async def loose(conn: AsyncConnection, table: sql.Identifier) -> bool:
    """Return whether a piece holds readings that are not compressed by point."""
    status = await _status(conn, table)
    return status != _COMPRESSED and not status & _FROZEN


async def compress(conn: AsyncConnection, table: sql.Identifier, database_url: str) -> bool:
    """Compress a piece by point; False, and it stays as it is, where somebody waited for it.

    It is locked against writers meanwhile, which is why it gives way. A kill leaves it compressed
    otherwise, as rows or as wanted, never by half. The connection must be in autocommit.
    """
    await conn.execute(
        """
        select set_config('timescaledb.compression_segmentby_default_function',
                          'reading_segments', false),
               set_config('timescaledb.compression_orderby_default_function',
                          'reading_order', false),
               set_config('lock_timeout', %s, false)
        """,
        (str(_WAIT_MS),),
    )
    async with await connection.connect(database_url, autocommit=True) as beside:
        try:
            if await _status(conn, table) & _UNORDERED:
                await _giving_way(conn, "decompress_chunk", table, beside)
            await _giving_way(conn, "compress_chunk", table, beside)
        except (errors.QueryCanceled, errors.LockNotAvailable):
            return False
    return True


async def _giving_way(
    conn: AsyncConnection, function: str, table: sql.Identifier, beside: AsyncConnection
) -> None:
    """Call a function of TimescaleDB's on a piece; cancel it when somebody waits for its locks."""
    call = sql.SQL("select {}({})").format(
        sql.Identifier(function), sql.Literal(table.as_string(conn))
    )
    watching = asyncio.create_task(_watch(beside, conn), name=f"upkeep watches {function}")
    try:
        await conn.execute(call)
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _watch(beside: AsyncConnection, conn: AsyncConnection) -> None:
    """Cancel what a connection does once somebody waits for it; never ends."""
    while True:
        await asyncio.sleep(_LOOK_S)
        waiting = await beside.execute(
            """
            select exists (select from pg_locks
                            where not granted and %s = any(pg_blocking_pids(pid)))
            """,
            (conn.info.backend_pid,),
        )
        if await waiting.fetchone() == (True,):
            await conn.cancel_safe()


async def _status(conn: AsyncConnection, table: sql.Identifier) -> int:
    row = await (
        await conn.execute(
            "select _timescaledb_functions.chunk_status(%s::text::regclass)",
            (table.as_string(conn),),
        )
    ).fetchone()
    return 0 if row is None else int(row[0])


_PREPARE: Final = """
    create domain measured as double precision;
    alter table reading alter column value type measured;
    create function reading_segments(relation regclass) returns jsonb
        language sql immutable
        return jsonb_build_object('columns', jsonb_build_array('point_id'), 'confidence', 10);
    create function reading_order(relation regclass, segments text[]) returns jsonb
        language sql immutable
        return jsonb_build_object(
            'clauses', case when segments = '{}' then '["point_id", "ts"]'::jsonb else '["ts"]' end,
            'confidence', 10);
    alter table reading set (timescaledb.compress);
    """
"""How a piece is laid out stands in functions: the table has one layout, and we want two."""
