"""Relays to towers above, towers below that report here, the name of this one (administrators)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Response
from fastapi import Request as HttpRequest
from msgspec import Meta, Struct
from psycopg import AsyncConnection

from alarms.storage import origins, queries, relayed, relays, tower
from alarms.storage.origins import Command, Origin
from alarms.storage.relays import Relay
from api import answers, clock, permissions, relay_making, relay_schemas
from api.identity import Identity
from api.problems import ProblemError
from api.service import Asking, Service, Shared

router = APIRouter(prefix="/api/v1", tags=["relays"])
RelayId = Annotated[int, Path(description="The relay's id.", ge=1, le=2**63 - 1)]
TowerId = Annotated[str, Path(description="The tower's id.", max_length=64)]
HEARD: Final = timedelta(seconds=10)
"""A relay whose tower above answered within so long is connected."""
SILENT: Final = timedelta(seconds=60)
"""A tower below that was not heard of for so long is silent: somebody must look."""
_ASKED: Final = (401, 403, 404, 409, 422)
_CHANGED: Final = answers.described("Relay", relay_schemas.RELAY_EXAMPLE, problems=_ASKED)


class TowerName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people call this tower; it stands behind names at other towers, as in `zhao@name`."""

    name: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[^@]+$")]


@router.get(
    "/tower",
    summary="Which tower this is",
    responses=answers.described("Tower", relay_schemas.TOWER_EXAMPLE, problems=(401, 422)),
)
async def this_tower(identity: Asking, service: Shared) -> Response:
    """Answer the id that relays know this installation by, and its name."""
    async with service.reading(identity.scope) as conn:
        return answers.answer(await tower.own(conn))


@router.put(
    "/tower",
    summary="Give this tower a name",
    responses=answers.described("Tower", relay_schemas.TOWER_EXAMPLE, problems=(401, 403, 422)),
    openapi_extra=answers.taken("TowerName", {"name": "德阳市"}),
)
async def name_tower(identity: Asking, service: Shared, request: HttpRequest) -> Response:
    """Answer the tower as it is called from now on; needs scope `all`."""
    _allowed(identity, everything=True)
    wanted = await answers.body_of(request, TowerName)
    async with service.transaction() as conn:
        before = await tower.own(conn)
        after = await tower.rename(conn, wanted.name)
        await _trail(conn, identity, "tower.named", after.id, before=before, after=after)
    return answers.answer(after)


@router.get(
    "/relays",
    summary="Relays of the caller's scope: whether connected, how far behind, why",
    responses=answers.described(
        "Relay", relay_schemas.RELAY_EXAMPLE, of="page", problems=(401, 403)
    ),
)
async def list_relays(identity: Asking, service: Shared) -> Response:
    """Answer all of them; their tokens are shown nowhere."""
    _allowed(identity)
    async with service.reading(identity.scope) as conn:
        found = await relays.listed(conn, identity.scope)
    return answers.answer({"items": [shown(each) for each in found], "next": None})


@router.post(
    "/relays",
    summary="Relay alarms and warnings of the caller's scope to a tower above",
    status_code=201,
    responses=answers.described("Relay", relay_schemas.RELAY_EXAMPLE, status=201, problems=_ASKED),
    openapi_extra=answers.taken("NewRelay", relay_schemas.NEW_RELAY_EXAMPLE),
)
async def create(identity: Asking, service: Shared, request: HttpRequest) -> Response:
    """Begin with what is open; then comes what happens, in order, after any outage.

    409 where a relay leads to this address already. Whether the tower there takes the token is
    known once it is met: `state` and `why` of `GET /relays` tell.
    """
    _allowed(identity)
    wanted = await answers.body_of(request, relay_making.NewRelay)
    async with service.transaction() as conn:
        made = await relay_making.make(conn, identity, wanted)
        await _trail(conn, identity, "relay.created", made.name, after=shown(made))
    return answers.answer(shown(made), status=201)


@router.delete(
    "/relays/{relay}",
    summary="Relay nothing more; what is above stays as it is",
    status_code=204,
    responses={204: {"description": "Gone."}, **answers.problems_described(_ASKED)},
)
async def delete(identity: Asking, service: Shared, relay: RelayId) -> Response:
    """Delete a relay."""
    async with service.transaction() as conn:
        found = await _found(conn, identity, relay)
        await relays.delete(conn, relay)
        await _trail(conn, identity, "relay.deleted", found.name, before=shown(found))
    return Response(status_code=204)


