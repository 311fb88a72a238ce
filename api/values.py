"""Live values: /ws/v1/values, the newest of each watched point, at a pace each client bears."""

import asyncio
from typing import Final

from fastapi import APIRouter, WebSocket

from alarms.storage import places, trends
from api import clock, frames
from api import service as services
from api.connection import Connection, EndedError
from api.frames import BadFrameError
from api.live import Watch
from api.service import Service

MOST_POINTS: Final = 20_000

router = APIRouter()


@router.websocket("/ws/v1/values")
async def values_socket(websocket: WebSocket) -> None:
    """Serve one client's live values."""
    service = services.of(websocket)

    async def session(connection: Connection, group: asyncio.TaskGroup) -> None:
        await _Session(connection, service, group).run()

    await Connection(websocket, service).serve(frames.VALUE_PROTOCOL, session)


class _Session:
    """One authenticated client with at most one subscription; a new one replaces it."""

    def __init__(self, connection: Connection, service: Service, group: asyncio.TaskGroup) -> None:
        self._connection = connection
        self._service = service
        self._group = group
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Read the client's frames until it goes."""
        while True:
            frame = await self._connection.receive()
            try:
                match frames.parse_value_op(frame):
                    case frames.SubscribeValues() as op:
                        await self._stop()
                        await self._start(op)
                    case frames.UnsubscribeValues():
                        await self._stop()
                    case frames.Auth():
                        raise BadFrameError("already_authenticated", "this socket is authenticated")
            except BadFrameError as error:
                await self._connection.send(frames.error_frame(error.code, str(error)))

    async def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _start(self, op: frames.SubscribeValues) -> None:
        """Find the points within the scope, say their order, and begin with what is known."""
        if not op.points and op.under is None:
            raise BadFrameError("bad_frame", "say which `points`, or `under` what")
        wanted = [number for number in map(_number, op.points) if number is not None]
        async with self._service.reading(self._connection.identity.scope) as conn:
            ids = await places.point_ids(
                conn,
                self._connection.identity.scope,
                ids=wanted,
                under=op.under,
                limit=MOST_POINTS + 1,
            )
            if len(ids) > MOST_POINTS:
                raise BadFrameError(
                    "too_many_points", f"at most {MOST_POINTS} points; ask under a smaller place"
                )
            known = await trends.newest(conn, ids)
        watch = Watch(places={point_id: place for place, point_id in enumerate(ids)})
        await self._connection.send(frames.frame("points", ids=[str(number) for number in ids]))
        for newest in known:
            watch.offer(newest)
        self._task = self._group.create_task(self._send(watch, 1.0 / op.max_hz), name="values")

    async def _send(self, watch: Watch, spacing_s: float) -> None:
        """Send what has news, never faster than asked, as slowly as the client takes it."""
        scope = self._connection.identity.scope
        self._service.live.add(watch)
        try:
            while True:
                await watch.changed.wait()
                if self._connection.identity.scope != scope:
                    raise EndedError(1012, "what you may see has changed; subscribe", goaway_s=1)
                news = watch.take()
                await self._connection.send(
                    frames.frame(
                        "values",
                        t=clock.micros() // 1000,
                        i=list(news),
                        v=[newest.value for newest in news.values()],
                        q=[newest.quality for newest in news.values()],
                        ts=[newest.time // 1000 for newest in news.values()],
                    )
                )
                await asyncio.sleep(spacing_s)
        finally:
            self._service.live.remove(watch)


def _number(identifier: str | int) -> int | None:
    """Return the database id behind an opaque id, or None when it cannot be one."""
    text = str(identifier)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
