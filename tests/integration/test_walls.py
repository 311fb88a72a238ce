"""Behind the second wall a query that forgot its condition shows only rows of the scope."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import psycopg
import pytest
from psycopg import AsyncConnection, sql

from alarms import scope as scopes
from alarms.plant import prefix_of
from alarms.scope import ALL, Scope
from alarms.storage import connection, fences, queries, walls
from tests import rights
from tests.databases import Databases
from tests.rights import ENTERPRISES, REGIONS, SCOPES

FILL: Final = """
    insert into enterprise (code, name, region) values {enterprises};
    insert into source (enterprise_id, code, name, kind)
    select id, code || '-S1', 's', 'tank_farm' from enterprise;
    insert into unit (source_id, code, name, kind) select id, code, 'u', 'tank' from source;
    insert into point (enterprise_id, unit_id, tag, quantity, engineering_unit, registered_at)
    select e.id, u.id, 'T-' || e.code, 'level', 'm', now()
      from enterprise e join source s on s.enterprise_id = e.id join unit u on u.source_id = s.id;
    insert into gateway (id, enterprise_id) select 'gw-' || code, id from enterprise;
    insert into gateway_certificate select id, id, 'f', now(), now(), 'x' from gateway;
    insert into gateway_minute select id, now(), 1, 1, 0, 0 from gateway;
    insert into gateway_hour select id, now(), 1, 1, 0, 0 from gateway;

    create temp table place as
    select code, region, code as enterprise from enterprise
    union all values ('510600', '510600', null), ('510603', '510603', null), ('none', null, null);
    insert into alarm (id, key, rule, rev, region, enterprise, kind, tier, state, active, simulated,
                       t_raised, record)
    select code, code, 'r', 1, region, enterprise, 'limit', 4, 'UNACK', true, false, now(), '{{}}'
      from place;
    insert into pending_action select id, 'shelve', 'x', null, '', now() from alarm;
    insert into journal (log_offset, alarm_id, rev, type, kind, tier, region, enterprise, t_event,
                         t_received, t_committed, data, hash)
    select row_number() over (), code, 1, 'raised', 'limit', 4, region, enterprise, now(), now(),
           now(), '{{}}', '' from place;
    update journal_head set log_offset = (select max(log_offset) from journal);
    create temp table area as select * from
    (values ('issued', '510600', '{{"published_at": "2026-11-26T00:00:00Z"}}'),
            ('draft', '510600', '{{"published_at": null}}')) as area (id, region, record);
    insert into warning (id, rev, stage, level, region, simulated, t_proposed, t_lifted, record)
    select id, 1, id, 4, region, false, now(), now(), record::jsonb from area;
    insert into journal (log_offset, alarm_id, rev, type, kind, tier, region, t_event, t_received,
                         t_committed, data, hash)
    select 100 + row_number() over (), id, 1, id, 'warning', 4, region, now(), now(), now(), record,
           '' from area;
    insert into warning (id, rev, stage, level, region, enterprise, simulated, t_proposed, record)
    select code, 1, 'proposed', 4, region, enterprise, false, now(), '{{}}'
      from place where region is not null;
    insert into reject (received, gateway, enterprise, region, reason, count)
    select now(), code, enterprise, region, 'bad_json', 1 from place;
    insert into notification (log_offset, alarm_id, rev, kind, moment, tier, region, enterprise,
                              simulated, target, words, state, planned_at, due_at, until)
    select row_number() over (), code, 1, 'limit', 'raised', 4, region, enterprise, false, 'x',
           '{{}}', 'sent', now(), now(), now() from place;

    create temp table holder as
    select code, region_prefix(code) as region, null as enterprise from place
     where enterprise is null and region is not null
    union all select code, null, code from enterprise union all values ('all', null, null);
    insert into channel (name, kind, url, language, scope, region, enterprise, changed_by,
                         changed_at)
    select code, 'webhook', 'u', 'zh', code, region, enterprise, 'x', now() from holder;
    insert into webhook (name, url, secret, filter, scope, region, enterprise, created_by,
                         created_at, epoch, log_offset)
    select code, 'u', 's', '{{}}', code, region, enterprise, 'x', now(), 'e', 0 from holder;
    insert into webhook_dead select id, 1, now(), 500, 'x' from webhook;
    insert into roster select code, region, enterprise, '{{}}', now() from holder;
    insert into relay (name, url, token, region, escalated_only, level, created_by, created_at,
                       epoch, log_offset)
    select code, 'u', 't', nullif(code, 'all'), false, 'city', 'x', now(), 'e', 0
      from holder where enterprise is null;
    insert into relay_refusal select id, 1, now(), 'a', 1, 'c', 'e' from relay;
    insert into relay_origin values ('below', 'b', null, 'e', 0, 0, now());
    insert into relay_origin_refusal values ('below', 1, now(), 'a', 1, 'c', 'e');
    insert into relay_command (tower, kind, subject, action, rev, note, actor, asked_at)
    values ('below', 'alarm', 'a', 'acknowledge', 1, '', 'x', now());
    insert into audit_trail (at, actor, action, object) values (now(), 'x', 'x', 'x');
    insert into warning_table select code, '{{}}', now() from region where code = any({tables});
    insert into notification_table select * from warning_table;
