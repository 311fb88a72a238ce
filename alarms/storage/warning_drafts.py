"""Warnings that a person drafts, where no alarm has asked: over a source, or over an area."""

from collections.abc import Sequence

import msgspec
from psycopg import AsyncConnection, sql

from alarms import warning_table, warnings
from alarms.alarm import Tier, occurrence_id
from alarms.errors import ConflictError, FengsuiError, NotFoundError
from alarms.plant import prefix_of
from alarms.scope import Scope
from alarms.storage import fences, journal, warning_tables
from alarms.storage import warnings as record
from alarms.warning import Asking, EarlyWarning, Notice


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a person wants to warn of: a source of an enterprise, or a `region` as an area.

    `notice` has the words that person gave; `key` tells drafts of one moment apart.
    """

    level: Tier
    region: str | None = None
    enterprise: str | None = None
    source: str | None = None
    alarms: tuple[str, ...] = ()
    notice: Notice
    actor: str
    org_level: str
    key: str


async def draft(conn: AsyncConnection, wanted: Draft, *, scope: Scope, now: int) -> EarlyWarning:
    """Make a proposal of a person's own and return it.

    NotFoundError for a place or an alarm outside the scope, ConflictError (`current` is its id)
    where the source has an open warning already. `now` in Micros.
    """
    head = await journal.lock(conn)
    match wanted.region, wanted.enterprise, wanted.source:
        case None, str(), str():
            region, name, area, simulated = await _source(conn, wanted, scope)
        case str(code), None, None:
            region, name, area, simulated = await _area(conn, code, scope)
        case _:
            raise FengsuiError("a warning is of an `enterprise`'s `source`, or of a `region`")
    drilled = await _simulated(conn, wanted.alarms, scope)
    _, table = warning_table.of_region(await warning_tables.every(conn), region)
    government = warning_table.government_of(table, wanted.level)
    names = await warning_tables.names(conn, {region})
    words = Notice(
        category="事故灾难",
        starts_at=now,
        area=area,
        measures=warning_table.measures_of(table, wanted.level),
        issuer=warning_table.issuer_of(table, region, government, names),
    )
    asking = Asking(
        id=occurrence_id(region, f"draft {wanted.actor} {wanted.key}", now),
        level=wanted.level,
        government=government,
        region=region,
        enterprise=wanted.enterprise,
        source=wanted.source,
        name=name,
        simulated=simulated or drilled,
        basis=wanted.actor,
        notice=warnings.with_words(words, wanted.notice),
        alarms=wanted.alarms,
        actor=wanted.actor,
        org_level=wanted.org_level,
    )
    outcome = warnings.step(None, asking, now=now)
    await record.write(conn, head, outcome.entries, now=now)
    assert outcome.warning is not None  # noqa: S101  what is asked for without one is made
    return outcome.warning


async def _area(conn: AsyncConnection, region: str, scope: Scope) -> tuple[str, str, str, bool]:
    cursor = await conn.execute("select name from region where code = %s", (region,))
    row = await cursor.fetchone()
    if row is None or not scope.covers(prefix_of(region), None):
        raise NotFoundError(f"there is no region {region} within your scope")
    return region, row[0], row[0], False


async def _source(conn: AsyncConnection, wanted: Draft, scope: Scope) -> tuple[str, str, str, bool]:
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="e.region", enterprise="e.code")
    conditions.add("e.code = %s and s.code = %s", wanted.enterprise, wanted.source)
    query = sql.SQL(
        """
        select e.region, s.name, e.name, e.simulated,
               (select w.id from warning w
                 where w.enterprise = e.code and w.source = s.code and w.t_lifted is null
                   and w.origin is null)
          from source s join enterprise e on e.id = s.enterprise_id where {}
        """
    ).format(conditions.where())
    row = await (await conn.execute(query, conditions.values)).fetchone()
    if row is None:
        raise NotFoundError(
            f"there is no source {wanted.source} of {wanted.enterprise} within your scope"
        )
    region, name, firm, simulated, standing = row
    if standing is not None:
        raise ConflictError(
            f"source {wanted.source} has an open warning, {standing}: issue or adjust that one",
            standing,
        )
    return region, name, f"{firm}{name}及其周边", simulated


async def _simulated(conn: AsyncConnection, alarms: Sequence[str], scope: Scope) -> bool:
    """Tell whether any of these alarms is simulated; NotFoundError for one that is not there."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="region", enterprise="enterprise")
    conditions.add("id = any(%s)", list(alarms))
    query = sql.SQL("select id, simulated from alarm where {}").format(conditions.where())
    found: dict[str, bool] = dict(await (await conn.execute(query, conditions.values)).fetchall())
    for alarm in alarms:
        if alarm not in found:
            raise NotFoundError(f"there is no alarm {alarm} within your scope")
    return any(found.values())
