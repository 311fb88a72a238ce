"""Computed points and suppression by design in the record, in the back-test and in the audit."""

import json

import numpy as np
import pytest
from psycopg import AsyncConnection

from alarms import registry
from alarms.alarm import Transition
from alarms.storage import alarms, connection, plant, writer
from alarms.storage import registry as stored
from fengsui.audit import audit
from fengsui.backtest import rehearsal
from fengsui.backtest.recorded import Chunk
from ingest.messages import Message
from ingest.pipeline import Outcome, Pipeline
from tests.unit.plants import ONE_TANK, SECOND, START, at

REGISTRY = (
    ONE_TANK
    + """\
              - {tag: IN, quantity: flow, unit: t/h, period_s: 10}
              - {tag: OUT, quantity: flow, unit: t/h, period_s: 10}
              - tag: NET
                quantity: flow
                unit: t/h
                period_s: 10
                compute: IN - OUT
                limits: {h: 5}
                on_delay_s: 0
                off_delay_s: 0
                suppress: {when: 'p["V-1"] == 1', reason: 倒罐}
              - {tag: V-1, quantity: valve_state, unit: "1", period_s: 10}
gateways:
  - {id: gw, enterprise: E1}
"""
)
TAGS = ("IN", "OUT", "NET", "V-1")
STREAM = [
    (1, {"IN": 4.0, "OUT": 3.0, "V-1": 0.0}),
    (5, {"IN": 9.0, "OUT": 3.0}),
    (9, {"IN": 4.0, "OUT": 3.0, "V-1": 1.0}),
    (12, {"OUT": -2.0}),
    (15, {"V-1": 0.0, "NET": 99.0}),
]


def message(seconds: float, values: dict[str, float]) -> Message:
    body = {"ts": at(seconds) // 1000, "values": values}
    return Message(
        topic="t/v1/gw/readings",
        payload=json.dumps(body).encode(),
        received=at(seconds) + 1000,
        retained=False,
        qos=1,
        mid=1,
    )


async def serve(conn: AsyncConnection) -> list[Outcome]:
    """Commit the stream, a server of its own for each message."""
    await writer.claim(conn)
    outcomes = []
    for seconds, values in STREAM:
        pipeline = Pipeline(prefix="t/v1")
        await pipeline.recall(conn, now=START)
        heard = message(seconds, values)
        outcomes.append(await pipeline.commit(conn, [heard], now=heard.received))
        await pipeline.tick(conn, now=at(seconds + 1), link_since=START)
    return outcomes


@pytest.fixture
async def registered(database: str) -> None:
    async with await connection.connect(database) as conn:
        await stored.load_builtin_regions(conn)
        found = registry.parse(REGISTRY.encode(), await stored.known(conn))
        await stored.apply(conn, found, actor="engineer", now=START)


async def told(conn: AsyncConnection) -> list[tuple[str, str]]:
    cursor = await conn.execute(
        "select type, data::json ->> 'state' from journal where kind = 'limit' order by log_offset"
    )
    return await cursor.fetchall()


async def test_a_computed_point_is_stored_judged_suppressed_and_audited(
    database: str, registered: None
) -> None:
    async with await connection.connect(database, autocommit=True) as conn:
        outcomes = await serve(conn)
        assert [outcome.fresh for outcome in outcomes] == [4, 3, 4, 2, 1]
        assert [each.reason for each in outcomes[-1].refused] == ["not_allowed"]
        cursor = await conn.execute(
            "select ts, value from reading r join point p on p.id = r.point_id "
            "where p.tag = 'NET' order by ts"
        )
        values = [(moment.timestamp(), value) for moment, value in await cursor.fetchall()]
        assert values == [
            ((at(seconds)) / 1e6, value) for seconds, value in ((1, 1), (5, 6), (9, 1), (12, 6))
        ]
        assert await told(conn) == [
            ("raised", "UNACK"),
            ("returned", "RTNUN"),
            ("suppressed", "DSUPR"),
            ("reraised", "DSUPR"),
            ("unsuppressed", "UNACK"),
        ]
    async with await connection.connect(database) as conn:
        await conn.execute("set transaction isolation level repeatable read")
        findings = await audit(conn, first=START, end=at(11))
        assert findings.sound
        assert findings.checked == 1
        assert (await plant.load(conn)).points[2].suppress == {
            "when": 'p["V-1"] == 1',
            "reason": "倒罐",
        }
        states = {state.rule for state in await alarms.states(conn)}
        assert "suppression.design" not in states


async def test_the_back_test_computes_what_the_server_computed(
    database: str, registered: None
) -> None:
    async with await connection.connect(database, autocommit=True) as conn:
        await serve(conn)
        cursor = await conn.execute(
            "select type from journal where type in ('raised', 'reraised') and kind = 'limit'"
        )
        served = len(await cursor.fetchall())
    rows = [
        (seconds, TAGS.index(tag), value) for seconds, each in STREAM for tag, value in each.items()
    ]
    seconds = np.array([row[0] for row in rows], np.int64)
    chunk = Chunk(
        point=np.array([row[1] for row in rows], np.int32),
        stamp=START + seconds * SECOND,
        value=np.array([row[2] for row in rows]),
        quality=np.zeros(len(rows), np.int16),
        clock=START + seconds * SECOND + 1000,
    )
    outcome = rehearsal.run(rehearsal.plant_of(REGISTRY.encode(), "test")[0], [chunk], until=at(16))
    assert outcome.rejected == {"not_allowed": 1}
    raised = [each for each in outcome.occurrences if each.rule == "limit.high"]
    assert [(each.t_raised, each.t_returned) for each in raised] == [
        (at(5), at(9)),
        (at(12), None),
    ]
    assert served == len(raised)
    assert Transition.suppressed not in {move.type for each in raised for move in each.moves}


async def test_a_late_reading_beside_computed_ones_is_stored_with_them(
    database: str, registered: None
) -> None:
    async with await connection.connect(database, autocommit=True) as conn:
        await writer.claim(conn)
        pipeline = Pipeline(prefix="t/v1")
        await pipeline.recall(conn, now=START)
        batch = [message(seconds, values) for seconds, values in STREAM[:2]]
        batch.append(message(3, {"IN": 3.0}))
        outcome = await pipeline.commit(conn, batch, now=batch[-1].received)
        assert (outcome.fresh, outcome.late) == (7, 1)
