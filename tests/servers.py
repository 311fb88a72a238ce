"""Real PostgreSQL with TimescaleDB and real Mosquitto: started, killed, restarted by tests."""

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psycopg

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fengsui"
_ROOT = _CACHE / "servers-trixie-2"
_MOSQUITTO_CONF = Path(__file__).parents[1] / "deploy/mosquitto/mosquitto.conf"
MOSQUITTO = "/usr/sbin/mosquitto"
BINARIES = Path("/usr/lib/postgresql/17")
EXTENSION = Path("/usr/share/postgresql/17/extension/timescaledb.control")
_MEND = "run deploy/provision-tests.sh (make test does), or set"


class MissingServerError(Exception):
    """A server the tests need cannot be run here; the message says what to do."""


def until(
    check: Callable[[], object], *, deadline_s: float, what: str, every_s: float = 0.02
) -> None:
    """Poll `check` until it is true; fail with `what` when the deadline passes first."""
    end = time.monotonic() + deadline_s
    while not check():
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s:g} s in vain: {what}")
        time.sleep(every_s)


def free_port() -> int:
    """Return a loopback TCP port that nobody uses now.

    It is none of those the kernel hands out (32768 and up): one of these may be the near end of
    somebody's connection before the server it was chosen for has started. Nor is it drawn from
    `random`, which every worker of a run seeds alike.
    """
    while True:
        port = 10_000 + secrets.randbelow(22_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def listens(port: int) -> bool:
    """Say whether somebody accepts TCP connections on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Home:
    """Where server programs live (this system, or an unpacked root) and how to run them there.

    A server dies with the test process, whatever ends it: the kernel sends it a signal
    when the thread that started it ends, so start servers from the main thread.
    """

    def __init__(self, root: Path | None) -> None:
        """`root` is the unpacked folder, None for this system."""
        self.root = root
        if root is not None and os.geteuid() != 0:
            raise MissingServerError(
                f"the servers in {root} run by chroot, which needs root: run the tests as root, "
                "or set FENGSUI_TEST_DATABASE_URL and FENGSUI_TEST_BROKER_URL"
            )

    def outside(self, path: Path) -> Path:
        """Return where a path of this home is seen by us."""
        return path if self.root is None else self.root / path.relative_to("/")

    def workplace(self, name: str, user: str) -> Path:
        """Make an empty folder, owned by the server's user; return its path inside this home."""
        parent = Path(tempfile.gettempdir() if self.root is None else "/run/fengsui")
        _sweep(self.outside(parent))
        folder = Path(
            tempfile.mkdtemp(prefix=f"fengsui-{os.getpid()}-{name}-", dir=self.outside(parent))
        )
        if os.geteuid() == 0:
            uid, gid = self._ids(user)
            os.chown(folder, uid, gid)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return parent / folder.name

    def command(self, user: str, words: Sequence[str], *, death: str = "KILL") -> list[str]:
        """Return the words that run a program of this home as a user who is not root."""
        enter = [] if self.root is None else ["chroot", str(self.root)]
        drop = ["setpriv", "--pdeathsig", death]
        if os.geteuid() == 0:
            uid, gid = self._ids(user)
            drop += ["--reuid", str(uid), "--regid", str(gid), "--clear-groups"]
        return [*enter, *drop, *words]

    def _ids(self, user: str) -> tuple[int, int]:
        for line in self.outside(Path("/etc/passwd")).read_text().splitlines():
            name, _, uid, gid, *_ = line.split(":")
            if name == user:
                return int(uid), int(gid)
        raise MissingServerError(f"there is no user {user}; {_MEND} a server of your own")


def postgres_home() -> Home:
    """Find PostgreSQL 17 with TimescaleDB."""
    for root in (None, _ROOT):
        base = root or Path("/")
        if (base / BINARIES.relative_to("/") / "bin/postgres").exists() and (
            base / EXTENSION.relative_to("/")
        ).exists():
            return Home(root)
    raise MissingServerError(
        f"no PostgreSQL 17 with TimescaleDB here; {_MEND} FENGSUI_TEST_DATABASE_URL"
    )


def broker_home(program: str, name: str) -> Home:
    """Find a broker, by its program's path: the unpacked one first, for systems have older ones.

    Debian 12's Mosquitto, 2.0.11, does not honour Receive Maximum; its RabbitMQ has no MQTT 5.
    """
    for root in (_ROOT, None) if os.geteuid() == 0 else (None,):
        if ((root or Path("/")) / program.removeprefix("/")).exists():
            return Home(root)
    raise MissingServerError(f"no {name} here; {_MEND} FENGSUI_TEST_BROKER_URL")


class Server:
    """One server process: start, stop in order, or kill -9; its folder stays between."""

    def __init__(self) -> None:
        """Take a port; nothing runs yet."""
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Say whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it serves; does nothing when it runs."""
        raise NotImplementedError

    def log(self) -> str:
        """Return what the server wrote."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it in order, and wait."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once with nothing written any more, as a power cut does."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _launch(self, words: Sequence[str], log: Path) -> None:
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def _serving(self, check: Callable[[], bool], what: str) -> None:
        def ready() -> bool:
            if not self.running:
                raise AssertionError(f"{what} ended at its start:\n{self.log()[-4000:]}")
            return check()

        until(
            ready, deadline_s=60, what=f"{what} to serve on port {self.port}\n{self.log()[-4000:]}"
        )


class Postgres(Server):
    """One PostgreSQL cluster with TimescaleDB; `durable` writes as a real server does."""

    def __init__(
        self,
        *,
        durable: bool = False,
        timescaledb: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Make the cluster; start() runs it. `settings` come last and win."""
        super().__init__()
        self._home = postgres_home()
        self._folder = self._home.workplace("postgres", "postgres")
        self._log = self._home.outside(self._folder / "log")
        self._create(durable=durable, timescaledb=timescaledb)
        self.configure(settings or {})

    @property
    def url(self) -> str:
        """Return the address of the cluster's own database, for making others."""
        return self.database("postgres")

    def database(self, name: str) -> str:
        """Return the address of a database of this cluster."""
        return f"postgresql://fengsui:beacon@127.0.0.1:{self.port}/{name}"

    @property
    def cluster(self) -> Path:
        """Return the cluster's folder as it is seen by us."""
        return self._home.outside(self._folder / "cluster")

    def inside(self, name: str) -> Path:
        """Return a path beside the cluster as the server sees it."""
        return self._folder / name

    def configure(self, settings: Mapping[str, str]) -> None:
        """Add settings, in force from the next start."""
        with (self.cluster / "postgresql.conf").open("a") as conf:
            conf.writelines(f"{name} = {value}\n" for name, value in settings.items())

    def program(self, name: str, *words: str) -> str:
        """Run one of PostgreSQL's programs as the server's user; return what it printed."""
        whole = self._home.command("postgres", [str(BINARIES / "bin" / name), *words])
        done = subprocess.run(whole, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stderr}"
        return done.stdout

    def log(self) -> str:
        """Return the server's log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start and wait until it takes connections."""
        if self.running:
            return
        cluster = self._folder / "cluster"
        words = [str(BINARIES / "bin/postgres"), "-D", str(cluster)]
        self._launch(self._home.command("postgres", words, death="QUIT"), self._log)
        self._serving(self._answers, "PostgreSQL")

    def stop(self) -> None:
        """End it in order, its sessions too (a fast shutdown)."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill -9 the postmaster; its children follow by themselves, and are waited for."""
        children = _children(self._process.pid) if self._process else []
        super().kill()
        until(
            lambda: not any(child.exists() for child in children),
            deadline_s=30,
            what="PostgreSQL's children to end",
        )

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create(self, *, durable: bool, timescaledb: bool) -> None:
        cluster = self._folder / "cluster"
        words = [
            str(BINARIES / "bin/initdb"), "--pgdata", str(cluster), "--username", "fengsui",
            "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8",
            "--no-sync", "--no-instructions",
        ]  # fmt: skip
        made = subprocess.run(
            self._home.command("postgres", words), capture_output=True, check=False
        )
        if made.returncode:
            raise MissingServerError(f"initdb failed:\n{made.stderr.decode(errors='replace')}")
        settings = {
            "listen_addresses": "'127.0.0.1'",
            "port": str(self.port),
            "unix_socket_directories": "''",
            # The unpacked root has no /dev/shm.
            "dynamic_shared_memory_type": "mmap",
            "max_connections": "100",
            "max_worker_processes": "40",
            # A plant's server stands in China; the code must not depend on it.
            "timezone": "'Asia/Shanghai'",
            "jit": "off",
        }
        if timescaledb:
            settings |= {
                "shared_preload_libraries": "'timescaledb'",
                "timescaledb.telemetry_level": "off",
                "timescaledb.max_background_workers": "24",
            }
        if not durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        self.configure(settings)


class Mosquitto(Server):
    """One Mosquitto with the bounds of deploy/mosquitto/mosquitto.conf; its queue stays."""

    def __init__(self, *, extra: Sequence[str] = (), home: Home | None = None) -> None:
        """Write the configuration; start() runs it. `extra` lines come last and win."""
        super().__init__()
        self._home = home or broker_home(MOSQUITTO, "Mosquitto")
        self._folder = self._home.workplace("mosquitto", "mosquitto")
        self._log = self._home.outside(self._folder / "log")
        self._home.outside(self._folder / "mosquitto.conf").write_text(
            "\n".join(
                (
                    f"listener {self.port} 127.0.0.1",
                    "allow_anonymous true",
                    f"persistence_location {self._folder}/",
                    *bounds(_MOSQUITTO_CONF),
                    "log_dest stderr",
                    *extra,
                    "",
                )
            )
        )

    @property
    def url(self) -> str:
        """Return the broker's address."""
        return f"mqtt://127.0.0.1:{self.port}"

    def log(self) -> str:
        """Return the server's log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start and wait until it listens."""
        if self.running:
            return
        words = [MOSQUITTO, "-c", str(self._folder / "mosquitto.conf")]
        self._launch(self._home.command("mosquitto", words), self._log)
        self._serving(lambda: listens(self.port), "Mosquitto")


def bounds(conf: Path) -> list[str]:
    """Return the lines that stand below "Bounds" in a broker's configuration we ship."""
    return conf.read_text().partition("# Bounds\n")[2].splitlines()


def _sweep(parent: Path) -> None:
    """Remove folders that test processes of old could not."""
    for folder in parent.glob("fengsui-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


def _children(pid: int) -> list[Path]:
    """Return the /proc folders of a process's children."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [Path("/proc", child) for child in listed.split()]
