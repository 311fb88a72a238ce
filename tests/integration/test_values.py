"""Live values against a real server and a real database."""

import time

import jsonschema
import pytest

from alarms.storage import connection
from api import schemas
from tests import beacons
from tests.beacons import FAR, NEAR, House

PATH = "/ws/v1/values"


async def read(house: House, enterprise: str, tag: str, value: float, *, quality: int = 0) -> None:
    """Store one reading of this moment."""
    async with await connection.connect(house.database) as conn:
        await conn.execute(
            """
            insert into reading (ts, received, value, point_id, quality)
            select clock_timestamp(), clock_timestamp(), %s, p.id, %s
              from point p join enterprise e on e.id = p.enterprise_id
             where e.code = %s and p.tag = %s
            """,
            (value, quality, enterprise, tag),
        )


async def ids(house: House, enterprise: str) -> dict[str, str]:
    """Return the ids of an enterprise's points by tag."""
    async with await house.http() as http:
        params = {"enterprise": enterprise}
        items = (await http.get("points", params=params)).json()["items"]
    return {item["tag"]: item["id"] for item in items}


async def test_a_watched_point_shows_its_newest_value_and_then_what_comes(house: House) -> None:
    await read(house, NEAR, "T1", 1.25)
    points = await ids(house, NEAR)
    async with beacons.client(house.serve, await house.token(NEAR), path=PATH) as client:
        await client.send(op="subscribe", points=[points["T1"]], max_hz=4)
        listed = await client.next("points")
        assert listed["ids"] == [points["T1"]]
        jsonschema.validate(listed, schemas.standing_alone("PointsFrame"))
        first = await client.next("values")
        jsonschema.validate(first, schemas.standing_alone("ValuesFrame"))
        assert (first["i"], first["v"], first["q"]) == ([0], [1.25], [0])
        await read(house, NEAR, "T1", 2.5, quality=0x201)
        second = await client.next("values")
        assert (second["v"], second["q"]) == ([2.5], [1])


@pytest.mark.parametrize("under", ["510000", "5106", NEAR, f"{NEAR}-S1"])
async def test_all_points_under_a_place_are_watched(house: House, under: str) -> None:
    async with beacons.client(house.serve, await house.token(), path=PATH) as client:
        await client.send(op="subscribe", under=under)
        listed = await client.next("points")
    assert set(listed["ids"]) == set((await ids(house, NEAR)).values())


async def test_a_point_outside_the_scope_is_not_watched(house: House) -> None:
    far = await ids(house, FAR)
    async with beacons.client(house.serve, await house.token(NEAR), path=PATH) as client:
        await client.send(op="subscribe", points=[far["T1"]], under="440000")
        assert (await client.next("points"))["ids"] == []


async def test_values_come_at_most_as_often_as_asked_and_are_the_newest(house: House) -> None:
    points = await ids(house, NEAR)
    async with beacons.client(house.serve, await house.token(NEAR), path=PATH) as client:
        await client.send(op="subscribe", points=[points["T3"]], max_hz=1)
        await client.next("points")
        began = time.monotonic()
        await read(house, NEAR, "T3", 0.0)
        seen = [await client.next("values")]
        for value in range(1, 30):
            await read(house, NEAR, "T3", float(value))
        while seen[-1]["v"] != [29.0]:
            seen.append(await client.next("values"))
        took_s = time.monotonic() - began
    assert len(seen) <= took_s + 2
    values = [frame["v"][0] for frame in seen]
    assert values == sorted(values)


@pytest.mark.parametrize(
    "frame",
    [
        {"op": "subscribe"},
        {"op": "subscribe", "points": [], "max_hz": 9},
        {"op": "subscribe", "points": {}},
        {"op": "ack", "sub": "a", "offset": 1},
    ],
)
async def test_a_rubbish_frame_is_answered_and_the_socket_lives(
    house: House, frame: dict[str, object]
) -> None:
    async with beacons.client(house.serve, await house.token(NEAR), path=PATH) as client:
        await client.send(**frame)
        await client.next("error")
        await client.send(op="subscribe", points=["x", "1", 10**12])
        assert (await client.next("points"))["op"] == "points"


async def test_a_wrong_token_is_not_let_in(house: House) -> None:
    async with beacons.client(house.serve, "fs_wrong", path=PATH) as client:
        assert await client.closed() == 4401


async def test_whose_scope_is_narrowed_gets_no_more_values_of_before(house: House) -> None:
    """The points were chosen under another scope: the socket ends, to be subscribed anew."""
    made = await beacons.token(house.database)
    points = await ids(house, FAR)
    async with beacons.client(house.serve, made, path=PATH) as client:
        await client.send(op="subscribe", points=list(points.values()), max_hz=4)
        await client.next("points")
        async with await connection.connect(house.database) as conn:
            await conn.execute(
                "update token set scope = %s where name like %s", (NEAR, f"%-{made[-6:]}")
            )
        ends_s = time.monotonic() + 15
        frame = {"op": "values"}
        while frame["op"] == "values":
            assert time.monotonic() < ends_s
            await read(house, FAR, "T1", 2.5)
            frame = await client.next("values", "goaway")
        assert await client.closed() == 1012
