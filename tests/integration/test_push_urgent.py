"""The push of alarms: red and orange overtake a backlog, and come again in their place."""

import asyncio
import itertools
import socket

import jsonschema
import pytest

from alarms.alarm import Tier, Transition
from api import schemas
from fengsui.bench import usage
from tests import beacons
from tests.beacons import FAR, NEAR, Client, Document, House, the

_rules = itertools.count()


async def _storm(house: House, count: int, enterprise: str = FAR) -> None:
    """Let a yellow alarm raise and return so many times in all."""
    rule, changes = f"limit.storm{next(_rules)}", (Transition.raised, Transition.returned)
    await beacons.happen(
        house.database,
        *(
            beacons.event(enterprise, change=changes[n % 2], rule=rule, tier=Tier.yellow)
            for n in range(count)
        ),
    )


async def _full(house: House, client: Client, name: str) -> list[Document]:
    """Follow as a named consumer until it owes all it may, and more than it may has happened."""
    await client.send(op="subscribe", sub="a", **{"from": {"consumer": name}})
    await client.next("caught_up")
    await _storm(house, 510)
    return await client.events(500)


async def test_a_red_behind_a_full_window_comes_at_once_and_again_in_its_place(
    house: House,
) -> None:
    async with beacons.client(house.serve, await house.token(FAR)) as client:
        events = await _full(house, client, "urgent")
        red = await house.raise_alarm(FAR, tier=Tier.red)
        urgent = await client.next("urgent", "event", deadline_s=1.5)
        assert (urgent["op"], the(urgent)["id"], "prev" in urgent) == ("urgent", red, False)
        jsonschema.validate(urgent, schemas.standing_alone("UrgentFrame"))
        assert (await client.next())["prev"] == events[-1]["offset"]  # a beat: nothing moved
        await client.send(op="ack", sub="a", offset=urgent["offset"])
        assert (await client.next("error"))["code"] == "ack_ahead"
        await client.send(op="ack", sub="a", offset=events[-1]["offset"])
        rest = await client.until("heartbeat")
    chain = [frame for frame in rest if frame["op"] != "heartbeat"]
    assert [frame["op"] for frame in chain] == ["event"] * 11
    assert (chain[-1]["offset"], the(chain[-1])["id"]) == (urgent["offset"], red)
    offsets = [events[-1]["offset"], *(frame["offset"] for frame in chain)]
    assert [frame["prev"] for frame in chain] == offsets[:-1]


@pytest.mark.parametrize(("tier", "goes_ahead"), [(Tier.orange, True), (Tier.yellow, False)])
async def test_orange_overtakes_and_yellow_waits(
    house: House, tier: Tier, *, goes_ahead: bool
) -> None:
    async with beacons.client(house.serve, await house.token(FAR)) as client:
        await _full(house, client, tier.name)
        await house.raise_alarm(FAR, tier=tier)
        frames = [await client.next() for _ in range(3)]
    assert [frame["op"] for frame in frames].count("urgent") == goes_ahead


async def test_nothing_overtakes_where_nothing_waits(house: House) -> None:
    async with beacons.watching(house, FAR) as client:
        for _ in range(3):
            await _storm(house, 60)
            await house.raise_alarm(FAR, tier=Tier.red)
        ops = [(await client.next("event", "urgent"))["op"] for _ in range(183)]
        ops += [(await client.next())["op"] for _ in range(2)]
    assert set(ops) == {"event", "heartbeat"}


async def test_nothing_overtakes_that_a_scope_or_filter_hides(house: House) -> None:
    async with beacons.client(house.serve, await house.token(FAR)) as client:
        await _full(house, client, "scoped")
        await house.raise_alarm(NEAR, tier=Tier.red)
        mine = await house.raise_alarm(FAR, tier=Tier.red)
        frames = [await client.next() for _ in range(4)]
    assert [the(frame)["id"] for frame in frames if frame["op"] == "urgent"] == [mine]


async def test_a_red_overtakes_what_a_slow_socket_has_not_taken_yet(house: House) -> None:
    host, _, port = house.serve.url.rpartition("/")[2].rpartition(":")
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, (host, int(port)))
    token = await house.token(FAR)
    async with beacons.client(
        house.serve, token, sock=small, max_queue=1, ping_interval=None
    ) as slow:
        await slow.send(op="subscribe", sub="a", **{"from": "now"})
        await slow.next("caught_up")
        async with beacons.watching(house, FAR) as quick:
            for _ in range(20):  # more than the kernel keeps for a socket
                await _storm(house, 400)
            await quick.events(8000, deadline_s=60)
            red = await house.raise_alarm(FAR, tier=Tier.red)
            assert the(await quick.next("event", "urgent"))["id"] == red
        seen: list[Document] = []
        while not seen or seen[-1]["op"] == "urgent" or the(seen[-1])["id"] != red:
            seen.append(await slow.next("event", "urgent", deadline_s=30))
    places = [place for place, frame in enumerate(seen) if frame["op"] == "urgent"]
    assert [the(seen[place])["id"] for place in places] == [red]
    assert len(seen) - places[0] > 1000
    offsets = [frame["offset"] for frame in seen if frame["op"] == "event"]
    assert offsets == list(range(offsets[0], offsets[0] + 8001))


async def test_a_consumer_that_waits_with_a_red_behind_costs_next_to_nothing(house: House) -> None:
    async with beacons.client(house.serve, await house.token(FAR)) as client:
        await _full(house, client, "patient")
        await house.raise_alarm(FAR, tier=Tier.red)
        await client.next("urgent")
        used_s = usage.cpu_s(house.serve.pid)
        for _ in range(3):
            await client.next("heartbeat")
        assert usage.cpu_s(house.serve.pid) - used_s < 1.0


async def test_reds_by_the_hundred_behind_a_full_window_all_come_once(house: House) -> None:
    async with beacons.client(house.serve, await house.token(FAR)) as client:
        await _full(house, client, "many")
        reds = [
            beacons.event(FAR, rule=f"limit.many{number}", tier=Tier.red) for number in range(150)
        ]
        await beacons.happen(house.database, *reds)
        urgent = [await client.next("urgent", deadline_s=2) for _ in reds]
        assert {(await client.next())["op"] for _ in range(2)} == {"heartbeat"}
    offsets = [frame["offset"] for frame in urgent]
    assert offsets == list(range(offsets[0], offsets[0] + 150))
