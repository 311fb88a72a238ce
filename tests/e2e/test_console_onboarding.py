"""An enterprise lets its gateway in on the console: message tried, password given, data seen."""

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import paho.mqtt.publish
import pytest
import yaml
from playwright.async_api import Locator, Page, expect

from tests import beacons
from tests.captures import BY_NAME
from tests.e2e import browsing
from tests.e2e.browsing import NARROW, WIDE, Open
from tests.processes import Serve

pytestmark = pytest.mark.timeout(180)

REGISTRY = """
enterprises:
  - {code: E1, name: 德阳某化工有限公司, region: "510603", sources: [{code: S1, name: 罐区,
     kind: tank_farm, units: [{code: TK101, name: 1 号罐, kind: tank, points: [
       {tag: TK101.LT, name: 液位, quantity: level, unit: m, range: [0, 20], gateway: gw-1}]}]}]}
gateways:
  - {id: gw-1, enterprise: E1, mapping: [{field: modbus.grp.level, tag: TK101.LT}]}
"""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def issued(dialog: Locator) -> dict[str, str]:
    """Return what the dialog shows, by the places it is entered in."""
    await expect(dialog.locator(".password")).to_be_visible()
    shown = [(await one.text_content() or "").strip() for one in await dialog.locator("dd").all()]
    return dict(zip(("broker", "user", "client", "password", "topic"), shown, strict=False))


async def keep(page: Page, name: str) -> None:
    """Keep a picture where the environment wants pictures."""
    if folder := os.environ.get("FENGSUI_TEST_PICTURES"):
        await page.screenshot(path=Path(folder, f"{name}.png"))


def publish(given: dict[str, str], payload: bytes) -> None:
    broker = urlsplit(given["broker"])
    paho.mqtt.publish.single(
        given["topic"].removesuffix(" QoS 1"),
        payload,
        qos=1,
        hostname=broker.hostname or "",
        port=broker.port or 1883,
        client_id=given["client"],
        auth={"username": given["user"], "password": given["password"]},
    )


@pytest.mark.parametrize(
    ("size", "language", "words"),
    [
        (WIDE, "zh", ("试读", "发放凭据", "在报", "更换口令", "作废凭据", "已作废")),
        (
            NARROW,
            "en",
            ("Read it", "Give a password", "sending", "New password", "Revoke", "It is revoked"),
        ),
    ],
)
async def test_an_enterprise_tries_a_message_gets_a_password_and_sees_its_gateway_send(
    fengsui: Callable[..., Any],
    database: str,
    console: Open,
    tmp_path: Path,
    size: tuple[int, int],
    language: str,
    words: tuple[str, ...],
) -> None:
    read, give, sending, rotate, revoke, gone = words
    browsing.built()
    file = tmp_path / "plant.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(REGISTRY)), encoding="utf-8")
    done = fengsui("import", str(file), wait=False, database_url=database)
    assert await asyncio.to_thread(done.wait, 60) == 0, done.report()
    serve: Serve = await asyncio.to_thread(fengsui, "serve", database_url=database)
    name = await beacons.person(
        database, f"e-{secrets.token_hex(4)}", scope="E1", role="enterprise"
    )
    window = await console(serve.url, size=size)
    page = window.page
    await window.sign_in(name)
    await window.live()
    await window.show(f"/gateways?lang={language}")
    trial = page.locator("section.trial")
    await trial.locator("textarea").fill(BY_NAME["neuron values-format"].at(now_ms()).decode())
    await trial.get_by_role("button", name=read).click()
    await expect(trial.locator("tbody tr")).to_have_count(1)
    await expect(trial.locator("tbody tr")).to_contain_text("TK101.LT")
    await expect(trial.locator("article", has_text="P-101")).to_be_visible()
    assert await window.violations() == []

    await keep(page, f"onboarding-{language}-{size[0]}")
    await page.get_by_role("button", name=give).click()
    dialog = page.locator("dialog")
    await dialog.get_by_role("button", name=give).click()
    given = await issued(dialog)
    await keep(page, f"credential-{language}-{size[0]}")
    assert await window.violations() == []
    await dialog.locator("button[type=button]").click()
    await asyncio.to_thread(publish, given, BY_NAME["neuron values-format"].at(now_ms()))
    await expect(page.locator("dl.figures")).to_contain_text(sending, timeout=20_000)

    await page.get_by_role("button", name=rotate).click()
    await dialog.get_by_role("button", name=rotate).click()
    assert (await issued(dialog))["password"] != given["password"]
    await dialog.locator("button[type=button]").click()
    await page.get_by_role("button", name=revoke).click()
    await dialog.get_by_role("button", name=revoke).click()
    await expect(dialog).to_contain_text(gone)
    assert window.faults == []
