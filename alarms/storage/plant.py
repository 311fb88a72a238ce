"""The plant in the record."""

import secrets
from collections.abc import Mapping
from typing import Any, Final, LiteralString, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from alarms import instants
from alarms.plant import Enterprise, Gateway, Mapped, Plant, Point, Raise, Source, Tiering, Unit
from alarms.points import Place, Points
from alarms.storage import groups
from alarms.storage.readings import POSTGRES_EPOCH_US

CHANNEL: Final = "fengsui_plant"
"""NOTIFY channel that says: the registry changed; look at the revision."""


class _Own(NamedTuple):
    """What is each point's own, as columns: database ids, and Micros of registration."""

    ids: list[int]
    registered: list[int]


async def revision(conn: AsyncConnection) -> int:
    """Return the registry's revision; it grows with every change."""
    row = await (await conn.execute("select revision from plant_revision")).fetchone()
    return 0 if row is None else row[0]


async def changed_at(conn: AsyncConnection) -> int:
    """Return when the registry was changed last, Micros."""
    row = await (await conn.execute("select changed_at from plant_revision")).fetchone()
    return 0 if row is None else instants.from_datetime(row[0])


async def load(conn: AsyncConnection) -> Plant:
    """Load everything registered, points in order of their database ids."""
    number = await revision(conn)
    enterprises = {
        row["code"]: Enterprise(**row)
        for row in await _rows(
            conn, "select code, name, region, uscc, simulated from enterprise order by code"
        )
    }
    sources = [
        Source(
            **{
                **row,
                "chemicals": tuple(row["chemicals"]),
                "responsible": tuple(row["responsible"]),
            }
        )
        for row in await _rows(
            conn,
            """
            select e.code as enterprise, s.code, s.name, s.kind, s.latitude, s.longitude,
                   s.chemicals, s.exposed_population, s.responsible, s.s, s.r, s.level
              from source s join enterprise e on e.id = s.enterprise_id order by s.id
            """,
        )
    ]
    units = await _units(conn)
    gateways = [_gateway(row) for row in await _rows(conn, _GATEWAYS + " order by g.id")]
    places = {number: (unit.enterprise, unit.source, unit.code) for number, unit in units.items()}
    own, points = await _points(conn, places)
    return Plant(
        enterprises=enterprises,
        sources={(source.enterprise, source.code): source for source in sources},
        units=dict(zip(places.values(), units.values(), strict=True)),
        gateways={gateway.id: gateway for gateway in gateways},
        point_ids=own.ids,
        registered=own.registered,
        points=points,
        tierings=await tierings(conn),
        revision=number,
        groups=[groups.from_row(row) for row in await _rows(conn, groups.SELECT)],
    )


async def tierings(conn: AsyncConnection) -> list[Tiering]:
    """Return the regions' tables of tiers."""
    return [
        Tiering(**{**row, "raises": tuple(Raise(**each) for each in row["raises"])})
        for row in await _rows(
            conn,
            """
            select region, quantity, limits, kinds, forecast, source_levels, raises from tiering
             order by region, quantity
            """,
        )
    ]


async def _units(conn: AsyncConnection) -> dict[int, Unit]:
    """Return every unit by its database id, in order."""
    cursor = await conn.execute(
        """
        select u.id, e.code, s.code, u.code, u.name, u.kind
          from unit u join source s on s.id = u.source_id
          join enterprise e on e.id = s.enterprise_id order by u.id
        """
    )
    return {
        number: Unit(enterprise=enterprise, source=source, code=code, name=name, kind=kind)
        for number, enterprise, source, code, name, kind in await cursor.fetchall()
    }


async def _points(conn: AsyncConnection, places: Mapping[int, Place]) -> tuple[_Own, Points]:
    """Return what is each point's own, in order, and the points; equal settings are read once.

    `places` has each unit's by its database id. Settings and gateways are known by a hash of 64
    bits with a seed that nobody knows. (Among 440,000 points, all different, two have one hash in
    one of 200 million plants.)
    """
    seed = secrets.randbits(63)
    cursor = await conn.execute("select id, hashtextextended(id, %s) from gateway", (seed,))
    gateways = await cursor.fetchall()
    cursor = await conn.execute(_PACKED, (seed,), binary=True)
    packed = await cursor.fetchone() or ()
    columns = [
        np.frombuffer(column or b"", kind).astype(kind[1:])
        for column, kind in zip(packed, _TYPES, strict=False)
    ]
    ids, registered, unit, hashed, named, *sizes = columns
    order = np.argsort(ids)
    tags, names = (
        _cut(text or "", size, order)
        for text, size in zip(packed[len(_TYPES) :], sizes, strict=True)
    )
    first, of = _numbered(hashed[order])
    first_of_unit, at = _numbered(unit[order])
    first_of_gateway, by = _numbered(named[order])
    place_of = {number: place for place, (_, number) in enumerate(gateways)}
    reporters = [place_of.get(each, -1) for each in named[order][first_of_gateway].tolist()]
    registered = registered[order] + POSTGRES_EPOCH_US
    own = _Own(ids=ids[order].tolist(), registered=registered.tolist())
    points = Points(
        like=await _like(conn, ids[order][first].tolist()),
        of=of,
        places=[places[each] for each in unit[order][first_of_unit].tolist()],
        at=at,
        gateways=[name for name, _ in gateways],
        reporter=np.array(reporters, np.int32)[by],
        tags=tags,
        names=names,
    )
    return own, points


