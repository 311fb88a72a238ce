"""Show messages of a gateway that somebody looks at, as they come; costs nothing while nobody does.

Who looks says so again and again over the database (`alarms.storage.inspection`); a sample of the
gateway's messages, cut short, goes the same way back. Nothing is stored, nothing waits for it.
"""

import asyncio
import base64
import logging
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg
from psycopg import AsyncConnection

from alarms.errors import UnavailableError
from alarms.storage import connection, inspection
from ingest import topics
from ingest.messages import Message
from ingest.refusals import Refused

LEASE_S: Final = 10.0
"""How long a gateway is looked at after somebody last said so."""
MOST_PER_S: Final = 10
"""Messages shown of one gateway in a second; more are counted only."""
MOST_WAITING: Final = 100
"""Messages that wait to be shown; beyond it they are counted only."""
MOST_LOOKED_AT: Final = 100
_SHOWN_BYTES: Final = (2_048, 1_024, 256)
"""How much of a message is shown: the first length that fits into a note."""
_MOST_REASONS: Final = 10
_LISTEN_S: Final = 5.0
_SEND_S: Final = 0.25

log: Final = logging.getLogger("fengsui.ingest")


class _Look:
    """A gateway that is looked at: until when, and how much was shown in this second."""

    __slots__ = ("second", "shown", "skipped", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self.second = 0
        self.shown = 0
        self.skipped = 0


class Inspector:
    """Offered every committed batch; takes from it what somebody looks at."""

    def __init__(self, database_url: str, *, prefix: str) -> None:
        self._database_url = database_url
        self._prefix = prefix
        self._looks: dict[str, _Look] = {}
        self._waiting: list[str] = []

    def offer(self, messages: Sequence[Message], refused: Sequence[Refused]) -> None:
        """Take messages of gateways that are looked at; returns at once."""
        if not self._looks:
            return
        moment = asyncio.get_running_loop().time()
        for message in messages:
            topic = topics.parse(self._prefix, message.topic)
            look = None if topic is None else self._looks.get(topic.gateway)
            if topic is None or look is None:
                continue
            if moment > look.until:
                del self._looks[topic.gateway]
                continue
            if int(moment) != look.second:
                look.second, look.shown = int(moment), 0
            if look.shown >= MOST_PER_S or len(self._waiting) >= MOST_WAITING:
                look.skipped += 1
                continue
            look.shown += 1
            self._waiting.append(_note(topic.gateway, message, refused, look.skipped))
            look.skipped = 0

    async def run(self) -> None:
        """Listen for who looks, and show, for ever; a database that is away is waited for."""
        while True:
            try:
                async with await connection.connect(self._database_url, autocommit=True) as conn:
                    await inspection.listen(conn, inspection.WANTED)
                    while True:
                        await self._turn(conn)
            except (psycopg.Error, UnavailableError) as error:
                log.info("live messages cannot be shown just now why=%r", str(error).strip())
            self._waiting.clear()
            await asyncio.sleep(_LISTEN_S)

    async def _turn(self, conn: AsyncConnection) -> None:
        patience = _SEND_S if self._looks else _LISTEN_S
        async for note in conn.notifies(timeout=patience, stop_after=1):
            self._look_at(note.payload)
        waiting, self._waiting = self._waiting, []
        for shown in waiting:
            await inspection.tell(conn, inspection.SHOWN, shown)

    def _look_at(self, gateway: str) -> None:
        if gateway not in self._looks and len(self._looks) >= MOST_LOOKED_AT:
            return
        look = self._looks.setdefault(gateway, _Look())
        look.until = asyncio.get_running_loop().time() + LEASE_S


def _note(gateway: str, message: Message, refused: Sequence[Refused], skipped: int) -> str:
    """Write a message as it is shown, cut so that it fits into a note."""
    shown: dict[str, Any] = {
        "gateway": gateway,
        "received": message.received // 1000,
        "topic": message.topic[:500],
        "bytes": len(message.payload),
        "skipped": skipped,
        "refused": [
            {"reason": one.reason, "tag": one.tag, "count": one.count}
            for one in refused
            if one.gateway == gateway and one.payload == message.payload[: len(one.payload)]
        ][:_MOST_REASONS],
    }
    for most in _SHOWN_BYTES:
        part = message.payload[:most]
        text = _text(part)
        body = {"base64": base64.b64encode(part).decode()} if text is None else {"text": text}
        note = msgspec.json.encode(shown | body | {"cut": len(message.payload) > most})
        if len(note) <= inspection.MOST_BYTES:
            break
        shown["refused"] = shown["refused"][:2]
    return note.decode()


def _text(part: bytes) -> str | None:
    """Return bytes as text, less a character that was cut in two at the end; None for no text."""
    for short in range(min(4, len(part) + 1)):
        try:
            return part[: len(part) - short].decode()
        except UnicodeDecodeError:
            continue
    return None
