"""What was answered to a call that may be repeated: an Idempotency-Key acts once."""

from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection


class Answer(NamedTuple):
    """What was answered to a request, and the digest of that request."""

    request_hash: bytes
    status: int
    body: str


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


async def keep(
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
