"""REST: warnings from proposal to lifting, who may do what to them, and regions' tables."""

import asyncio
import time

import jsonschema
import pytest

from alarms.alarm import Tier
from alarms.storage import connection, warnings
from api import permissions, schemas
from tests.beacons import FAR, NEAR, House
from tests.desks import CITY, COUNTY, PROVINCE, Document, calm, does, done, proposed


async def test_the_desks_take_a_warning_from_its_proposal_to_its_end(house: House) -> None:
    warning = await proposed(house)
    assert (warning["stage"], warning["level"], warning["government"]) == (
        "proposed",
        "orange",
        "city",
    )
    issued = await done(house, CITY, warning, "issue", rev=1, level="red", area="罐区周边 500 m")
    assert (issued["stage"], issued["level"], issued["area"]) == ("issued", "red", "罐区周边 500 m")
    named = ("category", "starts_at", "area", "cautions", "measures", "issuer", "published_at")
    assert all(issued[name] for name in named)
    for who, level in ((COUNTY, "county"), (CITY, "city"), (PROVINCE, "province")):
        received = await done(house, who, warning, "receipt", note="已收到")
        assert received["receipts"][level]["note"] == "已收到"
    again = await done(house, COUNTY, warning, "receipt")
    assert (again["rev"], again["stage"]) == (received["rev"], "received")
    await done(house, COUNTY, warning, "handle", note="派人到现场")
    told = await done(house, (NEAR, "enterprise"), warning, "feedback", note="已倒罐")
    assert told["feedback"][0]["note"] == "已倒罐"
    adjusted = await done(house, CITY, warning, "adjust", level="orange", note="趋缓")
    assert (adjusted["stage"], adjusted["receipts"]["county"]) == ("issued", None)
    refused = await does(house, CITY, warning, "lift")
    assert refused.status_code == 409
    assert "still active" in refused.json()["detail"]
    assert refused.json()["warning"]["rev"] == adjusted["rev"]
    lifted = await done(house, CITY, warning, "lift", note="现场已处置，仪表待换")
    assert lifted["lift"]["active"] == warning["alarms"]
    async with await house.http(*COUNTY) as http:
        entries = (await http.get(f"warnings/{warning['id']}/journal")).json()["items"]
    for entry in entries:
        jsonschema.validate(entry, schemas.standing_alone("WarningEntry"))
    assert [entry["type"] for entry in entries] == [
        *("proposed", "issued", "received", "received", "received"),
        *("handling", "feedback", "adjusted", "lifted"),
    ]
    assert [entry["org_level"] for entry in entries[1:5]] == ["city", "county", "city", "province"]
    async with await house.http("all", "auditor") as http:
        trail = (await http.get("audit", params={"limit": 20})).json()["items"]
    mine = [each for each in trail if each["object"] == f"warning:{warning['id']}"]
    assert len(mine) == len(entries) - 1, "all but the proposal were people's"
    assert mine[0]["action"] == "warning.lift"
    assert mine[0]["after"]["note"] == "现场已处置，仪表待换"


async def test_a_county_passes_a_citys_warning_on(house: House) -> None:
    warning = await proposed(house)
    refused = await does(house, COUNTY, warning, "issue")
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert (await does(house, COUNTY, warning, "issue", level="yellow")).status_code == 200


async def test_one_who_saw_another_revision_is_told_the_present_one(house: House) -> None:
    warning = await proposed(house)
    await done(house, CITY, warning, "issue")
    refused = await does(house, CITY, warning, "adjust", rev=1, level="red", note="x")
    assert refused.status_code == 409
    assert refused.json()["warning"]["stage"] == "issued"
    assert (await does(house, CITY, warning, "issue")).status_code == 409


async def test_one_idempotency_key_acts_once(house: House) -> None:
    warning = await proposed(house)
    async with await house.http(*CITY) as http:
        key = {"idempotency-key": f"w {warning['id']}"}
        path = f"warnings/{warning['id']}/issue"
        answers = await asyncio.gather(
            *(http.post(path, json={"note": "一次"}, headers=key) for _ in range(4))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert {answer.json()["rev"] for answer in answers} == {2}
        other = await http.post(path, json={"note": "另"}, headers=key)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("duty", "wish"),
    [
        ("issue", {"level": "purple"}),
        ("issue", {"starts_at": "yesterday"}),
        ("issue", {"area": "x" * 2_001}),
        ("receipt", {"area": "改"}),
        ("handle", {}),
        ("lift", {"rev": "1"}),
    ],
)
async def test_what_cannot_be_used_is_refused_in_words(
    house: House, duty: str, wish: Document
) -> None:
    warning = await proposed(house)
    if duty == "handle":
        await done(house, CITY, warning, "issue")
    refused = await does(house, CITY, warning, duty, **wish)
    assert refused.status_code == 422, refused.text
    assert refused.json()["detail"]


