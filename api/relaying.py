"""Keeps one task a relay to a tower above, met again and again, in the one process that may."""

import asyncio
import logging
import random
from typing import Final

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from alarms import scope as scopes
from alarms.storage import relays
from alarms.storage.relays import Relay
from api.feed import Feed
from api.relay_session import Session
from api.sole import sole

LOOK_S: Final = 1.0
"""How often it is asked what relays there are."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
_LOG: Final = logging.getLogger(__name__)


class Relaying:
    """One task a relay, in the one process that holds the lock."""

    def __init__(self, url: str, pool: AsyncConnectionPool, feed: Feed) -> None:
        self._url = url
        self._pool = pool
        self._feed = feed

    async def run(self) -> None:
        """Relay for ever; where another process does, wait for its end."""
        async with sole(self._url, relays.claim, self._feed) as conn:
            await self._serve(conn)

    async def _serve(self, conn: AsyncConnection) -> None:
        """Keep a task for every relay that is active, anew where all is to be sent again."""
        tasks: dict[int, tuple[asyncio.Task[None], bool]] = {}
        try:
            while True:
                found = await relays.listed(conn, scopes.ALL)
                known = {each.id: each for each in found if each.state == "active"}
                for relay, (task, sends_all) in list(tasks.items()):
                    each = known.get(relay)
                    if each is None or task.done() or (each.resend and not sends_all):
                        task.cancel()
                        del tasks[relay]
                    elif not each.resend:
                        tasks[relay] = (task, False)
                for relay, each in known.items():
                    if relay not in tasks:
                        made = asyncio.create_task(self._keep(each), name=f"relay {each.name}")
                        tasks[relay] = (made, each.resend)
                await asyncio.sleep(LOOK_S)
        finally:
            for task, _ in tasks.values():
                task.cancel()

    async def _keep(self, relay: Relay) -> None:
        """Meet the tower above again and again until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            session = Session(relay, self._pool, self._feed)
            try:
                await session.run()
            except Exception as error:  # noqa: BLE001  the next meeting begins anew
                why = _words(error)
            if session.has_met:
                pause_s = FIRST_PAUSE_S
            _LOG.warning("relay %s: %s; coming again in %.1f s", relay.name, why, pause_s)
            try:
                async with self._pool.connection(timeout=5) as conn:
                    await relays.failed(conn, relay.id, why=why)
                    # What is gone or paused by now ends with the next look.
                    relay = next(iter(await relays.listed(conn, scopes.ALL, relay=relay.id)), relay)
            except (psycopg.OperationalError, PoolTimeout) as error:
                _LOG.warning("relay %s: the record is away (%s)", relay.name, error)
            await asyncio.sleep(pause_s * (0.9 + 0.2 * random.random()))  # noqa: S311  spreads
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def _words(error: Exception) -> str:
    """Return what happened, of several things the first."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return (str(error) or type(error).__name__)[:300]