def _cut(text: str, sizes: NDArray[np.int32], order: NDArray[np.intp]) -> list[str]:
    """Return the pieces of a text of so many characters each, put in order."""
    if not text:
        return [""] * len(sizes)
    ends = np.cumsum(sizes)
    begins = ends - sizes
    pairs = zip(begins[order].tolist(), ends[order].tolist(), strict=True)
    return [text[begin:end] for begin, end in pairs]


def _numbered(things: NDArray[np.integer]) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Number things in the order in which they are first met.

    Return the place where each was, and the number of each thing.
    """
    _, first, of = np.unique(things, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order))
    return first[order], number[of]


_TYPES: Final = (">i4", ">i8", ">i4", ">i8", ">i8", ">i4", ">i4")
_PACKED: Final[LiteralString] = """
    select string_agg(int4send(id), ''),
           string_agg(timestamptz_send(registered_at), ''),
           string_agg(int4send(unit_id), ''),
           string_agg(int8send(settings_hash), ''),
           string_agg(int8send(coalesce(hashtextextended(gateway_id, %s), 0)), ''),
           string_agg(int4send(length(tag)), ''), string_agg(int4send(length(name)), ''),
           string_agg(tag, ''), string_agg(name, '')
      from point
    """
"""Every point's database id, time of registration, unit's id, settings, gateway, and the lengths of
the names that follow: a column each, packed. All meet the same rows in the same order."""


async def _like(conn: AsyncConnection, ids: list[int]) -> list[Point]:
    """Return the points with these ids, in their order."""
    asked = " join unnest(%s::integer[]) with ordinality as asked (id, place) on asked.id = p.id"
    return [
        _point(row) for row in await _rows(conn, _POINTS + asked + " order by asked.place", ids)
    ]


async def of_gateway(conn: AsyncConnection, gateway: str) -> Plant | None:
    """Load one gateway with its enterprise and all points of that; None where it is unknown."""
    gateways = await _rows(conn, _GATEWAYS + " where g.id = %s", gateway)
    if not gateways:
        return None
    found = _gateway(gateways[0])
    enterprises = await _rows(
        conn,
        "select code, name, region, uscc, simulated from enterprise where code = %s",
        found.enterprise,
    )
    points = await _rows(conn, _POINTS + " where e.code = %s order by p.id", found.enterprise)
    return Plant(
        enterprises={row["code"]: Enterprise(**row) for row in enterprises},
        sources={},
        units={},
        gateways={found.id: found},
        point_ids=[row["id"] for row in points],
        registered=[instants.from_datetime(row["registered_at"]) for row in points],
        points=[_point(row) for row in points],
        revision=await revision(conn),
    )


_GATEWAYS: Final[LiteralString] = """
    select g.id, e.code as enterprise, g.dialect, g.mapping
      from gateway g join enterprise e on e.id = g.enterprise_id
    """
_POINTS: Final[LiteralString] = """
    select p.id, p.registered_at, e.code as enterprise, s.code as source, u.code as unit, p.tag,
           p.quantity, p.engineering_unit, p.name, p.range_low, p.range_high, p.period_s,
           p.limits, p.deadband, p.on_delay_s, p.off_delay_s, p.tiers, p.detect,
           p.gateway_id as gateway, p.substance, p.sector, p.latching, p.needs_closeout,
           p.params, p.compute, p.suppress
      from point p join enterprise e on e.id = p.enterprise_id
      join unit u on u.id = p.unit_id join source s on s.id = u.source_id
    """


def _gateway(row: dict[str, Any]) -> Gateway:
    return Gateway(**{**row, "mapping": tuple(Mapped(**each) for each in row["mapping"])})


def _point(row: dict[str, Any]) -> Point:
    """Build a point from its row."""
    del row["id"], row["registered_at"]
    low, high = row.pop("range_low"), row.pop("range_high")
    row["range"] = None if low is None else (low, high)
    row["detect"] = None if row["detect"] is None else tuple(row["detect"])
    row["params"] = {kind: groups.with_tuples(own) for kind, own in row["params"].items()}
    return Point(**row)


async def _rows(
    conn: AsyncConnection, query: LiteralString, *values: object
) -> list[dict[str, Any]]:
    """Run a constant query and return its rows by column name."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
