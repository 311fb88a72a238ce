"""Warnings in a real browser: proposed by an alarm, issued by a desk, received, handled, lifted."""

import re
import secrets
import time

import pytest
from playwright.async_api import Locator, expect

from alarms.alarm import Tier
from alarms.storage import connection, warnings
from tests import beacons, desks
from tests.beacons import NEAR, House
from tests.desks import CITY, Document
from tests.e2e.browsing import NARROW, WIDE, Console, Open

pytestmark = pytest.mark.timeout(180)


async def desk(house: House, open_console: Open, scope: str, **wish: object) -> Console:
    """Open the window of a duty desk of a region, live."""
    name = await beacons.person(
        house.database, f"d-{secrets.token_hex(4)}", scope=scope, role="duty"
    )
    window: Console = await open_console(house.serve.url, **wish)
    await window.sign_in(name)
    await window.live()
    return window


async def nothing_stands(house: House) -> None:
    async with await house.http("all", "administrator") as http:
        for each in (await http.get("warnings", params={"open": True})).json()["items"]:
            answer = await http.post(f"warnings/{each['id']}/lift", json={"note": "重来"})
            assert answer.status_code == 200, answer.text


async def standing(house: House, warning: Document) -> Document:
    async with await house.http() as http:
        found: Document = (await http.get(f"warnings/{warning['id']}")).json()
    return found


def waits(window: Console) -> Locator:
    return window.page.locator("[data-waiting]")


def stage(window: Console) -> Locator:
    return window.page.locator("[data-stage]")


async def test_a_red_alarm_proposes_and_two_desks_take_its_warning_to_its_end(
    house: House, console: Open
) -> None:
    await nothing_stands(house)
    city = await desk(house, console, "510600", size=WIDE)
    county = await desk(house, console, "510603", size=NARROW)
    await expect(waits(city)).to_have_attribute("data-waiting", "0")

    warning = await desks.proposed(house, NEAR, tier=Tier.red)
    await expect(waits(city)).to_have_attribute("data-waiting", "1")
    await city.page.get_by_role("link", name=re.compile("预警")).click()
    row = city.page.locator(f"[data-warning='{warning['id']}']")
    await expect(row).to_contain_text("红色（一级）")
    await row.click()
    await expect(stage(city)).to_have_text("待发布")
    await expect(city.page.locator(".behind")).to_contain_text("未恢复")

    await county.show(f"/warnings/{warning['id']}")
    await expect(county.page.locator("[data-pass-on]")).to_contain_text("请报市级值守")
    await expect(county.page.locator("[data-duty]")).to_have_count(0)
    await expect(waits(county)).to_have_attribute("data-waiting", "0")

    await city.page.locator("[data-duty=issue]").click()
    form = city.page.locator("[data-deed=issue]")
    await form.locator("[name=cautions]").fill("")
    await expect(form.locator("[data-lacking]")).to_contain_text("警示事项")
    await expect(form.get_by_role("button", name="发布", exact=True)).to_be_disabled()
    await form.locator("[name=cautions]").fill("液氨储罐液位过高，可能泄漏")
    await form.get_by_role("button", name="发布", exact=True).click()
    await expect(form).to_have_count(0)
    await expect(stage(city)).to_have_text("已发布")
    issued = await standing(house, warning)
    assert (issued["cautions"], issued["issuer"]) == (
        "液氨储罐液位过高，可能泄漏",
        "德阳市人民政府",
    )

    await expect(waits(county)).to_have_attribute("data-waiting", "1")
    await county.page.locator("[data-duty=receipt]").click()
    await expect(stage(city)).to_have_text("已签收")
    await expect(county.page.locator("[data-duty=receipt]")).to_have_count(0)
    await county.page.locator("[data-duty=handle]").click()
    await county.page.locator("[name=note]").fill("已派人到场")
    await county.page.locator("[data-deed=handle]").get_by_role("button", name="处置").click()
    await expect(stage(city)).to_have_text("处置中")
    await expect(city.page.locator(".story")).to_contain_text("已派人到场")

    await city.page.locator("[data-duty=lift]").click()
    lift = city.page.locator("[data-deed=lift]")
    await lift.get_by_role("button", name="解除").click()
    await expect(lift.locator("[data-refusal]")).to_contain_text("所依据的报警还没有恢复")
    assert (await standing(house, warning))["lift"] is None
    await lift.locator("[name=note]").fill("现场确认无泄漏，仪表待换")
    await lift.get_by_role("button", name="解除").click()
    await expect(stage(city)).to_have_text("已解除")
    await expect(stage(county)).to_have_text("已解除")
    lifted = await standing(house, warning)
    assert (lifted["lift"]["reason"], lifted["lift"]["active"]) == (
        "现场确认无泄漏，仪表待换",
        warning["alarms"],
    )
    await expect(city.page.locator("[data-duty]")).to_have_count(0)
    await city.page.get_by_role("button", name="已解除").click()
    await expect(row).to_contain_text("已解除")
    await expect(row).to_contain_text("县级✓")
    for window in (city, county):
        assert await window.violations() == []
    # A refusal is an answer with status 409, which the browser reports.
    assert [fault for fault in city.faults if "409" not in fault] == []
    assert county.faults == []


