"""REST against a real server and database: who sees what, who may do what, what is refused."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import jsonschema
import pytest

from alarms.alarm import Tier, Transition
from alarms.storage import connection
from api import permissions, schemas
from tests import beacons
from tests.beacons import FAR, NEAR, House
from tests.databases import Databases


@pytest.fixture(scope="module")
def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for this file."""
    with beacons.house(databases, tmp_path_factory.mktemp("rest")) as made:
        yield made


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(minutes=50)).isoformat()


async def enterprises_of(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {item["enterprise"] for item in answer.json()["items"]}


@pytest.mark.parametrize("role", permissions.ROLES)
@pytest.mark.parametrize("scope", ["510000", "5106", "510603", NEAR])
async def test_every_list_shows_what_the_scope_covers_and_nothing_else(
    house: House, scope: str, role: str
) -> None:
    near, far = await house.raise_alarm(NEAR), await house.raise_alarm(FAR)
    async with await house.http(scope, role) as http:
        for path in ("alarms", "points", "sources", "units", "gateways"):
            seen = await enterprises_of(await http.get(path, params={"limit": 1000}))
            assert seen == {NEAR}, path
        listed = (await http.get("enterprises")).json()["items"]
        assert [item["code"] for item in listed] == [NEAR]
        regions = {item["code"] for item in (await http.get("regions")).json()["items"]}
        assert "510603" in regions
        assert not {code for code in regions if code.startswith("44")}
        assert (await http.get(f"alarms/{near}")).status_code == 200
        for path in (
            f"alarms/{far}",
            f"alarms/{far}/journal",
            f"points/{FAR}:T1/readings",
            "points/999999/readings",
        ):
            assert (await http.get(path)).status_code == 404, path


async def test_scope_all_sees_both_and_the_system(house: House) -> None:
    await house.raise_alarm(NEAR)
    await house.raise_alarm(FAR)
    await beacons.happen(house.database, beacons.SYSTEM)
    async with await house.http("all") as http:
        seen = await enterprises_of(await http.get("alarms", params={"limit": 1000}))
        assert seen == {NEAR, FAR, None}


async def test_a_system_alarm_is_hidden_from_every_narrower_scope(house: House) -> None:
    await beacons.happen(house.database, beacons.SYSTEM)
    async with await house.http("510000") as http:
        assert (await http.get("alarms", params={"kind": "system"})).json()["items"] == []


@pytest.mark.parametrize("role", permissions.ROLES)
@pytest.mark.parametrize("action", permissions.ACTIONS)
async def test_a_role_does_what_it_may_and_only_within_its_scope(
    house: House, role: str, action: str
) -> None:
    async with await house.http("5106", role) as http:
        foreign = await house.raise_alarm(FAR)
        body = {"note": "看过", "until": in_an_hour()}
        answer = await http.post(f"alarms/{foreign}/{action}", json=body)
        assert answer.status_code == 404
        own = await house.raise_alarm(NEAR)
        answer = await http.post(f"alarms/{own}/{action}", json=body)
        allowed = action in permissions.actions_of(role) and role not in {"engineer"}
        if role == "operator" and action == "unshelve":
            allowed = False
        if allowed:
            assert answer.status_code in {200, 409}, answer.text
        else:
            assert answer.status_code == 403, answer.text


async def test_an_engineer_acts_on_simulated_alarms_only(house: House) -> None:
    async with await house.http("all", "engineer") as http:
        simulated, real = await house.raise_alarm(FAR), await house.raise_alarm(NEAR)
        assert (await http.post(f"alarms/{simulated}/acknowledge")).status_code == 200
        assert (await http.post(f"alarms/{real}/acknowledge")).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "alarms",
        "alarms/X",
        "alarms/X/journal",
        "points",
        "points/1/readings",
        "regions",
        "enterprises",
        "sources",
        "units",
        "gateways",
        "rejects",
        "journal",
        "audit",
        "session",
    ],
)
async def test_nobody_sees_nothing(house: House, path: str) -> None:
    async with house.anonymous() as http:
        answer = await http.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["Bearer fs_wrong", "Bearer", "Basic eDp5", "Bearer \x7f", ""])
async def test_a_wrong_token_is_refused(house: House, header: str) -> None:
    async with house.anonymous(headers={"authorization": header}) as http:
        assert (await http.get("alarms")).status_code == 401