"""
TABLES: Final = ["510000", "510600", "510603", "440305"]
"""Regions with tables of their own."""
OF_ENTERPRISE: Final = "(select {} from enterprise e where e.id = enterprise_id)"
OF_GATEWAY: Final = (
    "(select {} from enterprise e join gateway g on g.enterprise_id = e.id where g.id = gateway_id)"
)
OF_SOURCE: Final = (
    "(select {} from enterprise e join source s on s.enterprise_id = e.id where s.id = source_id)"
)
OWN: Final = ("region", "enterprise")


def _of(owner: str, code: str = "e.enterprise") -> tuple[str, str]:
    return owner.format("e.region"), owner.format(code)


ROWS: Final[dict[str, tuple[str, str, str]]] = {
    "alarm": ("id", *OWN),
    "journal": ("alarm_id", *OWN),
    "warning": ("id", *OWN),
    "reject": ("id", *OWN),
    "notification": ("id", *OWN),
    "channel": ("name", *OWN),
    "webhook": ("name", *OWN),
    "pending_action": ("alarm_id", *_of("(select {} from alarm e where e.id = alarm_id)")),
    "webhook_dead": ("webhook_id", *_of("(select {} from webhook e where e.id = webhook_id)")),
    "enterprise": ("code", "region", "code"),
    "source": ("code", *_of(OF_ENTERPRISE, "e.code")),
    "point": ("tag", *_of(OF_ENTERPRISE, "e.code")),
    "gateway": ("id", *_of(OF_ENTERPRISE, "e.code")),
    "unit": ("code", *_of(OF_SOURCE, "e.code")),
    "gateway_certificate": ("serial", *_of(OF_GATEWAY, "e.code")),
    "gateway_minute": ("gateway_id", *_of(OF_GATEWAY, "e.code")),
    "gateway_hour": ("gateway_id", *_of(OF_GATEWAY, "e.code")),
    "roster": (
        "place",
        "coalesce(region, (select e.region from enterprise e where e.code = roster.enterprise))",
        "enterprise",
    ),
    "relay": ("name", "region", "null"),
    "relay_refusal": ("relay_id", "(select region from relay where id = relay_id)", "null"),
    "relay_origin": ("tower", "null", "null"),
    "relay_origin_refusal": ("tower", "null", "null"),
    "relay_command": ("number", "null", "null"),
    "audit_trail": ("id", "null", "null"),
    "warning_table": ("region", "region", "null"),
    "notification_table": ("region", "region", "null"),
}
"""Of each table: what tells its rows apart, and whose a row is, as its owner finds out."""


@pytest.fixture(scope="module")
def filled(databases: Databases) -> Iterator[str]:
    """The address of a database with rows of three enterprises, of regions and of nobody."""
    name = databases.create()
    with psycopg.connect(databases.address(name)) as conn:
        owners = sql.SQL(", ").join(
            sql.SQL("({}, 'n', {})").format(code, region) for code, region in ENTERPRISES.items()
        )
        conn.execute(sql.SQL(FILL).format(enterprises=owners, tables=TABLES))
    yield databases.address(name)
    databases.drop(name)


def scope_of(code: str) -> Scope:
    """Return the scope that a code of the table of rights stands for."""
    if code == "all":
        return ALL
    return scopes.of_region(code) if code in REGIONS else scopes.of_enterprise(code)


async def keys(conn: AsyncConnection, table: str) -> set[str]:
    """Return what is seen of a table by a query without any condition."""
    return {key for (key,) in await selected(conn, table, ROWS[table][0])}


async def selected(conn: AsyncConnection, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return columns of a whole table, as text."""
    shown = sql.SQL(", ").join(sql.SQL(f"{column}::text") for column in columns)
    query = sql.SQL("select {} from {}").format(shown, sql.Identifier(table))
    return await (await conn.execute(query)).fetchall()


