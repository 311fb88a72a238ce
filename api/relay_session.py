"""One meeting with a tower above: sends the journal in order, a window full; does what is asked."""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, Never
from urllib.parse import urlsplit, urlunsplit

import msgspec
import websockets
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from websockets.asyncio.client import ClientConnection

from alarms import instants, towers
from alarms import scope as scopes
from alarms.errors import FengsuiError
from alarms.storage import journal, queries, relays, tower
from alarms.storage.journal import WARNING, JournalRow
from alarms.storage.relays import Refused, Relay
from alarms.towers import Reason, Tower
from api import clock, frames, relay_frames, relayed_deeds
from api.feed import Feed
from api.frames import BadFrameError
from api.problems import ProblemError
from api.relay_frames import Ask, Beat, Bring, Done, GoAway, Hello, NotTaken, Taken, Welcome, Wrong

BEAT_S: Final = 2.0
MEET_S: Final = 10.0
_BATCH: Final = 256


class LeftError(FengsuiError):
    """The meeting is over; the message says why."""


class _Sent(NamedTuple):
    offset: int
    subject: str
    rev: int


class Session:
    """One connection to the tower above, from hello to its end."""

    def __init__(self, relay: Relay, pool: AsyncConnectionPool, feed: Feed) -> None:
        self.has_met = False
        self._relay = relay
        self._pool = pool
        self._feed = feed
        self._own: Tower
        self._upper: Tower
        self._upper_epoch = ""
        self._epoch = feed.epoch
        self._sent: deque[_Sent] = deque()
        self._room = asyncio.Event()
        self._begin = 0
        self._resends = relay.resend

    async def run(self) -> Never:
        """Relay until the connection ends; always raises, with the reason."""
        async with websockets.connect(
            address_of(self._relay.url),
            additional_headers={"authorization": f"Bearer {self._relay.token}"},
            subprotocols=[websockets.Subprotocol(relay_frames.PROTOCOL)],
            open_timeout=MEET_S,
            ping_interval=5,
            ping_timeout=15,
            close_timeout=2,
        ) as socket:
            welcome = await self._meet(socket)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hear(socket), name="hear")
                group.create_task(self._say(socket, welcome), name="say")
        raise LeftError("the tower above closed")

    async def _meet(self, socket: ClientConnection) -> Welcome:
        async with self._pool.connection(timeout=30) as conn:
            self._own = await tower.own(conn)
            known = await relays.last_refusal(conn, self._relay.id)
        hello = Hello(tower=self._own, epoch=self._epoch, head=self._feed.head, refused=known)
        await socket.send(relay_frames.encoded(hello))
        async with asyncio.timeout(MEET_S):
            answer = _read(await socket.recv())
        if not isinstance(answer, Welcome):
            raise _left(answer)
        if answer.tower.id == self._own.id:
            raise LeftError("this relay leads back to this very tower; delete it")
        self._upper, self._upper_epoch = answer.tower, answer.epoch
        async with self._pool.connection(timeout=30) as conn:
            await relays.met(conn, self._relay.id, answer.tower, now=clock.now())
        self.has_met = True
        return answer

    async def _say(self, socket: ClientConnection, welcome: Welcome) -> None:
        """Send what is open where the tower above has no place yet, then what comes, for ever."""
        place = self._place(welcome)
        offset = self._cursor() if place is None else place
        self._begin = offset
        self._resends = self._resends or place is None
        if self._resends:
            await self._say_open(socket, offset)
        await self._beat(socket, offset)
        while self._feed.epoch == self._epoch:
            async with self._pool.connection(timeout=30) as conn:
                rows = await journal.after(conn, offset, limit=_BATCH)
                wanted = await self._wanted(conn, rows)
            for row, document in wanted:
                await self._send(socket, row, document, from_snapshot=False)
            if rows:
                offset = rows[-1].log_offset
                if len(wanted) < len(rows):
                    await self._beat(socket, offset)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):
                    await self._feed.wait_after(offset)
                    continue
            await self._beat(socket, offset)
        raise LeftError("this tower's journal was replaced")

    def _place(self, welcome: Welcome) -> int | None:
        """Return after which offset the tower above wants to go on, if the journal has that."""
        after = welcome.after
        if after is None or after.epoch != self._epoch:
            return None
        return after.offset if self._feed.floor - 1 <= after.offset <= self._feed.head else None

    def _cursor(self) -> int:
        """Return how far this relay was, within the journal as it is now."""
        if self._relay.epoch != self._epoch:
            return self._feed.head
        return max(min(self._relay.log_offset, self._feed.head), self._feed.floor - 1)

    async def _say_open(self, socket: ClientConnection, offset: int) -> None:
        """Send what is open and has not changed since an offset; what has comes in its place."""
        async with self._pool.connection(timeout=30) as conn:
            _, rows = await queries.standing(conn, queries.AlarmFilter(), scopes.ALL)
            rows = sorted(row for row in rows if row.log_offset <= offset)
            wanted = await self._wanted(conn, rows)
        for row, document in wanted:
            await self._send(socket, row, document, from_snapshot=True)

    async def _wanted(
        self, conn: AsyncConnection, rows: Sequence[JournalRow]
    ) -> list[tuple[JournalRow, dict[str, Any]]]:
        """Return the rows that this relay is for, with their documents.

        The system's own alarms speak of this installation and stay; so does what has been at the
        tower above. `escalated_only` lets an alarm pass from its first escalation on, and every
        warning: who issued it has told people further already.
        """
        region, wanted = self._relay.region, frames.Filter(tier_min=_tier(self._relay.tier_min))
        within = scopes.ALL if region is None else scopes.of_region(region)
        chosen = [
            row
            for row in rows
            if row.region is not None
            and within.covers(row.region, row.enterprise)
            and frames.matches(frames.event_of(row), wanted, scopes.ALL)
        ]
        if self._relay.escalated_only:
            first = await relays.escalated(conn, [row.alarm_id for row in chosen])
            chosen = [
                row
                for row in chosen
                if row.kind == WARNING or first.get(row.alarm_id, 2**63) <= row.log_offset
            ]
        told = [(row, msgspec.json.decode(row.document)) for row in chosen]
        return [each for each in told if not towers.passed(each[1], {self._upper.id})]

    async def _send(
        self,
        socket: ClientConnection,
        row: JournalRow,
        document: dict[str, Any],
        *,
        from_snapshot: bool,
    ) -> None:
        """Send one event as soon as the window has room."""
        while len(self._sent) >= relay_frames.WINDOW:
            self._room.clear()
            await self._room.wait()
        sent = towers.departing(document, self._own)
        frame = _frame(row, sent, from_snapshot=from_snapshot)
        if len(frame.encode()) > relay_frames.FRAME_MOST:
            frame = _frame(row, towers.shortened(sent), from_snapshot=from_snapshot)
        if (size := len(frame.encode())) > relay_frames.FRAME_MOST:
            await self._refused(
                NotTaken(
                    offset=row.log_offset,
                    subject=row.alarm_id,
                    rev=row.rev,
                    code=Reason.too_large.value,
                    error=f"{size} bytes, of {relay_frames.FRAME_MOST} at most; not sent",
                )
            )
            return
        self._sent.append(_Sent(row.log_offset, row.alarm_id, row.rev))
        await socket.send(frame)

    async def _beat(self, socket: ClientConnection, offset: int) -> None:
        beat = Beat(offset=offset, head=max(offset, self._feed.head))
        await socket.send(relay_frames.encoded(beat))

    async def _hear(self, socket: ClientConnection) -> None:
        async for text in socket:
            match _read(text):
                case Taken(offset=offset):
                    await self._taken(offset)
                case NotTaken() as refused:
                    await self._refused(refused)
                case Ask() as asked:
                    await socket.send(relay_frames.encoded(await self._do(asked)))
                case other:
                    raise _left(other)
        raise LeftError("the tower above closed")

    async def _taken(self, offset: int) -> None:
        subjects = []
        while self._sent and self._sent[0].offset <= offset:
            subjects.append(self._sent.popleft().subject)
        self._room.set()
        async with self._pool.connection(timeout=30) as conn:
            if subjects:
                await relays.accepted(conn, self._relay.id, subjects)
            if offset < self._begin:
                return  # of what was open before: the place is not reached yet
            await relays.moved(
                conn,
                self._relay.id,
                offset,
                epoch=self._epoch,
                resent=self._resends,
                now=clock.now(),
            )

    async def _refused(self, refused: NotTaken) -> None:
        kept = Refused(
            log_offset=refused.offset,
            at=clock.now(),
            alarm_id=refused.subject,
            rev=refused.rev,
            code=refused.code,
            error=refused.error,
        )
        async with self._pool.connection(timeout=30) as conn:
            await relays.refuse(conn, self._relay.id, kept)
        self._sent = deque(each for each in self._sent if each.offset != refused.offset)

    async def _do(self, asked: Ask) -> Done:
        """Do what is asked, once, and say what came of it; a lost record ends the meeting."""
        status, error = 200, None
        try:
            async with self._pool.connection(timeout=30) as conn:
                if await self._is_new(conn, asked):
                    await relayed_deeds.from_above(conn, self._relay, self._upper, asked)
        except (FengsuiError, ProblemError) as problem:
            status, error = relayed_deeds.status_of(problem), str(problem)
            async with self._pool.connection(timeout=30) as conn:
                await self._is_new(conn, asked)
        return Done(number=asked.number, status=status, error=error)

    async def _is_new(self, conn: AsyncConnection, asked: Ask) -> bool:
        return await relays.begin_command(
            conn, self._relay.id, epoch=self._upper_epoch, number=asked.number
        )


