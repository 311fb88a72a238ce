"""Gateways' credentials: who was let in by which hash, and who no more; passwords are nowhere."""

from datetime import datetime

from msgspec import Struct
from psycopg import AsyncConnection

from alarms.errors import ConflictError, NotFoundError


class Admitted(Struct, frozen=True, kw_only=True):
    """A gateway as `fengsui gateway list` shows it."""

    id: str
    enterprise: str
    credential: bool
    revoked_at: datetime | None
    state: str
    last_seen_at: datetime | None


async def admit(
    conn: AsyncConnection, gateway: str, *, enterprise: str, credential: str, now: datetime
) -> None:
    """Give a gateway its first credential; the gateway is registered if it was not.

    Raises NotFoundError for an unknown enterprise, ConflictError when the gateway belongs to
    another enterprise or has a credential already.
    """
    owner = await (
        await conn.execute("select id from enterprise where code = %s", (enterprise,))
    ).fetchone()
    if owner is None:
        raise NotFoundError(
            f"no enterprise {enterprise} is registered; import its registry file first with "
            "`fengsui import FILE`, or mend --enterprise"
        )
    there = await _found(conn, gateway)
    if there is None:
        await conn.execute(
            "insert into gateway (id, enterprise_id, credential) values (%s, %s, %s)",
            (gateway, owner[0], credential),
        )
        await _note_plant_changed(conn, now=now)
        return
    if there.enterprise != enterprise:
        raise ConflictError(
            f"gateway {gateway} belongs to enterprise {there.enterprise}, not to {enterprise}; "
            "choose another id"
        )
    if there.credential and there.revoked_at is None:
        raise ConflictError(
            f"gateway {gateway} has credentials already; a new password is given by "
            f"`fengsui gateway rotate {gateway}`"
        )
    await _set(conn, gateway, credential)


async def renew(conn: AsyncConnection, gateway: str, *, credential: str) -> str:
    """Replace a gateway's credential, return its enterprise; NotFoundError without the gateway."""
    there = await _known(conn, gateway)
    await _set(conn, gateway, credential)
    return there.enterprise


async def revoke(conn: AsyncConnection, gateway: str, *, now: datetime) -> None:
    """Take a gateway's credential away, keep what it reported; NotFoundError without it."""
    await _known(conn, gateway)
    await conn.execute(
        "update gateway set credential = null, revoked_at = %s where id = %s", (now, gateway)
    )


async def listed(conn: AsyncConnection) -> list[Admitted]:
    """Return every gateway, by id."""
    rows = await conn.execute(
        """
        select g.id, e.code, g.credential is not null, g.revoked_at, g.state, g.last_seen_at
          from gateway g join enterprise e on e.id = g.enterprise_id order by g.id
        """
    )
    return [_admitted(row) async for row in rows]


async def _known(conn: AsyncConnection, gateway: str) -> Admitted:
    there = await _found(conn, gateway)
    if there is None:
        raise NotFoundError(
            f"no gateway {gateway} is registered; `fengsui gateway list` shows those that are"
        )
    return there


async def _found(conn: AsyncConnection, gateway: str) -> Admitted | None:
    row = await (
        await conn.execute(
            """
            select g.id, e.code, g.credential is not null, g.revoked_at, g.state, g.last_seen_at
              from gateway g join enterprise e on e.id = g.enterprise_id
             where g.id = %s for update of g
            """,
            (gateway,),
        )
    ).fetchone()
    return None if row is None else _admitted(row)


def _admitted(
    row: tuple[str, str, bool, datetime | None, str, datetime | None],
) -> Admitted:
    return Admitted(
        id=row[0],
        enterprise=row[1],
        credential=row[2],
        revoked_at=row[3],
        state=row[4],
        last_seen_at=row[5],
    )


async def _set(conn: AsyncConnection, gateway: str, credential: str) -> None:
    await conn.execute(
        "update gateway set credential = %s, revoked_at = null where id = %s",
        (credential, gateway),
    )


async def _note_plant_changed(conn: AsyncConnection, *, now: datetime) -> None:
    await conn.execute("update plant_revision set revision = revision + 1, changed_at = %s", (now,))
    await conn.execute("notify fengsui_plant")
