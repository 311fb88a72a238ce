"""Brings an engine to where the record is: what it kept of itself, then what was stored since."""

import asyncio
from collections.abc import Callable, Iterable

from psycopg import AsyncConnection

from alarms.engine import Engine
from alarms.memory import Part, Recollection
from alarms.readings import Readings
from alarms.retracing import RULES
from alarms.storage import alarms, journal, memory, neighbours, plant, readings
from ingest.pages import take_pages


async def recollected(
    conn: AsyncConnection,
    engine: Engine,
    *,
    steps: Callable[[str], None],
) -> Recollection:
    """Let a new engine take up what stands, learn what it had learned, and settle; groups excepted.

    A thread puts back and learns, one piece after the other, while the loop takes in what the
    database sends next. `steps` is called with each step's name as it is done.
    """
    taking = asyncio.create_task(
        asyncio.to_thread(take_pages, [family.memory for family in engine.learned])
    )
    try:
        states = await alarms.states(conn)
        engine.recall(states)
        steps("alarms recalled")
        recollection = Recollection(engine)
        async for parts in memory.parts(conn):
            steps("memory read")
            await asyncio.to_thread(_put_back, recollection, parts)
            steps("memory put back")
    finally:
        await taking
    found = await readings.last(conn, engine.plant, recollection.unknown)
    recollection.meet(found)
    async for stored in memory.stored_after(conn, engine.plant, recollection.since()):
        steps("readings read")
        await asyncio.to_thread(recollection.learn, stored)
        steps("learned again")
    behind = recollection.behind
    recollection.learn_late(await memory.judged_behind(conn, engine.plant, behind))
    confirmed = recollection.confirmed
    late = await neighbours.around(conn, engine.plant, confirmed, without=Readings.none())
    recollection.learn_confirmed(late)
    told = dict[str, int]()
    if engine.rewinds.whole:
        told = await journal.told_since(conn, recollection.told_from, RULES)
    recollection.settle(states, told=told, changed=await plant.changed_at(conn))
    return recollection


def _put_back(recollection: Recollection, parts: Iterable[Part]) -> None:
    for part in parts:
        recollection.put(part)
