"""The push of alarms: /ws/v1/alarms, subscriptions that miss nothing and a cursor for each."""

import asyncio
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final

import msgspec
from fastapi import APIRouter, WebSocket

from alarms import instants
from alarms.storage import consumers, journal, queries
from api import actions, clock, frames
from api import service as services
from api.connection import Connection, EndedError
from api.feed import Feed
from api.frames import BadFrameError, Event
from api.problems import ProblemError
from api.service import Service

HEARTBEAT_S: Final = 1.0
SILENT_AFTER_S: Final = 5.0
"""With the record unread for so long, heartbeats stop: a beat says that nothing was missed."""
MOST_SUBSCRIPTIONS: Final = 16
_TABLE_BATCH: Final = 500

router = APIRouter()


@router.websocket("/ws/v1/alarms")
async def alarms_socket(websocket: WebSocket) -> None:
    """Serve one client's subscriptions and commands."""
    service = services.of(websocket)

    async def session(connection: Connection, group: asyncio.TaskGroup) -> None:
        await _Session(connection, service, group).run()

    await Connection(websocket, service).serve(frames.ALARM_PROTOCOL, session)


@dataclass(slots=True, kw_only=True, eq=False)
class _Subscription:
    """One subscription: what it wants, how far it has been served, what it still owes."""

    wanted: frames.Filter
    name: str
    cursor: int = 0
    prev: int = 0
    consumer: tuple[str, str] | None = None
    sent_before: int = 0
    acknowledges_after: int = 0
    """What the snapshot stood at: acknowledging less says nothing."""
    in_snapshot: bool = False
    owed: deque[int] = field(default_factory=deque)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when another subscription has taken this one's consumer over."""
    task: asyncio.Task[None] | None = None

    def owes_too_much(self) -> bool:
        """Tell whether a named consumer owes so many acknowledgements that it must wait."""
        return self.consumer is not None and len(self.owed) >= frames.WINDOW


