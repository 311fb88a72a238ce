"""The pieces of tables cut by time, chunks or partitions: made where needed, dropped when old."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import numpy as np
from psycopg import AsyncConnection, errors, sql

from alarms.readings import Instants
from alarms.storage import facts

_DROP_WAIT_MS: Final = 200
"""A drop waits no longer for readers: behind it wait the writer's transactions."""


class Piece(NamedTuple):
    """One piece of a table, all rows of which are before `end`."""

    schema: str
    name: str
    end: datetime


def months_of(times: Instants) -> frozenset[int]:
    """Return the calendar months (UTC) of these times, counted from January 1970."""
    months = times.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    return frozenset(np.unique(months).tolist())


def months_between(first: datetime, last: datetime) -> range:
    """Return the calendar months (UTC) from one moment's to another's, as `months_of` counts."""
    began, ended = (
        (moment.year - 1970) * 12 + moment.month - 1
        for moment in (first.astimezone(UTC), last.astimezone(UTC))
    )
    return range(began, ended + 1)


async def ensure(conn: AsyncConnection, table: str, months: Iterable[int]) -> None:
    """Make the partitions of these months where no hypertable makes its own; idempotent."""
    if await facts.edition(conn) != "none":
        return
    for month in sorted(months):
        first, after = (
            datetime(1970 + m // 12, m % 12 + 1, 1, tzinfo=UTC) for m in (month, month + 1)
        )
        name = sql.Identifier(f"{table}_{first:%Y_%m}")
        await conn.execute(
            sql.SQL(
                "create table if not exists {} partition of {} for values from ({}) to ({})"
            ).format(name, sql.Identifier(table), first, after)
        )


async def ended_by(conn: AsyncConnection, table: str, moment: datetime) -> list[Piece]:
    """Return the pieces that end by a moment, the oldest first."""
    if await facts.edition(conn) == "none":
        query = """
            select n.nspname, c.relname,
                   (regexp_match(pg_get_expr(c.relpartbound, c.oid),
                                 'TO \\(''([^'']+)''\\)'))[1]::timestamptz as ended
              from pg_inherits i join pg_class c on c.oid = i.inhrelid
              join pg_namespace n on n.oid = c.relnamespace
             where i.inhparent = %s::regclass
            """
    else:
        query = """
            select chunk_schema, chunk_name, range_end as ended
              from timescaledb_information.chunks where hypertable_name = %s
            """
    rows = await (
        await conn.execute(
            f"select * from ({query}) piece where ended <= %s order by ended",  # noqa: S608  constant
            (table, moment),
        )
    ).fetchall()
    return [Piece(*row) for row in rows]


async def drop(conn: AsyncConnection, piece: Piece) -> bool:
    """Drop a piece whole; False, and it stays for the next time, where somebody reads it now."""
    try:
        async with conn.transaction():
            await conn.execute(
                sql.SQL("set local lock_timeout = {}").format(sql.Literal(_DROP_WAIT_MS))
            )
            await conn.execute(
                sql.SQL("drop table if exists {}").format(sql.Identifier(piece.schema, piece.name))
            )
    except errors.LockNotAvailable:
        return False
    return True
