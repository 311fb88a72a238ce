"""The whole system on one machine: embedded servers, server, console, simulated gateways."""

import asyncio
import contextlib
import errno
import json
import logging
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
from psycopg import AsyncConnection

from alarms.errors import ConflictError, FengsuiError, UnavailableError
from alarms.storage import accounts, credentials, migrate
from alarms.storage import plant as plants
from alarms.storage.connection import connect
from api import identity, machine_passwords
from fengsui import accounts_desk, console, embedded, plant_copies
from fengsui.embedded import access
from fengsui.embedded.broker import Files, address
from fengsui.embedded.kept import Kept, Program
from fengsui.settings import Settings, clean_environment

READY_S: Final = 45.0
PORTS_TRIED: Final = 50
PEOPLE: Final = (("demo", "operator"), ("admin", "administrator"))

Say = Callable[[str], None]
logger = logging.getLogger("fengsui.demo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A person's name and password for the console."""

    name: str
    password: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The running system without its gateways: where it is, and how to get in."""

    settings: Settings
    database_url: str
    logins: tuple[Login, ...]

    @property
    def url(self) -> str:
        """Return the console's address."""
        return console.address(self.settings)

    @property
    def broker(self) -> str:
        """Return the broker's address, without an account: each gateway has its own."""
        found = address(self.settings.data_dir)
        if found is None:
            raise UnavailableError(
                "the embedded broker's address is not known; start the demo again"
            )
        return f"mqtt://{found.host}:{found.port}"

    @property
    def logs(self) -> Path:
        """Return the folder of all logs."""
        return self.settings.data_dir / "log"


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, scenarios: Sequence[str], port: int | None, say: Say
) -> AsyncIterator[System]:
    """Start everything but the gateways, and stop it in reverse when the block ends.

    The demo brings its own database and broker, whatever the settings name. A `port` asked for
    that is taken is a FengsuiError; otherwise the next free one is used and said.
    """
    data_dir = settings.data_dir.expanduser().absolute()
    settings = replace(settings, data_dir=data_dir, database_url=None, broker_url=None)
    chosen = _port(settings, port, say)
    say("starting PostgreSQL and the MQTT broker")
    async with contextlib.AsyncExitStack() as stack:
        served = await stack.enter_async_context(embedded.servers(settings))
        settings = replace(
            settings,
            database_url=served.database_url,
            broker_url=served.broker_url,
            http_port=chosen,
        )
        say("bringing the database schema up to date")
        await migrate.migrate(served.database_url)
        for scenario in scenarios:
            say(f"registering the plant of {scenario}")
            await _run_to_end(settings, "import", str(plant_copies.example(scenario)), "--json")
        async with await connect(served.database_url) as conn:
            await _admit_gateways(conn, data_dir)
            logins = await _logins(conn, data_dir)
        say("starting the server")
        server = _server(settings)
        await server.start()
        stack.push_async_callback(server.stop)
        yield System(settings=settings, database_url=served.database_url, logins=logins)


@contextlib.asynccontextmanager
async def gateways(
    system: System, *, scenarios: Sequence[str], speed: float, lead_in_s: float | None = None
) -> AsyncIterator[None]:
    """Let the simulated gateways of the scenarios publish while the block runs."""
    async with contextlib.AsyncExitStack() as stack:
        for scenario in scenarios:
            words = [
                *("simulate", scenario, "--speed", str(speed)),
                *("--broker", system.broker),
                *("--credentials", str(_gateway_file(system.settings.data_dir))),
            ]
            if lead_in_s is not None:
                words += ["--lead-in", str(lead_in_s)]
            kept = _kept(system.settings, f"simulated gateways of {scenario}", scenario, words)
            await kept.start()
            stack.push_async_callback(kept.stop)
        yield


def _server(settings: Settings) -> Kept:
    """Return `fengsui serve`, ready when its API says so."""
    url = f"{console.address(settings)}readyz"
    trust = console.trust(settings)

    async def ready() -> None:
        deadline = asyncio.get_running_loop().time() + READY_S
        while not await asyncio.to_thread(_answers, url, trust):
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(
                    f"the server was started but {url} did not say ready within {READY_S:.0f} s; "
                    f"see {settings.data_dir / 'log' / 'serve.log'}"
                )
            await asyncio.sleep(0.1)

    words = ["serve", "--no-migrate"]
    return _kept(settings, "the server", "serve", words, ready=ready, patience_s=45.0)


