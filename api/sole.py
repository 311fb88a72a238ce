"""Work that one process of a deployment does; the others wait to take it over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from psycopg import AsyncConnection

from alarms.storage import connection
from api.feed import Feed

_LOOK_S: Final = 1.0
"""How often it is asked whether the one who does it has gone."""


@asynccontextmanager
async def sole(
    url: str, claim: Callable[[AsyncConnection], Awaitable[bool]], feed: Feed
) -> AsyncIterator[AsyncConnection]:
    """Wait until this process is the one, and the journal is known; give the session that holds it.

    The connection commits each statement by itself.
    """
    async with await connection.connect(url, autocommit=True) as conn:
        while True:
            if await claim(conn):
                break
            await asyncio.sleep(_LOOK_S)
        await feed.ready.wait()
        yield conn
