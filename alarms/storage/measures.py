"""What measurements ask of the record."""

from contextlib import suppress
from datetime import datetime, timedelta

from psycopg import AsyncConnection, errors, sql

from alarms.storage import facts, partitions, rollups


async def accepted(conn: AsyncConnection) -> int:
    """Return how many readings all gateways together have had accepted."""
    return await _number(conn, "select coalesce(sum(accepted), 0)::bigint from gateway")


async def online(conn: AsyncConnection) -> int:
    """Return how many gateways said that they are there."""
    return await _number(conn, "select count(*) from gateway where state = 'online'")


async def stored(conn: AsyncConnection) -> int:
    """Return how many readings are stored."""
    return await _number(conn, "select count(*) from reading")


async def reading_bytes(conn: AsyncConnection) -> int:
    """Return how much room the readings take, indexes included, partitions and chunks too."""
    return await _bytes(conn, "reading")


async def ended_bytes(conn: AsyncConnection, moment: datetime) -> tuple[int, int]:
    """Return the room of the pieces of readings that ended by a moment, and how many they hold."""
    pieces = await partitions.ended_by(conn, "reading", moment)
    size = 0
    for piece in pieces:
        query = (
            "select pg_total_relation_size(format('%%I.%%I', %s, %s)::regclass)"
            if await facts.edition(conn) == "none"
            else "select total_bytes from chunks_detailed_size('reading')"
            " where chunk_schema = %s and chunk_name = %s"
        )
        row = await (await conn.execute(query, (piece.schema, piece.name))).fetchone()
        size += 0 if row is None else int(row[0])
    if not pieces:
        return 0, 0
    held = await conn.execute("select count(*) from reading where ts < %s", (pieces[-1].end,))
    row = await held.fetchone()
    return size, 0 if row is None else int(row[0])


async def rollup_bytes(conn: AsyncConnection) -> int:
    """Return how much room the roll-ups take, indexes included."""
    return sum([await _bytes(conn, table) for table in rollups.tables()])


async def fill(conn: AsyncConnection, first: datetime, end: datetime, step: timedelta) -> int:
    """Store a reading of every point each `step` from `first` to before `end`; return how many.

    They lie in the order of time, as if they had come one after the other some milliseconds later.
    Values are an instrument's with steps of 0.01: it drifts slowly and is off by 0.02 as a rule.
    """
    cursor = await conn.execute(
        """
        insert into reading (ts, received, value, point_id, quality)
        select t, t + interval '1 millisecond' * (200 + 50 * random()),
               floor(100 * (5 + 0.3 * sin(p.id + date_part('epoch', t) / 9000)
                            + 0.04 * (random() + random() + random()))) / 100,
               p.id, 0
          from generate_series(%s, %s - interval '1 microsecond', %s) t
          cross join lateral (select id from point where t is not null order by id offset 0) p
        """,
        (first, end, step),
    )
    return cursor.rowcount


async def fill_rollups(conn: AsyncConnection, first: datetime, end: datetime) -> None:
    """Write the hours and days of every point from `first` to before `end`, as of old readings."""
    for name in ("1h", "1d"):
        await conn.execute(
            sql.SQL(
                """
                insert into {} (point_id, bucket, first_at, sum, min, max, first, last, mean, count)
                select p.id, t, t, 1800, 4, 6, 5, 5, 5, 360
                  from generate_series(date_bin({step}, {first}, {origin}), {end}, {step}) t
                  cross join lateral (
                       select id from point where t is not null order by id offset 0) p
                on conflict do nothing
                """
            ).format(
                sql.Identifier(f"reading_{name}"),
                step=rollups.STEPS[name],
                first=first,
                end=end - rollups.STEPS[name],
                origin=rollups.ORIGIN,
            )
        )


async def owe_all(conn: AsyncConnection, now: datetime) -> None:
    """Hand over all stored readings to be rolled up."""
    await conn.execute(
        "insert into rollup_work (received, ts, handed_at) values (0, 0, %s)", (now,)
    )


async def vacuum(conn: AsyncConnection) -> None:
    """Bring readings and roll-ups to rest: vacuumed and analyzed; the connection in autocommit."""
    for table in ("reading", *rollups.tables()):
        await conn.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(table)))


async def settle(conn: AsyncConnection) -> None:
    """Bring a record to rest that was filled faster than it ever is: vacuumed and written back.

    The connection must be in autocommit; an account that may make no checkpoint goes without.
    """
    await conn.execute("vacuum (analyze)")
    with suppress(errors.InsufficientPrivilege):
        await conn.execute("checkpoint")


async def server_version(conn: AsyncConnection) -> str:
    """Return PostgreSQL's version and TimescaleDB's, if it is there."""
    row = await (
        await conn.execute(
            """
            select 'PostgreSQL ' || current_setting('server_version') || coalesce(
                ', TimescaleDB ' || (select extversion from pg_extension
                                      where extname = 'timescaledb'), '')
            """
        )
    ).fetchone()
    return "" if row is None else str(row[0])


async def _bytes(conn: AsyncConnection, table: str) -> int:
    if await facts.edition(conn) != "none":
        row = await (
            await conn.execute("select hypertable_size(%s::text::regclass)", (table,))
        ).fetchone()
    else:
        row = await (
            await conn.execute(
                """
                select coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint
                  from pg_inherits where inhparent = %s::text::regclass
                """,
                (table,),
            )
        ).fetchone()
    return 0 if row is None else int(row[0])


async def _number(conn: AsyncConnection, query: str) -> int:
    row = await (await conn.execute(query.encode())).fetchone()
    return 0 if row is None else int(row[0])
