"""What the operator is told when the server falls silent, dies, comes back, or forgets them."""

import asyncio
import os
import re
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from alarms.alarm import Tier
from alarms.storage import accounts, connection
from api import identity
from tests import beacons
from tests.databases import Databases
from tests.e2e import browsing
from tests.e2e.browsing import Console, Open
from tests.processes import Command

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def house(databases: Databases, forks: None, tmp_path: Path) -> Iterator[beacons.House]:
    """A server of this test's own, to be stopped."""
    browsing.built()
    with beacons.house(databases, tmp_path) as served:
        yield served


async def signed_in(house: beacons.House, console: Open) -> Console:
    name = await beacons.person(house.database, f"op-{secrets.token_hex(4)}")
    made: Console = await console(house.serve.url)
    await made.sign_in(name)
    await made.live()
    return made


async def test_silence_is_said_after_three_seconds_and_loss_after_ten(
    house: beacons.House, console: Open
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.orange)
    made = await signed_in(house, console)
    await made.row(alarm_id).click()
    os.killpg(house.serve.pid, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        await expect(made.page.locator(".banner.late")).to_be_visible(timeout=5_000)
        late_s = time.monotonic() - stopped
        await expect(made.page.locator(".banner.lost")).to_be_visible(timeout=12_000)
        lost_s = time.monotonic() - stopped
        await expect(made.page.locator(".banner.lost")).to_contain_text("起画面为旧值")
        await expect(made.row(alarm_id)).to_be_visible()
        await expect(made.page.locator(".tools [data-action=acknowledge]")).to_be_disabled()
    finally:
        os.killpg(house.serve.pid, signal.SIGCONT)
    assert 2.0 <= late_s <= 4.5
    assert 9.0 <= lost_s <= 11.5
    await made.live()
    await expect(made.page.locator(".tools [data-action=acknowledge]")).to_be_enabled()


async def test_a_dead_server_is_said_at_once_and_nothing_is_missed_when_it_is_back(
    house: beacons.House, console: Open
) -> None:
    first = await house.raise_alarm(tier=Tier.orange)
    made = await signed_in(house, console)
    await expect(made.row(first)).to_be_visible()
    await asyncio.to_thread(house.serve.kill)
    await expect(made.page.locator(".banner.lost")).to_be_visible(timeout=2_000)
    await expect(made.row(first)).to_be_visible()
    meanwhile = await house.raise_alarm(tag="T2", tier=Tier.red)
    await asyncio.to_thread(Command.start, house.serve)
    await made.live()
    await expect(made.row(meanwhile)).to_be_visible()
    await expect(made.page.locator(".banner.lost")).to_have_count(0)


async def test_an_ended_session_leaves_the_view_and_asks_for_the_password_in_place(
    house: beacons.House, console: Open
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.orange)
    made = await signed_in(house, console)
    await made.row(alarm_id).click()
    await made.page.context.clear_cookies()
    await made.page.keyboard.press("a")
    await expect(made.page.locator(".toasts .error")).to_contain_text("登录已到期")
    await expect(made.row(alarm_id)).to_contain_text("未确认")
    await expect(made.page.locator(".banner")).to_have_count(1)
    await made.page.get_by_role("button", name="重新登录").click()
    await made.page.get_by_role("dialog").get_by_label("密码").fill(beacons.PASSWORD)
    await made.page.keyboard.press("Enter")
    await expect(made.page.get_by_role("dialog")).to_have_count(0)
    await made.page.locator("[role=listbox]").focus()
    await made.page.keyboard.press("a")
    await expect(made.row(alarm_id)).to_contain_text("已确认")


async def test_a_session_ended_at_the_server_says_to_sign_in_and_since_when_values_are_old(
    house: beacons.House, console: Open
) -> None:
    alarm_id = await house.raise_alarm(tier=Tier.orange)
    name = await beacons.person(house.database, f"op-{secrets.token_hex(4)}")
    made: Console = await console(house.serve.url)
    await made.sign_in(name)
    await made.live()
    hashed = await asyncio.to_thread(identity.hash_password, beacons.PASSWORD)
    async with await connection.connect(house.database) as conn:
        await accounts.change_password(conn, name, hashed)
    banner = made.page.locator(".banner")
    await expect(banner).to_contain_text("登录已到期：自", timeout=20_000)
    await expect(banner).to_have_count(1)
    await expect(banner).not_to_contain_text("备用监视")
    ages: list[int] = []
    while not ages or ages[-1] < 12:
        found = re.search(r"已 (\d+):(\d\d)", await banner.inner_text())
        assert found is not None
        ages.append(int(found[1]) * 60 + int(found[2]))
        await made.page.wait_for_timeout(250)
    assert ages == sorted(ages)
    await made.page.get_by_role("button", name="重新登录").click()
    await made.page.get_by_role("dialog").get_by_label("密码").fill(beacons.PASSWORD)
    await made.page.keyboard.press("Enter")
    await made.live()
    await expect(banner).to_have_count(0)
    await expect(made.row(alarm_id)).to_be_visible()


async def test_the_filter_in_the_address_is_what_is_shown(
    house: beacons.House, console: Open
) -> None:
    yellow = await house.raise_alarm(tier=Tier.yellow)
    red = await house.raise_alarm(tag="T2", tier=Tier.red)
    made = await signed_in(house, console)
    await made.show("/?tier=yellow&q=T1")
    await expect(made.row(yellow)).to_be_visible()
    await expect(made.row(red)).to_have_count(0)
    await expect(made.page.get_by_role("searchbox")).to_have_value("T1")
    await made.page.get_by_role("button", name="清除筛选").click()
    await expect(made.row(red)).to_be_visible()
    await expect(made.page).not_to_have_url(re.compile("tier="))
