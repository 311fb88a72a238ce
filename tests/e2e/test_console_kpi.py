"""The page of figures in a real browser: the numbers of the API, with bounds, verdicts and bars."""

import asyncio
import secrets
import time

import pytest
from playwright.async_api import expect

from alarms.alarm import Tier, Transition
from tests import beacons
from tests.beacons import FAR, NEAR, House
from tests.e2e.browsing import NARROW, WIDE, Console, Open

pytestmark = pytest.mark.timeout(180)
SECOND = 1_000_000


@pytest.fixture(scope="module")
def flooded(house: House) -> House:
    """The house, where 14 alarms rang within nine minutes at noon of yesterday, by its clock."""
    now = time.time_ns() // 1000
    day, zone = 86_400 * SECOND, 8 * 3600 * SECOND
    noon = (now + zone) // day * day - zone - day // 2
    told = []
    for n in range(14):
        at = noon + n * 40 * SECOND
        for change, moment in ((Transition.raised, at), (Transition.returned, at + 30 * SECOND)):
            rule = f"limit.{n % 4}"
            told.append(
                beacons.event(
                    NEAR, f"T{1 + n % 3}", tier=Tier.yellow, rule=rule, change=change, moment=moment
                )
            )
    told.append(beacons.event(FAR, rule="limit.far", moment=noon))
    asyncio.run(beacons.happen(house.database, *told))
    return house


@pytest.mark.parametrize(
    ("size", "language", "above", "met"),
    [(WIDE, "zh", "高于目标", "达标"), (NARROW, "en", "above target", "on target")],
)
async def test_the_page_shows_the_numbers_of_the_api_and_what_they_mean(
    flooded: House,
    console: Open,
    size: tuple[int, int],
    language: str,
    above: str,
    met: str,
) -> None:
    name = await beacons.person(
        flooded.database, f"k-{secrets.token_hex(4)}", scope="all", role="supervisor"
    )
    window: Console = await console(flooded.serve.url, size=size)
    await window.sign_in(name)
    await window.live()
    async with window.page.expect_response("**/api/v1/kpi?*") as told:
        await window.show(f"/kpi?back=1&lang={language}")
    found = await (await told.value).json()
    page = window.page
    assert found["overall"]["annunciated"] == 15
    assert (found["busiest"], max(found["ten_minutes"])) == ("510603", 14)
    card = page.locator("[data-figure=annunciated] .number")
    await expect(card).to_have_text("15")
    most = page.locator("[data-figure=most_in_10_min]")
    await expect(most).to_contain_text("14")
    await expect(most).to_contain_text(above)
    await expect(page.locator("[data-figure=per_hour]")).to_contain_text(met)
    await expect(page.locator("svg rect.above")).to_have_count(1)
    await expect(page.locator("svg rect")).to_have_count(144)
    await expect(page.locator("[data-top] tbody tr")).to_have_count(len(found["overall"]["top_10"]))
    first = found["overall"]["top_10"][0]
    await expect(page.locator("[data-top] tbody tr").first).to_contain_text(
        first["key"].partition("/")[2]
    )
    positions = page.locator("[data-positions] tbody tr")
    await expect(positions).to_have_count(2)
    assert await window.violations() == []
    paper = await page.locator(".reports a").nth(1).get_attribute("href")
    assert paper is not None
    assert f"/api/v1/reports/day.pdf?at={found['from'].replace(':', '%3A')}" in paper
    assert f"lang={language}" in paper

    await positions.filter(has_text="旌阳区").get_by_role("button").click()
    await expect(card).to_have_text("14")
    await page.locator("details summary").click()
    await expect(page.locator("details tbody tr")).to_have_count(1)
    later = page.get_by_role("button", name="后一时段" if language == "zh" else "Later")
    await later.click()
    await expect(card).to_have_text("0")
    await expect(later).to_be_disabled()
    assert window.faults == []


async def test_figures_that_cannot_be_read_are_said_to_be_missing_and_come_when_asked_again(
    house: House, console: Open
) -> None:
    name = await beacons.person(house.database, f"k-{secrets.token_hex(4)}")
    window: Console = await console(house.serve.url)
    await window.sign_in(name)
    await window.live()
    await window.page.route("**/api/v1/kpi?*", lambda route: route.abort())
    await window.show("/kpi")
    await expect(window.page.get_by_role("alert")).to_contain_text("指标读取失败")
    await window.page.unroute("**/api/v1/kpi?*")
    await window.page.get_by_role("button", name="重试").click()
    await expect(window.page.locator("[data-figure=annunciated]")).to_be_visible()
    await expect(window.page.get_by_role("alert")).to_have_count(0)
