"""The app in this very process: its start and end, and a WebSocket without a wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI

Frame = dict[str, Any]


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """Run an app's readers while the block lasts; its journal's place is known."""
    async with app.router.lifespan_context(app):
        await asyncio.wait_for(app.state.service.feed.ready.wait(), 20)
        yield app


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the app answered."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    def json(self) -> Any:
        """Return the body, JSON."""
        return json.loads(self.text)


async def request(
    app: FastAPI,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    query: Mapping[str, str] | None = None,
) -> Answer:
    """Ask the app once; a client library would cost more than the answer."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": urlencode(query or {}).encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("here", 80),
    }
    started: Frame = {}
    parts: list[bytes] = []

    asked = False

    async def give() -> Frame:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()  # this client never hangs up
        asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def take(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, give, take)
    return Answer(
        status=started["status"],
        headers=[(name.decode(), text.decode()) for name, text in started["headers"]],
        text=b"".join(parts).decode(),
    )


class Socket:
    """A client's side of one WebSocket of the app; frames come and go as objects."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self._to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._from_app: asyncio.Queue[Frame | None] = asyncio.Queue()

    async def send(self, **frame: object) -> None:
        """Send one frame."""
        await self._to_app.put({"type": "websocket.receive", "text": json.dumps(frame)})

    async def next(self, *ops: str, deadline_s: float = 20) -> Frame | None:
        """Return the next frame, or the next of these kinds; None once the app has closed."""
        async with asyncio.timeout(deadline_s):
            while True:
                found = await self._from_app.get()
                if found is None or not ops or found["op"] in ops:
                    return found

    async def take(self, message: MutableMapping[str, Any]) -> None:
        """Take what the app sends."""
        match message["type"]:
            case "websocket.close":
                self.close_code = message.get("code", 1000)
                await self._from_app.put(None)
            case "websocket.send":
                for text in _texts(message):
                    await self._from_app.put(json.loads(text))

    async def give(self) -> dict[str, Any]:
        """Give the app what the client sends."""
        return await self._to_app.get()

    async def leave(self) -> None:
        """Go away."""
        await self._to_app.put({"type": "websocket.disconnect", "code": 1000})


@asynccontextmanager
async def socket(app: FastAPI, path: str, headers: dict[str, str]) -> AsyncIterator[Socket]:
    """Open a socket of the app with these headers."""
    client = Socket()
    await client._to_app.put({"type": "websocket.connect"})
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("here", 80),
        "subprotocols": [],
    }
    serving = asyncio.create_task(app(scope, client.give, client.take), name=f"socket {path}")
    try:
        yield client
    finally:
        await client.leave()
        await asyncio.wait_for(serving, 20)


def _texts(message: Mapping[str, Any]) -> list[str]:
    """Return the texts of a message, of frames ready written too (`frames.framed`)."""
    if message.get("text") is not None:
        return [message["text"]]
    written, found = message["frames"](deflated=False), []
    while written:
        length, start = written[1], 2
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(written[2:start])
        found.append(written[start : start + length].decode())
        written = written[start + length :]
    return found