async def test_an_expired_token_is_refused(house: House) -> None:
    made = await beacons.token(house.database, expires_s=-1)
    async with house.anonymous(headers={"authorization": f"Bearer {made}"}) as http:
        assert (await http.get("alarms")).status_code == 401


async def test_the_audit_trail_is_for_auditors_of_everything(house: House) -> None:
    for scope, role, status in (
        ("all", "auditor", 200),
        ("all", "administrator", 200),
        ("510000", "auditor", 403),
        ("all", "operator", 403),
    ):
        async with await house.http(scope, role) as http:
            assert (await http.get("audit")).status_code == status


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


async def test_an_acknowledgement_that_saw_too_little_is_refused_with_the_present_alarm(
    house: House,
) -> None:
    rule = "limit.conflict"
    await beacons.happen(house.database, beacons.event(rule=rule, tier=Tier.yellow))
    async with await house.http("all", "operator") as http:
        alarms = (await http.get("alarms", params={"limit": 1000})).json()["items"]
        alarm = next(item for item in alarms if item["rule"] == rule)
        await beacons.happen(
            house.database,
            beacons.event(rule=rule, tier=Tier.orange, change=Transition.tier_up),
        )
        answer = await http.post(f"alarms/{alarm['id']}/acknowledge", json={"rev": alarm["rev"]})
    assert answer.status_code == 409
    assert answer.json()["alarm"]["tier"] == "orange"


async def test_one_idempotency_key_acts_once(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "operator") as http:
        key = {"idempotency-key": "k1"}
        body = {"note": "一次"}
        answers = await asyncio.gather(
            *(http.post(f"alarms/{alarm}/comment", json=body, headers=key) for _ in range(5))
        )
        assert {answer.status_code for answer in answers} == {200}
        journal = (await http.get(f"alarms/{alarm}/journal")).json()["items"]
        assert [entry["type"] for entry in journal] == ["raised", "commented"]
        other = await http.post(f"alarms/{alarm}/comment", json={"note": "另"}, headers=key)
    assert other.status_code == 422


async def test_the_journal_says_who_did_what(house: House) -> None:
    alarm = await house.raise_alarm()
    name = await beacons.person(house.database, "王工", scope="5106", role="operator")
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        await http.post("session", json={"name": name, "password": beacons.PASSWORD})
        done = await http.post(f"alarms/{alarm}/acknowledge", json={"rev": 1, "note": "现场处理"})
        assert done.json()["acks"]["site"]["by"] == "王工"
        last = (await http.get(f"alarms/{alarm}/journal")).json()["items"][-1]
    assert (last["type"], last["actor"], last["note"]) == ("acknowledged", "王工", "现场处理")


async def test_shelving_red_waits_for_another_person(house: House) -> None:
    alarm = await house.raise_alarm(tier=Tier.red)
    body = {"until": in_an_hour(), "note": "检修"}
    async with (
        await house.http("all", "operator") as first,
        await house.http("all", "supervisor") as second,
    ):
        asked = await first.post(f"alarms/{alarm}/shelve", json=body)
        assert asked.status_code == 202
        jsonschema.validate(asked.json(), schemas.standing_alone("Pending"))
        again = await first.post(f"alarms/{alarm}/shelve", json=body)
        assert again.status_code == 202
        done = await second.post(f"alarms/{alarm}/shelve", json=body)
        assert done.status_code == 200
        assert done.json()["state"] == "SHLVD"
        lift = await second.post(f"alarms/{alarm}/unshelve")
        assert lift.status_code == 202


