"""Plain questions to the record and its server: what it is, what it holds, what its clock says."""

from datetime import datetime

from msgspec import Struct
from psycopg import AsyncConnection

from alarms.alarm import Tier


class Server(Struct, frozen=True, kw_only=True):
    """The database server as `fengsui doctor` shows it; extension fields are None without it."""

    version: str
    superuser: bool
    extension: str | None
    licence: str | None
    clock: datetime
    fsync: str


async def server(conn: AsyncConnection) -> Server:
    """Ask the server for its version, TimescaleDB and its licence, and its clock."""
    row = await (
        await conn.execute(
            """
            select current_setting('server_version'), current_setting('is_superuser') = 'on',
                   (select extversion from pg_extension where extname = 'timescaledb'),
                   current_setting('timescaledb.license', true),
                   clock_timestamp(), current_setting('fsync')
            """
        )
    ).fetchone()
    assert row is not None  # noqa: S101  # a select without from has one row
    return Server(
        version=row[0],
        superuser=row[1],
        extension=row[2],
        licence=row[3] if row[2] else None,
        clock=row[4],
        fsync=row[5],
    )


async def edition(conn: AsyncConnection) -> str:
    """Return the TimescaleDB edition in this database: community, apache or none."""
    found = await (
        await conn.execute(
            """
            select current_setting('timescaledb.license', true)
              from pg_extension where extname = 'timescaledb'
            """
        )
    ).fetchone()
    if found is None:
        return "none"
    return "community" if found[0] == "timescale" else "apache"


async def local_folder(conn: AsyncConnection) -> str | None:
    """Return the folder of a database on this machine; None elsewhere or where it is not told."""
    row = await (
        await conn.execute(
            """
            select setting from pg_settings
             where name = 'data_directory'
               and (inet_server_addr() is null or inet_server_addr() <<= '127.0.0.0/8'
                    or inet_server_addr() = '::1')
            """
        )
    ).fetchone()
    return None if row is None else row[0]


async def readings_stored(conn: AsyncConnection) -> int:
    """Count the stored readings one by one: exact, and slow on a large record."""
    row = await (await conn.execute("select count(*) from reading")).fetchone()
    return int(row[0]) if row else 0


async def has_alarm(conn: AsyncConnection, alarm_id: str) -> bool:
    """Return whether an occurrence is in the record."""
    found = await conn.execute("select 1 from alarm where id = %s", (alarm_id,))
    return await found.fetchone() is not None


async def of_the_system(conn: AsyncConnection) -> list[tuple[str, Tier]]:
    """Return key and tier of the system's own active alarms."""
    rows = await conn.execute(
        "select key, tier from alarm where kind = 'system' and active and t_closed is null"
    )
    return [(key, Tier(tier)) for key, tier in await rows.fetchall()]
