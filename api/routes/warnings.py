"""Warnings over REST: lists, one warning, its story, its CAP message, what desks do, the tables."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response

from alarms import instants, warning_table
from alarms.alarm import Tier
from alarms.plant import prefix_of
from alarms.storage import queries, warning_lists, warning_tables
from alarms.warning import Stage
from alarms.warning_table import WarningTable
from api import (
    answers,
    cap,
    cap_warning,
    clock,
    permissions,
    revisions,
    warning_deeds,
    warning_schemas,
)
from api.identity import Identity
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["warnings"])
_LEVELS = frozenset(tier.name for tier in Tier if tier is not Tier.none)


@router.get(
    "/warnings",
    summary="List warnings, the newest proposed first",
    responses=answers.described("Warning", warning_schemas.EXAMPLE, of="page", problems=(401, 422)),
)
async def list_warnings(
    identity: Asking,
    service: Shared,
    stage: Annotated[list[str] | None, Query(description="One or more stages.")] = None,
    level: Annotated[list[str] | None, Query(description="red, orange, yellow, blue.")] = None,
    region: Annotated[
        str | None, Query(description="Code; matches all below, and areas around.")
    ] = None,
    enterprise: str | None = None,
    source: str | None = None,
    alarm: Annotated[str | None, Query(description="An alarm that stands behind it.")] = None,
    open: Annotated[bool | None, Query(description="Not lifted, or lifted.")] = None,  # noqa: A002
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of what the caller's scope covers, and of what is issued around it."""
    wanted = warning_lists.WarningFilter(
        stages=answers.among("stage", stage, frozenset(Stage)),
        levels=answers.among("level", level, _LEVELS),
        region=region,
        enterprise=enterprise,
        source=source,
        alarm=alarm,
        open=open,
    )
    async with service.reading(identity.scope) as conn:
        rows = await warning_lists.warnings(
            conn, wanted, identity.scope, after=answers.moment_and_id_of(cursor), limit=limit
        )
    return revisions.page(rows, limit=limit)


