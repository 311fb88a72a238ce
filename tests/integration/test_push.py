"""The push of alarms: snapshots, events, scopes, filters, commands."""

import asyncio
import time

import jsonschema
import pytest

from alarms.alarm import Tier, Transition
from api import schemas
from tests import beacons
from tests.beacons import FAR, NEAR, House, the, watching

_SCHEMA_OF = {
    "subscribed": "SubscribedFrame",
    "snapshot_begin": "SnapshotBeginFrame",
    "snapshot_end": "SnapshotEndFrame",
    "event": "EventFrame",
    "caught_up": "CaughtUpFrame",
    "heartbeat": "HeartbeatFrame",
    "result": "ResultFrame",
    "error": "ErrorFrame",
    "goaway": "GoawayFrame",
    "unsubscribed": "UnsubscribedFrame",
}


async def test_a_snapshot_shows_what_is_open_red_first_and_then_what_happens(
    house: House,
) -> None:
    for tier in (Tier.blue, Tier.red, Tier.yellow):
        await house.raise_alarm(tier=tier)
    async with beacons.client(house.serve, await house.token("5106")) as client:
        await client.send(op="subscribe", sub="a", **{"from": "snapshot"})
        frames = [f for f in await client.until("caught_up") if f["op"] != "heartbeat"]
        ops = [frame["op"] for frame in frames]
        assert ops[:2] == ["subscribed", "snapshot_begin"]
        assert ops[-2:] == ["snapshot_end", "caught_up"]
        tiers = [Tier[the(frame)["tier"]] for frame in frames if frame["op"] == "event"]
        assert tiers == sorted(tiers, reverse=True)
        within = [frame for frame in frames if frame["op"] == "event"]
        assert {(f["offset"], f["prev"], f["snapshot"]) for f in within} == {(0, 0, True)}
        assert frames[-2]["offset"] == frames[1]["offset"]
        alarm = await house.raise_alarm()
        event = await client.next("event")
        assert the(event)["id"] == alarm
        assert event["prev"] == frames[1]["offset"]
        assert "snapshot" not in event


async def test_every_frame_keeps_its_published_schema(house: House) -> None:
    alarm = await house.raise_alarm()
    seen: set[str] = set()
    async with beacons.client(house.serve, await house.token("all", "operator")) as client:
        await client.send(op="subscribe", sub="a")
        await client.send(op="command", id="1", alarm=alarm, action="acknowledge", rev=1)
        await client.send(op="nonsense")
        await client.send(op="unsubscribe", sub="none")
        await client.send(op="subscribe", sub="b", **{"from": "now"})
        await client.send(op="unsubscribe", sub="b")
        async with asyncio.timeout(10):
            while not set(_SCHEMA_OF) - {"goaway"} <= seen:
                frame = await client.next()
                seen.add(frame["op"])
                name = _SCHEMA_OF[frame["op"]]
                jsonschema.validate(frame, schemas.standing_alone(name))


@pytest.mark.parametrize(
    ("scope", "sees"), [("510000", True), ("5106", True), (NEAR, True), ("44", False), (FAR, False)]
)
async def test_a_token_sees_only_what_its_scope_covers(
    house: House, scope: str, sees: bool
) -> None:
    async with watching(house, scope) as client:
        near = await house.raise_alarm(NEAR)
        far = await house.raise_alarm(FAR)
        event = await client.next("event")
        assert the(event)["id"] == (near if sees else far)


async def test_a_snapshot_keeps_to_the_scope_too(house: House) -> None:
    await house.raise_alarm(NEAR)
    await house.raise_alarm(FAR)
    async with beacons.client(house.serve, await house.token(FAR)) as client:
        await client.send(op="subscribe", sub="a")
        frames = await client.until("caught_up")
    seen = {the(frame)["enterprise"] for frame in frames if frame["op"] == "event"}
    assert seen == {FAR}


