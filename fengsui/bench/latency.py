"""Measure latency: from PUBLISH of a reading over its limit to the raised event's frame."""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
import numpy as np
from paho.mqtt.client import Client
from psycopg import AsyncConnection
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection

from alarms.storage import accounts, connection, measures
from api import identity
from fengsui.bench import crowd, publisher, report, scratch
from fengsui.bench.crowd import Errand
from fengsui.bench.ingest import serving, until
from fengsui.embedded.postgres import free_port
from fengsui.settings import Settings

_FRAME_S = 30.0
_LONGEST_S = 3600.0
_TAGS = [f"P{number:03d}" for number in range(100)]
_PROTOCOL = "fengsui.alarm.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`samples` alarms, one after the other, `pause_s` apart; each is another point's first.

    Meanwhile other gateways send `load` readings a second, a hundred in a message; so they do
    beside the bare echo, through the same broker.
    """

    samples: int = 300
    pause_s: float = 0.02
    load: int = 10_000


async def measure(settings: Settings, workload: Workload) -> dict[str, object]:
    """Run it, and the bare echo beside it; return the document of contracts.md section 8."""
    async with (
        scratch.servers(settings) as (database_server, broker_url),
        scratch.database(
            database_server,
            scratch.levels(workload.samples),
            *([crowd.country(_others(workload), _TAGS, 1.0)] if workload.load else []),
        ) as database_url,
        await connection.connect(database_url, autocommit=True) as conn,
    ):
        prefix = f"fengsui-bench-{secrets.token_hex(4)}/v1"
        server = Settings(
            database_url=database_url,
            broker_url=broker_url,
            topic_prefix=prefix,
            http_port=free_port(0),
        )
        (gateway, *_), token = scratch.gateways(workload.samples), await _token(conn)
        with_all, load = await _with_all(server, conn, gateway, token, workload)
        async with _loaded(broker_url, f"{prefix}-unheard", workload):
            bare = await _bare(broker_url, f"{prefix}/{gateway}/echo", workload)
        versions = {"database": await measures.server_version(conn)}
    results = {
        f"latency_p{percent}_ms": report.Result(
            value=float(np.percentile(with_all, percent)),
            unit="ms",
            limit=float(np.percentile(bare, percent)),
        )
        for percent in (50, 99)
    }
    shape = msgspec.to_builtins(workload) | {"load_accepted_per_s": round(load)}
    return report.document(results, workload=shape, versions=versions)


async def _with_all(
    server: Settings, conn: AsyncConnection, gateway: str, token: str, workload: Workload
) -> tuple[list[float], float]:
    """Return the milliseconds of each sample through ingest, record and push.

    And how many readings a second were accepted meanwhile.
    """
    topic = f"{server.topic_prefix}/{gateway}/readings"
    url = f"ws://127.0.0.1:{server.http_port}/ws/v1/alarms"
    async with (
        serving(server, conn, gateway=gateway, role="ingest"),
        serving(server, conn, gateway=gateway, role="api"),
        _publisher(server.broker_url or "") as sender,
        await _listening(url, token) as frames,
        _loaded(server.broker_url or "", server.topic_prefix, workload),
    ):
        if workload.load:
            await until(conn, measures.accepted, workload.load)
        before, began = await measures.accepted(conn), time.monotonic()
        spent = [
            await _sample(sender, topic, {"tag": tag, "value": 11.0}, frames, workload.pause_s)
            for tag in scratch.tags(workload.samples)
        ]
        accepted, ended = await measures.accepted(conn), time.monotonic()
    return spent, (accepted - before) / (ended - began)


@asynccontextmanager
async def _loaded(broker_url: str, prefix: str, workload: Workload) -> AsyncIterator[None]:
    """Let other gateways send meanwhile."""
    if not workload.load:
        yield
        return
    errand = Errand(
        broker_url=broker_url,
        prefix=prefix,
        gateways=_others(workload),
        tags=_TAGS,
        every_s=1.0,
        seconds=_LONGEST_S,
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fengsui.bench.crowd",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdin is not None  # noqa: S101  asked for above
        process.stdin.write(msgspec.json.encode(errand))
        process.stdin.close()
        yield
    finally:
        process.terminate()
        await process.wait()


def _others(workload: Workload) -> list[str]:
    return [f"gw-load-{number:04d}" for number in range(workload.load // len(_TAGS))]


async def _bare(broker_url: str, topic: str, workload: Workload) -> list[float]:
    """Return the milliseconds of each sample through the bare echo."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fengsui.bench.echo", broker_url, topic,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None  # noqa: S101  asked for above
        port = int(await process.stdout.readline())
        async with (
            _publisher(broker_url) as sender,
            connect(f"ws://127.0.0.1:{port}") as frames,
        ):
            await asyncio.sleep(0.2)
            return [
                await _sample(sender, topic, {"tag": tag, "value": 11.0}, frames, workload.pause_s)
                for tag in scratch.tags(workload.samples)
            ]
    finally:
        process.terminate()
        await process.wait()


async def _sample(
    sender: Client,
    topic: str,
    reading: dict[str, object],
    frames: Connection,
    pause_s: float,
) -> float:
    """Publish one reading and wait for the frame that speaks of its tag; milliseconds."""
    await asyncio.sleep(pause_s)
    payload = json.dumps({"ts": time.time_ns() // 1_000_000, **reading})
    tag = json.dumps(reading["tag"])
    began = time.perf_counter()
    sender.publish(topic, payload, 1)
    async with asyncio.timeout(_FRAME_S):
        while tag not in str(await frames.recv()):
            pass
    return (time.perf_counter() - began) * 1000


@asynccontextmanager
async def _publisher(broker_url: str) -> AsyncIterator[Client]:
    client = publisher.connected(broker_url)
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


async def _listening(url: str, token: str) -> Connection:
    """Connect as a platform, as soon as the server takes it, and wait for the snapshot's end."""
    end = time.monotonic() + _FRAME_S
    while True:
        try:
            frames = await connect(
                url,
                subprotocols=[_PROTOCOL],  # type: ignore[list-item]  # NewType of str
                additional_headers={"Authorization": f"Bearer {token}"},
            )
        except OSError:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(0.1)
        else:
            break
    await frames.send(json.dumps({"op": "subscribe", "sub": "bench", "from": "snapshot"}))
    while "snapshot_end" not in str(await frames.recv()):
        pass
    return frames


async def _token(conn: AsyncConnection) -> str:
    token = identity.new_token()
    await accounts.create_token(
        conn,
        name="bench",
        token_hash=identity.digest_of(token),
        scope="all",
        role="platform",
        now=datetime.now(UTC),
        expires_at=None,
    )
    return token
