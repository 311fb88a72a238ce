"""Fixtures of the integration tests alone."""

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
import pytest_asyncio

from api import app as apps
from ingest import preview
from tests import asgi, beacons, rights_world, towers
from tests.beacons import House
from tests.databases import Databases
from tests.rights_world import World
from tests.towers import Pair


@pytest.fixture(scope="module", autouse=True)
def forked(forks: None) -> None:
    """Start commands as forks."""


@pytest.fixture(scope="module")
def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One API server over one database for a file's tests; each makes alarms of its own."""
    with beacons.house(databases, tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Everybody who may ask, and the app in this process; a file's tests share them."""
    name = databases.create()
    folder = tmp_path_factory.mktemp("rights")
    app = apps.create(
        databases.address(name), entrance=rights_world.entrance(folder), preview=preview.preview
    )
    async with asgi.running(app):
        yield await rights_world.built(app, databases.address(name))
    databases.drop(name)


@pytest.fixture(scope="module")
def pair(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A city and a province for a file's tests; each makes alarms and a relay of its own."""
    with towers.pair_of(databases, tmp_path_factory.mktemp("towers")) as made:
        yield made


@pytest.fixture
def enterprise(database: str) -> str:
    """A registered enterprise."""
    with psycopg.connect(database) as conn:
        conn.execute(
            "insert into region (code, name, kind) values ('990000', 'R', 'province') "
            "on conflict do nothing"
        )
        conn.execute("insert into enterprise (code, name, region) values ('E-1', 'E', '990000')")
    return "E-1"
