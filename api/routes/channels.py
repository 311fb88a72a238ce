"""Channels by which people are told: mail, webhooks, work chats; no secret is shown."""

import base64
import binascii
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import httpx
from fastapi import APIRouter, Path, Request, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from psycopg import AsyncConnection

from alarms import notices
from alarms.notices import Language
from alarms.rosters import To
from alarms.storage import channels, queries
from alarms.storage.channels import Channel
from api import (
    answers,
    clock,
    deliveries,
    notification_schemas,
    outbound,
    permissions,
    senders,
)
from api.identity import Identity
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["notifications"])
ChannelName = Annotated[str, Path(description="The channel's name.", min_length=1, max_length=64)]
_ASKED: Final = (401, 403, 404, 409, 422)
_Secret = Annotated[str, Meta(min_length=1, max_length=500)]
_Mailbox = Annotated[str, Meta(max_length=254, pattern=r"^[^\r\n@]+@[^\r\n@]+$")]


class ChannelWish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel: `secret` left out stays as it is; `account` and `sender` are a mail server's.

    `template` is JSON for a webhook in whose texts {title}, {text}, {to}, {person} and {count} are
    filled in.
    """

    kind: channels.Kind
    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    secret: _Secret | UnsetType | None = UNSET
    account: Annotated[str, Meta(min_length=1, max_length=254)] | None = None
    sender: _Mailbox | None = None
    language: Language = "zh"
    template: dict[str, Any] | None = None


class Trial(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a trial goes: a mailbox, or whom a chat calls by name."""

    to: To = ""


@router.get(
    "/channels",
    summary="Channels of the caller's scope",
    responses=answers.described(
        "Channel", notification_schemas.CHANNEL_EXAMPLE, of="page", problems=(401, 403, 422)
    ),
)
async def list_channels(identity: Asking, service: Shared) -> Response:
    """Answer all of them; of an address only the host is shown, for its rest is a key."""
    _allowed(identity)
    async with service.reading(identity.scope) as conn:
        found = await channels.listed(conn, identity.scope)
    return answers.answer({"items": [shown(each) for each in found], "next": None})


@router.put(
    "/channels/{name}",
    summary="Make or change a channel; it carries what the maker's scope covers",
    responses=answers.described("Channel", notification_schemas.CHANNEL_EXAMPLE, problems=_ASKED),
    openapi_extra=answers.taken("ChannelWish"),
)
async def put_channel(
    identity: Asking, service: Shared, request: Request, name: ChannelName
) -> Response:
    """Answer the channel as it is from now on."""
    _allowed(identity)
    wish = await answers.body_of(request, ChannelWish)
    _check(wish)
    async with service.transaction() as conn:
        before = next(iter(await channels.listed(conn, identity.scope, name=name)), None)
        kept = None if before is None else before.secret
        scope = identity.scope if before is None else before.covers
        made = Channel(
            name=name,
            kind=wish.kind,
            url=wish.url,
            secret=kept if isinstance(wish.secret, UnsetType) else wish.secret,
            account=wish.account,
            sender=wish.sender,
            language=wish.language,
            template=wish.template,
            scope=scope.code,
            region=scope.region,
            enterprise=scope.enterprise,
            changed_by=identity.name,
            changed_at=clock.now(),
        )
        await channels.put(conn, made)
        await _trail(conn, identity, "set", before=before, after=made)
    return answers.answer(shown(made))


@router.delete(
    "/channels/{name}",
    summary="Take a channel away; what waits for it fails and says so",
    status_code=204,
    responses={204: {"description": "Gone."}, **answers.problems_described(_ASKED)},
)
async def delete_channel(identity: Asking, service: Shared, name: ChannelName) -> Response:
    """Delete a channel."""
    async with service.transaction() as conn:
        found = await _found(conn, identity, name)
        await channels.delete(conn, name)
        await _trail(conn, identity, "removed", before=found, after=None)
    return Response(status_code=204)


