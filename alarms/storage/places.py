"""The plant as lists for readers: regions, enterprises, sources, units, points, gateways."""

from collections import defaultdict
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection, sql
from psycopg.rows import dict_row

from alarms.alarm import Tier
from alarms.plant import prefix_of
from alarms.rules import DEFAULT_PERIOD_S, STALE_LEAST_S
from alarms.scope import Scope
from alarms.storage import fences

Row = dict[str, Any]


class Page(NamedTuple):
    """From where on, and how many."""

    after: str
    limit: int


class Count(NamedTuple):
    """How many alarms are open in a tier at a place."""

    region: str
    enterprise: str
    source: str | None
    tier: Tier
    open: int
    unacknowledged: int


async def regions(
    conn: AsyncConnection,
    scope: Scope,
    *,
    parent: str | None,
    used: bool,
    page: Page,
) -> list[Row]:
    """Return regions by code, with the ancestors of what the scope covers: a tree has its root.

    `used`: only those with enterprises (within the scope) at or below them.
    """
    conditions = fences.Conditions()
    conditions.add("r.code > %s", page.after)
    if parent is not None:
        if parent == "":
            conditions.add("r.parent is null")
        else:
            conditions.add("r.parent = %s", parent)
    values: list[Any] = []
    if used or scope.enterprise is not None:
        owned = fences.Conditions()
        fences.within(owned, scope, region="e.region", enterprise="e.code")
        seeds: sql.Composable = sql.SQL(
            "select distinct e.region as code from enterprise e where {}"
        ).format(owned.where())
        values = owned.values
        below = sql.SQL("select code from up")
    elif scope.region is not None:
        seeds = sql.SQL("select code from region where code ^@ %s")
        values = [scope.region]
        below = sql.SQL("select code from up")
    else:
        seeds = sql.SQL("select code from region where false")
        below = sql.SQL("select code from region")
    query = sql.SQL(
        """
        with recursive seed as ({seeds}), up as (
            select r.code, r.parent from region r join seed using (code)
            union
            select r.code, r.parent from region r join up on up.parent = r.code
        )
        select r.code, r.name, r.parent, r.kind,
               exists (select from region child where child.parent = r.code) as branches
          from region r where r.code in ({below}) and {where} order by r.code limit %s
        """
    ).format(seeds=seeds, below=below, where=conditions.where())
    return await _rows(conn, query, (*values, *conditions.values, page.limit))


async def enterprises(
    conn: AsyncConnection, scope: Scope, *, region: str | None, page: Page
) -> list[Row]:
    """Return enterprises by code."""
    conditions = _owned(scope, region=region, enterprise=None)
    conditions.add("e.code > %s", page.after)
    query = sql.SQL(
        """
        select e.code, e.name, e.region, e.uscc, e.simulated
          from enterprise e where {} order by e.code limit %s
        """
    ).format(conditions.where())
    return await _rows(conn, query, (*conditions.values, page.limit))


async def sources(
    conn: AsyncConnection,
    scope: Scope,
    *,
    region: str | None,
    enterprise: str | None,
    code: str | None,
    page: Page,
) -> list[Row]:
    """Return major hazard sources with S, R, level and their units, in order of registration."""
    conditions = _owned(scope, region=region, enterprise=enterprise)
    conditions.add("s.id > %s", int(page.after or 0))
    if code is not None:
        conditions.add("s.code = %s", code)
    query = sql.SQL(
        """
        select s.id, e.code as enterprise, e.region, e.simulated, s.code, s.name, s.kind,
               s.latitude, s.longitude, s.chemicals, s.exposed_population, s.responsible,
               s.s, s.r, s.level,
               coalesce((select jsonb_agg(jsonb_build_object(
                                    'code', u.code, 'name', u.name, 'kind', u.kind) order by u.id)
                           from unit u where u.source_id = s.id), '[]') as units
          from source s join enterprise e on e.id = s.enterprise_id
         where {} order by s.id limit %s
        """
    ).format(conditions.where())
    return await _rows(conn, query, (*conditions.values, page.limit))


async def units(
    conn: AsyncConnection, scope: Scope, *, enterprise: str | None, source: str | None, page: Page
) -> list[Row]:
    """Return units in order of registration."""
    conditions = _owned(scope, region=None, enterprise=enterprise)
    conditions.add("u.id > %s", int(page.after or 0))
    if source is not None:
        conditions.add("s.code = %s", source)
    query = sql.SQL(
        """
        select u.id, e.code as enterprise, s.code as source, u.code, u.name, u.kind
          from unit u join source s on s.id = u.source_id
          join enterprise e on e.id = s.enterprise_id
         where {} order by u.id limit %s
        """
    ).format(conditions.where())
    return await _rows(conn, query, (*conditions.values, page.limit))


