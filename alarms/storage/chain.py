"""Whether the journal is what was written: its chain of hashes, and the seals of its days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from alarms.storage.journal import CHAINED, chained

_TOGETHER: Final = 2_000
"""Rows read at once."""
MOST: Final = 100
"""Breaks listed; more are only counted: whoever changed one row may have changed all."""


class Seal(Struct, frozen=True, kw_only=True):
    """The journal's head of a day as it was signed; `key` is the public key, Ed25519."""

    day: date
    epoch: str
    log_offset: int
    hash: bytes
    sealed_at: datetime
    key: bytes
    signature: bytes


class Break(Struct, frozen=True, kw_only=True):
    """A place at which the journal is not what was written."""

    offset: int
    why: str


@dataclass(slots=True, kw_only=True)
class Checked:
    """What a check found: rows looked at, from the first to the last offset, and every break."""

    epoch: str
    rows: int = 0
    first: int
    last: int
    broken: int = 0
    breaks: list[Break] = field(default_factory=list)

    def note(self, offset: int, why: str) -> None:
        """Count a break, and keep it while there are not too many."""
        self.broken += 1
        if len(self.breaks) < MOST:
            self.breaks.append(Break(offset=offset, why=why))


async def seal(conn: AsyncConnection, day: date) -> Seal | None:
    """Return the head as it is to be sealed, unsigned; None where that day is sealed already."""
    row = await (
        await conn.execute(
            """
            select epoch, log_offset, hash, date_trunc('milliseconds', now())
              from journal_head
             where not exists (select from journal_seal where day = %s)
            """,
            (day,),
        )
    ).fetchone()
    if row is None:
        return None
    epoch, offset, value, at = row
    return Seal(
        day=day, epoch=epoch, log_offset=offset, hash=value, sealed_at=at, key=b"", signature=b""
    )


async def keep_seal(conn: AsyncConnection, sealed: Seal) -> None:
    """Write a signed seal down; the first of a day stays."""
    await conn.execute(
        """
        insert into journal_seal (day, epoch, log_offset, hash, sealed_at, key, signature)
        values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing
        """,
        (
            *(sealed.day, sealed.epoch, sealed.log_offset, sealed.hash),
            *(sealed.sealed_at, sealed.key, sealed.signature),
        ),
    )


async def seals(conn: AsyncConnection) -> list[Seal]:
    """Return every seal, the oldest first."""
    async with conn.cursor(row_factory=class_row(Seal)) as cursor:
        await cursor.execute(
            """
            select day, epoch, log_offset, hash, sealed_at, key, signature
              from journal_seal order by day
            """
        )
        return await cursor.fetchall()


async def check(
    conn: AsyncConnection, sealed: Sequence[Seal], *, told: Callable[[int, int], None]
) -> Checked:
    """Compute every row's hash again, from where the chain begins, and look at it beside the seals.

    `told` hears how many rows of how many have been read. The transaction must be repeatable read.
    """
    row = await (
        await conn.execute(
            "select epoch, log_offset, hash, anchor_offset, anchor_hash from journal_head"
        )
    ).fetchone()
    if row is None:
        raise RuntimeError("journal_head is empty: the schema is damaged")
    epoch, head, head_hash, anchor, previous = row
    found = Checked(epoch=epoch, first=anchor + 1, last=head)
    by_offset = {each.log_offset: each for each in sealed if each.epoch == epoch}
    _compare(found, by_offset.pop(anchor, None), previous)
    offset = anchor
    async with conn.cursor(name="chain", binary=True) as cursor:
        await cursor.execute(
            f"""
            select {CHAINED}, hash from journal where log_offset > %s order by log_offset
            """,  # noqa: S608  # the column list is a constant
            (anchor,),
        )
        while rows := await cursor.fetchmany(_TOGETHER):
            for *columns, kept in rows:
                previous, offset = _follow(found, columns, kept, previous, offset)
                _compare(found, by_offset.pop(offset, None), kept)
            told(found.rows, head - anchor)
    if offset != head:
        found.note(head, f"the journal ends at {offset}, and {head} was its head")
    elif previous != head_hash:
        found.note(head, "the head's hash is not that of the last row")
    for each in by_offset.values():
        if each.log_offset > anchor:
            found.note(each.log_offset, f"sealed on {each.day} as the head, and not there")
    return found


def _follow(
    found: Checked, columns: list[Any], kept: bytes, previous: bytes, before: int
) -> tuple[bytes, int]:
    """Check one row; the next is checked against the hash that this one claims."""
    offset = int(columns[0])
    found.rows += 1
    if offset != before + 1:
        missing = f"rows {before + 1} to {offset - 1} are"
        if offset == before + 2:
            missing = f"row {before + 1} is"
        found.note(before + 1, f"{missing} missing")
    elif chained(previous, columns) != kept:
        found.note(offset, f"row {offset} (alarm {columns[1]}, rev {columns[2]}) was changed")
    return kept, offset


def _compare(found: Checked, sealed: Seal | None, kept: bytes) -> None:
    if sealed is not None and sealed.hash != kept:
        found.note(sealed.log_offset, f"not the row that was sealed on {sealed.day}")
