"""The registry file in the record: compared, written set by set, audited and announced."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, LiteralString

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from alarms import instants, regions
from alarms.plant import Enterprise, Gateway, Group, Plant, Point, Region, Source, Tiering, Unit
from alarms.registry import Known, Registry
from alarms.registry_changes import KINDS, Changes, Entry, changes, name_of
from alarms.rule_changes import Registered
from alarms.storage import alarms, groups, journal, plant


async def known(conn: AsyncConnection) -> Known:
    """Return what a file may lean on: regions, enterprises, gateways and tags registered."""
    cursor = await conn.execute("select code from enterprise")
    enterprises = frozenset(code for (code,) in await cursor.fetchall())
    cursor = await conn.execute(
        "select g.id, e.code from gateway g join enterprise e on e.id = g.enterprise_id"
    )
    gateways: dict[str, str] = dict(await cursor.fetchall())
    cursor = await conn.execute(
        """
        select e.code, p.tag, p.compute, p.engineering_unit
          from point p join enterprise e on e.id = p.enterprise_id
        """
    )
    points: dict[str, dict[str, str | None]] = {code: {} for code in enterprises}
    units: dict[str, dict[str, str]] = {code: {} for code in enterprises}
    async for code, tag, compute, unit in cursor:
        points[code][tag] = compute
        units[code][tag] = unit
    registered = await _regions(conn)
    return Known(
        regions={**regions.builtin(), **registered},
        enterprises=enterprises,
        gateways=gateways,
        points=points,
        units=units,
        tierings={(each.region, each.quantity): each for each in await plant.tierings(conn)},
    )


async def plan(conn: AsyncConnection, registry: Registry) -> Changes:
    """Say what `apply` would do, and change nothing."""
    return (await _compared(conn, registry))[1]


async def apply(conn: AsyncConnection, registry: Registry, *, actor: str, now: int) -> Changes:
    """Write a file into the record and return what that did; `now` in Micros.

    Imports wait for each other at the revision's row. What changed is in the audit trail with
    before and after; the revision grows and `fengsui_plant` is notified when anything changed.
    Open alarms of changed points and groups, and of points that a changed table of tiers, source or
    enterprise grades anew, get their row in the journal, whose head is therefore locked before
    anything that ingest writes too.
    """
    await conn.execute("select revision from plant_revision for update")
    await load_builtin_regions(conn)
    before, done = await _compared(conn, registry)
    if not done.created and not done.changed:
        return done
    at = instants.to_datetime(now)
    behind = Registered(before, done, actor=actor)
    head = await journal.lock(conn) if behind.keys else None
    for kind, table in _TABLES.items():
        await _write(conn, table, done.kinds[kind].created, _INSERTS[kind], at)
        after = [after for _, after in done.kinds[kind].changed]
        await _write(conn, table, after, _UPDATES[kind], at)
    if head is not None:
        await alarms.rules_changed(conn, behind.keys, behind.change, head=head, now=now)
    await _audit(conn, done, actor=actor, at=at)
    await conn.execute("update plant_revision set revision = revision + 1, changed_at = %s", (at,))
    await conn.execute("select pg_notify(%s, '')", (plant.CHANNEL,))
    return done


async def _compared(conn: AsyncConnection, registry: Registry) -> tuple[Plant, Changes]:
    """Return what is registered, and what a file does to it."""
    registered = await plant.load(conn)
    return registered, changes(registry, registered, await _regions(conn))


async def load_builtin_regions(conn: AsyncConnection) -> int:
    """Bring the shipped divisions into the record; return how many were new or changed."""
    built = list(regions.builtin().values())
    cursor = await conn.execute(
        """
        insert into region (code, name, parent, kind, builtin)
        select n.code, n.name, n.parent, n.kind, true
          from unnest(%s::text[], %s::text[], %s::text[], %s::text[])
               as n (code, name, parent, kind)
          left join region r on r.code = n.code
         where (r.name, r.parent, r.kind, r.builtin)
               is distinct from (n.name, n.parent, n.kind, true)
            on conflict (code) do update
           set name = excluded.name, parent = excluded.parent, kind = excluded.kind, builtin = true
        """,
        (
            [region.code for region in built],
            [region.name for region in built],
            [region.parent for region in built],
            [region.kind for region in built],
        ),
    )
    return cursor.rowcount


async def _regions(conn: AsyncConnection) -> dict[str, Region]:
    cursor = await conn.execute("select code, name, parent, kind, builtin from region")
    return {
        code: Region(code=code, name=name, parent=parent, kind=kind, builtin=builtin)
        for code, name, parent, kind, builtin in await cursor.fetchall()
    }


async def _write(
    conn: AsyncConnection,
    columns: Sequence[tuple[str, str]],
    entries: Sequence[Entry],
    statement: LiteralString,
    at: object,
) -> None:
    """Stage entries by COPY, then run one statement over all of them."""
    if not entries:
        return
    staged = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in columns
    )
    await conn.execute(
        sql.SQL("create temporary table staged (place integer, {}) on commit drop").format(staged)
    )
    names = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
    copy = sql.SQL("copy staged (place, {}) from stdin").format(names)
    async with conn.cursor() as cursor, cursor.copy(copy) as stream:
        for place, entry in enumerate(entries):
            await stream.write_row((place, *_row(entry)))
    # The statements join by texts alone; statistics of documents would take the longest.
    texts = sql.SQL(", ").join(sql.Identifier(name) for name, kind in columns if kind == "text")
    await conn.execute(sql.SQL("analyze staged ({})").format(texts))
    await conn.execute(statement, {"at": at})
    await conn.execute("drop table staged")


def _row(entry: Entry) -> tuple[object, ...]:
    """Lay an entry out in the order of its staging columns."""
    match entry:
        case Region():
            return (entry.code, entry.name, entry.parent, entry.kind)
        case Tiering():
            return (
                *(entry.region, entry.quantity),
                *(_json(entry.limits), _json(entry.kinds), _json(entry.forecast)),
                *(_json(entry.source_levels), _json(entry.raises)),
            )
        case Enterprise():
            return (entry.code, entry.name, entry.region, entry.uscc, entry.simulated)
        case Gateway():
            mapping = _json(entry.mapping)
            return (entry.id, entry.enterprise, entry.dialect, mapping)
        case Source():
            return (
                *(entry.enterprise, entry.code, entry.name, entry.kind),
                *(entry.latitude, entry.longitude),
                _json(entry.chemicals),
                entry.exposed_population,
                _json(entry.responsible),
                *(entry.s, entry.r, entry.level),
            )
        case Unit():
            return (entry.enterprise, entry.source, entry.code, entry.name, entry.kind)
        case Point():
            low, high = entry.range or (None, None)
            return (
                *(entry.enterprise, entry.source, entry.unit, entry.tag, entry.name),
                *(entry.quantity, entry.engineering_unit, low, high, entry.period_s),
                *(_json(entry.limits), entry.deadband, entry.on_delay_s, entry.off_delay_s),
                _json(entry.tiers),
                None if entry.detect is None else _json(entry.detect),
                *(entry.gateway, entry.substance, entry.sector),
                *(entry.latching, entry.needs_closeout, _json(entry.params)),
                *(entry.compute, _json(entry.suppress)),
            )
        case Group():
            return (
                *(entry.enterprise, entry.source, entry.unit, entry.code, entry.name, entry.kind),
                *(_json(entry.members), _json(entry.params), entry.tier),
                *(entry.on_delay_s, entry.off_delay_s),
            )


async def _audit(conn: AsyncConnection, done: Changes, *, actor: str, at: object) -> None:
    """Note every change with before and after, new tables of tiers, and the import with its counts.

    A new table, unlike a new point, changes what is there already.
    """
    rows: list[tuple[str, str, Mapping[str, Any] | None, Mapping[str, Any]]] = [
        (f"registry.{kind}.changed", name_of(after), *_difference(before, after))
        for kind in KINDS
        for before, after in done.kinds[kind].changed
    ]
    rows += [
        ("registry.tiering.created", name_of(table), None, asdict(table))
        for table in done.kinds["tiering"].created
    ]
    rows.append(("registry.imported", "registry", None, done.counts()))
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into audit_trail (at, actor, action, object, before, after)
            values (%s, %s, %s, %s, %s, %s)
            """,
            [
                (at, actor, action, name, None if before is None else Jsonb(before), Jsonb(after))
                for action, name, before, after in rows
            ],
        )


