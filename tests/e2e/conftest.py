"""Fixtures of the console's tests: a browser, and one API server with two enterprises."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext
from pytest_asyncio import is_async_test

from tests import beacons
from tests.databases import Databases
from tests.e2e import browsing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run a file's tests of the console in one loop, so that they share a browser."""
    for item in items:
        if is_async_test(item) and "console" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """A browser for a file's tests."""
    async with browsing.browser() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def console(chromium: Browser) -> AsyncIterator[browsing.Open]:
    """Open windows on the console, with cookies of a test's own: `await console(url, size=…)`."""
    contexts: list[BrowserContext] = []
    yield browsing.opener(chromium, contexts)
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