async def gateways(
    conn: AsyncConnection, scope: Scope, *, enterprise: str | None, page: Page
) -> list[Row]:
    """Return gateways by id; credentials stay in the record."""
    conditions = _owned(scope, region=None, enterprise=enterprise)
    conditions.add("g.id > %s", page.after)
    return await _gateways(conn, conditions, limit=page.limit)


async def gateway(conn: AsyncConnection, scope: Scope, gateway_id: str) -> Row | None:
    """Return one gateway within a scope as `gateways` does, or None."""
    conditions = _owned(scope, region=None, enterprise=None)
    conditions.add("g.id = %s", gateway_id)
    rows = await _gateways(conn, conditions, limit=1)
    return rows[0] if rows else None


async def _gateways(
    conn: AsyncConnection, conditions: fences.Conditions, *, limit: int
) -> list[Row]:
    query = sql.SQL(
        """
        select g.id, e.code as enterprise, e.region, e.simulated, g.state, g.state_at,
               g.last_seen_at, g.clock_error_s, g.last_seq, g.messages, g.accepted, g.rejected,
               g.lost, g.credential is not null as has_credential, g.dialect, g.mapping,
               g.corrected, g.corrected_stamp, g.corrected_at,
               (select min(coalesce((p.params -> 'comms' ->> 'stale_s')::double precision,
                                    greatest(3 * coalesce(p.period_s, %s), %s)))
                  from point p
                 where p.enterprise_id = g.enterprise_id
                   and (p.gateway_id = g.id or p.gateway_id is null)) as silence_s
          from gateway g join enterprise e on e.id = g.enterprise_id
         where {} order by g.id limit %s
        """
    ).format(conditions.where())
    defaults = DEFAULT_PERIOD_S, STALE_LEAST_S
    return await _rows(conn, query, (*defaults, *conditions.values, limit))


async def points(
    conn: AsyncConnection, scope: Scope, *, filters: dict[str, str], page: Page
) -> list[Row]:
    """Return points in order of registration, each with its newest reading.

    `filters` maps enterprise, source, unit, tag, quantity or gateway to one value.
    """
    conditions = _owned(scope, region=filters.get("region"), enterprise=filters.get("enterprise"))
    conditions.add("p.id > %s", int(page.after or 0))
    for name, condition in (
        ("source", "s.code = %s"),
        ("unit", "u.code = %s"),
        ("tag", "p.tag = %s"),
        ("quantity", "p.quantity = %s"),
        ("gateway", "p.gateway_id = %s"),
    ):
        if name in filters:
            conditions.add(condition, filters[name])
    query = sql.SQL(
        """
        select p.id, e.code as enterprise, e.region, e.simulated, s.code as source,
               u.code as unit, p.tag, p.name, p.quantity, p.engineering_unit,
               p.range_low, p.range_high, p.period_s, p.limits, p.deadband,
               p.on_delay_s, p.off_delay_s, p.tiers, p.detect, p.gateway_id, p.substance,
               p.sector, p.params, p.registered_at, newest.ts, newest.value, newest.quality
          from point p
          join unit u on u.id = p.unit_id
          join source s on s.id = u.source_id
          join enterprise e on e.id = p.enterprise_id
          left join lateral (
               select ts, value, quality from reading
                where point_id = p.id order by ts desc limit 1
          ) newest on true
         where {} order by p.id limit %s
        """
    ).format(conditions.where())
    return await _rows(conn, query, (*conditions.values, page.limit))


async def point(
    conn: AsyncConnection, scope: Scope, *, point_id: int | None, key: tuple[str, str] | None
) -> Row | None:
    """Return one point by its id or by (enterprise, tag), within a scope, or None."""
    conditions = _owned(scope, region=None, enterprise=None)
    if point_id is not None:
        conditions.add("p.id = %s", point_id)
    if key is not None:
        conditions.add("e.code = %s", key[0])
        conditions.add("p.tag = %s", key[1])
    query = sql.SQL(
        """
        select p.id, e.code as enterprise, p.tag, p.engineering_unit
          from point p join enterprise e on e.id = p.enterprise_id where {} limit 1
        """
    ).format(conditions.where())
    rows = await _rows(conn, query, tuple(conditions.values))
    return rows[0] if rows else None


