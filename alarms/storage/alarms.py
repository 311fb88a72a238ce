"""Alarms in the record: process events and people's actions become rows, in one transaction."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alarms import deadlines, instants, lifecycle
from alarms.alarm import Alarm, AlarmId, Entry, ProcessEvent, Transition
from alarms.errors import NotFoundError
from alarms.lifecycle import RuleChange
from alarms.proposal import ChannelState
from alarms.scope import Scope
from alarms.storage import journal, timers, trail

DUE_MOST: Final = 5_000
"""Alarms that time may move in one transaction."""


async def apply_events(conn: AsyncConnection, events: Sequence[ProcessEvent], *, now: int) -> int:
    """Apply what the engine proposed, in order; return how many journal rows that made.

    Must come before any other row lock of the transaction (the journal's head is locked first).
    """
    if not events:
        return 0
    head = await journal.lock(conn)
    current = await _open_for_update(conn, {(e.subject.key, e.rule) for e in events})
    raised = {(e.subject.key, e.rule) for e in events if e.change is Transition.raised}
    last = await _last_closed(conn, raised - current.keys())
    closed = await _touched(conn, events)
    named = await _named(conn, events)
    entries: list[Entry] = []
    for event in events:
        slot = event.subject.key, event.rule
        mine = (each for each in closed.values() if (each.subject.key, each.rule) == slot)
        known = lifecycle.meant(current.get(slot), mine, event)
        outcome = lifecycle.step(known or last.get(slot), event, now=now)
        while _is_named(outcome, named):
            event = msgspec.structs.replace(event, again=event.again + 1)
            outcome = lifecycle.step(known or last.get(slot), event, now=now)
        named.update(entry.alarm.id for entry in outcome.entries)
        entries += outcome.entries
        alarm = outcome.alarm
        if alarm is None:
            continue
        if alarm.t_closed is None:
            current[slot] = alarm
            continue
        if slot in current and current[slot].id == alarm.id:
            del current[slot]
        closed[alarm.id] = last[slot] = alarm
    await _write(conn, head, entries, now=now)
    return len(entries)


async def due(conn: AsyncConnection, *, now: int) -> int:
    """Let time move every alarm that is due (`deadlines`); return how many journal rows that made.

    At most DUE_MOST alarms a call, the longest due first; the next call takes the others.
    """
    moment = instants.to_datetime(now)
    waiting = await conn.execute(
        "select true from alarm where due_at <= %s and t_closed is null limit 1", (moment,)
    )
    if await waiting.fetchone() is None:
        return 0
    head = await journal.lock(conn)
    found = await conn.execute(
        """
        select record from alarm where due_at <= %s and t_closed is null
         order by due_at, id limit %s for update
        """,
        (moment, DUE_MOST),
    )
    rows = await found.fetchall()
    entries: list[Entry] = []
    for (record,) in rows:
        entries += lifecycle.step(_alarm(record), lifecycle.Timer(), now=now).entries
    await _write(conn, head, entries, now=now)
    return len(entries)


async def rules_changed(
    conn: AsyncConnection,
    keys: Sequence[str],
    change: Callable[[Alarm], RuleChange | None],
    *,
    head: tuple[int, bytes],
    now: int,
) -> int:
    """Tell the open alarms of these points what changed behind each; return how many were told.

    `head` is from `journal.lock`, taken before any row that ingest locks as well.
    """
    found = await conn.execute(
        """
        select record from alarm where key = any(%s) and t_closed is null
         order by id for update
        """,
        (list(keys),),
    )
    rows = await found.fetchall()
    entries: list[Entry] = []
    for alarm in (_alarm(record) for (record,) in rows):
        changed = change(alarm)
        if changed is not None:
            entries += lifecycle.step(alarm, changed, now=now).entries
    await _write(conn, head, entries, now=now)
    return len(entries)


async def act(
    conn: AsyncConnection, alarm_id: str, action: lifecycle.Action, *, scope: Scope, now: int
) -> Alarm:
    """Do what a person asks of one alarm within `scope` and return it as it is then.

    Raises NotFoundError outside the scope and ConflictError where the alarm has moved on.
    """
    head = await journal.lock(conn)
    found = await conn.execute(
        f"select record from alarm where id = %(id)s and origin is null and {IN_SCOPE} "  # noqa: S608
        "for update",
        {"id": alarm_id, **scope_parameters(scope)},
    )
    row = await found.fetchone()
    if row is None:
        raise NotFoundError(f"there is no alarm {alarm_id} within your scope")
    alarm = _alarm(row[0])
    outcome = lifecycle.step(alarm, action, now=now)
    await _write(conn, head, list(outcome.entries), now=now)
    await trail.of_alarm(conn, alarm, outcome.alarm, action, now=now)
    return outcome.alarm or alarm


async def get(conn: AsyncConnection, alarm_id: str, *, scope: Scope) -> Alarm:
    """Return one alarm of this tower; NotFoundError where there is none within the scope."""
    found = await conn.execute(
        f"select record from alarm where id = %(id)s and origin is null and {IN_SCOPE}",  # noqa: S608
        {"id": alarm_id, **scope_parameters(scope)},
    )
    row = await found.fetchone()
    if row is None:
        raise NotFoundError(f"there is no alarm {alarm_id} within your scope")
    return _alarm(row[0])


async def states(conn: AsyncConnection) -> list[ChannelState]:
    """Recall what the engine must know again: running delays and standing verdicts."""
    rows = await (await conn.execute("select key, rule, process from alarm_state")).fetchall()
    return [ChannelState(key=key, rule=rule, process=process) for key, rule, process in rows]


async def save_states(
    conn: AsyncConnection, kept: Sequence[ChannelState], gone: Sequence[tuple[str, str]]
) -> None:
    """Write the engine's changed channel states and drop those that are at rest again."""
    if gone:
        await conn.execute(
            """
            delete from alarm_state using unnest(%s::text[], %s::text[]) as gone (key, rule)
             where alarm_state.key = gone.key and alarm_state.rule = gone.rule
            """,
            ([key for key, _ in gone], [rule for _, rule in gone]),
        )
    if kept:
        await conn.execute(
            """
            insert into alarm_state (key, rule, process)
            select * from unnest(%s::text[], %s::text[], %s::jsonb[])
            on conflict (key, rule) do update set process = excluded.process
            """,
            (
                [state.key for state in kept],
                [state.rule for state in kept],
                [Jsonb(state.process) for state in kept],
            ),
        )


IN_SCOPE: Final = (
    "(%(everything)s or region ^@ %(scope_region)s or enterprise = %(scope_enterprise)s)"
)
"""SQL condition over columns `region` and `enterprise`; its parameters: `scope_parameters`."""


def scope_parameters(scope: Scope) -> dict[str, object]:
    """Return what IN_SCOPE needs; a part that is None matches nothing."""
    return {
        "everything": scope.everything,
        "scope_region": scope.region,
        "scope_enterprise": scope.enterprise,
    }


def _alarm(record: object) -> Alarm:
    """Build an alarm from its stored record."""
    return msgspec.convert(record, Alarm)


async def _open_for_update(
    conn: AsyncConnection, slots: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Alarm]:
    """Lock and return the open occurrences of these (key, rule) slots."""
    wanted = sorted(slots)
    found = await conn.execute(
        """
        select alarm.record
          from unnest(%s::text[], %s::text[]) as asked (key, rule)
          join alarm on alarm.key = asked.key and alarm.rule = asked.rule
         where alarm.t_closed is null
         order by alarm.id
           for update of alarm
        """,
        ([key for key, _ in wanted], [rule for _, rule in wanted]),
        prepare=False,  # a plan kept from when the table was nearly empty reads all of it
    )
    rows = await found.fetchall()
    alarms = [_alarm(record) for (record,) in rows]
    return {(alarm.subject.key, alarm.rule): alarm for alarm in alarms}


async def _last_closed(
    conn: AsyncConnection, slots: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Alarm]:
    """Return the last closed occurrences of these (key, rule) slots: a new one may chatter on."""
    wanted = sorted(slots)
    if not wanted:
        return {}
    found = await conn.execute(
        """
        select last.record
          from unnest(%s::text[], %s::text[]) as asked (key, rule)
         cross join lateral (
               select record from alarm
                where alarm.key = asked.key and alarm.rule = asked.rule
                  and alarm.t_closed is not null
                order by alarm.t_raised desc limit 1) as last
        """,
        ([key for key, _ in wanted], [rule for _, rule in wanted]),
        prepare=False,  # a plan kept from when the table was nearly empty reads all of it
    )
    rows = await found.fetchall()
    alarms = [_alarm(record) for (record,) in rows]
    return {(alarm.subject.key, alarm.rule): alarm for alarm in alarms}


async def _touched(conn: AsyncConnection, events: Sequence[ProcessEvent]) -> dict[AlarmId, Alarm]:
    """Lock and return the closed occurrence that each `late` event goes to, by its id."""
    touched: dict[AlarmId, Alarm] = {}
    for event in events:
        if event.change is not Transition.late:
            continue
        begin, end = lifecycle.span_of(event)
        found = await conn.execute(
            """
            select record from alarm
             where key = %s and rule = %s and t_raised <= %s and t_closed is not null
               and (record ->> 't_returned')::bigint >= %s
             order by ((record ->> 't_raised')::bigint = %s
                       and (record ->> 't_returned')::bigint = %s) is true desc, t_raised desc
             limit 1 for update
            """,
            (
                *(event.subject.key, event.rule, instants.to_datetime(end), begin),
                *(event.instead or (None, None)),
            ),
        )
        row = await found.fetchone()
        if row is not None:
            alarm = _alarm(row[0])
            touched[alarm.id] = alarm
    return touched


async def _named(conn: AsyncConnection, events: Sequence[ProcessEvent]) -> set[AlarmId]:
    """Return the late occurrences of slots in which these events may raise one.

    Such a one may have the name of another instant than that of its raise.
    """
    asked = {
        (event.subject.key, event.rule)
        for event in events
        if event.change in (Transition.raised, Transition.late)
    }
    if not asked:
        return set()
    keys, rules = zip(*asked, strict=True)
    found = await conn.execute(
        """
        select alarm.id from unnest(%s::text[], %s::text[]) as asked (key, rule)
          join alarm on alarm.key = asked.key and alarm.rule = asked.rule
         where alarm.record @> '{"late": true}'
        """,
        (list(keys), list(rules)),
        prepare=False,  # as above
    )
    return {AlarmId(name) for (name,) in await found.fetchall()}


def _is_named(outcome: lifecycle.Outcome, named: set[AlarmId]) -> bool:
    """Tell whether a new occurrence would have the name of another, which was moved since."""
    first = outcome.entries[0].alarm if outcome.entries else None
    return first is not None and first.rev == 1 and first.id in named


async def _write(
    conn: AsyncConnection, head: tuple[int, bytes], entries: list[Entry], *, now: int
) -> None:
    """Write the newest state of each alarm named in `entries`, and every entry to the journal."""
    if not entries:
        return
    entries = await timers.carried(conn, entries)
    newest = {entry.alarm.id: entry.alarm for entry in entries}
    # Closed ones first: a slot may close and open again within one batch.
    ordered = sorted(newest.values(), key=lambda alarm: alarm.t_closed is None)
    async with conn.cursor() as cursor:
        await cursor.executemany(_UPSERT, [_columns(alarm) for alarm in ordered])
    await journal.append(conn, head, entries, now=now)


_UPSERT: Final = """
insert into alarm (id, key, rule, rev, region, enterprise, source, unit, point, kind, tier, state,
                   active, simulated, due_at, t_raised, t_closed, record)
values (%(id)s, %(key)s, %(rule)s, %(rev)s, %(region)s, %(enterprise)s, %(source)s, %(unit)s,
        %(point)s, %(kind)s, %(tier)s, %(state)s, %(active)s, %(simulated)s, %(due_at)s,
        %(t_raised)s, %(t_closed)s, %(record)s)
on conflict (id) do update
   set rev = excluded.rev, tier = excluded.tier, state = excluded.state, active = excluded.active,
       due_at = excluded.due_at, t_raised = excluded.t_raised,
       t_closed = excluded.t_closed, record = excluded.record
"""


def _columns(alarm: Alarm) -> dict[str, object]:
    """Return an alarm's row."""
    subject = alarm.subject
    due_at = deadlines.due_at(alarm)
    return {
        "id": alarm.id,
        "key": subject.key,
        "rule": alarm.rule,
        "rev": alarm.rev,
        "region": subject.region,
        "enterprise": subject.enterprise,
        "source": subject.source,
        "unit": subject.unit,
        "point": subject.point,
        "kind": alarm.kind.value,
        "tier": int(alarm.tier),
        "state": alarm.state.value,
        "active": alarm.active,
        "simulated": subject.simulated,
        "due_at": None if due_at is None else instants.to_datetime(due_at),
        "t_raised": instants.to_datetime(alarm.t_raised),
        "t_closed": None if alarm.t_closed is None else instants.to_datetime(alarm.t_closed),
        "record": Jsonb(alarm, dumps=msgspec.json.encode),
    }
