"""The whole road with a person at its end: gateway, broker, engine, record, screen, and back."""

import json
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import expect

from tests import beacons, servers
from tests.conftest import Broker
from tests.e2e import browsing, test_beacon
from tests.e2e.browsing import Open

pytestmark = pytest.mark.timeout(240)


async def test_a_value_over_hh_is_on_the_screen_within_a_second_and_watch_prints_who_acknowledged(
    fengsui: Callable[..., Any], served: Any, broker: Broker, database: str, console: Open
) -> None:
    browsing.built()
    server, settings = served
    operator = await beacons.person(database, f"op-{secrets.token_hex(4)}")
    platform = test_beacon.token(fengsui, settings, "510600", "platform")
    watch = fengsui("watch", "--url", server.url, "--token", platform, wait=False, **settings)
    window = await console(server.url)
    await window.sign_in(operator)
    await window.live()
    await window.show("/area")
    await window.show("/")

    test_beacon.publish(
        broker,
        test_beacon.GATEWAY,
        {"ts": time.time_ns() // 1_000_000, "values": {test_beacon.POINT: test_beacon.OVER_HH}},
    )
    published = time.monotonic()
    row = window.page.locator("[role=option]", has_text=test_beacon.POINT)
    await expect(row).to_be_visible()
    seen_s = time.monotonic() - published
    await expect(row).to_contain_text("5.7")
    await expect(window.page.locator("[data-drill]")).to_be_visible()
    assert seen_s < 3, "a second is the promise; the rest is for a busy test machine"

    await row.click()
    await window.page.keyboard.press("a")
    await expect(row).to_contain_text("已确认")
    servers.until(
        lambda: "acknowledged" in [_kind(frame) for frame in test_beacon.frames(watch)],
        deadline_s=20,
        what=f"the acknowledgement\n{watch.report()}",
    )
    last = test_beacon.frames(watch)[-1]["event"]["data"]
    assert (last["acks"]["site"]["by"], last["simulated"]) == (operator, True), json.dumps(last)
    assert window.faults == []


async def test_a_value_that_nothing_follows_is_marked_old_on_an_open_page(
    fengsui: Callable[..., Any], served: Any, broker: Broker, database: str, console: Open
) -> None:
    browsing.built()
    server, _ = served
    window = await console(server.url)
    await window.sign_in(await beacons.person(database, f"op-{secrets.token_hex(4)}"))
    await window.live()
    await window.show("/area/510603/DYD-01/DYD01-R001/V101")
    cell = window.page.locator(f"[data-point='{test_beacon.POINT}'] .live")
    await expect(cell).to_have_text("–")
    # Stamped 20 s ago: after three periods, but at least 30 s, it is old.
    stamp = time.time_ns() // 1_000_000 - 20_000
    test_beacon.publish(
        broker, test_beacon.GATEWAY, {"ts": stamp, "values": {test_beacon.POINT: 3.21}}
    )
    await expect(cell).to_have_text("3.21")
    await expect(cell).to_have_text("? 3.21", timeout=30_000)
    await expect(cell).to_have_class(re.compile("distrusted"))
    await expect(window.page.locator("[data-link=live]")).to_be_visible()


def _kind(frame: dict[str, Any]) -> str:
    return str(frame["event"]["type"]).rpartition(".")[2]


served = test_beacon.served