async def test_what_changed_meanwhile_is_shown_and_what_was_written_is_kept(
    house: House, console: Open
) -> None:
    warning = await desks.proposed(house, NEAR, tier=Tier.orange)
    window = await desk(house, console, "510600", size=NARROW)
    await window.show(f"/warnings/{warning['id']}?lang=en")
    await window.page.locator("[data-duty=issue]").click()
    form = window.page.locator("[data-deed=issue]")
    await form.locator("[name=area]").fill("下风向 2 km")
    await desks.done(house, CITY, warning, "issue", rev=warning["rev"])
    await form.get_by_role("button", name="Issue", exact=True).click()
    refusal = form.locator("[data-refusal]")
    await expect(refusal).to_contain_text("Proposed → Issued")
    await expect(refusal).to_contain_text("This step no longer fits")
    await expect(form.get_by_role("button", name="Issue", exact=True)).to_have_count(0)
    await form.get_by_role("button", name="Close").click()

    await window.page.locator("[data-duty=adjust]").click()
    adjust = window.page.locator("[data-deed=adjust]")
    await adjust.locator("[name=area]").fill("下风向 2 km")
    await adjust.locator("[name=note]").fill("风向变了")
    standing_now = await standing(house, warning)
    await desks.done(
        house, CITY, standing_now, "adjust", rev=standing_now["rev"], level="red", note="升级"
    )
    await adjust.get_by_role("button", name="Adjust").click()
    await expect(adjust.locator("[data-refusal]")).to_contain_text("What you wrote is kept")
    await expect(adjust.locator("[name=area]")).to_have_value("下风向 2 km")
    await expect(adjust.get_by_label("red (level 1)")).to_be_checked()
    await adjust.get_by_role("button", name="Adjust").click()
    await expect(adjust).to_have_count(0)
    after = await standing(house, warning)
    assert (after["level"], after["area"]) == ("red", "下风向 2 km")


async def test_a_desk_drafts_a_warning_of_a_source_that_has_none_and_is_led_to_one_that_stands(
    house: House, console: Open
) -> None:
    await nothing_stands(house)
    await desks.calm(house, NEAR)
    window = await desk(house, console, "510600", size=WIDE)
    await window.show("/warnings")
    form = window.page.locator("[data-deed=draft]")

    async def drafts() -> None:
        await window.page.get_by_role("button", name="起草预警").click()
        await form.locator("[name=where]").select_option(f"510603/{NEAR}/{NEAR}-S1")
        await form.locator("[name=cautions]").fill("强降雨，停止装卸")
        await form.get_by_role("button", name="起草", exact=True).click()

    await drafts()
    await expect(stage(window)).to_have_text("待发布")
    await expect(window.page.locator(".words")).to_contain_text("强降雨，停止装卸")
    await window.page.keyboard.press("Escape")
    await expect(stage(window)).to_have_count(0)
    await drafts()
    await expect(form.locator("[data-refusal]")).to_contain_text("已有一条黄色（三级）预警")
    await form.get_by_role("button", name="打开").click()
    await expect(stage(window)).to_have_text("待发布")


@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_a_role_without_rights_sees_no_deeds_and_no_badge(
    house: House, console: Open, role: str
) -> None:
    warning = await desks.proposed(house, NEAR, tier=Tier.red)
    name = await beacons.person(
        house.database, f"o-{secrets.token_hex(4)}", scope="510600", role=role
    )
    window: Console = await console(house.serve.url, size=NARROW)
    await window.sign_in(name)
    await window.live()
    await window.show(f"/warnings/{warning['id']}")
    await expect(stage(window)).to_have_text("待发布")
    await expect(window.page.locator("[data-duty]")).to_have_count(0)
    await expect(window.page.get_by_role("button", name="起草预警")).to_have_count(0)
    await expect(waits(window)).to_have_count(0)
    # An alarm of it leads to it.
    await window.show(f"/?alarm={warning['alarms'][0]}")
    await window.page.locator("[data-warned] a").click()
    await expect(stage(window)).to_have_text("待发布")
    assert window.faults == []


async def test_a_warning_that_lapses_leaves_an_open_page(house: House, console: Open) -> None:
    warning = await desks.proposed(house, NEAR, tier=Tier.red)
    window = await desk(house, console, "510600")
    await window.show("/warnings")
    row = window.page.locator(f"[data-warning='{warning['id']}']")
    await expect(row).to_be_visible()
    await desks.calm(house, NEAR)
    async with await house.http("all", "administrator") as http:
        for alarm in warning["alarms"]:
            rev = (await http.get(f"alarms/{alarm}")).json()["rev"]
            await http.post(f"alarms/{alarm}/acknowledge", json={"rev": rev})
    async with await connection.connect(house.database) as conn:
        await warnings.judge(conn, now=time.time_ns() // 1000, before=None)
    await expect(row).to_have_count(0)
    await expect(waits(window)).to_have_attribute("data-waiting", "0")
