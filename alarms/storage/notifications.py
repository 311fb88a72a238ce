"""Notifications: what waits to be sent, what became of it, and the lists of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row, dict_row

from alarms.alarm import Tier
from alarms.notices import Words
from alarms.scope import Scope
from alarms.storage import channels, connection, fences, notification_plans

STATES: Final = ("queued", "sent", "joined", "failed", "nobody", "stale")
MOST_JOINED: Final = 200
"""Notices that one message tells at most."""
_LOCK: Final = 0x6E6F_7469_6679
"""Key of the session's advisory lock of the one who sends: `notify` in ASCII."""


class Waiting(Struct, frozen=True, kw_only=True):
    """A notification that is to be sent."""

    id: int
    log_offset: int
    alarm_id: str
    rev: int
    moment: str
    tier: int
    simulated: bool
    target: str
    person: str | None
    address: str
    words: Any
    attempts: int
    until: datetime

    @property
    def spoken(self) -> Words:
        """Return what it says."""
        return msgspec.convert(self.words, Words)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which notifications to list; None and empty want everything."""

    alarm: str | None = None
    states: tuple[str, ...] = ()
    region: str | None = None
    enterprise: str | None = None


class Reach(NamedTuple):
    """What there is to tell people by, who has no address, and how often it failed."""

    channels: int
    rosters: int
    without_address: list[str]
    failed: int
    nobody: int


async def claim(conn: AsyncConnection) -> bool:
    """Try to become the one who tells people for as long as this session lives."""
    return await connection.claim(conn, _LOCK)


async def channels_due(conn: AsyncConnection, now: datetime) -> list[str]:
    """Return the names of channels that something is to be sent by now."""
    cursor = await conn.execute(
        "select distinct channel from notification where state = 'queued' and due_at <= %s", (now,)
    )
    return [name for (name,) in await cursor.fetchall()]


async def end_stale(conn: AsyncConnection, now: datetime) -> None:
    """Set aside what waited for long and whose alarm or warning is over meanwhile."""
    await conn.execute(
        """
        update notification n set state = 'stale', ended_at = %(now)s
         where state = 'queued' and planned_at < %(before)s and moment not in ('returned', 'lifted')
           and (exists (select from alarm a where a.id = n.alarm_id and a.t_closed is not null)
                or exists (select from warning w where w.id = n.alarm_id
                                                   and w.t_lifted is not null))
        """,
        {"now": now, "before": now - notification_plans.STALE},
    )


async def next_message(
    conn: AsyncConnection, channel: str, kind: str, now: datetime
) -> list[Waiting]:
    """Return what the next message by a channel tells, the gravest first; nothing is no message.

    All that waits for the address of the one due first goes along, of whatever source: a desk is
    told once. A chat has one address, whoever is named there. Exercises keep to themselves.
    """
    async with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        await cursor.execute(
            """
            with first as (
                select address, simulated from notification
                 where state = 'queued' and channel = %(channel)s and due_at <= %(now)s
                 order by tier desc, due_at, id limit 1
            )
            select n.id, log_offset, alarm_id, rev, moment, tier, n.simulated, target, person,
                   n.address, words, attempts, until
              from notification n
              join first on n.simulated = first.simulated
                        and (%(is_chat)s or n.address = first.address)
             where state = 'queued' and channel = %(channel)s
             order by tier desc, n.id limit %(limit)s
            """,
            {
                "channel": channel,
                "now": now,
                "is_chat": kind in channels.CHATS,
                "limit": MOST_JOINED,
            },
        )
        return await cursor.fetchall()


async def sent(
    conn: AsyncConnection, told: Sequence[Waiting], *, answer: str, now: datetime
) -> None:
    """Write down that one message told all of these; the first stands for it."""
    await conn.execute(
        """
        update notification
           set state = case when id = %(first)s then 'sent' else 'joined' end,
               joined_to = case when id = %(first)s then null else %(first)s end,
               attempts = attempts + 1, answer = %(answer)s, ended_at = %(now)s
         where id = any(%(ids)s)
        """,
        {"first": told[0].id, "ids": [each.id for each in told], "answer": answer, "now": now},
    )


async def missed(
    conn: AsyncConnection,
    untold: Sequence[Waiting],
    *,
    why: str,
    again_s: float | None,
    now: datetime,
    micros: int,
) -> None:
    """Count a failed attempt: try again after `again_s`, or give up and, of red, tell the next up.

    `again_s` None: the same message would be refused again. `micros` is `now` in Micros.
    """
    again = None if again_s is None else now + timedelta(seconds=again_s)
    ids = [each.id for each in untold]
    cursor = await conn.execute(
        """
        update notification
           set attempts = attempts + 1, answer = %(why)s, due_at = coalesce(%(again)s, due_at),
               state = case when %(again)s::timestamptz is null or %(again)s > until
                            then 'failed' else 'queued' end,
               ended_at = case when %(again)s::timestamptz is null or %(again)s > until
                               then %(now)s::timestamptz end
         where id = any(%(ids)s)
         returning id, state
        """,
        {"why": why, "again": again, "now": now, "ids": ids},
    )
    failed = {number for number, state in await cursor.fetchall() if state == "failed"}
    for each in untold:
        if each.id in failed and each.tier == Tier.red:
            await notification_plans.pass_on(
                conn, each.log_offset, each.target, each.person, now=micros
            )


async def listed(
    conn: AsyncConnection, wanted: Wanted, scope: Scope, *, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return notifications within a scope, the newest first."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="region", enterprise="enterprise")
    if wanted.alarm is not None:
        conditions.add("alarm_id = %s", wanted.alarm)
    if wanted.states:
        conditions.add("state = any(%s)", [*wanted.states])
    if wanted.region is not None:
        conditions.add("region ^@ %s", wanted.region)
    if wanted.enterprise is not None:
        conditions.add("enterprise = %s", wanted.enterprise)
    if before is not None:
        conditions.add("id < %s", before)
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            sql.SQL(
                """
                select id, log_offset, alarm_id, rev, kind, moment, tier, region, enterprise,
                       source, simulated, target, person, channel, address, note, words, state,
                       joined_to, attempts, answer, planned_at, due_at, ended_at
                  from notification where {} order by id desc limit %s
                """
            ).format(conditions.where()),
            (*conditions.values, limit),
        )
        return await cursor.fetchall()


async def reachable(conn: AsyncConnection, since: datetime) -> Reach:
    """Return whether people can be told, and how that went since a moment."""
    cursor = await conn.execute(
        """
        select (select count(*) from channel), (select count(*) from roster),
               array(select distinct place || ' ' || (person ->> 'name')
                       from roster, jsonb_array_elements(content -> 'persons') person
                      where jsonb_array_length(person -> 'addresses') = 0 order by 1 limit 10)
        """
    )
    row = await cursor.fetchone()
    assert row is not None  # noqa: S101  # a select without from has one row
    states = await counted(conn, since)
    return Reach(row[0], row[1], row[2], states["failed"], states["nobody"])


async def counted(conn: AsyncConnection, since: datetime) -> dict[str, int]:
    """Return how many planned since a moment are in each state; what waits counts always."""
    cursor = await conn.execute(
        """
        select state, count(*) from notification
         where planned_at >= %s or state = 'queued' group by state
        """,
        (since,),
    )
    return dict.fromkeys(STATES, 0) | dict(await cursor.fetchall())
