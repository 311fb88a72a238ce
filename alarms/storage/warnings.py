"""Warnings in the record: what alarms ask for and what people do, each in one transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from alarms import instants, warning_table, warnings
from alarms.alarm import Kind, Tier
from alarms.errors import NotFoundError
from alarms.scope import Scope
from alarms.storage import fences, journal, warning_documents
from alarms.storage.journal import WARNING, Line
from alarms.warning import Action, Asking, EarlyWarning, Entry, Lapse
from alarms.warning_table import Place, Standing, Told, WarningTable


class Judged(NamedTuple):
    """What was looked at last: how record and tables stood, and when time alone asks for more.

    `due` is in Micros; `entries` is how many rows of the journal came of it.
    """

    seen: tuple[int, str]
    due: int | None
    entries: int


class _Plan(NamedTuple):
    """What is to happen: steps of warnings, and what alarms have asked for now."""

    steps: list[tuple[EarlyWarning | None, Asking | Lapse]]
    told: dict[str, Told]
    due: int | None


async def judge(conn: AsyncConnection, *, now: int, before: Judged | None) -> Judged:
    """Let every source's alarms ask for the warnings that its region's table has for them.

    `before` is what the last committed call returned: with no news since, nothing is looked at.
    Where there is something to write the journal's head is locked first; `now` in Micros.
    """
    seen = await _standing(conn)
    if before is not None and seen == before.seen and (before.due is None or now < before.due):
        return before._replace(entries=0)
    plan = await _plan(conn, now)
    if not plan.steps and not plan.told:
        return Judged(seen, plan.due, 0)
    head = await journal.lock(conn)
    plan = await _plan(conn, now)  # people may have acted in between
    entries = [
        entry
        for warning, event in plan.steps
        for entry in warnings.step(warning, event, now=now).entries
    ]
    await write(conn, head, entries, now=now)
    await _tell(conn, plan.told)
    return Judged(await _standing(conn), plan.due, len(entries))


async def _standing(conn: AsyncConnection) -> tuple[int, str]:
    row = await (
        await conn.execute(
            """
            select log_offset, (select count(*) || ' ' || coalesce(max(changed_at)::text, '')
                                  from warning_table)
              from journal_head
            """
        )
    ).fetchone()
    if row is None:
        raise RuntimeError("journal_head is empty: the schema is damaged")
    return row[0], row[1]


async def _plan(conn: AsyncConnection, now: int) -> _Plan:
    """Look at every source whose alarms may ask, and at proposals whose alarms are over."""
    steps: list[tuple[EarlyWarning | None, Asking | Lapse]] = []
    told: dict[str, Told] = {}
    moments: list[int] = []
    tables = await region_tables(conn)
    found = await _candidates(conn)
    known = await _told(conn, [each.id for alarms in found.values() for each in alarms])
    names = await region_names(conn, {place.region for place in found})
    waiting = await _open(conn)
    for place, alarms in found.items():
        whose, table = warning_table.of_region(tables, place.region)
        due = warning_table.due(table, place, alarms, now)
        moments += [] if due is None else [due]
        warning = waiting.get((place.enterprise, place.source))
        asks = warning_table.asking(
            table,
            place,
            alarms,
            told={} if warning is not None else known,
            names=names,
            whose=whose,
            now=now,
        )
        if asks is None:
            continue
        if warnings.step(warning, asks, now=now).entries:
            steps.append((warning, asks))
        for each in alarms:
            news = Told(each.raises, int(asks.level))
            if each.id in asks.alarms and known.get(each.id, _NEVER) < news:
                told[each.id] = news
    moved = {warning.id for warning, _ in steps if warning is not None}
    steps += [(warning, Lapse()) for warning in await _over(conn) if warning.id not in moved]
    return _Plan(steps, told, min(moments, default=None))


_NEVER: Final = Told(-1, 0)


async def _candidates(conn: AsyncConnection) -> dict[Place, list[Standing]]:
    """Return the alarms of sources that are active and that nobody hides."""
    cursor = await conn.execute(
        """
        select a.region, a.enterprise, a.source, s.level, a.simulated, e.name, s.name,
               a.id, a.key, a.kind, a.tier, a.t_raised, (a.record ->> 'reraise_count')::int,
               (a.record #>> '{forecast,probability}')::float, a.record ->> 'message_zh'
          from alarm a
          join enterprise e on e.code = a.enterprise
          join source s on s.enterprise_id = e.id and s.code = a.source
         where a.t_closed is null and a.active and a.state in ('UNACK', 'ACKED')
           and a.kind not in ('sensor', 'comms', 'system') and a.region is not null
        """
    )
    found: defaultdict[Place, list[Standing]] = defaultdict(list)
    for row in await cursor.fetchall():
        region, enterprise, source, level, simulated, firm, name, *rest = row
        place = Place(region, enterprise, source, level, simulated, firm, name)
        alarm, key, kind, tier, raised, raises, probability, words = rest
        found[place].append(
            Standing(
                *(alarm, key, Kind(kind), Tier(tier), instants.from_datetime(raised), raises),
                *(probability or 0.0, words or ""),
            )
        )
    return dict(found)


async def _told(conn: AsyncConnection, alarms: Sequence[str]) -> dict[str, Told]:
    cursor = await conn.execute(
        "select alarm_id, raises, level from warning_told where alarm_id = any(%s)", (list(alarms),)
    )
    return {alarm: Told(raises, level) for alarm, raises, level in await cursor.fetchall()}


async def _tell(conn: AsyncConnection, told: Mapping[str, Told]) -> None:
    if not told:
        return
    await conn.execute(
        """
        insert into warning_told (alarm_id, raises, level)
        select * from unnest(%s::text[], %s::integer[], %s::smallint[])
        on conflict (alarm_id) do update set raises = excluded.raises, level = excluded.level
        """,
        (
            list(told),
            [each.raises for each in told.values()],
            [each.level for each in told.values()],
        ),
    )


async def _open(conn: AsyncConnection) -> dict[tuple[str, str], EarlyWarning]:
    cursor = await conn.execute(
        "select record from warning where t_lifted is null and source is not null"
    )
    found = [_warning(record) for (record,) in await cursor.fetchall()]
    return {(each.enterprise or "", each.source or ""): each for each in found}


async def _over(conn: AsyncConnection) -> list[EarlyWarning]:
    """Return the proposals all of whose alarms are closed: one that flutters keeps its own."""
    cursor = await conn.execute(
        """
        select w.record from warning w
         where w.stage = 'proposed' and w.record -> 'alarms' <> '[]'
           and not exists (
               select from jsonb_array_elements_text(w.record -> 'alarms') each
                 join alarm a on a.id = each and a.t_closed is null)
         order by w.id
        """
    )
    return [_warning(record) for (record,) in await cursor.fetchall()]


async def act(
    conn: AsyncConnection, warning_id: str, action: Action, *, scope: Scope, now: int
) -> EarlyWarning:
    """Do what a person asks of one warning within `scope` and return it as it is then.

    Raises NotFoundError outside the scope, and what `warnings.step` raises.
    """
    head = await journal.lock(conn)
    warning = await get(conn, warning_id, scope=scope)
    if action.level is not None:
        _, table = warning_table.of_region(await region_tables(conn), warning.region)
        government = warning_table.government_of(table, action.level)
        action = msgspec.structs.replace(action, government=government)
    cursor = await conn.execute(
        "select id from alarm where id = any(%s) and active and t_closed is null order by id",
        (list(warning.alarms),),
    )
    active = tuple(alarm for (alarm,) in await cursor.fetchall())
    action = msgspec.structs.replace(action, active=active)
    outcome = warnings.step(warning, action, now=now)
    await write(conn, head, outcome.entries, now=now)
    return outcome.warning or warning


async def get(conn: AsyncConnection, warning_id: str, *, scope: Scope) -> EarlyWarning:
    """Return one warning; raise NotFoundError where there is none within the scope."""
    conditions = fences.Conditions()
    fences.within(conditions, scope, region="region", enterprise="enterprise")
    conditions.add("id = %s", warning_id)
    query = sql.SQL("select record from warning where {}").format(conditions.where())
    row = await (await conn.execute(query, conditions.values)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no warning {warning_id} within your scope")
    return _warning(row[0])


async def region_tables(conn: AsyncConnection) -> dict[str, WarningTable]:
    """Return the tables of regions that have one of their own, by code."""
    cursor = await conn.execute("select region, content from warning_table order by region")
    return {
        region: msgspec.convert(content, WarningTable)
        for region, content in await cursor.fetchall()
    }


async def region_names(conn: AsyncConnection, regions: set[str]) -> dict[str, str]:
    """Return the names of all that governs these regions, by code."""
    codes = {code for region in regions for code in warning_table.governing_codes(region).values()}
    cursor = await conn.execute("select code, name from region where code = any(%s)", ([*codes],))
    return dict(await cursor.fetchall())


async def put_table(
    conn: AsyncConnection, region: str, table: WarningTable | None, *, now: int
) -> WarningTable | None:
    """Give a region its table, or the shipped one back; return the one it had.

    NotFoundError for a region nobody knows. `now` in Micros.
    """
    known = await conn.execute("select true from region where code = %s", (region,))
    if await known.fetchone() is None:
        raise NotFoundError(f"there is no region {region}")
    before = (await region_tables(conn)).get(region)
    if table is None:
        await conn.execute("delete from warning_table where region = %s", (region,))
    else:
        await conn.execute(
            """
            insert into warning_table (region, content, changed_at) values (%s, %s, %s)
            on conflict (region) do update
               set content = excluded.content, changed_at = excluded.changed_at
            """,
            (region, Jsonb(table, dumps=msgspec.json.encode), instants.to_datetime(now)),
        )
    return before


async def write(
    conn: AsyncConnection, head: tuple[int, bytes], entries: Sequence[Entry], *, now: int
) -> None:
    """Write the newest state of each warning named in `entries`, and every entry to the journal."""
    if not entries:
        return
    newest = {entry.warning.id: entry.warning for entry in entries}
    # Lifted ones first: a source may lose one and get another within one call.
    ordered = sorted(newest.values(), key=lambda each: each.lift is None)
    async with conn.cursor() as cursor:
        await cursor.executemany(_UPSERT, [_columns(each) for each in ordered])
    await journal.append_lines(conn, head, [_line(entry, now) for entry in entries], now=now)


_UPSERT: Final = """
insert into warning (id, rev, stage, level, region, enterprise, source, simulated, t_proposed,
                     t_lifted, record)
values (%(id)s, %(rev)s, %(stage)s, %(level)s, %(region)s, %(enterprise)s, %(source)s,
        %(simulated)s, %(t_proposed)s, %(t_lifted)s, %(record)s)
on conflict (id) do update
   set rev = excluded.rev, stage = excluded.stage, level = excluded.level,
       t_lifted = excluded.t_lifted, record = excluded.record
"""


def _columns(warning: EarlyWarning) -> dict[str, object]:
    return {
        "id": warning.id,
        "rev": warning.rev,
        "stage": warning.stage.value,
        "level": int(warning.level),
        "region": warning.region,
        "enterprise": warning.enterprise,
        "source": warning.source,
        "simulated": warning.simulated,
        "t_proposed": instants.to_datetime(warning.t_proposed),
        "t_lifted": None if warning.lift is None else instants.to_datetime(warning.lift.at),
        "record": Jsonb(warning, dumps=msgspec.json.encode),
    }


def _line(entry: Entry, now: int) -> Line:
    warning = entry.warning
    return Line(
        warning.id,
        warning.rev,
        entry.change.value,
        WARNING,
        int(warning.level),
        warning.region,
        warning.enterprise,
        warning.source,
        entry.t_event,
        entry.t_event,
        entry.actor,
        entry.org_level,
        entry.note,
        warning_documents.document(warning, t_committed=now),
    )


def _warning(record: Any) -> EarlyWarning:  # noqa: ANN401  JSON of the record
    return msgspec.convert(record, EarlyWarning)
