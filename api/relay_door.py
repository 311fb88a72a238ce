"""The upper end of a relay, /ws/v1/relay: takes what towers below bring, asks of them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter, WebSocket

from alarms.errors import NotAllowedError
from alarms.storage import journal, origins, relayed, tower
from alarms.storage.relayed import Arrival, Refusal
from alarms.towers import Tower
from api import clock, permissions, relay_frames
from api import service as services
from api.connection import AUTH_WITHIN_S, FORBIDDEN, Connection, EndedError
from api.frames import BadFrameError
from api.relay_frames import Ask, Beat, Bring, Done, FromBelow, Hello
from api.service import Service

BAD_FRAME: Final = 4400
LOOP: Final = 4409
SILENT_AFTER_S: Final = 30.0
"""A tower below beats every few seconds; one that says nothing for so long is cut off."""
ASK_EVERY_S: Final = 0.5
_TOGETHER: Final = 200
"""Events stored in one transaction at most."""
_LOG: Final = logging.getLogger(__name__)

router = APIRouter()


@router.websocket(relay_frames.PATH)
async def relay_socket(websocket: WebSocket) -> None:
    """Serve one tower below."""
    service = services.of(websocket)

    async def session(connection: Connection, group: asyncio.TaskGroup) -> None:
        await _Session(connection, service, group).run()

    await Connection(websocket, service).serve(relay_frames.PROTOCOL, session)


class _Session:
    """One tower below, let in by a token of the role `tower`."""

    def __init__(self, connection: Connection, service: Service, group: asyncio.TaskGroup) -> None:
        self._connection = connection
        self._service = service
        self._group = group
        self._frames: asyncio.Queue[tuple[FromBelow, int]] = asyncio.Queue(relay_frames.WINDOW)
        self._below: Tower
        self._epoch = ""

    async def run(self) -> None:
        """Meet the tower, then take what it brings until it goes."""
        await self._meet()
        self._group.create_task(self._take(), name="take")
        self._group.create_task(self._ask(), name="ask")
        while True:
            frame = await self._receive(SILENT_AFTER_S)
            await self._frames.put((frame, clock.micros()))

    async def _receive(self, within_s: float) -> FromBelow:
        try:
            async with asyncio.timeout(within_s):
                return relay_frames.parse_below(await self._connection.receive())
        except TimeoutError as error:
            raise EndedError(1001, "nothing was heard of this tower", goaway_s=1) from error
        except BadFrameError as error:
            raise EndedError(BAD_FRAME, str(error)) from error

    async def _meet(self) -> None:
        identity = self._connection.identity
        if not permissions.relays(identity.role):
            raise EndedError(FORBIDDEN, "a relay comes with a token of the role tower")
        hello = await self._receive(AUTH_WITHIN_S)
        if not isinstance(hello, Hello):
            raise EndedError(BAD_FRAME, "the first frame is `hello`")
        async with self._service.transaction() as conn:
            own = await tower.own(conn)
            if own.id == hello.tower.id:
                raise EndedError(LOOP, "this tower would relay to itself")
            standing = await journal.head(conn)
            try:
                place = await origins.hello(
                    conn,
                    hello.tower,
                    token=identity.name,
                    epoch=hello.epoch,
                    head=hello.head,
                    now=clock.now(),
                )
            except NotAllowedError as error:
                raise EndedError(FORBIDDEN, str(error)) from error
            missed = await relayed.refusals(conn, hello.tower.id, after=hello.refused, limit=1000)
        self._below, self._epoch = hello.tower, hello.epoch
        after = None if place is None else relay_frames.Place(epoch=place[0], offset=place[1])
        welcome = relay_frames.Welcome(tower=own, epoch=standing.epoch, after=after)
        await self._connection.send(relay_frames.encoded(welcome))
        await self._refuse(missed)

    async def _take(self) -> None:
        """Store what came, in order, all that waits in one transaction, and say so after it."""
        while True:
            batch = [await self._frames.get()]
            while len(batch) < _TOGETHER and not self._frames.empty():
                batch.append(self._frames.get_nowait())
            arrivals: list[Arrival] = []
            for frame, received in batch:
                match frame:
                    case Bring():
                        arrivals.append(_arrival(frame, received))
                    case Beat():
                        await self._store(arrivals)
                        arrivals = []
                        await self._beat(frame)
                    case Done():
                        await self._done(frame)
                    case Hello():
                        raise EndedError(BAD_FRAME, "`hello` is said once")
            await self._store(arrivals)

    async def _store(self, arrivals: list[Arrival]) -> None:
        if not arrivals:
            return
        async with self._service.transaction() as conn:
            refused = await relayed.take(
                conn,
                self._below,
                arrivals,
                epoch=self._epoch,
                scope=self._connection.identity.scope,
                now=clock.micros(),
            )
        for each in refused:
            _LOG.warning("tower %s: event refused: %s", self._below.name, each.error)
        await self._refuse(refused)
        await self._taken(arrivals[-1].offset)

    async def _refuse(self, refused: Sequence[Refusal]) -> None:
        for each in refused:
            answer = relay_frames.NotTaken(
                offset=each.offset,
                subject=each.subject,
                rev=each.rev,
                code=each.code,
                error=each.error,
            )
            await self._connection.send(relay_frames.encoded(answer))

    async def _beat(self, beat: Beat) -> None:
        async with self._service.transaction() as conn:
            await origins.heard(
                conn,
                self._below.id,
                epoch=self._epoch,
                offset=beat.offset,
                head=beat.head,
                now=clock.now(),
            )
        await self._taken(beat.offset)

    async def _taken(self, offset: int) -> None:
        await self._connection.send(relay_frames.encoded(relay_frames.Taken(offset=offset)))

    async def _done(self, done: Done) -> None:
        async with self._service.transaction() as conn:
            await origins.done(
                conn,
                self._below.id,
                done.number,
                status=done.status,
                error=done.error,
                now=clock.now(),
            )

    async def _ask(self) -> None:
        """Send what people here asked, in order, each once a connection; a lost answer is no harm.

        The tower below keeps the number of the last that it carried out.
        """
        sent = 0
        while True:
            async with self._service.transaction() as conn:
                waiting = await origins.waiting(conn, self._below.id, after=sent, now=clock.now())
            for each in waiting:
                asked = Ask(
                    number=each.number,
                    kind=each.kind,
                    subject=each.subject,
                    action=each.action,
                    rev=each.rev,
                    note=each.note,
                    actor=each.actor,
                    level=each.level,
                )
                await self._connection.send(relay_frames.encoded(asked))
                sent = each.number
            await asyncio.sleep(ASK_EVERY_S)


def _arrival(frame: Bring, received: int) -> Arrival:
    change, document = relay_frames.told(frame)
    return Arrival(
        offset=frame.offset,
        change=change,
        document=document,
        actor=frame.actor,
        org_level=frame.org_level,
        note=frame.note,
        from_snapshot=frame.snapshot,
        received=received,
    )
