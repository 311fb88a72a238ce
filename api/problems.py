"""Every error as an RFC 9457 problem document: what was wanted, what was there, what to do."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import psycopg
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from psycopg_pool import PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match

from alarms.errors import ConflictError, FengsuiError, NotAllowedError, NotFoundError

MEDIA_TYPE = "application/problem+json"
_LOG = logging.getLogger(__name__)


class ProblemError(Exception):
    """An answer that is an error: HTTP status, one sentence, and members for programs."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: object,
    ) -> None:
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members
        super().__init__(detail)


class UnauthenticatedError(ProblemError):
    """Nobody known is asking."""

    def __init__(
        self, detail: str = "sign in, or send `Authorization: Bearer` with a valid token"
    ) -> None:
        super().__init__(401, detail, headers={"www-authenticate": 'Bearer realm="fengsui"'})


def document(status: int, detail: str, members: Mapping[str, object]) -> dict[str, Any]:
    """Return a problem document."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}


def response(error: ProblemError) -> Response:
    """Return a problem as an HTTP answer."""
    return Response(
        msgspec.json.encode(document(error.status, error.detail, error.members)),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=error.headers,
    )


def of(error: Exception) -> ProblemError:
    """Return the problem that says what went wrong; what nobody foresaw becomes a bare 500."""
    match error:
        case ProblemError():
            return error
        case NotFoundError():
            return ProblemError(404, str(error))
        case NotAllowedError():
            return ProblemError(403, str(error))
        case ConflictError():
            return ProblemError(409, str(error))
        case psycopg.OperationalError() | PoolTimeout():
            return ProblemError(
                503,
                "the database cannot be reached just now; try again in a few seconds",
                headers={"retry-after": "5"},
            )
        case psycopg.DataError():
            return ProblemError(422, "a value of the request cannot be used (a NUL, or too large)")
        case FengsuiError():
            return ProblemError(422, str(error))
        case _:
            _LOG.error("request failed", exc_info=error)
            return ProblemError(
                500, "the server made a mistake; its log says more, the request may be repeated"
            )


def install(app: FastAPI) -> None:
    """Let every error of the app leave as a problem document."""

    async def any_error(_request: Request, error: Exception) -> Response:
        return response(of(error))

    async def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101  registered for this class
        detail = _HTTP_WORDS.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == 405 and (methods := _methods_at(request)):
            headers["Allow"] = ", ".join(methods)
        return response(ProblemError(error.status_code, detail, headers=headers))

    async def invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101  registered for this class
        faults = [
            {"place": ".".join(str(part) for part in fault["loc"]), "problem": fault["msg"]}
            for fault in error.errors()
        ]
        said = "; ".join(f"{fault['place']}: {fault['problem']}" for fault in faults)
        return response(ProblemError(422, f"the request cannot be used: {said}", faults=faults))

    for kind in (ProblemError, FengsuiError, psycopg.Error, PoolTimeout, Exception):
        app.add_exception_handler(kind, any_error)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)


def _methods_at(request: Request) -> list[str]:
    """Return what an address knows: of several routes there the framework names only the first.

    What knows GET knows HEAD (envelope.py).
    """
    asked = {name: request.scope[name] for name in ("type", "path", "root_path", "headers")}
    known = [
        method
        for method in ("DELETE", "GET", "PATCH", "POST", "PUT")
        if any(
            route.matches({**asked, "method": method})[0] is Match.FULL
            for route in request.app.router.routes
        )
    ]
    return sorted({*known, *(["HEAD"] if "GET" in known else [])})


_HTTP_WORDS = {
    404: "nothing is served at this address; /api/v1/openapi.json lists what is",
    405: "this address does not know this method; /api/v1/openapi.json lists what it knows",
}
