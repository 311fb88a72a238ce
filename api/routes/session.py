"""Sign-in for people: a session in a cookie that scripts cannot read."""

from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from api import answers, examples, permissions, session_trail
from api import service as services
from api.identity import COOKIE, SESSION, Identity, Refusal, RefusedError
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["session"])


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A person's name and password."""

    name: str
    password: str


@router.post(
    "/session",
    summary="Sign in",
    responses=answers.described("Session", examples.SESSION, problems=(401, 403, 422, 429)),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/SignIn"},
                    "example": {"name": "wang", "password": "ten characters or more"},
                }
            },
        },
        "security": [],
    },
)
async def sign_in(service: Shared, request: Request) -> Response:
    """Open a session of eight hours and set its cookie."""
    services.guard(request)
    try:
        wish = msgspec.json.decode(await request.body(), type=SignIn)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            422, f'the body cannot be used, wanted {{"name", "password"}}: {error}'
        ) from error
    if "\0" in wish.name:
        raise ProblemError(422, "a name has no NUL character")
    try:
        session, identity = await service.gate.sign_in(
            wish.name, wish.password, address=session_trail.address_of(request)
        )
    except RefusedError as error:
        account = None if error.why is Refusal.unknown else wish.name
        await session_trail.record_refusal(
            service, request, by="password", why=error.why, account=account
        )
        raise
    await session_trail.record(service, identity.name, "sign_in")
    answered = answers.answer(shown(identity))
    answered.set_cookie(
        COOKIE,
        session,
        max_age=int(SESSION.total_seconds()),
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return answered


@router.get(
    "/session",
    summary="Who am I",
    responses=answers.described("Session", examples.SESSION, problems=(401,)),
)
async def who_am_i(identity: Asking) -> Response:
    """Answer the caller's name, role, scope and what they may do."""
    return answers.answer(shown(identity))


@router.delete(
    "/session",
    summary="Sign out",
    status_code=204,
    responses={401: answers.problem_described(401)},
)
async def sign_out(identity: Asking, service: Shared) -> Response:
    """End the session and forget its cookie."""
    if identity.by_cookie:
        await service.gate.sign_out(identity)
        await session_trail.record(service, identity.name, "sign_out")
    answered = Response(status_code=204)
    answered.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return answered


def shown(identity: Identity) -> dict[str, Any]:
    """Return an identity as its owner sees it."""
    return {
        "name": identity.name,
        "role": identity.role,
        "scope": identity.scope.code,
        "actions": permissions.actions_of(identity.role, identity.scope),
        "duties": permissions.duties_of(identity.role, identity.scope),
        "acts_for": permissions.government_of(identity.scope),
        "expires_at": answers.text_of(identity.expires_at),
    }
