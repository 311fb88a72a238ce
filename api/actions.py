"""What people and machines do to alarms, the same over REST and over the socket."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection

from alarms import instants, lifecycle, towers
from alarms.alarm import Tier
from alarms.errors import ConflictError, NotFoundError
from alarms.scope import Scope
from alarms.storage import alarms, journal, origins, pending, queries
from api import clock, once, permissions, relayed_deeds
from api.identity import Identity
from api.problems import ProblemError
from api.service import Service

NOTE_MOST: Final = 2_000
TWO_PERSONS: Final = (
    *(lifecycle.Deed.shelve, lifecycle.Deed.unshelve),
    *(lifecycle.Deed.suppress, lifecycle.Deed.out_of_service),
)
"""What takes two persons for red: else the one who may not shelve it alone would suppress it."""

_NEEDS_NOTE: Final = {
    "comment": "a comment needs words",
    "suppress": "suppressing needs its reason",
    "out_of_service": "taking out of service needs its permit",
}
_NEEDS_UNTIL: Final = frozenset({"shelve", "suppress", "out_of_service"})


class Wish(Struct, frozen=True, kw_only=True):
    """The body of an action: the rev that was seen, a note, until when to hide (RFC 3339).

    `note` is the reason, the permit or the text of a close-out, `cause` what the cause was.
    `one_shot` ends a shelving when the alarm clears, at `until` at the latest.
    """

    rev: int | None = None
    note: str = ""
    until: str | None = None
    one_shot: bool = False
    cause: str = ""


class Awaiting(Struct, frozen=True, kw_only=True):
    """An action that waits: for a second person on red, or for the tower the alarm lives at."""

    action: str
    asked_by: str
    asked_at: str
    expires_at: str


class Asked(Struct, frozen=True, kw_only=True):
    """`pending` of an alarm's document."""

    action: str
    asked_by: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of an action: HTTP status, the alarm's document, and what it waits for."""

    status: int
    document: str
    pending: Awaiting | None = None

    @property
    def body(self) -> str:
        """Return the answer's body: the alarm, or what the action waits for beside it."""
        if self.pending is None:
            return self.document
        waits = msgspec.json.encode(self.pending).decode()
        return f'{{"status":"pending","pending":{waits},"alarm":{self.document}}}'


async def present(conn: AsyncConnection, alarm_id: str, scope: Scope, *, now: int) -> str | None:
    """Return an alarm's document with, as `pending`, what waits for a second person, or None.

    The journal keeps documents as they were pushed, so this member is of one alarm's answers only.
    """
    row = await queries.alarm(conn, alarm_id, scope)
    if row is None:
        return None
    request = await pending.of_alarm(conn, alarm_id, now=instants.to_datetime(now))
    asked = (
        None
        if request is None
        else Asked(
            action=request.action,
            asked_by=request.asked_by,
            expires_at=instants.to_text(instants.from_datetime(request.expires_at)),
        )
    )
    return f'{row.document.removesuffix("}")},"pending":{msgspec.json.encode(asked).decode()}}}'


async def perform(
    service: Service,
    identity: Identity,
    alarm_id: str,
    action: str,
    wish: Wish,
    *,
    key: str | None = None,
) -> Done:
    """Act on an alarm; raise ProblemError 403, 404, 409 (with the alarm as it is now) or 422.

    A call repeated under one `key` answers what the first answered and does nothing again.
    """
    if action not in permissions.ACTIONS:
        raise ProblemError(
            404, f"there is no action {action!r}; there are {', '.join(permissions.ACTIONS)}"
        )

    async def act(conn: AsyncConnection) -> tuple[int, str]:
        done = await _act(conn, identity, alarm_id, action, wish)
        return done.status, msgspec.json.encode(done).decode()

    async def current(conn: AsyncConnection, _error: ConflictError) -> str | None:
        row = await queries.alarm(conn, alarm_id, identity.scope)
        return None if row is None else row.document

    body = await once.perform(
        service, identity, (alarm_id, action, wish), act, key=key, named="alarm", current=current
    )
    return msgspec.json.decode(body, type=Done)


