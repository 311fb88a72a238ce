"""Towers below: who they are, how far each was taken, and what is asked of them."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from alarms.errors import NotAllowedError
from alarms.scope import Scope
from alarms.storage import fences, journal
from alarms.towers import Tower

LAPSES: Final = timedelta(days=30)
"""What was asked of a tower that stays away for so long is asked no more."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A tower below: how far its journal was taken, where its head was, when it was heard last."""

    tower: str
    name: str
    token: str | None
    epoch: str
    log_offset: int
    head: int
    heard_at: datetime
    taken: int
    refused: int
    waiting: int
    open: int


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody here asks of an alarm or a warning that lives below."""

    number: int
    kind: str
    subject: str
    action: str
    rev: int
    note: str
    actor: str
    level: str | None
    asked_at: datetime
    done_at: datetime | None
    status: int | None
    error: str | None


class Whence(NamedTuple):
    """Where an alarm or warning lives, by which tower it came, and its revision here."""

    origin: str
    name: str
    via: str
    rev: int
    simulated: bool


async def hello(
    conn: AsyncConnection,
    tower: Tower,
    *,
    token: str,
    epoch: str,
    head: int,
    now: datetime,
) -> tuple[str, int] | None:
    """Let a tower in, and return the place up to which its journal was taken, None for a new one.

    NotAllowedError where another token speaks for it.
    """
    row = await (
        await conn.execute(
            "select token, epoch, log_offset from relay_origin where tower = %s for update",
            (tower.id,),
        )
    ).fetchone()
    if row is None:
        await conn.execute(
            """
            insert into relay_origin (tower, name, token, epoch, log_offset, head, heard_at)
            values (%s, %s, %s, %s, -1, %s, %s)
            """,
            (tower.id, tower.name, token, epoch, head, now),
        )
        return None
    if row[0] is not None and row[0] != token:
        raise NotAllowedError(
            f"tower {tower.name or tower.id} comes with the token {row[0]} here; let an "
            "administrator forget that one before another speaks for it"
        )
    await conn.execute(
        "update relay_origin set name = %s, token = %s, head = %s, heard_at = %s where tower = %s",
        (tower.name, token, head, now, tower.id),
    )
    return None if row[2] < 0 else (row[1], int(row[2]))


async def heard(
    conn: AsyncConnection, tower: str, *, epoch: str, offset: int, head: int, now: datetime
) -> None:
    """Note that all up to an offset has been sent, and that the tower lives."""
    await conn.execute(
        """
        update relay_origin set epoch = %s, log_offset = %s, head = %s, heard_at = %s
         where tower = %s
        """,
        (epoch, offset, head, now, tower),
    )


async def whence(conn: AsyncConnection, kind: str, subject: str, scope: Scope) -> Whence | None:
    """Return where an alarm or warning within a scope lives; None for this tower's own."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="a.region", enterprise="a.enterprise")
    conditions.add("a.id = %s", subject)
    query = sql.SQL(
        """
        select a.origin, coalesce(j.data::jsonb #>> '{{origin,name}}', ''), a.via, a.rev,
               a.simulated
          from {} a join journal j on j.alarm_id = a.id and j.rev = a.rev
         where a.origin is not null and {}
        """
    ).format(sql.Identifier(kind), conditions.where())
    row = await (await conn.execute(query, conditions.values)).fetchone()
    return None if row is None else Whence(*row)


async def ask(
    conn: AsyncConnection,
    whence: Whence,
    *,
    kind: str,
    subject: str,
    action: str,
    rev: int | None,
    note: str,
    actor: str,
    level: str | None,
    now: datetime,
) -> datetime:
    """Ask the tower below to do something; return when that lapses.

    The journal's head is locked, so that numbers are seen in their order.
    """
    await journal.lock(conn)
    await conn.execute(
        """
        insert into relay_command (tower, kind, subject, action, rev, note, actor, level, asked_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            *(whence.via, kind, subject, action, whence.rev if rev is None else rev),
            *(note, actor, level, now),
        ),
    )
    return now + LAPSES


_COMMAND: Final = """
    select number, kind, subject, action, rev, note, actor, level, asked_at, done_at, status, error
      from relay_command
"""


async def waiting(conn: AsyncConnection, tower: str, *, after: int, now: datetime) -> list[Command]:
    """Return what that tower is still to do, after a number, in order."""
    async with conn.cursor(row_factory=class_row(Command)) as cursor:
        await cursor.execute(
            f"{_COMMAND} where tower = %s and done_at is null and number > %s and asked_at > %s"
            " order by number limit 100",
            (tower, after, now - LAPSES),
        )
        return await cursor.fetchall()


async def done(
    conn: AsyncConnection, tower: str, number: int, *, status: int, error: str | None, now: datetime
) -> None:
    """Note what came of a command."""
    await conn.execute(
        """
        update relay_command set done_at = %s, status = %s, error = %s
         where tower = %s and number = %s and done_at is null
        """,
        (now, status, error, tower, number),
    )


async def commands(
    conn: AsyncConnection, tower: str, *, before: int | None, limit: int
) -> list[Command]:
    """Return what was asked of a tower, the newest first."""
    async with conn.cursor(row_factory=class_row(Command)) as cursor:
        await cursor.execute(
            f"{_COMMAND} where tower = %(tower)s and (%(before)s::bigint is null "
            "or number < %(before)s) order by number desc limit %(limit)s",
            {"tower": tower, "before": before, "limit": limit},
        )
        return await cursor.fetchall()


async def listed(conn: AsyncConnection) -> list[Origin]:
    """Return the towers that report here, by name."""
    async with conn.cursor(row_factory=class_row(Origin)) as cursor:
        await cursor.execute(
            """
            select tower, name, token, epoch, log_offset, head, heard_at, taken,
                   (select count(*) from relay_origin_refusal r
                     where r.tower = o.tower) as refused,
                   (select count(*) from relay_command c
                     where c.tower = o.tower and done_at is null) as waiting,
                   (select count(*) from alarm where via = o.tower and t_closed is null) as open
              from relay_origin o order by name, tower
            """
        )
        return await cursor.fetchall()


async def forget_token(conn: AsyncConnection, tower: str) -> bool:
    """Let another token speak for a tower; False where there is no such tower."""
    cursor = await conn.execute("update relay_origin set token = null where tower = %s", (tower,))
    return cursor.rowcount == 1
