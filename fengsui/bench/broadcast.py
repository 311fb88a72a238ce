"""A bare WebSocket broadcast: what a fan-out costs with no filter, scope, cursor or record."""

import asyncio
import sys
import time
from typing import Final

import msgspec
import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from alarms.storage import connection, journal
from api import frames
from fengsui.bench.crowd import allow_connections

_ROWS: Final = 1_000
_CAUGHT_UP: Final = frames.frame("caught_up", sub="a", offset=0)


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Send the rows of a journal again, `alarms` in `seconds`, `together` at once.

    A listener's bearer token says what it gets: `all`, or the rows of one region.
    """

    database_url: str
    alarms: int
    seconds: float
    together: int


async def _texts(errand: Errand) -> list[tuple[str, str, str]]:
    """Return each row's region and its frames for a listener to all and to one of its region."""
    texts: list[tuple[str, str, str]] = []
    before: dict[str, int] = {}
    async with await connection.connect(errand.database_url) as conn:
        offset = (await journal.head(conn)).offset - errand.alarms
        while rows := await journal.after(conn, offset, limit=_ROWS):
            for row in rows:
                event, region = frames.event_of(row), row.region or ""
                texts.append(
                    (
                        region,
                        _text(event, prev=before.get("", offset)),
                        _text(event, prev=before.get(region, offset)),
                    )
                )
                before[""] = before[region] = offset = row.log_offset
    return texts


def _text(event: frames.Event, *, prev: int) -> str:
    return frames.event_frame(
        event,
        sub='"a"',
        offset=event.offset,
        prev=prev,
        redelivered=False,
        t_pushed="2026-01-01T00:00:00.000000Z",
    )


async def send(errand: Errand) -> None:
    """Serve; on a line from standard input send everything and print when each part was due."""
    texts = await _texts(errand)
    listeners: dict[str, set[ServerConnection]] = {}

    async def listen(socket: ServerConnection) -> None:
        assert socket.request is not None  # noqa: S101  the handshake is over
        wanted = socket.request.headers["Authorization"].removeprefix("Bearer ")
        listeners.setdefault(wanted, set()).add(socket)
        await socket.send(_CAUGHT_UP)
        await socket.wait_closed()

    async with serve(listen, "127.0.0.1", 0, compression=None) as server:
        sys.stdout.write(f"{next(iter(server.sockets)).getsockname()[1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        began, gap_s = time.time(), errand.seconds / errand.alarms
        for start in range(0, len(texts), errand.together):
            await asyncio.sleep(max(0.0, began + start * gap_s - time.time()))
            sys.stdout.write(f"{time.time()!r}\n")
            for region, to_all, to_one in texts[start : start + errand.together]:
                broadcast(listeners.get("all", ()), to_all)
                broadcast(listeners.get(region, ()), to_one)
        sys.stdout.write("done\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    allow_connections(5_000)
    uvloop.run(send(msgspec.json.decode(sys.stdin.buffer.readline(), type=Errand)))
