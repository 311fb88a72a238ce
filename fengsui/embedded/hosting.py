"""Start the servers the settings do not name, for as long as a block of code runs."""

import asyncio
import contextlib
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import click
import msgspec

from alarms.errors import FengsuiError, UnavailableError
from fengsui.embedded import access, broker, postgres
from fengsui.settings import Settings

OTHER_START_S: Final = 60.0
BRIEF: Final = "command"
"""Said in the lock by a command that runs the database for its own short time."""

logger = logging.getLogger("fengsui.embedded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Addresses of the servers in use, embedded or named by the settings.

    `broker_url` is None only where no broker was asked for and none is known.
    """

    database_url: str
    broker_url: str | None


class _Held(Exception):  # noqa: N818  # an answer, not an error
    """Another process holds the data directory."""

    def __init__(self, holder: str) -> None:
        self.pid, _, word = holder.partition(" ")
        self.brief = word == BRIEF or not self.pid  # nothing there: it is just being written
        super().__init__(holder)


@contextlib.asynccontextmanager
async def servers(settings: Settings, *, broker: bool = True) -> AsyncIterator[Served]:
    """Give the addresses of database and broker; embedded ones are started, watched and stopped.

    With `broker=False` (a command that only needs the database) a database that another process
    runs in this data directory is used as it is. Otherwise that is a FengsuiError naming the
    process: two servers on one data directory would judge every reading twice. A command that
    runs the database for itself is waited for.
    """
    hosts_database = settings.database_url is None
    hosts_broker = broker and settings.broker_url is None
    if not hosts_database and not hosts_broker:
        assert settings.database_url is not None  # noqa: S101  # the line above
        yield Served(database_url=settings.database_url, broker_url=broker_url(settings))
        return
    data_dir = _folder(settings.data_dir)
    deadline = asyncio.get_running_loop().time() + OTHER_START_S
    while True:
        try:
            with _lock(data_dir, "" if broker else BRIEF):
                async with _started(settings, data_dir, hosts_database, hosts_broker) as served:
                    yield served
                return
        except _Held as held:
            holder = held
        if not holder.brief or asyncio.get_running_loop().time() > deadline:
            break
        await asyncio.sleep(0.1)  # its database ends with it: wait for it rather than share it
    if broker:
        raise FengsuiError(
            f"the data directory {data_dir} is in use by process {holder.pid}; stop that one "
            "first, or name another folder with FENGSUI_DATA_DIR"
        )
    yield Served(database_url=await _other(data_dir, holder.pid), broker_url=broker_url(settings))


def broker_url(settings: Settings) -> str | None:
    """Return the broker's address: the settings', else the embedded one's that runs or last ran."""
    if settings.broker_url is not None:
        return settings.broker_url
    found = broker.address(settings.data_dir)
    return None if found is None else found.url


@contextlib.asynccontextmanager
async def _started(
    settings: Settings,
    data_dir: Path,
    hosts_database: bool,  # noqa: FBT001
    hosts_broker: bool,  # noqa: FBT001
) -> AsyncIterator[Served]:
    address = data_dir / "postgres.json"
    async with contextlib.AsyncExitStack() as stack:
        database_url = settings.database_url
        if hosts_database:
            if not hosts_broker and not postgres.is_there(data_dir):
                # A one-shot command beside a server of another folder would go unheard.
                click.echo(
                    f"a new database is made in {data_dir}; a server that runs with another "
                    "folder or database knows nothing of it: name its FENGSUI_DATA_DIR or "
                    "FENGSUI_DATABASE_URL here too",
                    err=True,
                )
            database = await postgres.start(data_dir)
            stack.push_async_callback(database.stop)
            database_url = database.url
            access.write_secret(address, msgspec.json.encode({"url": database_url}))
            stack.callback(address.unlink, missing_ok=True)
        found = broker_url(settings)
        if hosts_broker:
            server = await broker.start(data_dir, prefix=settings.topic_prefix)
            stack.push_async_callback(server.stop)
            found = server.url
        assert database_url is not None  # noqa: S101  # named or started
        yield Served(database_url=database_url, broker_url=found)


def _folder(data_dir: Path) -> Path:
    """Return the data directory, made if it is missing, as an absolute path."""
    data_dir = data_dir.expanduser().absolute()
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        (data_dir / "log").mkdir(exist_ok=True, mode=0o700)
    except OSError as fault:
        raise FengsuiError(
            f"the data directory {data_dir} cannot be made or written ({fault.strerror}); give "
            "this user rights there, or name another folder with FENGSUI_DATA_DIR"
        ) from fault
    return data_dir


@contextlib.contextmanager
def _lock(data_dir: Path, word: str) -> Iterator[None]:
    """Hold the data directory; the kernel lets go of the lock when this process ends, however."""
    file: IO[str]
    with os.fdopen(
        os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+"
    ) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _Held(file.read().strip()) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {word}\n")
        file.flush()
        yield


async def _other(data_dir: Path, pid: str) -> str:
    """Return the address of the database another process runs, once it says it runs."""
    deadline = asyncio.get_running_loop().time() + OTHER_START_S
    while asyncio.get_running_loop().time() < deadline:
        with contextlib.suppress(OSError, msgspec.DecodeError, KeyError):
            content = (data_dir / "postgres.json").read_bytes()
            return str(msgspec.json.decode(content, type=dict[str, str])["url"])
        await asyncio.sleep(0.1)
    raise UnavailableError(
        f"process {pid} holds {data_dir} but runs no database there; if it runs with "
        "FENGSUI_DATABASE_URL, set that for this command too"
    )
