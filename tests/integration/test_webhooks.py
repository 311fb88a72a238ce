"""Webhooks over a real server: signed, in order, once at least, and never lost to a bad address."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jsonschema
import pytest

from alarms.alarm import Tier
from alarms.storage import connection
from api import schemas
from tests import servers
from tests.beacons import FAR, NEAR, House
from tests.processes import Command
from tests.receiving import Receiver, receiver


@pytest.fixture
def platform() -> Iterator[Receiver]:
    """A platform that takes what comes."""
    with receiver() as made:
        yield made


async def hooked(
    house: House, url: str, *, scope: str = "all", **wanted: object
) -> tuple[httpx.AsyncClient, dict[str, Any]]:
    """Make a webhook; return a client of its maker, and what it was answered."""
    http = await house.http(scope, "administrator")
    name = f"hook {len((await http.get('webhooks')).json()['items'])} {url} {scope}"[:64]
    answer = await http.post("webhooks", json={"name": name, "url": url, **wanted})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    jsonschema.validate(made, schemas.standing_alone("NewWebhookSecret"))
    await asyncio.sleep(0)
    return http, made


async def until(check: Callable[[], bool], what: str) -> None:
    await asyncio.to_thread(servers.until, check, deadline_s=30, what=what)


def alarms_of(platform: Receiver) -> list[str]:
    return [json.loads(body)["data"]["id"] for body in platform.taken]


async def standing(http: httpx.AsyncClient, made: dict[str, Any]) -> dict[str, Any]:
    """Return the webhook as the list shows it now."""
    items = (await http.get("webhooks")).json()["items"]
    (found,) = (each for each in items if each["id"] == made["id"])
    jsonschema.validate(found, schemas.standing_alone("Webhook"))
    assert "secret" not in found
    return dict(found)


async def becomes(
    http: httpx.AsyncClient, made: dict[str, Any], member: str, wanted: object
) -> dict[str, Any]:
    """Wait until a member of the webhook is what is wanted; return the webhook."""
    async with asyncio.timeout(30):
        while True:
            found = await standing(http, made)
            if found[member] == wanted:
                return found
            await asyncio.sleep(0.05)


async def gone(http: httpx.AsyncClient, made: dict[str, Any]) -> None:
    assert (await http.delete(f"webhooks/{made['id']}")).status_code == 204
    await http.aclose()


async def test_events_come_signed_as_cloud_events_within_filter_and_scope(
    house: House, platform: Receiver
) -> None:
    http, made = await hooked(house, platform.url, scope="5106", filter={"tier_min": "orange"})
    await house.raise_alarm(tier=Tier.blue)
    await house.raise_alarm(FAR, tier=Tier.red)
    wanted = [await house.raise_alarm(tier=Tier.red) for _ in range(3)]
    await until(lambda: len(platform.taken) >= 3, "three deliveries")
    assert alarms_of(platform) == wanted
    for headers, body in platform.deliveries:
        event = json.loads(body)
        assert headers["content-type"] == "application/cloudevents+json"
        assert (event["specversion"], headers["webhook-id"]) == ("1.0", event["id"])
        signed = f"{event['id']}.{headers['webhook-timestamp']}.".encode() + body
        key = base64.b64decode(made["secret"].removeprefix("whsec_"))
        right = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        assert headers["webhook-signature"] == f"v1,{right}"
    await gone(http, made)


async def test_what_fails_is_tried_again_in_order_and_what_is_refused_is_put_aside(
    house: House, platform: Receiver
) -> None:
    http, made = await hooked(house, platform.url)
    platform.answers = [503, 429, 204, 400]
    first, second, third = [await house.raise_alarm() for _ in range(3)]
    await until(lambda: third in alarms_of(platform), "the third delivery")
    assert alarms_of(platform) == [first, third]
    tried = [json.loads(each.body)["data"]["id"] for each in platform.deliveries]
    assert tried == [first, first, first, second, third]
    (dead,) = (await http.get(f"webhooks/{made['id']}/dead-letters")).json()["items"]
    assert (dead["status"], dead["again"]) == (400, False)
    again = await http.post(f"webhooks/{made['id']}/redeliver")
    assert (again.status_code, again.json()) == (202, {"wanted": 1})
    await until(lambda: alarms_of(platform)[-1:] == [second], "the dead letter")
    await becomes(http, made, "dead", 0)
    await gone(http, made)


async def test_a_paused_webhook_loses_nothing_and_goes_on_where_it_stood(
    house: House, platform: Receiver
) -> None:
    http, made = await hooked(house, platform.url)
    paused = (await http.post(f"webhooks/{made['id']}/pause")).json()
    assert (paused["state"], paused["position"]) == ("paused", made["position"])
    held = [await house.raise_alarm() for _ in range(2)]
    assert (await http.post(f"webhooks/{made['id']}/resume")).json()["state"] == "active"
    await until(lambda: len(platform.taken) >= 2, "what was held back")
    assert alarms_of(platform) == held
    await gone(http, made)


async def test_an_address_that_is_gone_is_paused_and_says_why(
    house: House, platform: Receiver
) -> None:
    http, made = await hooked(house, platform.url)
    platform.status = 410
    await house.raise_alarm()
    found = await becomes(http, made, "state", "paused")
    assert found["why"].startswith("410")
    assert found["position"] == made["position"]
    await gone(http, made)


async def test_an_address_that_never_answers_holds_nobody_else_up(
    house: House, platform: Receiver
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        stuck_http, stuck = await hooked(house, f"http://127.0.0.1:{silent.getsockname()[1]}/")
        http, made = await hooked(house, platform.url)
        alarm = await house.raise_alarm()
        await until(lambda: alarm in alarms_of(platform), "the delivery beside")
        await gone(http, made)
        await gone(stuck_http, stuck)


async def test_a_killed_server_delivers_what_was_left(house: House, platform: Receiver) -> None:
    http, made = await hooked(house, platform.url)
    platform.status = 503
    alarm = await house.raise_alarm()
    await until(lambda: len(platform.deliveries) > 0, "a first attempt")
    house.serve.kill()
    platform.status = 204
    Command.start(house.serve)
    await until(lambda: alarm in alarms_of(platform), "the delivery after the restart")
    await gone(await house.http("all", "administrator"), made)
    await http.aclose()


@pytest.mark.parametrize(
    "url",
    [
        *("ftp://a/b", "https://", "http://platform.example.cn/x", "http://8.8.8.8/"),
        *("https://user:word@platform.example.cn/", "https://[::1", "x"),
    ],
)
async def test_an_address_that_must_not_be_is_refused(house: House, url: str) -> None:
    async with await house.http("all", "administrator") as http:
        answer = await http.post("webhooks", json={"name": "x", "url": url})
    assert (answer.status_code, "url" in answer.json()["detail"]) == (422, True)


async def test_a_name_in_use_is_said(house: House, platform: Receiver) -> None:
    http, made = await hooked(house, platform.url)
    again = await http.post("webhooks", json={"name": made["name"], "url": platform.url})
    assert again.status_code == 409
    await gone(http, made)


async def test_only_administrators_within_the_scope_see_and_change_them(
    house: House, platform: Receiver
) -> None:
    http, made = await hooked(house, platform.url)
    async with await house.http(NEAR, "administrator") as other:
        assert (await other.get("webhooks")).json()["items"] == []
        for answer in (
            await other.post(f"webhooks/{made['id']}/pause"),
            await other.post(f"webhooks/{made['id']}/redeliver"),
            await other.get(f"webhooks/{made['id']}/dead-letters"),
            await other.delete(f"webhooks/{made['id']}"),
        ):
            assert answer.status_code == 404
    async with await house.http("all", "operator") as other:
        assert (await other.get("webhooks")).status_code == 403
        assert (await other.post("webhooks", json={"name": "a", "url": "x"})).status_code == 403
    await gone(http, made)
    async with await connection.connect(house.database) as conn:
        found = await conn.execute(
            "select action from audit_trail where object = %s order by id", (made["name"],)
        )
        assert [row[0] for row in await found.fetchall()][-2:] == [
            "webhook.created",
            "webhook.deleted",
        ]
