"""What waits for a second person: hiding red, and lifting its shelf (contracts.md section 5)."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from psycopg import AsyncConnection

from alarms.alarm import Tier

WAITS: Final = timedelta(minutes=10)


class Request(NamedTuple):
    """What one person asked for, and when it lapses unless another asks for the same."""

    action: str
    asked_by: str
    expires_at: datetime


async def agreed(
    conn: AsyncConnection,
    alarm_id: str,
    action: str,
    *,
    actor: str,
    until: datetime | None,
    note: str,
    now: datetime,
) -> str | datetime:
    """Return who asked for the same before, another person, ten minutes ago at most.

    Else keep this request and return when it lapses. The same person asking again changes nothing
    but the clock. Call it after `journal.lock`, which orders all who act.
    """
    cursor = await conn.execute(
        """
        delete from pending_action
         where alarm_id = %s and action = %s and actor <> %s and asked_at > %s
        returning actor
        """,
        (alarm_id, action, actor, now - WAITS),
    )
    found = await cursor.fetchone()
    if found is not None:
        return str(found[0])
    await conn.execute(
        """
        insert into pending_action (alarm_id, action, actor, until, note, asked_at)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (alarm_id, action) do update
           set actor = excluded.actor, until = excluded.until, note = excluded.note,
               asked_at = excluded.asked_at
        """,
        (alarm_id, action, actor, until, note, now),
    )
    return now + WAITS


async def of_alarm(conn: AsyncConnection, alarm_id: str, *, now: datetime) -> Request | None:
    """Return the request on an alarm that a second person can still make good, or None.

    A request that the alarm has outgrown counts no more: closed, no longer red, hidden already.
    """
    cursor = await conn.execute(
        """
        select p.action, p.actor, p.asked_at
          from pending_action p join alarm a on a.id = p.alarm_id
         where a.id = %s and a.t_closed is null and a.tier = %s
           and p.asked_at > %s
           and case p.action when 'shelve' then a.record ->> 'shelf' is null
                             when 'unshelve' then a.record ->> 'shelf' is not null
                             when 'suppress' then a.record ->> 'suppression' is null
                             else a.record ->> 'outage' is null end
         order by p.asked_at desc limit 1
        """,
        (alarm_id, Tier.red.value, now - WAITS),
    )
    row = await cursor.fetchone()
    return None if row is None else Request(row[0], row[1], row[2] + WAITS)
