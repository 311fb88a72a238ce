"""What waits for a second person, and what was answered to a call that may be repeated."""

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection


class Pending(NamedTuple):
    """An action one person asked for, until when to shelve and why."""

    actor: str
    until: datetime | None
    note: str
    asked_at: datetime


class Answer(NamedTuple):
    """What was answered to a request, and the digest of that request."""

    request_hash: bytes
    status: int
    body: str


async def asked(
    conn: AsyncConnection, alarm_id: str, action: str, *, since: datetime
) -> Pending | None:
    """Return the request still waiting for its second person, locked, or None."""
    row = await (
        await conn.execute(
            """
            select actor, until, note, asked_at from pending_action
             where alarm_id = %s and action = %s and asked_at > %s for update
            """,
            (alarm_id, action, since),
        )
    ).fetchone()
    return None if row is None else Pending(*row)


async def ask(conn: AsyncConnection, alarm_id: str, action: str, wish: Pending) -> None:
    """Keep a first person's request, in place of an older one."""
    await conn.execute(
        """
        insert into pending_action (alarm_id, action, actor, until, note, asked_at)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (alarm_id, action) do update
           set actor = excluded.actor, until = excluded.until, note = excluded.note,
               asked_at = excluded.asked_at
        """,
        (alarm_id, action, *wish),
    )


async def settle(conn: AsyncConnection, alarm_id: str, action: str) -> None:
    """Forget a request: it was done or withdrawn."""
    await conn.execute(
        "delete from pending_action where alarm_id = %s and action = %s", (alarm_id, action)
    )


async def answered(conn: AsyncConnection, actor: str, key: str) -> Answer | None:
    """Return what was answered under an idempotency key; calls with one key wait for each other."""
    await conn.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"idempotency {actor} {key}",)
    )
    row = await (
        await conn.execute(
            "select request_hash, status, body from idempotency where actor = %s and key = %s",
            (actor, key),
        )
    ).fetchone()
    return None if row is None else Answer(*row)


async def keep_answer(
    conn: AsyncConnection, actor: str, key: str, answer: Answer, *, now: datetime
) -> None:
    """Keep an answer for a day's repetitions, and sweep older ones."""
    await conn.execute(
        "delete from idempotency where created_at < %s - interval '24 hours'", (now,)
    )
    await conn.execute(
        """
        insert into idempotency (actor, key, request_hash, status, body, created_at)
        values (%s, %s, %s, %s, %s, %s)
        """,
        (actor, key, *answer, now),
    )
