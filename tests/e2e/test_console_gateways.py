"""The gateway page in a real browser: figures, plots, refusals in plain words, messages live."""

import asyncio
import math
import os
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import expect

from alarms import instants
from alarms.storage import connection, gateway_history
from alarms.storage.gateways import Seen
from ingest import service
from tests import beacons
from tests.beacons import NEAR, House
from tests.conftest import Broker
from tests.e2e.browsing import NARROW, WIDE, Open
from tests.gateway import gateway

pytestmark = pytest.mark.timeout(180)


async def an_hour(house: House) -> None:
    """Let the near gateway have reported for an hour, with a pause and a clock that drifts."""
    now = datetime.now(UTC)
    async with await connection.connect(house.database) as conn:
        for minute in range(60):
            if 30 <= minute < 36:
                continue
            at = now - timedelta(minutes=60 - minute)
            seen = Seen(
                gateway="gw-E1",
                received=instants.from_datetime(at),
                clock_error_s=2 + minute / 20 + math.sin(minute),
                newest_seq=None,
                messages=60,
                accepted=5280 + 40 * (minute % 7),
                rejected=0,
                lost=0,
            )
            await gateway_history.add(conn, [seen])
        await conn.execute(
            """
            update gateway set state = 'online', last_seen_at = now(), clock_error_s = 5.2,
                               messages = 3240, lost = 4 where id = 'gw-E1'
            """
        )


@pytest.mark.parametrize(
    ("size", "language", "said"),
    [
        (WIDE, "zh", "本企业没有登记该位号"),
        (NARROW, "en", "No point of this enterprise has this tag"),
    ],
)
async def test_an_enterprise_sees_how_its_gateway_is_heard_and_what_it_sends(
    house: House, broker: Broker, console: Open, size: tuple[int, int], language: str, said: str
) -> None:
    await an_hour(house)
    name = await beacons.person(
        house.database, f"e-{secrets.token_hex(4)}", scope=NEAR, role="enterprise"
    )
    stop = asyncio.Event()
    work = asyncio.create_task(
        service.run(
            database_url=house.database,
            broker_url=broker.url,
            topic_prefix=broker.prefix,
            stop=stop,
        )
    )
    window = await console(house.serve.url, size=size)
    page = window.page
    try:
        await window.sign_in(name)
        await window.live()
        await window.show(f"/gateways?lang={language}")
        await expect(page.locator("[data-gateway=gw-E1]")).to_be_visible()
        await expect(page.locator("[data-gateway=gw-E2]")).to_have_count(0)
        await expect(page.locator("canvas")).to_have_count(2)
        await page.locator("h2 button").click()
        message = b'{"values": {"T1": 3.5, "TK999.LT": 1.25}}'
        with gateway(broker.url, broker.prefix, "gw-E1") as sender:
            for _ in range(20):
                await asyncio.to_thread(sender.send, message)
                if await page.locator("article.payload").count():
                    break
                await asyncio.sleep(0.5)
        live = page.locator("article.payload").first
        await expect(live).to_contain_text("TK999.LT")
        await expect(live).to_contain_text(said)
        await expect(page.locator("article", has_text=said).first).to_be_visible(timeout=15_000)
        assert await window.violations() == []
        assert window.faults == []
        overflow = await page.evaluate(
            "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        )
        assert not overflow
        if folder := os.environ.get("FENGSUI_TEST_PICTURES"):
            await page.wait_for_timeout(11_000)
            await page.screenshot(path=Path(folder, f"gateways-{language}-{size[0]}.png"))
    finally:
        stop.set()
        await asyncio.wait_for(work, 10)
