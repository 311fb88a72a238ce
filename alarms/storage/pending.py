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
