"""Relays to towers above: where to, what of the push log, how far, and what was not taken."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct
from psycopg import AsyncConnection, sql
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from alarms.errors import ConflictError
from alarms.scope import Scope
from alarms.storage import connection, fences
from alarms.towers import Tower

_LOCK: Final = 0x72656C61_79
"""Key of the session's advisory lock of the one who relays: `relay` in ASCII."""


class Relay(Struct, frozen=True, kw_only=True):
    """One relay as the record has it; `waiting_since`: when the oldest row not sent was committed.

    `region` None is everything but the system's own. `level` is what the tower above acts for;
    `resend` asks for all that is open to be sent once more.
    """

    id: int
    name: str
    url: str
    token: str
    region: str | None
    tier_min: str | None
    escalated_only: bool
    level: str
    created_by: str
    created_at: datetime
    state: str
    why: str | None
    epoch: str
    log_offset: int
    heard_at: datetime | None
    upper_id: str | None
    upper_name: str | None
    resend: bool
    refused: int
    behind: int
    waiting_since: datetime | None


class Wanted(NamedTuple):
    """What a new relay is to be."""

    name: str
    url: str
    token: str
    region: str | None
    tier_min: str | None
    escalated_only: bool
    level: str


class Refused(NamedTuple):
    """An event that the tower above would not take, and why."""

    log_offset: int
    at: datetime
    alarm_id: str
    rev: int
    code: str
    error: str


_SELECT: Final = """
    select r.id, r.name, r.url, r.token, r.region, r.tier_min, r.escalated_only, r.level,
           r.created_by, r.created_at, r.state, r.why, r.epoch, r.log_offset, r.heard_at,
           r.upper_id, r.upper_name, r.resend,
           (select count(*) from relay_refusal where relay_id = r.id) as refused,
           greatest(h.log_offset - r.log_offset, 0) as behind,
           (select t_committed from journal where log_offset > r.log_offset
             order by log_offset limit 1) as waiting_since
      from relay r cross join journal_head h
"""


async def claim(conn: AsyncConnection) -> bool:
    """Try to become the one who relays for as long as this session lives."""
    return await connection.claim(conn, _LOCK)


async def create(conn: AsyncConnection, wanted: Wanted, *, actor: str, now: datetime) -> Relay:
    """Make a relay that begins here: what is open now and all that comes.

    Raises ConflictError for a name in use.
    """
    try:
        cursor = await conn.execute(
            """
            insert into relay (name, url, token, region, tier_min, escalated_only, level,
                               created_by, created_at, epoch, log_offset)
            select %s, %s, %s, %s, %s, %s, %s, %s, %s, epoch, log_offset from journal_head
            returning id
            """,
            (*wanted, actor, now),
        )
        row = await cursor.fetchone()
    except UniqueViolation as error:
        raise ConflictError(
            f"there is a relay {wanted.name} already; choose another name"
        ) from error
    assert row is not None  # noqa: S101  # inserted
    (made,) = await listed(conn, Scope(code="all"), relay=int(row[0]))
    return made


async def listed(conn: AsyncConnection, scope: Scope, *, relay: int | None = None) -> list[Relay]:
    """Return the relays of a scope, or one of them, in the order in which they were made."""
    conditions = fences.Conditions()
    if scope.enterprise is not None:
        conditions.add("false")
    fences.within(conditions, scope, region="r.region", enterprise="r.region")
    if relay is not None:
        conditions.add("r.id = %s", relay)
    async with conn.cursor(row_factory=class_row(Relay)) as cursor:
        await cursor.execute(
            sql.SQL(_SELECT) + sql.SQL(" where {} order by r.id").format(conditions.where()),
            conditions.values,
        )
        return await cursor.fetchall()


async def delete(conn: AsyncConnection, relay: int) -> None:
    """Delete a relay and what was not taken."""
    await conn.execute("delete from relay where id = %s", (relay,))


async def pause(conn: AsyncConnection, relay: int, *, why: str) -> None:
    """Send nothing until it is resumed; it stays where it is."""
    await conn.execute("update relay set state = 'paused', why = %s where id = %s", (why, relay))


