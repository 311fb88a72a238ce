"""A gateway's certificates: issued by our own authority, written down, revoked one by one."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from psycopg import AsyncConnection

from alarms.errors import ConflictError, FengsuiError, NotFoundError
from alarms.scope import Scope
from alarms.storage import certificates, credentials
from api import gateway_life
from api.authority import Authority, Revocation
from api.gateway_life import Entrance

DAYS: Final = 365
MOST_DAYS: Final = 1825


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed to an enterprise; `key` this once, and null where it kept its own."""

    gateway: str
    serial: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    certificate: str
    key: str | None
    ca: str
    told: Sequence[str]


async def issue(
    conn: AsyncConnection,
    entrance: Entrance,
    *,
    gateway: str,
    scope: Scope,
    actor: str,
    now: datetime,
    days: int = DAYS,
    request: str | None = None,
) -> Handed:
    """Issue a certificate; those it has keep counting, so that it changes over without a gap.

    `request` is a signing request, PEM, of a gateway that keeps its key to itself.
    """
    if not 1 <= days <= MOST_DAYS:
        raise FengsuiError(f"a certificate counts for 1 to {MOST_DAYS} days, not {days}")
    before = await credentials.known(conn, gateway, scope=scope)
    if before.standing == "revoked":
        raise ConflictError(
            f"gateway {gateway} is revoked; let it in again with `fengsui gateway create {gateway} "
            f"--enterprise {before.enterprise}`"
        )
    made = await asyncio.to_thread(
        entrance.authority.for_gateway, gateway, now=now, days=days, request=request
    )
    await certificates.keep(
        conn,
        certificates.Issued(
            serial=made.serial,
            gateway=gateway,
            fingerprint=made.fingerprint,
            not_before=made.not_before,
            not_after=made.not_after,
            issued_by=actor,
            revoked_at=None,
        ),
    )
    await gateway_life.trail(
        conn, "gateway_certificate", gateway, before=before, actor=actor, now=now,
        serial=made.serial,
    )  # fmt: skip
    told: Sequence[str] = ()
    if before.credential is None:
        told = await entrance.door.admit(gateway, None, None)
    return Handed(
        gateway=gateway,
        serial=made.serial,
        fingerprint=made.fingerprint,
        not_before=made.not_before,
        not_after=made.not_after,
        certificate=made.certificate,
        key=made.key,
        ca=entrance.authority.certificate(now),
        told=told,
    )


async def revoke(
    conn: AsyncConnection, *, gateway: str, serial: str, scope: Scope, actor: str, now: datetime
) -> None:
    """Let one certificate count no more; raises NotFoundError when the gateway has none such."""
    before = await credentials.known(conn, gateway, scope=scope)
    if not await certificates.revoke(conn, gateway, serial, now=now):
        raise NotFoundError(
            f"gateway {gateway} has no certificate {serial}; "
            f"`fengsui gateway certificates {gateway}` lists them"
        )
    await gateway_life.trail(
        conn, "gateway_certificate_revoke", gateway, before=before, actor=actor, now=now,
        serial=serial,
    )  # fmt: skip


async def revocations(conn: AsyncConnection, authority: Authority, *, now: datetime) -> str:
    """Return the signed list of all that count no more, PEM, for the broker's `crlfile`."""
    listed = [
        Revocation(serial=one.serial, at=one.revoked_at)
        for one in await certificates.revoked(conn, now=now)
        if one.revoked_at is not None
    ]
    return await asyncio.to_thread(authority.revocations, listed, now=now)
