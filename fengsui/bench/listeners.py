"""A process that is many platforms: each holds one WebSocket and notes what comes, at little cost.

Frames are cut by their lengths and read by the place of their first fields; nothing is parsed.
"""

import asyncio
import base64
import os
import sys
import time
from array import array
from typing import Final, cast
from urllib.parse import urlsplit

import msgspec
import numpy as np
import uvloop

from fengsui.bench.crowd import allow_connections

_AT_ONCE: Final = 50
_PATIENCE_S: Final = 30.0
_EVENT: Final = b'{"op":"event","sub":"a","offset":'
_URGENT: Final = b'{"op":"urgent","sub":"a","offset":'
_PREV: Final = b',"prev":'
_CAUGHT_UP: Final = b'{"op":"caught_up"'
_SUBSCRIBE: Final = b'{"op":"subscribe","sub":"a","from":"now"}'
HEARD: Final = np.dtype([("listener", "i4"), ("urgent", "?"), ("offset", "i8"), ("at_s", "f8")])
"""A frame of an event: who got it, in which lane, its offset, when (seconds since 1970)."""


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Who listens: a token for each socket; `events` is how many all get together.

    HEARD rows go to the file `heard`.
    """

    url: str
    tokens: list[str]
    events: int
    heard: str


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """How it went: `broken` counts events whose `prev` was not the last seen.

    `ended` counts sockets that the server closed or did not open.
    """

    broken: int
    ended: int


class _Notes:
    """What all listeners heard."""

    def __init__(self, events: int) -> None:
        self.listener = array("i")
        self.urgent = array("b")
        self.offset = array("q")
        self.at_s = array("d")
        self.broken = self.ended = 0
        self.missing = events
        self.moved = False
        self.every = asyncio.Event()

    def add(self, listener: int, offset: int, at_s: float, *, urgent: bool) -> None:
        """Note an event."""
        self.listener.append(listener)
        self.urgent.append(urgent)
        self.offset.append(offset)
        self.at_s.append(at_s)
        self.moved = True
        if not urgent:
            self.missing -= 1
            if self.missing == 0:
                self.every.set()

    def heard(self) -> np.ndarray:
        """Return the HEARD rows."""
        rows = np.empty(len(self.offset), HEARD)
        for name in ("listener", "urgent", "offset", "at_s"):
            rows[name] = np.frombuffer(getattr(self, name), dtype=getattr(self, name).typecode)
        return rows


class _Listener(asyncio.Protocol):
    """One platform: asks from now on and looks at each frame once."""

    def __init__(self, number: int, hello: bytes, notes: _Notes) -> None:
        self.ready = asyncio.Event()
        self._number = number
        self._hello = hello
        self._notes = notes
        self._rest = b""
        self._open = False
        self._prev = -1
        self._transport: asyncio.WriteTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.write(self._hello)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's own
        """Note an end that came from the server."""
        if not self._notes.every.is_set():
            self._notes.ended += 1

    def data_received(self, data: bytes) -> None:
        """Cut frames off what came and look at each."""
        data = self._rest + data if self._rest else data
        place = 0
        if not self._open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._rest = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self._transport.abort()
                return
            self._open = True
            self._transport.write(masked(0x1, _SUBSCRIBE))
            place = end + 4
        at_s, size = time.time(), len(data)
        while place + 2 <= size:
            begin, length = place + 2, data[place + 1]
            if length == 126:
                begin, length = place + 4, int.from_bytes(data[place + 2 : place + 4])
            elif length == 127:
                begin, length = place + 10, int.from_bytes(data[place + 2 : place + 10])
            if begin + length > size or begin > size:
                break
            self._look(data, data[place] & 0xF, begin, begin + length, at_s)
            place = begin + length
        self._rest = data[place:]

    def _look(self, data: bytes, code: int, begin: int, end: int, at_s: float) -> None:
        if data.startswith(_EVENT, begin):
            comma = data.index(b",", begin + len(_EVENT))
            offset = int(data[begin + len(_EVENT) : comma])
            prev = int(data[comma + len(_PREV) : data.index(b",", comma + 1)])
            if self._prev not in (prev, -1):
                self._notes.broken += 1
            self._prev = offset
            self._notes.add(self._number, offset, at_s, urgent=False)
        elif data.startswith(_URGENT, begin):
            comma = data.index(b",", begin + len(_URGENT))
            offset = int(data[begin + len(_URGENT) : comma])
            self._notes.add(self._number, offset, at_s, urgent=True)
        elif data.startswith(_CAUGHT_UP, begin):
            self.ready.set()
        elif code == 0x9:
            self._transport.write(masked(0xA, data[begin:end]))

    def leave(self) -> None:
        """Close without a word."""
        self._transport.abort()


def masked(code: int, payload: bytes) -> bytes:
    """Write a client's short frame (RFC 6455 5.2), its mask all zeros."""
    if len(payload) > 125:
        raise ValueError(f"a short frame has at most 125 bytes, not {len(payload)}")
    return bytes([0x80 | code, 0x80 | len(payload), 0, 0, 0, 0]) + payload


async def listen(errand: Errand) -> Told:
    """Connect everybody, say so by a line on standard output, and hear until all has come."""
    loop = asyncio.get_running_loop()
    notes = _Notes(errand.events)
    parts = urlsplit(errand.url)
    key = base64.b64encode(os.urandom(16)).decode()
    crowd: list[_Listener] = []
    for start in range(0, len(errand.tokens), _AT_ONCE):
        made = []
        for number, token in enumerate(errand.tokens[start : start + _AT_ONCE], start):
            hello = (
                f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
                f"Authorization: Bearer {token}\r\n\r\n"
            ).encode()
            listener = _Listener(number, hello, notes)
            made.append(listener)
            await loop.create_connection(
                lambda listener=listener: listener,  # type: ignore[misc]  # bound at once
                parts.hostname or "",
                parts.port or 0,
            )
        crowd += made
        async with asyncio.timeout(_PATIENCE_S):
            for listener in made:
                await listener.ready.wait()
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    while notes.missing > 0:
        notes.moved = False
        try:
            await asyncio.wait_for(notes.every.wait(), _PATIENCE_S)
        except TimeoutError:
            if not notes.moved:
                break
    notes.every.set()
    for listener in crowd:
        listener.leave()
    np.save(errand.heard, notes.heard())
    return Told(broken=notes.broken, ended=notes.ended)


if __name__ == "__main__":
    errand = msgspec.json.decode(sys.stdin.buffer.readline(), type=Errand)
    allow_connections(len(errand.tokens))
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(listen(errand))))
