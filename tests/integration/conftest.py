"""Fixtures of the integration tests alone."""

from collections.abc import Iterator

import pytest

from tests import beacons
from tests.beacons import House
from tests.databases import Databases


@pytest.fixture(scope="module")
def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One API server over one database for a file's tests; each makes alarms of its own."""
    with beacons.house(databases, tmp_path_factory.mktemp("house")) as made:
        yield made
