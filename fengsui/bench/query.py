"""Measure trends: a point's year from roll-ups and a day of its readings, among all the others'."""

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from psycopg import AsyncConnection

from alarms.storage import connection, measures, packing, partitions, plant, rollups, trends
from fengsui import embedded
from fengsui.bench import report, scratch
from fengsui.settings import Settings

_AT_ONCE = 1_000_000
_YEAR = timedelta(days=365)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """`readings` of `points`, one each `period_s`, up to now; then `queries` of each kind."""

    points: int = 100
    readings: int = 1_000_000
    period_s: float = 10.0
    queries: int = 200
    seed: int = 1


async def measure(settings: Settings, workload: Workload) -> dict[str, object]:
    """Fill a record, roll it up, ask; return the document of contracts.md section 8."""
    async with (
        embedded.servers(settings, broker=False) as served,
        scratch.database(served.database_url, scratch.levels(workload.points)) as url,
        await connection.connect(url, autocommit=True) as conn,
    ):
        end = datetime.now(UTC).replace(second=0, microsecond=0)
        start = await fill(conn, workload, end)
        rolled_s = await roll_up(conn, end)
        while await packing.pack(conn, url) is not None:
            pass
        await measures.vacuum(conn)
        stored = await measures.stored(conn)
        size = await measures.reading_bytes(conn)
        rolled = await measures.rollup_bytes(conn)
        packed, held = await measures.ended_bytes(conn, end - packing.GRACE)
        await add_year(conn, start, end)
        times = await ask(conn, workload, start, end)
        versions = {"database": await measures.server_version(conn)}
    results = {
        "query_trend_p95_ms": _p95([*times["year"], *times["day"]]),
        **{f"query_{kind}_p95_ms": _p95(found) for kind, found in times.items()},
        "ingest_bytes_per_reading": report.Result(value=(size + rolled) / stored, unit="bytes"),
        "ingest_raw_bytes_per_reading": report.Result(value=size / stored, unit="bytes"),
        "rollup_readings_per_s": report.Result(value=stored / rolled_s, unit="readings/s"),
    }
    if held:
        results["ingest_packed_bytes_per_reading"] = report.Result(
            value=packed / held, unit="bytes"
        )
    return report.document(results, workload=msgspec.to_builtins(workload), versions=versions)


async def fill(conn: AsyncConnection, workload: Workload, end: datetime) -> datetime:
    """Store the readings, in the order of time; return when the first of them is."""
    step = timedelta(seconds=workload.period_s)
    rounds = -(-workload.readings // workload.points)
    start = end - rounds * step
    await partitions.ensure(conn, "reading", partitions.months_between(start, end))
    at_once = max(1, _AT_ONCE // workload.points) * step
    first = start
    while first < end:
        await measures.fill(conn, first, min(first + at_once, end), step)
        first += at_once
    return start


async def roll_up(conn: AsyncConnection, end: datetime) -> float:
    """Roll everything up as the server does; return the seconds it took."""
    began = time.perf_counter()
    await measures.owe_all(conn, end + timedelta(minutes=1))
    while (await rollups.settle(conn)).more:
        pass
    return time.perf_counter() - began


async def add_year(conn: AsyncConnection, start: datetime, end: datetime) -> None:
    """Add the roll-ups of a year before the readings began, and bring all to rest."""
    for table in rollups.tables():
        await partitions.ensure(conn, table, partitions.months_between(end - _YEAR - _DAY, end))
    await measures.fill_rollups(conn, end - _YEAR, start)
    await measures.vacuum(conn)


async def ask(
    conn: AsyncConnection, workload: Workload, start: datetime, end: datetime
) -> dict[str, list[float]]:
    """Return the milliseconds of each query, by kind; points and days are drawn by the seed.

    `year` is a year at the resolution that fits, `hours` a year of hours (its first 5,000), `day`
    a day's readings (their first 5,000), `rolled_day` the day at the resolution that fits.
    """
    drawn = random.Random(workload.seed)  # noqa: S311  # a workload
    ids = (await plant.load(conn)).point_ids
    span_s = max(0.0, (end - start - _DAY).total_seconds())
    times: dict[str, list[float]] = {"year": [], "hours": [], "day": [], "rolled_day": []}
    for _ in range(workload.queries):
        day = start + timedelta(seconds=drawn.uniform(0, span_s))
        asked: dict[str, tuple[datetime, datetime, str | None]] = {
            "year": (end - _YEAR, end, None),
            "hours": (end - _YEAR, end, "1h"),
            "day": (day, day + _DAY, "raw"),
            "rolled_day": (day, day + _DAY, None),
        }
        for kind, (since, until, resolution) in asked.items():
            point = drawn.choice(ids)
            began = time.perf_counter()
            await trends.trend(conn, point, since, until, resolution=resolution)
            times[kind].append((time.perf_counter() - began) * 1000)
    return times


def _p95(milliseconds: list[float]) -> report.Result:
    return report.Result(value=float(np.percentile(milliseconds, 95)), unit="ms")
