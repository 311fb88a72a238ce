"""Bring the record's schema to this version."""

import asyncio
from contextlib import suppress
from importlib import resources
from typing import NamedTuple

import psycopg
import yoyo
from psycopg import AsyncConnection

from alarms.errors import FengsuiError
from alarms.rulepacks import PACKS
from alarms.rulepacks.reading import text_of
from alarms.storage import columnstore, connection, facts, packs, registry, walls


class Migrated(NamedTuple):
    """What a migration found and did."""

    edition: str
    applied: tuple[str, ...]
    version: str


async def migrate(url: str) -> Migrated:
    """Apply what is missing; idempotent, safe when several processes start at once.

    Raises UnavailableError when the database is away and FengsuiError when it refuses.
    """
    async with await connection.connect(url, autocommit=True) as conn:
        await _create_extension(conn)
        found = await facts.edition(conn)
    applied, version = await asyncio.to_thread(_apply, url)
    async with await connection.connect(url) as conn:
        await columnstore.prepare(conn)
        await walls.prepare(conn)
        await registry.load_builtin_regions(conn)
        await packs.refresh(conn, {name: text_of(name) for name in PACKS})
    return Migrated(found, applied, version)


async def pending(url: str) -> tuple[str, ...]:
    """Return the names of migrations that were not applied yet."""
    return await asyncio.to_thread(_pending, url)


async def _create_extension(conn: AsyncConnection) -> None:
    """Create TimescaleDB where the server has it ready to load.

    Ready is what its loader's settings tell: `shared_preload_libraries` is shown to few.
    """
    ready = await (
        await conn.execute(
            """
            select true from pg_available_extensions
             where name = 'timescaledb' and installed_version is null
               and current_setting('timescaledb.max_background_workers', true) is not null
            """
        )
    ).fetchone()
    if ready:
        try:
            # Another process that starts now may make it in the same moment.
            with suppress(psycopg.errors.UniqueViolation):
                await conn.execute("create extension if not exists timescaledb")
        except psycopg.errors.InsufficientPrivilege as error:
            raise FengsuiError(
                "this database has TimescaleDB but its user may not create the extension; "
                "run `create extension timescaledb` once as its owner"
            ) from error


def _backend(url: str) -> yoyo.backends.DatabaseBackend:
    """Open the migration library's own connection."""
    scheme, _, rest = url.partition("://")
    if scheme not in {"postgresql", "postgres"}:
        raise FengsuiError("the database address must begin with postgresql://")
    return yoyo.get_backend(f"postgresql+psycopg://{rest}")


def _migrations() -> yoyo.migrations.MigrationList:
    """Read the migrations this version carries."""
    return yoyo.read_migrations(str(resources.files("alarms.storage").joinpath("migrations")))


def _pending(url: str) -> tuple[str, ...]:
    backend = _backend(url)
    try:
        return tuple(m.id for m in backend.to_apply(_migrations()))
    finally:
        backend.connection.close()


def _apply(url: str) -> tuple[tuple[str, ...], str]:
    """Apply under the library's lock; return what was applied and the newest version."""
    backend, migrations = _backend(url), _migrations()
    try:
        with backend.lock(timeout=60):
            missing = backend.to_apply(migrations)
            backend.apply_migrations(missing)
        return tuple(m.id for m in missing), migrations[-1].id
    except psycopg.Error as error:
        raise FengsuiError(
            f"the database refused a migration ({str(error).strip()}); nothing of it was kept"
        ) from error
    finally:
        backend.connection.close()