def address_of(url: str) -> str:
    """Return the WebSocket address of a tower's http address."""
    parts = urlsplit(url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + relay_frames.PATH, "", ""))


def _frame(row: JournalRow, document: dict[str, Any], *, from_snapshot: bool) -> str:
    """Write a row as its CloudEvent, with who did it."""
    speaks_of_warning = row.kind == WARNING
    event = {
        "specversion": "1.0",
        "id": f"{row.alarm_id}:{row.rev}",
        "source": frames.source_path(row.region, row.enterprise, row.source),
        "type": (frames.WARNING_PREFIX if speaks_of_warning else frames.TYPE_PREFIX) + row.type,
        "subject": document.get("subject"),
        "time": instants.to_text(instants.from_datetime(row.t_event)),
        "datacontenttype": "application/json",
        "data": document,
    }
    return relay_frames.encoded(
        Bring(
            offset=row.log_offset,
            event=msgspec.Raw(msgspec.json.encode(event)),
            actor=row.actor,
            org_level=row.org_level,
            note=row.note,
            snapshot=from_snapshot,
        )
    )


def _tier(name: str | None) -> frames.TierName | None:
    return None if name is None else msgspec.convert(name, frames.TierName)


def _read(text: str | bytes) -> relay_frames.FromAbove:
    try:
        return relay_frames.parse_above(text)
    except BadFrameError as error:
        raise LeftError(f"the tower above speaks otherwise: {error}") from error


def _left(frame: relay_frames.FromAbove) -> LeftError:
    match frame:
        case GoAway(reason=reason):
            return LeftError(f"the tower above asks to come again: {reason}")
        case Wrong(code=code, error=error):
            return LeftError(f"{code}: {error}")
        case _:
            return LeftError(f"the tower above says {type(frame).__name__} out of turn")
