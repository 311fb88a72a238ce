"""Sign-in through the organisation's provider: there, and back with a session of our own."""

import html
import logging
import secrets
from hmac import compare_digest
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api import answers, examples, parameters, session_trail
from api.identity import COOKIE, SESSION, Refusal, RefusedError
from api.oidc import CALLBACK, Flow, NotProvenError, Person, Provider, ProviderAwayError
from api.problems import ProblemError
from api.service import Service, Shared

router = APIRouter(prefix="/api/v1", tags=["session"])
_FLOW: Final = "fengsui_sign_in"
_FLOW_S: Final = 600
_LOG = logging.getLogger(__name__)
_PUBLIC: Final[dict[str, Any]] = {"security": []}
_WENT: Final[dict[int | str, dict[str, Any]]] = {303: {"description": "Go on there."}}
_PAGE: Final = """<!doctype html><html lang="zh-CN"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>烽燧 Fengsui</title>
<style>body{{font:16px/1.6 sans-serif;max-width:40em;margin:4em auto;padding:0 1em}}</style>
<h1>烽燧 Fengsui</h1><p>{zh}</p><p lang="en">{en}</p>
<p><a href="{home}">返回登录页 · Back to sign-in</a></p>
"""


@router.get(
    "/session/ways",
    summary="Which ways of signing in there are",
    dependencies=[parameters.ONLY_KNOWN],
    responses=answers.described("SignInWays", examples.SIGN_IN_WAYS, problems=(422,)),
    openapi_extra=_PUBLIC,
)
async def ways(service: Shared) -> Response:
    """Answer whether people may sign in through the organisation's provider too."""
    return answers.answer({"password": True, "oidc": service.provider is not None})


@router.get(
    "/session/oidc",
    summary="Sign in through the organisation's provider (for browsers)",
    status_code=303,
    dependencies=[parameters.ONLY_KNOWN],
    responses={**_WENT, **answers.problems_described((404, 422, 503))},
    openapi_extra=_PUBLIC,
)
async def begin(service: Shared) -> Response:
    """Send the browser to the provider; what binds the answer to it is kept in its cookie."""
    provider = _provider(service)
    flow = Flow(secret=secrets.token_urlsafe(32))
    try:
        address = await provider.address(flow)
    except ProviderAwayError as error:
        return _away(provider, error)
    answered = RedirectResponse(address, status_code=303)
    answered.set_cookie(
        _FLOW,
        flow.secret,
        max_age=_FLOW_S,
        path="/",
        secure=_secure(provider),
        httponly=True,
        # The way back begins at another site: `strict` would not send it.
        samesite="lax",
    )
    return answered