@router.post(
    "/relays/{relay}/pause",
    summary="Relay nothing for a while; nothing is lost",
    responses=_CHANGED,
)
async def pause(identity: Asking, service: Shared, relay: RelayId) -> Response:
    """Answer the relay after it."""
    return await _change(identity, service, relay, "pause")


@router.post("/relays/{relay}/resume", summary="Go on where it stood", responses=_CHANGED)
async def resume(identity: Asking, service: Shared, relay: RelayId) -> Response:
    """Answer the relay after it."""
    return await _change(identity, service, relay, "resume")


@router.post(
    "/relays/{relay}/resend",
    summary="Send all that is open once more: it mends what was refused",
    responses=_CHANGED,
)
async def resend(identity: Asking, service: Shared, relay: RelayId) -> Response:
    """Answer the relay after it."""
    return await _change(identity, service, relay, "resend")


@router.get(
    "/relays/{relay}/refusals",
    summary="Events that the tower above would not take, oldest first",
    responses=answers.described(
        "RelayRefusal", relay_schemas.REFUSAL_EXAMPLE, of="page", problems=_ASKED
    ),
)
async def refusals(
    identity: Asking,
    service: Shared,
    relay: RelayId,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of them, with the reason; one goes when a later event of it was taken."""
    after = answers.number_of(cursor) or 0
    async with service.reading(identity.scope) as conn:
        await _found(conn, identity, relay)
        rows = await relays.refusals(conn, relay, after=after, limit=limit)
    return _refusals(
        [(row.log_offset, row.alarm_id, row.rev, row.code, row.error) for row in rows], limit
    )


@router.get(
    "/origins",
    summary="Towers below that report here: how far each is, and when it was heard last",
    responses=answers.described(
        "Origin", relay_schemas.ORIGIN_EXAMPLE, of="page", problems=(401, 403)
    ),
)
async def list_origins(identity: Asking, service: Shared) -> Response:
    """Answer all of them; `silent` is true for one not heard of for 60 s. Needs scope `all`."""
    _allowed(identity, everything=True)
    async with service.reading(identity.scope) as conn:
        found = await origins.listed(conn)
    return answers.answer({"items": [_origin(each) for each in found], "next": None})


@router.post(
    "/origins/{tower_id}/release",
    summary="Let another token speak for a tower below: its old one was replaced",
    status_code=204,
    responses={204: {"description": "Done."}, **answers.problems_described(_ASKED)},
)
async def release(identity: Asking, service: Shared, tower_id: TowerId) -> Response:
    """Forget by which token it came; the next that names it is it."""
    _allowed(identity, everything=True)
    async with service.transaction() as conn:
        if not await origins.forget_token(conn, tower_id):
            raise ProblemError(404, f"no tower {tower_id} reports here")
        await _trail(conn, identity, "origin.released", tower_id)
    return Response(status_code=204)


@router.get(
    "/origins/{tower_id}/refusals",
    summary="Events of a tower below that were not taken, oldest first",
    responses=answers.described(
        "RelayRefusal", relay_schemas.REFUSAL_EXAMPLE, of="page", problems=_ASKED
    ),
)
async def refused_here(
    identity: Asking,
    service: Shared,
    tower_id: TowerId,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of them, with the reason."""
    _allowed(identity, everything=True)
    after = answers.number_of(cursor) or 0
    async with service.reading(identity.scope) as conn:
        rows = await relayed.refusals(conn, tower_id, after=after, limit=limit)
    return _refusals(rows, limit)


@router.get(
    "/origins/{tower_id}/commands",
    summary="What people here asked of a tower below, and what came of it, newest first",
    responses=answers.described(
        "RelayCommand", relay_schemas.COMMAND_EXAMPLE, of="page", problems=_ASKED
    ),
)
async def asked_of(
    identity: Asking,
    service: Shared,
    tower_id: TowerId,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of deeds; `status` is what its REST deed there would have answered."""
    _allowed(identity, everything=True)
    before = answers.number_of(cursor)
    async with service.reading(identity.scope) as conn:
        rows = await origins.commands(conn, tower_id, before=before, limit=limit)
    place = str(rows[-1].number) if rows else None
    return answers.page([_command(row) for row in rows], limit=limit, place=place)


def shown(relay: Relay) -> dict[str, Any]:
    """Return a relay as it is shown: without its token."""
    now = clock.now()
    connected = relay.heard_at is not None and now - relay.heard_at < HEARD
    active = "connected" if connected else "away"
    waits = relay.waiting_since
    return {
        "id": relay.id,
        "name": relay.name,
        "url": relay.url,
        "level": relay.level,
        "region": relay.region,
        "tier_min": relay.tier_min,
        "escalated_only": relay.escalated_only,
        "created_by": relay.created_by,
        "created_at": answers.text_of(relay.created_at),
        "state": active if relay.state == "active" else relay.state,
        "why": relay.why,
        "tower": None
        if relay.upper_id is None
        else {"id": relay.upper_id, "name": relay.upper_name},
        "position": f"{relay.epoch}:{relay.log_offset}",
        "behind": relay.behind,
        "behind_s": 0.0 if waits is None else max(0.0, (now - waits).total_seconds()),
        "heard_at": answers.text_of(relay.heard_at),
        "refused": relay.refused,
        "resend": relay.resend,
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {
        "tower": {"id": origin.tower, "name": origin.name},
        "token": origin.token,
        "position": None if origin.log_offset < 0 else f"{origin.epoch}:{origin.log_offset}",
        "behind": max(origin.head - max(origin.log_offset, 0), 0),
        "heard_at": answers.text_of(origin.heard_at),
        "silent": clock.now() - origin.heard_at > SILENT,
        "taken": origin.taken,
        "refused": origin.refused,
        "open": origin.open,
        "waiting": origin.waiting,
    }


def _refusals(rows: Sequence[tuple[int, str, int, str, str]], limit: int) -> Response:
    items = [
        {"offset": offset, "id": subject, "rev": rev, "code": code, "error": error}
        for offset, subject, rev, code, error in rows
    ]
    place = str(rows[-1][0]) if rows else None
    return answers.page(items, limit=limit, place=place)


def _command(command: Command) -> dict[str, Any]:
    return {
        "number": command.number,
        "kind": command.kind,
        "id": command.subject,
        "action": command.action,
        "rev": command.rev,
        "note": command.note,
        "by": command.actor,
        "level": command.level,
        "asked_at": answers.text_of(command.asked_at),
        "done_at": answers.text_of(command.done_at),
        "status": command.status,
        "error": command.error,
    }


async def _change(
    identity: Identity, service: Service, relay: int, deed: Literal["pause", "resume", "resend"]
) -> Response:
    async with service.transaction() as conn:
        found = await _found(conn, identity, relay)
        match deed:
            case "pause":
                await relays.pause(conn, relay, why=f"paused by {identity.name}")
            case "resume":
                await relays.resume(conn, relay)
            case "resend":
                await relays.resend(conn, relay)
        after = shown(await _found(conn, identity, relay))
        await _trail(conn, identity, f"relay.{deed}", found.name, before=shown(found), after=after)
    return answers.answer(after)


async def _found(conn: AsyncConnection, identity: Identity, relay: int) -> Relay:
    _allowed(identity)
    found = await relays.listed(conn, identity.scope, relay=relay)
    if not found:
        raise ProblemError(404, f"there is no relay {relay} within your scope")
    return found[0]


def _allowed(identity: Identity, *, everything: bool = False) -> None:
    if not permissions.runs_relays(identity.role) or identity.scope.enterprise is not None:
        raise ProblemError(
            403,
            "relays and towers are an administrator's of a region or of `all`; ask one of yours",
        )
    if everything and not identity.scope.everything:
        raise ProblemError(403, "this is of the whole tower; ask an administrator of scope all")


async def _trail(
    conn: AsyncConnection,
    identity: Identity,
    action: str,
    subject: str,
    *,
    before: object = None,
    after: object = None,
) -> None:
    await queries.record_trail(
        conn,
        at=clock.now(),
        actor=identity.name,
        action=action,
        subject=subject,
        before=before,
        after=after,
    )
