"""Alarms as lists: filtered, scoped, by page; and what else the record keeps for readers."""

from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from psycopg import AsyncConnection, sql

from alarms.alarm import Tier
from alarms.plant import prefix_of
from alarms.scope import Scope
from alarms.storage import fences, journal
from alarms.storage.journal import Head, JournalRow


class AlarmFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader asks for; None asks for everything. `region` matches by prefix."""

    states: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    tier_min: str | None = None
    kinds: tuple[str, ...] = ()
    region: str | None = None
    enterprise: str | None = None
    source: str | None = None
    point: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    open: bool | None = None


class AlarmRow(NamedTuple):
    """An alarm's place in a list and its document, JSON text with `t_pushed` null."""

    t_raised: datetime
    id: str
    document: str


class Reject(NamedTuple):
    """A part of a message that was refused, and why."""

    id: int
    received: datetime
    gateway: str
    enterprise: str | None
    region: str | None
    reason: str
    tag: str | None
    number: int
    first: Any
    payload: bytes | None


class Trail(NamedTuple):
    """Who did what to which object, from what to what."""

    id: int
    at: datetime
    actor: str
    action: str
    object: str
    before: Any
    after: Any


_CURRENT = "from alarm a join journal j on j.alarm_id = a.id and j.rev = a.rev"


def _conditions(wanted: AlarmFilter, scope: Scope) -> fences.Conditions:
    """Write a filter and a scope as conditions on table `alarm a`."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="a.region", enterprise="a.enterprise")
    if wanted.states:
        conditions.add("a.state = any(%s)", list(wanted.states))
    if wanted.tiers:
        conditions.add("a.tier = any(%s)", [Tier[tier].value for tier in wanted.tiers])
    if wanted.tier_min is not None:
        conditions.add("a.tier >= %s", Tier[wanted.tier_min].value)
    if wanted.kinds:
        conditions.add("a.kind = any(%s)", list(wanted.kinds))
    if wanted.region is not None:
        conditions.add("a.region ^@ %s", prefix_of(wanted.region))
    if wanted.enterprise is not None:
        conditions.add("a.enterprise = %s", wanted.enterprise)
    if wanted.source is not None:
        conditions.add("a.source = %s", wanted.source)
    if wanted.point is not None:
        conditions.add("a.point = %s", wanted.point)
    if wanted.start is not None:
        conditions.add("a.t_raised >= %s", wanted.start)
    if wanted.end is not None:
        conditions.add("a.t_raised < %s", wanted.end)
    if wanted.open is not None:
        conditions.add("a.t_closed is null" if wanted.open else "a.t_closed is not null")
    return conditions


async def alarms(
    conn: AsyncConnection,
    wanted: AlarmFilter,
    scope: Scope,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[AlarmRow]:
    """Return a page of alarms, the newest raised first, after a place in that order."""
    conditions = _conditions(wanted, scope)
    if after is not None:
        conditions.add("(a.t_raised, a.id) < (%s, %s)", *after)
    query = sql.SQL(
        "select a.t_raised, a.id, j.data {} where {} order by a.t_raised desc, a.id desc limit %s"
    ).format(sql.SQL(_CURRENT), conditions.where())
    cursor = await conn.execute(query, (*conditions.values, limit))
    return [AlarmRow(*row) for row in await cursor.fetchall()]


async def alarm(conn: AsyncConnection, alarm_id: str, scope: Scope) -> AlarmRow | None:
    """Return one alarm within a scope, or None."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="a.region", enterprise="a.enterprise")
    conditions.add("a.id = %s", alarm_id)
    query = sql.SQL("select a.t_raised, a.id, j.data {} where {}").format(
        sql.SQL(_CURRENT), conditions.where()
    )
    row = await (await conn.execute(query, conditions.values)).fetchone()
    return None if row is None else AlarmRow(*row)


async def snapshot(conn: AsyncConnection, wanted: AlarmFilter, scope: Scope) -> list[JournalRow]:
    """Return the newest journal row of every open alarm, red first, then the newest raised.

    Open warnings follow in the same way. In one repeatable-read transaction with `journal.head` it
    says how things stood at that offset.
    """
    conditions = _conditions(wanted, scope)
    conditions.add("a.t_closed is null")
    columns = sql.SQL(", ").join(
        sql.Identifier("j", "data" if field == "document" else field)
        for field in JournalRow._fields
    )
    query = sql.SQL(
        "select {} {} where {} order by a.tier desc, a.t_raised desc, a.id desc"
    ).format(columns, sql.SQL(_CURRENT), conditions.where())
    cursor = await conn.execute(query, conditions.values)
    found = [JournalRow(*row) for row in await cursor.fetchall()]
    return found + await _open_warnings(conn, columns, scope)


