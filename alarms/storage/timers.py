"""What the rules behind alarms say of their timers: looked up where an alarm is written."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import AsyncConnection

from alarms import timers
from alarms.alarm import Entry


async def carried(conn: AsyncConnection, entries: Sequence[Entry]) -> list[Entry]:
    """Return entries whose alarms carry what their rules, as the record has them now, say of it.

    An import tells the open alarms of what it changed, so each carries what holds until it is
    written again. Call it after `journal.lock`, which imports take as well.
    """
    places = {entry.alarm.subject.key.partition("/")[::2] for entry in entries}
    found = await conn.execute(
        """
        with asked as (select * from unnest(%s::text[], %s::text[]) as asked (enterprise, name))
        select asked.enterprise || '/' || asked.name, p.params
          from asked join enterprise e on e.code = asked.enterprise
          join point p on p.enterprise_id = e.id and p.tag = asked.name
         where p.params <> '{}'
         union all
        select asked.enterprise || '/' || asked.name, jsonb_build_object('group', g.params)
          from asked join enterprise e on e.code = asked.enterprise
          join point_group g on g.enterprise_id = e.id and g.code = asked.name
         where g.params <> '{}'
        """,
        ([enterprise for enterprise, _ in places], [name for _, name in places]),
        prepare=False,  # a plan kept from when the tables were nearly empty reads all of them
    )
    params: dict[str, dict[str, Any]] = dict(await found.fetchall())
    return [
        msgspec.structs.replace(
            entry,
            alarm=msgspec.structs.replace(
                entry.alarm,
                timers=timers.of_rule(
                    params.get(entry.alarm.subject.key, {}).get(
                        entry.alarm.rule.partition(".")[0], {}
                    )
                ),
            ),
        )
        for entry in entries
    ]
