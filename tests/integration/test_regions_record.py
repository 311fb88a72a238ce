"""Administrative divisions in the record: shipped ones, and parks of a registry file."""

from collections.abc import AsyncIterator

import pytest
from psycopg import AsyncConnection

from alarms import regions, registry
from alarms.storage import connection
from alarms.storage import registry as stored

NOON = 1_763_712_000_000_000


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database) as conn:
        await stored.load_builtin_regions(conn)
        await conn.commit()
        yield conn


async def test_a_park_is_a_region_of_its_own_once_imported(conn: AsyncConnection) -> None:
    text = 'regions: [{code: "510681P01", name: 园区, parent: "510681", kind: park}]'
    found = registry.parse(text.encode(), await stored.known(conn))
    for created, unchanged in ((1, 0), (0, 1)):
        done = await stored.apply(conn, found, actor="engineer", now=NOON)
        assert (done.created, done.changed, done.unchanged) == (created, 0, unchanged)
    assert "510681P01" in (await stored.known(conn)).regions


async def test_the_shipped_divisions_are_loaded_once(conn: AsyncConnection) -> None:
    assert await stored.load_builtin_regions(conn) == 0
    row = await (await conn.execute("select count(*) from region where builtin")).fetchone()
    assert row == (len(regions.builtin()),)


async def test_a_division_whose_name_changed_is_brought_up_to_date(conn: AsyncConnection) -> None:
    await conn.execute("update region set name = 'old' where code = '510603'")
    assert await stored.load_builtin_regions(conn) == 1
