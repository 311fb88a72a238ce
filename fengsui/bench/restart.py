"""Measure a start after a kill: a record as a large plant leaves it, and a process that recalls it.

The record is what ingest leaves at the worst moment: memory saved by its own timetable, as many
readings after it as that allows, alarms open.
"""

import asyncio
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from psycopg import AsyncConnection

from alarms.alarm import ProcessEvent
from alarms.engine import ChannelState, Engine
from alarms.errors import FengsuiError
from alarms.memory import ROUND_READINGS, ROUND_US, Recollection, Rota
from alarms.readings import Readings
from alarms.storage import alarms, memory, partitions, readings
from fengsui.bench import report
from fengsui.bench.restarted import Order, Report

OPEN_ALARMS: Final = 5_000
_SLICES: Final = 10
"""A round of readings is stored in so many transactions, each with its turn of memory."""


def rounds_to_save(points: int, period_s: float) -> int:
    """Return in how many rounds of readings every part of memory is saved once at least."""
    return int(min(ROUND_READINGS / points, ROUND_US / 1e6 / period_s)) + 1


async def fill(
    conn: AsyncConnection,
    engine: Engine,
    *,
    events: Sequence[ProcessEvent],
    states: Iterable[ChannelState],
    rounds: Iterable[Readings],
) -> int:
    """Bring what an engine knows into the record, then rounds of readings; return how many.

    `events` and `states` are the engine's own that are not in the record yet.
    """
    now = int(engine.newest.received.max())
    async with conn.transaction():
        await alarms.apply_events(conn, events, now=now)
        await alarms.save_states(conn, list(states), ())
    ids = engine.plant.ids
    learning = Recollection(engine)
    rota = Rota(engine, now=now, fresh=False)
    stored = 0
    for whole in rounds:
        await partitions.ensure(conn, "reading", partitions.months_of(whole.time))
        for places in np.array_split(np.arange(len(whole)), min(_SLICES, len(whole))):
            part = whole.take(places)
            now = int(part.received[-1])
            async with conn.transaction():
                await readings.copy_new(conn, part, ids)
                learning.learn(part)
                await memory.save(conn, rota.due(now, stored=len(part)), now=now)
            stored += len(part)
    return stored


async def measure(database_url: str) -> Mapping[str, report.Result]:
    """Start a process that recalls a record; return what each part of that took, and the whole."""
    began = time.time()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fengsui.bench.restarted",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate(msgspec.json.encode(Order(database_url=database_url)))
    if process.returncode != 0:
        raise FengsuiError("the restarted process ended before its time; its words stand above")
    spent: dict[str, float] = {}
    last = began
    for name, at in msgspec.json.decode(out, type=Report).steps:
        spent[name] = spent.get(name, 0.0) + at - last
        last = at
    parts = {
        f"engine_restart_{name.replace(' ', '_')}_s": report.Result(value=seconds, unit="s")
        for name, seconds in spent.items()
    }
    return {"engine_restart_s": report.Result(value=last - began, unit="s"), **parts}
