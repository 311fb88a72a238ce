"""Two towers, each a server over a database of its own, and relays between them, for tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from psycopg.rows import class_row

from alarms.storage import connection
from tests import beacons, servers
from tests.beacons import Document, House
from tests.databases import Databases
from tests.processes import Command, Serve

REGIONS = (
    ("510000", "四川省", None, "province"),
    ("510600", "德阳市", "510000", "city"),
    ("510603", "旌阳区", "510600", "county"),
    ("440000", "广东省", None, "province"),
    ("440300", "深圳市", "440000", "city"),
    ("440305", "南山区", "440300", "county"),
)


class Pair(NamedTuple):
    """A city that watches two enterprises, and a province that watches none."""

    city: House
    province: House


class Row(NamedTuple):
    """One journal row, as far as it must be the same at both towers."""

    alarm_id: str
    rev: int
    type: str
    kind: str
    tier: int
    region: str | None
    enterprise: str | None
    actor: str
    org_level: str | None
    note: str


@contextmanager
def pair_of(databases: Databases, folder: Path) -> Iterator[Pair]:
    """Serve a city and a province until the end."""
    with (
        tower(databases, folder, watches=True) as city,
        tower(databases, folder, watches=False) as province,
    ):
        asyncio.run(name(city, "德阳市"))
        asyncio.run(name(province, "四川省"))
        yield Pair(city, province)


@contextmanager
def tower(databases: Databases, folder: Path, *, watches: bool) -> Iterator[House]:
    """Serve a fresh database; `watches`: with both enterprises, else with regions alone."""
    name = databases.create()
    database = databases.address(name)
    asyncio.run(_found(database))
    asyncio.run(beacons.build(database) if watches else _regions(database))
    serve = Serve(
        ("serve", "--role", "api", "--no-migrate"),
        env={"FENGSUI_DATABASE_URL": database, "FENGSUI_DATA_DIR": str(folder / name)},
        folder=folder,
    )
    try:
        start(serve)
        yield House(database, serve)
    finally:
        serve.kill()
        databases.drop(name)


def start(serve: Serve) -> None:
    """Start a tower, perhaps again, and wait until it answers."""
    Command.start(serve)
    servers.until(lambda: beacons.lives(serve), deadline_s=60, what="healthz to answer")


async def _found(url: str) -> None:
    """Make it a tower of its own: databases of tests are copies of one."""
    async with await connection.connect(url) as conn:
        await conn.execute("update tower set id = gen_random_uuid()")
        await conn.execute("update journal_head set epoch = gen_random_uuid()")


async def _regions(url: str) -> None:
    async with await connection.connect(url) as conn:
        for row in REGIONS:
            await conn.execute(
                """
                insert into region (code, name, parent, kind) values (%s, %s, %s, %s)
                on conflict do nothing
                """,
                row,
            )


async def name(house: House, called: str) -> None:
    """Give a tower its name."""
    async with await house.http("all", "administrator") as http:
        answer = await http.put("tower", json={"name": called})
        assert answer.status_code == 200, answer.text


async def relay(lower: House, upper: House, *, scope: str = "all", **wanted: Any) -> Document:
    """Make a relay and return what was answered."""
    asked = {
        "name": f"relay to {upper.serve.url}"[:64],
        "url": upper.serve.url,
        "token": await upper.token(scope, "tower"),
        "level": "province",
        **wanted,
    }
    async with await lower.http("all", "administrator") as http:
        answer = await http.post("relays", json=asked)
        assert answer.status_code == 201, answer.text
        made: Document = answer.json()
        return made


@asynccontextmanager
async def relayed(
    lower: House, upper: House, *, level: bool = True, **wanted: Any
) -> AsyncIterator[Document]:
    """Relay until the end; `level`: begin once all that was there is above."""
    made = await relay(lower, upper, **wanted)
    try:
        if level:
            await settled(lower, made)
        yield made
    finally:
        async with await lower.http("all", "administrator") as http:
            await http.delete(f"relays/{made['id']}")


async def standing(lower: House, made: Document) -> Document:
    """Return the relay as it is shown now."""
    async with await lower.http("all", "administrator") as http:
        items = (await http.get("relays")).json()["items"]
    (found,) = (each for each in items if each["id"] == made["id"])
    return dict(found)


async def settled(lower: House, made: Document, *, deadline_s: float = 60) -> Document:
    """Wait until the tower above has all that is here now; return the relay."""
    async with await connection.connect(lower.database) as conn:
        row = await (await conn.execute("select log_offset from journal_head")).fetchone()
    assert row is not None
    return await until(
        lower,
        made,
        lambda found: (
            found["state"] == "connected"
            and found["why"] is None
            and not found["resend"]
            and int(found["position"].rpartition(":")[2]) >= row[0]
        ),
        deadline_s=deadline_s,
    )


async def until(
    lower: House, made: Document, check: Callable[[Document], bool], *, deadline_s: float = 30
) -> Document:
    """Wait until a relay is as it should be and return it; else say how it stands."""
    found = made
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                found = await standing(lower, made)
                if check(found):
                    return found
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise AssertionError(f"{found}\n{lower.serve.report()}") from error


async def journal(house: House, *subjects: str) -> list[Row]:
    """Return the journal's rows in order, those of some alarms or all."""
    async with (
        await connection.connect(house.database) as conn,
        conn.cursor(row_factory=class_row(Row)) as cursor,
    ):
        await cursor.execute(
            """
            select alarm_id, rev, type, kind, tier, region, enterprise, actor, org_level, note
              from journal where %(all)s or alarm_id = any(%(ids)s) order by log_offset
            """,
            {"all": not subjects, "ids": list(subjects)},
        )
        return await cursor.fetchall()


async def seen(house: House, alarm: str) -> dict[str, Any] | None:
    """Return an alarm as a tower shows it, None for one it does not know."""
    async with await house.http() as http:
        answer = await http.get(f"alarms/{alarm}")
    return answer.json() if answer.status_code == 200 else None
