"""What every HTTP answer gets and every request keeps to: security headers, a size limit, HEAD."""

import asyncio
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import problems, tls
from api.problems import ProblemError

BODY_MOST: Final = 8 * 1024 * 1024
_SECURITY: Final = {
    "content-security-policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


DRAINED_MOST: Final = 64 * 1024 * 1024


class TooLargeError(Exception):
    """A body went on past the limit."""


class Envelope:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on within its limits; HEAD as GET, whose answer leaves without its body.

        Routes need not know HEAD so, and its headers cannot differ from theirs.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bodiless = scope["method"] == "HEAD"
        started = False
        taken = 0

        async def guarded_receive() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > BODY_MOST:
                raise TooLargeError
            return message

        async def secured_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in _SECURITY.items():
                    headers.setdefault(name, value)
                if scope["scheme"] == "https":
                    headers.setdefault("strict-transport-security", tls.HSTS)
                if str(scope["path"]).startswith("/api/"):
                    headers.setdefault("cache-control", "no-store")
            elif bodiless and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        announced = Headers(scope=scope).get("content-length", "0")
        try:
            if announced.isdigit() and int(announced) > BODY_MOST:
                raise TooLargeError
            asked = {**scope, "method": "GET"} if bodiless else scope
            await self._app(asked, guarded_receive, secured_send)
        except TooLargeError:
            if started:
                raise
            await _drain(scope, receive)
            refusal = problems.response(
                ProblemError(
                    413,
                    f"a request has at most {BODY_MOST} bytes; send less, or in parts",
                    headers={"connection": "close"},
                )
            )
            await refusal(scope, receive, secured_send)


async def _drain(scope: Scope, receive: Receive) -> None:
    """Read a refused body away, in bounds: closing over unread bytes would lose our answer."""
    if "expect" in Headers(scope=scope):
        return
    taken = 0
    try:
        async with asyncio.timeout(5.0):
            while taken < DRAINED_MOST:
                message = await receive()
                taken += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
