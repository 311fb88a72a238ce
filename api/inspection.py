"""The process's one listener for messages somebody looks at: hands them to those who watch."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import psycopg

from alarms.errors import UnavailableError
from alarms.storage import connection, inspection
from api import refusal_words

AGAIN_S: Final = 3.0
"""How often ingest is told that somebody still looks; it forgets after ten seconds."""
MOST_WATCHES: Final = 50
MOST_WAITING: Final = 50
"""Messages that wait for a slow client; the oldest go first."""
_LOG = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Watch:
    """One client and the gateway it looks at."""

    gateway: str
    waiting: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    dropped: int = 0

    def offer(self, shown: dict[str, Any]) -> None:
        """Keep a message to be sent; the oldest makes room and is counted."""
        if len(self.waiting) == MOST_WAITING:
            self.dropped += 1
        self.waiting.append(shown)
        self.changed.set()


class Inspections:
    """Everybody in this process who looks at a gateway's messages."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._watches: set[Watch] = set()
        self._watched = asyncio.Event()

    def add(self, watch: Watch) -> bool:
        """Begin to hand messages to a watch; False where too many look already."""
        if len(self._watches) >= MOST_WATCHES:
            return False
        self._watches.add(watch)
        self._watched.set()
        return True

    def remove(self, watch: Watch) -> None:
        """End a watch."""
        self._watches.discard(watch)
        if not self._watches:
            self._watched.clear()

    async def run(self) -> None:
        """Listen while somebody looks; holds no connection while nobody does."""
        while True:
            await self._watched.wait()
            try:
                await self._listen()
            except (psycopg.OperationalError, UnavailableError) as error:
                _LOG.warning("messages of gateways cannot be shown (%s); trying again", error)
                await asyncio.sleep(2.0)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        told: dict[str, float] = {}
        async with await connection.connect(self._url, autocommit=True) as conn:
            await inspection.listen(conn, inspection.SHOWN)
            while self._watches:
                wanted = {watch.gateway for watch in self._watches}
                told = {gateway: at for gateway, at in told.items() if gateway in wanted}
                for gateway in wanted:
                    if loop.time() - told.get(gateway, float("-inf")) >= AGAIN_S:
                        await inspection.tell(conn, inspection.WANTED, gateway)
                        told[gateway] = loop.time()
                async for note in conn.notifies(timeout=0.5, stop_after=1):
                    self._hand_out(note.payload)

    def _hand_out(self, note: str) -> None:
        shown: dict[str, Any] = msgspec.json.decode(note)
        for refused in shown["refused"]:
            refused["words"] = refusal_words.of(refused["reason"])
        for watch in self._watches:
            if watch.gateway == shown["gateway"]:
                watch.offer(shown)
