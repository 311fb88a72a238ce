"""What the routes of one process share: the pool, the gate, the readers of journal and values."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Protocol
from urllib.parse import urlsplit

from fastapi import Depends, Request
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.requests import HTTPConnection

from alarms.plant import Plant
from alarms.scope import Scope
from alarms.storage import walls
from api.broker_desk import BrokerDesk
from api.burdens import Burdens
from api.feed import Feed
from api.gateway_life import Entrance
from api.identity import COOKIE, Gate, Identity, Throttle
from api.inspection import Inspections
from api.live import Live
from api.oidc import Provider
from api.pace import CALLS_PER_S, Pace
from api.problems import ProblemError, UnauthenticatedError

if TYPE_CHECKING:
    from api.connection import Connection

CUSTOM_HEADER = "x-fengsui"
_LOG = logging.getLogger(__name__)


class Preview(Protocol):
    """Says what ingest would make of a message; given to this room, which does not know ingest."""

    def __call__(
        self,
        plant: Plant,
        gateway: str,
        payload: bytes,
        received: int,
        settings: Mapping[str, object],
    ) -> dict[str, Any]:
        """Answer for one message; raise RefusedError for settings no registry file could have."""


@dataclass(slots=True, kw_only=True)
class Service:
    """The shared parts of one API process."""

    pool: AsyncConnectionPool
    gate: Gate
    feed: Feed
    live: Live
    way_in: Entrance | None
    desk: BrokerDesk
    inspections: Inspections
    burdens: Burdens
    preview: Preview | None = None
    provider: Provider | None = None
    pace: Pace = field(default_factory=Pace)
    strays: Throttle = field(default_factory=Throttle)
    """By address: how often sign-ins through the provider that prove nobody are written down."""
    connections: "set[Connection]" = field(default_factory=set)
    consumers: dict[tuple[str, str], object] = field(default_factory=dict)
    """Which subscription serves each named consumer now, by (owner, name)."""
    counting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Taken by what counts a long span of the journal: the others keep their connections."""
    _has_wall: bool | None = None
    """Whether the second wall stands; while it does not, each read asks again."""
    _empty: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def entrance(self) -> Entrance:
        """Return the way into the broker; a server that was told of none changes no credential."""
        if self.way_in is None:
            raise ProblemError(503, "this server knows no broker; set FENGSUI_BROKER_URL")
        return self.way_in

    def left(self, connection: "Connection") -> None:
        """Forget a socket that is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def all_gone(self) -> None:
        """Wait until no socket is open."""
        while self.connections:
            self._empty.clear()
            await self._empty.wait()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction; commits at the end, rolls back on an error."""
        async with self.pool.connection(timeout=5) as conn:
            yield conn

    @asynccontextmanager
    async def reading(self, scope: Scope) -> AsyncIterator[AsyncConnection]:
        """Give a transaction in which only what a scope covers is seen, and nothing written.

        That is the second wall; where the database has none, the caller's conditions are the wall.
        """
        if not self._has_wall:
            async with self.transaction() as conn:
                has_wall = await walls.mend(conn) is None
            if not has_wall and self._has_wall is None:
                _LOG.warning("row security is off; run `fengsui doctor` for the mend")
            self._has_wall = has_wall
        async with self.transaction() as conn:
            if self._has_wall:
                await walls.enter(conn, scope)
            yield conn


def of(connection: HTTPConnection) -> Service:
    """Return the service of the app a request or socket came to."""
    service = connection.app.state.service
    assert isinstance(service, Service)  # noqa: S101  set by the app's lifespan
    return service


def same_origin(connection: HTTPConnection) -> bool:
    """Tell whether a browser's page of this very server is asking (Origin equals Host)."""
    origin = connection.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == connection.headers.get("host")


def bearer(connection: HTTPConnection) -> str | None:
    """Return the token of the Authorization header, or None when there is no such header."""
    header = connection.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("the Authorization header must read `Bearer <token>`")
    return token.strip()


async def identify(request: Request) -> Identity:
    """Return who is asking; raise 401 for nobody, 403 for another site's page, 429 for too many."""
    service = of(request)
    found = await _known(service, request)
    wait_s = service.pace.wait_s(found.name)
    if wait_s > 0:
        raise ProblemError(
            429,
            f"{found.name} asks more than {CALLS_PER_S:.0f} times a second; wait, then ask again",
            headers={"retry-after": str(int(wait_s) + 1)},
        )
    return found


async def _known(service: Service, request: Request) -> Identity:
    token = bearer(request)
    if token is not None:
        found = await service.gate.by_token(token)
        if found is None:
            raise UnauthenticatedError("this token is unknown, expired or revoked")
        return found
    session = request.cookies.get(COOKIE)
    if session is None:
        raise UnauthenticatedError
    found = await service.gate.by_session(session)
    if found is None:
        raise UnauthenticatedError("this session has ended; sign in again")
    if request.method not in {"GET", "HEAD", "OPTIONS"}:
        guard(request)
    return found


def guard(request: Request) -> None:
    """Refuse a change asked for by another site's page: our header or our origin must be there."""
    if request.headers.get(CUSTOM_HEADER) == "1" or same_origin(request):
        return
    raise ProblemError(
        403, "a change by session needs the header `X-Fengsui: 1` or this server's own origin"
    )


async def _shared(request: Request) -> Service:
    """Return the service; a plain function would be called on a thread of its own each time."""
    return of(request)


Asking = Annotated[Identity, Depends(identify)]
Shared = Annotated[Service, Depends(_shared)]
