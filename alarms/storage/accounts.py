"""Who may enter: machines' tokens, people and their sessions; secrets are kept as hashes only."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import AsyncConnection

from alarms import scope as scopes
from alarms.errors import ConflictError, NotFoundError
from alarms.scope import Scope


class Entrant(NamedTuple):
    """An identity found by its secret: its name, what it may see and do, and until when."""

    name: str
    scope: Scope
    role: str
    expires_at: datetime | None


class Person(NamedTuple):
    """A person's account as administrators see it, with the password's hash."""

    name: str
    password_hash: str
    scope: str
    role: str
    disabled: bool
    created_at: datetime


class Token(NamedTuple):
    """A machine's token as administrators see it; the token itself is nowhere."""

    name: str
    scope: str
    role: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


async def resolve_scope(conn: AsyncConnection, code: str) -> Scope:
    """Return what a scope code covers; raise NotFoundError when nothing has this code."""
    if code == scopes.ALL.code:
        return scopes.ALL
    padded = code.ljust(6, "0") if scopes.looks_like_region(code) else code
    row = await (
        await conn.execute(
            """
            select exists (select from region where code in (%(code)s, %(padded)s)),
                   (select region from enterprise where code = %(code)s)
            """,
            {"code": code, "padded": padded},
        )
    ).fetchone()
    is_region, home = row or (False, None)
    scope = _scope(code, is_region=is_region, home=home)
    if scope is None:
        raise NotFoundError(
            "a scope is `all`, a region's or an enterprise's code; nothing registered has "
            f"{code!r}: import its registry file first or mend the code"
        )
    return scope


def _scope(code: str, *, is_region: bool, home: str | None) -> Scope | None:
    """Return what a scope code covers; `home` is the region of the enterprise that has it."""
    if code == scopes.ALL.code:
        return scopes.ALL
    if is_region:
        return scopes.of_region(code)
    return None if home is None else scopes.of_enterprise(code, home=home)


async def token_of(conn: AsyncConnection, token_hash: bytes, *, now: datetime) -> Entrant | None:
    """Return whose token this is while it is valid, else None."""
    row = await (
        await conn.execute(
            """
            select name, scope, role, expires_at from token
             where token_hash = %s and revoked_at is null
               and (expires_at is null or expires_at > %s)
            """,
            (token_hash, now),
        )
    ).fetchone()
    return await _entrant(conn, row)


async def session_of(conn: AsyncConnection, token_hash: bytes, *, now: datetime) -> Entrant | None:
    """Return whose session this is while it lasts and the person is not disabled, else None."""
    row = await (
        await conn.execute(
            """
            select person.name, person.scope, person.role, person_session.expires_at
              from person_session join person on person.name = person_session.person
             where token_hash = %s and expires_at > %s and not disabled
            """,
            (token_hash, now),
        )
    ).fetchone()
    return await _entrant(conn, row)


async def standing(
    conn: AsyncConnection, token_hashes: Collection[bytes], *, now: datetime
) -> dict[bytes, Entrant]:
    """Return whose these tokens and sessions are, those that still let somebody in, by hash."""
    rows = await (
        await conn.execute(
            """
            with valid (token_hash, name, scope, role, expires_at) as (
                 select token_hash, name, scope, role, expires_at from token
                  where token_hash = any(%(hashes)s) and revoked_at is null
                    and (expires_at is null or expires_at > %(now)s)
                  union all
                 select token_hash, person.name, person.scope, person.role,
                        person_session.expires_at
                   from person_session join person on person.name = person_session.person
                  where token_hash = any(%(hashes)s) and expires_at > %(now)s and not disabled)
            select token_hash, name, scope, role, expires_at,
                   exists (select from region
                            where code in (scope, case when scope ~ '^([0-9]{2}){1,3}$'
                                                       then rpad(scope, 6, '0') end)),
                   (select region from enterprise where code = scope)
              from valid
            """,
            {"hashes": list(token_hashes), "now": now},
        )
    ).fetchall()
    found = {}
    for token_hash, name, code, role, expires_at, is_region, home in rows:
        scope = _scope(code, is_region=is_region, home=home)
        if scope is not None:
            found[token_hash] = Entrant(name, scope, role, expires_at)
    return found


async def _entrant(
    conn: AsyncConnection, row: tuple[str, str, str, datetime | None] | None
) -> Entrant | None:
    if row is None:
        return None
    name, code, role, expires_at = row
    try:
        return Entrant(name, await resolve_scope(conn, code), role, expires_at)
    except NotFoundError:
        return None


