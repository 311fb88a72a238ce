"""`make demo` fills the console by itself; the README's picture is taken here (`make picture`)."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests import servers
from tests.e2e import browsing, test_demo
from tests.processes import Command

Run = Callable[..., Command]
pytestmark = pytest.mark.timeout(240)


async def test_the_demos_alarm_list_fills_by_itself(
    fengsui: Run, console: browsing.Open, folder: Path, tmp_path: Path
) -> None:
    browsing.built()
    demo = fengsui("demo", "--data-dir", str(folder), http_port=servers.free_port())
    welcome = await asyncio.to_thread(test_demo.started, demo)
    window: browsing.Console = await console(welcome["console"].rstrip("/"))
    await window.sign_in("demo", password=welcome["demo"])
    await window.live()
    rows = window.page.locator("[data-alarm]")
    await expect(rows.nth(7)).to_be_visible(timeout=90_000)
    await rows.filter(has_not_text="组合").first.click()  # a group's alarm has no trend
    await expect(window.page.locator("canvas").first).to_be_visible()
    picture = Path(os.environ.get("FENGSUI_TEST_PICTURE") or tmp_path / "console.png")
    taken = await window.page.screenshot(path=picture)
    assert taken.startswith(b"\x89PNG")
    assert window.faults == []
    assert demo.stop() == 0, demo.report()


folder = test_demo.folder
