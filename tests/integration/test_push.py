"""The push of alarms against a real server and a real database."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests import beacons
from tests.beacons import FAR, NEAR
from tests.processes import Serve


@pytest.fixture
async def plant(database: str) -> AsyncIterator[str]:
    """A database with both enterprises."""
    await beacons.build(database)
    yield database


@pytest.fixture
def api(fengsui: Callable[..., Serve], plant: str) -> Serve:
    """The API role on it."""
    return beacons.start_api(fengsui, plant)


async def test_a_snapshot_is_followed_by_what_happens_next(plant: str, api: Serve) -> None:
    await beacons.happen(plant, beacons.event(NEAR, "T1"))
    token = await beacons.token(plant, scope="510000")
    async with beacons.client(api, token) as client:
        await client.send(op="subscribe", sub="a", **{"from": "snapshot"})
        frames = await client.until("caught_up")
        assert [f["op"] for f in frames if f["op"] != "heartbeat"] == [
            "subscribed",
            "snapshot_begin",
            "event",
            "snapshot_end",
            "caught_up",
        ]
        await beacons.happen(plant, beacons.event(FAR, "T1"), beacons.event(NEAR, "T2"))
        event = await client.next("event")
        assert event["event"]["subject"] == "T2"