def test_every_fenced_table_is_looked_at_here() -> None:
    assert set(ROWS) == set(walls.FENCED)


@pytest.mark.parametrize(
    "code", ["510000", "510600", "510603", "511000", "100000", "510603P01", "51", "5106"]
)
async def test_the_database_cuts_a_code_as_the_plant_does(filled: str, code: str) -> None:
    async with await connection.connect(filled) as conn:
        found = await conn.execute("select region_prefix(%s)", (code,))
        assert await found.fetchone() == (prefix_of(code),)


@pytest.mark.parametrize("scope", SCOPES)
async def test_without_any_condition_only_rows_of_the_scope_are_seen(
    filled: str, scope: str
) -> None:
    wanted, seen = {}, {}
    async with await connection.connect(filled) as conn:
        for table, columns in ROWS.items():
            rows = await selected(conn, table, *columns)
            assert rows, table
            wanted[table] = {it[0] for it in rows if _is_seen(table, it[0], scope, it[1], it[2])}
        await conn.commit()
        await walls.enter(conn, scope_of(scope))
        for table in ROWS:
            seen[table] = await keys(conn, table)
    assert seen == wanted


def _is_seen(table: str, key: str, scope: str, region: str | None, enterprise: str | None) -> bool:
    """What is issued over an area, and a region's table, are also seen by whom they hold for."""
    if key == "issued" and table in ("warning", "journal"):
        return scope in ("all", "510600", "510603", "ALPHA-1", "BRAVO-1")
    if not table.endswith("_table") or scope == "all":
        return rights.covers(scope, region, enterprise)
    mine, its = REGIONS.get(scope, "-"), (region or "").removesuffix("00").removesuffix("00")
    return its.startswith(mine) or mine.startswith(its)


async def test_a_transaction_that_names_no_scope_sees_nothing(filled: str) -> None:
    async with await connection.connect(filled) as conn:
        for _ in range(2):  # settings of an earlier transaction are there, and empty
            await conn.execute(sql.SQL("set local role {}").format(sql.Identifier(walls.ROLE)))
            assert [table for table in ROWS if await keys(conn, table)] == []
            await conn.commit()
            await walls.enter(conn, scopes.of_region("510603"))
            assert await keys(conn, "alarm") == {"ALPHA-1", "510603"}
            await conn.commit()


async def test_what_the_role_may_read_is_fenced_or_whole_for_a_reason(database: str) -> None:
    async with await connection.connect(database) as conn:
        found = await conn.execute(
            """
            select c.relname, c.relrowsecurity and exists
                   (select from pg_policy p where p.polrelid = c.oid and p.polcmd = '*')
              from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = current_schema() and c.relkind in ('r', 'p', 'v', 'm', 'f')
               and has_table_privilege(%s, c.oid, 'select')
            """,
            (walls.ROLE,),
        )
        readable: dict[str, bool] = dict(await found.fetchall())
        found = await conn.execute(
            "select c.relname from pg_class c where has_table_privilege(%s, c.oid, "
            "'insert, update, delete, truncate') and c.relkind in ('r', 'p')",
            (walls.ROLE,),
        )
        assert await found.fetchall() == []
    assert not {"person", "person_session", "token", "idempotency"} & set(readable)
    assert {name for name, is_fenced in readable.items() if is_fenced} == set(walls.FENCED)
    assert {name for name, is_fenced in readable.items() if not is_fenced} == set(walls.WHOLE)


NOT_READ: Final = {
    "tiering": "regions' tiers: the engine's, no door shows them",
    "point_group": "the engine's, no door shows it",
}


