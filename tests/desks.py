"""Desks of governments that take warnings through their life, for API tests."""

import time
from typing import Any

import httpx
import jsonschema

from alarms.alarm import Tier, Transition
from alarms.storage import connection, warnings
from api import schemas
from tests import beacons
from tests.beacons import NEAR, House

CITY = ("5106", "duty")
COUNTY = ("510603", "duty")
PROVINCE = ("51", "duty")
Document = dict[str, Any]


async def calm(house: House, enterprise: str) -> None:
    """Let everything active there return."""
    async with await connection.connect(house.database) as conn:
        cursor = await conn.execute(
            "select point, rule from alarm where active and enterprise = %s", (enterprise,)
        )
        active = await cursor.fetchall()
    told = [
        beacons.event(enterprise, tag, rule=rule, change=Transition.returned)
        for tag, rule in active
    ]
    await beacons.happen(house.database, *told)


async def proposed(house: House, enterprise: str = NEAR, *, tier: Tier = Tier.orange) -> Document:
    """Let one alarm ask for a warning, after whatever stood at its source is over."""
    async with await house.http("all", "administrator") as http:
        for each in (await http.get("warnings", params={"open": True})).json()["items"]:
            if each["enterprise"] == enterprise:
                answer = await http.post(f"warnings/{each['id']}/lift", json={"note": "重来"})
                assert answer.status_code == 200, answer.text
        await calm(house, enterprise)
        alarm = await house.raise_alarm(enterprise, tier=tier)
        async with await connection.connect(house.database) as conn:
            await warnings.judge(conn, now=time.time_ns() // 1000, before=None)
        listed = (await http.get("warnings", params={"alarm": alarm})).json()["items"]
    (found,) = listed
    jsonschema.validate(found, schemas.standing_alone("Warning"))
    return dict(found)


async def does(
    house: House, who: tuple[str, str], warning: Document, duty: str, **wish: Any
) -> httpx.Response:
    async with await house.http(*who) as http:
        return await http.post(f"warnings/{warning['id']}/{duty}", json=wish)


async def done(
    house: House, who: tuple[str, str], warning: Document, duty: str, **wish: Any
) -> Document:
    answer = await does(house, who, warning, duty, **wish)
    assert answer.status_code == 200, answer.text
    found: Document = answer.json()
    jsonschema.validate(found, schemas.standing_alone("Warning"))
    return found
