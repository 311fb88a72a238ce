"""What waits for a second person: shelving red, and lifting it (contracts.md section 5)."""

from datetime import datetime, timedelta
from typing import Final

from psycopg import AsyncConnection

WAITS: Final = timedelta(minutes=10)


async def agreed(
    conn: AsyncConnection,
    alarm_id: str,
    action: str,
    *,
    actor: str,
    until: datetime | None,
    note: str,
    now: datetime,
) -> datetime | None:
    """Return None when another person asked for the same within ten minutes; that request is gone.

    Else keep this request and return when it lapses. The same person asking again changes nothing
    but the clock. Call it after `journal.lock`, which orders all who act.
    """
    found = await conn.execute(
        """
        delete from pending_action
         where alarm_id = %s and action = %s and actor <> %s and asked_at > %s
        """,
        (alarm_id, action, actor, now - WAITS),
    )
    if found.rowcount:
        return None
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
