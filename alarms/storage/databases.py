"""The databases of a server: the one that keeps the record is made when it is missing."""

from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow


async def ensure(conn: AsyncConnection[TupleRow], name: str) -> None:
    """Make the database `name` unless it is there; the connection must be in autocommit."""
    found = await conn.execute("select 1 from pg_database where datname = %s", (name,))
    if await found.fetchone() is None:
        await conn.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


async def drop(conn: AsyncConnection[TupleRow], name: str) -> None:
    """Remove a database, whoever is in it; the connection must be in autocommit."""
    await conn.execute(
        sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    )