async def _act(
    conn: AsyncConnection, identity: Identity, alarm_id: str, action: str, wish: Wish
) -> Done:
    """Check what the role may, then let the life cycle decide."""
    whence = await origins.whence(conn, "alarm", alarm_id, identity.scope)
    if whence is not None:
        return await _ask_below(conn, identity, whence, alarm_id, action, wish)
    alarm = await alarms.get(conn, alarm_id, scope=identity.scope)
    own_shelf = alarm.shelf is not None and alarm.shelf.by == identity.name
    refusal = permissions.refusal(
        identity.role,
        action,
        scope=identity.scope,
        simulated=alarm.subject.simulated,
        own_shelf=own_shelf,
    )
    if refusal is not None:
        raise ProblemError(403, refusal)
    now = clock.micros()
    wanted = lifecycle.Action(
        kind=lifecycle.Deed(action),
        actor=identity.name,
        role=identity.role,
        org_level=permissions.org_level(identity.role, action, identity.scope),
        seen_rev=wish.rev,
        note=wish.note,
        until=_until(action, wish),
        one_shot=wish.one_shot,
        cause=wish.cause,
    )
    agreed = await _second_person(conn, identity, alarm_id, wanted, now=now)
    if not isinstance(agreed, datetime):
        if agreed is not None:
            both = f"{wanted.note} · {agreed} + {identity.name}".removeprefix(" · ")
            wanted = msgspec.structs.replace(wanted, note=both)
        await alarms.act(conn, alarm_id, wanted, scope=identity.scope, now=now)
    if not isinstance(agreed, datetime):
        row = await queries.alarm(conn, alarm_id, identity.scope)
        if row is None:
            raise NotFoundError(f"there is no alarm {alarm_id} within your scope")
        return Done(status=200, document=row.document)
    document = await present(conn, alarm_id, identity.scope, now=now)
    if document is None:
        raise NotFoundError(f"there is no alarm {alarm_id} within your scope")
    waits = Awaiting(
        action=action,
        asked_by=identity.name,
        asked_at=instants.to_text(now),
        expires_at=instants.to_text(instants.from_datetime(agreed)),
    )
    return Done(status=202, document=document, pending=waits)


async def _ask_below(
    conn: AsyncConnection,
    identity: Identity,
    whence: origins.Whence,
    alarm_id: str,
    action: str,
    wish: Wish,
) -> Done:
    """Ask the tower at which an alarm lives; the alarm here moves when that one has answered."""
    refusal = permissions.refusal(
        identity.role,
        action,
        scope=identity.scope,
        simulated=whence.simulated,
        own_shelf=False,
    )
    if refusal is not None:
        raise ProblemError(403, refusal)
    _until(action, wish)
    lapses = await relayed_deeds.ask(
        conn,
        identity,
        whence,
        kind="alarm",
        subject=alarm_id,
        action=action,
        rev=wish.rev,
        note=wish.note,
        deeds=towers.ALARM_DEEDS,
    )
    now = clock.micros()
    document = await present(conn, alarm_id, identity.scope, now=now)
    if document is None:
        raise NotFoundError(f"there is no alarm {alarm_id} within your scope")
    waits = Awaiting(
        action=action,
        asked_by=identity.name,
        asked_at=instants.to_text(now),
        expires_at=instants.to_text(instants.from_datetime(lapses)),
    )
    return Done(status=202, document=document, pending=waits)


async def _second_person(
    conn: AsyncConnection, identity: Identity, alarm_id: str, wanted: lifecycle.Action, *, now: int
) -> str | datetime | None:
    """Return when this first person's request lapses, or the first person's name for the second.

    None where one person is enough. What could not be done is refused at the first call already.
    """
    if wanted.kind not in TWO_PERSONS:
        return None
    await journal.lock(conn)
    alarm = await alarms.get(conn, alarm_id, scope=identity.scope)
    outcome = lifecycle.step(alarm, wanted, now=now)
    if alarm.tier is not Tier.red or not outcome.entries:
        return None
    agreed = await pending.agreed(
        conn,
        alarm_id,
        wanted.kind,
        actor=identity.name,
        until=None if wanted.until is None else instants.to_datetime(wanted.until),
        note=wanted.note,
        now=instants.to_datetime(now),
    )
    if isinstance(agreed, datetime):
        await queries.record_trail(
            conn,
            at=instants.to_datetime(now),
            actor=identity.name,
            action=f"{wanted.kind}_asked",
            subject=f"alarm:{alarm_id}",
            after={"note": wanted.note, "lapses": agreed},
        )
    return agreed


def _until(action: str, wish: Wish) -> int | None:
    """Return until when to hide, in Micros; raise ProblemError 422 for words that are missing."""
    if max(len(wish.note), len(wish.cause)) > NOTE_MOST:
        raise ProblemError(422, f"a note has at most {NOTE_MOST} characters, a cause too")
    if action in _NEEDS_NOTE and not wish.note.strip():
        raise ProblemError(422, f"{_NEEDS_NOTE[action]} in `note`")
    if wish.one_shot and action != "shelve":
        raise ProblemError(422, f"`one_shot` is of a shelving alone, not of {action}")
    if action not in _NEEDS_UNTIL:
        return None
    if wish.until is None:
        raise ProblemError(422, f"to {action}, say `until` when, in RFC 3339")
    try:
        return instants.from_text(wish.until)
    except ValueError as error:
        raise ProblemError(422, f"`until` is not an RFC 3339 time: {error}") from error
