"""Connections to the record: one session setting for all, and one clear error when it is away."""

import msgspec
import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool

from alarms.errors import SettingError, UnavailableError

_SESSION_OPTIONS = "-c timezone=UTC -c client_min_messages=warning"


def address_of(url: str) -> str:
    """Return where a database URL points, without its secret; raise SettingError on a bad one."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise SettingError(
            "FENGSUI_DATABASE_URL is not a PostgreSQL address; "
            "write it as postgresql://user:password@host:5432/name"
        ) from error
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"


async def connect(url: str, *, autocommit: bool = False) -> AsyncConnection:
    """Open one connection; raise UnavailableError with the address when the database is away."""
    address = address_of(url)
    try:
        conn = await AsyncConnection.connect(
            url, autocommit=autocommit, options=_SESSION_OPTIONS, connect_timeout=10
        )
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise UnavailableError(
            f"the database at {address} cannot be reached ({reason}); "
            "start it or mend FENGSUI_DATABASE_URL"
        ) from error
    set_json_loads(msgspec.json.decode, conn)  # a plant has three documents a point
    return conn


async def claim(conn: AsyncConnection, lock: int) -> bool:
    """Try to hold an advisory lock for as long as this session lives; False while another does."""
    row = await (await conn.execute("select pg_try_advisory_lock(%s)", (lock,))).fetchone()
    return row is not None and bool(row[0])


def pool(url: str, *, most: int = 8) -> AsyncConnectionPool:
    """Make a pool, closed; open it with `async with`."""
    address_of(url)
    return AsyncConnectionPool(
        url, min_size=1, max_size=most, open=False, kwargs={"options": _SESSION_OPTIONS}
    )
