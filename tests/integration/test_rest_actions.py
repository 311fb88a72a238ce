"""REST: what people do to alarms, once, and with whom."""

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

import httpx
import jsonschema
import msgspec
import pytest

from alarms.alarm import Tier, Transition
from alarms.storage import connection
from api import schemas
from tests import beacons
from tests.beacons import House


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(minutes=50)).isoformat()


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


async def test_an_alarms_journal_comes_in_pages_without_gap_or_repetition(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "administrator") as http:
        for note in ("一", "二", "三"):
            await http.post(f"alarms/{alarm}/comment", json={"note": note})
        revs: list[int] = []
        asked: dict[str, str | int] = {"limit": 2}
        while True:
            page = (await http.get(f"alarms/{alarm}/journal", params=asked)).json()
            revs += [row["rev"] for row in page["items"]]
            if page["next"] is None:
                break
            asked["cursor"] = page["next"]
    assert revs == [1, 2, 3, 4]


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
        journal = (await first.get(f"alarms/{alarm}/journal")).json()["items"]
        names = [(await http.get("session")).json()["name"] for http in (first, second)]
        assert journal[-1]["note"] == f"检修 · {names[0]} + {names[1]}"
        lift = await second.post(f"alarms/{alarm}/unshelve")
        assert lift.status_code == 202


async def test_whoever_asks_for_a_red_alarm_sees_what_waits_for_a_second_person(
    house: House,
) -> None:
    alarm = await house.raise_alarm(tier=Tier.red)
    body = {"until": in_an_hour(), "note": "检修"}
    async with (
        await house.http("all", "operator") as first,
        await house.http("all", "supervisor") as second,
    ):
        before = await second.get(f"alarms/{alarm}")
        assert before.json()["pending"] is None
        asked = (await first.post(f"alarms/{alarm}/shelve", json=body)).json()
        etag = {"if-none-match": before.headers["etag"]}
        seen = await second.get(f"alarms/{alarm}", headers=etag)
        assert seen.status_code == 200
        jsonschema.validate(seen.json(), schemas.standing_alone("AlarmNow"))
        expected = {name: asked["pending"][name] for name in ("action", "asked_by", "expires_at")}
        assert seen.json()["pending"] == asked["alarm"]["pending"] == expected
        assert expected["asked_by"] == (await first.get("session")).json()["name"]
        await second.post(f"alarms/{alarm}/shelve", json=body)
        assert (await second.get(f"alarms/{alarm}")).json()["pending"] is None
        await second.post(f"alarms/{alarm}/unshelve")
        lifting = (await first.get(f"alarms/{alarm}")).json()["pending"]
        assert lifting["action"] == "unshelve"
        journal = (await first.get(f"alarms/{alarm}/journal")).json()["items"]
        assert not any("pending" in row["data"] for row in journal)


async def test_a_request_that_has_lapsed_or_is_needed_no_more_is_not_shown(house: House) -> None:
    rule = f"limit.{secrets.token_hex(4)}"
    raised = beacons.event(rule=rule, tier=Tier.red)
    await beacons.happen(house.database, raised)
    async with await house.http("all", "operator") as http:
        alarms = (await http.get("alarms", params={"limit": 1000})).json()["items"]
        alarm = next(item["id"] for item in alarms if item["rule"] == rule)
        body = {"until": in_an_hour(), "note": "检修"}
        await http.post(f"alarms/{alarm}/shelve", json=body)
        async with await connection.connect(house.database) as conn:
            await conn.execute(
                "update pending_action set asked_at = asked_at - interval '10 minutes'"
                " where alarm_id = %s",
                (alarm,),
            )
        assert (await http.get(f"alarms/{alarm}")).json()["pending"] is None
        await http.post(f"alarms/{alarm}/shelve", json=body)
        assert (await http.get(f"alarms/{alarm}")).json()["pending"] is not None
        lower = beacons.event(rule=rule, tier=Tier.orange, change=Transition.tier_down)
        await beacons.happen(house.database, lower)
        assert (await http.get(f"alarms/{alarm}")).json()["pending"] is None