@pytest.mark.parametrize("role", permissions.ROLES)
async def test_a_role_does_what_it_may_and_only_within_its_scope(house: House, role: str) -> None:
    foreign, own = await proposed(house, FAR), await proposed(house)
    if role == "enterprise":
        await done(house, CITY, own, "issue")
    may = {"duty": permissions.DUTIES, "administrator": permissions.DUTIES}
    for duty in permissions.DUTIES:
        wish = {"note": "看过"} | ({"level": "red"} if duty == "adjust" else {})
        assert (await does(house, ("5106", role), foreign, duty, **wish)).status_code == 404
        answer = await does(house, ("5106", role), own, duty, **wish)
        allowed = duty in may.get(role, ("feedback",) if role == "enterprise" else ())
        assert answer.status_code == (200 if allowed else 403), f"{duty}: {answer.text}"


@pytest.mark.parametrize("scope", [NEAR, "all"])
async def test_a_desk_without_a_region_is_no_government(house: House, scope: str) -> None:
    warning = await proposed(house)
    for duty in permissions.DUTIES:
        answer = await does(house, (scope, "duty"), warning, duty, note="x")
        assert answer.status_code == 403, duty
    answer = await does(house, ("all", "administrator"), warning, "receipt")
    assert answer.status_code == 403


@pytest.mark.parametrize("scope", ["510000", "5106", "510603", NEAR])
async def test_every_door_shows_what_the_scope_covers_and_nothing_else(
    house: House, scope: str
) -> None:
    near, far = await proposed(house), await proposed(house, FAR)
    for role in permissions.ROLES:
        async with await house.http(scope, role) as http:
            listed = (await http.get("warnings", params={"limit": 1000})).json()["items"]
            assert {each["region"] for each in listed} == {"510603"}
            assert near["id"] in {each["id"] for each in listed}
            assert (await http.get(f"warnings/{near['id']}")).status_code == 200
            for path in ("", "/journal", ".cap.xml"):
                assert (await http.get(f"warnings/{far['id']}{path}")).status_code == 404
            tables = (await http.get("warning-tables")).json()["items"]
            assert [each["region"] for each in tables] == [None]
    async with house.anonymous() as http:
        for path in ("warnings", f"warnings/{near['id']}", "warning-tables"):
            assert (await http.get(path)).status_code == 401


async def test_lists_are_filtered_and_go_on_page_by_page(house: House) -> None:
    warning = await proposed(house, tier=Tier.red)
    async with await house.http("all") as http:
        for wanted, count in (
            ({"stage": "proposed", "level": "red,orange"}, 1),
            ({"level": "blue"}, 0),
            ({"region": "510600", "source": f"{NEAR}-S1"}, 1),
            ({"region": "440000"}, 0),
            ({"open": False}, 0),
        ):
            query = {"alarm": warning["alarms"][-1], **wanted}
            found = (await http.get("warnings", params=query)).json()["items"]
            assert len(found) == count, wanted
        whole = (await http.get("warnings", params={"limit": 1000})).json()["items"]
        paged: list[Document] = []
        cursor: Document = {}
        while True:
            page = (await http.get("warnings", params={"limit": 1, **cursor})).json()
            paged += page["items"]
            if page["next"] is None:
                break
            cursor = {"cursor": page["next"]}
        assert [each["id"] for each in paged] == [each["id"] for each in whole]
        assert (await http.get("warnings", params={"stage": "cold"})).status_code == 422
        assert (await http.get("warnings", params={"cursor": "eA"})).status_code == 422
        one = await http.get(f"warnings/{warning['id']}")
        same = {"if-none-match": one.headers["etag"]}
        assert (await http.get(f"warnings/{warning['id']}", headers=same)).status_code == 304