async def _open_warnings(
    conn: AsyncConnection, columns: sql.Composable, scope: Scope
) -> list[JournalRow]:
    conditions = fences.Conditions()
    fences.heard(conditions, scope)
    conditions.add("w.t_lifted is null")
    query = sql.SQL(
        """
        select {} from warning w join journal j on j.alarm_id = w.id and j.rev = w.rev
         where {} order by w.level desc, w.t_proposed desc, w.id desc
        """
    ).format(columns, conditions.where())
    cursor = await conn.execute(query, conditions.values)
    return [JournalRow(*row) for row in await cursor.fetchall()]


async def standing(
    conn: AsyncConnection, wanted: AlarmFilter, scope: Scope
) -> tuple[Head, list[JournalRow]]:
    """Return where the journal stands and every open alarm and warning at that very offset.

    Must be the first call of its transaction, which it makes repeatable-read.
    """
    await conn.execute("set transaction isolation level repeatable read")
    return await journal.head(conn), await snapshot(conn, wanted, scope)


async def listen(conn: AsyncConnection) -> None:
    """Let this connection be woken by new journal rows."""
    await conn.execute(sql.SQL("listen {}").format(sql.Identifier(journal.CHANNEL)))


async def open_by_tier(conn: AsyncConnection) -> dict[str, int]:
    """Return how many alarms are open in each tier, the whole plant over."""
    cursor = await conn.execute(
        "select tier, count(*) from alarm where t_closed is null group by tier"
    )
    counts = {Tier(tier).name: count for tier, count in await cursor.fetchall()}
    return {tier.name: counts.get(tier.name, 0) for tier in Tier if tier is not Tier.none}


async def rejects(
    conn: AsyncConnection,
    scope: Scope,
    *,
    gateway: str | None,
    reason: str | None,
    start: datetime | None,
    end: datetime | None,
    before: int | None,
    limit: int,
) -> list[Reject]:
    """Return what was refused, newest first; what no enterprise owns is seen with scope all."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="region", enterprise="enterprise")
    for condition, value in (
        ("gateway = %s", gateway),
        ("reason = %s", reason),
        ("received >= %s", start),
        ("received < %s", end),
        ("id < %s", before),
    ):
        if value is not None:
            conditions.add(condition, value)
    query = sql.SQL(
        """
        select id, received, gateway, enterprise, region, reason, tag, count, first, payload
          from reject where {} order by id desc limit %s
        """
    ).format(conditions.where())
    cursor = await conn.execute(query, (*conditions.values, limit))
    return [Reject(*row) for row in await cursor.fetchall()]


async def trail(conn: AsyncConnection, *, before: int | None, limit: int) -> list[Trail]:
    """Return the audit trail, newest first."""
    cursor = await conn.execute(
        """
        select id, at, actor, action, object, before, after from audit_trail
         where %(before)s::bigint is null or id < %(before)s order by id desc limit %(limit)s
        """,
        {"before": before, "limit": limit},
    )
    return [Trail(*row) for row in await cursor.fetchall()]


async def record_trail(
    conn: AsyncConnection,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    after: object,
    before: object = None,
) -> None:
    """Write down who did what to which object, from what to what."""
    await conn.execute(
        """
        insert into audit_trail (at, actor, action, object, before, after)
        values (%s, %s, %s, %s, %s, %s)
        """,
        (at, actor, action, subject, _written(before), _written(after)),
    )


def _written(document: object) -> str | None:
    return None if document is None else msgspec.json.encode(document).decode()


async def schema_version(conn: AsyncConnection) -> str | None:
    """Return the newest migration this database has, or None when it has none."""
    known = await (
        await conn.execute("select to_regclass('_yoyo_migration') is not null")
    ).fetchone()
    if known is None or not known[0]:
        return None
    row = await (await conn.execute("select max(migration_id) from _yoyo_migration")).fetchone()
    return None if row is None else row[0]
