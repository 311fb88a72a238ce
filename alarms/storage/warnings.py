"""Warnings in the record: what alarms ask for and what people do, each in one transaction."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import AsyncConnection, sql
from psycopg.types.json import Jsonb

from alarms import instants, warning_table, warnings
from alarms.alarm import Kind, Tier
from alarms.errors import NotAllowedError, NotFoundError
from alarms.scope import Scope
from alarms.storage import fences, journal, warning_documents, warning_tables
from alarms.storage.journal import WARNING, Line
from alarms.warning import Action, Asking, Duty, EarlyWarning, Entry, Lapse, Stage
from alarms.warning_table import Place, Standing, Told

Slot = tuple[str, str]
"""An enterprise and its source."""


class Judged(NamedTuple):
    """What was looked at last: how record and tables stood, and when time alone asks for more.

    `due` has a source's next such moment in Micros; `entries` is how many rows of the journal came
    of it.
    """

    seen: tuple[int, str]
    due: Mapping[Slot, int]
    entries: int


class _Plan(NamedTuple):
    """What is to happen: steps of warnings, and what alarms have asked for now."""

    steps: list[tuple[EarlyWarning | None, Asking | Lapse]]
    told: dict[str, Told]
    due: dict[Slot, int]


async def judge(conn: AsyncConnection, *, now: int, before: Judged | None) -> Judged:
    """Let alarms ask for the warnings that their region's table has for them.

    `before` is what the last committed call returned: only sources with news since are looked at;
    without it, and where a table has changed, all are. Where there is something to write the
    journal's head is locked first; `now` in Micros.
    """
    seen = await _standing(conn)
    slots = await _touched(conn, seen, before, now)
    if before is not None and slots is not None and not slots:
        return before._replace(seen=seen, entries=0)
    plan = await _plan(conn, slots, now)
    entries: list[Entry] = []
    if plan.steps or plan.told:
        head = await journal.lock(conn)
        # People may have acted in between; from here on nobody does.
        _, tables = standing = await _standing(conn)
        slots = await _touched(conn, standing, before, now)
        plan = await _plan(conn, slots, now)
        for warning, event in plan.steps:
            entries += warnings.step(warning, event, now=now).entries
        await write(conn, head, entries, now=now)
        await _tell(conn, plan.told)
        seen = (await _standing(conn))[0], tables
    due = plan.due
    if before is not None and slots is not None:
        due |= {slot: moment for slot, moment in before.due.items() if slot not in slots}
    return Judged(seen, due, len(entries))


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


async def _touched(
    conn: AsyncConnection, seen: tuple[int, str], before: Judged | None, now: int
) -> set[Slot] | None:
    """Return the sources that something happened at since, or that are due; None means all."""
    if before is None or seen[1] != before.seen[1] or seen[0] < before.seen[0]:
        return None
    late = {slot for slot, moment in before.due.items() if moment <= now}
    if seen[0] == before.seen[0]:
        return late
    cursor = await conn.execute(
        """
        select distinct enterprise, source from journal
         where log_offset > %s and enterprise is not null and source is not null
        """,
        (before.seen[0],),
    )
    return late | {(enterprise, source) for enterprise, source in await cursor.fetchall()}


async def _plan(conn: AsyncConnection, slots: Collection[Slot] | None, now: int) -> _Plan:
    """Look at these sources' alarms, and at proposals whose alarms are over."""
    steps: list[tuple[EarlyWarning | None, Asking | Lapse]] = []
    told: dict[str, Told] = {}
    moments: dict[Slot, int] = {}
    tables = await warning_tables.every(conn)
    found = await _candidates(conn, slots)
    known = await _told(conn, [each.id for alarms in found.values() for each in alarms])
    names = await warning_tables.names(conn, {place.region for place in found})
    waiting = await _open(conn, slots)
    by_slot = {(each.enterprise, each.source): each for each in waiting if each.source}
    for place, alarms in found.items():
        whose, table = warning_table.of_region(tables, place.region)
        due = warning_table.due(table, place, alarms, now)
        if due is not None:
            moments[place.enterprise, place.source] = due
        warning = by_slot.get((place.enterprise, place.source))
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
    active = {each.id for alarms in found.values() for each in alarms}
    joined = {warning.id for warning, _ in steps if warning is not None}
    over = await _over(conn, waiting, active)
    steps += [(each, Lapse()) for each in over if each.id not in joined]
    return _Plan(steps, told, moments)


_NEVER: Final = Told(-1, 0)
_KINDS: Final = {kind.value: kind for kind in Kind}
_TIERS: Final = {tier.value: tier for tier in Tier}


