"""One subscription: brought to its place, then served in order for ever, what is urgent at once."""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from alarms import instants
from alarms.storage import consumers, journal, queries
from api import clock, frames
from api.audience import Audience
from api.connection import Connection, EndedError
from api.frames import Event, Filter, Position
from api.service import Service

HEARTBEAT_S: Final = 1.0
SILENT_AFTER_S: Final = 5.0
"""With the record unread for so long, heartbeats stop: a beat says that nothing was missed."""
HURRY_S: Final = 0.5
"""A red or orange event behind another that has waited so long goes ahead as `urgent`.

Half of the second after which the contract wants it: what has waited for half a second is likely to
wait for more, and by then a whole one would be over.
"""
HELD_S: Final = 0.1
"""A socket that took no frame for so long may not take the next run at once either."""
RUN: Final = 32
"""Events written in one piece: so much a slow client's socket holds beyond its own buffers."""
_TABLE_BATCH: Final = 500


class Subscription:
    """What one subscription wants, how far it has been served, what it still owes."""

    def __init__(self, name: str, wanted: Filter, connection: Connection, service: Service) -> None:
        self.name = name
        self.cursor = 0
        self.prev = 0
        self.consumer: tuple[str, str] | None = None
        self.in_snapshot = False
        self.task: asyncio.Task[None] | None = None
        self._wanted = wanted
        self._connection = connection
        self._service = service
        self._feed = service.feed
        self._audience: Audience
        self._label = msgspec.json.encode(name).decode()
        self._sent_before = 0
        self._acknowledges_after = 0
        """What the snapshot stood at: acknowledging less says nothing."""
        self._owed: deque[int] = deque()
        self._lost = False
        """Another subscription has taken this one's consumer over."""
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._beat_s = self._began_s + HEARTBEAT_S
        self._hurried = 0
        self._held = False
        """The socket took the last run only after a while."""

    def wake(self) -> None:
        """Look again: something is new, acknowledged, or due."""
        self._woken.set()

    async def serve(self, position: str | Position) -> None:
        """Bring it to its place and send it events for ever."""
        await self._feed.ready.wait()
        self._audience = self._join()
        try:
            resume = await self._resume_from(position)
            if resume is None:
                await self._snapshot(self._audience, recovered=position == "snapshot")
            else:
                self.cursor = self.prev = resume
                await self._subscribed(recovered=True)
            await self._follow()
        finally:
            self._feed.leave(self, self._audience)

    def acknowledged(self, offset: int) -> bool:
        """Note an acknowledgement; return whether a named consumer's cursor moves by it."""
        if self.consumer is None or self.in_snapshot or offset < self._acknowledges_after:
            return False
        while self._owed and self._owed[0] <= offset:
            self._owed.popleft()
        self.wake()
        return True

    def give_over(self) -> int:
        """End, as another subscription serves this one's consumer; return how far this one was."""
        self._lost = True
        self.wake()
        return max(self.cursor, self._sent_before)

    def release(self) -> None:
        """Let another subscription serve this one's consumer."""
        serving = self._service.consumers
        if self.consumer is not None and serving.get(self.consumer) is self:
            del serving[self.consumer]

    def _join(self) -> Audience:
        return self._feed.join(self, self._wanted, self._connection.identity.scope)

    async def _resume_from(self, position: str | Position) -> int | None:
        """Return the offset to go on after, or None where only a snapshot is sure."""
        if position == "snapshot":
            return None
        async with self._service.reading(self._connection.identity.scope) as conn:
            standing = await journal.head(conn)
            if not isinstance(position, Position):
                return standing.offset
            if position.consumer is not None:
                owner = self._connection.identity.name
                self._take_over((owner, position.consumer))
                kept = await consumers.offset_of(conn, owner, position.consumer)
            else:
                kept = position.offset if position.epoch == standing.epoch else None
        if kept is None or not standing.floor - 1 <= kept <= standing.offset:
            return None
        return kept

    def _take_over(self, consumer: tuple[str, str]) -> None:
        """Serve a consumer, in place of a subscription on another socket."""
        serving = self._service.consumers.get(consumer)
        self.consumer = consumer
        self._service.consumers[consumer] = self
        if isinstance(serving, Subscription):
            self._sent_before = serving.give_over()

    async def _subscribed(self, *, recovered: bool) -> None:
        await self._connection.send(
            frames.frame(
                "subscribed",
                sub=self.name,
                epoch=self._feed.epoch,
                floor=self._feed.floor,
                head=max(self._feed.head, self.cursor),
                offset=self.cursor,
                recovered=recovered,
            )
        )

    async def _snapshot(self, audience: Audience, *, recovered: bool) -> None:
        """Send every open alarm, red first, as they stood at one offset, and go on after it.

        Only the end gives that offset as a place to go on after: before it alarms are missing.
        """
        self.in_snapshot = True
        async with self._service.reading(audience.scope) as conn:
            standing, rows = await queries.standing(conn, queries.AlarmFilter(), audience.scope)
        offset = standing.offset
        self.cursor = self.prev = self._acknowledges_after = offset
        await self._subscribed(recovered=recovered)
        send = self._connection.send
        await send(frames.frame("snapshot_begin", sub=self.name, offset=offset))
        for row in rows:
            event = frames.event_of(row)
            if audience.wants(event):
                await send(frames.snapshot_frame(event, sub=self._label, t_pushed=_now()))
                await self._hurry(audience)
        self.in_snapshot = False
        await send(frames.frame("snapshot_end", sub=self.name, offset=offset))

    async def _follow(self) -> None:
        """Send what comes after the cursor, a beat each second, and once that all is caught up."""
        epoch, told = self._feed.epoch, False
        while not self._lost:
            if self._feed.epoch != epoch:
                raise EndedError(1012, "the journal was replaced; subscribe anew", goaway_s=1)
            if self._audience.scope != self._connection.identity.scope:
                self._feed.leave(self, self._audience)
                self._audience = self._join()
            audience = self._audience
            self._woken.clear()
            if self._loop.time() >= self._beat_s:
                await self._beat()
            more = await self._hurry(audience)
            if self._room() == 0:
                if not more:
                    await self._wait(self._hurry_due_s(audience))
            elif not await self._go_on(audience):
                if not told:
                    told = True
                    await self._connection.send(
                        frames.frame("caught_up", sub=self.name, offset=self.cursor)
                    )
                await self._wait(self._beat_s)
        await self._connection.send(
            frames.error_frame(
                "consumer_taken", "another socket serves this consumer now", sub=self.name
            )
        )

    async def _wait(self, until_s: float) -> None:
        """Wait until woken, at most until the next beat or an earlier moment still to come."""
        if until_s <= self._loop.time():
            until_s = self._beat_s
        timer = self._loop.call_at(min(until_s, self._beat_s), self.wake)
        try:
            await self._woken.wait()
        finally:
            timer.cancel()

    def _room(self) -> int:
        """Return how many events may go now: a named consumer owes no more than its window."""
        return RUN if self.consumer is None else min(RUN, frames.WINDOW - len(self._owed))

    async def _go_on(self, audience: Audience) -> bool:
        """Send the next events; return whether there was anything to look at after the cursor."""
        found = audience.next_after(self.cursor, limit=self._room())
        if found is None:
            return await self._catch_up(audience)
        if not found:
            # All up to the feed's head was looked at, and none of it is for this audience.
            self.cursor = max(self.cursor, self._feed.head)
            return False
        await self._send(audience, found)
        return True

    async def _catch_up(self, audience: Audience) -> bool:
        """Go on from the feed's memory, or from the table for a client far behind."""
        rows = self._feed.after(self.cursor)
        if rows is None:
            looked = min(self.cursor + _TABLE_BATCH, self._feed.head)
            async with self._service.reading(audience.scope) as conn:
                kept = await journal.between(conn, self.cursor, looked)
            rows = [frames.event_of(row) for row in kept]
        else:
            looked = rows[-1].offset if rows else self.cursor
        is_news = looked > self.cursor
        wanted = [event for event in rows if audience.wants(event)]
        while wanted:
            room = self._room()
            if room == 0 or self._loop.time() >= self._beat_s:
                return True
            await self._send(audience, wanted[:room])
            await self._hurry(audience)
            del wanted[:room]
        self.cursor = looked
        return is_news

    async def _send(self, audience: Audience, events: Sequence[Event]) -> None:
        """Send events in one piece and move the cursor past them."""
        began_s = self._loop.time()
        await self._connection.send_frames(
            partial(
                audience.run,
                events,
                sub=self._label,
                prev=self.prev,
                redelivered_to=self._sent_before,
            )
        )
        self._held = self._loop.time() - began_s > HELD_S
        self.cursor = self.prev = events[-1].offset
        if self.consumer is not None:
            self._owed.extend(event.offset for event in events)
        if len(events) == RUN:
            await asyncio.sleep(0)  # there is more: others first

    async def _hurry(self, audience: Audience) -> bool:
        """Send red and orange events ahead that would wait behind too much; each once.

        Returns whether there may be more of them: a run of others has its turn first.
        """
        if self._hurry_due_s(audience) > self._loop.time():
            return False
        passing = 0 if self._held or self.in_snapshot else self._room()
        urgent = audience.alarming_after(self.cursor, passing=passing, told=self._hurried)[:RUN]
        for event in urgent:
            await self._connection.send(
                frames.urgent_frame(event, sub=self._label, t_pushed=_now())
            )
            self._hurried = event.offset
        if len(urgent) < RUN:
            return False
        await asyncio.sleep(0)
        return True

    def _hurry_due_s(self, audience: Audience) -> float:
        """Return the moment (loop's time) from which what comes waits behind too much."""
        if self.in_snapshot or self.cursor < audience.after:
            return self._began_s + HURRY_S
        since_s = audience.waiting_since(self.cursor)
        return float("inf") if since_s is None else max(since_s, self._began_s) + HURRY_S

    async def _beat(self) -> None:
        """Say that all is well, unless the record could not be read of late."""
        self._beat_s = self._loop.time() + HEARTBEAT_S
        if self._loop.time() - self._feed.confirmed > SILENT_AFTER_S:
            return
        await self._connection.send(
            frames.frame(
                "heartbeat",
                sub=self.name,
                head=max(self._feed.head, self.cursor),
                prev=self.prev,
                now=_now(),
            )
        )


def _now() -> str:
    return instants.to_text(clock.micros())
