"""One WebSocket of a client: who it is, sending without ever waiting for others, and its end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from fastapi import WebSocket, WebSocketDisconnect
from starlette.websockets import WebSocketState

from api import frames, problems
from api import service as services
from api.frames import BadFrameError, Writer
from api.identity import COOKIE, Identity
from api.problems import UnauthenticatedError
from api.service import Service

UNAUTHENTICATED: Final = 4401
FORBIDDEN: Final = 4403
AUTH_TIMEOUT: Final = 4408
AUTH_WITHIN_S: Final = 5.0
BLOCKED_S: Final = 30.0
MOST_SOCKETS: Final = 2_000
"""Sockets one caller may have in a process: a client that opens and never closes harms itself."""
CHECK_AGAIN_S: Final = 5.0
"""How often an open socket's token is looked at again."""
_LOG = logging.getLogger(__name__)


class EndedError(Exception):
    """This socket's session is over; `code` is its close code, `reason` says why."""

    def __init__(self, code: int, reason: str, *, goaway_s: int | None = None) -> None:
        self.code = code
        self.reason = reason
        self.goaway_s = goaway_s
        super().__init__(reason)


class Connection:
    """An accepted socket; `identity` is looked at anew while it lasts."""

    def __init__(self, websocket: WebSocket, service: Service) -> None:
        self._websocket = websocket
        self._service = service
        self._sending = asyncio.Lock()
        self._blocked_since: float | None = None
        self._ending: asyncio.Future[EndedError] = asyncio.get_running_loop().create_future()
        self._identity: Identity | None = None

    @property
    def identity(self) -> Identity:
        """Return who this is, as far as it was known a few seconds ago."""
        if self._identity is None:
            raise EndedError(UNAUTHENTICATED, "not authenticated")
        return self._identity

    @property
    def caller(self) -> str | None:
        """Return the name of who this is, None while that is not known."""
        return None if self._identity is None else self._identity.name

    async def send(self, text: str) -> None:
        """Send one frame; waits while this client's socket is full, and for nobody else's."""
        async with self._sending:
            self._blocked_since = asyncio.get_running_loop().time()
            await self._websocket.send_text(text)
            self._blocked_since = None

    async def send_frames(self, write: Writer) -> None:
        """Send what `write` writes (`frames.framed`), as `send` does; it hears whether deflated."""
        async with self._sending:
            self._blocked_since = asyncio.get_running_loop().time()
            await self._websocket.send({"type": "websocket.send", "frames": write})
            self._blocked_since = None

    async def receive(self) -> str | bytes:
        """Take the next frame; raise EndedError when the client has gone."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise EndedError(1000, "the client closed")
        text: str | None = message.get("text")
        body: bytes = message.get("bytes") or b""
        return text if text is not None else body

    def go_away(self, reason: str, *, retry_after_s: int = 5) -> None:
        """Ask the session to end with a `goaway` frame."""
        self.end(EndedError(1012, reason, goaway_s=retry_after_s))

    def end(self, why: EndedError) -> None:
        """Ask the session to end."""
        if not self._ending.done():
            self._ending.set_result(why)

    async def serve(
        self, protocol: str, session: Callable[["Connection", asyncio.TaskGroup], Awaitable[None]]
    ) -> None:
        """Accept, authenticate and run a session until one side ends it."""
        offered = self._websocket.scope.get("subprotocols") or []
        await self._websocket.accept(subprotocol=protocol if protocol in offered else None)
        self._service.connections.add(self)
        why = EndedError(1000, "done")
        try:
            try:
                self._identity = await self._authenticate()
                self._find_room(self._identity)
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._pulse(), name="pulse")
                    group.create_task(self._end(), name="end")
                    await session(self, group)
            except* EndedError as ended:
                why = _first(ended)
            except* WebSocketDisconnect:
                why = EndedError(1000, "the client closed")
            except* Exception as error:  # noqa: BLE001  the top of a client's session
                why = EndedError(1011, problems.of(_first(error)).detail, goaway_s=5)
        finally:
            await self._close(why)
            self._service.left(self)

    def _find_room(self, identity: Identity) -> None:
        """Raise EndedError where this caller has as many sockets as one may have."""
        mine = sum(each.caller == identity.name for each in self._service.connections)
        if mine > MOST_SOCKETS:
            raise EndedError(
                1013, f"{identity.name} has {MOST_SOCKETS} sockets open already", goaway_s=30
            )

    async def _end(self) -> None:
        raise await self._ending

    async def _pulse(self) -> None:
        """Each second see that the socket takes frames; every few that the identity still holds."""
        loop = asyncio.get_running_loop()
        check_at = loop.time() + CHECK_AGAIN_S
        while True:
            await asyncio.sleep(1.0)
            moment = loop.time()
            if self._blocked_since is not None and moment - self._blocked_since > BLOCKED_S:
                self.go_away("this socket took no frame for 30 s; resume from your last offset")
            if moment < check_at:
                continue
            check_at = moment + CHECK_AGAIN_S
            try:
                found = await self._service.gate.still(self.identity)
            except Exception as error:  # noqa: BLE001  the database is away; look again later
                _LOG.warning("a token cannot be checked just now: %s", error)
                continue
            if found is None:
                raise EndedError(UNAUTHENTICATED, "this token or session is no longer valid")
            self._identity = found

    async def _authenticate(self) -> Identity:
        """Find out who this is: header, session cookie of our own page, or the first frame."""
        try:
            token = services.bearer(self._websocket)
        except UnauthenticatedError as error:
            raise EndedError(UNAUTHENTICATED, error.detail) from error
        if token is None and (session := self._websocket.cookies.get(COOKIE)) is not None:
            if not services.same_origin(self._websocket):
                raise EndedError(FORBIDDEN, "a session serves this server's own pages only")
            found = await self._service.gate.by_session(session)
            if found is None:
                raise EndedError(UNAUTHENTICATED, "this session has ended; sign in again")
            return found
        if token is None:
            token = await self._token_of_first_frame()
        found = await self._service.gate.by_token(token)
        if found is None:
            raise EndedError(UNAUTHENTICATED, "this token is unknown, expired or revoked")
        return found

    async def _token_of_first_frame(self) -> str:
        try:
            async with asyncio.timeout(AUTH_WITHIN_S):
                op = frames.parse_alarm_op(await self.receive())
        except TimeoutError as error:
            raise EndedError(
                AUTH_TIMEOUT, 'no {"op": "auth", "token": …} came within 5 s'
            ) from error
        except BadFrameError as error:
            raise EndedError(UNAUTHENTICATED, f"the first frame must be auth; {error}") from error
        if not isinstance(op, frames.Auth):
            raise EndedError(UNAUTHENTICATED, "the first frame must be auth")
        return op.token

    async def _close(self, why: EndedError) -> None:
        """Say why, if the client still takes frames, and close."""
        if self._websocket.client_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(BLOCKED_S if why.goaway_s is not None else 2.0):
                if why.goaway_s is not None:
                    await self.send(
                        frames.frame("goaway", retry_after_s=why.goaway_s, reason=why.reason)
                    )
                elif why.code >= 4000:
                    code = _CODES.get(why.code, "ended")
                    await self.send(frames.error_frame(code, why.reason))
                await self._websocket.close(
                    why.code, why.reason.encode()[:120].decode(errors="ignore")
                )
        except (TimeoutError, RuntimeError, WebSocketDisconnect, OSError):
            _LOG.info("a client was gone before its socket could be closed")


_CODES: Final = {
    UNAUTHENTICATED: "unauthenticated",
    FORBIDDEN: "forbidden",
    AUTH_TIMEOUT: "auth_timeout",
}


_Error = TypeVar("_Error", bound=Exception)


def _first(group: ExceptionGroup[_Error]) -> _Error:
    """Return the error that stands first in a group, however deep."""
    found = group.exceptions[0]
    return _first(found) if isinstance(found, ExceptionGroup) else found
