"""Real RabbitMQ with the configuration of deploy/rabbitmq: started, killed, restarted by tests."""

import base64
import hashlib
import json
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.servers import Home, Server, bounds, broker_home, free_port, listens, until

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"
INSTALLED = Path("/usr/lib/rabbitmq/lib")
SHIPPED = Path(__file__).parents[1] / "deploy/rabbitmq"
USER, PASSWORD = "fengsui", "beacon"
_STARTED = " completed with "
"""The end of RabbitMQ's banner."""


class RabbitMQ(Server):
    """One RabbitMQ node with one account, the server's; its queues stay."""

    def __init__(self, *, extra: Sequence[str] = (), queue_bytes: int | None = None) -> None:
        """Write the configuration; start() runs it. `extra` lines come last and win.

        `queue_bytes` bounds the server's queue instead of what is shipped.
        """
        super().__init__()
        self._home = broker_home(PROGRAM, "RabbitMQ")
        self._folder = self._home.workplace("rabbitmq", "rabbitmq")
        self._outside = self._home.outside(self._folder)
        self._log = self._outside / "log"
        self.metrics_port = free_port()
        self._ports = _Epmd(self._home)
        self._write("enabled_plugins", (SHIPPED / "enabled_plugins").read_text())
        self._write("definitions.json", json.dumps(_definitions(queue_bytes)))
        lines = (
            "listeners.tcp = none",
            f"mqtt.listeners.tcp.default = 127.0.0.1:{self.port}",
            "prometheus.tcp.ip = 127.0.0.1",
            f"prometheus.tcp.port = {self.metrics_port}",
            f"load_definitions = {self._folder}/definitions.json",
            *bounds(SHIPPED / "rabbitmq.conf"),
            # The unpacked root has no /proc to read them from.
            "vm_memory_calculation_strategy = allocated",
            "total_memory_available_override_value = 2GB",
            "log.console = true",
            "log.console.level = warning",
            "log.console.use_colors = off",
            "log.file = false",
            *extra,
            "",
        )
        self._write("rabbitmq.conf", "\n".join(lines))

    @property
    def url(self) -> str:
        """Return the broker's address with the server's account."""
        return f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    def log(self) -> str:
        """Return the server's log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start and wait until it serves."""
        if self.running:
            return
        self._ports.start()
        folder = self._folder
        settings = {
            "HOME": folder,
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": self._ports.port,
            # The script becomes the server, so that a kill meets the server.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_CONF_ENV_FILE": folder / "none",
            "RABBITMQ_CONFIG_FILE": folder / "rabbitmq.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "enabled_plugins",
            "RABBITMQ_MNESIA_BASE": folder / "data",
            "RABBITMQ_LOG_BASE": folder,
            "ERL_CRASH_DUMP_SECONDS": 0,
            "RABBITMQ_DIST_PORT": free_port(),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false",
        }
        before = self.log().count(_STARTED)
        words = [f"{name}={value}" for name, value in settings.items()]
        self._launch(self._home.command("rabbitmq", ["/usr/bin/env", *words, PROGRAM]), self._log)
        # It listens before it knows accounts.
        self._serving(lambda: self.log().count(_STARTED) > before, "RabbitMQ")

    def close(self) -> None:
        """End it at once, and what it needs beside it."""
        self.kill()
        self._ports.kill()

    def _write(self, name: str, text: str) -> None:
        (self._outside / name).write_text(text)


def asking(url: str, key: str) -> list[str]:
    """Return the shipped lines by which it asks a server about gateways, with a broker's token."""
    lines = (SHIPPED / "rabbitmq.conf").read_text().splitlines()
    return [
        line.replace("http://fengsui:8000", url).replace("TOKEN", key)
        for line in lines
        if line.startswith("auth_")
    ]


class _Epmd(Server):
    """Erlang's list of ports, which a node would else start as a daemon that nobody ends."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home

    def log(self) -> str:
        return ""

    def start(self) -> None:
        if self.running:
            return
        words = ["/usr/bin/epmd", "-port", str(self.port), "-address", "127.0.0.1"]
        self._process = subprocess.Popen(
            self._home.command("rabbitmq", words),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: listens(self.port), deadline_s=30, what="epmd to listen")


def _definitions(queue_bytes: int | None) -> dict[str, Any]:
    """Return what we ship with the server's account in it."""
    shipped: dict[str, Any] = json.loads((SHIPPED / "definitions.json").read_text())
    if queue_bytes is not None:
        shipped["policies"][0]["definition"]["max-length-bytes"] = queue_bytes
    salt = secrets.token_bytes(4)
    secret = base64.b64encode(salt + hashlib.sha256(salt + PASSWORD.encode()).digest()).decode()
    account = {
        "name": USER,
        "password_hash": secret,
        "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": [],
    }
    rights = {"user": USER, "vhost": "/", "configure": ".*", "write": ".*", "read": ".*"}
    return {"users": [account], "permissions": [rights], **shipped}