async def test_shelving_what_is_not_red_needs_no_second_person(house: House) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "operator") as http:
        done = await http.post(
            f"alarms/{alarm}/shelve", json={"until": in_an_hour(), "note": "检修"}
        )
        assert (done.status_code, done.json()["state"]) == (200, "SHLVD")
        lifted = await http.post(f"alarms/{alarm}/unshelve")
        assert (lifted.status_code, lifted.json()["state"]) == (200, "UNACK")


async def test_shelved_until_it_clears_it_is_back_when_it_has(house: House) -> None:
    rule = f"limit.{secrets.token_hex(4)}"
    await beacons.happen(house.database, beacons.event(rule=rule))
    async with await house.http("all", "operator") as http:
        alarms = (await http.get("alarms", params={"limit": 1000})).json()["items"]
        alarm = next(item["id"] for item in alarms if item["rule"] == rule)
        wish = {"until": in_an_hour(), "note": "标校", "one_shot": True}
        done = await http.post(f"alarms/{alarm}/shelve", json=wish)
        assert done.status_code == 200, done.text
        jsonschema.validate(done.json(), schemas.standing_alone("Alarm"))
        assert (done.json()["state"], done.json()["shelf"]["one_shot"]) == ("SHLVD", True)
        back = beacons.event(rule=rule, change=Transition.returned)
        await beacons.happen(house.database, back)
        assert (await http.get(f"alarms/{alarm}")).json()["state"] == "RTNUN"
        rows = (await http.get(f"alarms/{alarm}/journal")).json()["items"]
        assert [row["type"] for row in rows] == ["raised", "shelved", "returned", "unshelved"]
        assert [row["data"]["shelf"] for row in rows][-1] is None
        again = await http.post(f"alarms/{alarm}/shelve", json=wish)
        assert again.status_code == 409
        forever = await http.post(f"alarms/{alarm}/shelve", json={"one_shot": True})
        assert forever.status_code == 422
        other = await http.post(f"alarms/{alarm}/acknowledge", json={"one_shot": True})
        assert (other.status_code, "one_shot" in other.json()["detail"]) == (422, True)
    async with await connection.connect(house.database) as conn:
        found = await conn.execute(
            "select after from audit_trail where object = %s", (f"alarm:{alarm}",)
        )
        assert [after["shelf"]["one_shot"] for (after,) in await found.fetchall()] == [True]


async def test_the_socket_shelves_until_it_clears_as_rest_does(house: House) -> None:
    alarm = await house.raise_alarm()
    token = await house.token("all", "operator")
    async with beacons.client(house.serve, token) as client:
        await client.send(
            op="command", id="c1", alarm=alarm, action="shelve", until=in_an_hour(), one_shot=True,
            note="标校",
        )  # fmt: skip
        answer = await client.next("result")
    assert answer["ok"], answer
    async with await house.http() as http:
        assert (await http.get(f"alarms/{alarm}")).json()["shelf"]["one_shot"] is True


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("shelve", {}),
        ("shelve", {"until": "tomorrow"}),
        ("comment", {}),
        ("suppress", {"note": "no end"}),
        ("out_of_service", {"until": "2999-01-01T00:00:00Z"}),
        ("close_out", {}),
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


@pytest.mark.parametrize(
    ("scope", "level"), [("510603", "county"), ("510600", "city"), ("510000", "province")]
)
async def test_a_government_desk_gives_the_receipt_of_its_own_level(
    house: House, scope: str, level: str
) -> None:
    alarm = await house.raise_alarm()
    async with await house.http(scope, "duty") as http:
        done = await http.post(f"alarms/{alarm}/receipt", json={"rev": 1, "note": "收到"})
        assert done.status_code == 200
        assert [name for name, ack in done.json()["acks"].items() if ack] == [level]
        assert done.json()["state"] == "UNACK"
        last = (await http.get(f"alarms/{alarm}/journal")).json()["items"][-1]
        assert (last["type"], last["org_level"], last["note"]) == ("receipt", level, "收到")
        refused = await http.post(f"alarms/{alarm}/acknowledge", json={})
    assert refused.status_code == 403