def _columns_of(slots: Collection[Slot] | None) -> dict[str, object]:
    """Return the parameters of _AMONG."""
    chosen = sorted(slots or ())
    return {
        "everywhere": slots is None,
        "enterprises": [enterprise for enterprise, _ in chosen],
        "sources": [source for _, source in chosen],
    }


_AMONG: Final = """(%(everywhere)s or (enterprise, source) in (
    select * from unnest(%(enterprises)s::text[], %(sources)s::text[])))"""


async def _candidates(
    conn: AsyncConnection, slots: Collection[Slot] | None
) -> dict[Place, list[Standing]]:
    """Return the alarms of sources that are active and that nobody hides."""
    cursor = await conn.execute(
        f"""
        with asking as materialized (
            select region, enterprise, source, simulated, id, key, kind, tier, t_raised,
                   (record ->> 'reraise_count')::int as raises, record ->> 'message_zh' as words,
                   (record #>> '{{forecast,probability}}')::float as probability
              from alarm
             where t_closed is null and active and state in ('UNACK', 'ACKED') and origin is null
               and kind not in ('sensor', 'comms', 'system')
               and region is not null and source is not null and {_AMONG}
        )
        select a.region, a.enterprise, a.source, s.level, a.simulated, e.name, s.name,
               a.id, a.key, a.kind, a.tier, a.t_raised, a.raises, a.probability, a.words
          from asking a
          join enterprise e on e.code = a.enterprise
          join source s on s.enterprise_id = e.id and s.code = a.source
        """,  # noqa: S608  the condition is a constant
        _columns_of(slots),
    )
    found: defaultdict[Place, list[Standing]] = defaultdict(list)
    for row in await cursor.fetchall():
        region, enterprise, source, level, simulated, firm, name, *rest = row
        place = Place(region, enterprise, source, level, simulated, firm, name)
        alarm, key, kind, tier, raised, raises, probability, words = rest
        found[place].append(
            Standing(
                *(alarm, key, _KINDS[kind], _TIERS[tier], instants.from_datetime(raised), raises),
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


async def _open(conn: AsyncConnection, slots: Collection[Slot] | None) -> list[EarlyWarning]:
    """Return the open warnings of these sources, and what is proposed of areas."""
    cursor = await conn.execute(
        f"""
        select record from warning
         where t_lifted is null and origin is null
           and (source is null and stage = 'proposed' or {_AMONG}) order by id
        """,  # noqa: S608  the condition is a constant
        _columns_of(slots),
    )
    return [_warning(record) for (record,) in await cursor.fetchall()]


async def _over(
    conn: AsyncConnection, waiting: Sequence[EarlyWarning], active: set[str]
) -> list[EarlyWarning]:
    """Return the proposals all of whose alarms are closed: one that flutters keeps its own.

    Those with an alarm among `active` need not be asked for.
    """
    doubtful = [
        each
        for each in waiting
        if each.stage is Stage.proposed and each.alarms and active.isdisjoint(each.alarms)
    ]
    if not doubtful:
        return []
    cursor = await conn.execute(
        "select id from alarm where id = any(%s) and t_closed is null",
        ([alarm for each in doubtful for alarm in each.alarms],),
    )
    still = {alarm for (alarm,) in await cursor.fetchall()}
    return [each for each in doubtful if still.isdisjoint(each.alarms)]


async def act(
    conn: AsyncConnection, warning_id: str, action: Action, *, scope: Scope, now: int
) -> EarlyWarning:
    """Do what a person asks of one warning that `scope` hears and return it as it is then.

    Of an area that is wider than the scope it takes a receipt and no more. Raises NotFoundError
    for what the scope does not hear, NotAllowedError, and what `warnings.step` raises.
    """
    head = await journal.lock(conn)
    warning = await get(conn, warning_id, scope=scope)
    if action.kind is not Duty.receipt and not scope.covers(warning.region, warning.enterprise):
        raise NotAllowedError(
            f"this warning is over {warning.region}, a wider area than yours: give it a receipt; "
            f"to {action.kind} it is for a desk of that area"
        )
    if action.level is not None:
        _, table = warning_table.of_region(await warning_tables.every(conn), warning.region)
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
    """Return one warning of this tower that the scope hears; NotFoundError where there is none."""
    conditions = fences.Conditions()
    fences.heard(conditions, scope)
    conditions.add("w.id = %s and w.origin is null", warning_id)
    query = sql.SQL("select w.record from warning w where {}").format(conditions.where())
    row = await (await conn.execute(query, conditions.values)).fetchone()
    if row is None:
        raise NotFoundError(f"there is no warning {warning_id} within your scope")
    return _warning(row[0])


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
