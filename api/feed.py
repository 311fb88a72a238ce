"""The process's one reader of the journal: takes each row once and serves every live cursor."""

import asyncio
import logging
from typing import Final

import psycopg
from psycopg import AsyncConnection

from alarms.errors import UnavailableError
from alarms.scope import Scope
from alarms.storage import connection, journal, queries
from api import frames
from api.audience import Audience, Member
from api.frames import Event, Filter

KEPT: Final = 10_000
"""Rows in memory; a client farther behind reads the table."""
_BATCH: Final = 1_000
_LOG = logging.getLogger(__name__)


class Feed:
    """The newest rows of the journal in memory, and where the journal stands."""

    def __init__(self, url: str, *, kept: int = KEPT) -> None:
        self._url = url
        self._kept = kept
        self._events: list[Event] = []
        self._changed = asyncio.Event()
        self._audiences: dict[tuple[Filter, Scope], Audience] = {}
        self.epoch = ""
        self.head = 0
        self.floor = 1
        self.confirmed = float("-inf")
        """The loop's time at which the record was read last."""
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Follow the journal for ever; a lost database is waited for with growing pauses."""
        pause_s = 0.2
        while True:
            try:
                async with await connection.connect(self._url, autocommit=True) as conn:
                    await queries.listen(conn)
                    await self._start(conn)
                    pause_s = 0.2
                    while True:
                        await self._take(conn)
                        async for _ in conn.notifies(timeout=1.0, stop_after=1):
                            pass
            except (psycopg.OperationalError, UnavailableError) as error:
                _LOG.warning("the journal cannot be read (%s); trying again", error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, 5.0)

    async def _start(self, conn: AsyncConnection) -> None:
        """Learn where the journal stands; another epoch than before empties the memory."""
        standing = await journal.head(conn)
        self.floor = standing.floor
        if standing.epoch != self.epoch or standing.offset < self.head:
            self._events = []
            self.epoch, self.head = standing.epoch, standing.offset
            for audience in self._audiences.values():
                audience.restart(self.head)
        self.confirmed = asyncio.get_running_loop().time()
        self.ready.set()
        self._wake()

    async def _take(self, conn: AsyncConnection) -> None:
        """Take every row that is new."""
        while True:
            rows = await journal.after(conn, self.head, limit=_BATCH)
            self.confirmed = asyncio.get_running_loop().time()
            if not rows:
                return
            self._add([frames.event_of(row) for row in rows])
            if len(rows) < _BATCH:
                return
            await asyncio.sleep(0)

    def _add(self, events: list[Event]) -> None:
        """Keep the next events and let everybody know; nothing waits in between."""
        self._events += events
        self.head = events[-1].offset
        for audience in self._audiences.values():
            audience.hear(events)
        if len(self._events) > 2 * self._kept:
            del self._events[: -self._kept]
            for audience in self._audiences.values():
                audience.forget(self._events[0].offset - 1)
        self._wake()

    def join(self, member: Member, wanted: Filter, scope: Scope) -> Audience:
        """Let somebody be woken by events that a filter and a scope let through."""
        audience = self._audiences.get((wanted, scope))
        if audience is None:
            now_s = asyncio.get_running_loop().time
            audience = Audience(wanted, scope, after=self.head, now_s=now_s)
            self._audiences[wanted, scope] = audience
        audience.members.add(member)
        return audience

    def leave(self, member: Member, audience: Audience) -> None:
        """Wake somebody no more; the last to leave ends the audience."""
        audience.members.discard(member)
        if not audience.members:
            self._audiences.pop((audience.wanted, audience.scope), None)

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def after(self, offset: int, *, limit: int = 256) -> list[Event] | None:
        """Return events after an offset from memory; None when memory does not reach back to it."""
        if offset >= self.head:
            return []
        if not self._events or offset < self._events[0].offset - 1:
            return None
        # Offsets are given without gaps, so an event's place follows from its offset.
        start = offset + 1 - self._events[0].offset
        return self._events[start : start + limit]

    async def wait_after(self, offset: int) -> None:
        """Return as soon as there is something after an offset; takes nothing away."""
        while self.head <= offset:
            await self._changed.wait()
