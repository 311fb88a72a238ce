"""Fixtures of the console's tests: a browser, and one API server with two enterprises."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from tests import beacons
from tests.databases import Databases
from tests.e2e import browsing


@pytest.fixture
async def console() -> AsyncIterator[browsing.Open]:
    """Open windows on the console: `await console(url, size=…)`."""
    contexts: list[BrowserContext] = []
    async with browsing.browser() as running:
        yield browsing.opener(running, contexts)
        for context in contexts:
            await context.close()


@pytest.fixture(scope="module")
def house(
    databases: Databases, forks: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[beacons.House]:
    """One server over one database for a file's tests, with the console built."""
    browsing.built()
    folder: Path = tmp_path_factory.mktemp("console")
    with beacons.house(databases, folder) as served:
        yield served
