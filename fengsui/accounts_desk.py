"""What the commands for tokens and accounts share: one transaction, one line in the audit trail."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from psycopg import AsyncConnection

from alarms.storage import connection, migrate, queries
from fengsui import embedded
from fengsui.settings import Settings

_Found = TypeVar("_Found")


def run(settings: Settings, act: Callable[[AsyncConnection], Awaitable[_Found]]) -> _Found:
    """Act in one transaction on the settings' database, or the embedded one."""
    return asyncio.run(_run(settings, act))


async def _run(settings: Settings, act: Callable[[AsyncConnection], Awaitable[_Found]]) -> _Found:
    async with embedded.servers(settings, broker=False) as served:
        await migrate.migrate(served.database_url)
        async with await connection.connect(served.database_url) as conn:
            return await act(conn)


async def trail(
    conn: AsyncConnection, action: str, subject: str, after: object, *, before: object = None
) -> None:
    """Write down that this machine's administrator did something, from what to what."""
    await queries.record_trail(
        conn,
        at=datetime.now(UTC),
        actor=actor(),
        action=action,
        subject=subject,
        before=before,
        after=after,
    )


def actor() -> str:
    """Name whoever gave the command, as journals and the audit trail do."""
    try:
        return f"command:{getpass.getuser()}"
    except (KeyError, OSError):
        return "command:unknown"
