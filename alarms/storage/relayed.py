"""What towers below bring, stored here as it is told: never judged, never moved by time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alarms import instants, towers
from alarms.alarm import Tier
from alarms.scope import Scope
from alarms.storage import journal, tower
from alarms.storage.journal import WARNING, Line
from alarms.towers import Reason, RefusedEventError, ToldAlarm, ToldWarning, Tower


class Arrival(NamedTuple):
    """One event as a tower below sends it; `received` in Micros."""

    offset: int
    change: str
    document: dict[str, Any]
    actor: str
    org_level: str | None
    note: str
    from_snapshot: bool
    received: int


class Refusal(NamedTuple):
    """An event that is not taken, and why; `code` is a `towers.Reason`."""

    offset: int
    subject: str
    rev: int
    code: str
    error: str


async def take(
    conn: AsyncConnection,
    via: Tower,
    arrivals: Sequence[Arrival],
    *,
    epoch: str,
    scope: Scope,
    now: int,
) -> list[Refusal]:
    """Store what a tower brought, in order and each revision once; return what is not taken.

    Its place moves in the same transaction. `now` in Micros.
    """
    head = await journal.lock(conn)
    own = await tower.own(conn)
    known = await _known(conn, [str(each.document.get("id")) for each in arrivals])
    watched = await _watched(conn, [str(each.document.get("enterprise")) for each in arrivals])
    lines: list[Line] = []
    refused: list[Refusal] = []
    for each in arrivals:
        try:
            told = towers.read(each.document, each.change, own)
            _check(told, known.get(told.id), watched, scope)
        except RefusedEventError as error:
            refused.append(_refusal(each, error))
            continue
        before = known.get(told.id)
        if before is not None and before[1] is not None and told.rev <= before[1]:
            continue
        document = towers.arrived(each.document, received=each.received, committed=now)
        await _write(conn, told, via)
        known[told.id] = (told.towers[0].id, told.rev)
        lines.append(_line(each, told, document))
    if lines:
        await journal.append_lines(conn, head, lines, now=now)
        await conn.execute(
            "delete from relay_origin_refusal where tower = %s and alarm_id = any(%s)",
            (via.id, [line.id for line in lines]),
        )
    await _keep(conn, via, refused, now=now)
    places = [each.offset for each in arrivals if not each.from_snapshot]
    await conn.execute(
        """
        update relay_origin
           set epoch = coalesce(%s, epoch), log_offset = coalesce(%s, log_offset), heard_at = %s,
               taken = taken + %s
         where tower = %s
        """,
        (
            *(epoch if places else None, places[-1] if places else None),
            *(instants.to_datetime(now), len(lines), via.id),
        ),
    )
    return refused


async def refusals(
    conn: AsyncConnection, tower_id: str, *, after: int, limit: int
) -> list[Refusal]:
    """Return what was not taken from a tower, after an offset of its journal, oldest first."""
    cursor = await conn.execute(
        """
        select log_offset, alarm_id, rev, code, error from relay_origin_refusal
         where tower = %s and log_offset > %s order by log_offset limit %s
        """,
        (tower_id, after, limit),
    )
    return [Refusal(*row) for row in await cursor.fetchall()]


def _refusal(arrival: Arrival, error: RefusedEventError) -> Refusal:
    rev = arrival.document.get("rev")
    return Refusal(
        offset=arrival.offset,
        subject=str(arrival.document.get("id", ""))[:128],
        rev=rev if isinstance(rev, int) and 0 < rev < 1 << 31 else 0,
        code=error.reason.value,
        error=str(error)[:1000],
    )


async def _keep(conn: AsyncConnection, via: Tower, refused: Sequence[Refusal], *, now: int) -> None:
    """Write down what is not taken: the tower below may be gone before it hears of it."""
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into relay_origin_refusal (tower, at, log_offset, alarm_id, rev, code, error)
            values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (tower, log_offset) do update
               set at = excluded.at, code = excluded.code, error = excluded.error
            """,
            [(via.id, instants.to_datetime(now), *each) for each in refused],
        )


async def _known(
    conn: AsyncConnection, subjects: Sequence[str]
) -> dict[str, tuple[str | None, int | None]]:
    """Return the origin and the revision of those that are here already; None: this tower's own."""
    cursor = await conn.execute(
        """
        select id, origin, rev from alarm where id = any(%(ids)s)
         union all select id, origin, rev from warning where id = any(%(ids)s)
        """,
        {"ids": list(subjects)},
    )
    return {subject: (origin, rev) for subject, origin, rev in await cursor.fetchall()}


