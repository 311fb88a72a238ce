"""REST: lists, readings, the long-poll, problem documents and limits."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import jsonschema
import pytest
from psycopg.types.json import Jsonb

from alarms.alarm import Tier
from alarms.storage import connection
from api import schemas
from tests.beacons import FAR, NEAR, House


async def test_an_alarm_carries_its_revision_as_etag(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http() as http:
        first = await http.get(f"alarms/{alarm}")
        etag = first.headers["etag"]
        assert etag == '"1"'
        again = await http.get(f"alarms/{alarm}", headers={"if-none-match": etag})
    assert again.status_code == 304


async def test_an_alarm_over_rest_keeps_the_published_schema(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http() as http:
        document = (await http.get(f"alarms/{alarm}")).json()
    jsonschema.validate(document, schemas.standing_alone("Alarm"))
    assert document["t_pushed"] is None


async def test_pages_follow_each_other_without_gap_or_repetition(house: House) -> None:
    made = {await house.raise_alarm(tag="T3") for _ in range(7)}
    async with await house.http() as http:
        found: list[str] = []
        params: dict[str, str | int] = {"point": f"{NEAR}/T3", "limit": 3}
        while True:
            page = (await http.get("alarms", params=params)).json()
            found += [item["id"] for item in page["items"]]
            if page["next"] is None:
                break
            params["cursor"] = page["next"]
    assert made <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("alarms?tier=purple", 422),
        ("alarms?cursor=%21%21", 422),
        ("alarms?limit=0", 422),
        ("alarms?from=yesterday", 422),
        ("points?cursor=bm8", 422),
        ("journal?from=nonsense", 422),
        ("points/E1:T1/readings?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 422),
        ("nothing/here", 404),
        ("alarms/%00", 422),
        ("points/%00:x/readings", 422),
        ("alarms?region=%00", 422),
    ],
)
async def test_a_wrong_request_gets_a_problem_document(
    house: House, path: str, status: int
) -> None:
    async with await house.http() as http:
        answer = await http.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    jsonschema.validate(answer.json(), schemas.standing_alone("Problem"))


async def test_a_method_that_is_not_there_gets_a_problem_document(house: House) -> None:
    async with await house.http() as http:
        answer = await http.delete("alarms")
    assert answer.status_code == 405
    assert answer.json()["status"] == 405
    assert {"GET", "HEAD"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("alarms", 200),
        ("points?limit=1", 200),
        ("healthz", 200),
        ("openapi.json", 200),
        ("alarms/nobody", 404),
        ("webhooks/1/pause", 405),
    ],
)
async def test_head_is_answered_as_get_would_be_without_the_body(
    house: House, path: str, status: int
) -> None:
    async with await house.http("all", "administrator") as http:
        whole, head = await http.get(path), await http.head(path)
    assert (head.status_code, head.content) == (status, b"")
    assert whole.status_code == status
    for name in ("content-type", "content-length", "allow", "x-frame-options"):
        assert head.headers.get(name) == whole.headers.get(name), name


async def test_head_needs_what_get_needs(house: House) -> None:
    async with house.anonymous() as http:
        assert (await http.head("alarms")).status_code == 401


async def test_a_body_of_two_megabytes_is_read_and_refused_by_its_words(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "operator") as http:
        answer = await http.post(f"alarms/{alarm}/comment", json={"note": "x" * 2 * 1024 * 1024})
    assert answer.status_code == 422


async def test_a_body_past_eight_megabytes_is_refused(house: House) -> None:
    async with await house.http("all", "operator") as http:

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(9):
                yield b" " * 1024 * 1024

        announced = await http.post("alarms/X/comment", content=b" " * (8 * 1024 * 1024 + 1))
        assert announced.status_code == 413
        streamed = await http.post("alarms/X/comment", content=chunks())
        assert streamed.status_code == 413


async def test_readings_come_raw_while_they_fit_and_rolled_up_when_not(house: House) -> None:
    async with await connection.connect(house.database) as conn:
        await conn.execute(
            """
            insert into reading (ts, received, value, point_id, quality)
            select t, t, 5 + sin(extract(epoch from t)), p.id, 0
              from point p join enterprise e on e.id = p.enterprise_id,
                   generate_series(timestamptz '2026-11-20 00:00+00',
                                   timestamptz '2026-11-20 03:00+00', interval '1 second') t
             where e.code = 'E1' and p.tag = 'T2'
            """
        )
    async with await house.http(NEAR) as http:
        path = "points/E1%3AT2/readings"
        short = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-20T01:00:00Z"}
        raw = (await http.get(path, params=short)).json()
        jsonschema.validate(raw, schemas.standing_alone("Readings"))
        assert (raw["resolution"], raw["unit"], len(raw["rows"])) == ("raw", "m", 3600)
        assert raw["rows"][0][0] == 1763596800000 + 365 * 86_400_000
        assert raw["rows"][0][2] == "good"
        long = {"from": "2026-11-20T00:00:00Z", "to": "2026-11-20T03:00:00Z"}
        rolled = (await http.get(path, params=long)).json()
        assert (rolled["resolution"], len(rolled["rows"])) == ("1m", 180)
        _, low, high, mean, count = rolled["rows"][0]
        assert low < mean < high
        assert count == 60
        points = (await http.get("points", params={"tag": "T2"})).json()["items"]
        by_id = await http.get(f"points/{points[0]['id']}/readings", params=short)
        assert by_id.json() == raw


async def test_the_long_poll_answers_as_soon_as_something_happens(house: House) -> None:
    async with await house.http("5106") as http:
        start = (await http.get("journal")).json()
        jsonschema.validate(start, schemas.standing_alone("JournalPage"))
        waiting = asyncio.create_task(
            http.get("journal", params={"from": start["next"], "wait": 25})
        )
        await asyncio.sleep(0)
        await house.raise_alarm(FAR)
        alarm = await house.raise_alarm(NEAR)
        page = (await asyncio.wait_for(waiting, 10)).json()
        assert [item["event"]["data"]["id"] for item in page["items"]] == [alarm]
        jsonschema.validate(page, schemas.standing_alone("JournalPage"))
        stale = {"from": f"other:{page['next'].partition(':')[2]}"}
        assert (await http.get("journal", params=stale)).json()["recovered"] is False


async def test_regions_count_open_alarms_at_and_below(house: House) -> None:
    await house.raise_alarm(NEAR, tier=Tier.red)
    async with await house.http("all") as http:
        params: dict[str, str | int] = {"used": "true", "limit": 1000}
        items = (await http.get("regions", params=params)).json()["items"]
    found = {item["code"]: item["open"]["red"] for item in items}
    assert found["510000"] == found["510600"] == found["510603"] >= 1


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("regions", "Region"),
        ("enterprises", "Enterprise"),
        ("sources", "Source"),
        ("units", "Unit"),
        ("points", "Point"),
        ("gateways", "Gateway"),
        ("alarms", "Alarm"),
    ],
)
async def test_every_list_keeps_its_published_schema(house: House, path: str, schema: str) -> None:
    await house.raise_alarm()
    async with await house.http() as http:
        items = (await http.get(path)).json()["items"]
    assert items
    for item in items:
        jsonschema.validate(item, schemas.standing_alone(schema))


async def test_a_point_tells_the_delays_in_force_where_its_registry_entry_gives_none(
    house: House,
) -> None:
    async with await house.http() as http:
        point = (await http.get("points", params={"tag": "T1"})).json()["items"][0]
    assert point["on_delay_s"] is None
    assert point["delays"] == {"ll": 0, "l": 60, "h": 60, "hh": 0}
    assert point["confirmation"] is None
    assert (point["bridge_s"], point["stale_s"], point["timers"]) == (30, 30, {})


async def test_a_point_tells_the_timers_its_registry_entry_gives(house: House) -> None:
    own = {
        "limit": {"acknowledge_red_s": [30.0, 60.0, 90.0], "bridge_s": 25.0, "deadband_h": 0.1},
        "comms": {"stale_s": 45.0},
    }
    async with await connection.connect(house.database) as conn:
        await conn.execute("update point set params = %s where tag = 'T2'", (Jsonb(own),))
    async with await house.http() as http:
        point = (await http.get("points", params={"tag": "T2"})).json()["items"][0]
    assert (point["bridge_s"], point["stale_s"]) == (25, 45)
    assert point["timers"] == {"limit": {"acknowledge_red_s": [30, 60, 90]}}
    jsonschema.validate(point, schemas.standing_alone("Point"))


async def test_every_answer_carries_the_security_headers(house: House) -> None:
    async with httpx.AsyncClient(base_url=house.serve.url) as http:
        for path in ("/", "/api/v1/healthz", "/api/v1/nothing", "/metrics"):
            headers = (await http.get(path)).headers
            assert "frame-ancestors 'self'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "server" not in headers


async def test_metrics_count_open_alarms_by_tier(house: House) -> None:
    await house.raise_alarm()
    async with httpx.AsyncClient(base_url=house.serve.url) as http:
        text = (await http.get("/metrics")).text
    line = next(line for line in text.splitlines() if 'open{tier="orange"}' in line)
    assert float(line.split()[-1]) >= 1


async def test_not_ready_says_what_is_missing(house: House) -> None:
    async with house.anonymous() as http:
        answer = await http.get("readyz")
    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert [name for name, check in checks.items() if not check["ok"]] == ["ingest"]
    assert [name for name, check in checks.items() if "mend" in check] == ["ingest"]


async def test_the_published_openapi_lists_every_route_of_this_version(house: House) -> None:
    async with house.anonymous() as http:
        document = json.loads((await http.get("openapi.json")).text)
    paths = {path.removeprefix("/api/v1/") for path in document["paths"]}
    assert {"alarms", "points/{point_id}/readings", "journal", "rejects", "audit", "rules"} <= paths
    assert {"warnings", "warnings/{warning_id}", "warnings/{warning_id}/{duty}"} <= paths


async def test_a_registry_file_is_loaded_by_an_administrator(house: House) -> None:
    document = (Path(__file__).parents[2] / "examples" / "tank-farm.yaml").read_bytes()
    async with await house.http("all", "administrator") as http:
        tried = await http.post("registry", content=document, params={"dry_run": "true"})
        assert tried.status_code == 200, tried.text
        jsonschema.validate(tried.json(), schemas.standing_alone("Imported"))
        done = (await http.post("registry", content=document)).json()
        assert done["created"] == tried.json()["created"] > 0
        again = (await http.post("registry", content=document)).json()
        assert (again["created"], again["changed"]) == (0, 0)


@pytest.mark.parametrize(
    ("scope", "role"), [("all", "operator"), ("all", "engineer"), ("510000", "administrator")]
)
async def test_a_registry_file_of_anyone_else_is_refused(
    house: House, scope: str, role: str
) -> None:
    async with await house.http(scope, role) as http:
        assert (await http.post("registry", content=b"{}")).status_code == 403


async def test_a_wrong_registry_file_is_refused_with_its_lines(house: House) -> None:
    async with await house.http("all", "administrator") as http:
        answer = await http.post("registry", content=b"enterprises:\n  - {code: X}\n")
    assert answer.status_code == 422
    assert answer.json()["faults"][0]["line"] == 2
