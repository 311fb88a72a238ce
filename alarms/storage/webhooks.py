"""Webhooks: where the push log is delivered to, how far it was, and what was not taken."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from alarms.errors import ConflictError
from alarms.scope import Scope
from alarms.storage import connection, fences

_LOCK: Final = 0x77656268_6F6F6B
"""Key of the session's advisory lock of the one who delivers: `webhook` in ASCII."""


class Webhook(Struct, frozen=True, kw_only=True):
    """One webhook as the record has it; `filter` is JSON-able, `scope` its code.

    `home` is the region in which its enterprise lies.

    `attempts` have failed since the last delivery, the first of them at `failing_since`; the next
    is made at `next_at`.
    """

    id: int
    name: str
    url: str
    secret: str
    filter: dict[str, Any]
    scope: str
    region: str | None
    enterprise: str | None
    home: str | None
    created_by: str
    created_at: datetime
    epoch: str
    log_offset: int
    state: str
    why: str | None
    attempts: int
    failing_since: datetime | None
    next_at: datetime | None
    delivered_at: datetime | None
    dead: int

    @property
    def covers(self) -> Scope:
        """Return what it may see."""
        return Scope(
            code=self.scope, region=self.region, enterprise=self.enterprise, home=self.home
        )


class Dead(Struct, frozen=True, kw_only=True):
    """An event that an address would not take: which, when, and what it answered."""

    log_offset: int
    at: datetime
    status: int | None
    error: str
    is_wanted: bool


_SELECT: Final = """
    select id, name, url, secret, filter, scope, region, enterprise,
           (select e.region from enterprise e where e.code = webhook.enterprise) as home,
           created_by, created_at, epoch, log_offset, state, why, attempts, failing_since,
           next_at, delivered_at,
           (select count(*) from webhook_dead where webhook_id = webhook.id) as dead
      from webhook
"""


async def claim(conn: AsyncConnection) -> bool:
    """Try to become the one who delivers for as long as this session lives."""
    return await connection.claim(conn, _LOCK)


async def create(
    conn: AsyncConnection,
    *,
    name: str,
    url: str,
    secret: str,
    wanted: dict[str, Any],
    scope: Scope,
    actor: str,
    now: datetime,
) -> Webhook:
    """Make a webhook that begins with the next event; raise ConflictError for a name in use."""
    try:
        async with conn.cursor() as cursor:
            await cursor.execute(
                """
                insert into webhook (name, url, secret, filter, scope, region, enterprise,
                                     created_by, created_at, epoch, log_offset)
                select %s, %s, %s, %s, %s, %s, %s, %s, %s, epoch, log_offset from journal_head
                returning id
                """,
                (
                    *(name, url, secret, Jsonb(wanted), scope.code, scope.region),
                    *(scope.enterprise, actor, now),
                ),
            )
            row = await cursor.fetchone()
    except UniqueViolation as error:
        raise ConflictError(f"there is a webhook {name} already; choose another name") from error
    assert row is not None  # noqa: S101  # inserted
    (made,) = await listed(conn, Scope(code="all"), webhook=int(row[0]))
    return made


async def listed(
    conn: AsyncConnection, scope: Scope, *, webhook: int | None = None
) -> list[Webhook]:
    """Return the webhooks of a scope, or one of them, in the order in which they were made."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="region", enterprise="enterprise")
    if webhook is not None:
        conditions.add("id = %s", webhook)
    async with conn.cursor(row_factory=class_row(Webhook)) as cursor:
        await cursor.execute(
            sql.SQL(_SELECT) + sql.SQL(" where {} order by id").format(conditions.where()),
            conditions.values,
        )
        return await cursor.fetchall()


async def all_active(conn: AsyncConnection) -> list[Webhook]:
    """Return every webhook that is to be delivered to."""
    async with conn.cursor(row_factory=class_row(Webhook)) as cursor:
        await cursor.execute(f"{_SELECT} where state = 'active' order by id")
        return await cursor.fetchall()


async def delete(conn: AsyncConnection, webhook: int) -> None:
    """Delete a webhook and what it would not take."""
    await conn.execute("delete from webhook where id = %s", (webhook,))


async def pause(conn: AsyncConnection, webhook: int, *, why: str) -> None:
    """Deliver nothing until it is resumed; its cursor stays."""
    await conn.execute(
        "update webhook set state = 'paused', why = %s, next_at = null where id = %s",
        (why, webhook),
    )


async def resume(conn: AsyncConnection, webhook: int) -> None:
    """Go on where it stood, at once."""
    await conn.execute(
        """
        update webhook set state = 'active', why = null, attempts = 0, failing_since = null,
                           next_at = null
         where id = %s
        """,
        (webhook,),
    )


async def moved(
    conn: AsyncConnection, webhook: int, offset: int, *, epoch: str, delivered: datetime | None
) -> None:
    """Move the cursor; a delivery ends the failures before it."""
    await conn.execute(
        """
        update webhook
           set log_offset = %(offset)s, epoch = %(epoch)s, attempts = 0, failing_since = null,
               next_at = null, why = case when state = 'active' then null else why end,
               delivered_at = coalesce(%(delivered)s, delivered_at)
         where id = %(webhook)s
        """,
        {"offset": offset, "epoch": epoch, "delivered": delivered, "webhook": webhook},
    )


async def failed(
    conn: AsyncConnection, webhook: int, *, why: str, next_at: datetime, now: datetime
) -> None:
    """Count a failed attempt and note when the next one is made."""
    await conn.execute(
        """
        update webhook set attempts = attempts + 1, failing_since = coalesce(failing_since, %s),
                           why = %s, next_at = %s
         where id = %s
        """,
        (now, why, next_at, webhook),
    )


async def bury(
    conn: AsyncConnection,
    webhook: int,
    offset: int,
    *,
    status: int | None,
    error: str,
    now: datetime,
) -> None:
    """Put an event aside that an address will not take."""
    await conn.execute(
        """
        insert into webhook_dead (webhook_id, log_offset, at, status, error)
        values (%s, %s, %s, %s, %s)
        on conflict (webhook_id, log_offset) do update
           set at = excluded.at, status = excluded.status, error = excluded.error,
               is_wanted = false
        """,
        (webhook, offset, now, status, error),
    )


async def dead(
    conn: AsyncConnection, webhook: int, *, after: int = 0, limit: int = 1000, wanted: bool = False
) -> list[Dead]:
    """Return what was put aside after an offset, or only what is to be delivered again."""
    async with conn.cursor(row_factory=class_row(Dead)) as cursor:
        await cursor.execute(
            """
            select log_offset, at, status, error, is_wanted from webhook_dead
             where webhook_id = %s and log_offset > %s and (is_wanted or not %s)
             order by log_offset limit %s
            """,
            (webhook, after, wanted, limit),
        )
        return await cursor.fetchall()


async def want_again(conn: AsyncConnection, webhook: int, offsets: Sequence[int] | None) -> int:
    """Ask for events put aside to be delivered again, all for None; return how many there are."""
    cursor = await conn.execute(
        """
        update webhook_dead set is_wanted = true
         where webhook_id = %s and (%s::bigint[] is null or log_offset = any(%s))
        """,
        (webhook, offsets, offsets),
    )
    return cursor.rowcount


async def taken(conn: AsyncConnection, webhook: int, offset: int) -> None:
    """Forget an event put aside: it was delivered after all."""
    await conn.execute(
        "delete from webhook_dead where webhook_id = %s and log_offset = %s", (webhook, offset)
    )
