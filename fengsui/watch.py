"""A platform's client of the push: prints events, resumes after a break, proves none is missing."""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit, urlunsplit

import websockets
from websockets.asyncio.client import ClientConnection

from alarms.errors import FengsuiError, NotAllowedError

PROTOCOL: Final = "fengsui.alarm.v1+json"
PATH: Final = "/ws/v1/alarms"
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 10.0
ACK_EVERY_S: Final = 0.05
_SUB: Final = "watch"
_FATAL: Final = frozenset({4401, 4403, 4408})
_SHUT_OUT: Final = frozenset({"unauthenticated", "forbidden", "auth_timeout"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to watch: from `snapshot`, `now` or `<epoch>:<offset>`, or as a named consumer.

    `trust` is what an https server's certificate is held against; None: what this machine trusts.
    `filter` is a subscription's (contracts.md section 5); empty asks for all the token may see.
    """

    url: str
    token: str
    start: str = "snapshot"
    consumer: str | None = None
    acknowledges: bool = False
    trust: ssl.SSLContext | None = None
    filter: Mapping[str, object] = field(default_factory=dict)


class Watch:
    """One watch: `say` gets each event frame as it came, `tell` a line when a break was mended."""

    def __init__(
        self, wish: Wish, *, say: Callable[[str], None], tell: Callable[[str], None]
    ) -> None:
        self._wish = wish
        self._say = say
        self._tell = tell
        self._address = address_of(wish.url)
        self._first = position_of(wish)
        self._epoch: str | None = None
        self._last: int | None = None
        self._said: tuple[str | None, int] = (None, -1)
        self._asked: object = None
        self._coming: str | None = None
        self._healing = False
        self._acknowledged = -1

    async def run(self) -> None:
        """Watch for ever; raise NotAllowedError when the server does not let us in."""
        pause_s = FIRST_PAUSE_S
        while True:
            before = self._last
            try:
                reason, wait_s = await self._session()
            except websockets.InvalidStatus as error:
                status = error.response.status_code
                if status < 500:
                    raise FengsuiError(
                        f"{self._wish.url} answered {status} in place of a WebSocket; "
                        "mend --url (it is the server's http address)"
                    ) from error
                reason, wait_s = f"the server answered {status}", 0.0
            except (OSError, websockets.WebSocketException) as error:
                reason, wait_s = str(error) or type(error).__name__, 0.0
            if self._last != before:
                pause_s = FIRST_PAUSE_S
            pause_s = max(pause_s, wait_s)
            self._tell(f"{reason}; connecting again in {pause_s:g} s, {self._place()}")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    def _place(self) -> str:
        return "from the start" if self._last is None else f"from offset {self._last}"

    async def _session(self) -> tuple[str, float]:
        """Stay connected while it goes; return why it ended and how long to wait, in seconds."""
        async with websockets.connect(
            self._address,
            additional_headers={"authorization": f"Bearer {self._wish.token}"},
            subprotocols=[websockets.Subprotocol(PROTOCOL)],
            ssl=self._wish.trust,
            max_size=None,
            ping_interval=10,
            ping_timeout=20,
        ) as socket:
            acknowledging = asyncio.create_task(self._acknowledge(socket), name="acknowledge")
            try:
                return await self._follow(socket)
            finally:
                acknowledging.cancel()

    async def _follow(self, socket: ClientConnection) -> tuple[str, float]:
        try:
            await self._subscribe(socket)
            async for text in socket:
                ended = await self._take(socket, str(text), json.loads(text))
                if ended is not None:
                    return ended
        except websockets.ConnectionClosedError as error:
            if error.rcvd is not None and error.rcvd.code in _FATAL:
                self._refuse(error.rcvd.reason)
            return f"the connection broke ({error})", 0.0
        return "the server closed the connection", 0.0

    def _refuse(self, reason: str) -> NoReturn:
        """End: coming again would be in vain."""
        raise NotAllowedError(
            f"{self._wish.url} does not let us in ({reason}); "
            "make a token with `fengsui token create`"
        )

    async def _subscribe(self, socket: ClientConnection) -> None:
        """Ask from the last event that was printed on, or as the caller said."""
        start = self._first
        if self._epoch is not None and self._last is not None and self._wish.consumer is None:
            start = {"epoch": self._epoch, "offset": self._last}
        self._asked = start
        wish = {"op": "subscribe", "sub": _SUB, "filter": self._wish.filter, "from": start}
        await socket.send(json.dumps(wish))

    async def _take(
        self, socket: ClientConnection, text: str, frame: dict[str, Any]
    ) -> tuple[str, float] | None:
        """Take one frame; return why to connect again, if that is so."""
        match frame["op"]:
            case "subscribed":
                self._begin(frame)
            case _ if self._healing:
                return None
            case "snapshot_end":
                self._epoch, self._last, self._coming = self._coming, frame["offset"], None
            case "event" if frame.get("snapshot"):
                self._say(text)
            case "event":
                if frame["prev"] != self._last:
                    await self._heal(socket, frame["prev"])
                    return None
                self._hear(text, frame["offset"])
            case "heartbeat" if frame["prev"] != self._last:
                await self._heal(socket, frame["prev"])
            case "goaway":
                return f"the server asks to come again: {frame['reason']}", frame["retry_after_s"]
            case "error" if frame["code"] in _SHUT_OUT:
                self._refuse(frame["error"])
            case "error" if frame["code"] == "consumer_taken":
                raise FengsuiError(f"{frame['error']}; run one watch for each consumer")
            case "error":
                self._tell(f"the server says: {frame['error']}")
        return None

    def _hear(self, text: str, offset: int) -> None:
        """Print an event, unless it was: what a break left unacknowledged comes again."""
        epoch, before = self._said
        if epoch != self._epoch or offset > before:
            self._say(text)
            self._said = self._epoch, offset
        self._last = offset

    def _begin(self, frame: dict[str, Any]) -> None:
        """Move the position, unless a snapshot follows: then its end alone moves it."""
        if self._epoch is not None and not frame["recovered"]:
            self._tell("what happened meanwhile is no longer kept; all open alarms follow anew")
        elif self._healing:
            self._tell(f"the gap is closed from offset {frame['offset']}")
        self._healing = False
        self._acknowledged = -1
        if self._asked == "snapshot" or not frame["recovered"]:
            self._coming = frame["epoch"]
        else:
            self._epoch, self._last, self._coming = frame["epoch"], frame["offset"], None

    async def _heal(self, socket: ClientConnection, prev: int) -> None:
        """Ask again from the last offset seen: something in between did not come."""
        self._tell(f"a gap: offset {prev} came before, {self._last} was seen last; asking again")
        self._healing = True
        await self._subscribe(socket)

    async def _acknowledge(self, socket: ClientConnection) -> None:
        """Acknowledge what was printed, a few times a second."""
        if self._wish.consumer is None or not self._wish.acknowledges:
            return
        while True:
            await asyncio.sleep(ACK_EVERY_S)
            printed = self._last
            if self._healing or self._coming is not None or printed is None:
                continue
            if printed > self._acknowledged:
                await socket.send(json.dumps({"op": "ack", "sub": _SUB, "offset": printed}))
                self._acknowledged = printed


def address_of(url: str) -> str:
    """Return the WebSocket address of a server's http address; raise FengsuiError on a bad one."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.netloc:
        raise FengsuiError(f"{url!r} is no server address; write it as http://127.0.0.1:8000")
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + PATH, "", ""))


def position_of(wish: Wish) -> object:
    """Return the `from` of the first subscription; raise FengsuiError on a bad one."""
    if wish.consumer is not None:
        return {"consumer": wish.consumer}
    if wish.start in {"snapshot", "now"}:
        return wish.start
    epoch, colon, offset = wish.start.rpartition(":")
    if not colon or not epoch or not offset.isdigit():
        raise FengsuiError(
            f"--from is {wish.start!r}; it is `snapshot`, `now` or `<epoch>:<offset>`"
        )
    return {"epoch": epoch, "offset": int(offset)}
