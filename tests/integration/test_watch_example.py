"""The example in JavaScript follows the log over a killed server, and takes each event once."""

import asyncio
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hatch_build
from tests import beacons, servers
from tests.beacons import NEAR
from tests.processes import Command, Serve

EXAMPLE = Path(__file__).parents[2] / "examples" / "watch.mjs"


async def happen(url: str, count: int) -> None:
    for _ in range(count):
        await beacons.happen(url, beacons.event(NEAR, rule=f"limit.{secrets.token_hex(4)}"))


async def test_the_example_goes_on_where_it_stood_when_the_server_was_killed(
    database: str, fengsui: Callable[..., Any], tmp_path: Path
) -> None:
    await beacons.build(database)
    token = await beacons.token(database, scope="5106", role="platform")
    serve: Serve = await asyncio.to_thread(beacons.start_api, fengsui, database)
    node = hatch_build.find_node("").node
    printed = tmp_path / "printed"

    def lines() -> int:
        return len(printed.read_text(encoding="utf-8").splitlines())

    with printed.open("w") as out:
        # Node.js 20 has the WebSocket of browsers behind a flag; 22 takes the flag as well.
        words = [node, "--experimental-websocket", str(EXAMPLE), serve.url, token, "example"]
        example = subprocess.Popen(words, stdout=out)  # noqa: ASYNC220  the example is a process
        try:
            await happen(database, 10)
            await asyncio.to_thread(
                servers.until, lambda: lines() > 0, deadline_s=30, what="an event"
            )
            serve.kill()
            await happen(database, 10)
            Command.start(serve)
            await happen(database, 5)
            await asyncio.to_thread(
                servers.until, lambda: lines() >= 25, deadline_s=40, what="all 25 events"
            )
        finally:
            example.kill()
            example.wait()
    assert lines() == 25
