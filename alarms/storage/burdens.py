"""What weighs on each operator position just now, counted cheaply for those who watch."""

from collections import defaultdict
from typing import Final

import msgspec
from psycopg import AsyncConnection, sql

from alarms import flood, instants
from alarms.kpi import DAY_US
from alarms.moves import HIDDEN, RINGS
from alarms.outcome import LIFTS
from alarms.proposal import ChannelState
from alarms.storage import places

_STEP: Final = 512
"""Rows looked back at first; four times as many each further time."""


class Burden(msgspec.Struct, kw_only=True):
    """A position's alarms; `rate` counts those that rang in the last 10 minutes of event time.

    What was hidden then is not counted; it rings when it is hidden no more, if it still stands.
    `in_flood` is 1 or 0; of several positions it counts those that are.
    """

    rate: int = 0
    open: int = 0
    unacknowledged: int = 0
    standing: int = 0
    in_flood: int = 0


async def burdens(conn: AsyncConnection, *, now: int) -> dict[str, Burden]:
    """Return the burden of every position that has any, by region; `now` in Micros.

    The region of what belongs to no enterprise is empty. Alarms of other towers burden positions
    there.
    """
    found: dict[str, Burden] = defaultdict(Burden)
    cursor = await conn.execute(
        sql.SQL(
            """
            select coalesce(a.region, ''), count(*), count(*) filter (where {}),
                   count(*) filter (where a.active and a.t_raised < %s)
              from alarm a where a.t_closed is null and a.origin is null group by 1
            """
        ).format(places.UNACKNOWLEDGED),
        (instants.to_datetime(now - DAY_US),),
    )
    for region, opened, unacknowledged, standing in await cursor.fetchall():
        its = found[region]
        its.open, its.unacknowledged, its.standing = opened, unacknowledged, standing
    for region, rate in await _rates(conn, now):
        found[region].rate = rate
    cursor = await conn.execute(
        "select key, process from alarm_state where rule = %s", (flood.RULE,)
    )
    for key, process in await cursor.fetchall():
        state = ChannelState(key=key, rule=flood.RULE, process=process)
        region, position = flood.position_of(state)
        if position.is_flooded(now):
            found[region].in_flood = 1
    return dict(found)


async def _rates(conn: AsyncConnection, now: int) -> list[tuple[str, int]]:
    """Count the newest rings by region; the journal is read back no further than it must be."""
    since = instants.to_datetime(now - flood.WINDOW_US)
    row = await (await conn.execute("select log_offset from journal_head")).fetchone()
    head = 0 if row is None else row[0]
    back = _STEP
    while back < head:
        # What has happened since was committed since, and offsets follow commits.
        row = await (
            await conn.execute(
                "select t_committed from journal where log_offset >= %s"
                " order by log_offset limit 1",
                (head - back,),
            )
        ).fetchone()
        if row is None or row[0] < since:
            break
        back *= 4
    cursor = await conn.execute(
        """
        select coalesce(j.region, ''), count(*) from journal j
         where j.log_offset > %(after)s and j.t_event > %(since)s and j.t_event <= %(now)s
           and j.kind <> 'warning' and not (j.data::json ->> 'late')::boolean
           and j.data::json -> 'origin' is null
           and j.data::json ->> 'state' <> all(%(hidden)s)
           and (j.type = any(%(rings)s)
                or (j.type = any(%(lifts)s) and (j.data::json ->> 'active')::boolean
                    and (select r.data::json ->> 'state' = any(%(hidden)s) from journal r
                          where r.alarm_id = j.alarm_id and r.rev < j.rev
                            and (r.type = any(%(rings)s)
                                 or (r.type = any(%(lifts)s)
                                     and r.data::json ->> 'state' <> all(%(hidden)s)))
                          order by r.rev desc limit 1)))
         group by 1
        """,
        {
            "after": head - back,
            "since": since,
            "now": instants.to_datetime(now),
            "hidden": [state.value for state in HIDDEN],
            "rings": [kind.value for kind in RINGS],
            "lifts": [kind.value for kind in LIFTS],
        },
    )
    return [(region, count) for region, count in await cursor.fetchall()]
