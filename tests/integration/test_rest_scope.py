"""REST: who sees what, and who may do what."""

import base64
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from alarms import scope as scopes
from alarms.storage import connection
from api import permissions
from tests import beacons
from tests.beacons import FAR, NEAR, House


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
        allowed = action in permissions.actions_of(
            role, scopes.of_region("510600")
        ) and role not in {"engineer"}
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
