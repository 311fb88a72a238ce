"""The ingest process: the one writer, from broker to record, for as long as nobody says stop."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final, TypeVar

import psycopg
from psycopg import AsyncConnection

from alarms.errors import UnavailableError
from alarms.overload import Strain
from alarms.storage import connection, retention, writer
from ingest import topics, upkeep
from ingest.address import Address, client_id
from ingest.inspector import Inspector
from ingest.messages import Batch
from ingest.mqtt import Source
from ingest.pipeline import NO_STRAIN, Outcome, Pipeline, no_step
from ingest.replies import Replies
from ingest.sparkplug import names
from ingest.sparkplug.host import Presence
from ingest.tally import Tally

log: Final = logging.getLogger("fengsui.ingest")
T = TypeVar("T")

MOST_MESSAGES: Final = 500
MOST_STORED: Final = 50
STORED_BYTES: Final = 1 << 20
"""What gateways had stored is taken in small bites, for live readings wait while one is judged."""
LINGER_S: Final = 0.002
IDLE_S: Final = 0.2
TICK_US: Final = 1_000_000
STALL_US: Final = 5_000_000
"""A longer gap between two ticks was our own: who spoke in it may still wait at the broker."""
FIRST_BACKOFF_S: Final = 0.1
LONGEST_BACKOFF_S: Final = 10.0
DEFAULT_TERMS: Final = retention.Terms()


def no_gauges() -> Strain:
    """Measure nothing."""
    return NO_STRAIN


async def run(
    *,
    database_url: str,
    broker_url: str,
    topic_prefix: str,
    stop: asyncio.Event,
    sparkplug_host_id: str | None = None,
    steps: Callable[[str], None] = no_step,
    terms: retention.Terms = DEFAULT_TERMS,
    gauges: Callable[[], Strain] = no_gauges,
) -> None:
    """Bring messages into the record until `stop`; wait for a database or broker that is away.

    With a host id Sparkplug edge nodes are heard too, and told that this host is there.
    `steps` is told the name of every step of every batch as it is done; `terms` say how long the
    record keeps things; `gauges` measure what this service does not see of the system's strain.
    """
    address = Address.parse(broker_url)
    presence = None if sparkplug_host_id is None else Presence(host_id=sparkplug_host_id)
    edge_nodes = () if presence is None else names.filters()
    service = _Service(
        database_url=database_url,
        prefix=topic_prefix,
        stop=stop,
        steps=steps,
        terms=terms,
        gauges=gauges,
    )
    try:
        record = await service.open()
        source = Source(
            address=address,
            client_id=client_id(record),
            filters=(*topics.filters(topic_prefix), *edge_nodes),
            presence=presence,
        )
        stored = Source(
            address=address,
            client_id=client_id(record, "stored"),
            filters=topics.stored(topic_prefix),
            window_bytes=STORED_BYTES,
        )

        def finish(_: object = None) -> None:
            source.finish()
            stored.finish()

        async with source, stored:
            ending = asyncio.create_task(stop.wait(), name="ingest stop")
            showing = asyncio.create_task(service.inspector.run(), name="ingest inspector")
            keeping = asyncio.create_task(upkeep.run(database_url, terms), name="upkeep")
            replaying = asyncio.create_task(service.work_off(stored), name="ingest stored")
            for task in (ending, keeping, replaying):
                task.add_done_callback(finish)
            try:
                await service.work(source)
                await replaying
            finally:
                ending.cancel()
                showing.cancel()
                keeping.cancel()
                replaying.cancel()
                with suppress(asyncio.CancelledError):
                    await keeping
    except _Stopped:
        return
    finally:
        await service.close()


class _Service:
    """One loop over batches; a batch leaves it committed and acknowledged, or not at all."""

    def __init__(
        self,
        *,
        database_url: str,
        prefix: str,
        stop: asyncio.Event,
        steps: Callable[[str], None],
        terms: retention.Terms,
        gauges: Callable[[], Strain],
    ) -> None:
        self._database_url = database_url
        self._prefix = prefix
        self._source: Source
        self._stop = stop
        self._steps = steps
        self._pipeline = Pipeline(
            prefix=prefix, steps=steps, keeps_us=terms.raw_days * 86_400_000_000
        )
        self._gauges = gauges
        self._replies = Replies()
        self.inspector = Inspector(database_url, prefix=prefix)
        self._tally = Tally(log)
        self._turn = asyncio.Lock()
        """Live and stored readings take turns: the record has one writer, the engine one batch."""
        self._conn: AsyncConnection | None = None
        self._ticked = 0
        self._listening_since = 0

    async def open(self) -> str:
        """Wait for the record and the right to write it; return its name."""
        await self._persist(self._writer)
        return await self._persist(self._identity)

    async def work(self, source: Source) -> None:
        """Take batches until the source has no more."""
        self._source = source
        async for batch in source.batches(
            max_messages=MOST_MESSAGES, linger_s=LINGER_S, idle_s=IDLE_S
        ):
            async with self._turn:
                self._pipeline.edge_nodes.link(source.link_up_since)
                if batch.messages:
                    await self._settle(batch, source)
                if now() - self._ticked >= TICK_US:
                    await self._persist(self._tick)
                    self._command()
            self._reply()
            self._tally.speak(time.monotonic())

    async def work_off(self, stored: Source) -> None:
        """Take what gateways had stored, a bite between two live batches."""
        async for batch in stored.batches(
            max_messages=MOST_STORED, linger_s=LINGER_S, idle_s=IDLE_S
        ):
            if batch.messages:
                async with self._turn:
                    await self._settle(batch, stored)

    async def close(self) -> None:
        """Close the connection to the record."""
        if self._conn is not None:
            await self._conn.close()

    async def _settle(self, batch: Batch, source: Source) -> None:
        """Commit and acknowledge; cut a batch that its own content spoils down to the spoiler."""
        try:
            outcome = await self._persist(lambda: self._commit(batch))
        except _Stopped:
            return
        except Exception as error:
            await self._forget()
            await self._persist(self._tick)  # raises where it was not the content: end and restart
            if len(batch.messages) > 1:
                for half in batch.halves():
                    await self._settle(half, source)
                return
            log.exception("message refused topic=%s", batch.messages[0].topic)
            why = f"{type(error).__name__}: {error}"
            await self._persist(lambda: self._refuse(batch, why))
        else:
            self._replies.add(outcome.accounts, outcome.refused)
            self._tally.add(outcome)
            self.inspector.offer(batch.messages, outcome.refused)
        await source.commit(batch)
        self._steps("acknowledged")

    async def _commit(self, batch: Batch) -> Outcome:
        return await self._pipeline.commit(await self._writer(), batch.messages, now=now())

    async def _refuse(self, batch: Batch, why: str) -> None:
        refused = await self._pipeline.reject(await self._writer(), batch.messages[0], why)
        self._replies.add({}, refused)

    async def _tick(self) -> None:
        moment = now()
        self._listening_since = listening_since(self._listening_since, self._ticked, moment)
        link = self._source.link_up_since
        await self._pipeline.tick(
            await self._writer(),
            now=moment,
            link_since=moment if link is None else max(link, self._listening_since),
            strain=self._strain(moment),
        )
        self._ticked = moment

    def _strain(self, moment: int) -> Strain:
        waiting = self._source.waiting_since
        return replace(
            self._gauges(), lag_s=0.0 if waiting is None else max(0, moment - waiting) / 1e6
        )

    def _reply(self) -> None:
        for gateway, payload in self._replies.due(now()):
            topic = topics.name(self._prefix, gateway, topics.Channel.replies)
            self._source.publish(topic, payload)

    def _command(self) -> None:
        """Ask edge nodes whose births are not known for new ones: QoS 0, as Sparkplug wants it."""
        if self._source.link_up_since is not None:
            for topic, payload in self._pipeline.edge_nodes.commands(now()):
                self._source.publish(topic, payload, qos=0)

    async def _persist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do work on the record, again and again while the database is away, full or restarting."""
        delay = FIRST_BACKOFF_S
        while True:
            try:
                return await work()
            except (psycopg.Error, UnavailableError) as error:
                if isinstance(error, psycopg.DataError | psycopg.IntegrityError):
                    raise
                await self._forget()
                log.warning(
                    "record not written, messages stay at the broker why=%r retry_in_s=%.1f",
                    str(error).strip(),
                    delay,
                )
            await self._pause(delay * random.uniform(0.8, 1.2))  # noqa: S311  # jitter
            delay = min(delay * 2, LONGEST_BACKOFF_S)

    async def _writer(self) -> AsyncConnection:
        """Return the writing connection; a new one claims the right to write and recalls all."""
        if self._conn is None or self._conn.closed:
            conn = await connection.connect(self._database_url, autocommit=True)
            try:
                await self._claim(conn)
                await self._pipeline.recall(conn, now=now())
            except BaseException:
                await conn.close()
                raise
            self._conn = conn
            log.info("record open address=%s", connection.address_of(self._database_url))
        return self._conn

    async def _claim(self, conn: AsyncConnection) -> None:
        said = False
        while not await writer.claim(conn):
            if not said:
                log.warning("another ingest writes this record; waiting until it ends")
                said = True
            await self._pause(1.0)

    async def _identity(self) -> str:
        return await writer.identity(await self._writer())

    async def _forget(self) -> None:
        """Drop the connection: what was committed is not known for sure, the record will tell."""
        if self._conn is not None:
            await self._conn.close()
            self._conn = None

    async def _pause(self, seconds: float) -> None:
        """Wait, or end at once when told to stop."""
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return
        raise _Stopped


class _Stopped(Exception):  # noqa: N818  # no error: the way out of a wait
    """Someone said stop while work was waiting for the database."""


def listening_since(since: int, ticked: int, moment: int) -> int:
    """Return since when we listen without a gap, at a tick now and the tick before (Micros).

    A process that stood still, or waited for its database, heard nobody: silence is counted anew.
    """
    if moment - ticked <= STALL_US:
        return since
    if ticked:
        log.warning("stood still for_s=%.1f, silence is counted anew", (moment - ticked) / 1e6)
    return moment


def now() -> int:
    """Return the server's clock in Micros."""
    return time.time_ns() // 1000