@router.get(
    CALLBACK.removeprefix("/api/v1"),
    summary="Where the provider sends the browser back to",
    status_code=303,
    responses={
        **_WENT,
        **answers.problems_described((404, 422)),
        **{
            status: {"description": "A page that says why.", "content": {"text/html": {}}}
            for status in (401, 403, 503)
        },
    },
    openapi_extra=_PUBLIC,
)
async def come_back(
    service: Shared,
    request: Request,
    code: str | None = None,
    state: str | None = None,
    error: str | None = None,
) -> Response:
    """Open a session for the account the provider names, if it is one here; or say why not."""
    provider = _provider(service)
    flow = Flow(secret=request.cookies.get(_FLOW, ""))
    if not flow.secret or not compare_digest((state or "").encode(), flow.state.encode()):
        _LOG.warning("a sign-in through the provider came back to a browser that began none")
        await session_trail.record_stray(service, request, why="not_begun_here")
        return _refused(
            provider,
            401,
            "这次登录不是从本浏览器开始的，或已超过 10 分钟。请返回登录页重新登录。",
            "This sign-in was not begun in this browser, or more than 10 minutes ago. "
            "Go back and sign in again.",
        )
    if error is not None or code is None:
        why = (error or "no code")[:100]
        await session_trail.record_stray(service, request, why="not_completed", provider=why)
        return _refused(
            provider,
            401,
            f"身份提供方没有完成登录（{why}）。",
            f"The provider did not complete the sign-in ({why}).",
        )
    try:
        person = await provider.redeem(code, flow)
    except ProviderAwayError as fault:
        return _away(provider, fault)
    except NotProvenError as fault:
        _LOG.warning("a sign-in through the provider is refused: %s", fault)
        await session_trail.record_stray(service, request, why="not_proven", detail=str(fault))
        return _refused(
            provider,
            401,
            "身份提供方的应答未通过验证，登录被拒绝。请重试；若仍失败，请管理员查看服务器日志。",
            "The provider's answer could not be verified, so nobody is signed in. Try again; if "
            "it happens again, ask an administrator to look into the server's log.",
        )
    try:
        session = await service.gate.admit(person.account)
    except RefusedError as fault:
        _LOG.warning(
            "%r (subject %r) is proven by the provider and refused here: %s",
            person.account,
            person.subject,
            fault.why,
        )
        await session_trail.record_refusal(
            service,
            request,
            why=fault.why,
            account=person.account,
            **_proof(provider, person),
        )
        return _refused(provider, 403, *_shut_out(person.account, fault.why))
    await session_trail.record(service, person.account, "sign_in", _proof(provider, person))
    answered = _forgetting(RedirectResponse(f"{provider.public_url}/", status_code=303))
    answered.set_cookie(
        COOKIE,
        session,
        max_age=int(SESSION.total_seconds()),
        path="/",
        secure=_secure(provider),
        httponly=True,
        samesite="strict",
    )
    return answered


def _provider(service: Service) -> Provider:
    if service.provider is None:
        raise ProblemError(
            404, "no provider is configured here; sign in with name and password (FENGSUI_OIDC_…)"
        )
    return service.provider


def _proof(provider: Provider, person: Person) -> dict[str, str]:
    """Return what the audit trail says of somebody the provider names."""
    return {"by": "oidc", "issuer": provider.issuer, "subject": person.subject}


def _shut_out(account: str, why: Refusal) -> tuple[str, str]:
    """Return what somebody proven reads who is not let in, in Chinese and English."""
    if why is Refusal.scope:
        zh = (
            f"身份已确认为“{account}”，本系统也有这个账号，但其权限范围在本系统中没有对应的区域或企业，"
            "因此什么也看不到。请管理员核对该账号的权限范围，或先登记该区域或企业。"
        )
        en = (
            f"You are known as “{account}” and have an account here, but its scope names no region "
            "or enterprise that is registered, so there is nothing it may see. Ask an "
            "administrator to correct the scope, or to register what it names."
        )
    else:
        zh = (
            f"身份已确认为“{account}”，但本系统没有这个账号，或账号已停用。"
            "请管理员用 fengsui user create 开通同名账号。"
        )
        en = (
            f"You are known as “{account}”, but there is no such account here, or it is disabled. "
            "Ask an administrator to open one of that name with fengsui user create."
        )
    return zh, en


def _secure(provider: Provider) -> bool:
    """Tell whether browsers come by https; a proxy may have taken that off before us."""
    return provider.public_url.startswith("https:")


def _away(provider: Provider, fault: ProviderAwayError) -> Response:
    _LOG.error("the provider of sign-ins is away: %s", fault)
    return _refused(
        provider,
        503,
        "身份提供方目前无法使用。请稍后再试，或用用户名和密码登录。",
        "The provider cannot be used just now. Try again later, or sign in with name and password.",
    )


def _refused(provider: Provider, status: int, zh: str, en: str) -> Response:
    """Return a page for people, in both languages; nothing of a caller's is markup in it."""
    page = _PAGE.format(
        zh=html.escape(zh), en=html.escape(en), home=html.escape(f"{provider.public_url}/")
    )
    return _forgetting(HTMLResponse(page, status_code=HTTPStatus(status)))


def _forgetting(answered: Response) -> Response:
    """Let the browser forget the attempt: it serves once."""
    answered.delete_cookie(_FLOW, path="/", httponly=True, samesite="lax")
    return answered
