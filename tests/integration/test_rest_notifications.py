"""REST: channels, rosters, tables of who is told and what was told; who may, and within what."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest
import pytest_asyncio

from alarms import instants
from alarms.alarm import Tier
from api import permissions
from tests import people
from tests.beacons import FAR, NEAR, House
from tests.mailbox import Mailbox, mailbox
from tests.people import Document, duty, ended, put
from tests.processes import Command
from tests.receiving import receiver

SMTP: Document = {"kind": "smtp", "url": "smtp://127.0.0.1:9", "sender": "fs@x.cn"}
CHAT: Document = {
    "kind": "dingtalk",
    "url": "https://oapi.dingtalk.example/robot/send?access_token=verysecret",
    "secret": "SECverysecret",
}
QUIET: Document = {"rows": [{"tiers": ["red"], "when": ["raised"], "tell": []}]}


@pytest.fixture(scope="module")
def post() -> Iterator[Mailbox]:
    """A mail server."""
    with mailbox() as made:
        yield made


@pytest_asyncio.fixture(autouse=True)
async def fresh(house: House) -> AsyncIterator[None]:
    """Nobody is known."""
    await people.nobody(house)
    yield
    await people.nobody(house)


async def test_a_channels_secrets_are_shown_nowhere_and_stay_when_left_out(house: House) -> None:
    made = await put(house, "channels/group", CHAT, scope="5106")
    assert (made["url"], made["has_secret"]) == ("https://oapi.dingtalk.example/…", True)
    without = {name: value for name, value in CHAT.items() if name != "secret"}
    again = await put(house, "channels/group", {**without, "language": "en"}, scope="5106")
    assert (again["has_secret"], again["language"]) == (True, "en")
    bare = await put(house, "channels/group", {**CHAT, "secret": None}, scope="5106")
    assert not bare["has_secret"]
    async with await house.http("all", "administrator") as http:
        listed = await http.get("channels")
        trail = await http.get("audit", params={"limit": 20})
        assert (await http.delete("channels/group")).status_code == 204
    rows = [each for each in trail.json()["items"] if each["object"] == "channel:group"]
    assert [each["action"] for each in rows[:3]] == ["channel.set"] * 3
    assert (rows[1]["before"]["language"], rows[1]["after"]["language"]) == ("zh", "en")
    assert "verysecret" not in listed.text + trail.text


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({**SMTP, "sender": None}, "sender"),
        ({**SMTP, "sender": "a@b\r\nBcc: c"}, "sender"),
        ({**SMTP, "url": "http://mail.example.cn"}, "smtps://"),
        ({**SMTP, "url": "smtp://user:word@mail.example.cn"}, "account"),
        ({**SMTP, "template": {}}, "template"),
        ({**CHAT, "url": "http://oapi.dingtalk.example/"}, "https://"),
        ({**CHAT, "account": "a"}, "account"),
        ({**CHAT, "kind": "wecom"}, "key stands in `url`"),
        ({**CHAT, "kind": "webhook"}, "whsec_"),
        ({**CHAT, "kind": "pigeon"}, "pigeon"),
        ({**CHAT, "pace": 1}, "pace"),
    ],
)
async def test_a_channel_that_cannot_be_is_refused(house: House, wish: Document, said: str) -> None:
    async with await house.http("all", "administrator") as http:
        answer = await http.put("channels/x", json=wish)
    assert (answer.status_code, said in answer.json()["detail"]) == (422, True), answer.text


async def test_a_channel_is_tried_and_says_what_was_answered(house: House, post: Mailbox) -> None:
    await people.mail(house, post.url)
    with receiver() as robot:
        robot.status, robot.said = 200, b'{"errcode":93000,"errmsg":"invalid webhook url"}'
        await put(house, "channels/chat", {"kind": "wecom", "url": robot.url})
        async with await house.http("all", "administrator") as http:
            mailed = (await http.post("channels/mail/test", json={"to": "trial@x.cn"})).json()
            nowhere = (await http.post("channels/mail/test")).json()
            refused = (await http.post("channels/chat/test")).json()
    assert mailed["taken"]
    assert [each["Subject"] for each in post.to("trial@x.cn")] == ["测试消息"]
    assert (nowhere["taken"], "no mailbox" in nowhere["answer"]) == (False, True)
    assert refused == {"taken": False, "answer": "93000 invalid webhook url"}


async def test_a_roster_says_who_is_on_duty_and_when_nobody_is(house: House) -> None:
    await put(house, "channels/mail", SMTP)
    whole = await put(house, f"rosters/{people.CITY}", duty("a", "b"), scope="5106")
    assert (whole["on_duty"], whole["gaps"], whole["without_address"]) == (["a", "b"], [], [])
    short = {
        "persons": [{"name": "a"}],
        "shifts": [{"days": ["mon"], "begins": "20:00", "ends": "08:00", "persons": ["a"]}],
    }
    gappy = await put(house, f"rosters/{people.CITY}", short, scope="5106")
    assert gappy["without_address"] == ["a"]
    hours = (
        sum(
            instants.from_text(gap["ends"]) - instants.from_text(gap["begins"])
            for gap in gappy["gaps"]
        )
        / 3.6e9
    )
    assert hours == pytest.approx(7 * 24 - 12)
    async with await house.http("5106", "duty") as http:
        one = await http.get(f"rosters/{people.CITY}")
        listed = (await http.get("rosters")).json()["items"]
    assert one.json()["roster"]["shifts"][0]["ends"] == "08:00"
    assert [each["place"] for each in listed] == [people.CITY]


async def test_a_roster_may_name_only_channels_that_serve_its_place(house: House) -> None:
    await put(house, "channels/near", SMTP, scope=NEAR)
    await put(house, "channels/far", SMTP, scope=FAR)
    await put(house, f"rosters/{NEAR}", duty("a", channel="near"))
    async with await house.http("all", "administrator") as http:
        for place, channel in ((NEAR, "far"), (people.COUNTY, "near"), (NEAR, "none")):
            answer = await http.put(f"rosters/{place}", json=duty("a", channel=channel))
            assert (answer.status_code, "no channel" in answer.json()["detail"]) == (422, True)
        roster = duty("a", channel="near")
        roster["persons"][0]["addresses"][0]["to"] = "138"
        answer = await http.put(f"rosters/{NEAR}", json=roster)
        assert (answer.status_code, "mailbox" in answer.json()["detail"]) == (422, True)
        assert (await http.put(f"rosters/{NEAR}", json={"shifts": 1})).status_code == 422


async def test_a_region_says_who_is_told_and_takes_it_back(house: House) -> None:
    await put(house, f"notification-tables/{people.CITY}", QUIET, scope="5106")
    alarm = await house.raise_alarm(tier=Tier.red)
    await put(house, f"notification-tables/{people.CITY}", {"rows": []}, scope="5106")
    later = await house.raise_alarm(tier=Tier.red)
    await ended(house, later)
    assert await people.notifications(house, alarm) == []
    async with await house.http("5106", "administrator") as http:
        listed = (await http.get("notification-tables")).json()["items"]
        assert [each["region"] for each in listed] == [None, people.CITY]
        path = f"notification-tables/{people.CITY}"
        assert (await http.delete(path)).status_code == 204
        assert (await http.delete(path)).status_code == 404
        wrong = {"rows": [{"tiers": ["red"], "when": ["raised"], "tell": ["duty:moon"]}]}
        assert (await http.put(path, json=wrong)).status_code == 422
        assert (await http.put("notification-tables/519999", json=QUIET)).status_code == 404
    async with await house.http("all", "auditor") as http:
        trail = (await http.get("audit", params={"limit": 5})).json()["items"]
    assert [each["action"] for each in trail[:3]] == [
        "notification_table.removed",
        *["notification_table.set"] * 2,
    ]


def changes(place: str) -> list[tuple[str, str, Document | None]]:
    return [
        ("PUT", "channels/mine", SMTP),
        ("POST", "channels/mine/test", {}),
        ("DELETE", "channels/mine", None),
        ("PUT", f"rosters/{place}", {}),
        ("DELETE", f"rosters/{place}", None),
        ("PUT", "notification-tables/510600", QUIET),
        ("DELETE", "notification-tables/510600", None),
    ]


async def statuses(http: httpx.AsyncClient, place: str) -> list[int]:
    return [
        (await http.request(method, path, json=body)).status_code
        for method, path, body in changes(place)
    ]


@pytest.mark.parametrize("role", permissions.ROLES)
async def test_only_administrators_change_who_is_told(house: House, role: str) -> None:
    async with await house.http("5106", role) as http:
        found = await statuses(http, people.COUNTY)
        assert found == (
            [200, 200, 204, 200, 204, 200, 204] if role == "administrator" else [403] * 7
        )
        reads = 200 if permissions.reads_contacts(role) else 403
        assert (await http.get("rosters")).status_code == reads
        assert (await http.get("notification-tables")).status_code == 200


async def test_what_is_beyond_the_scope_is_neither_seen_nor_changed(house: House) -> None:
    await put(house, "channels/mine", SMTP)
    await put(house, f"rosters/{people.COUNTY}", duty("a", channel="mine"))
    await put(house, "rosters/all", duty("a", channel="mine"))
    alarm = await house.raise_alarm(tier=Tier.red)
    async with asyncio.timeout(20):
        while True:
            if await people.notifications(house, alarm):
                break
            await asyncio.sleep(0.05)
    for scope in ("4403", FAR):
        async with await house.http(scope, "administrator") as http:
            found = await statuses(http, people.COUNTY)
            assert found == [409, 404, 404, 404, 404, 404, 404], scope
            for path in ("channels", "rosters", "notifications"):
                assert (await http.get(path)).json()["items"] == [], path
            assert (await http.get(f"rosters/{people.COUNTY}")).status_code == 404
            assert (await http.put("rosters/all", json={})).status_code == 404
    async with await house.http("5106", "administrator") as http:
        assert (await http.put("rosters/all", json={})).status_code == 404
        assert [each["place"] for each in (await http.get("rosters")).json()["items"]] == [
            people.COUNTY
        ]
    async with house.anonymous() as http:
        assert set(await statuses(http, people.COUNTY)) == {401}
        for path in ("channels", "rosters", "notifications", "notification-tables"):
            assert (await http.get(path)).status_code == 401


async def test_what_was_told_is_filtered_paged_and_shows_addresses_to_desks_only(
    house: House, post: Mailbox
) -> None:
    await people.mail(house, post.url)
    await put(house, f"rosters/{NEAR}", duty("a"))
    raised = [await house.raise_alarm(tier=Tier.red) for _ in range(3)]
    await ended(house, enough=lambda all_: len(all_) == 3)
    (seen,) = await people.notifications(house, raised[0], scope="5106", role="viewer")
    assert (seen["person"], seen["address"], seen["answer"]) == ("a", None, None)
    (seen,) = await people.notifications(house, raised[0], scope="5106", role="duty")
    assert seen["address"] == "a@x.cn"
    await put(house, f"rosters/{people.COUNTY}", duty("county"))
    async with await house.http("all", "administrator") as http:
        assert (await http.delete(f"rosters/{NEAR}")).status_code == 204
    foreign = await house.raise_alarm(tier=Tier.red)
    await ended(house, foreign)
    (seen,) = await people.notifications(house, foreign, scope=NEAR, role="enterprise")
    assert (seen["person"], seen["address"]) == ("county", None)
    (seen,) = await people.notifications(house, raised[0], scope=NEAR, role="enterprise")
    assert seen["address"] == "a@x.cn"
    raised.append(foreign)
    async with await house.http("all", "administrator") as http:
        for wanted, count in (
            ({"state": "sent,joined"}, 4),
            ({"state": "failed"}, 0),
            ({"region": "510600", "enterprise": NEAR}, 4),
            ({"region": "440000"}, 0),
        ):
            items = (await http.get("notifications", params=wanted)).json()["items"]
            assert len(items) == count, wanted
        assert (await http.get("notifications", params={"state": "cold"})).status_code == 422
        page = (await http.get("notifications", params={"limit": 2})).json()
        rest = (await http.get("notifications", params={"cursor": page["next"]})).json()
        assert [each["alarm"] for each in page["items"] + rest["items"]] == raised[::-1]
        metrics = await http.get(f"{house.serve.url}/metrics")
    assert 'fengsui_notifications{state="queued"} 0' in metrics.text


async def test_the_doctor_says_how_people_come_to_be_told(
    house: House, fengsui: Callable[..., Command]
) -> None:
    def look() -> Document:
        doctor = fengsui("doctor", "--json", database_url=house.database, http_port=0)
        doctor.wait(60)
        found: Document = {each["name"]: each for each in json.loads(doctor.output())["checks"]}
        return dict(found["notifications"])

    first = look()
    assert (first["verdict"], "PUT /api/v1/channels/" in first["mend"]) == ("warning", True)
    await put(house, "channels/mail", SMTP)
    assert "PUT /api/v1/rosters/" in look()["mend"]
    await put(house, f"rosters/{NEAR}", {"persons": [{"name": "a"}]})
    assert f"without an address: {NEAR} a" in look()["found"]
    await put(house, f"rosters/{NEAR}", duty("a"))
    assert look()["verdict"] == "ok"
