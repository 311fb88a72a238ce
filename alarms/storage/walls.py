"""The second wall: a caller's reads run as a role to which the tables show the caller's rows only.

The first wall is the condition that each query carries (fences); this one holds where a query
forgets it. The policies are those of the migration 0023_walls.
"""

from contextlib import suppress
from typing import Final

from psycopg import AsyncConnection, sql
from psycopg.errors import DuplicateObject, InsufficientPrivilege, UniqueViolation
from psycopg.pq import TransactionStatus

from alarms.scope import Scope

ROLE: Final = "fengsui_scoped"
"""One for the whole server, as roles are; it cannot log in and owns nothing."""

FENCED: Final = (
    *("alarm", "journal", "warning", "pending_action", "reject", "notification", "audit_trail"),
    *("enterprise", "source", "unit", "point", "roster", "channel", "webhook", "webhook_dead"),
    *("gateway", "gateway_certificate", "gateway_minute", "gateway_hour"),
    *("warning_table", "notification_table", "relay", "relay_refusal"),
    *("relay_origin", "relay_origin_refusal", "relay_command"),
)
"""What the role reads of its scope."""
WHOLE: Final = {
    "region": "the map is everybody's: lists lead from its root to a scope",
    "reading": "the columnstore admits no row security; points, which lead here, have it",
    "reading_1m": "as reading",
    "reading_1h": "as reading",
    "reading_1d": "as reading",
    "rollup_progress": "one row: until when readings are rolled up",
    "journal_head": "one row: where the journal stands, which every caller is told",
    "plant_revision": "one row: how often the plant was changed",
    "tower": "one row: which installation this is",
    "consumer": "names of callers' own cursors and offsets; nothing of the plant",
}
"""What the role reads whole, and why that is well."""
_LOCK: Final = 0x77616C6C_73
"""Key of the advisory lock under which rights are given: `walls` in ASCII."""
_MAY: Final = """
    pg_has_role(current_user, r.oid, case when current_setting('server_version_num')::int < 160000
                                          then 'member' else 'set' end)
    """


async def prepare(conn: AsyncConnection) -> None:
    """Make the role and give it its rights, as far as this connection's role may; idempotent.

    Where it may not, all goes on without the second wall: `mend` says what is missing.
    """
    if await _tell(conn, "not exists (select from pg_roles where rolname = %s)"):
        await _try(conn, sql.SQL("create role {} nologin").format(sql.Identifier(ROLE)))
    if await _tell(conn, f"exists (select from pg_roles r where rolname = %s and not {_MAY})"):
        await _try(conn, sql.SQL("grant {} to current_user").format(sql.Identifier(ROLE)))
    async with conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        await _grant(conn)


async def _tell(conn: AsyncConnection, condition: str) -> bool:
    row = await (await conn.execute(f"select {condition}", (ROLE,))).fetchone()
    return row is not None and bool(row[0])


async def _try(conn: AsyncConnection, statement: sql.Composed) -> None:
    """Do what this role may not be allowed to, or another database of this server has just done."""
    with suppress(InsufficientPrivilege, DuplicateObject, UniqueViolation):
        async with conn.transaction():
            await conn.execute(statement)


async def _grant(conn: AsyncConnection) -> None:
    """Let the role read what it does not read yet."""
    found = await conn.execute(
        """
        select array_agg(name), current_schema()
          from pg_roles, unnest(%s::text[]) name
         where rolname = %s and not has_table_privilege(pg_roles.oid, name, 'select')
        """,
        ([*FENCED, *WHOLE], ROLE),
    )
    row = await found.fetchone()
    if row is None or not row[0]:
        return
    statement = sql.SQL("grant usage on schema {} to {role}; grant select on {} to {role}").format(
        sql.Identifier(row[1]),
        sql.SQL(", ").join(map(sql.Identifier, row[0])),
        role=sql.Identifier(ROLE),
    )
    await conn.execute(statement, prepare=False)


async def mend(conn: AsyncConnection) -> str | None:
    """Return the statement by which an administrator makes the wall stand; None where it does.

    After it `fengsui migrate` gives the rights; where only that is missing, it is empty.
    """
    found = await conn.execute(
        f"""
        select quote_ident(current_user), r.oid is not null, {_MAY}, r.rolsuper or r.rolbypassrls,
               (select bool_and(coalesce(has_table_privilege(r.oid, to_regclass(name), 'select'),
                                         false))
                  from unnest(%s::text[]) name)
          from (values (%s)) as wanted (name) left join pg_roles r on r.rolname = wanted.name
        """,  # noqa: S608  # a constant
        ([*FENCED, *WHOLE], ROLE),
    )
    row = await found.fetchone()
    assert row is not None  # noqa: S101  # one row is wanted
    owner, exists, may_enter, sees_through, reads = row
    parts = [] if exists else [f"create role {ROLE} nologin;"]
    if not may_enter:
        parts.append(f"grant {ROLE} to {owner};")
    if sees_through:
        parts.append(f"alter role {ROLE} nosuperuser nobypassrls;")
    return " ".join(parts) if parts or not reads else None


async def enter(conn: AsyncConnection, scope: Scope) -> None:
    """Show this transaction, from here to its end, only what a scope covers, to read only.

    One message to the server, and no query: what a transaction must say first can follow.
    """
    if conn.autocommit and conn.info.transaction_status != TransactionStatus.INTRANS:
        raise RuntimeError("a scope holds for a transaction; this connection has none")
    statement = sql.SQL(
        "set local role {}; set local fengsui.scope to {}; set local fengsui.region to {}; "
        "set local fengsui.enterprise to {}; set local transaction_read_only to on"
    ).format(
        sql.Identifier(ROLE),
        "all" if scope.everything else "",
        scope.region or "",
        scope.enterprise or "",
    )
    await conn.execute(statement, prepare=False)
