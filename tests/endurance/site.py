"""Everything real on one machine: `fengsui serve`, PostgreSQL, a broker; and how each is killed."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psycopg

from alarms.storage.migrate import migrate
from fengsui.bench import scratch
from tests.endurance import gateways
from tests.processes import Command, Serve
from tests.rabbitmq import RabbitMQ
from tests.servers import Home, Mosquitto, Postgres

PREFIX: Final = "endurance/v1"
_STALL_S: Final = 60.0
Broker = Mosquitto | RabbitMQ


class Site:
    """A server that is started again when it ends, as its systemd unit does, and what it needs."""

    def __init__(self, broker: Broker, folder: Path, *, plant: Mapping[str, object]) -> None:
        """Start all three and register a plant, a registry file's."""
        self.broker = broker
        self.database = Postgres(durable=True)
        self.folder = folder
        self.database.start()
        self.broker.start()
        self.url = self.database.url
        self._settings = {
            "FENGSUI_DATABASE_URL": self.url,
            "FENGSUI_BROKER_URL": broker.url,
            "FENGSUI_TOPIC_PREFIX": PREFIX,
            "FENGSUI_DATA_DIR": str(folder / "fengsui"),
        }
        asyncio.run(migrate(self.url))
        asyncio.run(scratch.register(self.url, plant))
        self.server = Serve(("serve",), env=self._settings, folder=folder)
        self.server.start()
        self.started_again = 0
        self.held_down = False

    def close(self) -> None:
        """End everything."""
        self.server.kill()
        self.broker.kill()
        if isinstance(self.broker, RabbitMQ):
            self.broker.close()
        self.database.kill()

    def keep(self) -> None:
        """Start the server again if it has ended, without waiting for it."""
        if not self.held_down and not self.server.running:
            self.started_again += 1
            Command.start(self.server)

    def pause(self, seconds: float) -> None:
        """Let time go by; the server is kept meanwhile."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.keep()
            time.sleep(min(0.2, left))

    def ready(self) -> None:
        """Have everything run."""
        self.held_down = False
        self.database.start()
        self.broker.start()
        self.keep()
        self.server.ready(deadline_s=120)

    def kill_server(self) -> None:
        """Kill the supervisor and both its processes at once."""
        for pid in (self.server.pid, *self._roles().values()):
            _kill(pid)
        self.server.wait()

    def kill_role(self, role: str) -> None:
        """Kill one process of the server; its supervisor starts it again."""
        _kill(self._roles().get(role))

    def kill_backend(self, pick: Callable[[list[int]], int]) -> None:
        """Kill one of PostgreSQL's sessions: it ends all others and recovers."""
        try:
            with psycopg.connect(self.url, connect_timeout=2) as conn:
                found = conn.execute(
                    "select pid from pg_stat_activity"
                    " where backend_type = 'client backend' and pid <> pg_backend_pid()"
                ).fetchall()
        except psycopg.OperationalError:
            return
        if found:
            _kill(pick([row[0] for row in found]))

    def command(self, *words: str) -> Command:
        """Run a command with the server's settings to its end; however it ends."""
        made = Command(words, env=self._settings, folder=self.folder)
        made.start()
        made.wait(600)
        return made

    def _roles(self) -> dict[str, int]:
        """Return the process ids of the server's roles that live now."""
        found: dict[str, int] = {}
        if not self.server.running:
            return found
        pid = self.server.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for child in children:
                words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
                if "--role" in words:
                    found[words[words.index("--role") + 1]] = int(child)
        except (FileNotFoundError, ProcessLookupError):
            pass
        return found


def levels(points: int, *, gateways_: int) -> dict[str, object]:
    """Return a registry file of one enterprise with so many points and gateways."""
    names = map(gateways.name, range(gateways_))
    return scratch.levels(points) | {
        "gateways": [{"id": name, "enterprise": "BENCH"} for name in names]
    }


def broker(kind: str, *, queue_bytes: int | None, root: Path | None) -> Broker:
    """Make a broker with the configuration we ship; `root` holds another Debian's Mosquitto."""
    if kind == "rabbitmq":
        return RabbitMQ(queue_bytes=queue_bytes)
    bound = [] if queue_bytes is None else [f"max_queued_bytes {queue_bytes}"]
    return Mosquitto(extra=[*bound, "sys_interval 1"], home=None if root is None else Home(root))


def _kill(pid: int | None) -> None:
    if pid is not None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def say(text: str) -> None:
    """Write a line of progress."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def stored(url: str) -> int:
    """Return how many readings the record holds; -1 while it does not answer."""
    try:
        with psycopg.connect(url, connect_timeout=5) as conn:
            row = conn.execute("select count(*) from reading").fetchone()
    except psycopg.OperationalError:
        return -1
    return row[0] if row else 0


def until_stored(url: str, wanted: int, *, every_s: float = 0.5) -> None:
    """Wait until so many readings are stored, or none came for a minute: the reckoning tells."""
    last, moved = -1, time.monotonic()
    while (now := stored(url)) < wanted:
        if now != last:
            last, moved = now, time.monotonic()
        elif time.monotonic() - moved > _STALL_S:
            say(f"{now} of {wanted} readings are stored; waiting no longer")
            return
        time.sleep(every_s)
