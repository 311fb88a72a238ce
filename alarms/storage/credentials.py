"""Gateways' credentials: who was let in by which hash, and who no more; passwords are nowhere."""

from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg import AsyncConnection

from alarms.errors import ConflictError, NotFoundError
from alarms.scope import Scope


class Admitted(Struct, frozen=True, kw_only=True):
    """A gateway and how it stands with its credential; `credential` is an argon2id hash."""

    id: str
    enterprise: str
    region: str
    credential: str | None
    credential_at: datetime | None
    revoked_at: datetime | None
    state: str
    last_seen_at: datetime | None

    @property
    def standing(self) -> str:
        """Return one word: none, given or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "given" if self.credential is not None else "none"


_COLUMNS: Final = """
    select g.id, e.code, e.region, g.credential, g.credential_at, g.revoked_at, g.state,
           g.last_seen_at
      from gateway g join enterprise e on e.id = g.enterprise_id
"""


async def admit(
    conn: AsyncConnection,
    gateway: str,
    *,
    enterprise: str,
    credential: str,
    scope: Scope,
    now: datetime,
) -> None:
    """Give a gateway its first credential; the gateway is registered if it was not.

    Raises NotFoundError for an enterprise that is unknown or outside the scope, ConflictError when
    the gateway belongs to another enterprise or has a credential already.
    """
    owner = await (
        await conn.execute("select id, region from enterprise where code = %s", (enterprise,))
    ).fetchone()
    if owner is None or not scope.covers(owner[1], enterprise):
        raise NotFoundError(
            f"no enterprise {enterprise} is registered; import its registry file first with "
            "`fengsui import FILE`, or mend --enterprise"
        )
    there = await find(conn, gateway)
    if there is None:
        await conn.execute(
            """
            insert into gateway (id, enterprise_id, credential, credential_at)
            values (%s, %s, %s, %s)
            """,
            (gateway, owner[0], credential, now),
        )
        await _note_plant_changed(conn, now=now)
        return
    if there.enterprise != enterprise:
        seen = scope.covers(there.region, there.enterprise)
        whose = f"enterprise {there.enterprise}" if seen else "another enterprise"
        raise ConflictError(
            f"gateway {gateway} belongs to {whose}, not to {enterprise}; choose another id"
        )
    if there.standing == "given":
        raise ConflictError(
            f"gateway {gateway} has credentials already; a new password is given by "
            f"`fengsui gateway rotate {gateway}`"
        )
    await renew(conn, gateway, credential=credential, now=now)


async def renew(conn: AsyncConnection, gateway: str, *, credential: str, now: datetime) -> None:
    """Replace a gateway's credential; one that was revoked may enter again."""
    await conn.execute(
        """
        update gateway set credential = %s, credential_at = %s, revoked_at = null where id = %s
        """,
        (credential, now, gateway),
    )


async def revoke(conn: AsyncConnection, gateway: str, *, now: datetime) -> None:
    """Take a gateway's credential and certificates away; what it reported stays."""
    await conn.execute(
        """
        update gateway set credential = null, credential_at = null,
                           revoked_at = coalesce(revoked_at, %s)
         where id = %s
        """,
        (now, gateway),
    )
    await conn.execute(
        """
        update gateway_certificate set revoked_at = %s
         where gateway_id = %s and revoked_at is null
        """,
        (now, gateway),
    )


async def listed(conn: AsyncConnection) -> list[Admitted]:
    """Return every gateway, by id."""
    rows = await conn.execute(f"{_COLUMNS} order by g.id")
    return [_admitted(row) async for row in rows]


async def find(conn: AsyncConnection, gateway: str) -> Admitted | None:
    """Return a gateway and lock it until the transaction ends, or None."""
    row = await (
        await conn.execute(f"{_COLUMNS} where g.id = %s for update of g", (gateway,))
    ).fetchone()
    return None if row is None else _admitted(row)


async def known(conn: AsyncConnection, gateway: str, *, scope: Scope) -> Admitted:
    """Return a gateway within a scope and lock it; raise NotFoundError when there is none."""
    there = await find(conn, gateway)
    if there is None or not scope.covers(there.region, there.enterprise):
        raise NotFoundError(
            f"no gateway {gateway} is registered; `fengsui gateway list` shows those that are"
        )
    return there


async def entry(conn: AsyncConnection, gateway: str) -> Admitted | None:
    """Return a gateway as a broker asks for it, without a lock, or None."""
    row = await (await conn.execute(f"{_COLUMNS} where g.id = %s", (gateway,))).fetchone()
    return None if row is None else _admitted(row)


def _admitted(
    row: tuple[str, str, str, str | None, datetime | None, datetime | None, str, datetime | None],
) -> Admitted:
    return Admitted(
        id=row[0],
        enterprise=row[1],
        region=row[2],
        credential=row[3],
        credential_at=row[4],
        revoked_at=row[5],
        state=row[6],
        last_seen_at=row[7],
    )


async def _note_plant_changed(conn: AsyncConnection, *, now: datetime) -> None:
    await conn.execute("update plant_revision set revision = revision + 1, changed_at = %s", (now,))
    await conn.execute("notify fengsui_plant")
