"""People are told: over a real mail server and real HTTP, once, in order, through crashes."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from alarms.alarm import Tier, Transition
from alarms.storage import alarms, connection
from api import chats
from tests import beacons, people, servers
from tests.beacons import FAR, NEAR, House
from tests.desks import CITY, done, proposed
from tests.mailbox import Mailbox, mailbox
from tests.people import Document, duty, ended, put, shortly
from tests.processes import Command
from tests.receiving import Receiver, receiver

MINUTE = 60_000_000


@pytest.fixture(scope="module")
def post() -> Iterator[Mailbox]:
    """A mail server."""
    with mailbox() as made:
        yield made


@pytest.fixture
def robot() -> Iterator[Receiver]:
    """A chat's robot, or a platform's address."""
    with receiver() as made:
        made.status = 200
        made.said = b'{"errcode":0,"errmsg":"ok","code":0}'
        yield made


@pytest_asyncio.fixture(autouse=True)
async def fresh(house: House, post: Mailbox) -> AsyncIterator[None]:
    """Nobody is known, but for a mail server."""
    post.letters.clear()
    post.refused.clear()
    post.busy = False
    await people.nobody(house)
    await people.mail(house, post.url)
    yield
    await people.nobody(house)


def now() -> int:
    return time.time_ns() // 1000


async def enterprise(house: House, **roster: object) -> None:
    """Let the enterprise have its three responsible persons, a desk and a site supervisor."""
    named = duty("guard", supervisor="foreman")
    named["persons"] += duty("op", "tech", "boss")["persons"]
    await put(house, f"rosters/{NEAR}", {**named, **roster})
    await people.responsible(house, operation="op", technical="tech", principal="boss")


async def test_a_red_alarm_is_mailed_at_once_to_the_responsible_and_the_desk(
    house: House, post: Mailbox
) -> None:
    await enterprise(house)
    alarm = await house.raise_alarm(tier=Tier.red)
    found = await ended(house, alarm)
    assert shortly(found, "target", "person", "channel", "address", "state", "attempts") == [
        ("responsible:operation", "op", "mail", "op@x.cn", "sent", 1),
        ("responsible:technical", "tech", "mail", "tech@x.cn", "sent", 1),
        ("responsible:principal", "boss", "mail", "boss@x.cn", "sent", 1),
        ("duty:enterprise", "guard", "mail", "guard@x.cn", "sent", 1),
    ]
    (letter,) = post.to("boss@x.cn")
    assert letter["Subject"] == f"红色报警 发生：某企业 {NEAR} 罐区"
    assert (letter["From"], letter["Auto-Submitted"]) == ("fs@x.cn", "auto-generated")
    assert "液位高" in letter.get_content()
    assert f"编号：{alarm}" in letter.get_content()
    assert found[0]["words"]["en"]["title"] == f"Red alarm raised: 某企业 {NEAR} 罐区"


async def test_nobody_acknowledges_and_level_after_level_is_told(
    house: House, post: Mailbox
) -> None:
    await enterprise(house)
    await put(house, f"rosters/{people.COUNTY}", duty("county"))
    await put(house, f"rosters/{people.PROVINCE}", duty("province"))
    alarm = await house.raise_alarm(tier=Tier.red)
    await ended(house, alarm)
    async with await connection.connect(house.database) as conn:
        await alarms.due(conn, now=now() + 11 * MINUTE)
    found = await ended(house, alarm, enough=lambda all_: len(all_) >= 7)
    assert shortly(found[4:], "moment", "target", "person", "note") == [
        ("step1", "supervisor:enterprise", "foreman", ""),
        ("step2", "duty:county", "county", ""),
        ("step3", "duty:province", "province", "duty:city: no roster"),
    ]
    (letter,) = post.to("province@x.cn")
    assert "说明：市级值班没有值班表" in letter.get_content()
    async with await house.http("all", "administrator") as http:
        assert (await http.post(f"alarms/{alarm}/acknowledge", json={})).status_code == 200
    event = beacons.event(
        change=Transition.returned, tier=Tier.red, rule=await rule_of(house, alarm)
    )
    await beacons.happen(house.database, event)
    found = await ended(house, alarm, enough=lambda all_: len(all_) >= 14)
    assert {each["moment"] for each in found[7:]} == {"returned"}
    assert {each["person"] for each in found[7:]} == {each["person"] for each in found[:7]}


async def rule_of(house: House, alarm: str) -> str:
    async with await connection.connect(house.database) as conn:
        row = await (
            await conn.execute("select rule from alarm where id = %s", (alarm,))
        ).fetchone()
    assert row is not None
    return str(row[0])


async def test_nobody_to_be_told_is_in_the_record_with_all_that_was_tried(house: House) -> None:
    alarm = await house.raise_alarm(tier=Tier.red)
    (found,) = await ended(house, alarm)
    assert (found["state"], found["target"], found["channel"]) == ("nobody", "nobody", None)
    assert "duty:county: no roster" in found["note"]
    assert "duty:server: no roster" in found["note"]


async def test_a_mailbox_that_refuses_a_red_one_lets_the_next_level_be_told(
    house: House, post: Mailbox
) -> None:
    await put(house, f"rosters/{NEAR}", duty("guard"))
    await put(house, f"rosters/{people.COUNTY}", duty("county"))
    post.refused = {"guard@x.cn"}
    alarm = await house.raise_alarm(tier=Tier.red)
    found = await ended(house, alarm, enough=lambda all_: len(all_) >= 2)
    assert shortly(found, "person", "state") == [("guard", "failed"), ("county", "sent")]
    assert found[0]["answer"].startswith("refused: 550")
    assert found[1]["note"] == "duty:enterprise: could not be told"


async def test_a_busy_server_is_asked_again(house: House, post: Mailbox) -> None:
    await put(house, f"rosters/{NEAR}", duty("guard"))
    post.busy = True
    alarm = await house.raise_alarm(tier=Tier.red)
    async with asyncio.timeout(20):
        while True:
            found = await people.notifications(house, alarm)
            if found and found[0]["attempts"]:
                break
            await asyncio.sleep(0.05)
    assert (found[0]["state"], "451" in found[0]["answer"]) == ("queued", True)
    post.busy = False
    found = await ended(house, alarm)
    assert (found[0]["state"], found[0]["attempts"] > 1) == ("sent", True)


async def test_a_storm_is_one_message_that_names_the_number_and_nothing_is_hidden(
    house: House, post: Mailbox
) -> None:
    await put(house, f"rosters/{NEAR}", duty("guard"))
    events = [beacons.event(rule=f"limit.storm{n}") for n in range(40)]
    await beacons.happen(house.database, *events)
    found = await ended(house, enough=lambda all_: len(all_) == 40)
    assert sorted(each["state"] for each in found) == ["joined"] * 39 + ["sent"]
    (first,) = [each for each in found if each["state"] == "sent"]
    assert {each["joined_to"] for each in found if each is not first} == {first["id"]}
    (letter,) = post.to("guard@x.cn")
    assert "共 40 条" in letter["Subject"]
    assert letter.get_content().count("橙色报警 发生") == 40


async def test_what_returns_in_the_very_transaction_it_was_raised_in_is_told_as_over_too(
    house: House, post: Mailbox
) -> None:
    await put(house, f"rosters/{NEAR}", duty("guard"))
    await beacons.happen(house.database, *beacons.flip_flop(2))
    found = await ended(house, enough=lambda all_: len(all_) == 2)
    assert shortly(found, "moment", "state") == [("raised", "sent"), ("returned", "joined")]
    (letter,) = post.to("guard@x.cn")
    assert "已恢复正常" in letter.get_content()


async def test_an_exercise_is_told_only_where_the_region_says_so_and_says_so_first(
    house: House, post: Mailbox
) -> None:
    await put(house, f"rosters/{FAR}", duty("drill"))
    quiet = await house.raise_alarm(FAR, tier=Tier.red)
    real = await house.raise_alarm(tier=Tier.red)
    await ended(house, real)
    assert await people.notifications(house, quiet) == []
    await put(house, "notification-tables/440305", {"simulated": True})
    loud = await house.raise_alarm(FAR, tier=Tier.red)
    await ended(house, loud)
    (letter,) = post.to("drill@x.cn")
    assert letter["Subject"].startswith("【演练】红色报警")


async def test_a_warning_is_told_from_its_proposal_to_its_end(house: House) -> None:
    await put(house, f"rosters/{people.CITY}", duty("city"))
    await put(house, f"rosters/{people.COUNTY}", duty("county"))
    warning = await proposed(house)
    first = await ended(house, warning["id"])
    assert shortly(first, "moment", "target", "kind") == [("proposed", "duty:city", "warning")]
    await done(house, CITY, warning, "issue")
    found = await ended(house, warning["id"], enough=lambda all_: len(all_) >= 3)
    assert sorted(shortly(found[1:], "moment", "person")) == [
        ("issued", "city"),
        ("issued", "county"),
    ]
    await done(house, CITY, warning, "lift", note="演练结束")
    found = await ended(house, warning["id"], enough=lambda all_: len(all_) >= 5)
    assert sorted(shortly(found[3:], "moment", "person")) == [
        ("lifted", "city"),
        ("lifted", "county"),
    ]
    assert "预警" in found[1]["words"]["zh"]["title"]


async def chat(house: House, kind: str, robot: Receiver, secret: str | None = None) -> None:
    wish: Document = {"kind": kind, "url": f"{robot.url}?key=verysecret"}
    await put(house, f"channels/{kind}", wish | ({"secret": secret} if secret else {}))
    roster = duty("a", "b", channel=kind)
    for person, number in zip(roster["persons"], ("138", "139"), strict=True):
        person["addresses"][0]["to"] = number
    await put(house, f"rosters/{NEAR}", roster)


@pytest.mark.parametrize("kind", ["dingtalk", "wecom", "feishu"])
async def test_a_group_is_told_once_and_calls_everybody_on_duty(
    house: House, robot: Receiver, kind: str
) -> None:
    secret = None if kind == "wecom" else "SECabc"
    await chat(house, kind, robot, secret)
    alarm = await house.raise_alarm(tier=Tier.red)
    found = await ended(house, alarm)
    assert sorted(shortly(found, "person", "state")) == [("a", "sent"), ("b", "joined")]
    (delivery,) = robot.deliveries
    body = json.loads(delivery.body)
    query = parse_qs(urlsplit(robot.paths[0]).query)
    assert query["key"] == ["verysecret"]
    assert "verysecret" not in house.serve.errors()
    match kind:
        case "dingtalk":
            text = body["text"]["content"]
            assert body == {
                "msgtype": "text",
                "text": {"content": text},
                "at": {"atMobiles": ["138", "139"], "isAtAll": False},
            }
            (stamp,) = query["timestamp"]
            right = hmac.new(b"SECabc", f"{stamp}\nSECabc".encode(), hashlib.sha256).digest()
            assert query["sign"] == [base64.b64encode(right).decode()]
            assert abs(int(stamp) - time.time() * 1000) < 60_000
        case "wecom":
            text = body["text"]["content"]
            wanted = {"content": text, "mentioned_mobile_list": ["138", "139"]}
            assert body == {"msgtype": "text", "text": wanted}
        case _:
            text = body["content"]["text"]
            assert text.startswith('<at user_id="138"></at><at user_id="139"></at>')
            right = hmac.new(f"{body['timestamp']}\nSECabc".encode(), b"", hashlib.sha256).digest()
            assert body["sign"] == base64.b64encode(right).decode()
            assert set(body) == {"timestamp", "sign", "msg_type", "content"}
            assert abs(int(body["timestamp"]) - time.time()) < 60
    assert "红色报警 发生" in text


async def test_a_robots_refusal_is_in_the_record(house: House, robot: Receiver) -> None:
    await chat(house, "dingtalk", robot)
    robot.said = b'{"errcode":310000,"errmsg":"keywords not in content"}'
    alarm = await house.raise_alarm(tier=Tier.red)
    found = await ended(house, alarm, enough=lambda all_: len(all_) >= 3)
    assert shortly(found, "state")[:2] == [("failed",), ("failed",)]
    assert found[0]["answer"] == "310000 keywords not in content"
    assert found[2]["state"] == "nobody"


async def test_a_webhook_is_signed_and_a_template_makes_it_anybodys(
    house: House, robot: Receiver
) -> None:
    key = base64.b64encode(b"k" * 32).decode()
    hook = {"kind": "webhook", "url": robot.url, "secret": f"whsec_{key}"}
    await put(house, "channels/hook", hook)
    sms = {"kind": "webhook", "url": robot.url, "template": {"to": "{to}", "m": ["{title}"]}}
    await put(house, "channels/sms", sms)
    roster = duty("a")
    roster["persons"][0]["addresses"] = [{"channel": "hook"}, {"channel": "sms", "to": "138"}]
    await put(house, f"rosters/{NEAR}", roster)
    alarm = await house.raise_alarm(tier=Tier.red)
    await ended(house, alarm)
    bodies = {"webhook-id" in each.headers: each for each in robot.deliveries}
    plain, signed = json.loads(bodies[False].body), bodies[True]
    assert plain == {"to": "138", "m": [f"红色报警 发生：某企业 {NEAR} 罐区"]}
    stamp, name = signed.headers["webhook-timestamp"], signed.headers["webhook-id"]
    right = hmac.new(b"k" * 32, f"{name}.{stamp}.".encode() + signed.body, hashlib.sha256).digest()
    assert signed.headers["webhook-signature"] == f"v1,{base64.b64encode(right).decode()}"
    (notice,) = json.loads(signed.body)["notices"]
    assert (notice["alarm"], notice["target"], notice["moment"]) == (
        *(alarm, "duty:enterprise"),
        "raised",
    )


async def test_killed_between_sending_and_its_commit_it_is_sent_again_under_one_id(
    house: House, robot: Receiver
) -> None:
    await put(house, "channels/hook", {"kind": "webhook", "url": robot.url})
    await put(house, f"rosters/{NEAR}", duty("guard", channel="hook"))
    robot.holds.set()
    alarm = await house.raise_alarm(tier=Tier.red)
    await asyncio.to_thread(
        servers.until, lambda: robot.deliveries, deadline_s=30, what="a first sending"
    )
    house.serve.kill()
    robot.holds.clear()
    Command.start(house.serve)
    await answering(house)
    (found,) = await ended(house, alarm)
    assert (found["state"], found["attempts"]) == ("sent", 1)
    first, second = (json.loads(each.body)["id"] for each in robot.deliveries)
    assert first == second


async def answering(house: House) -> None:
    await asyncio.to_thread(
        servers.until, lambda: beacons.lives(house.serve), deadline_s=60, what="the server"
    )


async def test_killed_again_and_again_everybody_is_told_of_every_alarm_once(
    house: House, post: Mailbox
) -> None:
    await put(house, f"rosters/{NEAR}", duty("guard"))
    raised = []
    for _ in range(3):
        raised += [await house.raise_alarm(tier=Tier.red) for _ in range(10)]
        house.serve.kill()
        raised += [await house.raise_alarm(tier=Tier.red) for _ in range(2)]
        Command.start(house.serve)
        await answering(house)
    found = await ended(house, enough=lambda all_: len(all_) >= len(raised), deadline_s=60)
    assert sorted(each["alarm"] for each in found) == sorted(raised)
    assert {each["state"] for each in found} <= {"sent", "joined"}
    messages = sum(each["state"] == "sent" for each in found)
    assert messages <= len(post.to("guard@x.cn")) <= messages + 3  # one in flight at each kill


async def test_what_is_old_and_over_after_a_stop_is_set_aside_and_what_stands_is_told(
    house: House, post: Mailbox
) -> None:
    await put(house, f"rosters/{NEAR}", duty("guard"))
    house.serve.kill()
    ago = now() - 60 * MINUTE
    over, standing = (f"limit.old{n}" for n in range(2))
    async with await connection.connect(house.database) as conn:
        for rule in (over, standing):
            event = beacons.event(tier=Tier.red, rule=rule, moment=ago)
            await alarms.apply_events(conn, [event], now=ago)
        await conn.execute("update alarm set t_closed = now() where rule = %s", (over,))
    Command.start(house.serve)
    await answering(house)
    found = await ended(house, enough=lambda all_: len(all_) == 2)
    assert shortly(found, "state") == [("stale",), ("sent",)]
    assert len(post.to("guard@x.cn")) == 1


async def test_a_robot_gets_no_more_messages_than_it_takes(house: House, robot: Receiver) -> None:
    await chat(house, "wecom", robot)
    for count in (1, 2, 3):
        alarm = await house.raise_alarm(tier=Tier.red)
        if count == 1:
            await ended(house, alarm)
            began = time.monotonic()
    await ended(house, enough=lambda all_: len(all_) == 6)
    assert time.monotonic() - began >= chats.PACE_S - 0.5
    assert len(robot.deliveries) == 2
