"""Groups are after a restart, whenever it comes, where they were: by their rows and readings."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from psycopg import AsyncConnection

from alarms.storage import connection, writer
from ingest.messages import Message
from ingest.pipeline import Pipeline
from tests import plants

START = 1_763_712_000_000_000
SECOND = 1_000_000
GROUPS = (
    ("DIFF", "difference", {"points": ["T1", "T2"]}, {"bound": 2.0}, 6.0),
    ("VOTE", "vote", {"points": ["T1", "T2", "T3"]}, {"k": 2, "limit": 7, "degrade": "safe"}, 0.0),
    ("PAIR", "vote", {"points": ["T2", "T3"]}, {"k": 2, "limit": 7, "degrade": "available"}, 4.0),
)


@pytest.fixture
async def conn(database: str) -> AsyncIterator[AsyncConnection]:
    async with await connection.connect(database, autocommit=True) as conn:
        await plants.register(conn)
        for code, kind, members, params, on_delay_s in GROUPS:
            await conn.execute(
                """
                insert into point_group (enterprise_id, source_id, code, name, kind, members,
                                         params, on_delay_s, off_delay_s)
                select enterprise_id, id, %s, %s, %s, %s, %s, %s, 5 from source
                """,
                (code, code, kind, json.dumps(members), json.dumps(params), on_delay_s),
            )
        await writer.claim(conn)
        yield conn


def message(at: int, received: int, values: dict[str, Any]) -> Message:
    body = json.dumps({"ts": at // 1000, "values": values}).encode()
    return Message(
        topic="t/gw/readings", payload=body, received=received, mid=0, qos=1, retained=False
    )


def sent(seconds: int, *, most_late: float) -> list[Message]:
    """Return what members say second by second, in order of receipt: T3 lags, some come late."""
    draws = np.random.default_rng([11, seconds])
    found: list[Message] = []
    stand = {"T1": 5.0, "T2": 5.0, "T3": 5.0}
    for second in range(seconds):
        at = START + second * SECOND
        if draws.random() < 0.1:
            stand = {tag: float(draws.choice([5.0, 7.5, 8.0])) for tag in stand}
        for tag, value in stand.items():
            late = draws.uniform(0, most_late) if draws.random() < 0.2 else 0.0
            late += 4.0 if tag == "T3" else 0.0
            quality = "bad" if draws.random() < 0.04 else "good"
            if draws.random() < 0.8:
                received = at + round(late * SECOND)
                found.append(message(at, received, {tag: {"v": value, "q": quality}}))
    return sorted(found, key=lambda each: each.received)


def pasts(running: Pipeline) -> list[Any]:
    return [
        (
            *(past.log[: past.many], past.said, past.ghosts, past.waited, past.blind),
            *(replace(past.base.standing, near=False), past.alone.standing, past.now),
        )
        for past in running._engine.groups._past
    ]


async def recalled(conn: AsyncConnection, now: int) -> Pipeline:
    made = Pipeline(prefix="t")
    await made.recall(conn, now=now)
    return made


@pytest.mark.parametrize("most_late", [50.0, 150.0])
async def test_a_restart_finds_groups_where_they_were(
    most_late: float, conn: AsyncConnection
) -> None:
    running = await recalled(conn, START)
    messages = sent(420, most_late=most_late)
    batches = [messages[first : first + 9] for first in range(0, len(messages), 9)]
    told = set()
    for number, batch in enumerate(batches):
        now = batch[-1].received
        await running.commit(conn, batch, now=now)
        if number % 3 == 0:
            await running.tick(conn, now=now + SECOND, link_since=START)
        if number % 5 == 0:
            twin = await recalled(conn, now)
            assert repr(pasts(twin)) == repr(pasts(running)), number
            told |= {past[1:3] != ((), ()) for past in pasts(running)}
            running = twin
    assert told == {True, False}
    cursor = await conn.execute("select count(*) from alarm where record ->> 'late' = 'true'")
    assert (await cursor.fetchone() or (0,))[0] > 0