async def _watched(conn: AsyncConnection, enterprises: Sequence[str]) -> set[str]:
    """Return which enterprises have points here: this tower judges them itself."""
    cursor = await conn.execute(
        """
        select e.code from enterprise e
         where e.code = any(%s) and exists (select from point where enterprise_id = e.id)
        """,
        (list(set(enterprises)),),
    )
    return {code for (code,) in await cursor.fetchall()}


def _check(
    told: ToldAlarm | ToldWarning,
    before: tuple[str | None, int | None] | None,
    watched: set[str],
    scope: Scope,
) -> None:
    """Raise RefusedEventError for what this tower does not take from that one."""
    if not scope.covers(told.region, told.enterprise):
        raise RefusedEventError(
            Reason.out_of_scope,
            f"region {told.region}, enterprise {told.enterprise} is outside the token's scope "
            f"{scope.code}",
        )
    origin = told.towers[0]
    if before is None:
        if told.enterprise in watched:
            raise RefusedEventError(
                Reason.own, f"enterprise {told.enterprise} has points here and is judged here"
            )
    elif before[0] is None:
        raise RefusedEventError(Reason.own, f"{told.id} is this tower's own")
    elif before[0] != origin.id:
        raise RefusedEventError(
            Reason.other_origin, f"{told.id} lives at tower {before[0]}, not at {origin.id}"
        )


async def _write(conn: AsyncConnection, told: ToldAlarm | ToldWarning, via: Tower) -> None:
    match told:
        case ToldAlarm():
            row: dict[str, Any] = {
                "key": f"relayed:{told.id}",
                "rule": told.rule,
                "unit": told.unit,
                "point": told.point,
                "kind": told.kind.value,
                "state": told.state.value,
                "active": told.active,
                "t_raised": _moment(told.t_raised),
                "t_closed": _moment(told.t_closed),
                "record": Jsonb({"acks": told.acks}),
            }
            statement = _UPSERT_ALARM
        case ToldWarning():
            row = {
                "stage": told.stage.value,
                "t_proposed": _moment(told.t_proposed),
                "t_lifted": _moment(told.t_lifted),
                "record": Jsonb({"alarms": told.alarms, "published_at": told.published_at}),
            }
            statement = _UPSERT_WARNING
    await conn.execute(
        statement,
        row
        | {
            "id": told.id,
            "rev": told.rev,
            "region": told.region,
            "enterprise": told.enterprise,
            "source": told.source,
            "tier": int(Tier[told.tier]),
            "simulated": told.simulated,
            "origin": told.towers[0].id,
            "via": via.id,
        },
    )


_UPSERT_ALARM: Final = """
insert into alarm (id, key, rule, rev, region, enterprise, source, unit, point, kind, tier, state,
                   active, simulated, t_raised, t_closed, record, origin, via)
values (%(id)s, %(key)s, %(rule)s, %(rev)s, %(region)s, %(enterprise)s, %(source)s, %(unit)s,
        %(point)s, %(kind)s, %(tier)s, %(state)s, %(active)s, %(simulated)s, %(t_raised)s,
        %(t_closed)s, %(record)s, %(origin)s, %(via)s)
on conflict (id) do update
   set rev = excluded.rev, tier = excluded.tier, state = excluded.state, active = excluded.active,
       t_raised = excluded.t_raised, t_closed = excluded.t_closed, record = excluded.record,
       via = excluded.via
"""
_UPSERT_WARNING: Final = """
insert into warning (id, rev, stage, level, region, enterprise, source, simulated, t_proposed,
                     t_lifted, record, origin, via)
values (%(id)s, %(rev)s, %(stage)s, %(tier)s, %(region)s, %(enterprise)s, %(source)s,
        %(simulated)s, %(t_proposed)s, %(t_lifted)s, %(record)s, %(origin)s, %(via)s)
on conflict (id) do update
   set rev = excluded.rev, stage = excluded.stage, level = excluded.level,
       t_lifted = excluded.t_lifted, record = excluded.record, via = excluded.via
"""


def _moment(text: str | None) -> datetime | None:
    return None if text is None else instants.to_datetime(instants.from_text(text))


def _line(arrival: Arrival, told: ToldAlarm | ToldWarning, document: dict[str, Any]) -> Line:
    return Line(
        told.id,
        told.rev,
        arrival.change,
        WARNING if isinstance(told, ToldWarning) else told.kind.value,
        int(Tier[told.tier]),
        told.region,
        told.enterprise,
        told.source,
        instants.from_text(told.t_event),
        arrival.received,
        arrival.actor,
        arrival.org_level,
        arrival.note,
        document,
    )
