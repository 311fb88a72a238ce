"""What people do to alarms and warnings of another tower: asked of it, and done there."""

from collections.abc import Collection
from datetime import datetime

from psycopg import AsyncConnection

from alarms import scope as scopes
from alarms import towers
from alarms.deeds import Action, Deed
from alarms.errors import ConflictError, NotAllowedError, NotFoundError
from alarms.storage import alarms, origins, queries, warnings
from alarms.storage.origins import Whence
from alarms.storage.relays import Relay
from alarms.towers import Tower
from alarms.warning import Action as WarningAction
from alarms.warning import Duty
from api import clock, warning_trail
from api.identity import Identity
from api.problems import ProblemError
from api.relay_frames import Ask


async def ask(
    conn: AsyncConnection,
    identity: Identity,
    whence: Whence,
    *,
    kind: str,
    subject: str,
    action: str,
    rev: int | None,
    note: str,
    deeds: Collection[str],
) -> datetime:
    """Ask the tower an alarm or warning lives at for a deed; return when that lapses.

    ProblemError 403 for what is done only there.
    """
    if action not in deeds:
        home = whence.name or whence.origin
        raise ProblemError(
            403,
            f"this {kind} lives at the tower {home} and is dealt with there; "
            f"from here: {', '.join(deeds)}",
        )
    now = clock.now()
    lapses = await origins.ask(
        conn,
        whence,
        kind=kind,
        subject=subject,
        action=action,
        rev=rev,
        note=note,
        actor=identity.name,
        level=None,
        now=now,
    )
    await queries.record_trail(
        conn,
        at=now,
        actor=identity.name,
        action=f"{kind}.{action}_asked",
        subject=f"{kind}:{subject}",
        after={"tower": whence.origin, "rev": rev, "note": note, "lapses": lapses},
    )
    return lapses


async def from_above(conn: AsyncConnection, relay: Relay, upper: Tower, asked: Ask) -> None:
    """Do what the tower above asks, for its level, or ask it of the tower below in turn.

    Raises what the deed raises: NotFoundError, ConflictError, NotAllowedError, FengsuiError.
    """
    deeds = towers.ALARM_DEEDS if asked.kind == "alarm" else towers.WARNING_DEEDS
    if asked.action not in deeds:
        raise NotAllowedError(f"a tower above may not {asked.action} a {asked.kind} of this one")
    scope = scopes.ALL if relay.region is None else scopes.of_region(relay.region)
    level = towers.acting_level(asked.level, relay.level)
    actor = f"{asked.actor}@{upper.name or upper.id[:8]}"
    whence = await origins.whence(conn, asked.kind, asked.subject, scope)
    if whence is not None:
        await origins.ask(
            conn,
            whence,
            kind=asked.kind,
            subject=asked.subject,
            action=asked.action,
            rev=asked.rev,
            note=asked.note,
            actor=actor,
            level=level,
            now=clock.now(),
        )
    elif asked.kind == "alarm":
        await alarms.act(
            conn,
            asked.subject,
            Action(
                kind=Deed(asked.action),
                actor=actor,
                role="tower",
                org_level=level,
                seen_rev=asked.rev,
                note=asked.note,
            ),
            scope=scope,
            now=clock.micros(),
        )
    else:
        now = clock.micros()
        wanted = WarningAction(
            kind=Duty(asked.action),
            actor=actor,
            org_level=level,
            seen_rev=asked.rev,
            note=asked.note,
        )
        before = await warnings.get(conn, asked.subject, scope=scope)
        after = await warnings.act(conn, asked.subject, wanted, scope=scope, now=now)
        await warning_trail.record(
            conn, actor, wanted.kind, before=before, after=after, note=asked.note, now=now
        )


def status_of(error: Exception) -> int:
    """Return the HTTP status that a deed's error has over REST."""
    match error:
        case NotFoundError():
            return 404
        case ConflictError():
            return 409
        case NotAllowedError():
            return 403
        case ProblemError():
            return error.status
        case _:
            return 422
