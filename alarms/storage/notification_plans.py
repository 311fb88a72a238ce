"""Turns the journal into notifications: cursor and plan move in one transaction."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from alarms import escalation, instants, notices
from alarms.alarm import State, Tier
from alarms.escalation import Book, Happening, NotificationTable, Recipient, When
from alarms.notices import Matter
from alarms.rosters import Roster
from alarms.storage import channels, duty_rosters, journal, notification_tables
from alarms.storage.journal import WARNING, JournalRow
from alarms.warning_table import governing_codes

WAITS: Final = timedelta(seconds=10)
"""What is not red waits so long for others that go to the same address."""
STALE: Final = timedelta(minutes=10)
"""What happened longer ago, of an alarm or warning that is over, is told to nobody any more."""
KEEPS_TRYING: Final = {
    Tier.red: timedelta(minutes=2),
    Tier.orange: timedelta(minutes=10),
    Tier.yellow: timedelta(hours=1),
    Tier.blue: timedelta(hours=1),
}
"""How long what could not be sent is tried again, by tier: red soon goes to somebody else."""
_HIDDEN: Final = frozenset({State.SHLVD, State.DSUPR, State.OOSRV})
_ENDS: Final = ("returned", "lifted")


class _Step(msgspec.Struct):
    step: int


class _Message(msgspec.Struct):
    zh: str
    en: str


class _Document(msgspec.Struct):
    """What telling reads of an alarm or a warning."""

    active: bool
    peak_tier: str
    simulated: bool
    name: str
    message: _Message
    state: str = ""
    government: str = ""
    acks: dict[str, object] = {}
    escalation: _Step | None = None
    origin: object | None = None


class _Planned(NamedTuple):
    """What happened, as of which tier, and who is told of it."""

    row: JournalRow
    document: _Document
    when: When
    tier: Tier
    recipients: Sequence[Recipient]
    place: str


class _Place(NamedTuple):
    """A place with whoever may be reached there, and its name."""

    book: Book
    name: str


_DOCUMENT: Final = msgspec.json.Decoder(_Document)


async def plan(conn: AsyncConnection, *, now: int, limit: int) -> tuple[int, int]:
    """Plan for what the journal has gained; return its offset there, and how many rows were read.

    Nothing is lost and nothing planned twice, whoever dies where. `now` in Micros.
    """
    cursor = await conn.execute("select log_offset from notification_cursor for update")
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("notification_cursor is empty: the schema is damaged")
    offset: int = row[0]
    rows = await journal.after(conn, offset, limit=limit)
    if not rows:
        return offset, 0
    tables = await notification_tables.every(conn)
    places: dict[tuple[str | None, ...], _Place] = {}
    planned: list[_Planned] = []
    for each in rows:
        one = await _plan_one(conn, each, tables, places, planned, now)
        if one is not None:
            planned.append(one)
    await _write(conn, planned, now)
    await conn.execute("update notification_cursor set log_offset = %s", (rows[-1].log_offset,))
    return rows[-1].log_offset, len(rows)


async def pass_on(
    conn: AsyncConnection, log_offset: int, target: str, person: str | None, *, now: int
) -> None:
    """Tell the next target up, where no other way to this person is left open."""
    cursor = await conn.execute(
        """
        select true from notification where log_offset = %s and person is not distinct from %s
                                        and state in ('queued', 'sent', 'joined')
        """,
        (log_offset, person),
    )
    rows = await journal.after(conn, log_offset - 1, limit=1)
    if await cursor.fetchone() is not None or not rows or rows[0].log_offset != log_offset:
        return
    row = rows[0]
    document, when = _read(row)
    if when is None or when in _ENDS:
        return
    place = await _place(conn, row)
    reached = escalation.reach(escalation.UP.get(target), place.book, now)
    why = f"{target}: could not be told"
    noted = [each._replace(note=escalation.joined(why, each.note)) for each in reached]
    await _write(conn, [_Planned(row, document, when, Tier(row.tier), noted, place.name)], now)


async def _plan_one(
    conn: AsyncConnection,
    row: JournalRow,
    tables: dict[str, NotificationTable],
    places: dict[tuple[str | None, ...], _Place],
    before: Sequence[_Planned],
    now: int,
) -> _Planned | None:
    """Plan for one row; `before` is planned already and not yet written."""
    document, when = _read(row)
    if when is None:
        return None
    table = escalation.of_region(tables, row.region)
    if document.simulated and not table.simulated:
        return None
    # Its end is as grave as the worst of it: who was told of red is told that it is over.
    tier = Tier[document.peak_tier] if when in _ENDS else Tier(row.tier)
    wanted = escalation.targets(table, tier, when)
    if not wanted:
        return None
    key = (row.region, row.enterprise, row.source)
    if key not in places:
        places[key] = await _place(conn, row)
    happening = Happening(
        when=when,
        tier=tier,
        simulated=document.simulated,
        acknowledged=frozenset(level for level, ack in document.acks.items() if ack is not None),
        government=document.government,
        relayed=document.origin is not None,
    )
    told: list[Recipient] = []
    if "told" in wanted:
        told = await _told(conn, row.alarm_id)
        told += [
            recipient._replace(note="")
            for one in before
            if one.row.alarm_id == row.alarm_id and one.when not in _ENDS
            for recipient in one.recipients
            if recipient.channel is not None
        ]
    found = escalation.recipients(happening, table, places[key].book, told, now)
    return _Planned(row, document, when, tier, found, places[key].name)


def _read(row: JournalRow) -> tuple[_Document, When | None]:
    document = _DOCUMENT.decode(row.document)
    when = escalation.moment_of(
        row.type,
        speaks_of_warning=row.kind == WARNING,
        rings=document.active and document.state not in _HIDDEN,
        step=0 if document.escalation is None else document.escalation.step,
    )
    return document, when


async def _place(conn: AsyncConnection, row: JournalRow) -> _Place:
    """Gather who may be reached where something happened, and how the place is called."""
    cursor = await conn.execute(
        """
        select e.name, s.name, s.responsible,
               (select name from region where code = %(region)s) as around
          from (select 1) one
          left join enterprise e on e.code = %(enterprise)s
          left join source s on s.enterprise_id = e.id and s.code = %(source)s
        """,
        {"region": row.region, "enterprise": row.enterprise, "source": row.source},
    )
    found = await cursor.fetchone()
    assert found is not None  # noqa: S101  # a left join of one row
    enterprise, source, responsible, around = found
    named: dict[str, list[str]] = {}
    for each in responsible or ():
        named.setdefault(each["role"], []).append(each["name"])
    levels = {} if row.region is None else governing_codes(row.region)
    codes = {"enterprise": row.enterprise, **levels, "server": "all"}
    held = await duty_rosters.of_places(
        conn, {code for code in (row.region, *codes.values()) if code is not None}
    )
    rosters: dict[str, Roster] = {
        level: held[code] for level, code in codes.items() if code is not None and code in held
    }
    if row.region in held and row.region not in levels.values():
        rosters["county"] = held[row.region]  # a park's own desk is nearer than the county's
    usable = {
        name
        for name, channel in (await channels.every(conn)).items()
        if channel.covers.covers(row.region, row.enterprise)
    }
    names = [name for name in (enterprise or around, source) if name]
    return _Place(Book(named, rosters, frozenset(usable)), " ".join(names) or "Fengsui")


async def _told(conn: AsyncConnection, alarm_id: str) -> list[Recipient]:
    """Return who was told, or is about to be, that it began."""
    cursor = await conn.execute(
        """
        select distinct on (channel, address) target, person, channel, address, '' as note
          from notification
         where alarm_id = %s and state in ('queued', 'sent', 'joined') and moment <> all(%s)
         order by channel, address, id
        """,
        (alarm_id, [*_ENDS]),
    )
    return [Recipient(*row) for row in await cursor.fetchall()]


async def _write(conn: AsyncConnection, planned: Sequence[_Planned], now: int) -> None:
    rows = [values for one in planned for values in await _values(conn, one, now)]
    async with conn.cursor() as cursor:
        await cursor.executemany(
            """
            insert into notification (log_offset, alarm_id, rev, kind, moment, tier, region,
                                      enterprise, source, simulated, target, person, channel,
                                      address, note, words, state, planned_at, due_at, until,
                                      ended_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
                    %s)
            on conflict do nothing
            """,
            rows,
        )


async def _values(conn: AsyncConnection, one: _Planned, now: int) -> list[tuple[Any, ...]]:
    """Return the rows to be, one a recipient."""
    row, document, when = one.row, one.document, one.when
    tier, moment = one.tier, instants.to_datetime(now)
    matter = Matter(
        id=row.alarm_id,
        when=when,
        tier=Tier(row.tier) if row.kind == WARNING else tier,
        simulated=document.simulated,
        is_warning=row.kind == WARNING,
        place=one.place,
        message_zh=document.message.zh or document.name,
        message_en=document.message.en or document.name,
        t_event=instants.from_datetime(row.t_event),
    )
    old = moment - row.t_committed > STALE and when not in _ENDS
    state = "stale" if old and await _is_over(conn, row) else "queued"
    due = moment if tier is Tier.red else moment + WAITS
    return [
        (
            *(row.log_offset, row.alarm_id, row.rev, row.kind, when, int(tier), row.region),
            *(row.enterprise, row.source, document.simulated),
            *each,
            Jsonb(notices.words(matter, each), dumps=msgspec.json.encode),
            "nobody" if each.channel is None else state,
            *(moment, due, due + KEEPS_TRYING[tier]),
            None if each.channel is not None and state == "queued" else moment,
        )
        for each in one.recipients
    ]


async def _is_over(conn: AsyncConnection, row: JournalRow) -> bool:
    cursor = await conn.execute(
        """
        select exists (select from alarm where id = %(id)s and t_closed is not null)
            or exists (select from warning where id = %(id)s and t_lifted is not null)
        """,
        {"id": row.alarm_id},
    )
    found = await cursor.fetchone()
    return found is not None and bool(found[0])
