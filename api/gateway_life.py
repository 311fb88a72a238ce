"""A gateway's credential from its making to its end: database, broker and audit trail in step.

The old password is refused at once when a new one is given: Mosquitto keeps one password an
account, and a password is changed in haste when it was seen by somebody. A change without a gap is
made by certificate, of which a gateway may hold several at a time.
"""

import asyncio
import re
import shlex
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec
from psycopg import AsyncConnection

from alarms import instants
from alarms.errors import FengsuiError, UnavailableError
from alarms.scope import Scope
from alarms.storage import credentials, queries
from alarms.storage.credentials import Admitted
from api import machine_passwords
from api.authority import Authority

ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Door(Protocol):
    """A broker's own list of accounts, which follows ours; answers are lines for a person.

    Both raise UnavailableError when the broker cannot be told now, and may be called again.
    """

    async def admit(self, gateway: str, password: str | None, digest: str | None) -> Sequence[str]:
        """Let a gateway in by this password only, or by certificate only; ends its connection."""

    async def shut(self, gateway: str) -> Sequence[str]:
        """Let a gateway in no more and end its connection."""


class Entrance(msgspec.Struct, frozen=True, kw_only=True):
    """The way into the broker: its address (no secret in it), topics' prefix, door, authority."""

    address: str
    prefix: str
    door: Door
    authority: Authority


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What is handed to an enterprise, the password this once."""

    gateway: str
    enterprise: str
    username: str
    password: str
    broker: str
    topics: dict[str, str]
    example: str
    told: Sequence[str]


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What a revocation did; `closed` false: the broker could not be told, do it again."""

    gateway: str
    closed: bool
    told: Sequence[str]


async def create(
    conn: AsyncConnection,
    entrance: Entrance,
    *,
    gateway: str,
    enterprise: str,
    scope: Scope,
    actor: str,
    now: datetime,
) -> Issued:
    """Give a gateway its first credential; raises as `credentials.admit` does."""
    if not ID.fullmatch(gateway):
        raise FengsuiError(f"{gateway!r} is no gateway id: 1 to 64 of the letters A-Z a-z 0-9 _ -")
    before = await credentials.find(conn, gateway)
    password = machine_passwords.new()
    digest = await asyncio.to_thread(machine_passwords.hashed, password)
    await credentials.admit(
        conn, gateway, enterprise=enterprise, credential=digest, scope=scope, now=now
    )
    await trail(conn, "gateway_create", gateway, before=before, actor=actor, now=now)
    told = await entrance.door.admit(gateway, password, digest)
    return _issued(entrance, gateway, enterprise, password, told)


async def rotate(
    conn: AsyncConnection,
    entrance: Entrance,
    *,
    gateway: str,
    scope: Scope,
    actor: str,
    now: datetime,
) -> Issued:
    """Give a gateway a new password; the old one is refused at once, its connection ended."""
    before = await credentials.known(conn, gateway, scope=scope)
    password = machine_passwords.new()
    digest = await asyncio.to_thread(machine_passwords.hashed, password)
    await credentials.renew(conn, gateway, credential=digest, now=now)
    await trail(conn, "gateway_rotate", gateway, before=before, actor=actor, now=now)
    told = await entrance.door.admit(gateway, password, digest)
    return _issued(entrance, gateway, before.enterprise, password, told)


async def revoke(
    conn: AsyncConnection,
    entrance: Entrance,
    *,
    gateway: str,
    scope: Scope,
    actor: str,
    now: datetime,
) -> Revoked:
    """Take a gateway's password and certificates away; what it reported stays.

    It is revoked in the record even where the broker is away: `closed` says whether it was told.
    """
    before = await credentials.known(conn, gateway, scope=scope)
    await credentials.revoke(conn, gateway, now=now)
    await trail(conn, "gateway_revoke", gateway, before=before, actor=actor, now=now)
    try:
        told = await entrance.door.shut(gateway)
    except UnavailableError as fault:
        return Revoked(gateway=gateway, closed=False, told=(str(fault),))
    return Revoked(gateway=gateway, closed=True, told=told)


async def trail(
    conn: AsyncConnection,
    action: str,
    gateway: str,
    *,
    before: Admitted | None,
    actor: str,
    now: datetime,
    **more: object,
) -> None:
    """Write down who changed a gateway's credential, from what to what; never a secret."""
    await queries.record_trail(
        conn,
        at=now,
        actor=actor,
        action=action,
        subject=f"gateway:{gateway}",
        before=_shown(before),
        after={**(_shown(await credentials.entry(conn, gateway)) or {}), **more},
    )


def _shown(there: Admitted | None) -> dict[str, object] | None:
    if there is None:
        return None
    since = there.revoked_at or there.credential_at
    return {
        "enterprise": there.enterprise,
        "credential": there.standing,
        "since": None if since is None else instants.to_text(instants.from_datetime(since)),
    }


def _issued(
    entrance: Entrance, gateway: str, enterprise: str, password: str, told: Sequence[str]
) -> Issued:
    own = f"{entrance.prefix}/{gateway}"
    topics = {
        name: f"{own}/{name}" for name in ("readings", "history", "status", "senml", "replies")
    }
    parts = urlsplit(entrance.address)
    host = parts.hostname or "127.0.0.1"
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    example = shlex.join(
        [
            *("mosquitto_pub", "-h", host, "-p", str(port), "-u", gateway, "-P", password),
            *("-q", "1", "-i", gateway, "-t", topics["readings"], "-m", '{"values": {"TAG": 1.0}}'),
        ]
    )
    return Issued(
        gateway=gateway,
        enterprise=enterprise,
        username=gateway,
        password=password,
        broker=f"{parts.scheme}://{host}:{port}",
        topics=topics,
        example=example,
        told=told,
    )