def _kept(
    settings: Settings,
    name: str,
    log: str,
    words: Sequence[str],
    *,
    ready: Callable[[], Awaitable[None]] | None = None,
    patience_s: float = 15.0,
) -> Kept:
    program = Program(
        name=name,
        argv=(sys.executable, "-m", "fengsui", *words),
        log=settings.data_dir / "log" / f"{log}.log",
        env=settings.environment(),
        patience_s=patience_s,
    )
    return Kept(program) if ready is None else Kept(program, ready=ready)


def _answers(url: str, trust: ssl.SSLContext | None) -> bool:
    try:
        with urlopen(url, timeout=2, context=trust) as answer:  # noqa: S310  # our own address
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _port(settings: Settings, asked: int | None, say: Say) -> int:
    """Return the port to serve on: the one asked for, or the first free one from ours on."""
    first = settings.http_port if asked is None else asked
    tried = 1 if asked is not None else PORTS_TRIED
    for port in range(first, min(first + tried, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.http_host, port))
            except OSError as fault:
                if fault.errno != errno.EADDRINUSE:
                    raise FengsuiError(
                        f"port {port} on {settings.http_host} cannot be used ({fault.strerror}); "
                        "name another with --port"
                    ) from fault
                continue
            if port not in (0, first):
                say(f"port {first} is taken by another program, using {port}")
            return int(probe.getsockname()[1])
    if asked is not None:
        raise FengsuiError(
            f"port {asked} is taken by another program; stop that one, name another port, or leave "
            "--port out to take the next free one"
        )
    raise FengsuiError(f"ports {first} to {first + tried - 1} are all taken; name one with --port")


async def _run_to_end(settings: Settings, *words: str) -> None:
    """Run one of our own commands; its message becomes ours when it fails."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fengsui", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), **settings.environment()},
    )
    _, said = await process.communicate()
    if process.returncode != 0:
        reason = said.decode(errors="replace").strip().removeprefix("fengsui: ")
        raise FengsuiError(f"`fengsui {' '.join(words)}` failed: {reason}")


async def _admit_gateways(conn: AsyncConnection, data_dir: Path) -> None:
    """Give every registered gateway credentials of its own, kept for the simulation, 0600."""
    file = _gateway_file(data_dir)
    passwords = _secrets(file)
    accounts_file = Files(data_dir=data_dir).credentials
    there = access.read(accounts_file).accounts
    for gateway in (await plants.load(conn)).gateways:
        if gateway in passwords and gateway in there:
            continue
        passwords[gateway] = machine_passwords.new()
        digest = await asyncio.to_thread(machine_passwords.hashed, passwords[gateway])
        await credentials.renew(conn, gateway, credential=digest, now=datetime.now(UTC))
        access.put(accounts_file, gateway, access.Account(hash=digest, gateway=True))
    access.write_secret(file, msgspec.json.encode(passwords))


async def _logins(conn: AsyncConnection, data_dir: Path) -> tuple[Login, ...]:
    """Make the demo's people on the first start; the same passwords hold on later ones, 0600."""
    file = data_dir / "demo-logins.json"
    passwords = _secrets(file)
    found: list[Login] = []
    for name, role in PEOPLE:
        if name not in passwords:
            passwords[name] = machine_passwords.new()
        access.write_secret(file, msgspec.json.encode(passwords))
        digest = await asyncio.to_thread(identity.hash_password, passwords[name])
        with contextlib.suppress(ConflictError):
            async with conn.transaction():
                await accounts.create_person(
                    conn,
                    name=name,
                    password_hash=digest,
                    scope="all",
                    role=role,
                    now=datetime.now(UTC),
                )
                after = {"scope": "all", "role": role}
                await accounts_desk.trail(conn, "user_create", f"person:{name}", after)
        found.append(Login(name=name, password=passwords[name], role=role))
    return tuple(found)


def _gateway_file(data_dir: Path) -> Path:
    return data_dir / "demo-gateways.json"


def _secrets(file: Path) -> dict[str, str]:
    try:
        return dict(json.loads(file.read_text()))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as fault:
        raise FengsuiError(
            f"{file} cannot be read ({fault}); remove it and new passwords are made, or name "
            "another folder with --data-dir"
        ) from fault
