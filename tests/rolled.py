"""Readings stored as the writer does, and what their roll-ups must be, in plain words."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from psycopg import AsyncConnection, sql

from alarms import instants
from alarms.readings import BEHIND, JUDGED, QUALITY_MASK, Quality, Readings
from alarms.storage import partitions, readings, rollups
from alarms.storage.rollups import NOTHING, ORIGIN, STEPS

START = datetime(2026, 11, 22, 14, 50, tzinfo=UTC)
"""Ten minutes before an hour, an hour and ten before a day of the site ends."""
START_US = instants.from_datetime(START)
SECOND = 1_000_000
POINTS = 5


class Record:
    """Readings stored as the writer does, and the notes that go with them."""

    def __init__(self, conn: AsyncConnection, ids: list[int]) -> None:
        self.conn = conn
        self.ids = np.array(ids, np.int32)
        self._owed = NOTHING

    async def store(self, batch: Readings) -> None:
        async with self.conn.transaction():
            await partitions.ensure(self.conn, "reading", partitions.months_of(batch.time))
            await readings.copy_new(self.conn, batch, self.ids)
            owed = await rollups.owe(self.conn, batch, self._owed)
        self._owed = owed

    async def hand_over(self, now: int) -> None:
        self._owed = await rollups.hand_over(self.conn, self._owed, now=now)

    async def settle(self, now: int) -> None:
        await self.hand_over(now)
        while (await rollups.settle(self.conn)).more:
            pass


def batch(
    rng: np.random.Generator, *, size: int, first_s: float, last_s: float, received_s: float
) -> Readings:
    """Draw readings of all points between two seconds after START, qualities mixed."""
    times = START_US + (rng.uniform(first_s, last_s, size) * SECOND).astype(np.int64)
    qualities = rng.choice([int(each) for each in Quality], size, p=[0.7, *[0.05] * 6])
    return Readings(
        point=rng.integers(0, POINTS, size).astype(np.int32),
        time=times,
        value=np.round(rng.normal(5, 2, size), 2),
        quality=(qualities | BEHIND).astype(np.int16),
        received=np.full(size, START_US + int(received_s * SECOND), np.int64),
        stamp=times,
    )


async def expected(conn: AsyncConnection, step: timedelta, until: datetime) -> dict[Any, list[Any]]:
    """Compute the ended buckets of a step in plain words, from all stored readings."""
    cursor = await conn.execute(
        "select point_id, ts, value from reading where quality & %s = any(%s) order by ts",
        (QUALITY_MASK, [int(each) for each in JUDGED]),
    )
    found: dict[Any, list[tuple[datetime, float]]] = defaultdict(list)
    for point_id, ts, value in await cursor.fetchall():
        found[point_id, ORIGIN + (ts - ORIGIN) // step * step].append((ts, value))
    rows: dict[Any, list[Any]] = {}
    for (point_id, bucket), held in found.items():
        if bucket + step > until:
            continue
        values = [value for _, value in held]
        ends = [ts for ts, _ in held[1:]] + [bucket + step]
        weights = [(end - ts).total_seconds() for (ts, _), end in zip(held, ends, strict=True)]
        mean = sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)
        rows[point_id, bucket] = [
            *(len(values), held[0][0], values[0], values[-1], min(values), max(values)),
            *(pytest.approx(sum(values)), pytest.approx(mean)),
        ]
    return rows


async def kept(conn: AsyncConnection, name: str, until: datetime) -> dict[Any, list[Any]]:
    cursor = await conn.execute(
        sql.SQL(
            """
            select point_id, bucket, count, first_at, first, last, min, max, sum, mean
              from {} where bucket + {} <= {}
            """
        ).format(sql.Identifier(f"reading_{name}"), STEPS[name], until)
    )
    return {(row[0], row[1]): list(row[2:]) for row in await cursor.fetchall()}


async def assert_exact(conn: AsyncConnection) -> None:
    done = await rollups.done(conn)
    assert done is not None
    for name, step in STEPS.items():
        assert await kept(conn, name, done) == await expected(conn, step, done), name
