"""Notifications: who was told of what, with which result; and the tables of who is to be told."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from alarms import escalation
from alarms.alarm import Tier
from alarms.escalation import NotificationTable
from alarms.plant import prefix_of
from alarms.storage import notification_tables, notifications, queries
from api import answers, clock, notification_schemas, permissions
from api.identity import Identity
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["notifications"])
_STATES = frozenset(notifications.STATES)


@router.get(
    "/notifications",
    summary="Who was told, by which channel, and what came of it; the newest first",
    responses=answers.described(
        "Notification", notification_schemas.NOTIFICATION_EXAMPLE, of="page", problems=(401, 422)
    ),
)
async def list_notifications(
    identity: Asking,
    service: Shared,
    alarm: Annotated[str | None, Query(description="Of this alarm or warning.")] = None,
    state: Annotated[list[str] | None, Query(description="One or more states.")] = None,
    region: Annotated[str | None, Query(description="Code; matches everything below.")] = None,
    enterprise: str | None = None,
    limit: answers.Limit = 100,
    cursor: answers.Cursor = None,
) -> Response:
    """Answer a page of what the caller's scope covers; addresses only to who reads rosters."""
    wanted = notifications.Wanted(
        alarm=alarm,
        states=answers.among("state", state, _STATES),
        region=None if region is None else prefix_of(region),
        enterprise=enterprise,
    )
    async with service.reading(identity.scope) as conn:
        rows = await notifications.listed(
            conn, wanted, identity.scope, before=answers.number_of(cursor), limit=limit
        )
    items = [_shown(row, identity) for row in rows]
    return answers.page(items, limit=limit, place=str(rows[-1]["id"]) if rows else None)


@router.get(
    "/notification-tables",
    summary="Who is told of what: the shipped table, then those of regions",
    responses=answers.described(
        "RegionNotificationTable", notification_schemas.TABLE_EXAMPLE, of="page", problems=(401,)
    ),
)
async def list_notification_tables(identity: Asking, service: Shared) -> Response:
    """Answer every table whose region the scope covers, or that holds for the scope's region."""
    async with service.reading(identity.scope) as conn:
        tables = await notification_tables.every(conn)
    shown: list[tuple[str | None, NotificationTable]] = [(None, escalation.shipped())]
    shown += [(code, table) for code, table in tables.items() if identity.scope.concerns(code)]
    items = [{"region": code, "table": table} for code, table in shown]
    return answers.page(items, limit=len(items) + 1, place=None)


@router.put(
    "/notification-tables/{region}",
    summary="Say for a region who is told; what its table leaves out, the shipped one says",
    responses=answers.described(
        "RegionNotificationTable",
        notification_schemas.TABLE_EXAMPLE,
        problems=(401, 403, 404, 422),
    ),
    openapi_extra=answers.taken("NotificationTable", notification_schemas.TABLE_EXAMPLE["table"]),
)
async def put_notification_table(
    identity: Asking, service: Shared, request: Request, region: str
) -> Response:
    """Answer the table as it holds from now on, for this region and all below it."""
    table = await answers.body_of(request, NotificationTable)
    await _change(identity, service, region, table)
    return answers.answer({"region": region, "table": table})


@router.delete(
    "/notification-tables/{region}",
    summary="Take a region's table away: the one around it, or the shipped one, holds again",
    status_code=204,
    responses=answers.problems_described((401, 403, 404, 422)),
)
async def delete_notification_table(identity: Asking, service: Shared, region: str) -> Response:
    """Answer nothing; 404 where the region has no table of its own."""
    await _change(identity, service, region, None)
    return Response(status_code=204)


def _shown(row: dict[str, Any], identity: Identity) -> dict[str, Any]:
    """Return a notification; how a government's people are reached is not an enterprise's."""
    is_theirs = row["target"].startswith("responsible:") or row["target"].endswith(":enterprise")
    address = permissions.reads_contacts(identity.role) and (
        identity.scope.enterprise is None or is_theirs
    )
    moments = ("planned_at", "due_at", "ended_at")
    kept = {name: value for name, value in row.items() if name not in ("log_offset", "alarm_id")}
    return {
        **kept,
        "offset": row["log_offset"],
        "alarm": row["alarm_id"],
        "tier": Tier(row["tier"]).name,
        "address": row["address"] if address else None,
        "answer": row["answer"] if address else None,
        **{name: answers.text_of(row[name]) for name in moments},
    }


async def _change(
    identity: Identity, service: Shared, region: str, table: NotificationTable | None
) -> None:
    if not permissions.sets_notifications(identity.role):
        raise ProblemError(403, "who is told is an administrator's to say; ask one of your region")
    if not identity.scope.covers(prefix_of(region), None) or identity.scope.enterprise is not None:
        raise ProblemError(404, f"there is no region {region} within your scope")
    now = clock.now()
    async with service.transaction() as conn:
        before = await notification_tables.put(conn, region, table, now=now)
        if table is None and before is None:
            raise ProblemError(404, f"region {region} has no table of its own")
        await queries.record_trail(
            conn,
            at=now,
            actor=identity.name,
            action="notification_table.set" if table is not None else "notification_table.removed",
            subject=f"region:{region}",
            before=before,
            after=table,
        )
