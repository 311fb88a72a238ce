"""The plant in the record."""

from typing import Any, Final, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from alarms import instants
from alarms.plant import Enterprise, Gateway, Mapped, Plant, Point, Raise, Source, Tiering, Unit
from alarms.storage import groups

CHANNEL: Final = "fengsui_plant"
"""NOTIFY channel that says: the registry changed; look at the revision."""


async def revision(conn: AsyncConnection) -> int:
    """Return the registry's revision; it grows with every change."""
    row = await (await conn.execute("select revision from plant_revision")).fetchone()
    return 0 if row is None else row[0]


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
    units = [
        Unit(**row)
        for row in await _rows(
            conn,
            """
            select e.code as enterprise, s.code as source, u.code, u.name, u.kind
              from unit u join source s on s.id = u.source_id
              join enterprise e on e.id = s.enterprise_id order by u.id
            """,
        )
    ]
    gateways = [_gateway(row) for row in await _rows(conn, _GATEWAYS + " order by g.id")]
    tierings = [
        Tiering(**{**row, "raises": tuple(Raise(**each) for each in row["raises"])})
        for row in await _rows(
            conn,
            """
            select region, quantity, limits, source_levels, raises from tiering
             order by region, quantity
            """,
        )
    ]
    points = await _rows(conn, _POINTS + " order by p.id")
    return Plant(
        enterprises=enterprises,
        sources={(source.enterprise, source.code): source for source in sources},
        units={(unit.enterprise, unit.source, unit.code): unit for unit in units},
        gateways={gateway.id: gateway for gateway in gateways},
        point_ids=[row["id"] for row in points],
        registered=[instants.from_datetime(row["registered_at"]) for row in points],
        points=[_point(row) for row in points],
        tierings=tierings,
        revision=number,
        groups=[groups.from_row(row) for row in await _rows(conn, groups.SELECT)],
    )


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
    low, high = row.pop("range_low"), row.pop("range_high")
    row.pop("id"), row.pop("registered_at")
    row["range"] = None if low is None else (low, high)
    row["detect"] = None if row["detect"] is None else tuple(row["detect"])
    return Point(**row)


async def _rows(
    conn: AsyncConnection, query: LiteralString, *values: object
) -> list[dict[str, Any]]:
    """Run a constant query and return its rows by column name."""
    async with conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()
