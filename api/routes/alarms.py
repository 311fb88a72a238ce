"""Alarms over REST: lists, one alarm, its journal, and what people do to it."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response

from alarms.alarm import Kind, State, Tier
from alarms.storage import queries
from api import actions, answers, cap, clock, examples, permissions, revisions
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["alarms"])
_TIERS = frozenset(tier.name for tier in Tier if tier is not Tier.none)


@router.get(
    "/alarms",
    summary="List alarms, the newest raised first",
    responses=answers.described("Alarm", examples.ALARM, of="page", problems=(401, 422)),
)
async def list_alarms(
    identity: Asking,
    service: Shared,
    state: Annotated[list[str] | None, Query(description="One or more states.")] = None,
    tier: Annotated[list[str] | None, Query(description="red, orange, yellow, blue.")] = None,
    kind: Annotated[list[str] | None, Query(description="limit, forecast, …")] = None,
    region: Annotated[str | None, Query(description="Code; matches everything below.")] = None,
    enterprise: str | None = None,
    source: str | None = None,
    point: Annotated[str | None, Query(description="A tag, or `enterprise/tag`.")] = None,
    start: Annotated[str | None, Query(alias="from", description="`t_raised` from.")] = None,
    end: Annotated[str | None, Query(alias="to", description="`t_raised` before.")] = None,
    open: Annotated[bool | None, Query(description="Still open, or closed.")] = None,  # noqa: A002
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of what the caller's scope covers."""
    if point is not None and "/" in point:
        enterprise, _, point = point.partition("/")
    wanted = queries.AlarmFilter(
        states=answers.among("state", state, frozenset(State)),
        tiers=answers.among("tier", tier, _TIERS),
        kinds=answers.among("kind", kind, frozenset(Kind)),
        region=region,
        enterprise=enterprise,
        source=source,
        point=point,
        start=answers.moment_of(start, "from"),
        end=answers.moment_of(end, "to"),
        open=open,
    )
    after = answers.moment_and_id_of(cursor)
    async with service.reading(identity.scope) as conn:
        rows = await queries.alarms(conn, wanted, identity.scope, after=after, limit=limit)
    return revisions.page(rows, limit=limit)


@router.get(
    "/alarms/{alarm_id}.cap.xml",
    summary="One alarm as a CAP 1.2 message",
    responses={
        **answers.described("AlarmNow", examples.ALARM_NOW, problems=(401, 404)),
        200: {
            "description": "The alarm's present revision; an Exercise where it is simulated.",
            "content": {cap.MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
    },
)
async def one_alarm_as_cap(identity: Asking, service: Shared, alarm_id: str) -> Response:
    """Answer a message valid against the OASIS schema; it refers to the revision before it."""
    alarm = msgspec.json.decode(await _document(identity, service, alarm_id))
    sender, where, before = await revisions.surroundings(service, identity.scope, alarm)
    earlier = None if before is None else cap.Earlier(rev=before.rev, committed=before.t_committed)
    message = cap.message(alarm, sender=sender, where=where, earlier=earlier)
    return Response(message, media_type=cap.MEDIA_TYPE)


@router.get(
    "/alarms/{alarm_id}",
    summary="One alarm",
    responses=answers.described("AlarmNow", examples.ALARM_NOW, problems=(401, 404)),
)
async def one_alarm(
    identity: Asking,
    service: Shared,
    alarm_id: str,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Answer an alarm, `pending` with it; the ETag is its revision and, if any, that request."""
    document = await _document(identity, service, alarm_id)
    return revisions.unless_known(document, etag=_etag(document), if_none_match=if_none_match)


@router.get(
    "/alarms/{alarm_id}/journal",
    summary="An alarm's whole story, oldest first",
    responses=answers.described(
        "JournalEntry", examples.JOURNAL_ENTRY, of="page", problems=(401, 404)
    ),
)
async def alarm_journal(
    identity: Asking,
    service: Shared,
    alarm_id: str,
    limit: answers.Limit = 1000,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of the transitions of one alarm, with who did it."""
    await _document(identity, service, alarm_id)
    return await revisions.story(
        service, identity.scope, alarm_id, "alarm", cursor=cursor, limit=limit
    )


@router.post(
    "/alarms/{alarm_id}/{action}",
    summary="Acknowledge, receipt, shelve, suppress, take out of service, reset, close out, …",
    responses={
        **answers.described("Alarm", examples.ALARM, problems=(401, 403, 404, 409, 422)),
        202: {
            "description": "Red: noted; the same call by another person within 10 minutes does it.",
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Pending"},
                    "example": answers.packed(examples.PENDING),
                }
            },
        },
    },
    openapi_extra=answers.taken("Wish", {"rev": 3, "note": "现场已确认", "until": None}),
)
async def act(
    identity: Asking,
    service: Shared,
    request: Request,
    alarm_id: str,
    action: Annotated[str, Path(json_schema_extra={"enum": list(permissions.ACTIONS)})],
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Response:
    """Act on an alarm; 409 with the present alarm when it annunciated anew after `rev`."""
    wish = _wish(await request.body())
    done = await actions.perform(service, identity, alarm_id, action, wish, key=idempotency_key)
    return answers.raw(done.body, status=done.status, etag=_etag(done.document))


def _wish(body: bytes) -> actions.Wish:
    try:
        return msgspec.json.decode(body or b"{}", type=actions.Wish)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            422,
            'the body cannot be used, wanted {"rev", "note", "until", "one_shot", "cause"}: '
            f"{error}",
        ) from error


async def _document(identity: Asking, service: Shared, alarm_id: str) -> str:
    async with service.reading(identity.scope) as conn:
        document = await actions.present(conn, alarm_id, identity.scope, now=clock.micros())
    if document is None:
        raise ProblemError(404, f"there is no alarm {alarm_id} within your scope")
    return document


class _Version(msgspec.Struct):
    rev: int
    pending: actions.Asked | None = None


_VERSION = msgspec.json.Decoder(_Version)


def _etag(document: str) -> str:
    version = _VERSION.decode(document)
    if version.pending is None:
        return f'"{version.rev}"'
    return f'"{version.rev}-{version.pending.action}-{version.pending.expires_at}"'
