"""The role of the second wall: made where the owner may make it, and said where it is missing."""

import asyncio
import json
from collections.abc import Callable

import psycopg
from fastapi import FastAPI

from alarms import scope as scopes
from alarms.scope import ALL
from alarms.storage import connection, migrate, queries, walls
from api import app as apps
from tests import asgi
from tests.processes import Command
from tests.servers import Postgres


async def test_where_the_owner_may_make_no_role_all_works_and_the_mend_is_said(
    postgres: Callable[[], Postgres],
) -> None:
    server = postgres()
    url = server.database("site").replace("fengsui:", "plain:")
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("create role plain login")
        admin.execute("create database site owner plain")
        await migrate.migrate(url)
        async with (
            asgi.running(apps.create(url)) as app,
            await connection.connect(url, autocommit=True) as conn,
        ):
            assert await _reads_as(app) == "plain"
            said = await walls.mend(conn)
            assert said == "create role fengsui_scoped nologin; grant fengsui_scoped to plain;"
            admin.execute(said)
            assert await walls.mend(conn) == ""
            await migrate.migrate(url)
            assert await walls.mend(conn) is None
            assert await _reads_as(app) == walls.ROLE
            admin.execute("alter role fengsui_scoped bypassrls")
            assert await walls.mend(conn) == "alter role fengsui_scoped nosuperuser nobypassrls;"


async def _reads_as(app: FastAPI) -> str:
    async with app.state.service.reading(scopes.of_enterprise("E-1")) as conn:
        assert await queries.alarms(conn, queries.AlarmFilter(), ALL, after=None, limit=9) == []
        (role,) = await (await conn.execute("select current_user::text")).fetchone()
    return str(role)


async def test_an_owner_who_may_make_roles_makes_this_one_or_says_what_is_missing(
    postgres: Callable[[], Postgres], fengsui: Callable[..., Command]
) -> None:
    server = postgres()
    found = []
    with psycopg.connect(server.url, autocommit=True) as admin:
        for owner in ("first", "second"):
            admin.execute(f"create role {owner} login createrole")
            admin.execute(f"create database {owner} owner {owner}")
            url = server.database(owner).replace("fengsui:", f"{owner}:")
            await migrate.migrate(url)
            async with await connection.connect(url, autocommit=True) as conn:
                found.append(await walls.mend(conn))
    assert found == [None, "grant fengsui_scoped to second;"]
    doctor = fengsui("doctor", "--json", database_url=url, http_port=0)
    assert doctor.wait(60) == 0, doctor.report()
    checks = {check["name"]: check for check in json.loads(doctor.output())["checks"]}
    assert checks["row_security"]["verdict"] == "warning"
    assert "`grant fengsui_scoped to second;`" in checks["row_security"]["mend"]


async def test_databases_of_one_server_migrate_at_once(postgres: Callable[[], Postgres]) -> None:
    server = postgres()
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("create role makes login createrole")
        names = [f"site{number}" for number in range(4)]
        for name in names:
            admin.execute(f"create database {name} owner makes")
    urls = [server.database(name).replace("fengsui:", "makes:") for name in names]
    await asyncio.gather(*map(migrate.migrate, [*urls, urls[0]]))
    for url in urls:
        async with await connection.connect(url, autocommit=True) as conn:
            assert await walls.mend(conn) is None
