"""The push of alarms through a restart of the database."""

import asyncio
from collections.abc import Callable

import httpx

from alarms.storage.migrate import migrate
from tests import beacons
from tests.processes import Serve
from tests.servers import Postgres


async def test_a_stream_goes_on_after_the_database_was_restarted(
    fengsui: Callable[..., Serve], postgres: Callable[[], Postgres]
) -> None:
    server = postgres()
    await migrate(server.url)
    await beacons.build(server.url)
    serve = beacons.start_api(fengsui, server.url)
    async with beacons.client(serve, await beacons.token(server.url)) as client:
        await client.send(op="subscribe", sub="a", **{"from": "now"})
        await client.next("caught_up")
        server.kill()
        await asyncio.sleep(0)
        server.start()
        await beacons.happen(server.url, beacons.event(tag="T2"))
        event = await client.next("event", deadline_s=30)
        assert event["event"]["subject"] == "T2"


async def test_without_a_database_every_answer_says_so(
    fengsui: Callable[..., Serve], postgres: Callable[[], Postgres]
) -> None:
    server = postgres()
    await migrate(server.url)
    serve = beacons.start_api(fengsui, server.url)
    token = await beacons.token(server.url)
    server.kill()
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=serve.url, headers=headers, timeout=30) as http:
        for path in ("/api/v1/alarms", "/api/v1/readyz", "/metrics"):
            assert (await http.get(path)).status_code == 503, path
        assert (await http.get("/api/v1/healthz")).status_code == 200
    async with beacons.client(serve, token) as client:
        assert (await client.next("goaway"))["retry_after_s"] >= 1