async def test_shelving_what_is_not_red_needs_no_second_person(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "operator") as http:
        done = await http.post(
                f"alarms/{alarm}/shelve", json={"until": in_an_hour(), "note": "检修"}
            )
        assert (done.status_code, done.json()["state"]) == (200, "SHLVD")
        lifted = await http.post(f"alarms/{alarm}/unshelve")
        assert (lifted.status_code, lifted.json()["state"]) == (200, "UNACK")


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("shelve", {}),
        ("shelve", {"until": "tomorrow"}),
        ("comment", {}),
        ("acknowledge", {"rev": "three"}),
        ("acknowledge", []),
    ],
)
async def test_an_action_with_wrong_words_is_refused(
    house: House, action: str, body: object
) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "supervisor") as http:
        answer = await http.post(f"alarms/{alarm}/{action}", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_an_action_that_does_not_exist_is_not_found(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "supervisor") as http:
        assert (await http.post(f"alarms/{alarm}/explode")).status_code == 404


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


async def test_a_person_signs_in_and_out(house: House) -> None:
    name = await beacons.person(house.database, "li", scope=NEAR, role="enterprise")
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        answer = await http.post("session", json={"name": name, "password": beacons.PASSWORD})
        assert answer.status_code == 200
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        me = (await http.get("session")).json()
        assert (me["name"], me["role"], me["scope"]) == ("li", "enterprise", NEAR)
        assert (await http.delete("session")).status_code == 204
        assert (await http.get("session")).status_code == 401


async def test_a_signed_out_cookie_opens_nothing(house: House) -> None:
    name = await beacons.person(house.database, "zhao")
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        await http.post("session", json={"name": name, "password": beacons.PASSWORD})
        kept = dict(http.cookies)
        await http.delete("session")
        async with house.anonymous(cookies=kept) as other:
            assert (await other.get("alarms")).status_code == 401


async def test_a_change_by_cookie_without_our_header_is_refused(house: House) -> None:
    alarm = await house.raise_alarm()
    name = await beacons.person(house.database, "sun")
    async with house.anonymous() as http:
        await http.post(
            "session",
            json={"name": name, "password": beacons.PASSWORD},
            headers={"x-fengsui": "1"},
        )
        path = f"alarms/{alarm}/acknowledge"
        assert (await http.post(path)).status_code == 403
        foreign = {"origin": "https://evil.example"}
        assert (await http.post(path, headers=foreign)).status_code == 403
        own = {"origin": house.serve.url}
        assert (await http.post(path, headers=own)).status_code == 200


async def test_wrong_passwords_are_slowed_down_and_look_like_unknown_names(house: House) -> None:
    name = await beacons.person(house.database, "qian")
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        known = await http.post("session", json={"name": name, "password": "wrong"})
        unknown = await http.post("session", json={"name": "nobody", "password": "wrong"})
        assert known.status_code == unknown.status_code == 401
        assert known.json() == unknown.json()
        for _ in range(5):
            last = await http.post("session", json={"name": name, "password": "wrong"})
        assert last.status_code == 429
        assert int(last.headers["retry-after"]) >= 1
    # Let the address in again for the other tests of this file.
    async with house.anonymous(headers={"x-fengsui": "1"}) as http:
        async with asyncio.timeout(20):
            while True:
                right = await http.post(
                    "session", json={"name": name, "password": beacons.PASSWORD}
                )
                if right.status_code == 200:
                    break
                await asyncio.sleep(float(right.headers["retry-after"]))


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


async def test_what_was_refused_can_be_seen_within_the_scope(house: House) -> None:
    async with await connection.connect(house.database) as conn:
        for gateway, enterprise, region in (
            ("gw-E1", NEAR, "510603"),
            ("gw-E2", FAR, "440305"),
            ("stranger", None, None),
        ):
            await conn.execute(
                """
                insert into reject (received, gateway, enterprise, region, reason, count, payload)
                values (now(), %s, %s, %s, 'bad_json', 1, %s)
                """,
                (gateway, enterprise, region, b"{\xff"),
            )
    async with await house.http(NEAR) as http:
        items = (await http.get("rejects")).json()["items"]
        assert {item["gateway"] for item in items} == {"gw-E1"}
        assert base64.b64decode(items[0]["payload_base64"]) == b"{\xff"
    async with await house.http("all") as http:
        items = (await http.get("rejects")).json()["items"]
        assert {item["gateway"] for item in items} >= {"gw-E1", "gw-E2", "stranger"}


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


async def test_the_published_openapi_lists_every_route_of_this_version(house: House) -> None:
    async with house.anonymous() as http:
        document = json.loads((await http.get("openapi.json")).text)
    paths = {path.removeprefix("/api/v1/") for path in document["paths"]}
    assert {"alarms", "points/{point_id}/readings", "journal", "rejects", "audit"} <= paths
    assert not paths & {"kpi", "warnings", "rules"}
