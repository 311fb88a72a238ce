"""The journal's chain and seals: whatever is changed afterwards shows, and nothing else does."""

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg import AsyncConnection

from alarms import instants
from alarms.alarm import Transition
from alarms.errors import FengsuiError
from alarms.storage import chain, connection, journal, retention
from alarms.storage.chain import Checked
from fengsui import seals
from tests.integration.alarm_rows import NOON, SECOND, apply, event
from tests.processes import Command

ROWS = 6


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    """A connection to a record of a few alarms."""
    async with await connection.connect(database, autocommit=True) as conn:
        await apply(conn, *(event(Transition.raised, s, tag=f"T{s}") for s in range(ROWS)))
        yield conn


async def check(conn: AsyncConnection) -> Checked:
    async with conn.transaction():
        return await chain.check(conn, await chain.seals(conn), told=lambda _done, _of: None)


async def test_a_journal_as_it_was_written_is_sound(conn: AsyncConnection, tmp_path: Path) -> None:
    await seals.seal_today(conn, tmp_path)
    found = await check(conn)
    assert (found.rows, found.first, found.last, found.breaks) == (ROWS, 1, ROWS, [])


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *[("type", "'returned'"), ("kind", "'rate'"), ("tier", "1"), ("region", "'510604'")],
        *[("enterprise", "'E2'"), ("source", "'S9'"), ("actor", "'somebody'"), ("rev", "7")],
        *[("org_level", "'city'"), ("note", "'nothing happened'"), ("alarm_id", "'another'")],
        *[(each, f"{each} + interval '1 second'") for each in ("t_event", "t_received")],
        ("t_committed", "t_committed - interval '1 microsecond'"),
        ("data", "replace(data, 'true', 'false')"),
    ],
)
async def test_a_row_with_any_column_changed_is_found(
    conn: AsyncConnection, column: str, value: str
) -> None:
    await conn.execute(
        f"update journal set {column} = {value} where log_offset = 3"  # noqa: S608  # our own words
    )
    assert [each.offset for each in (await check(conn)).breaks] == [3]


async def test_a_row_taken_out_and_one_taken_off_the_end_are_found(conn: AsyncConnection) -> None:
    await conn.execute("delete from journal where log_offset = 2")
    (gap,) = (await check(conn)).breaks
    assert (gap.offset, gap.why) == (2, "row 2 is missing")
    await conn.execute("delete from journal where log_offset = %s", (ROWS,))
    assert [each.offset for each in (await check(conn)).breaks] == [2, ROWS]


async def test_a_journal_written_anew_with_sound_hashes_is_not_the_sealed_one(
    conn: AsyncConnection, tmp_path: Path
) -> None:
    await seals.seal_today(conn, tmp_path)
    await conn.execute("update journal set note = 'calm' where log_offset = 1")
    previous = b""
    rows = await conn.execute(
        f"select {journal.CHAINED} from journal order by log_offset"  # noqa: S608  a constant
    )
    for row in await rows.fetchall():
        previous = journal.chained(previous, row)
        await conn.execute("update journal set hash = %s where log_offset = %s", (previous, row[0]))
    await conn.execute("update journal_head set hash = %s", (previous,))
    assert [each.offset for each in (await check(conn)).breaks] == [ROWS]


async def test_a_day_is_sealed_once_and_its_seal_shows_another_key_or_word(
    conn: AsyncConnection, tmp_path: Path
) -> None:
    for _ in range(2):
        await seals.seal_today(conn, tmp_path)
    (sealed,) = await chain.seals(conn)
    assert (tmp_path / seals.KEY_FILE).stat().st_mode & 0o777 == 0o600
    key = seals.signing_key(tmp_path).public_key().public_bytes_raw()
    assert seals.unsound([sealed], [key]) == seals.unsound([sealed], []) == []
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert len(seals.unsound([sealed], [other])) == 1
    await conn.execute("update journal_seal set log_offset = 1")
    assert len(seals.unsound(await chain.seals(conn), [key])) == 1


async def test_a_key_file_that_holds_no_key_is_said(conn: AsyncConnection, tmp_path: Path) -> None:
    (tmp_path / seals.KEY_FILE).write_text("not a key")
    with pytest.raises(FengsuiError, match="put back a copy"):
        await seals.seal_today(conn, tmp_path)


async def test_what_is_left_after_an_old_piece_went_is_checked_from_there(
    conn: AsyncConnection,
) -> None:
    await conn.execute("update journal_head set log_offset = %s", (journal.PIECE_ROWS - 1,))
    await apply(conn, *(event(Transition.raised, s, tag=f"N{s}") for s in range(3)))
    await conn.execute("delete from alarm where id in (select alarm_id from journal_0)")
    assert await retention.drop_journal(conn, instants.to_datetime(NOON + 200 * SECOND)) == 1
    await conn.execute("update journal_head set anchor_offset = %s", (journal.PIECE_ROWS - 1,))
    found = await check(conn)
    assert (found.rows, found.first, found.breaks) == (3, journal.PIECE_ROWS, [])
    await conn.execute("update journal set note = 'x' where log_offset = %s", (journal.PIECE_ROWS,))
    assert [each.offset for each in (await check(conn)).breaks] == [journal.PIECE_ROWS]


async def test_the_command_says_what_is_broken_and_which_key_counts(
    conn: AsyncConnection, database: str, fengsui: Callable[..., Command], tmp_path: Path
) -> None:
    await seals.seal_today(conn, tmp_path)
    words = ("audit", "--chain", "--json")

    def told(code: int, *more: str) -> dict[str, Any]:
        command = fengsui(*words, *more, wait=False, database_url=database, data_dir=tmp_path)
        assert command.wait(60) == code, command.report()
        document: dict[str, Any] = json.loads(command.output())
        return document

    assert told(0)["broken"] == 0
    assert told(1, "--key", "00" * 32)["broken"] == 1
    await conn.execute("update journal set actor = 'nobody' where log_offset = 2")
    (broken,) = told(1)["breaks"]
    assert broken["offset"] == 2
    command = fengsui("audit", "--chain", wait=False, database_url=database, data_dir=tmp_path)
    assert command.wait(60) == 1, command.report()
    first, *rest = command.output().splitlines()
    assert first.endswith("1 day sealed; 1 break")
    assert "What to do" in "\n".join(rest)
    assert "pg_dump" in "\n".join(rest)