async def create_token(
    conn: AsyncConnection,
    *,
    name: str,
    token_hash: bytes,
    scope: str,
    role: str,
    now: datetime,
    expires_at: datetime | None,
) -> None:
    """Keep a token's hash; raise NotFoundError for a strange scope, ConflictError for a name."""
    await resolve_scope(conn, scope)
    await _free_name(conn, name)
    try:
        await conn.execute(
            """
            insert into token (name, token_hash, scope, role, created_at, expires_at)
            values (%s, %s, %s, %s, %s, %s)
            """,
            (name, token_hash, scope, role, now, expires_at),
        )
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError(
            f"a token named {name!r} was made before; choose another name"
        ) from error


async def _free_name(conn: AsyncConnection, name: str) -> None:
    """Raise ConflictError when a person or a token has this name: journals name both."""
    row = await (
        await conn.execute(
            """
            select exists (select from person where name = %(name)s),
                   exists (select from token where name = %(name)s)
            """,
            {"name": name},
        )
    ).fetchone()
    if row is not None and any(row):
        owner = "an account" if row[0] else "a token"
        raise ConflictError(f"there is {owner} named {name!r} already; choose another name")


async def tokens(conn: AsyncConnection) -> list[Token]:
    """Return all tokens, newest first."""
    cursor = await conn.execute(
        """
        select name, scope, role, created_at, expires_at, revoked_at from token order by id desc
        """
    )
    return [Token(*row) for row in await cursor.fetchall()]


async def revoke_token(conn: AsyncConnection, name: str, *, now: datetime) -> None:
    """End a token at once; raise NotFoundError when there is none of this name."""
    cursor = await conn.execute(
        "update token set revoked_at = coalesce(revoked_at, %s) where name = %s", (now, name)
    )
    if cursor.rowcount == 0:
        raise NotFoundError(f"no token is named {name!r}; `fengsui token list` shows them")


async def create_person(
    conn: AsyncConnection, *, name: str, password_hash: str, scope: str, role: str, now: datetime
) -> None:
    """Open an account; raise NotFoundError for a strange scope, ConflictError for a taken name."""
    await resolve_scope(conn, scope)
    await _free_name(conn, name)
    try:
        await conn.execute(
            """
            insert into person (name, password_hash, scope, role, created_at)
            values (%s, %s, %s, %s, %s)
            """,
            (name, password_hash, scope, role, now),
        )
    except psycopg.errors.UniqueViolation as error:
        raise ConflictError(
            f"an account named {name!r} exists; change it with `fengsui user password {name}`"
        ) from error


async def person(conn: AsyncConnection, name: str) -> Person | None:
    """Return a person's account, or None."""
    row = await (
        await conn.execute(
            """
            select name, password_hash, scope, role, disabled, created_at from person
             where name = %s
            """,
            (name,),
        )
    ).fetchone()
    return None if row is None else Person(*row)


async def persons(conn: AsyncConnection) -> list[Person]:
    """Return all accounts by name."""
    cursor = await conn.execute(
        """
        select name, password_hash, scope, role, disabled, created_at from person order by name
        """
    )
    return [Person(*row) for row in await cursor.fetchall()]


async def disable_person(conn: AsyncConnection, name: str) -> None:
    """Close an account and end its sessions; raise NotFoundError when there is none."""
    cursor = await conn.execute("update person set disabled = true where name = %s", (name,))
    _one_person(cursor.rowcount, name)
    await conn.execute("delete from person_session where person = %s", (name,))


async def change_password(conn: AsyncConnection, name: str, password_hash: str) -> None:
    """Replace a password, enable the account and end its sessions; NotFoundError when none."""
    cursor = await conn.execute(
        "update person set password_hash = %s, disabled = false where name = %s",
        (password_hash, name),
    )
    _one_person(cursor.rowcount, name)
    await conn.execute("delete from person_session where person = %s", (name,))


def _one_person(found: int, name: str) -> None:
    if found == 0:
        raise NotFoundError(f"no account is named {name!r}; `fengsui user list` shows them")


async def open_session(
    conn: AsyncConnection, *, token_hash: bytes, person: str, now: datetime, expires_at: datetime
) -> None:
    """Keep a session's hash and sweep those that ended."""
    await conn.execute("delete from person_session where expires_at <= %s", (now,))
    await conn.execute(
        """
        insert into person_session (token_hash, person, created_at, expires_at)
        values (%s, %s, %s, %s)
        """,
        (token_hash, person, now, expires_at),
    )


async def end_session(conn: AsyncConnection, token_hash: bytes) -> None:
    """Forget a session; nothing happens when it ended before."""
    await conn.execute("delete from person_session where token_hash = %s", (token_hash,))
