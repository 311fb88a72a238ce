"""Webhooks: the push log delivered to an address, and what it would not take (administrators)."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Request, Response
from msgspec import Meta, Struct
from psycopg import AsyncConnection

from alarms import instants
from alarms.storage import queries, webhooks
from alarms.storage.webhooks import Webhook
from api import answers, clock, deliveries, examples, frames, outbound, permissions
from api.identity import Identity
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["webhooks"])
WebhookId = Annotated[int, Path(description="The webhook's id.", ge=1, le=2**63 - 1)]
_ASKED: Final = (401, 403, 404, 409, 422)


class NewWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to deliver, and what of the caller's scope; `filter` as in a subscription."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    filter: frames.Filter = frames.Filter()


class Again(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which dead letters to deliver again; absent: all."""

    offsets: Annotated[tuple[frames.Offset, ...], Meta(min_length=1, max_length=1000)] | None = None


@router.get(
    "/webhooks",
    summary="Webhooks of the caller's scope, with how far each is",
    responses=answers.described("Webhook", examples.WEBHOOK, of="page", problems=(401, 403, 422)),
)
async def list_webhooks(identity: Asking, service: Shared) -> Response:
    """Answer all of them; their secrets are shown nowhere."""
    _allowed(identity)
    async with service.reading(identity.scope) as conn:
        found = await webhooks.listed(conn, identity.scope)
    return answers.answer({"items": [shown(each) for each in found], "next": None})


@router.post(
    "/webhooks",
    summary="Deliver events of the caller's scope to an address; its secret, shown this once",
    status_code=201,
    responses=answers.described(
        "NewWebhookSecret", examples.WEBHOOK_SECRET, status=201, problems=_ASKED
    ),
    openapi_extra=answers.taken("NewWebhook"),
)
async def create(identity: Asking, service: Shared, request: Request) -> Response:
    """Begin with the next event. Deliveries are signed as Standard Webhooks are."""
    _allowed(identity)
    wanted = await answers.body_of(request, NewWebhook)
    outbound.check(wanted.url)
    secret = deliveries.new_secret()
    kept: dict[str, Any] = msgspec.to_builtins(wanted.filter)
    async with service.transaction() as conn:
        made = await webhooks.create(
            conn,
            name=wanted.name,
            url=wanted.url,
            secret=secret,
            wanted=kept,
            scope=identity.scope,
            actor=identity.name,
            now=clock.now(),
        )
        await _trail(conn, identity, "created", after=made)
    return answers.answer({**shown(made), "secret": secret}, status=201)


@router.delete(
    "/webhooks/{webhook}",
    summary="Deliver nothing more; what it would not take is forgotten",
    status_code=204,
    responses={204: {"description": "Gone."}, **answers.problems_described(_ASKED)},
)
async def delete(identity: Asking, service: Shared, webhook: WebhookId) -> Response:
    """Delete a webhook."""
    async with service.transaction() as conn:
        found = await _found(conn, identity, webhook)
        await webhooks.delete(conn, webhook)
        await _trail(conn, identity, "deleted", before=found)
    return Response(status_code=204)


@router.post(
    "/webhooks/{webhook}/pause",
    summary="Deliver nothing until it is resumed; nothing is lost",
    responses=answers.described("Webhook", examples.WEBHOOK, problems=_ASKED),
)
async def pause(identity: Asking, service: Shared, webhook: WebhookId) -> Response:
    """Keep the cursor where it is."""
    async with service.transaction() as conn:
        found = await _found(conn, identity, webhook)
        await webhooks.pause(conn, webhook, why=f"paused by {identity.name}")
        after = await _found(conn, identity, webhook)
        await _trail(conn, identity, "paused", before=found, after=after)
        return answers.answer(shown(after))


