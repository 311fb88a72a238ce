"""The process's one reader of live values: runs only while somebody watches, conflates for each."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from alarms import instants
from alarms.storage import trends
from alarms.storage.trends import Newest
from api import clock

POLL_S: Final = 0.25
OVERLAP: Final = timedelta(seconds=2)
"""How far back each look reaches again: a batch commits a moment after it was received."""
_LOG = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Watch:
    """What one client watches: places of its points in its list, and which have news for it."""

    places: dict[int, int]
    news: dict[int, Newest] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _offered: dict[int, int] = field(default_factory=dict)

    def offer(self, newest: Newest) -> None:
        """Keep a value if it is watched; it replaces an older one that was not sent yet."""
        place = self.places.get(newest.point_id)
        if place is not None and newest.time > self._offered.get(place, 0):
            self._offered[place] = newest.time
            self.news[place] = newest
            self.changed.set()

    def take(self) -> dict[int, Newest]:
        """Take what has news."""
        news, self.news = self.news, {}
        self.changed.clear()
        return news


class Live:
    """Newest values of all points that came while somebody watched."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._watches: set[Watch] = set()
        self._watched = asyncio.Event()
        self._newest: dict[int, int] = {}

    def add(self, watch: Watch) -> None:
        """Begin to offer values to a watch."""
        self._watches.add(watch)
        self._watched.set()

    def remove(self, watch: Watch) -> None:
        """End a watch."""
        self._watches.discard(watch)
        if not self._watches:
            self._watched.clear()

    async def run(self) -> None:
        """Look for new readings four times a second while somebody watches."""
        while True:
            if not self._watches:
                self._newest.clear()
                await self._watched.wait()
                since = clock.now() - OVERLAP
            try:
                since = await self._look(since)
            except (psycopg.OperationalError, PoolTimeout) as error:
                _LOG.warning("live values cannot be read (%s); trying again", error)
                await asyncio.sleep(2.0)
            await asyncio.sleep(POLL_S)

    async def _look(self, since: datetime) -> datetime:
        async with self._pool.connection(timeout=5) as conn:
            found = await trends.received_since(conn, since, now=clock.now())
        for newest in found:
            if newest.time > self._newest.get(newest.point_id, 0):
                self._newest[newest.point_id] = newest.time
                for watch in self._watches:
                    watch.offer(newest)
        if not found:
            return since
        latest = max(newest.received for newest in found)
        return max(since, instants.to_datetime(latest) - OVERLAP)
