"""Who may relay what to whom: scopes, tokens, oneself, and what the upper tower watches itself."""

import asyncio

import jsonschema
import pytest

from alarms.storage import connection
from api import schemas
from tests import beacons, towers
from tests.beacons import FAR, NEAR, Document, House
from tests.towers import Pair


async def admitted(city: House, province: House, made: Document) -> None:
    """Release the tower until this relay's token speaks for it: one just deleted may come again."""
    async with asyncio.timeout(60), await province.http("all", "administrator") as upper:
        while (await towers.standing(city, made))["state"] != "connected":
            for each in (await upper.get("origins")).json()["items"]:
                jsonschema.validate(each, schemas.standing_alone("Origin"))
                released = await upper.post(f"origins/{each['tower']['id']}/release")
                assert released.status_code == 204
            await asyncio.sleep(0.2)


async def test_what_is_outside_the_tokens_scope_is_refused_by_name_on_both_sides(
    pair: Pair,
) -> None:
    city, province = pair
    async with towers.relayed(city, province, scope="440300", level=False) as made:
        await admitted(city, province, made)
        refused, taken = await city.raise_alarm(NEAR), await city.raise_alarm(FAR)
        found = await towers.settled(city, made)
        jsonschema.validate(found, schemas.standing_alone("Relay"))
        assert await towers.seen(province, refused) is None
        assert await towers.seen(province, taken) is not None
        async with await city.http("all", "administrator") as http:
            told = (await http.get(f"relays/{made['id']}/refusals?limit=1000")).json()["items"]
        (mine,) = (each for each in told if each["id"] == refused)
        assert mine["code"] == "out_of_scope"
        assert "440300" in mine["error"]
        async with await province.http("all", "administrator") as upper:
            (origin,) = (await upper.get("origins")).json()["items"]
            page = f"origins/{origin['tower']['id']}/refusals?limit=1000"
            assert mine in (await upper.get(page)).json()["items"]
    async with towers.relayed(city, province, level=False) as made:
        await admitted(city, province, made)
        await towers.settled(city, made)
        assert await towers.seen(province, refused) is not None, (
            "all that is open was sent once more"
        )
        async with await province.http("all", "administrator") as upper:
            assert mine not in (await upper.get(page)).json()["items"]


async def test_another_token_cannot_speak_for_a_tower(pair: Pair) -> None:
    city, province = pair
    async with towers.relayed(city, province):
        pass
    made = await towers.relay(city, province, scope="510000")
    try:
        found = await towers.until(city, made, lambda relay: relay["why"] is not None)
        assert found["why"].startswith("forbidden")
        assert found["state"] == "away"
    finally:
        async with await city.http("all", "administrator") as http:
            await http.delete(f"relays/{made['id']}")


@pytest.mark.parametrize("written", ["{}", "{}/", "{upper}"])
async def test_a_second_relay_to_one_address_is_refused_when_it_is_made(
    pair: Pair, written: str
) -> None:
    city, province = pair
    url = province.serve.url
    asked = {
        "name": "second",
        "url": written.format(url, upper=url.replace("http:", "HTTP:")),
        "token": await province.token("all", "tower"),
        "level": "province",
    }
    async with towers.relayed(city, province) as made:
        async with await city.http("all", "administrator") as http:
            refused = await http.post("relays", json=asked)
            assert (refused.status_code, refused.json()["relay"]) == (409, made["id"])
            assert made["name"] in refused.json()["detail"]
        async with await city.http("440300", "administrator") as http:
            refused = await http.post("relays", json=asked)
            assert (refused.status_code, refused.json().get("relay")) == (409, None)
            assert made["name"] not in refused.json()["detail"]
        async with await city.http("all", "administrator") as http:
            assert [each["id"] for each in (await http.get("relays")).json()["items"]] == [
                made["id"]
            ]


async def test_a_token_of_another_role_and_a_relay_to_oneself_are_refused(pair: Pair) -> None:
    city, province = pair
    for upper, role, said in (
        (province, "administrator", "role tower"),
        (city, "tower", "to itself"),
    ):
        made = await towers.relay(city, upper, token=await upper.token("all", role))
        found = await towers.until(city, made, lambda relay: relay["why"] is not None)
        assert said in found["why"]
        async with await city.http("all", "administrator") as http:
            await http.delete(f"relays/{made['id']}")


async def test_an_enterprise_that_a_tower_watches_itself_is_refused_there(pair: Pair) -> None:
    city, province = pair
    await beacons.enterprise(province.database, FAR)
    try:
        async with towers.relayed(city, province) as made:
            alarm = await city.raise_alarm(FAR)
            await towers.settled(city, made)
            assert await towers.seen(province, alarm) is None
            async with await city.http("all", "administrator") as http:
                told = (await http.get(f"relays/{made['id']}/refusals?limit=1000")).json()["items"]
            assert [each["code"] for each in told if each["id"] == alarm] == ["own"]
    finally:
        async with await connection.connect(province.database) as conn:
            await conn.execute("delete from point")
