"""The audit trail whole: people's deeds to alarms written into it, and a span of it read out."""

from datetime import datetime

from psycopg import AsyncConnection

from alarms import instants
from alarms.alarm import Alarm
from alarms.deeds import Action
from alarms.storage import queries
from alarms.storage.queries import Trail

_KEPT = ("acks", "shelf", "suppression", "outage", "latched", "closeout", "t_closed")
"""What people change of an alarm; the rest is the plant's."""


async def of_alarm(
    conn: AsyncConnection, before: Alarm, after: Alarm | None, action: Action, *, now: int
) -> None:
    """Write down what somebody did to an alarm, from what to what; nothing where nothing moved."""
    if after is None or after.rev == before.rev:
        return
    moved = ["rev", *(name for name in _KEPT if getattr(before, name) != getattr(after, name))]
    await queries.record_trail(
        conn,
        at=instants.to_datetime(now),
        actor=action.actor,
        action=f"alarm.{action.kind}",
        subject=f"alarm:{before.id}",
        before={name: getattr(before, name) for name in moved},
        after={name: getattr(after, name) for name in moved} | {"note": action.note},
    )


async def span(
    conn: AsyncConnection,
    *,
    start: datetime | None,
    end: datetime | None,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[Trail]:
    """Return rows of [start, end), oldest first, those behind the place `after` (time and id)."""
    cursor = await conn.execute(
        """
        select id, at, actor, action, object, before, after from audit_trail
         where at >= coalesce(%(start)s, '-infinity'::timestamptz)
           and at < coalesce(%(end)s, 'infinity'::timestamptz)
           and (at, id) > (coalesce(%(at)s, '-infinity'::timestamptz), %(id)s::bigint)
         order by at, id limit %(limit)s
        """,
        {
            "start": start,
            "end": end,
            "at": None if after is None else after[0],
            "id": 0 if after is None else after[1],
            "limit": limit,
        },
    )
    return [Trail(*row) for row in await cursor.fetchall()]