def _difference(before: Entry, after: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the fields that differ, as they were and as they are."""
    differing = [
        field.name
        for field in fields(before)
        if getattr(before, field.name) != getattr(after, field.name)
    ]
    was, now = asdict(before), asdict(after)
    return {name: was[name] for name in differing}, {name: now[name] for name in differing}


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return msgspec.json.encode(value).decode()


_TABLES: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "region": (("code", "text"), ("name", "text"), ("parent", "text"), ("kind", "text")),
    "tiering": (
        *(("region", "text"), ("quantity", "text")),
        *(("limits", "jsonb"), ("kinds", "jsonb"), ("forecast", "jsonb")),
        *(("source_levels", "jsonb"), ("raises", "jsonb")),
    ),
    "enterprise": (
        ("code", "text"),
        ("name", "text"),
        ("region", "text"),
        ("uscc", "text"),
        ("simulated", "boolean"),
    ),
    "gateway": (
        *(("id", "text"), ("enterprise", "text")),
        *(("dialect", "text"), ("mapping", "jsonb")),
    ),
    "source": (
        *(("enterprise", "text"), ("code", "text"), ("name", "text"), ("kind", "text")),
        *(("latitude", "double precision"), ("longitude", "double precision")),
        ("chemicals", "jsonb"),
        ("exposed_population", "integer"),
        ("responsible", "jsonb"),
        *(("s", "double precision"), ("r", "double precision"), ("level", "smallint")),
    ),
    "unit": (
        *(("enterprise", "text"), ("source", "text")),
        *(("code", "text"), ("name", "text"), ("kind", "text")),
    ),
    "point": (
        *(("enterprise", "text"), ("source", "text"), ("unit", "text")),
        *(("tag", "text"), ("name", "text"), ("quantity", "text"), ("engineering_unit", "text")),
        *(("range_low", "double precision"), ("range_high", "double precision")),
        ("period_s", "double precision"),
        ("limits", "jsonb"),
        *(("deadband", "double precision"), ("on_delay_s", "double precision")),
        ("off_delay_s", "double precision"),
        *(("tiers", "jsonb"), ("detect", "jsonb")),
        *(("gateway_id", "text"), ("substance", "text"), ("sector", "text")),
        *(("latching", "boolean"), ("needs_closeout", "boolean"), ("params", "jsonb")),
        *(("compute", "text"), ("suppress", "jsonb")),
    ),
    "group": groups.COLUMNS,
}
_INSERTS: Final[Mapping[str, LiteralString]] = {
    "group": groups.INSERT,
    "region": """
        insert into region (code, name, parent, kind)
        select code, name, parent, kind from staged order by place
        """,
    "tiering": """
        insert into tiering (region, quantity, limits, kinds, forecast, source_levels, raises)
        select region, quantity, limits, kinds, forecast, source_levels, raises
          from staged order by place
        """,
    "enterprise": """
        insert into enterprise (code, name, region, uscc, simulated)
        select code, name, region, uscc, simulated from staged order by place
        """,
    "gateway": """
        insert into gateway (id, enterprise_id, dialect, mapping)
        select n.id, e.id, n.dialect, n.mapping
          from staged n join enterprise e on e.code = n.enterprise
         order by n.place
        """,
    "source": """
        insert into source (enterprise_id, code, name, kind, latitude, longitude, chemicals,
                            exposed_population, responsible, s, r, level)
        select e.id, n.code, n.name, n.kind, n.latitude, n.longitude, n.chemicals,
               n.exposed_population, n.responsible, n.s, n.r, n.level
          from staged n join enterprise e on e.code = n.enterprise
         order by n.place
        """,
    "unit": """
        insert into unit (source_id, code, name, kind)
        select s.id, n.code, n.name, n.kind
          from staged n join enterprise e on e.code = n.enterprise
          join source s on s.enterprise_id = e.id and s.code = n.source
         order by n.place
        """,
    "point": """
        insert into point (enterprise_id, unit_id, tag, name, quantity, engineering_unit, range_low,
                           range_high, period_s, limits, deadband, on_delay_s, off_delay_s, tiers,
                           detect, gateway_id, substance, sector, latching, needs_closeout,
                           params, compute, suppress, registered_at)
        select e.id, u.id, n.tag, n.name, n.quantity, n.engineering_unit, n.range_low,
               n.range_high, n.period_s, n.limits, n.deadband, n.on_delay_s, n.off_delay_s, n.tiers,
               n.detect, n.gateway_id, n.substance, n.sector, n.latching, n.needs_closeout,
               n.params, n.compute, n.suppress, %(at)s
          from staged n join enterprise e on e.code = n.enterprise
          join source s on s.enterprise_id = e.id and s.code = n.source
          join unit u on u.source_id = s.id and u.code = n.unit
         order by n.place
        """,
}
_UPDATES: Final[Mapping[str, LiteralString]] = {
    "group": groups.UPDATE,
    "region": """
        update region r set name = n.name, parent = n.parent, kind = n.kind
          from staged n where r.code = n.code
        """,
    "tiering": """
        update tiering t
           set limits = n.limits, kinds = n.kinds, forecast = n.forecast,
               source_levels = n.source_levels, raises = n.raises
          from staged n where t.region = n.region and t.quantity = n.quantity
        """,
    "enterprise": """
        update enterprise e
           set name = n.name, region = n.region, uscc = n.uscc, simulated = n.simulated
          from staged n where e.code = n.code
        """,
    "gateway": """
        update gateway g set enterprise_id = e.id, dialect = n.dialect, mapping = n.mapping
          from staged n join enterprise e on e.code = n.enterprise where g.id = n.id
        """,
    "source": """
        update source s
           set name = n.name, kind = n.kind, latitude = n.latitude, longitude = n.longitude,
               chemicals = n.chemicals, exposed_population = n.exposed_population,
               responsible = n.responsible, s = n.s, r = n.r, level = n.level
          from staged n join enterprise e on e.code = n.enterprise
         where s.enterprise_id = e.id and s.code = n.code
        """,
    "unit": """
        update unit u set name = n.name, kind = n.kind
          from staged n join enterprise e on e.code = n.enterprise
          join source s on s.enterprise_id = e.id and s.code = n.source
         where u.source_id = s.id and u.code = n.code
        """,
    "point": """
        update point p
           set unit_id = u.id, name = n.name, quantity = n.quantity,
               engineering_unit = n.engineering_unit, range_low = n.range_low,
               range_high = n.range_high, period_s = n.period_s, limits = n.limits,
               deadband = n.deadband, on_delay_s = n.on_delay_s, off_delay_s = n.off_delay_s,
               tiers = n.tiers, detect = n.detect, gateway_id = n.gateway_id,
               substance = n.substance, sector = n.sector,
               latching = n.latching, needs_closeout = n.needs_closeout,
               params = n.params, compute = n.compute, suppress = n.suppress
          from staged n join enterprise e on e.code = n.enterprise
          join source s on s.enterprise_id = e.id and s.code = n.source
          join unit u on u.source_id = s.id and u.code = n.unit
         where p.enterprise_id = e.id and p.tag = n.tag
        """,
}
