"""The console's daily work in a real browser: sign in, see, acknowledge, shelve, comment."""

import re
import secrets
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import expect

from alarms.alarm import Tier, Transition
from tests import beacons
from tests.e2e.browsing import NARROW, Console, Open

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def operator(house: beacons.House) -> str:
    """An operator's account of this test's own."""
    return await beacons.person(house.database, f"op-{secrets.token_hex(4)}")


@pytest_asyncio.fixture(loop_scope="module")
async def window(house: beacons.House, console: Open, operator: str) -> Console:
    """A signed-in operator's window, live."""
    made: Console = await console(house.serve.url)
    await made.sign_in(operator)
    await made.live()
    return made


async def document(house: beacons.House, alarm_id: str) -> dict[str, Any]:
    async with await house.http() as http:
        answered = await http.get(f"/alarms/{alarm_id}")
        answered.raise_for_status()
        found: dict[str, Any] = answered.json()
        return found


async def transitions(house: beacons.House, alarm_id: str) -> list[tuple[str, str, str]]:
    async with await house.http() as http:
        rows = (await http.get(f"/alarms/{alarm_id}/journal")).json()["items"]
    return [(row["type"].rpartition(".")[2], row["actor"], row["note"]) for row in rows]


async def test_a_wrong_password_is_said_and_nothing_opens(
    house: beacons.House, console: Open, operator: str
) -> None:
    made = await console(house.serve.url)
    await made.sign_in(operator, password="not the one")
    await expect(made.page.get_by_role("alert")).to_contain_text("用户名或密码不正确")
    await expect(made.page.locator("[role=listbox]")).to_have_count(0)


async def test_an_alarm_comes_by_itself_and_is_acknowledged_by_mouse(
    house: beacons.House, window: Console, operator: str
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.orange)
    await window.row(alarm_id).click()
    await expect(window.row(alarm_id)).to_contain_text("未确认")
    await window.page.locator(".tools [data-action=acknowledge]").click()
    await expect(window.row(alarm_id)).to_contain_text("已确认")
    found = await document(house, alarm_id)
    assert (found["state"], found["acks"]["site"]["by"]) == ("ACKED", operator)


async def test_an_alarm_is_found_and_acknowledged_by_keys_alone(
    house: beacons.House, window: Console
) -> None:
    alarm_id = await house.raise_alarm(tag="T2", tier=Tier.red)
    await expect(window.row(alarm_id)).to_be_visible()
    keys = window.page.keyboard
    await keys.press("1")
    await expect(window.page).to_have_url(re.compile("tier=red"))
    await window.page.locator("[role=listbox]").focus()
    await keys.press("Home")
    await expect(window.row(alarm_id)).to_have_attribute("aria-selected", "true")
    await keys.press("a")
    await expect(window.row(alarm_id)).to_contain_text("已确认")
    assert (await document(house, alarm_id))["state"] == "ACKED"


async def test_red_is_acknowledged_alone_and_never_with_others(
    house: beacons.House, window: Console
) -> None:
    red = await house.raise_alarm(tier=Tier.red)
    yellow = await house.raise_alarm(tag="T2", tier=Tier.yellow)
    await expect(window.row(yellow)).to_be_visible()
    await window.row(red).click()
    await window.row(yellow).click(modifiers=["Control"])
    await window.page.keyboard.press("a")
    await expect(window.row(yellow)).to_contain_text("已确认")
    await expect(window.page.locator(".toasts")).to_contain_text("红色报警须逐条确认")
    assert (await document(house, red))["state"] == "UNACK"


async def test_shelving_is_timed_has_a_reason_and_stays_countable(
    house: beacons.House, window: Console, operator: str
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.yellow)
    await window.row(alarm_id).click()
    await window.page.keyboard.press("s")
    dialog = window.page.get_by_role("dialog")
    await dialog.get_by_label("1 小时").check()
    await dialog.get_by_label("仪表标校").check()
    await dialog.get_by_role("button", name="搁置").click()
    await expect(dialog).to_have_count(0)
    await window.page.get_by_role("button", name="搁置", exact=True).first.click()
    await expect(window.row(alarm_id)).to_contain_text("搁置 至")
    await expect(window.page.locator(".bar.second")).not_to_contain_text("搁置 0")
    found = await document(house, alarm_id)
    assert (found["state"], found["shelf"]["by"]) == ("SHLVD", operator)
    assert found["shelf"]["reason"] == "仪表标校"


