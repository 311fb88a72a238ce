"""Brings an engine to where the record is: what it kept of itself, then what was stored since."""

import asyncio
from collections.abc import Callable, Sequence

from psycopg import AsyncConnection

from alarms.engine import ChannelState, Engine
from alarms.memory import Recollection
from alarms.readings import Readings
from alarms.retracing import RULES
from alarms.storage import journal, memory, neighbours, plant, readings


async def recollected(
    conn: AsyncConnection,
    engine: Engine,
    states: Sequence[ChannelState],
    *,
    steps: Callable[[str], None],
) -> Recollection:
    """Let an engine built from `states` learn what it had learned, and settle; groups excepted.

    A thread learns, one block after the other, while the loop takes in what the database sends
    next. `steps` is called with each step's name as it is done.
    """
    recollection = Recollection(engine)
    steps("engine built")
    async for part in memory.parts(conn):
        steps("memory read")
        recollection.put(part)
        steps("memory put back")
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