@router.get(
    "/warnings/{warning_id}.cap.xml",
    summary="One issued warning as a CAP 1.2 message",
    responses={
        **answers.described("Warning", warning_schemas.EXAMPLE, problems=(401, 404)),
        200: {
            "description": "The warning's present revision; an Exercise where it is simulated.",
            "content": {cap.MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
    },
)
async def one_warning_as_cap(identity: Asking, service: Shared, warning_id: str) -> Response:
    """Answer a message valid against the OASIS schema; 404 for what was never issued."""
    warning = msgspec.json.decode(await _document(identity, service, warning_id))
    if warning["published_at"] is None:
        raise ProblemError(404, f"warning {warning_id} was never issued: it has no message")
    sender, where, before = await revisions.surroundings(service, identity.scope, warning)
    earlier = None
    if before is not None and msgspec.json.decode(before.document)["published_at"]:
        earlier = cap.Earlier(rev=before.rev, committed=before.t_committed)
    message = cap_warning.message(warning, sender=sender, where=where, earlier=earlier)
    return Response(message, media_type=cap.MEDIA_TYPE)


@router.get(
    "/warnings/{warning_id}",
    summary="One warning",
    responses=answers.described("Warning", warning_schemas.EXAMPLE, problems=(401, 404)),
)
async def one_warning(
    identity: Asking,
    service: Shared,
    warning_id: str,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Answer a warning; the ETag is its revision."""
    document = await _document(identity, service, warning_id)
    return revisions.unless_known(document, etag=_etag(document), if_none_match=if_none_match)


@router.get(
    "/warnings/{warning_id}/journal",
    summary="A warning's whole story, oldest first",
    responses=answers.described(
        "WarningEntry", warning_schemas.ENTRY_EXAMPLE, of="page", problems=(401, 404)
    ),
)
async def warning_journal(
    identity: Asking,
    service: Shared,
    warning_id: str,
    limit: answers.Limit = 1000,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of what happened to one warning, with who did it.

    Who hears of it because it was issued over a wider area reads from its issue on.
    """
    scope = identity.scope
    warning = msgspec.json.decode(await _document(identity, service, warning_id))
    after = 0
    if not scope.covers(warning["region"], warning["enterprise"]):
        async with service.reading(scope) as conn:
            after = (await warning_lists.issued_at(conn, warning_id) or warning["rev"]) - 1
    return await revisions.story(
        service, scope, warning_id, "warning", cursor=cursor, after=after, limit=limit
    )


@router.post(
    "/warnings",
    summary="Draft a warning that no alarm has asked for: of a source, or of an area",
    responses=answers.described(
        "Warning", warning_schemas.EXAMPLE, problems=(401, 403, 404, 409, 422)
    ),
    openapi_extra=answers.taken("WarningDraft", warning_schemas.DRAFT_EXAMPLE),
)
async def draft(
    identity: Asking,
    service: Shared,
    request: Request,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Response:
    """Answer the proposal, to be issued like any other; 409 with the one that a source has."""
    wish = await answers.body_of(request, warning_deeds.WarningDraft)
    document = await warning_deeds.propose(service, identity, wish, key=idempotency_key)
    return answers.raw(document, etag=_etag(document))


@router.post(
    "/warnings/{warning_id}/{duty}",
    summary="Issue a warning, give a receipt, say what is done and what came of it, adjust, lift",
    responses=answers.described(
        "Warning", warning_schemas.EXAMPLE, problems=(401, 403, 404, 409, 422)
    ),
    openapi_extra=answers.taken("WarningWish", warning_schemas.WISH_EXAMPLE),
)
async def act(
    identity: Asking,
    service: Shared,
    request: Request,
    warning_id: str,
    duty: Annotated[str, Path(json_schema_extra={"enum": list(permissions.DUTIES)})],
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Response:
    """Act on a warning; 409 with the present warning where it does not fit or has changed.

    The answer is the warning as it now stands. To issue one without a level and words (`{}`, or no
    body) issues it as it is proposed: `level`, the eight fields and `message` say what was issued.
    To lift one while an alarm of it is active takes a `note` that says why.
    """
    body = await request.body()
    try:
        wish = msgspec.json.decode(body or b"{}", type=warning_deeds.WarningWish)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(422, f"the body cannot be used: {error}") from error
    document = await warning_deeds.perform(
        service, identity, warning_id, duty, wish, key=idempotency_key
    )
    return answers.raw(document, etag=_etag(document))


@router.get(
    "/warning-tables",
    summary="Which alarms ask for a warning: the shipped table, then those of regions",
    responses=answers.described(
        "RegionTable", warning_schemas.TABLE_EXAMPLE, of="page", problems=(401,)
    ),
)
async def list_tables(identity: Asking, service: Shared) -> Response:
    """Answer every table whose region the scope covers, or that holds for the scope's region."""
    async with service.reading(identity.scope) as conn:
        tables = await warning_tables.every(conn)
    shown: list[tuple[str | None, WarningTable]] = [(None, warning_table.shipped())]
    shown += [(code, table) for code, table in tables.items() if identity.scope.concerns(code)]
    items = [{"region": code, "table": table} for code, table in shown]
    return answers.page(items, limit=len(items) + 1, place=None)


@router.put(
    "/warning-tables/{region}",
    summary="Give a region its own table (administrators of that region)",
    responses=answers.described(
        "RegionTable", warning_schemas.TABLE_EXAMPLE, problems=(401, 403, 404, 422)
    ),
    openapi_extra=answers.taken("WarningTable", warning_schemas.TABLE_EXAMPLE["table"]),
)
async def put_table(identity: Asking, service: Shared, request: Request, region: str) -> Response:
    """Answer the table as it holds from now on, for this region and all below it."""
    table = await answers.body_of(request, WarningTable)
    await _change(identity, service, region, table)
    return answers.answer({"region": region, "table": table})


@router.delete(
    "/warning-tables/{region}",
    summary="Take a region's table away: the one around it, or the shipped one, holds again",
    status_code=204,
    responses=answers.problems_described((401, 403, 404, 422)),
)
async def delete_table(identity: Asking, service: Shared, region: str) -> Response:
    """Answer nothing; 404 where the region has no table of its own."""
    await _change(identity, service, region, None)
    return Response(status_code=204)


async def _change(
    identity: Identity, service: Shared, region: str, table: WarningTable | None
) -> None:
    if not permissions.sets_warning_tables(identity.role):
        raise ProblemError(403, "tables of warnings are an administrator's; ask one of your region")
    if not identity.scope.covers(prefix_of(region), None) or identity.scope.enterprise is not None:
        raise ProblemError(404, f"there is no region {region} within your scope")
    now = clock.micros()
    async with service.transaction() as conn:
        before = await warning_tables.put(conn, region, table, now=now)
        if table is None and before is None:
            raise ProblemError(404, f"region {region} has no table of its own")
        await queries.record_trail(
            conn,
            at=instants.to_datetime(now),
            actor=identity.name,
            action="warning_table.set" if table is not None else "warning_table.removed",
            subject=f"region:{region}",
            before=before,
            after=table,
        )


async def _document(identity: Identity, service: Shared, warning_id: str) -> str:
    async with service.reading(identity.scope) as conn:
        document = await warning_lists.warning(conn, warning_id, identity.scope)
    if document is None:
        raise ProblemError(404, f"there is no warning {warning_id} within your scope")
    return document


class _Version(msgspec.Struct):
    rev: int


_VERSION = msgspec.json.Decoder(_Version)


def _etag(document: str) -> str:
    return f'"{_VERSION.decode(document).rev}"'