@router.post(
    "/webhooks/{webhook}/resume",
    summary="Go on where it stood, at once",
    responses=answers.described("Webhook", examples.WEBHOOK, problems=_ASKED),
)
async def resume(identity: Asking, service: Shared, webhook: WebhookId) -> Response:
    """End a pause, and the wait after failures."""
    async with service.transaction() as conn:
        found = await _found(conn, identity, webhook)
        await webhooks.resume(conn, webhook)
        after = await _found(conn, identity, webhook)
        await _trail(conn, identity, "resumed", before=found, after=after)
        return answers.answer(shown(after))


@router.get(
    "/webhooks/{webhook}/dead-letters",
    summary="Events that the address would not take, oldest first",
    responses=answers.described("DeadLetter", examples.DEAD_LETTER, of="page", problems=_ASKED),
)
async def dead_letters(
    identity: Asking,
    service: Shared,
    webhook: WebhookId,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of them, with what the address said."""
    after = answers.number_of(cursor) or 0
    async with service.reading(identity.scope) as conn:
        await _found(conn, identity, webhook)
        rows = await webhooks.dead(conn, webhook, after=after, limit=limit)
    items = [
        {
            "offset": row.log_offset,
            "at": answers.text_of(row.at),
            "status": row.status,
            "error": row.error,
            "again": row.is_wanted,
        }
        for row in rows
    ]
    place = str(rows[-1].log_offset) if rows else None
    return answers.page(items, limit=limit, place=place)


@router.post(
    "/webhooks/{webhook}/redeliver",
    summary="Deliver dead letters again, those named or all",
    status_code=202,
    responses=answers.described("Redelivery", examples.REDELIVERY, status=202, problems=_ASKED),
    openapi_extra=answers.taken("Again"),
)
async def redeliver(
    identity: Asking, service: Shared, webhook: WebhookId, request: Request
) -> Response:
    """Answer how many will be tried; one refused again stays a dead letter."""
    wanted = Again()
    if await request.body():
        wanted = await answers.body_of(request, Again)
    offsets: Sequence[int] | None = None if wanted.offsets is None else list(wanted.offsets)
    async with service.transaction() as conn:
        found = await _found(conn, identity, webhook)
        many = await webhooks.want_again(conn, webhook, offsets)
        after = await _found(conn, identity, webhook)
        await _trail(conn, identity, "redelivered", before=found, after=after)
    return answers.answer({"wanted": many}, status=202)


def shown(webhook: Webhook) -> dict[str, Any]:
    """Return a webhook as it is shown: without its secret."""
    return {
        "id": webhook.id,
        "name": webhook.name,
        "url": webhook.url,
        "filter": webhook.filter,
        "scope": webhook.scope,
        "created_by": webhook.created_by,
        "created_at": instants.to_text(instants.from_datetime(webhook.created_at)),
        "state": webhook.state,
        "position": f"{webhook.epoch}:{webhook.log_offset}",
        "attempts": webhook.attempts,
        "why": webhook.why,
        "failing_since": answers.text_of(webhook.failing_since),
        "next_at": answers.text_of(webhook.next_at),
        "delivered_at": answers.text_of(webhook.delivered_at),
        "dead": webhook.dead,
    }


async def _found(conn: AsyncConnection, identity: Identity, webhook: int) -> Webhook:
    _allowed(identity)
    found = await webhooks.listed(conn, identity.scope, webhook=webhook)
    if not found:
        raise ProblemError(404, f"there is no webhook {webhook} within your scope")
    return found[0]


def _allowed(identity: Identity) -> None:
    if not permissions.runs_webhooks(identity.role):
        raise ProblemError(403, "webhooks are an administrator's; ask one of your scope")


async def _trail(
    conn: AsyncConnection,
    identity: Identity,
    done: str,
    *,
    before: Webhook | None = None,
    after: Webhook | None = None,
) -> None:
    named = after or before
    assert named is not None  # noqa: S101  each call gives one of them
    await queries.record_trail(
        conn,
        at=clock.now(),
        actor=identity.name,
        action=f"webhook.{done}",
        subject=named.name,
        before=None if before is None else shown(before),
        after=None if after is None else shown(after),
    )
