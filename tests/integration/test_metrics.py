"""What each position bears is told to Prometheus: to a token by position, to others in sum."""

import asyncio
import time

import httpx

from alarms.alarm import Tier
from alarms.flood import Floods, Position
from alarms.storage import alarms, connection
from tests import beacons
from tests.beacons import FAR, NEAR, House, event


async def until(house: House, wanted: dict[str, float], *, token: str | None = None) -> str:
    """Scrape until these series have these values; return the last answer."""
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    deadline = asyncio.get_running_loop().time() + 30
    async with httpx.AsyncClient(base_url=house.serve.url, headers=headers) as http:
        while True:
            text = (await http.get("/metrics")).text
            found = dict(
                line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")
            )
            if {name: float(found.get(name, "nan")) for name in wanted} == wanted:
                return text
            assert asyncio.get_running_loop().time() < deadline, text
            await asyncio.sleep(0.3)


async def test_positions_are_told_within_the_tokens_scope(house: House) -> None:
    now = time.time_ns() // 1000
    old = now - 90_000_000_000
    await house.raise_alarm(FAR)
    for n in range(3):
        said = event(NEAR, "T1", rule=f"limit.{n}", tier=Tier.red, moment=now - n)
        await beacons.happen(house.database, said)
    await beacons.happen(house.database, event(NEAR, "T2", moment=old))
    await until(
        house,
        {
            "fengsui_positions_rate": 4,
            "fengsui_positions_open": 5,
            "fengsui_positions_unacknowledged": 5,
            "fengsui_positions_standing": 1,
            "fengsui_positions_in_flood": 0,
        },
    )
    near = {
        'fengsui_position_rate{region="510603"}': 3.0,
        'fengsui_position_open{region="510603"}': 4.0,
        'fengsui_position_standing{region="510603"}': 1.0,
    }
    text = await until(house, near, token=await house.token("5106"))
    assert "440305" not in text
    everything = await until(house, near, token=await house.token("all"))
    assert 'fengsui_position_open{region="440305"} 1' in everything
    anonymous = await until(house, {"fengsui_positions_open": 5})
    assert "region=" not in anonymous
    upset = Position()
    for n in range(11):
        upset = upset.heard(time.time_ns() // 1000 - n, "S", "E1/T1")
    floods = Floods()
    async with await connection.connect(house.database) as conn:
        await alarms.save_states(conn, floods.states({"510603": upset}), [])
    flooded = {
        'fengsui_position_in_flood{region="510603"}': 1.0,
        'fengsui_position_in_flood{region="440305"}': 0.0,
    }
    await until(house, flooded, token=await house.token("all"))


async def test_a_token_nobody_knows_is_refused(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.serve.url) as http:
        answer = await http.get("/metrics", headers={"authorization": "Bearer nothing"})
    assert answer.status_code == 401