async def test_shelved_until_it_clears_it_comes_back_when_it_has(
    house: beacons.House, window: Console
) -> None:
    rule = "limit.until_it_clears"
    raised = beacons.event(rule=rule, tier=Tier.yellow)
    await beacons.happen(house.database, raised)
    async with await house.http() as http:
        items = (await http.get("alarms", params={"limit": 1000})).json()["items"]
    alarm_id = next(item["id"] for item in items if item["rule"] == rule)
    await window.row(alarm_id).click()
    await window.page.keyboard.press("s")
    dialog = window.page.get_by_role("dialog")
    await dialog.get_by_label("直到恢复").check()
    await expect(dialog).to_contain_text("最迟至")
    await dialog.get_by_role("button", name="搁置").click()
    await expect(dialog).to_have_count(0)
    await window.page.get_by_role("button", name="搁置", exact=True).first.click()
    await expect(window.row(alarm_id)).to_contain_text("至恢复")
    await beacons.happen(house.database, beacons.event(rule=rule, change=Transition.returned))
    await expect(window.page.get_by_text("报警已恢复")).to_be_visible()
    assert (await document(house, alarm_id))["state"] == "RTNUN"


async def test_shelving_red_waits_for_a_second_person_who_sees_who_asked(
    house: beacons.House, window: Console, operator: str, console: Open
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.red)
    other = await console(house.serve.url)
    await other.sign_in(await beacons.person(house.database, f"op-{secrets.token_hex(4)}"))
    await other.live()
    for made in (window, other):
        await made.row(alarm_id).click()
        await made.page.keyboard.press("s")
        await made.page.get_by_role("dialog").get_by_role("button", name="搁置").click()
        await expect(made.page.get_by_role("dialog")).to_have_count(0)
        if made is window:
            await expect(made.row(alarm_id)).to_contain_text("等待第二人")
            found = await document(house, alarm_id)
            assert found["state"] == "UNACK"
            await other.row(alarm_id).click()
            request = other.page.locator("[data-request]")
            await expect(request).to_contain_text(f"{operator} 已提交搁置，尚未生效")
            await expect(other.row(alarm_id)).to_contain_text(f"等待第二人（{operator} 已提交）")
    await expect(other.row(alarm_id)).to_contain_text("搁置")
    await expect(other.page.locator("[data-request]")).to_have_count(0)
    assert (await document(house, alarm_id))["state"] == "SHLVD"


async def test_the_detail_tells_the_delay_in_force_and_the_tier_with_its_colour(
    house: beacons.House, window: Console
) -> None:
    await beacons.happen(house.database, beacons.event(tag="T3", tier=Tier.yellow))
    async with await house.http() as http:
        found = (await http.get("/alarms", params={"limit": 1000})).json()["items"]
    named = (each["id"] for each in found if each["rule"] == "limit.high" and each["point"] == "T3")
    await window.row(next(named)).click()
    facts = window.page.locator(".detail .facts.small")
    await expect(facts).to_contain_text("延时高 60 s · 高高 0 s")
    await expect(window.page.locator(".journal")).to_contain_text("报警 · 三级黄")
    await window.page.get_by_role("button", name="English").click()
    await expect(facts).to_contain_text("DelayH 60 s · HH 0 s")
    await expect(window.page.locator(".journal")).to_contain_text("Raised · Tier 3 yellow")


async def test_a_comment_stands_in_the_journal_and_in_the_time_line(
    house: beacons.House, window: Console, operator: str
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.yellow)
    await window.row(alarm_id).click()
    await window.page.locator("[role=listbox]").focus()
    await window.page.keyboard.press("c")
    await window.page.get_by_role("dialog").get_by_role("textbox").fill("已派人到现场")
    await window.page.get_by_role("dialog").get_by_role("button", name="提交").click()
    await expect(window.page.locator(".journal")).to_contain_text("已派人到现场")
    assert ("commented", operator, "已派人到现场") in await transitions(house, alarm_id)


async def test_what_changed_meanwhile_is_said_and_nothing_is_acknowledged(
    house: beacons.House, window: Console
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.yellow)
    await expect(window.row(alarm_id)).to_be_visible()

    async def stale(route: Any) -> None:
        body = {"title": "the alarm has changed", "alarm": await document(house, alarm_id)}
        await route.fulfill(status=409, json=body, content_type="application/problem+json")

    await window.page.route("**/acknowledge", stale)
    await window.row(alarm_id).click()
    await window.page.keyboard.press("a")
    await expect(window.page.locator(".toasts .error")).to_contain_text("已变化，操作未执行")
    await expect(window.row(alarm_id)).to_contain_text("未确认")
    assert (await document(house, alarm_id))["state"] == "UNACK"


