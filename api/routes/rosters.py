"""Rosters: the persons of a place, who of them is on duty, and when nobody is."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from psycopg import AsyncConnection

from alarms import instants, rosters
from alarms.errors import NotFoundError
from alarms.rosters import Roster
from alarms.storage import channels, duty_rosters, queries
from alarms.storage.duty_rosters import Held, Place
from api import answers, clock, notification_schemas, permissions
from api.identity import Identity
from api.problems import ProblemError
from api.service import Asking, Shared

router = APIRouter(prefix="/api/v1", tags=["notifications"])
Code = Annotated[
    str, Path(description="A region's or an enterprise's code, or `all`: the server's own desk.")
]
_ASKED: Final = (401, 403, 404, 422)
_AHEAD_US: Final = 7 * 86_400 * 1_000_000


@router.get(
    "/rosters",
    summary="Rosters of the caller's scope, with who is on duty and when nobody will be",
    responses=answers.described(
        "RosterNow", notification_schemas.ROSTER_EXAMPLE, of="page", problems=(401, 403, 422)
    ),
)
async def list_rosters(identity: Asking, service: Shared) -> Response:
    """Answer all of them."""
    _reads(identity)
    async with service.reading(identity.scope) as conn:
        found = await duty_rosters.listed(conn, identity.scope)
    return answers.answer({"items": [shown(each) for each in found], "next": None})


@router.get(
    "/rosters/{place}",
    summary="One roster",
    responses=answers.described("RosterNow", notification_schemas.ROSTER_EXAMPLE, problems=_ASKED),
)
async def one_roster(identity: Asking, service: Shared, place: Code) -> Response:
    """Answer it; 404 where the place has none, or is not within the scope."""
    _reads(identity)
    async with service.reading(identity.scope) as conn:
        return answers.answer(shown(await _held(conn, identity, place)))


@router.put(
    "/rosters/{place}",
    summary="Give a region, an enterprise or the server its roster",
    responses=answers.described("RosterNow", notification_schemas.ROSTER_EXAMPLE, problems=_ASKED),
    openapi_extra=answers.taken("Roster", notification_schemas.ROSTER_EXAMPLE["roster"]),
)
async def put_roster(identity: Asking, service: Shared, request: Request, place: Code) -> Response:
    """Answer it as it holds from now on, with the hours in which nobody is on duty."""
    roster = await answers.body_of(request, Roster)
    now = clock.now()
    async with service.transaction() as conn:
        where = await _place(conn, identity, place)
        await _check(conn, where, roster)
        before = await duty_rosters.of_places(conn, [place])
        await duty_rosters.put(conn, where, roster, now=now)
        await _trail(conn, identity, place, "set", before.get(place), roster, now)
    return answers.answer(shown(Held(where, roster, now)))


@router.delete(
    "/rosters/{place}",
    summary="Take a roster away: the next level up is told instead",
    status_code=204,
    responses=answers.problems_described(_ASKED),
)
async def delete_roster(identity: Asking, service: Shared, place: Code) -> Response:
    """Answer nothing; 404 where there is none."""
    async with service.transaction() as conn:
        await _place(conn, identity, place)
        held = await _held(conn, identity, place)
        await duty_rosters.delete(conn, place)
        await _trail(conn, identity, place, "removed", held.roster, None, clock.now())
    return Response(status_code=204)


def shown(held: Held) -> dict[str, Any]:
    """Return a roster with what follows from it now: who is on duty, the gaps of a week."""
    roster, now = held.roster, clock.micros()
    return {
        "place": held.place.code,
        "roster": roster,
        "changed_at": answers.text_of(held.changed_at),
        "on_duty": [person.name for person in rosters.on_duty(roster, "duty", now)],
        "gaps": [
            {"begins": instants.to_text(gap.begins), "ends": instants.to_text(gap.ends)}
            for gap in rosters.gaps(roster, "duty", now, now + _AHEAD_US)
        ],
        "without_address": [person.name for person in roster.persons if not person.addresses],
    }


async def _check(conn: AsyncConnection, where: Place, roster: Roster) -> None:
    """Refuse addresses that nothing of this place could reach, all of them at once."""
    known = await channels.every(conn)
    faults: list[str] = []
    for person in roster.persons:
        for address in person.addresses:
            channel = known.get(address.channel)
            if channel is None or not channel.covers.covers(where.region, where.enterprise):
                faults.append(f"{person.name}: no channel {address.channel} serves {where.code}")
            elif channel.kind == "smtp" and "@" not in address.to:
                faults.append(f"{person.name}: by {address.channel} `to` is a mailbox")
    if faults:
        raise ProblemError(422, "; ".join(faults))


async def _held(conn: AsyncConnection, identity: Identity, code: str) -> Held:
    found = await duty_rosters.listed(conn, identity.scope, code=code)
    if not found:
        raise ProblemError(404, f"there is no roster {code} within your scope")
    return found[0]


async def _place(conn: AsyncConnection, identity: Identity, code: str) -> Place:
    """Return the place whose roster somebody may set; 404 for any beyond their scope."""
    if not permissions.sets_notifications(identity.role):
        raise ProblemError(403, "rosters are an administrator's; ask one of your scope")
    try:
        where = await duty_rosters.place(conn, code)
    except NotFoundError as error:
        raise ProblemError(404, f"there is no {code} within your scope") from error
    if not identity.scope.covers(where.region, where.enterprise):
        raise ProblemError(404, f"there is no {code} within your scope")
    return where


def _reads(identity: Identity) -> None:
    if not permissions.reads_contacts(identity.role):
        raise ProblemError(403, "rosters are shown to desks, supervisors and administrators")


async def _trail(
    conn: AsyncConnection,
    identity: Identity,
    place: str,
    done: str,
    before: Roster | None,
    after: Roster | None,
    at: datetime,
) -> None:
    await queries.record_trail(
        conn,
        at=at,
        actor=identity.name,
        action=f"roster.{done}",
        subject=f"roster:{place}",
        before=before,
        after=after,
    )