async def test_a_desk_without_a_region_gives_no_receipt(house: House) -> None:
    alarm = await house.raise_alarm()
    for scope in ("all", "E1"):
        async with await house.http(scope, "duty") as http:
            assert (await http.post(f"alarms/{alarm}/receipt")).status_code == 403
            assert "receipt" not in (await http.get("session")).json()["actions"]


async def test_out_of_service_and_suppressed_are_said_with_permit_reason_and_end(
    house: House,
) -> None:
    alarm = await house.raise_alarm()
    async with await house.http("all", "supervisor") as http:
        for action, words in (("suppress", "停车联锁"), ("out_of_service", "作业票 17")):
            body = {"until": in_an_hour(), "note": words}
            done = await http.post(f"alarms/{alarm}/{action}", json=body)
            assert done.status_code == 200
            jsonschema.validate(done.json(), schemas.standing_alone("Alarm"))
        assert done.json()["state"] == "OOSRV"
        assert done.json()["suppression"]["reason"] == "停车联锁"
        assert done.json()["out_of_service"]["permit"] == "作业票 17"
        back = (await http.post(f"alarms/{alarm}/return_to_service")).json()
        assert (back["state"], back["out_of_service"]) == ("DSUPR", None)
        assert (await http.post(f"alarms/{alarm}/unsuppress")).json()["state"] == "UNACK"


async def unacknowledged(http: httpx.AsyncClient) -> int:
    regions = (await http.get("regions", params={"parent": ""})).json()["items"]
    return sum(sum(region["unacknowledged"].values()) for region in regions)


@pytest.mark.parametrize(("action", "state"), [("suppress", "DSUPR"), ("out_of_service", "OOSRV")])
async def test_one_person_hides_no_red_alarm_by_another_name(
    house: House, action: str, state: str
) -> None:
    alarm = await house.raise_alarm(tier=Tier.red)
    body = {"until": in_an_hour(), "note": "作业票 17"}
    async with (
        await house.http("all", "administrator") as first,
        await house.http("all", "supervisor") as second,
    ):
        asked = await first.post(f"alarms/{alarm}/{action}", json=body)
        assert asked.status_code == 202
        jsonschema.validate(asked.json(), schemas.standing_alone("Pending"))
        assert asked.json()["alarm"]["state"] == "UNACK"
        done = await second.post(f"alarms/{alarm}/{action}", json=body)
        assert (done.status_code, done.json()["state"]) == (200, state)
        assert (await first.get(f"alarms/{alarm}")).json()["pending"] is None
        lift = "unsuppress" if action == "suppress" else "return_to_service"
        assert (await second.post(f"alarms/{alarm}/{lift}")).json()["state"] == "UNACK"


async def test_a_latched_alarm_that_needs_a_close_out_is_reset_and_closed_out(
    house: House,
) -> None:
    rule = f"limit.{secrets.token_hex(4)}"
    raised = msgspec.structs.replace(beacons.event(rule=rule), latching=True, needs_closeout=True)
    returned = beacons.event(rule=rule, change=Transition.returned)
    await beacons.happen(house.database, raised, returned)
    async with await house.http("all", "supervisor") as http:
        listed = (await http.get("alarms", params={"state": "LATCHED"})).json()["items"]
        alarm = next(item["id"] for item in listed if item["rule"] == rule)
        before = await unacknowledged(http)
        await http.post(f"alarms/{alarm}/acknowledge")
        assert await unacknowledged(http) == before - 1
        early = await http.post(f"alarms/{alarm}/close_out", json={"note": "x"})
        assert early.status_code == 409
        assert (await http.post(f"alarms/{alarm}/reset")).json()["state"] == "AWAIT"
        body = {"cause": "误报", "note": "探头受潮，已更换"}
        done = (await http.post(f"alarms/{alarm}/close_out", json=body)).json()
    jsonschema.validate(done, schemas.standing_alone("Alarm"))
    assert (done["state"], done["closeout"]["cause"]) == ("NORM", "误报")
