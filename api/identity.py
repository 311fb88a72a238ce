"""Who is asking: bearer tokens, passwords, sessions; secrets are drawn and compared here only."""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from psycopg_pool import AsyncConnectionPool

from alarms.scope import Scope
from alarms.storage import accounts
from api import clock, permissions
from api.problems import ProblemError, UnauthenticatedError

COOKIE: Final = "fengsui_session"
SESSION: Final = timedelta(hours=8)
PASSWORD_MIN: Final = 10
PASSWORD_MAX: Final = 1024
_PREFIX: Final = "fs_"
_TOGETHER_S: Final = 0.25
"""Those who ask within so long after the first are looked up in one query."""
_HASHER: Final = PasswordHasher()
_NOBODY: Final = (
    f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    f"${'A' * 22}${'A' * 43}"
)
"""Verified when a name is unknown, so that an unknown name takes as long as a wrong password.

Written down, not computed: no password of anybody's comes to it, and no start waits for it.
"""


class Refusal(StrEnum):
    """Why a sign-in is refused: the audit trail's word, while the answer may say less."""

    unknown = "unknown_account"
    disabled = "disabled_account"
    password = "wrong_password"  # noqa: S105  a reason, no password
    scope = "scope_names_nothing"


class RefusedError(UnauthenticatedError):
    """Somebody asked to sign in and is not let in; the answer says why to the proven only."""

    def __init__(self, why: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.why = why
        if why is Refusal.scope:
            self.members = {"why": why}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Somebody known: what they may see and do; `digest` is what their secret is kept by."""

    name: str
    scope: Scope
    role: str
    expires_at: datetime | None
    digest: bytes
    by_cookie: bool


def new_token() -> str:
    """Draw a machine's token: 256 random bits."""
    return _PREFIX + secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """Return what is kept of a token or session id: both are 256 random bits, SHA-256 will do."""
    return hashlib.sha256(secret.encode()).digest()


def hash_password(password: str) -> str:
    """Return the argon2id hash of a password."""
    return _HASHER.hash(password)


def password_fault(password: str) -> str | None:
    """Return why a password cannot be used, or None."""
    if len(password) < PASSWORD_MIN:
        return f"a password has at least {PASSWORD_MIN} characters; this one has {len(password)}"
    if len(password) > PASSWORD_MAX:
        return f"a password has at most {PASSWORD_MAX} characters"
    return None


class Throttle:
    """Failed sign-ins by name and by address: after five each next one waits, up to a minute.

    Bounded: 10,000 keys, the oldest forgotten first.
    """

    FREE: Final = 5
    LONGEST_S: Final = 60.0
    MOST: Final = 10_000

    def __init__(self) -> None:
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait_s(self, *keys: str) -> float:
        """Return how long the next attempt under these keys must wait, in seconds."""
        moment = time.monotonic()
        return max(0.0, *(self._until(key) - moment for key in keys))

    def failed(self, *keys: str) -> None:
        """Note a failed attempt."""
        moment = time.monotonic()
        for key in keys:
            count = self._failed.pop(key, (0, 0.0))[0] + 1
            self._failed[key] = (count, moment)
            if len(self._failed) > self.MOST:
                self._failed.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of these keys."""
        for key in keys:
            self._failed.pop(key, None)

    def _until(self, key: str) -> float:
        count, at = self._failed.get(key, (0, 0.0))
        if count < self.FREE:
            return 0.0
        return at + min(2.0 ** (count - self.FREE), self.LONGEST_S)


class Gate:
    """Lets identities in: by token, by session, by name and password."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._throttle = Throttle()
        self._hashing = asyncio.Semaphore(2)
        self._asked: set[bytes] = set()
        self._look: asyncio.Task[dict[bytes, accounts.Entrant]] | None = None

    async def by_token(self, token: str) -> Identity | None:
        """Return whose token this is, or None; a broker's opens its own door only."""
        digest = digest_of(token)
        async with self._pool.connection(timeout=5) as conn:
            found = await accounts.token_of(conn, digest, now=clock.now())
        if found is not None and found.role == permissions.BROKER:
            return None
        return None if found is None else _identity(found, digest, by_cookie=False)

    async def by_session(self, session: str) -> Identity | None:
        """Return whose session this is, or None."""
        digest = digest_of(session)
        async with self._pool.connection(timeout=5) as conn:
            found = await accounts.session_of(conn, digest, now=clock.now())
        return None if found is None else _identity(found, digest, by_cookie=True)

    async def still(self, identity: Identity) -> Identity | None:
        """Look again at somebody let in before: None once expired, revoked or disabled.

        Thousands of sockets ask this; those that do at about the same time are answered together.
        """
        self._asked.add(identity.digest)
        if self._look is None:
            self._look = asyncio.create_task(self._look_again(), name="look again")
        found = (await asyncio.shield(self._look)).get(identity.digest)
        if found is None:
            return None
        return _identity(found, identity.digest, by_cookie=identity.by_cookie)

    async def _look_again(self) -> dict[bytes, accounts.Entrant]:
        """Return who of those that ask within a moment may still be here, by digest."""
        await asyncio.sleep(_TOGETHER_S)
        asked, self._asked, self._look = self._asked, set(), None
        async with self._pool.connection(timeout=5) as conn:
            return await accounts.standing(conn, asked, now=clock.now())

    async def sign_in(self, name: str, password: str, *, address: str) -> tuple[str, Identity]:
        """Open a session; return its id and whose it is. Raise RefusedError or ProblemError 429."""
        keys = f"name {name}", f"address {address}"
        wait_s = self._throttle.wait_s(*keys)
        if wait_s > 0:
            raise ProblemError(
                429,
                f"too many failed sign-ins; wait {wait_s:.0f} s and try again",
                headers={"retry-after": str(int(wait_s) + 1)},
            )
        async with self._pool.connection(timeout=5) as conn:
            person = await accounts.person(conn, name)
        known = person.password_hash if person is not None else _NOBODY
        async with self._hashing:
            right = await asyncio.to_thread(_verify, known, password)
        why = _shut(person) or (None if right else Refusal.password)
        if why is not None:
            self._throttle.failed(*keys)
            raise RefusedError(why, "this name and password do not fit together")
        self._throttle.succeeded(*keys)
        return await self._open(name)

    async def admit(self, name: str) -> str:
        """Open a session for somebody proven elsewhere; return its id.

        Raises RefusedError when there is no such account, it is disabled, or its scope is empty.
        """
        async with self._pool.connection(timeout=5) as conn:
            person = await accounts.person(conn, name)
        why = _shut(person)
        if why is not None:
            raise RefusedError(why, "no account that is open has this name")
        return (await self._open(name))[0]

    async def _open(self, name: str) -> tuple[str, Identity]:
        """Open a session of an account; return its id and whose it is."""
        session = secrets.token_urlsafe(32)
        now = clock.now()
        async with self._pool.connection(timeout=5) as conn:
            await accounts.open_session(
                conn,
                token_hash=digest_of(session),
                person=name,
                now=now,
                expires_at=now + SESSION,
            )
        identity = await self.by_session(session)
        if identity is None:
            async with self._pool.connection(timeout=5) as conn:
                await accounts.end_session(conn, digest_of(session))
            raise RefusedError(
                Refusal.scope, "this account's scope names nothing registered; ask an administrator"
            )
        return session, identity

    async def sign_out(self, identity: Identity) -> None:
        """End a session."""
        async with self._pool.connection(timeout=5) as conn:
            await accounts.end_session(conn, identity.digest)


def _shut(person: accounts.Person | None) -> Refusal | None:
    """Return why nobody enters by this account, whatever else is proven."""
    if person is None:
        return Refusal.unknown
    return Refusal.disabled if person.disabled else None


def _verify(known: str, password: str) -> bool:
    try:
        return _HASHER.verify(known, password[: PASSWORD_MAX + 1])
    except (VerificationError, InvalidHashError):
        return False


def _identity(found: accounts.Entrant, digest: bytes, *, by_cookie: bool) -> Identity:
    return Identity(
        name=found.name,
        scope=found.scope,
        role=found.role,
        expires_at=found.expires_at,
        digest=digest,
        by_cookie=by_cookie,
    )
