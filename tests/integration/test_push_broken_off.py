"""A client that breaks off within a snapshot and comes again ends with every open alarm."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import beacons, servers
from tests.beacons import FAR, Document, House, the
from tests.house import readme_commands

_README = Path(__file__).parents[2] / "README.md"


async def _alarms(house: House, count: int = 6) -> set[str]:
    return {await house.raise_alarm() for _ in range(count)}


async def _all_open(house: House) -> set[str]:
    async with await house.http() as http:
        found = (await http.get("/alarms", params={"open": True, "limit": 1000})).json()
    return {alarm["id"] for alarm in found["items"]}


@pytest.mark.parametrize("dealt_with", [1, 3])
async def test_a_client_killed_within_a_snapshot_resumes_and_has_every_open_alarm(
    house: House, dealt_with: int
) -> None:
    await _alarms(house)
    wanted = await _all_open(house)
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a", **{"from": "snapshot"})
        epoch = (await client.next("subscribed"))["epoch"]
        seen = await client.events(dealt_with)
    # It keeps what every client keeps: the offset of the last frame it dealt with.
    place = f"{epoch}:{seen[-1]['offset']}"
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a", **{"from": place})
        seen += [f for f in await client.until("caught_up") if f["op"] == "event"]
    standing: dict[str, Document] = {}
    for frame in seen:
        alarm = the(frame)
        standing[alarm["id"]] = max(standing.get(alarm["id"], alarm), alarm, key=_rev)
    assert {name for name, alarm in standing.items() if alarm["t_closed"] is None} == wanted


def _rev(alarm: Document) -> int:
    return int(alarm["rev"])


async def test_the_end_of_a_snapshot_is_a_place_to_go_on_after(house: House) -> None:
    await _alarms(house, 1)
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a")
        epoch = (await client.next("subscribed"))["epoch"]
        ended = await client.next("snapshot_end")
    alarm = await house.raise_alarm()
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a", **{"from": f"{epoch}:{ended['offset']}"})
        event = await client.next("event")
    assert (the(event)["id"], event["prev"]) == (alarm, ended["offset"])


async def test_acknowledging_an_event_of_a_snapshot_changes_nothing(house: House) -> None:
    await _alarms(house, 2)
    name = {"consumer": "broken-off"}
    for _ in range(2):
        async with beacons.client(house.serve, await house.token()) as client:
            await client.send(op="subscribe", sub="a", **{"from": name})
            assert (await client.next("subscribed"))["recovered"] is False
            event = await client.next("event")
            await client.send(op="ack", sub="a", offset=event["offset"])
            ended = await client.next("snapshot_end", "error")
            assert ended["op"] == "snapshot_end"
            await client.send(op="unsubscribe", sub="a")
            await client.next("unsubscribed")
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a", **{"from": name})
        ended = await client.next("snapshot_end")
        await client.send(op="ack", sub="a", offset=ended["offset"])
        await client.send(op="unsubscribe", sub="a")
        await client.next("unsubscribed")
        await client.send(op="subscribe", sub="a", **{"from": name})
        assert (await client.next("subscribed"))["recovered"] is True


async def test_an_unusable_from_is_answered_with_the_forms(house: House) -> None:
    async with beacons.client(house.serve, await house.token()) as client:
        await client.send(op="subscribe", sub="a", **{"from": "yesterday"})
        error = await client.next("error")
        assert (error["code"], "<epoch>:<offset>" in error["error"]) == ("bad_frame", True)
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        await client.next("caught_up")


async def test_the_readmes_client_remembers_where_it_was(house: House, tmp_path: Path) -> None:
    text = readme_commands.files(_README.read_text())["city.py"]
    assert "127.0.0.1:8000" in text
    (tmp_path / "city.py").write_text(
        text.replace("ws://127.0.0.1:8000", house.serve.url.replace("http", "ws"))
    )
    token = await house.token(FAR)
    first = await house.raise_alarm(FAR, "T1")
    lines = await _run_city(tmp_path, token, lambda: _kept(house) > 0)
    assert lines
    assert {line.split()[0] for line in lines} == {"0"}
    before = _kept(house)
    assert await house.raise_alarm(FAR, "T2") != first
    lines = await _run_city(tmp_path, token, lambda: _kept(house) > before)
    assert [int(line.split()[0]) for line in lines] == [before + 1]


def _kept(house: House) -> int:
    """Return how far the consumer `city` has acknowledged."""
    with psycopg.connect(house.database) as conn:
        row = conn.execute("select log_offset from consumer where name = 'city'").fetchone()
    return row[0] if row else 0


async def _run_city(folder: Path, token: str, enough: Any) -> list[str]:
    """Run city.py until it has remembered enough; return what it printed."""
    city = await asyncio.create_subprocess_exec(
        sys.executable, "city.py", token, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    try:
        await asyncio.to_thread(servers.until, enough, deadline_s=20, what="a remembered place")
    finally:
        city.kill()
    said, _ = await city.communicate()
    return said.decode().splitlines()