async def resume(conn: AsyncConnection, relay: int) -> None:
    """Go on where it stood."""
    await conn.execute("update relay set state = 'active', why = null where id = %s", (relay,))


async def resend(conn: AsyncConnection, relay: int) -> None:
    """Ask for all that is open to be sent once more."""
    await conn.execute("update relay set resend = true where id = %s", (relay,))


async def met(conn: AsyncConnection, relay: int, upper: Tower, *, now: datetime) -> None:
    """Note which tower stands at the other end; ConflictError where another relay leads there.

    The tower above keeps one place for each tower below.
    """
    try:
        await conn.execute(
            """
            update relay set upper_id = %s, upper_name = %s, heard_at = %s, why = null
             where id = %s
            """,
            (upper.id, upper.name, now, relay),
        )
    except UniqueViolation as error:
        raise ConflictError(
            f"another relay leads to {upper.name or upper.id} already; delete one of them"
        ) from error


async def moved(
    conn: AsyncConnection, relay: int, offset: int, *, epoch: str, resent: bool, now: datetime
) -> None:
    """Move on: the tower above has all that is for it up to an offset.

    `resent`: all that was open before included.
    """
    await conn.execute(
        """
        update relay set epoch = %s, log_offset = %s, heard_at = %s, resend = resend and not %s
         where id = %s
        """,
        (epoch, offset, now, resent, relay),
    )


async def failed(conn: AsyncConnection, relay: int, *, why: str) -> None:
    """Note why the tower above is not reached; a pause keeps its own reason."""
    await conn.execute("update relay set why = %s where id = %s and state = 'active'", (why, relay))


async def refuse(conn: AsyncConnection, relay: int, refused: Refused) -> None:
    """Keep what was not taken, by name."""
    await conn.execute(
        """
        insert into relay_refusal (relay_id, log_offset, at, alarm_id, rev, code, error)
        values (%s, %s, %s, %s, %s, %s, %s)
        on conflict (relay_id, log_offset) do update
           set at = excluded.at, code = excluded.code, error = excluded.error
        """,
        (relay, *refused),
    )


async def accepted(conn: AsyncConnection, relay: int, subjects: Sequence[str]) -> None:
    """Forget refusals of what has been taken since: each event tells the whole state."""
    await conn.execute(
        "delete from relay_refusal where relay_id = %s and alarm_id = any(%s)",
        (relay, list(subjects)),
    )


async def refusals(conn: AsyncConnection, relay: int, *, after: int, limit: int) -> list[Refused]:
    """Return what was not taken, after an offset, oldest first."""
    cursor = await conn.execute(
        """
        select log_offset, at, alarm_id, rev, code, error from relay_refusal
         where relay_id = %s and log_offset > %s order by log_offset limit %s
        """,
        (relay, after, limit),
    )
    return [Refused(*row) for row in await cursor.fetchall()]


async def last_refusal(conn: AsyncConnection, relay: int) -> int:
    """Return the offset of the newest event that was not taken, 0 for none."""
    row = await (
        await conn.execute(
            "select coalesce(max(log_offset), 0) from relay_refusal where relay_id = %s", (relay,)
        )
    ).fetchone()
    return 0 if row is None else int(row[0])


async def escalated(conn: AsyncConnection, subjects: Sequence[str]) -> dict[str, int]:
    """Return the offset at which each of these alarms was first escalated, if it was."""
    cursor = await conn.execute(
        """
        select alarm_id, min(log_offset) from journal
         where alarm_id = any(%s) and type = 'escalated' group by alarm_id
        """,
        (list(subjects),),
    )
    return {alarm: int(offset) for alarm, offset in await cursor.fetchall()}


async def begin_command(conn: AsyncConnection, relay: int, *, epoch: str, number: int) -> bool:
    """Note that a command is being carried out; False where it was already. Commits with it."""
    cursor = await conn.execute(
        """
        update relay set command_epoch = %(epoch)s, command_number = %(number)s
         where id = %(relay)s
           and (command_epoch is distinct from %(epoch)s or command_number < %(number)s)
        """,
        {"relay": relay, "epoch": epoch, "number": number},
    )
    return cursor.rowcount == 1
