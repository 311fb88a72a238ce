"""REST: the rule packs, page by page, by pack and by quantity."""

from typing import Any

import httpx
import jsonschema

from alarms.rulepacks.reading import shipped
from api import schemas
from tests.beacons import House


async def listed(http: httpx.AsyncClient, **params: str | int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = (await http.get("rules", params=params)).raise_for_status().json()
        found += page["items"]
        if page["next"] is None:
            return found
        params["cursor"] = page["next"]


async def test_every_provision_is_listed_once_and_keeps_the_published_schema(house: House) -> None:
    async with await house.http() as http:
        items = await listed(http, limit=40)
    assert len(items) == sum(len(entry.provisions) for entry in shipped())
    for item in items:
        jsonschema.validate(item, schemas.standing_alone("Rule"))


async def test_rules_are_filtered_by_pack_and_quantity(house: House) -> None:
    async with await house.http() as http:
        items = await listed(http, pack="gas_detection", quantity="oxygen")
        nothing = await listed(http, pack="unheard_of")
    assert [(each["name"], each["direction"], each["value"]) for each in items] == [
        ("l", "min", 19.5),
        ("h", "max", 23.5),
    ]
    assert items[0]["standard"] == "GB/T 50493-2019"
    assert items[0]["mark"] == "V"
    assert items[0]["words"] == {"zh": "欠氧报警值", "en": "oxygen-deficiency level"}
    assert items[0]["action"]["en"] == "withdraw people and ventilate"
    assert nothing == []


async def test_rules_say_what_binds_what_is_a_default_and_what_is_advice(house: House) -> None:
    async with await house.http() as http:
        items = await listed(http, pack="tanks", quantity="level")
    assert {each["binding"] for each in items} == {"default", "advice"}
    response = next(each for each in items if each["sectors"] == ["CAT1"])
    assert (response["kind"], response["name"], response["value"]) == (
        "forecast",
        "response_s",
        2700,
    )


async def test_a_stranger_gets_no_rules(house: House) -> None:
    async with house.anonymous() as http:
        answer = await http.get("rules")
    assert answer.status_code == 401
