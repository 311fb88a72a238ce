"""Delivers the push log to webhooks: in order, signed, again and again until it is taken."""

import asyncio
import base64
import hashlib
import hmac
import logging
import random
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Final

import httpx
import msgspec
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from alarms import instants
from alarms.storage import journal, webhooks
from alarms.storage.webhooks import Webhook
from api import clock, frames
from api.feed import Feed
from api.sole import sole

LOOK_S: Final = 1.0
"""How often it is asked what webhooks there are."""
TIMEOUT_S: Final = 15.0
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 300.0
GIVE_UP: Final = timedelta(hours=24)
"""An address that has failed for so long is paused: somebody must look. Its cursor stays."""
_BATCH: Final = 256
_SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # what all secrets begin with, no secret
_GONE: Final = 410
_NOT_NOW: Final = frozenset({408, 425, 429})
_LOG: Final = logging.getLogger(__name__)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt; `wait_s` is how long the address asked to be left alone."""

    status: int | None
    error: str | None = None
    wait_s: float | None = None

    @property
    def is_final(self) -> bool:
        """Tell whether the same request would be refused again: a 4xx, but for "not now"."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in _NOT_NOW


def new_secret() -> str:
    """Make a secret as Standard Webhooks write it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """Sign a delivery: HMAC-SHA-256 over `<id>.<timestamp>.<body>` (Standard Webhooks 1.0)."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b"%b.%d.%b" % (event_id.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def pause_s(attempts: int, chance: float) -> float:
    """Return how long to wait after so many failures; `chance` in [0, 1) spreads it by a fifth."""
    doubled: float = min(FIRST_PAUSE_S * 2 ** min(attempts, 20), LONGEST_PAUSE_S)
    return doubled * (0.9 + 0.2 * chance)


class Deliveries:
    """One task a webhook, in the one process that holds the lock."""

    def __init__(self, url: str, pool: AsyncConnectionPool, feed: Feed) -> None:
        self._url = url
        self._pool = pool
        self._feed = feed

    async def run(self) -> None:
        """Deliver for ever; where another process does, wait for its end."""
        async with (
            sole(self._url, webhooks.claim, self._feed) as conn,
            httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False) as http,
        ):
            await self._serve(conn, http)

    async def _serve(self, conn: AsyncConnection, http: httpx.AsyncClient) -> None:
        """Keep a task for every webhook that is active, anew where it was changed."""
        tasks: dict[int, asyncio.Task[None]] = {}
        try:
            while True:
                known = {each.id: each for each in await webhooks.all_active(conn)}
                for webhook, task in list(tasks.items()):
                    if webhook not in known or task.done():
                        task.cancel()
                        del tasks[webhook]
                for webhook, each in known.items():
                    if webhook not in tasks:
                        one = _One(each, self._pool, self._feed, http)
                        tasks[webhook] = asyncio.create_task(one.run(), name=f"webhook {each.name}")
                await asyncio.sleep(LOOK_S)
        finally:
            for task in tasks.values():
                task.cancel()


