"""The journal: append-only, one row a transition, in commit order; it is the push log."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.alarm import Entry
from alarms.storage import documents

CHANNEL: Final = "fengsui_journal"
"""NOTIFY channel that says: there is something after the head you knew. It carries no data."""

PIECE_ROWS: Final = 1_000_000
"""Offsets in one piece of the table."""


WARNING: Final = "warning"
"""The `kind` of the rows that speak of a warning and of no alarm."""


class Head(NamedTuple):
    """Where the journal stands: its epoch, its newest offset and the oldest one still kept."""

    epoch: str
    offset: int
    floor: int


class Line(NamedTuple):
    """What one row will say; `id` is an alarm's or a warning's, times are Micros."""

    id: str
    rev: int
    type: str
    kind: str
    tier: int
    region: str | None
    enterprise: str | None
    source: str | None
    t_event: int
    t_received: int
    actor: str
    org_level: str | None
    note: str
    document: dict[str, Any]


class JournalRow(NamedTuple):
    """One row; `document` is the alarm or warning after it, JSON text as it is sent.

    `alarm_id` is a warning's id where `kind` is WARNING.
    """

    log_offset: int
    alarm_id: str
    rev: int
    type: str
    kind: str
    tier: int
    region: str | None
    enterprise: str | None
    source: str | None
    t_event: datetime
    t_committed: datetime
    actor: str
    org_level: str | None
    note: str
    document: str


_COLUMNS: Final = (
    "log_offset, alarm_id, rev, type, kind, tier, region, enterprise, source, "
    "t_event, t_committed, actor, org_level, note, data"
)


CHAINED: Final = (
    "log_offset, alarm_id, rev, type, kind, tier, region, enterprise, source, t_event, t_received, "
    "t_committed, actor, org_level, note, data"
)
"""Every column that a row's hash covers, in this order."""


async def lock(conn: AsyncConnection) -> tuple[int, bytes]:
    """Take the head until the transaction ends: first of all locks, so offsets follow commits.

    Returns the newest offset and its row's hash.
    """
    row = await (
        await conn.execute("select log_offset, hash from journal_head for update")
    ).fetchone()
    if row is None:
        raise RuntimeError("journal_head is empty: the schema is damaged")
    return row[0], row[1]


async def append(
    conn: AsyncConnection, head: tuple[int, bytes], entries: Sequence[Entry], *, now: int
) -> int:
    """Append what happened to alarms, as `append_lines` does."""
    return await append_lines(conn, head, [_line(entry, now) for entry in entries], now=now)