async def test_an_administrator_gives_a_region_its_table(house: House) -> None:
    table = {"rows": [{"level": "yellow", "tier": "orange", "automatic": True}]}
    async with await house.http("5106", "administrator") as http:
        answer = await http.put("warning-tables/510600", json=table)
        assert answer.status_code == 200, answer.text
        jsonschema.validate(answer.json(), schemas.standing_alone("RegionTable"))
        warning = await proposed(house)
        assert (warning["stage"], warning["level"], warning["automatic"]) == (
            *("issued", "yellow"),
            True,
        )
        listed = (await http.get("warning-tables")).json()["items"]
        assert [each["region"] for each in listed] == [None, "510600"]
        assert (await http.put("warning-tables/440000", json=table)).status_code == 404
        assert (await http.put("warning-tables/519999", json=table)).status_code == 404
        assert (await http.put("warning-tables/510600", json={"rows": 1})).status_code == 422
        assert (await http.delete("warning-tables/510600")).status_code == 204
        assert (await http.delete("warning-tables/510600")).status_code == 404
    async with await house.http("all", "auditor") as http:
        trail = (await http.get("audit", params={"limit": 5})).json()["items"]
    assert {"warning_table.set", "warning_table.removed"} <= {each["action"] for each in trail}
    for role in sorted(set(permissions.ROLES) - {"administrator"}):
        async with await house.http("5106", role) as http:
            assert (await http.put("warning-tables/510600", json=table)).status_code == 403
            assert (await http.delete("warning-tables/510600")).status_code == 403
    async with await house.http(NEAR, "administrator") as http:
        assert (await http.put("warning-tables/510600", json=table)).status_code == 404


async def test_an_alarm_that_returned_is_no_reason_to_keep_it(house: House) -> None:
    await proposed(house)
    await calm(house, NEAR)
    async with await house.http("all") as http:
        (warning,) = (await http.get("warnings", params={"open": True, "enterprise": NEAR})).json()[
            "items"
        ]
    lifted = await done(house, CITY, warning, "lift")
    assert lifted["lift"]["active"] == []


async def test_a_person_drafts_a_warning_of_an_area_and_issues_it(house: House) -> None:
    async with await house.http(*COUNTY) as http:
        wish = {"level": "yellow", "region": "510603", "cautions": "台风将至"}
        key = {"idempotency-key": "draft 1"}
        answer = await http.post("warnings", json=wish, headers=key)
        assert answer.status_code == 200, answer.text
        made = answer.json()
        jsonschema.validate(made, schemas.standing_alone("Warning"))
        assert (await http.post("warnings", json=wish, headers=key)).json() == made
        assert (made["stage"], made["government"], made["source"]) == ("proposed", "county", None)
        assert (made["area"], made["issuer"]) == ("旌阳区", "旌阳区人民政府")
        issued = await done(house, COUNTY, made, "issue")
        assert issued["message"]["zh"] == "旌阳区人民政府发布黄色预警（三级）：旌阳区"
        words = ("category", "level", "starts_at", "area", "cautions", "measures", "issuer")
        assert {name: issued[name] for name in words} == {name: made[name] for name in words}
        assert all(issued[name] for name in (*words, "published_at")), "the law's eight fields"
        async with await connection.connect(house.database) as conn:
            now = time.time_ns() // 1000
            await warnings.judge(conn, now=now, before=None)  # what other tests left
            again = await warnings.judge(conn, now=now, before=None)
        assert again.entries == 0
        assert (await http.get(f"warnings/{made['id']}")).json()["rev"] == issued["rev"]
        await done(house, COUNTY, made, "lift")
        for wrong, status in (
            ({"region": "440305"}, 404),
            ({"region": "510600"}, 404),
            ({"enterprise": FAR, "source": f"{FAR}-S1"}, 404),
            ({"region": "510603", "alarms": ["none"]}, 404),
            ({"region": "510603", "source": "S"}, 422),
            ({"enterprise": NEAR}, 422),
            ({}, 422),
        ):
            answer = await http.post("warnings", json={"level": "yellow", **wrong})
            assert answer.status_code == status, wrong
    for role in sorted(set(permissions.ROLES) - {"duty", "administrator"}):
        async with await house.http("5106", role) as http:
            assert (await http.post("warnings", json=wish)).status_code == 403


async def test_a_source_has_one_open_warning_whoever_asks(house: House) -> None:
    warning = await proposed(house)
    wish = {"level": "red", "enterprise": NEAR, "source": f"{NEAR}-S1", "cautions": "泄漏"}
    async with await house.http(*CITY) as http:
        refused = await http.post("warnings", json=wish)
        assert (refused.status_code, refused.json()["warning"]["id"]) == (409, warning["id"])
        await done(house, CITY, warning, "lift", note="换一个")
        made = (await http.post("warnings", json={**wish, "alarms": warning["alarms"]})).json()
    assert (made["alarms"], made["simulated"]) == (warning["alarms"], False)
    refused = await does(house, COUNTY, made, "issue")
    assert refused.status_code == 403, "red is the city's"
    drilled = await proposed(house, FAR)
    await done(house, ("all", "administrator"), drilled, "lift", note="x")
    async with await house.http("all", "administrator") as http:
        far = {"level": "red", "region": "440305", "alarms": drilled["alarms"]}
        assert (await http.post("warnings", json=far)).json()["simulated"] is True