class _One:
    """One webhook's deliveries, one event at a time."""

    def __init__(
        self, webhook: Webhook, pool: AsyncConnectionPool, feed: Feed, http: httpx.AsyncClient
    ) -> None:
        self._webhook = webhook
        self._wanted = msgspec.convert(webhook.filter, frames.Filter)
        self._pool = pool
        self._feed = feed
        self._http = http
        self._attempts = webhook.attempts
        self._failing_since = webhook.failing_since

    async def run(self) -> None:
        """Deliver until cancelled, or until it is paused."""
        try:
            await self._run()
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # the next look begins anew
            _LOG.warning("webhook %s interrupted (%r); going on", self._webhook.name, error)

    async def _run(self) -> None:
        if self._webhook.next_at is not None:
            await asyncio.sleep(max(0.0, (self._webhook.next_at - clock.now()).total_seconds()))
        epoch, offset = self._feed.epoch, self._begin()
        while epoch == self._feed.epoch:
            await self._again()
            events = self._feed.after(offset, limit=_BATCH)
            if events is None:
                async with self._transaction() as conn:
                    rows = await journal.after(conn, offset, limit=_BATCH)
                events = [frames.event_of(row) for row in rows]
            passed = False
            for event in events:
                offset = event.offset
                passed = not frames.matches(event, self._wanted, self._webhook.covers)
                if not passed and not await self._deliver(event):
                    return
            if passed:
                await self._moved(offset)
            if not events:
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._feed.wait_after(offset)

    def _begin(self) -> int:
        """Return the offset to go on after; another epoch's journal is begun at its floor."""
        if self._webhook.epoch == self._feed.epoch:
            return max(self._webhook.log_offset, self._feed.floor - 1)
        return self._feed.floor - 1

    async def _deliver(self, event: frames.Event) -> bool:
        """Deliver one event or put it aside; False where the webhook was paused meanwhile."""
        while True:
            answer = await self._attempt(event)
            if answer.error is None:
                await self._moved(event.offset, delivered=clock.now())
                return True
            if answer.status == _GONE:
                await self._pause(answer.error)
                return False
            if answer.is_final:
                await self._moved(event.offset, refused=answer)
                return True
            if not await self._wait(answer):
                return False

    async def _attempt(self, event: frames.Event) -> Answer:
        now = clock.now()
        at = instants.to_text(instants.from_datetime(now))
        body = frames.cloud_event(event, t_pushed=at).encode()
        event_id = _ID.decode(body).id
        stamp = int(now.timestamp())
        headers = {
            "content-type": "application/cloudevents+json",
            "webhook-id": event_id,
            "webhook-timestamp": str(stamp),
            "webhook-signature": signature(self._webhook.secret, event_id, stamp, body),
            "fengsui-position": f"{self._feed.epoch}:{event.offset}",
        }
        try:
            answer = await self._http.post(self._webhook.url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(status=None, error=f"{type(error).__name__}: {error}"[:300])
        if answer.is_success:
            return Answer(status=answer.status_code)
        said = f"{answer.status_code} {answer.reason_phrase}: {answer.text[:200]}"
        wait = answer.headers.get("retry-after", "")
        return Answer(
            status=answer.status_code,
            error=said,
            wait_s=min(float(wait), LONGEST_PAUSE_S) if wait.isdigit() else None,
        )

    async def _wait(self, answer: Answer) -> bool:
        """Note a failure and wait for the next attempt; False where it has failed for too long."""
        now = clock.now()
        self._failing_since = self._failing_since or now
        if now - self._failing_since >= GIVE_UP:
            await self._pause(f"failed since {self._failing_since:%Y-%m-%d %H:%MZ}: {answer.error}")
            return False
        chance = random.random()  # noqa: S311  # spreads attempts, keeps no secret
        wait_s = answer.wait_s or pause_s(self._attempts, chance)
        self._attempts += 1
        async with self._transaction() as conn:
            await webhooks.failed(
                conn,
                self._webhook.id,
                why=str(answer.error),
                next_at=now + timedelta(seconds=wait_s),
                now=now,
            )
        await asyncio.sleep(wait_s)
        return True

    async def _again(self) -> None:
        """Deliver what was put aside and is wanted again; what is refused again stays aside."""
        async with self._transaction() as conn:
            wanted = await webhooks.dead(conn, self._webhook.id, wanted=True)
        for each in wanted:
            async with self._transaction() as conn:
                rows = await journal.after(conn, each.log_offset - 1, limit=1)
            if not rows or rows[0].log_offset != each.log_offset:
                answer = Answer(status=None, error="the journal holds it no more")
            else:
                answer = await self._attempt(frames.event_of(rows[0]))
            async with self._transaction() as conn:
                if answer.error is None:
                    await webhooks.taken(conn, self._webhook.id, each.log_offset)
                else:
                    await self._bury(conn, each.log_offset, answer)

    async def _bury(self, conn: AsyncConnection, offset: int, answer: Answer) -> None:
        await webhooks.bury(
            conn,
            self._webhook.id,
            offset,
            status=answer.status,
            error=str(answer.error),
            now=clock.now(),
        )

    async def _moved(
        self, offset: int, *, delivered: datetime | None = None, refused: Answer | None = None
    ) -> None:
        """Go on after an event: it was delivered, refused for good, or is not for this address."""
        self._attempts, self._failing_since = 0, None
        async with self._transaction() as conn:
            if refused is not None:
                await self._bury(conn, offset, refused)
            await webhooks.moved(
                conn, self._webhook.id, offset, epoch=self._feed.epoch, delivered=delivered
            )

    async def _pause(self, why: str) -> None:
        _LOG.warning("webhook %s paused: %s", self._webhook.name, why)
        async with self._transaction() as conn:
            await webhooks.pause(conn, self._webhook.id, why=why)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        async with self._pool.connection(timeout=30) as conn:
            yield conn


class _Named(msgspec.Struct):
    id: str


_ID: Final = msgspec.json.Decoder(_Named)
