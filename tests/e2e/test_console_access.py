"""The console for everybody: accessible in both themes, from one origin, under a strict policy."""

import json
import secrets
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import expect

from alarms.alarm import Tier
from tests import beacons
from tests.e2e import browsing
from tests.e2e.browsing import NARROW, WIDE, Console, Open

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def alarm_ids(house: beacons.House) -> list[str]:
    """One alarm of each tier, one acknowledged and one shelved among them."""
    made = [await house.raise_alarm(tag="T1", tier=tier) for tier in reversed(Tier) if tier]
    async with await house.http(role="operator") as http:
        (await http.post(f"/alarms/{made[1]}/acknowledge", json={"rev": 1})).raise_for_status()
    return made


async def signed_in(house: beacons.House, console: Open, size: tuple[int, int] = WIDE) -> Console:
    name = await beacons.person(house.database, f"op-{secrets.token_hex(4)}")
    made: Console = await console(house.serve.url, size=size)
    await made.sign_in(name)
    await made.live()
    return made


@pytest.mark.parametrize("theme", ["grey", "dark"])
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
async def test_axe_finds_nothing_on_any_page(
    house: beacons.House, console: Open, alarm_ids: list[str], theme: str, lang: str
) -> None:
    made = await console(house.serve.url)
    await made.show(f"/?lang={lang}&theme={theme}")
    await expect(made.page.locator("input[name=name]")).to_be_visible()
    assert await made.violations() == []
    name = await beacons.person(house.database, f"op-{secrets.token_hex(4)}")
    await made.sign_in(name)
    await made.live()
    for where, what in (
        (f"/?lang={lang}&theme={theme}&alarm={alarm_ids[0]}", ".chart"),
        (f"/area?lang={lang}&theme={theme}", ".tile"),
        (f"/area/510603/E1/E1-S1/U1?lang={lang}&theme={theme}", "[data-point=T1]"),
    ):
        await made.show(where)
        await expect(made.page.locator(what).first).to_be_visible()
        assert await made.violations() == [], where
    assert made.faults == []


async def test_axe_finds_nothing_in_the_dialogs_on_a_small_screen(
    house: beacons.House, console: Open, alarm_ids: list[str]
) -> None:
    made = await signed_in(house, console, NARROW)
    await made.row(alarm_ids[0]).click()
    for key in ("s", "c", "?"):
        await made.page.keyboard.press(key)
        await expect(made.page.get_by_role("dialog")).to_be_visible()
        assert await made.violations() == [], key
        await made.page.keyboard.press("Escape")
        await expect(made.page.get_by_role("dialog")).to_have_count(0)


async def test_no_request_leaves_the_origin(
    house: beacons.House, console: Open, alarm_ids: list[str]
) -> None:
    made = await signed_in(house, console)
    await made.show(f"/?alarm={alarm_ids[0]}")
    await expect(made.page.locator(".chart")).to_be_visible()
    await made.show("/area/510603/E1/E1-S1/U1")
    await expect(made.page.locator("[data-point=T1]")).to_be_visible()
    asked = [urlsplit(address) for address in made.asked]
    assert {address.netloc for address in asked} == {urlsplit(house.serve.url).netloc}
    assert {"/ws/v1/alarms", "/ws/v1/values"} <= {address.path for address in asked}


async def test_the_page_runs_under_a_policy_without_inline_scripts(
    house: beacons.House, console: Open
) -> None:
    made = await signed_in(house, console)
    async with httpx.AsyncClient() as http:
        answered = await http.get(house.serve.url)
    policy, page = answered.headers["content-security-policy"], answered.text
    directives = dict(part.split(maxsplit=1) for part in policy.split(";") if part.strip())
    assert directives["default-src"] == "'self'"
    assert "unsafe" not in directives.get("script-src", "")
    assert "<script>" not in page
    assert made.faults == []


async def test_nothing_is_cut_off_at_the_width_of_a_zoomed_screen(
    house: beacons.House, console: Open, alarm_ids: list[str]
) -> None:
    """200 % zoom of a 1366 pixel screen leaves 683 pixels."""
    made = await signed_in(house, console, (683, 768))
    await expect(made.row(alarm_ids[0])).to_be_visible()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await made.page.evaluate(overflow) <= 0


def test_the_built_files_are_packed_and_small() -> None:
    dist = browsing.built()
    files = [path for path in dist.rglob("*") if path.is_file()]
    scripts = [path for path in files if path.suffix == ".js"]
    assert scripts
    assert all(path.with_name(path.name + ".br").is_file() for path in scripts)
    assert sum(path.stat().st_size for path in files) < 2_000_000
    manifest = json.loads((dist / ".vite" / "manifest.json").read_text(encoding="utf8"))
    named = [name for entry in manifest.values() for name in (entry["file"], *entry.get("css", []))]
    assert all((dist / name).is_file() for name in named)
    assert "vue" in (dist / "THIRD_PARTY_NOTICES.txt").read_text(encoding="utf8")
