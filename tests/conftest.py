"""Fixtures: real servers, a fresh database and own topics for each test, and our commands."""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from alarms.preparation import prepare
from alarms.storage.migrate import migrate
from tests import forking, processes, versions
from tests.databases import Databases
from tests.processes import Command, Serve
from tests.rabbitmq import RabbitMQ
from tests.servers import Mosquitto, Postgres

_TESTS = Path(__file__).parent
_LONGEST_FIRST = ("e2e", "house", "integration", "unit", "contract")


class Broker(NamedTuple):
    """A broker's address and a topic prefix nobody else uses."""

    url: str
    prefix: str


def pytest_sessionstart() -> None:
    """Compile the engine's loops once, before tests and their processes wait for them."""
    prepare()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the folders whose files take longest, so that no worker ends alone with one."""
    items.sort(key=lambda item: _LONGEST_FIRST.index(item.path.relative_to(_TESTS).parts[0]))


def pytest_report_header() -> str:
    """Name the servers and the browser."""
    return versions.line()


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    """The source of databases: one PostgreSQL with TimescaleDB for the whole run."""
    if url := os.environ.get("FENGSUI_TEST_DATABASE_URL"):
        source = Databases(url, _migrate)
        yield source
        source.close()
        return
    server = Postgres()
    server.start()
    try:
        yield Databases(server.url, _migrate)
    finally:
        server.stop()


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """The address of a fresh, migrated database."""
    name = databases.create()
    yield databases.address(name)
    databases.drop(name)


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[str]:
    """The address of a fresh database without any schema."""
    name = databases.create(template="template0")
    yield databases.address(name)
    databases.drop(name)


@pytest.fixture
def postgres() -> Iterator[Callable[[], Postgres]]:
    """Make PostgreSQL servers of a test's own, durable, to be stopped, killed and started."""
    made: list[Postgres] = []

    def make() -> Postgres:
        server = Postgres(durable=True)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.kill()


@pytest.fixture(scope="session")
def broker_url() -> Iterator[str]:
    """The address of one Mosquitto for the whole run."""
    if url := os.environ.get("FENGSUI_TEST_BROKER_URL"):
        yield url
        return
    server = Mosquitto()
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def broker(broker_url: str) -> Broker:
    """A running Mosquitto and topics of this test's own."""
    return Broker(broker_url, f"test-{secrets.token_hex(6)}/v1")


@pytest.fixture
def mosquitto() -> Iterator[Callable[..., Mosquitto]]:
    """Make Mosquittos of a test's own, to be stopped, killed and started; words are extra lines."""
    made: list[Mosquitto] = []

    def make(*extra: str) -> Mosquitto:
        server = Mosquitto(extra=extra)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def rabbitmq() -> Iterator[Callable[..., RabbitMQ]]:
    """Make RabbitMQs of a test's own; words are extra lines of its configuration."""
    made: list[RabbitMQ] = []

    def make(*extra: str, queue_bytes: int | None = None) -> RabbitMQ:
        server = RabbitMQ(extra=extra, queue_bytes=queue_bytes)
        made.append(server)
        server.start()
        return server

    yield make
    for server in made:
        server.close()


@pytest.fixture(scope="session")
def parent() -> Iterator[forking.Parent]:
    """The process whose forks our commands may be."""
    made = forking.Parent()
    yield made
    made.end()


@pytest.fixture(scope="module")
def forks(parent: forking.Parent) -> Iterator[None]:
    """Start a file's commands as forks: where their start is not what is tested."""
    processes.launch = parent.start
    yield
    processes.launch = processes.whole


@pytest.fixture
def fengsui(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Start `fengsui <words>` with these settings, as in `fengsui("serve", database_url=database)`.

    Settings are named as in fengsui.settings. `serve` gets a free port and is returned when
    ready (`wait=False`: at once); other commands are returned running. All die with the test.
    """
    made: list[Command] = []

    def run(
        *words: str, wait: bool = True, env: dict[str, str] | None = None, **settings: object
    ) -> Command:
        named = {f"FENGSUI_{name.upper()}": str(value) for name, value in settings.items()}
        named.setdefault("FENGSUI_DATA_DIR", str(tmp_path / "fengsui"))
        kind = Serve if words[0] == "serve" else Command
        command = kind(words, env={**named, **(env or {})}, folder=tmp_path)
        made.append(command)
        if wait:
            command.start()
        else:
            Command.start(command)
        return command

    yield run
    for command in made:
        command.kill()


def _migrate(url: str) -> object:
    return asyncio.run(migrate(url))
