"""What the record keeps for readers: the journal as a long-poll, what was refused, who did what."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from alarms.scope import Scope
from alarms.storage import journal, queries, trail
from api import answers, clock, examples, frames, permissions, refusal_words, trail_forms, wire_text
from api.identity import Identity
from api.problems import ProblemError
from api.service import Asking, Service, Shared

router = APIRouter(prefix="/api/v1", tags=["record"])
_BATCH: Final = 1_000


@router.get(
    "/journal",
    summary="The push log as a long-poll",
    responses=answers.described("JournalPage", examples.JOURNAL_PAGE, problems=(401, 422)),
)
async def journal_after(
    identity: Asking,
    service: Shared,
    start: Annotated[
        str | None,
        Query(alias="from", description="`<epoch>:<offset>` seen last; absent: from now on."),
    ] = None,
    wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for news.")] = 0.0,
    limit: answers.Limit = 100,
) -> Response:
    """Answer the events after an offset; `next` is the `from` of the following call.

    `recovered` is false when the offset is of another epoch or too old: fetch GET alarms anew.
    """
    async with service.reading(identity.scope) as conn:
        standing = await journal.head(conn)
    epoch, offset = _position(start, standing)
    if epoch != standing.epoch or not standing.floor - 1 <= offset <= standing.offset:
        return _journal_page([], standing, standing.offset, recovered=False)
    give_up = asyncio.get_running_loop().time() + wait
    events: list[str] = []
    while True:
        async with service.reading(identity.scope) as conn:
            looked = min(offset + _BATCH, (await journal.head(conn)).offset)
            rows = await journal.between(conn, offset, looked)
        for row in rows:
            event = frames.event_of(row)
            if frames.matches(event, frames.Filter(), identity.scope):
                said = frames.cloud_event(event, t_pushed=answers.text_of(clock.now()))
                events.append(f'{{"offset":{offset},"event":{said}}}')
                if len(events) >= limit:
                    looked = row.log_offset
                    break
        known, offset = offset, looked
        if events or (offset == known and not await _news(service, offset, give_up)):
            return _journal_page(events, standing, offset, recovered=True)


async def _news(service: Shared, offset: int, give_up: float) -> bool:
    """Wait for something after an offset; tell whether it came in time."""
    try:
        async with asyncio.timeout_at(give_up):
            await service.feed.wait_after(offset)
    except TimeoutError:
        return False
    return True


def _position(start: str | None, standing: journal.Head) -> tuple[str, int]:
    if start is None:
        return standing.epoch, standing.offset
    epoch, colon, offset = start.rpartition(":")
    if not colon or not offset.isascii() or not offset.isdigit() or len(offset) > 18:
        raise ProblemError(422, "`from` reads `<epoch>:<offset>`, as `next` gave it")
    return epoch, int(offset)


def _journal_page(
    events: list[str], standing: journal.Head, offset: int, *, recovered: bool
) -> Response:
    told = "true" if recovered else "false"
    return answers.raw(
        f'{{"items":[{",".join(events)}],"next":"{standing.epoch}:{offset}",'
        f'"head":{standing.offset},"floor":{standing.floor},"recovered":{told}}}'
    )


@router.get(
    "/rejects",
    summary="What was refused, and why, newest first",
    responses=answers.described("Reject", examples.REJECT, of="page", problems=(401, 422)),
)
async def rejects(
    identity: Asking,
    service: Shared,
    gateway: str | None = None,
    reason: str | None = None,
    start: Annotated[str | None, Query(alias="from")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer rejects the scope covers, each with the first 4 KiB of its message."""
    async with service.reading(identity.scope) as conn:
        rows = await queries.rejects(
            conn,
            identity.scope,
            gateway=gateway,
            reason=reason,
            start=answers.moment_of(start, "from"),
            end=answers.moment_of(end, "to"),
            before=answers.number_of(cursor),
            limit=limit,
        )
    items = [_reject(row) for row in rows]
    return answers.page(items, limit=limit, place=str(rows[-1].id) if rows else None)


def _reject(row: queries.Reject) -> dict[str, Any]:
    """Return a reject as it is shown: its message as text where it is text."""
    text, packed = wire_text.of(row.payload)
    return {
        "id": row.id,
        "received": answers.text_of(row.received),
        "gateway": row.gateway,
        "enterprise": row.enterprise,
        "reason": row.reason,
        "words": refusal_words.of(row.reason),
        "tag": row.tag,
        "count": row.number,
        "first": row.first,
        "payload": text,
        "payload_base64": packed,
    }


@router.get(
    "/audit",
    summary="Who did what, newest first (auditors and administrators with scope all)",
    responses=answers.described("Trail", examples.TRAIL, of="page", problems=(401, 403, 422)),
)
async def audit(
    identity: Asking,
    service: Shared,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer the audit trail."""
    _auditor(identity)
    async with service.reading(identity.scope) as conn:
        rows = await queries.trail(conn, before=answers.number_of(cursor), limit=limit)
    items = [trail_forms.shown(row) for row in rows]
    return answers.page(items, limit=limit, place=str(rows[-1].id) if rows else None)


@router.get(
    "/audit.{form}",
    summary="The audit trail of a span as a file, oldest first (as `audit`)",
    response_class=Response,
    responses={
        200: {
            "description": "As asked.",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/jsonl": {"schema": {"type": "string"}},
            },
        },
        **answers.problems_described((401, 403, 404, 422)),
    },
)
async def audit_file(
    identity: Asking,
    service: Shared,
    form: trail_forms.Form,
    start: Annotated[str | None, Query(alias="from")] = None,
    end: Annotated[str | None, Query(alias="to")] = None,
) -> Response:
    """Answer every row of [from, to), however many; absent, from the first and to now."""
    _auditor(identity)
    begin = answers.moment_of(start, "from")
    until = answers.moment_of(end, "to") or clock.now()
    return StreamingResponse(
        _written(service, identity.scope, form, begin, until),
        media_type=trail_forms.MEDIA[form],
        headers={"content-disposition": f'attachment; filename="audit.{form}"'},
    )


async def _written(
    service: Service, scope: Scope, form: trail_forms.Form, start: datetime | None, end: datetime
) -> AsyncIterator[str]:
    """Yield the trail batch by batch; a reader who is slow holds one batch and no connection."""
    yield trail_forms.head(form)
    place: tuple[datetime, int] | None = None
    while True:
        async with service.reading(scope) as conn:
            rows = await trail.span(conn, start=start, end=end, after=place, limit=_BATCH)
        if rows:
            yield trail_forms.rows(form, rows)
        if len(rows) < _BATCH:
            return
        place = rows[-1].at, rows[-1].id


def _auditor(identity: Identity) -> None:
    if not permissions.reads_audit(identity.role) or not identity.scope.everything:
        raise ProblemError(403, "the audit trail is for auditors and administrators of scope all")
