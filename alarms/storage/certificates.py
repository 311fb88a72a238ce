"""Gateways' certificates: which were issued to whom until when, and which count no more."""

from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg import AsyncConnection


class Issued(Struct, frozen=True, kw_only=True):
    """A certificate as the record knows it; the key was never here."""

    serial: str
    gateway: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    issued_by: str
    revoked_at: datetime | None


_COLUMNS: Final = """
    select serial, gateway_id, fingerprint, not_before, not_after, issued_by, revoked_at
      from gateway_certificate
"""


async def keep(conn: AsyncConnection, issued: Issued) -> None:
    """Write down a certificate that was issued."""
    await conn.execute(
        """
        insert into gateway_certificate
               (serial, gateway_id, fingerprint, not_before, not_after, issued_by)
        values (%s, %s, %s, %s, %s, %s)
        """,
        (
            issued.serial,
            issued.gateway,
            issued.fingerprint,
            issued.not_before,
            issued.not_after,
            issued.issued_by,
        ),
    )


async def of(conn: AsyncConnection, gateway: str) -> list[Issued]:
    """Return a gateway's certificates, the newest first."""
    found = await conn.execute(
        f"{_COLUMNS} where gateway_id = %s order by not_before desc, serial", (gateway,)
    )
    return [_issued(row) async for row in found]


async def revoked(conn: AsyncConnection, *, now: datetime) -> list[Issued]:
    """Return every revoked certificate that has not expired anyway."""
    found = await conn.execute(
        f"{_COLUMNS} where revoked_at is not null and not_after > %s order by serial", (now,)
    )
    return [_issued(row) async for row in found]


async def revoke(conn: AsyncConnection, gateway: str, serial: str, *, now: datetime) -> bool:
    """Let a certificate of a gateway count no more; False when it has none of this serial."""
    done = await conn.execute(
        """
        update gateway_certificate set revoked_at = coalesce(revoked_at, %s)
         where gateway_id = %s and serial = %s
        """,
        (now, gateway, serial),
    )
    return done.rowcount == 1


def _issued(
    row: tuple[str, str, str, datetime, datetime, str, datetime | None],
) -> Issued:
    return Issued(
        serial=row[0],
        gateway=row[1],
        fingerprint=row[2],
        not_before=row[3],
        not_after=row[4],
        issued_by=row[5],
        revoked_at=row[6],
    )