@router.post(
    "/channels/{name}/test",
    summary="Send a test message now and say what was answered",
    responses=answers.described(
        "ChannelTrial", notification_schemas.TRIAL_EXAMPLE, problems=_ASKED
    ),
    openapi_extra=answers.taken("Trial"),
)
async def try_channel(
    identity: Asking, service: Shared, request: Request, name: ChannelName
) -> Response:
    """Answer whether the other side took it, and in which words."""
    wanted = await answers.body_of(request, Trial) if await request.body() else Trial()
    async with service.transaction() as conn:
        channel = await _found(conn, identity, name)
    message = senders.Message(
        id=f"trial-{int(clock.now().timestamp() * 1000)}",
        parts=(notices.trial(name, identity.name),),
        address=wanted.to,
        named=(wanted.to,) if wanted.to and channel.kind in channels.CHATS else (),
    )
    async with httpx.AsyncClient(timeout=senders.TIMEOUT_S, follow_redirects=False) as http:
        result = await senders.send(channel, message, http)
    async with service.transaction() as conn:
        await _trail(conn, identity, "tried", before=None, after=channel)
    return answers.answer({"taken": result.is_taken, "answer": result.answer})


def shown(channel: Channel) -> dict[str, Any]:
    """Return a channel as it is shown: no secret, and of an address that is one only its host."""
    parts = urlsplit(channel.url)
    return {
        "name": channel.name,
        "kind": channel.kind,
        "url": channel.url if channel.kind == "smtp" else f"{parts.scheme}://{parts.netloc}/…",
        "has_secret": channel.secret is not None,
        "account": channel.account,
        "sender": channel.sender,
        "language": channel.language,
        "template": channel.template,
        "scope": channel.scope,
        "changed_by": channel.changed_by,
        "changed_at": answers.text_of(channel.changed_at),
    }


def _check(wish: ChannelWish) -> None:
    if wish.kind == "smtp":
        outbound.check(wish.url, plain="smtp", secure="smtps")
        if wish.sender is None:
            raise ProblemError(422, "a mail server needs `sender`, the address mails come from")
    else:
        outbound.check(wish.url)
        if wish.account is not None or wish.sender is not None:
            raise ProblemError(422, "`account` and `sender` belong to the kind smtp only")
    if wish.template is not None and wish.kind != "webhook":
        raise ProblemError(422, "`template` belongs to the kind webhook only")
    if wish.kind == "wecom" and isinstance(wish.secret, str):
        raise ProblemError(422, "WeCom's robots do not sign: their key stands in `url`")
    if wish.kind == "webhook" and isinstance(wish.secret, str):
        prefix, key = deliveries.SECRET_PREFIX, wish.secret
        try:
            if not key.startswith(prefix):
                raise ValueError(key)
            base64.b64decode(key.removeprefix(prefix), validate=True)
        except (ValueError, binascii.Error) as error:
            raise ProblemError(
                422, f"a webhook's `secret` is {prefix} and base64 (Standard Webhooks)"
            ) from error


async def _found(conn: AsyncConnection, identity: Identity, name: str) -> Channel:
    _allowed(identity)
    found = await channels.listed(conn, identity.scope, name=name)
    if not found:
        raise ProblemError(404, f"there is no channel {name} within your scope")
    return found[0]


def _allowed(identity: Identity) -> None:
    if not permissions.sets_notifications(identity.role):
        raise ProblemError(403, "channels are an administrator's; ask one of your scope")


async def _trail(
    conn: AsyncConnection,
    identity: Identity,
    done: str,
    *,
    before: Channel | None,
    after: Channel | None,
) -> None:
    named = after or before
    assert named is not None  # noqa: S101  # one of the two is there
    await queries.record_trail(
        conn,
        at=clock.now(),
        actor=identity.name,
        action=f"channel.{done}",
        subject=f"channel:{named.name}",
        before=None if before is None else shown(before),
        after=None if after is None else shown(after),
    )
