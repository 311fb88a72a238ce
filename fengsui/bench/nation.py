"""Measure a nation's day: every point of the country through one server, at its own slow pace."""

import asyncio
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec
from psycopg import AsyncConnection

from alarms.errors import FengsuiError
from alarms.storage import connection, measures
from fengsui.bench import crowd, report, scratch, usage
from fengsui.bench.crowd import Errand, Went
from fengsui.bench.ingest import serving, until
from fengsui.embedded.postgres import free_port
from fengsui.settings import Settings

_AT_ONCE: Final = 100
"""Enterprises in one registry file: more take more memory, not less time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`points` shared out among `gateways`; each sends all of its own once in `every_s`."""

    points: int = 440_000
    gateways: int = 5_000
    every_s: float = 47.5
    seconds: float = 60.0


@dataclass(slots=True, kw_only=True)
class _Watched:
    """What was seen while the crowd sent: CPU seconds used, most bytes held, longest lag."""

    cpu_s: float = 0.0
    elapsed_s: float = 0.0
    most_bytes: int = 0
    lag_s: float = 0.0


async def measure(settings: Settings, workload: Workload) -> dict[str, object]:
    """Run it all and return the document of contracts.md section 8."""
    crowd.allow_connections(workload.gateways)
    per_gateway = workload.points // workload.gateways
    names = [f"gw-nation-{number:05d}" for number in range(workload.gateways)]
    tags = [f"P{number:03d}" for number in range(per_gateway)]
    async with (
        scratch.servers(settings) as (database_server, broker_url),
        scratch.database(database_server) as database_url,
        await connection.connect(database_url, autocommit=True) as conn,
    ):
        await _register(database_url, names, tags, workload.every_s)
        prefix = f"fengsui-nation-{os.getpid()}/v1"
        with tempfile.TemporaryDirectory() as folder:
            server = Settings(
                database_url=database_url,
                broker_url=broker_url,
                topic_prefix=prefix,
                data_dir=Path(folder),
                http_port=free_port(0),
            )
            async with serving(server, conn, gateway=names[0], role="all") as pid:
                errand = Errand(
                    broker_url=broker_url,
                    prefix=prefix,
                    gateways=names,
                    tags=tags,
                    every_s=workload.every_s,
                    seconds=workload.seconds,
                )
                went, watched = await _watch(conn, errand, pid)
        stored = await measures.stored(conn)
        sent = errand.messages * len(tags)
        if went.acknowledged != errand.messages or stored != sent:
            raise FengsuiError(
                f"{sent} readings in {errand.messages} messages were sent, "
                f"{went.acknowledged} messages acknowledged, {stored} readings stored"
            )
        versions = {"database": await measures.server_version(conn)}
    cores = len(os.sched_getaffinity(0))
    results = {
        "nation_readings_per_s": report.Result(value=sent / workload.seconds, unit="readings/s"),
        "nation_cpu_percent": report.Result(
            value=100 * watched.cpu_s / watched.elapsed_s / cores, unit="% of all cores"
        ),
        "nation_memory_gib": report.Result(value=watched.most_bytes / 2**30, unit="GiB"),
        "nation_lag_s": report.Result(value=watched.lag_s, unit="s"),
        "nation_sender_late_s": report.Result(value=went.late_s, unit="s"),
    }
    return report.document(results, workload=msgspec.to_builtins(workload), versions=versions)


async def _watch(conn: AsyncConnection, errand: Errand, pid: int) -> tuple[Went, _Watched]:
    """Let the crowd send and look at the server's processes once a second until all is stored."""
    sender = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fengsui.bench.crowd",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    sending = asyncio.create_task(sender.communicate(msgspec.json.encode(errand)))
    watched, per_message = _Watched(), len(errand.tags)
    await until(conn, measures.accepted, 1)
    began_s, cpu = time.monotonic(), usage.cpu_s(pid)
    with click.progressbar(length=int(errand.seconds), label="sending", file=sys.stderr) as bar:
        while not sending.done():
            await asyncio.sleep(1.0)
            done = await measures.accepted(conn) / per_message
            due = min((time.monotonic() - began_s) / errand.gap_s, errand.messages)
            watched.lag_s = max(watched.lag_s, (due - done) * errand.gap_s)
            watched.most_bytes = max(watched.most_bytes, usage.resident_bytes(pid))
            bar.update(1)
    watched.elapsed_s = time.monotonic() - began_s
    watched.cpu_s = usage.cpu_s(pid) - cpu
    out, _ = await sending
    if sender.returncode != 0:
        raise FengsuiError("the sender ended before its time; its words stand above")
    return msgspec.json.decode(out, type=Went), watched


async def _register(url: str, names: list[str], tags: list[str], every_s: float) -> None:
    """Register the country, some enterprises at a time."""
    starts = range(0, len(names), _AT_ONCE)
    with click.progressbar(starts, label="registering", file=sys.stderr) as bar:
        for start in bar:
            await scratch.register(
                url, crowd.country(names[start : start + _AT_ONCE], tags, every_s)
            )