async def append_lines(
    conn: AsyncConnection, head: tuple[int, bytes], lines: Sequence[Line], *, now: int
) -> int:
    """Append lines after `head` (from `lock`) and wake the readers; return the new offset.

    `now` (Micros) is written as `t_committed`. Each row's hash covers the one before it.
    """
    offset, previous = head
    rows: list[tuple[Any, ...]] = []
    for line in lines:
        offset += 1
        row = (
            offset,
            line.id,
            line.rev,
            line.type,
            line.kind,
            line.tier,
            line.region,
            line.enterprise,
            line.source,
            instants.to_datetime(line.t_event),
            instants.to_datetime(line.t_received),
            instants.to_datetime(now),
            line.actor,
            line.org_level,
            line.note,
            msgspec.json.encode(line.document).decode(),
        )
        previous = chained(previous, row)
        rows.append((*row, previous))
    for number in range(head[0] // PIECE_ROWS + 2, offset // PIECE_ROWS + 2):
        await _add_piece(conn, number)  # one is always ahead
    async with (
        conn.cursor() as cursor,
        cursor.copy(f"copy journal ({CHAINED}, hash) from stdin") as copy,
    ):
        for row in rows:
            await copy.write_row(row)
    await conn.execute("update journal_head set log_offset = %s, hash = %s", (offset, previous))
    await conn.execute("select pg_notify(%s, '')", (CHANNEL,))
    return offset


def _line(entry: Entry, now: int) -> Line:
    alarm, subject = entry.alarm, entry.alarm.subject
    return Line(
        alarm.id,
        alarm.rev,
        entry.transition.value,
        alarm.kind.value,
        int(alarm.tier),
        subject.region,
        subject.enterprise,
        subject.source,
        entry.t_event,
        entry.t_received,
        entry.actor,
        entry.org_level,
        entry.note,
        documents.document(alarm, t_committed=now),
    )


def chained(previous: bytes, row: Sequence[Any]) -> bytes:
    """Return a row's hash: SHA-256 over the hash of the row before it and all CHAINED columns."""
    return hashlib.sha256(previous + msgspec.json.encode(row)).digest()


async def _add_piece(conn: AsyncConnection, number: int) -> None:
    """Add a piece to the table; attached rather than made in place, it waits for no reader."""
    piece = sql.Identifier(f"journal_{number}")
    await conn.execute(
        sql.SQL("create table {} (like journal including defaults, unique (alarm_id, rev))").format(
            piece
        )
    )
    await conn.execute(
        sql.SQL("alter table journal attach partition {} for values from ({}) to ({})").format(
            piece, number * PIECE_ROWS, (number + 1) * PIECE_ROWS
        )
    )


async def head(conn: AsyncConnection) -> Head:
    """Return where the journal stands; `floor` is 1 while nothing was ever removed."""
    row = await (
        await conn.execute("select epoch, log_offset, journal_floor() from journal_head")
    ).fetchone()
    if row is None:
        raise RuntimeError("journal_head is empty: the schema is damaged")
    return Head(*row)


async def after(conn: AsyncConnection, offset: int, *, limit: int) -> list[JournalRow]:
    """Return the rows after an offset in order, unscoped: the caller filters for each reader."""
    rows = await (
        await conn.execute(
            f"""
            select {_COLUMNS} from journal where log_offset > %s order by log_offset limit %s
            """,  # noqa: S608  the column list is a constant
            (offset, limit),
        )
    ).fetchall()
    return [JournalRow(*row) for row in rows]


async def between(conn: AsyncConnection, after: int, to: int) -> list[JournalRow]:
    """Return, of the rows after an offset up to another, those that the transaction may see."""
    rows = await (
        await conn.execute(
            f"""
            select {_COLUMNS} from journal
             where log_offset > %s and log_offset <= %s order by log_offset
            """,  # noqa: S608  the column list is a constant
            (after, to),
        )
    ).fetchall()
    return [JournalRow(*row) for row in rows]


async def told_since(conn: AsyncConnection, moment: int, rules: Sequence[str]) -> dict[str, int]:
    """Return when something was written last of alarms of these rules, by their keys, Micros.

    Keys are of all of which something was written at an instant of the server's clock or later.
    """
    before = await conn.execute(
        "select log_offset from journal where t_committed < %s order by log_offset desc limit 1",
        (instants.to_datetime(moment),),
    )
    last = await before.fetchone()
    found = await conn.execute(
        """
        select alarm.key, max(journal.t_committed)
          from journal join alarm on alarm.id = journal.alarm_id
         where journal.log_offset > %s and alarm.rule = any(%s)
         group by alarm.key
        """,
        (0 if last is None else last[0], list(rules)),
        prepare=False,  # a plan that knows the offset reads the end alone
    )
    return {key: instants.from_datetime(at) for key, at in await found.fetchall()}


async def of_alarm(
    conn: AsyncConnection, alarm_id: str, *, after_rev: int = 0, limit: int = 1000
) -> list[JournalRow]:
    """Return an alarm's story in order of `rev`, from the row after `after_rev`."""
    rows = await (
        await conn.execute(
            f"""
            select {_COLUMNS} from journal where alarm_id = %s and rev > %s order by rev limit %s
            """,  # noqa: S608  the column list is a constant
            (alarm_id, after_rev, limit),
        )
    ).fetchall()
    return [JournalRow(*row) for row in rows]