class _Session:
    """One authenticated client."""

    def __init__(self, connection: Connection, service: Service, group: asyncio.TaskGroup) -> None:
        self._connection = connection
        self._service = service
        self._group = group
        self._subscriptions: dict[str, _Subscription] = {}

    async def run(self) -> None:
        """Read the client's frames until it goes; a bad frame is answered and forgotten."""
        try:
            while True:
                frame = await self._connection.receive()
                try:
                    await self._obey(frames.parse_alarm_op(frame))
                except BadFrameError as error:
                    await self._connection.send(frames.error_frame(error.code, str(error)))
        finally:
            for subscription in self._subscriptions.values():
                self._release(subscription)

    async def _obey(self, op: frames.AlarmOp) -> None:
        match op:
            case frames.Subscribe():
                await self._subscribe(op)
            case frames.Unsubscribe(sub=name):
                await self._drop(self._named(name))
                await self._connection.send(frames.frame("unsubscribed", sub=name))
            case frames.Ack():
                await self._acknowledge(op)
            case frames.Command():
                await self._command(op)
            case frames.Auth():
                raise BadFrameError("already_authenticated", "this socket is authenticated")

    def _named(self, name: str) -> _Subscription:
        found = self._subscriptions.get(name)
        if found is None:
            raise BadFrameError("unknown_sub", f"there is no subscription {name!r} on this socket")
        return found

    async def _drop(self, subscription: _Subscription) -> None:
        """End a subscription and wait until nothing more of it can be sent."""
        self._subscriptions.pop(subscription.name, None)
        if subscription.task is not None:
            subscription.task.cancel()
            await asyncio.wait([subscription.task])
        self._release(subscription)

    def _release(self, subscription: _Subscription) -> None:
        """Let another subscription serve this one's consumer."""
        consumer = subscription.consumer
        if consumer is not None and self._service.consumers.get(consumer) is subscription:
            del self._service.consumers[consumer]

    async def _subscribe(self, op: frames.Subscribe) -> None:
        position = frames.position_of(op)
        if op.sub in self._subscriptions:
            await self._drop(self._subscriptions[op.sub])
        if len(self._subscriptions) >= MOST_SUBSCRIPTIONS:
            raise BadFrameError(
                "too_many_subs", f"a socket carries at most {MOST_SUBSCRIPTIONS} subscriptions"
            )
        subscription = _Subscription(wanted=op.filter, name=op.sub)
        self._subscriptions[op.sub] = subscription
        subscription.task = self._group.create_task(
            self._serve(subscription, position), name=f"subscription {op.sub}"
        )

    async def _serve(self, subscription: _Subscription, position: str | frames.Position) -> None:
        """Bring one subscription to its place and send it events for ever."""
        feed = self._service.feed
        await feed.ready.wait()
        resume = await self._resume_from(subscription, position)
        if resume is None:
            await self._snapshot(subscription, recovered=position == "snapshot")
        else:
            subscription.cursor = subscription.prev = resume
            await self._subscribed(subscription, recovered=True)
        await self._follow(subscription, feed)

    async def _resume_from(
        self, subscription: _Subscription, position: str | frames.Position
    ) -> int | None:
        """Return the offset to go on after, or None where only a snapshot is sure."""
        if position == "snapshot":
            return None
        service = self._service
        async with service.transaction() as conn:
            standing = await journal.head(conn)
            if not isinstance(position, frames.Position):
                return standing.offset
            if position.consumer is not None:
                owner = self._connection.identity.name
                self._take_over(subscription, (owner, position.consumer))
                kept = await consumers.offset_of(conn, owner, position.consumer)
            else:
                kept = position.offset if position.epoch == standing.epoch else None
        if kept is None or not standing.floor - 1 <= kept <= standing.offset:
            return None
        return kept

    def _take_over(self, subscription: _Subscription, consumer: tuple[str, str]) -> None:
        """Let this subscription serve a consumer, in place of one on another socket."""
        serving = self._service.consumers.get(consumer)
        subscription.consumer = consumer
        self._service.consumers[consumer] = subscription
        if isinstance(serving, _Subscription):
            subscription.sent_before = max(serving.cursor, serving.sent_before)
            serving.lost.set()

    async def _subscribed(self, subscription: _Subscription, *, recovered: bool) -> None:
        feed = self._service.feed
        await self._connection.send(
            frames.frame(
                "subscribed",
                sub=subscription.name,
                epoch=feed.epoch,
                floor=feed.floor,
                head=max(feed.head, subscription.cursor),
                offset=subscription.cursor,
                recovered=recovered,
            )
        )

    async def _snapshot(self, subscription: _Subscription, *, recovered: bool) -> None:
        """Send every open alarm, red first, as they stood at one offset, and go on after it.

        Only the end gives that offset as a place to go on after: before it alarms are missing.
        """
        subscription.in_snapshot = True
        scope = self._connection.identity.scope
        async with self._service.transaction() as conn:
            standing, rows = await queries.standing(conn, queries.AlarmFilter(), scope)
        offset = standing.offset
        subscription.cursor = subscription.prev = subscription.acknowledges_after = offset
        await self._subscribed(subscription, recovered=recovered)
        send, name = self._connection.send, subscription.name
        await send(frames.frame("snapshot_begin", sub=name, offset=offset))
        label = _json(name)
        for row in rows:
            event = frames.event_of(row)
            if self._wants(subscription, event):
                await send(frames.snapshot_frame(event, sub=label, t_pushed=_now()))
        subscription.in_snapshot = False
        await send(frames.frame("snapshot_end", sub=name, offset=offset))

    def _wants(self, subscription: _Subscription, event: Event) -> bool:
        return frames.matches(event, subscription.wanted, self._connection.identity.scope)

    async def _follow(self, subscription: _Subscription, feed: Feed) -> None:
        """Send what comes after the cursor, a beat each second, and once that all is caught up."""
        loop = asyncio.get_running_loop()
        epoch = feed.epoch
        told = False
        beat_at = loop.time() + HEARTBEAT_S
        while True:
            if feed.epoch != epoch:
                raise EndedError(1012, "the journal was replaced; subscribe anew", goaway_s=1)
            if subscription.lost.is_set():
                await self._connection.send(
                    frames.error_frame(
                        "consumer_taken",
                        "another socket serves this consumer now",
                        sub=subscription.name,
                    )
                )
                return
            if loop.time() >= beat_at:
                beat_at = loop.time() + HEARTBEAT_S
                await self._beat(subscription, feed)
            if subscription.owes_too_much():
                subscription.room.clear()
                await _until(subscription.room.wait(), beat_at)
                continue
            events = await self._events_after(subscription.cursor, feed)
            for event in events:
                await self._offer(subscription, event)
                if subscription.owes_too_much() or loop.time() >= beat_at:
                    break
            if events:
                continue
            if not told:
                told = True
                await self._connection.send(
                    frames.frame("caught_up", sub=subscription.name, offset=subscription.cursor)
                )
            await _until(feed.wait_after(subscription.cursor), beat_at)

    async def _events_after(self, cursor: int, feed: Feed) -> list[Event]:
        """Return what comes next, from memory, or from the table for a client far behind."""
        events = feed.after(cursor)
        if events is not None:
            return events
        async with self._service.transaction() as conn:
            rows = await journal.after(conn, cursor, limit=_TABLE_BATCH)
        return [frames.event_of(row) for row in rows]

    async def _offer(self, subscription: _Subscription, event: Event) -> None:
        """Send an event if it is for this subscription, and move its cursor past it."""
        if self._wants(subscription, event):
            await self._connection.send(
                frames.event_frame(
                    event,
                    sub=_json(subscription.name),
                    offset=event.offset,
                    prev=subscription.prev,
                    redelivered=event.offset <= subscription.sent_before,
                    t_pushed=_now(),
                )
            )
            subscription.prev = event.offset
            if subscription.consumer is not None:
                subscription.owed.append(event.offset)
        subscription.cursor = event.offset

    async def _beat(self, subscription: _Subscription, feed: Feed) -> None:
        """Say that all is well, unless the record could not be read of late."""
        if asyncio.get_running_loop().time() - feed.confirmed > SILENT_AFTER_S:
            return
        await self._connection.send(
            frames.frame(
                "heartbeat",
                sub=subscription.name,
                head=max(feed.head, subscription.cursor),
                prev=subscription.prev,
                now=_now(),
            )
        )

    async def _acknowledge(self, op: frames.Ack) -> None:
        subscription = self._named(op.sub)
        newest = frames.SNAPSHOT_OFFSET if subscription.in_snapshot else subscription.cursor
        if op.offset > newest:
            raise BadFrameError(
                "ack_ahead",
                f"offset {op.offset} was not sent yet; the newest sent is "
                f"{min(newest, subscription.prev)}",
            )
        if (
            subscription.consumer is None
            or subscription.in_snapshot
            or op.offset < subscription.acknowledges_after
        ):
            return
        while subscription.owed and subscription.owed[0] <= op.offset:
            subscription.owed.popleft()
        subscription.room.set()
        owner, name = subscription.consumer
        async with self._service.transaction() as conn:
            await consumers.acknowledge(conn, owner, name, op.offset, now=clock.now())

    async def _command(self, op: frames.Command) -> None:
        """Do what the REST action does, and answer with what it answers."""
        wish = actions.Wish(rev=op.rev, note=op.note, until=op.until, cause=op.cause)
        try:
            done = await actions.perform(
                self._service, self._connection.identity, op.alarm, op.action, wish
            )
        except ProblemError as problem:
            alarm = problem.members.get("alarm")
            await self._connection.send(
                frames.frame(
                    "result",
                    id=op.id,
                    ok=False,
                    status=problem.status,
                    error=problem.detail,
                    alarm=alarm,
                )
            )
            return
        await self._connection.send(
            frames.frame(
                "result",
                id=op.id,
                ok=True,
                status=done.status,
                alarm=msgspec.Raw(done.document.encode()),
                pending=done.pending,
            )
        )


async def _until(waiting: Awaitable[object], moment: float) -> None:
    """Wait for something that takes nothing away, at most until a moment of the loop's clock."""
    try:
        async with asyncio.timeout_at(moment):
            await waiting
    except TimeoutError:
        return


def _json(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _now() -> str:
    return instants.to_text(clock.micros())
