"""A real browser in front of a real server: the console as an operator drives it."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, Locator, Page, async_playwright, expect

import hatch_build
from tests import beacons

CONSOLE: Final = Path(__file__).parents[2] / "dashboards" / "console"
AXE: Final = CONSOLE / "node_modules" / "axe-core" / "axe.min.js"
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE: Final = (1920, 1080)
NARROW: Final = (1366, 768)


def built() -> Path:
    """Return the folder of the console, built from the sources that are there."""
    hatch_build.make_fresh(CONSOLE)
    return CONSOLE / "dist"


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Run the distribution's Chromium without a screen."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    assert executable is not None, "no Chromium: run deploy/provision-tests.sh"
    async with async_playwright() as engine:
        running = await engine.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield running
        finally:
            await running.close()


class Console:
    """One window on the console; it remembers every address asked for and every error said."""

    def __init__(self, page: Page, url: str) -> None:
        """Listen to the page from its first request on."""
        self.page = page
        self.url = url
        self.asked: list[str] = []
        self.faults: list[str] = []
        page.set_default_timeout(15_000)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._hear)

    def _hear(self, message: Any) -> None:
        # Before sign-in the server rightly answers 401 to "who am I"; the browser reports that.
        if message.type == "error" and "401" not in message.text:
            self.faults.append(message.text)

    async def sign_in(self, name: str, *, password: str = beacons.PASSWORD) -> None:
        """Open the page and sign in as a person would."""
        await self.page.goto(self.url)
        await self.page.fill("input[name=name]", name)
        await self.page.fill("input[name=password]", password)
        await self.page.press("input[name=password]", "Enter")

    async def live(self) -> None:
        """Wait until the link is live."""
        await expect(self.page.locator("[data-link=live]")).to_be_visible(timeout=15_000)

    def row(self, alarm_id: str) -> Locator:
        """Return an alarm's row."""
        return self.page.locator(f"[data-alarm='{alarm_id}']")

    async def show(self, where: str) -> None:
        """Go to an address within the console, as a bookmark does."""
        await self.page.goto(f"{self.url}/#{where}")

    async def violations(self) -> list[str]:
        """Return what axe finds against WCAG 2.0 to 2.2, levels A and AA."""
        await self.page.evaluate(AXE.read_text(encoding="utf8"))
        found = await self.page.evaluate(
            """async () => (await axe.run(document, {runOnly: {type: 'tag', values:
            ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}})).violations
            .map(v => `${v.id}: ${v.nodes.map(n => n.target + n.failureSummary).join(' | ')}`)"""
        )
        return [str(violation) for violation in found]


Open = Callable[..., Any]


def opener(running: Browser, contexts: list[BrowserContext]) -> Open:
    """Return what opens windows, each with cookies of its own."""

    async def open_console(url: str, *, size: tuple[int, int] = WIDE) -> Console:
        context = await running.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        return Console(await context.new_page(), url)

    return open_console
