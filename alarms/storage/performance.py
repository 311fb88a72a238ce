"""What figures of an alarm system are counted from: the journal of the alarms of a span."""

from operator import itemgetter
from typing import Any, Final

import msgspec
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.alarm import State, Tier, Transition
from alarms.kpi import DAY_US
from alarms.moves import Move
from alarms.scope import Scope
from alarms.storage import fences

_TOGETHER: Final = 5_000


class _Said(msgspec.Struct):
    quality: str
    late: bool
    unconfirmed: bool
    state: State
    active: bool


_SAID: Final = msgspec.json.Decoder(_Said)


async def moves(
    conn: AsyncConnection,
    scope: Scope,
    *,
    region: str | None,
    start: int,
    end: int,
    most: int,
) -> list[Move] | None:
    """Return the rows before `end` of every alarm that was open from a day before `start` on.

    In the order of the journal, times in Micros. None where there are more than `most`. Alarms of
    other towers are counted where they live: here only a part of them may be known.
    """
    conditions = _within(scope, region, region_of="a.region", enterprise_of="a.enterprise")
    conditions.add(
        "a.origin is null and a.t_raised < %s"
        " and (a.t_closed is null or a.t_closed >= %s) and j.t_event < %s",
        instants.to_datetime(end),
        instants.to_datetime(start - DAY_US),
        instants.to_datetime(end),
    )
    query = sql.SQL(
        """
        select j.log_offset,
               a.id, a.key, a.rule, a.region, j.type, j.tier, j.t_event, j.t_committed,
               j.org_level, a.simulated, j.data
          from alarm a join journal j on j.alarm_id = a.id
         where {} limit %s
        """
    ).format(conditions.where())
    found: list[tuple[int, Move]] = []
    async with conn.cursor(name="moves", binary=True) as cursor:
        await cursor.execute(query, (*conditions.values, most + 1))
        while rows := await cursor.fetchmany(_TOGETHER):
            found += [(row[0], _move(row)) for row in rows]
    found.sort(key=itemgetter(0))  # the server would sort the documents along, on disk
    return [move for _, move in found] if len(found) <= most else None


async def points(conn: AsyncConnection, scope: Scope, *, region: str | None) -> int:
    """Return how many points are watched there."""
    conditions = _within(scope, region, region_of="e.region", enterprise_of="e.code")
    query = sql.SQL(
        "select count(*) from point p join enterprise e on e.id = p.enterprise_id where {}"
    ).format(conditions.where())
    row = await (await conn.execute(query, conditions.values)).fetchone()
    return 0 if row is None else int(row[0])


def _within(
    scope: Scope, region: str | None, *, region_of: str, enterprise_of: str
) -> fences.Conditions:
    conditions = fences.Conditions()
    fences.within(conditions, scope, region=region_of, enterprise=enterprise_of)
    if region is not None:
        conditions.add(f"{region_of} ^@ %s", region)
    return conditions


def _move(row: tuple[Any, ...]) -> Move:
    (
        _,
        alarm,
        key,
        rule,
        region,
        kind,
        tier,
        t_event,
        t_committed,
        org_level,
        simulated,
        document,
    ) = row
    said = _SAID.decode(document)
    return Move(
        alarm=alarm,
        slot=(key, rule),
        position=region,
        type=Transition(kind),
        tier=Tier(tier),
        t_event=instants.from_datetime(t_event),
        t_committed=instants.from_datetime(t_committed),
        org_level=org_level,
        late=said.late,
        unconfirmed=said.unconfirmed,
        good=said.quality == "good",
        simulated=simulated,
        state=said.state,
        active=said.active,
    )
