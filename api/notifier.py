"""Tells people: plans after the journal, sends by each channel, writes down what came of it."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

import httpx
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from alarms.storage import channels, notification_plans, notifications
from alarms.storage.notifications import Waiting
from api import chats, clock, deliveries, senders
from api.feed import Feed
from api.senders import Sent
from api.sole import sole

LOOK_S: Final = 1.0
"""How often it is asked what is due, where the journal is still."""
_BATCH: Final = 256
_LONGEST_PAUSE_S: Final = 60.0
_LOG: Final = logging.getLogger(__name__)


class Notifier:
    """One task a channel, in the one process that holds the lock.

    Planned is exactly once. A message is sent at least once: who dies between a sending and its
    commit sends that one again, under the same id.
    """

    def __init__(self, url: str, pool: AsyncConnectionPool, feed: Feed) -> None:
        self._url = url
        self._pool = pool
        self._feed = feed

    async def run(self) -> None:
        """Tell for ever; where another process does, wait for its end."""
        async with (
            sole(self._url, notifications.claim, self._feed) as conn,
            httpx.AsyncClient(timeout=senders.TIMEOUT_S, follow_redirects=False) as http,
        ):
            await self._serve(conn, http)

    async def _serve(self, conn: AsyncConnection, http: httpx.AsyncClient) -> None:
        tasks: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                async with self._transaction() as work:
                    offset, read = await notification_plans.plan(
                        work, now=clock.micros(), limit=_BATCH
                    )
                await notifications.end_stale(conn, clock.now())
                for name in await notifications.channels_due(conn, clock.now()):
                    if name not in tasks or tasks[name].done():
                        tasks[name] = asyncio.create_task(
                            self._empty(name, http), name=f"channel {name}"
                        )
                if read < _BATCH:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_S):
                            await self._feed.wait_after(offset)
        finally:
            for task in tasks.values():
                task.cancel()

    async def _empty(self, name: str, http: httpx.AsyncClient) -> None:
        """Send all that is due by one channel, one message after the other."""
        try:
            while await self._send_next(name, http):
                pass
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  the next look begins anew
            _LOG.warning("channel %s interrupted (%r); going on", name, error)

    async def _send_next(self, name: str, http: httpx.AsyncClient) -> bool:
        """Send the next message; False where none is due."""
        async with self._transaction() as conn:
            channel = (await channels.every(conn)).get(name)
            kind = "webhook" if channel is None else channel.kind
            told = await notifications.next_message(conn, name, kind, clock.now())
        if not told:
            return False
        if channel is None:
            gone = Sent(answer=f"there is no channel {name}", is_taken=False, is_final=True)
            await self._write(name, told, gone)
            return True
        result = await senders.send(channel, senders.message_of(told, kind), http)
        await self._write(name, told, result)
        if kind in channels.CHATS:
            await asyncio.sleep(chats.PACE_S)
        return True

    async def _write(self, name: str, told: list[Waiting], result: Sent) -> None:
        now = clock.now()
        async with self._transaction() as conn:
            if result.is_taken:
                await notifications.sent(conn, told, answer=result.answer, now=now)
                return
            await notifications.missed(
                conn,
                told,
                why=result.answer,
                again_s=None if result.is_final else _pause_s(told[0].attempts, result.wait_s),
                now=now,
                micros=clock.micros(),
            )
        _LOG.warning("channel %s did not take a message: %s", name, result.answer)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._pool.connection(timeout=30) as conn:
            yield conn


def _pause_s(attempts: int, asked_s: float | None) -> float:
    chance = random.random()  # noqa: S311  # spreads attempts, keeps no secret
    return min(asked_s or deliveries.pause_s(attempts, chance), _LONGEST_PAUSE_S)
