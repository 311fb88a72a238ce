"""Answers to brokers that ask who may enter and which topics a gateway may use. Bounded, quick."""

import asyncio
import time
from typing import Final

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from alarms import topic_rights
from alarms.scope import Scope
from alarms.storage import accounts, credentials
from alarms.storage.credentials import Admitted
from api import clock
from api.identity import Throttle, digest_of
from api.machine_passwords import Proven
from api.permissions import BROKER
from api.problems import ProblemError, UnauthenticatedError

MOST_WAITING: Final = 256
"""Passwords that wait to be proven; a broker that asks for more is told to come again."""
TOKEN_S: Final = 5.0
"""How long a broker's token is taken for valid without another look."""
_SERVER_TRIES: Final = 2
"""Passwords proven at a time: a restart of the broker must not take the server's cores."""


class BrokerDesk:
    """Answers a broker that shows a token of the role `broker`; the token's scope binds it too.

    Each answer reads the record, so that what was revoked in any process is refused at once; only
    that a password fits its hash is remembered.
    """

    def __init__(self, pool: AsyncConnectionPool, *, prefix: str) -> None:
        self._pool = pool
        self._prefix = prefix
        self._proven = Proven()
        self._throttle = Throttle()
        self._proving = asyncio.Semaphore(_SERVER_TRIES)
        self._waiting = 0
        self._scopes: dict[bytes, tuple[float, Scope]] = {}  # as many as there are valid tokens

    async def may_enter(self, key: str, *, name: str, password: str, client_id: str | None) -> bool:
        """Tell whether a gateway enters by this password; its client id, where told, is its id.

        Whoever takes a client id takes over its session, and its connection is ended by it.
        """
        found = await self._gateway(key, name)
        if client_id is not None and client_id != name:
            return False
        if found is None or found.credential is None:
            return False
        if self._proven.knows(name, found.credential, password):
            return True
        if self._throttle.wait_s(name) > 0:
            return False
        if not await self._fits(name, found.credential, password):
            self._throttle.failed(name)
            return False
        self._throttle.succeeded(name)
        return True

    async def is_let_in(self, key: str, name: str) -> bool:
        """Tell whether a gateway is one, and was not revoked."""
        return await self._gateway(key, name) is not None

    async def may_publish(self, key: str, name: str, topic: str) -> bool:
        """Tell whether a gateway may publish on a topic now."""
        own = topic_rights.may_publish(name, topic, self._prefix)
        return await self._gateway(key, name) is not None and own

    async def may_read(self, key: str, name: str, wanted: str) -> bool:
        """Tell whether a gateway may read a topic, or subscribe to a filter, now."""
        own = topic_rights.may_read(name, wanted, self._prefix)
        return await self._gateway(key, name) is not None and own

    async def _gateway(self, key: str, name: str) -> Admitted | None:
        """Return a gateway that may be let in; raise UnauthenticatedError for a wrong key."""
        async with self._pool.connection(timeout=5) as conn:
            scope = await self._scope(conn, digest_of(key))
            found = None if "\0" in name else await credentials.entry(conn, name)
        if found is None or found.revoked_at is not None:
            return None
        return found if scope.covers(found.region, found.enterprise) else None

    async def _scope(self, conn: AsyncConnection, digest: bytes) -> Scope:
        """Return the scope of a broker's token, which is looked at again every few seconds."""
        moment = time.monotonic()
        known = self._scopes.get(digest)
        if known is not None and moment < known[0]:
            return known[1]
        self._scopes.pop(digest, None)
        token = await accounts.token_of(conn, digest, now=clock.now())
        if token is None or token.role != BROKER:
            raise UnauthenticatedError("the key in this address is no valid broker's token")
        self._scopes[digest] = moment + TOKEN_S, token.scope
        return token.scope

    async def _fits(self, name: str, known: str, password: str) -> bool:
        if self._waiting >= MOST_WAITING:
            raise ProblemError(
                503, "too many passwords wait to be proven; ask again", headers={"retry-after": "1"}
            )
        self._waiting += 1
        try:
            async with self._proving:
                return await asyncio.to_thread(self._proven.fits, name, known, password)
        finally:
            self._waiting -= 1
