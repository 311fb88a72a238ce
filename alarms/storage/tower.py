"""Which tower this installation is."""

from psycopg import AsyncConnection

from alarms.towers import Tower


async def own(conn: AsyncConnection) -> Tower:
    """Return this tower; its name is empty until somebody gives it one."""
    row = await (await conn.execute("select id, name from tower")).fetchone()
    if row is None:
        raise RuntimeError("tower is empty: the schema is damaged")
    return Tower(id=row[0], name=row[1])


async def rename(conn: AsyncConnection, name: str) -> Tower:
    """Give this tower a name; what was relayed before keeps the old one."""
    await conn.execute("update tower set name = %s", (name,))
    return await own(conn)
