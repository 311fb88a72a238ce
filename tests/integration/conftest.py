"""Fixtures of the integration tests alone."""

from collections.abc import Iterator

import psycopg
import pytest

from tests import beacons, towers
from tests.beacons import House
from tests.databases import Databases
from tests.towers import Pair


@pytest.fixture(scope="module")
def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One API server over one database for a file's tests; each makes alarms of its own."""
    with beacons.house(databases, tmp_path_factory.mktemp("house")) as made:
        yield made


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
