"""What measurements ask of the record."""

from psycopg import AsyncConnection


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
    return await _number(
        conn,
        """
        select coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint
          from pg_inherits where inhparent = 'reading'::regclass
        """,
    )


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


async def _number(conn: AsyncConnection, query: str) -> int:
    row = await (await conn.execute(query.encode())).fetchone()
    return 0 if row is None else int(row[0])