async def test_whatever_says_whose_it_is_has_a_policy(database: str) -> None:
    async with await connection.connect(database) as conn:
        found = await conn.execute(
            """
            select distinct c.relname from pg_class c
              join pg_namespace n on n.oid = c.relnamespace
              join pg_attribute a on a.attrelid = c.oid
             where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relispartition
               and a.attname in ('region', 'enterprise', 'enterprise_id')
               and not exists (select from pg_policy p where p.polrelid = c.oid)
            """
        )
        assert {name for (name,) in await found.fetchall()} == set(NOT_READ)


async def test_a_connection_of_the_pool_takes_no_scope_to_its_next_caller(filled: str) -> None:
    pool = connection.pool(filled, most=1)

    async def read(scope: Scope, error: type[BaseException] | None = None) -> set[str]:
        async with pool.connection() as conn:
            await walls.enter(conn, scope)
            found = await keys(conn, "enterprise")
            if error is not None:
                raise error
            return found

    async def owner() -> tuple[Any, ...] | None:
        async with pool.connection() as conn:
            row = await conn.execute(
                """
                select current_user = session_user, current_setting('fengsui.scope', true),
                       current_setting('fengsui.region', true),
                       current_setting('transaction_read_only'), pg_backend_pid()
                """
            )
            return await row.fetchone()

    async with pool:
        before = await owner()
        assert before is not None
        for error in (None, ValueError, asyncio.CancelledError):
            if error is None:
                assert await read(scope_of("510600")) == {"ALPHA-1", "BRAVO-1"}
            else:
                with pytest.raises(error):
                    await read(ALL, error)
            assert await owner() == (True, "", "", "off", before[-1])
        assert await read(scope_of("CHARLY-1")) == {"CHARLY-1"}


async def test_a_connection_without_a_transaction_is_refused(filled: str) -> None:
    async with await connection.connect(filled, autocommit=True) as conn:
        with pytest.raises(RuntimeError, match="none"):
            await walls.enter(conn, ALL)
        async with conn.transaction():
            await walls.enter(conn, scope_of("ALPHA-1"))
            assert await keys(conn, "enterprise") == {"ALPHA-1"}
        assert await keys(conn, "enterprise") == set(ENTERPRISES)


async def test_a_statement_prepared_for_one_scope_serves_the_next_one_rightly(filled: str) -> None:
    query = "select code from enterprise where simulated = %s order by code"
    async with await connection.connect(filled) as conn:
        conn.prepare_threshold = 1
        for _ in range(8):  # beyond five the server keeps a plan
            for scope in (*SCOPES, None):
                if scope is not None:
                    await walls.enter(conn, scope_of(scope))
                found = await (await conn.execute(query, (False,))).fetchall()
                wanted = [
                    code
                    for code, region in ENTERPRISES.items()
                    if scope is None or rights.covers(scope, region, code)
                ]
                assert [code for (code,) in found] == wanted
                await conn.commit()
        kept = await conn.execute(
            """
            select generic_plans + custom_plans from pg_prepared_statements
             where statement like '%simulated%'
            """
        )
        assert await kept.fetchone() == (8 * (len(SCOPES) + 1) - 1,)


async def test_nothing_is_written_behind_the_wall(filled: str) -> None:
    async with await connection.connect(filled) as conn:
        await walls.enter(conn, ALL)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            await conn.execute("delete from alarm")


async def test_an_index_serves_a_region_behind_the_wall(filled: str) -> None:
    scope = scope_of("510603")
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="a.region", enterprise="a.enterprise")
    query = sql.SQL("explain select a.id from alarm a where {}").format(conditions.where())
    async with await connection.connect(filled) as conn:
        await walls.enter(conn, scope)
        await conn.execute("set local enable_seqscan = off")
        plan = await (await conn.execute(query, conditions.values)).fetchall()
    assert any("Index Cond: ((region ~>=~ '510603'" in line for (line,) in plan), plan


async def test_a_snapshot_stands_at_one_offset_behind_the_wall(filled: str) -> None:
    async with await connection.connect(filled) as conn:
        await walls.enter(conn, scope_of("ALPHA-1"))
        head, rows = await queries.standing(conn, queries.AlarmFilter(), ALL)
    assert (head.offset, head.floor) == (6, 1)  # those of everybody
    assert {row.alarm_id for row in rows} == {"ALPHA-1"}
