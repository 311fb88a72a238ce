"""Small plants put straight into the record, for tests that need points and nothing else."""

from psycopg import AsyncConnection

from alarms.plant import Plant
from alarms.storage import plant


async def register(conn: AsyncConnection, *, points: int = 3) -> Plant:
    """Register one enterprise in 510603 with a gateway `gw` and levels `T1` … of limits 1 2 8 9."""
    await put(conn, points=points)
    return await plant.load(conn)


async def put(conn: AsyncConnection, *, points: int = 3) -> None:
    """Put that plant into a record, which may be of an earlier version."""
    await conn.execute(
        """
        insert into region (code, name, parent, kind) values ('510603', '旌阳区', null, 'county')
        on conflict do nothing
        """
    )
    await conn.execute(
        "insert into enterprise (code, name, region) values ('E1', '某化工有限公司', '510603')"
    )
    await conn.execute(
        """
        insert into source (enterprise_id, code, name, kind)
        select id, 'S1', '罐区', 'tank_farm' from enterprise
        """
    )
    await conn.execute(
        """
        insert into unit (source_id, code, name, kind)
        select id, 'U1', '1 号罐', 'tank' from source
        """
    )
    await conn.execute("insert into gateway (id, enterprise_id) select 'gw', id from enterprise")
    await conn.execute(
        """
        insert into point (enterprise_id, unit_id, tag, quantity, engineering_unit, range_low,
                           range_high, period_s, limits, registered_at)
        select e.id, u.id, 'T' || n, 'level', 'm', 0, 10, 10,
               '{"ll": 1, "l": 2, "h": 8, "hh": 9}', '2025-11-21 00:00:00+00'
          from enterprise e, unit u, generate_series(1, %s) n order by n
        """,
        (points,),
    )