async def test_a_filter_narrows_by_region_tier_and_kind(house: House) -> None:
    wanted = {"region": "510600", "tier_min": "orange", "kinds": ["limit"]}
    async with watching(house, "all", filter=wanted) as client:
        await house.raise_alarm(FAR, tier=Tier.red)
        await house.raise_alarm(NEAR, tier=Tier.yellow)
        alarm = await house.raise_alarm(NEAR, tier=Tier.orange)
        assert the(await client.next("event"))["id"] == alarm


async def test_who_saw_an_alarm_above_tier_min_also_sees_it_fall(house: House) -> None:
    async with watching(house, "all", filter={"tier_min": "orange"}) as client:
        rule = "limit.falls"
        await beacons.happen(house.database, beacons.event(rule=rule, tier=Tier.orange))
        await beacons.happen(
            house.database,
            beacons.event(rule=rule, tier=Tier.yellow, change=Transition.tier_down),
        )
        types = [frame["event"]["type"] for frame in await client.events(2)]
    assert types == ["cn.fengsui.alarm.raised", "cn.fengsui.alarm.tier_down"]


async def test_t_pushed_is_the_moment_of_sending(house: House) -> None:
    async with watching(house) as client:
        await house.raise_alarm()
        data = the(await client.next("event"))
    assert data["t_pushed"] >= data["t_committed"]


async def test_a_heartbeat_each_second_tells_the_newest_offset(house: House) -> None:
    async with watching(house) as client:
        await house.raise_alarm()
        event = await client.next("event")
        began = time.monotonic()
        beats = [await client.next("heartbeat") for _ in range(3)]
        assert 1.5 < time.monotonic() - began < 6
    assert beats[-1]["prev"] == event["offset"]
    assert beats[-1]["head"] >= event["offset"]


async def test_several_subscriptions_share_a_socket(house: House) -> None:
    async with watching(house) as client:
        await client.send(op="subscribe", sub="近", filter={"enterprise": NEAR}, **{"from": "now"})
        await client.next("caught_up")
        alarm = await house.raise_alarm(NEAR)
        events = await client.events(2)
    assert {frame["sub"] for frame in events} == {"a", "近"}
    assert {the(frame)["id"] for frame in events} == {alarm}


async def test_a_command_answers_as_rest_does(house: House) -> None:
    alarm = await house.raise_alarm()
    async with watching(house, "5106", "operator") as client:
        await client.send(op="command", id="1", alarm=alarm, action="acknowledge", rev=1)
        frames = [await client.next("result", "event") for _ in range(2)]
        result = next(frame for frame in frames if frame["op"] == "result")
        assert (result["id"], result["ok"], result["status"]) == ("1", True, 200)
        assert result["alarm"]["state"] == "ACKED"
        event = next(frame for frame in frames if frame["op"] == "event")
        assert event["event"]["type"] == "cn.fengsui.alarm.acknowledged"


async def test_a_receipt_over_the_socket_is_its_levels_own(house: House) -> None:
    alarm = await house.raise_alarm()
    async with watching(house, "5106", "duty") as client:
        await client.send(op="command", id="1", alarm=alarm, action="receipt", rev=1)
        frames = [await client.next("result", "event") for _ in range(2)]
        event = next(frame for frame in frames if frame["op"] == "event")["event"]
    assert event["type"] == "cn.fengsui.alarm.receipt"
    assert [level for level, ack in event["data"]["acks"].items() if ack] == ["city"]
    assert event["data"]["state"] == "UNACK"


@pytest.mark.parametrize(
    ("scope", "role", "status"), [("44", "operator", 404), ("5106", "duty", 403)]
)
async def test_a_command_past_scope_or_role_is_refused(
    house: House, scope: str, role: str, status: int
) -> None:
    alarm = await house.raise_alarm(NEAR)
    async with beacons.client(house.serve, await house.token(scope, role)) as client:
        await client.send(op="command", id="1", alarm=alarm, action="acknowledge", rev=1)
        result = await client.next("result")
    assert (result["ok"], result["status"]) == (False, status)