async def test_the_order_is_held_under_the_pointer_and_new_alarms_wait(
    house: beacons.House, window: Console
) -> None:
    first = await house.raise_alarm(tier=Tier.blue)
    await window.row(first).hover()
    before = await window.page.locator("[role=option]").first.get_attribute("data-alarm")
    newer = await house.raise_alarm(tag="T3", tier=Tier.red)
    pill = window.page.get_by_role("button", name="条新报警")
    await expect(pill).to_be_visible()
    await expect(window.row(newer)).to_have_count(0)
    after = await window.page.locator("[role=option]").first.get_attribute("data-alarm")
    assert before == after
    await pill.click()
    await expect(window.row(newer)).to_be_visible()


async def test_who_may_not_acknowledge_sees_the_alarm_and_no_way_to_touch_it(
    house: beacons.House, console: Open
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.orange)
    viewer = await beacons.person(house.database, f"v-{secrets.token_hex(4)}", role="viewer")
    made = await console(house.serve.url)
    await made.sign_in(viewer)
    await made.row(alarm_id).click()
    await expect(made.page.locator(".tools [data-action=acknowledge]")).to_be_disabled()
    await made.page.keyboard.press("a")
    assert (await document(house, alarm_id))["state"] == "UNACK"


async def test_language_and_theme_are_in_the_address_and_survive_a_reload(
    house: beacons.House, window: Console
) -> None:
    page = window.page
    assert await page.get_attribute("html", "lang") == "zh-CN"
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("heading", name="Live alarms")).to_be_visible()
    await page.get_by_role("button", name="Theme").click()
    await expect(page).to_have_url(re.compile("lang=en.*theme=dark"))
    await page.reload()
    await expect(page.get_by_role("heading", name="Live alarms")).to_be_visible()
    assert await page.get_attribute("html", "data-theme") == "dark"
    assert await page.get_attribute("html", "lang") == "en"


async def test_the_detail_shows_trend_limits_and_time_line_as_a_drawer_on_a_small_screen(
    house: beacons.House, console: Open, operator: str
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.orange)
    made = await console(house.serve.url, size=NARROW)
    await made.sign_in(operator)
    await made.row(alarm_id).dblclick()
    detail = made.page.get_by_role("complementary", name="报警详情")
    await expect(detail.locator(".chart")).to_be_visible()
    await expect(detail.locator(".journal li")).to_have_count(1)
    await expect(detail).to_contain_text("9.5")
    await made.page.keyboard.press("Escape")
    await made.page.keyboard.press("Escape")
    await expect(detail).to_have_count(0)


async def test_the_areas_lead_from_the_province_to_a_points_value(
    house: beacons.House, window: Console
) -> None:
    await house.raise_alarm(tier=Tier.red)
    page = window.page
    await page.get_by_role("link", name="一张图").click()
    for step in ("四川省", "德阳市", "旌阳区", "某企业 E1", "罐区", "1 号罐"):
        await page.locator(".tile", has_text=step).first.click()
    await expect(page.locator("[data-point=T1]")).to_contain_text("高高 9")
    await expect(page.locator("[data-point=T1] .alarm")).to_be_visible()
    await expect(page).to_have_url(re.compile("/area/510603/E1/E1-S1/U1"))


async def test_what_is_simulated_puts_the_drill_frame_round_everything(
    house: beacons.House, window: Console
) -> None:
    real = await house.raise_alarm(tier=Tier.yellow)
    await window.show("/?area=510603")
    await expect(window.row(real)).to_be_visible()
    await expect(window.page.locator("[data-drill]")).to_have_count(0)
    drill = await house.raise_alarm(beacons.FAR, tier=Tier.yellow)
    await window.show("/")
    await expect(window.row(drill)).to_contain_text("演练")
    await expect(window.page.locator("[data-drill]")).to_be_visible()


async def test_signing_out_leads_to_the_sign_in_page(window: Console) -> None:
    await window.page.get_by_role("button", name="用户菜单").click()
    await window.page.get_by_role("button", name="退出登录").click()
    await expect(window.page.locator("input[name=password]")).to_be_visible()
    assert window.faults == []