async def point_ids(
    conn: AsyncConnection, scope: Scope, *, ids: list[int], under: str | None, limit: int
) -> list[int]:
    """Return the ids a scope covers: those of `ids`, and all `under` a place or unit."""
    conditions = _owned(scope, region=None, enterprise=None)
    if under is None:
        conditions.add("p.id = any(%s)", ids)
    else:
        conditions.add(
            "(p.id = any(%s) or e.code = %s or s.code = %s or u.code = %s"
            " or (%s in (select left(code, length(%s)) from region where code ^@ %s)"
            " and e.region ^@ %s))",
            ids,
            under,
            under,
            under,
            *[prefix_of(under)] * 4,
        )
    query = sql.SQL(
        """
        select p.id from point p
          join unit u on u.id = p.unit_id
          join source s on s.id = u.source_id
          join enterprise e on e.id = p.enterprise_id
         where {} order by p.id limit %s
        """
    ).format(conditions.where())
    cursor = await conn.execute(query, (*conditions.values, limit))
    return [found for (found,) in await cursor.fetchall()]


UNACKNOWLEDGED: Final = sql.SQL(
    """
    (a.state in ('UNACK', 'RTNUN')
     or a.state = 'LATCHED' and a.record -> 'acks' ->> 'site' is null)
    """
)
"""Condition over `alarm a`: the site owes an acknowledgement, and the alarm is not withheld."""


async def open_counts(conn: AsyncConnection, scope: Scope) -> list[Count]:
    """Return how many alarms are open by region, enterprise, source and tier."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="a.region", enterprise="a.enterprise")
    query = sql.SQL(
        """
        select a.region, a.enterprise, a.source, a.tier, count(*),
               count(*) filter (where {})
          from alarm a
         where a.t_closed is null and a.region is not null and {}
         group by a.region, a.enterprise, a.source, a.tier
        """
    ).format(UNACKNOWLEDGED, conditions.where())
    cursor = await conn.execute(query, conditions.values)
    return [
        Count(region, enterprise, source, Tier(tier), count, unacknowledged)
        for region, enterprise, source, tier, count, unacknowledged in await cursor.fetchall()
    ]


async def ancestors(conn: AsyncConnection, codes: list[str]) -> dict[str, list[str]]:
    """Return, for each region code, itself and every region above it."""
    cursor = await conn.execute(
        """
        with recursive up as (
            select code as leaf, code, parent from region where code = any(%s)
            union
            select up.leaf, region.code, region.parent
              from up join region on region.code = up.parent
        )
        select leaf, code from up
        """,
        (codes,),
    )
    found: dict[str, list[str]] = defaultdict(list)
    for leaf, code in await cursor.fetchall():
        found[leaf].append(code)
    return found


def _owned(scope: Scope, *, region: str | None, enterprise: str | None) -> fences.Conditions:
    """Start conditions on table `enterprise e` with a scope and a reader's own narrowing."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="e.region", enterprise="e.code")
    if region is not None:
        conditions.add("e.region ^@ %s", prefix_of(region))
    if enterprise is not None:
        conditions.add("e.code = %s", enterprise)
    return conditions


async def _rows(conn: AsyncConnection, query: sql.Composed, values: tuple[Any, ...]) -> list[Row]:
    """Run a query and return its rows by column name."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()


class Whereabouts(NamedTuple):
    """What the places of an alarm are called, and where its source lies; None for what is not."""

    region: str | None
    enterprise: str | None
    source: str | None
    latitude: float | None
    longitude: float | None


async def whereabouts(
    conn: AsyncConnection, *, region: str | None, enterprise: str | None, source: str | None
) -> Whereabouts:
    """Return what these codes stand for; whose scope covers them is the caller's question."""
    row = await (
        await conn.execute(
            """
            select r.name, e.name, s.name, s.latitude, s.longitude
              from (values (%s, %s, %s)) as asked (region, enterprise, source)
              left join region r on r.code = asked.region
              left join enterprise e on e.code = asked.enterprise
              left join source s on s.enterprise_id = e.id and s.code = asked.source
            """,
            (region, enterprise, source),
        )
    ).fetchone()
    return Whereabouts(*row) if row is not None else Whereabouts(None, None, None, None, None)


async def counters(conn: AsyncConnection) -> Row:
    """Return the sums of all gateways' counters, for the metrics page."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(
            """
            select coalesce(sum(messages), 0)::bigint as messages,
                   coalesce(sum(accepted), 0)::bigint as accepted,
                   coalesce(sum(rejected), 0)::bigint as rejected,
                   coalesce(sum(lost), 0)::bigint as lost,
                   count(*) filter (where state = 'online') as online, count(*) as gateways
              from gateway
            """
        )
        found = await cursor.fetchone()
    return found or {}


async def heartbeat(conn: AsyncConnection, service: str) -> datetime | None:
    """Return when a service last said that it lives, or None when it never did."""
    row = await (
        await conn.execute("select at from service_heartbeat where service = %s", (service,))
    ).fetchone()
    return None if row is None else row[0]
