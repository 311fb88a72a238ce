"""Warnings as lists for readers: filtered, scoped, by page."""

from datetime import datetime

import msgspec
from psycopg import AsyncConnection, sql

from alarms import scope as scopes
from alarms.alarm import Tier
from alarms.scope import Scope
from alarms.storage import fences, journal
from alarms.storage.queries import AlarmRow
from alarms.warning import Change


class WarningFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader asks for; None and empty ask for everything.

    `region` matches by prefix, and what is issued over an area around it.
    """

    stages: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    region: str | None = None
    enterprise: str | None = None
    source: str | None = None
    alarm: str | None = None
    open: bool | None = None


_CURRENT = "from warning w join journal j on j.alarm_id = w.id and j.rev = w.rev"


async def warnings(
    conn: AsyncConnection,
    wanted: WarningFilter,
    scope: Scope,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[AlarmRow]:
    """Return a page of warnings, the newest proposed first, after a place in that order."""
    conditions = fences.Conditions()
    fences.heard(conditions, scope)
    if wanted.stages:
        conditions.add("w.stage = any(%s)", list(wanted.stages))
    if wanted.levels:
        conditions.add("w.level = any(%s)", [Tier[level].value for level in wanted.levels])
    if wanted.region:
        fences.heard(conditions, scopes.of_region(wanted.region))
    if wanted.enterprise is not None:
        conditions.add("w.enterprise = %s", wanted.enterprise)
    if wanted.source is not None:
        conditions.add("w.source = %s", wanted.source)
    if wanted.alarm is not None:
        conditions.add("w.record -> 'alarms' @> to_jsonb(%s::text)", wanted.alarm)
    if wanted.open is not None:
        conditions.add("w.t_lifted is null" if wanted.open else "w.t_lifted is not null")
    if after is not None:
        conditions.add("(w.t_proposed, w.id) < (%s, %s)", *after)
    query = sql.SQL(
        "select w.t_proposed, w.id, j.data {} where {} "
        "order by w.t_proposed desc, w.id desc limit %s"
    ).format(sql.SQL(_CURRENT), conditions.where())
    cursor = await conn.execute(query, (*conditions.values, limit))
    return [AlarmRow(*row) for row in await cursor.fetchall()]


async def warning(conn: AsyncConnection, warning_id: str, scope: Scope) -> str | None:
    """Return one warning's document within a scope, or None."""
    conditions = fences.Conditions()
    fences.heard(conditions, scope)
    conditions.add("w.id = %s", warning_id)
    query = sql.SQL("select j.data {} where {}").format(sql.SQL(_CURRENT), conditions.where())
    row = await (await conn.execute(query, conditions.values)).fetchone()
    return None if row is None else row[0]


async def issued_at(conn: AsyncConnection, warning_id: str) -> int | None:
    """Return the rev at which a warning was issued, the first that everybody around hears of."""
    row = await (
        await conn.execute(
            "select min(rev) from journal where alarm_id = %s and kind = %s and type = %s",
            (warning_id, journal.WARNING, Change.issued.value),
        )
    ).fetchone()
    return None if row is None else row[0]
