"""The push of alarms misses nothing: resume, chains, consumers, slow clients, a stop."""

import asyncio
import socket
import time
from collections.abc import Callable

import pytest

from alarms.alarm import Tier, Transition
from tests import beacons
from tests.beacons import FAR, NEAR, Document, House, the, watching
from tests.processes import Serve


async def _head(house: House) -> Document:
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        frame = await client.next("subscribed")
    return {"epoch": frame["epoch"], "offset": frame["offset"]}


async def test_a_client_that_resumes_misses_nothing_and_gets_nothing_twice(house: House) -> None:
    total, writers = 400, 4
    start = await _head(house)

    async def write(number: int) -> None:
        for one in beacons.flip_flop(total // writers, tag=f"T{number % 3 + 1}"):
            rule = f"limit.writer{number}"
            changed = beacons.event(tag=f"T{number % 3 + 1}", change=one.change, rule=rule)
            await beacons.happen(house.database, changed)

    token = await house.token()
    seen: list[int] = []
    position = start
    async with asyncio.TaskGroup() as writing:
        for number in range(writers):
            writing.create_task(write(number))
        while len(seen) < total:
            async with beacons.client(house.serve, token) as client:
                await client.send(op="subscribe", sub="a", **{"from": position})
                subscribed = await client.next("subscribed")
                assert subscribed["recovered"]
                for _ in range(min(37, total - len(seen))):
                    frame = await client.next("event", deadline_s=30)
                    assert frame["prev"] == position["offset"]
                    position["offset"] = frame["offset"]
                    seen.append(frame["offset"])
    assert len(set(seen)) == total
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] == total - 1


async def test_the_prev_chain_skips_what_the_filter_hides(house: House) -> None:
    async with watching(house, NEAR) as client:
        await house.raise_alarm(NEAR)
        first = await client.next("event")
        for _ in range(3):
            await house.raise_alarm(FAR)
        await house.raise_alarm(NEAR)
        second = await client.next("event")
    assert second["prev"] == first["offset"]
    assert second["offset"] - first["offset"] == 4


@pytest.mark.parametrize("offset", [10**12, None])
async def test_an_impossible_resume_is_answered_with_a_snapshot(
    house: House, offset: int | None
) -> None:
    await house.raise_alarm()
    head = await _head(house)
    start = head | ({"epoch": "another"} if offset is None else {"offset": offset})
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a", **{"from": start})
        frames = await client.until("snapshot_end")
    assert frames[0]["recovered"] is False
    assert any(frame["op"] == "event" for frame in frames)


async def test_a_client_behind_the_memory_reads_the_table(house: House) -> None:
    """The server has just started in other tests' eyes: its memory begins after the first rows."""
    head = await _head(house)
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a", **{"from": head | {"offset": 0}})
        frames = await client.until("caught_up")
    offsets = [frame["offset"] for frame in frames if frame["op"] == "event"]
    assert offsets[: head["offset"]] == list(range(1, head["offset"] + 1))


async def test_a_named_consumer_goes_on_where_it_acknowledged(house: House) -> None:
    name = {"consumer": "province-51"}
    async with beacons.client(house.serve, await house.token("510000")) as client:
        await client.send(op="subscribe", sub="a", **{"from": name})
        await client.next("snapshot_end")
        made = [await house.raise_alarm() for _ in range(3)]
        events = await client.events(3)
        await client.send(op="ack", sub="a", offset=events[0]["offset"])
        await client.send(op="unsubscribe", sub="a")
        await client.next("unsubscribed")
    async with beacons.client(house.serve, await house.token("510000")) as client:
        await client.send(op="subscribe", sub="a", **{"from": name})
        assert (await client.next("subscribed"))["recovered"] is True
        again = await client.events(2)
    assert [the(frame)["id"] for frame in again] == made[1:]


async def test_a_named_consumer_waits_at_500_unacknowledged_and_loses_nothing(
    house: House,
) -> None:
    async with beacons.client(house.serve, await house.token("44")) as client:
        await client.send(op="subscribe", sub="a", **{"from": {"consumer": "w"}})
        await client.next("caught_up")
        rule = "limit.window"
        changes = (Transition.raised, Transition.returned)
        await beacons.happen(
            house.database,
            *(
                beacons.event(FAR, change=changes[n % 2], rule=rule, tier=Tier.yellow)
                for n in range(600)
            ),
        )
        events = await client.events(500)
        quiet = [await client.next() for _ in range(2)]
        assert {frame["op"] for frame in quiet} == {"heartbeat"}
        await client.send(op="ack", sub="a", offset=events[-1]["offset"])
        rest = await client.events(100)
    offsets = [frame["offset"] for frame in events + rest]
    assert offsets == list(range(offsets[0], offsets[0] + 600))


async def test_an_acknowledgement_of_what_was_not_sent_is_an_error(house: House) -> None:
    async with watching(house) as client:
        await client.send(op="ack", sub="a", offset=10**9)
        assert (await client.next("error"))["code"] == "ack_ahead"


async def test_a_consumer_serves_one_socket_at_a_time(house: House) -> None:
    start = {"consumer": "one"}
    async with watching(house, start=start) as first, watching(house, start=start):
        assert (await first.next("error"))["code"] == "consumer_taken"


async def test_a_slow_client_slows_nobody(house: House) -> None:
    token = await house.token()
    host, _, port = house.serve.url.rpartition("/")[2].rpartition(":")
    slow_socket = socket.socket()
    slow_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow_socket.setblocking(False)
    await asyncio.get_running_loop().sock_connect(slow_socket, (host, int(port)))
    async with beacons.client(
        house.serve, token, sock=slow_socket, max_queue=1, ping_interval=None
    ) as slow:
        await slow.send(op="subscribe", sub="a", **{"from": "now"})
        await slow.next("caught_up")
        async with watching(house) as quick:
            changes = (Transition.raised, Transition.returned)
            for part in range(10):
                began = time.monotonic()
                await beacons.happen(
                    house.database,
                    *(
                        beacons.event(change=changes[n % 2], rule=f"limit.slow{part}")
                        for n in range(200)
                    ),
                )
                await quick.events(200)
                assert time.monotonic() - began < 5
        # It was only slow: everything is still there for it, in order.
        offsets = [frame["offset"] for frame in await slow.events(2000, deadline_s=30)]
    assert offsets == list(range(offsets[0], offsets[0] + 2000))


async def test_a_server_that_stops_says_so_first(
    fengsui: Callable[..., Serve], database: str
) -> None:
    await beacons.build(database)
    serve = beacons.start_api(fengsui, database)
    async with beacons.client(serve, await beacons.token(database)) as client:
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        await client.next("caught_up")
        stopping = asyncio.create_task(asyncio.to_thread(serve.stop))
        assert (await client.next("goaway"))["retry_after_s"] >= 1
        assert await client.closed() == 1012
        assert await stopping == 0
