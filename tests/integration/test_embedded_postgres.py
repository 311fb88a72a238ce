"""The embedded PostgreSQL: started, found again, restarted, ended with its starter, never two."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from alarms.errors import FengsuiError
from fengsui import embedded
from fengsui.embedded import postgres
from fengsui.settings import Settings

WAIT_S = 30.0
HOST = """
import asyncio, sys
from pathlib import Path
from fengsui import embedded
from fengsui.settings import Settings

async def main():
    async with embedded.servers(Settings(data_dir=Path(sys.argv[1]))) as served:
        print(served.database_url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder outside pytest's own, which each other run of pytest closes to other users."""
    with tempfile.TemporaryDirectory(prefix="fengsui-test-") as folder:
        yield Path(folder)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[postgres.Postgres]:
    server = await postgres.start(tmp_path)
    yield server
    await server.stop()


async def ask(url: str, question: str) -> object:
    async with await psycopg.AsyncConnection.connect(url) as conn:
        row = await (await conn.execute(question)).fetchone()
        return row[0] if row else None


def owner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


async def until_it_answers(url: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await ask(url, "select 1")
                return
            except psycopg.OperationalError:
                await asyncio.sleep(0.1)


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    async with asyncio.timeout(WAIT_S):
        while _lives(pid):  # noqa: ASYNC110  # another process is watched
            await asyncio.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_every_commit_is_flushed_to_the_disk(running: postgres.Postgres) -> None:
    assert await ask(running.url, "select current_setting('fsync')") == "on"
    assert await ask(running.url, "select current_setting('synchronous_commit')") == "on"
    assert await ask(running.url, "select current_setting('data_checksums')") == "on"


async def test_without_the_password_nobody_enters(running: postgres.Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        await ask(f"postgresql://fengsui:guess@127.0.0.1:{running.port}/fengsui", "select 1")
    assert running.cluster.password_file.stat().st_mode & 0o077 == 0


async def test_it_does_not_run_as_root(running: postgres.Postgres) -> None:
    pid = running.kept.pid
    assert pid is not None
    assert owner(pid) != 0


@pytest.mark.parametrize("name", ["with spaces in it", "长" * 60, "x" * 200])
async def test_any_folder_will_do_and_a_second_start_finds_the_first_ones_rows(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    settings = Settings(data_dir=folder)
    async with (
        embedded.servers(settings, broker=False) as served,
        await psycopg.AsyncConnection.connect(served.database_url) as conn,
    ):
        await conn.execute("create table beacon as select 42 as lit")
    async with embedded.servers(settings, broker=False) as served:
        assert await ask(served.database_url, "select lit from beacon") == 42


async def test_a_folder_closed_to_others_is_opened_to_no_one_but_its_user(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = await postgres.start(_made(closed / "data"))
    await server.stop()
    assert closed.stat().st_mode & 0o007 == 0


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


async def test_a_killed_server_is_started_again_on_its_port_and_keeps_what_was_committed(
    running: postgres.Postgres,
) -> None:
    async with await psycopg.AsyncConnection.connect(running.url) as conn:
        await conn.execute("create table kept as select 1 as one")
    pid = running.kept.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
    await until_it_answers(running.url)
    assert await ask(running.url, "select one from kept") == 1
    assert running.kept.restarts >= 1


async def test_two_starts_on_one_folder_are_refused_with_the_process_that_has_it(
    tmp_path: Path,
) -> None:
    settings = Settings(data_dir=tmp_path)
    async with embedded.servers(settings):
        with pytest.raises(FengsuiError, match=rf"in use by process {os.getpid()}\b"):
            async with embedded.servers(settings):
                pass
        async with embedded.servers(settings, broker=False) as shared:
            assert await ask(shared.database_url, "select 1") == 1
    assert not (tmp_path / "postgres.json").exists()


async def test_commands_at_the_same_time_take_turns(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    async def command() -> object:
        async with embedded.servers(settings, broker=False) as served:
            return await ask(served.database_url, "select 1 from pg_sleep(0.3)")

    assert await asyncio.gather(*(command() for _ in range(4))) == [1, 1, 1, 1]


async def test_after_a_kill_of_the_host_everything_ends_and_the_next_start_goes_on(
    tmp_path: Path,
) -> None:
    host = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOST, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert host.stdout is not None
    async with asyncio.timeout(WAIT_S):
        url = (await host.stdout.readline()).decode().strip()
    async with await psycopg.AsyncConnection.connect(url) as conn:
        await conn.execute("create table before as select 7 as seven")
    children = [
        int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0]),
        int((tmp_path / "broker" / "ready").read_text().split()[1]),
    ]
    host.kill()
    await host.wait()
    for child in children:
        await gone(child)
    async with embedded.servers(Settings(data_dir=tmp_path), broker=False) as served:
        assert await ask(served.database_url, "select seven from before") == 7


async def test_an_orphan_and_a_stale_pid_file_do_not_hinder_a_start(tmp_path: Path) -> None:
    cluster = postgres.Cluster(data_dir=tmp_path)
    orphan = await postgres.start(tmp_path)
    pid = orphan.kept.pid
    assert pid is not None
    assert postgres.running(cluster) == pid
    assert orphan.kept._watch is not None
    orphan.kept._watch.cancel()  # its host no longer looks after it
    second = await postgres.start(tmp_path)
    try:
        await gone(pid)
        assert await ask(second.url, "select 1") == 1
    finally:
        await second.stop()
    await orphan.stop()
    stale = cluster.folder / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{cluster.folder}\n")  # alive, but no postgres
    third = await postgres.start(tmp_path)
    await third.stop()


async def test_a_taken_port_is_left_for_a_free_one(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "postgres.port").write_text(f"{port}\n")
        server = await postgres.start(tmp_path)
        try:
            assert server.port != port
        finally:
            await server.stop()


async def test_a_folder_of_another_major_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "PG_VERSION").write_text("16\n")
    with pytest.raises(FengsuiError, match=r"PostgreSQL 16, this is PostgreSQL \d+"):
        await postgres.start(tmp_path)
    assert (folder / "PG_VERSION").read_text() == "16\n"


async def test_a_lost_password_file_is_said_and_nothing_is_made_anew(tmp_path: Path) -> None:
    server = await postgres.start(tmp_path)
    await server.stop()
    (tmp_path / "postgres.password").unlink()
    with pytest.raises(FengsuiError, match=r"postgres\.password"):
        await postgres.start(tmp_path)


async def test_a_disk_without_room_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "LEAST_FREE_BYTES", 2**60)
    with pytest.raises(FengsuiError, match=r"MiB are free; make room"):
        await postgres.start(tmp_path)
    assert not (tmp_path / "postgres").exists()


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FengsuiError, match="cannot be made or written"):
        async with embedded.servers(Settings(data_dir=tmp_path / "file" / "below")):
            pass
