"""A gateway that reports its points ill: the record over restarts, the back-test and the audit."""

import json

import numpy as np
import pytest
from psycopg import AsyncConnection

from alarms import registry
from alarms.readings import Quality
from alarms.storage import connection, writer
from alarms.storage import registry as stored
from fengsui import audit_scope
from fengsui.audit import audit
from fengsui.backtest import rehearsal
from fengsui.backtest.recorded import Chunk
from ingest.messages import Message
from ingest.pipeline import Pipeline
from tests.unit.plants import ONE_TANK, SECOND, START, at

POINTS = 3
ROUNDS = 60
"""One each 10 s."""
REGISTRY = (
    ONE_TANK
    + "".join(
        f"              - {{tag: P{n}, quantity: flow, unit: t/h, period_s: 10}}\n"
        for n in range(POINTS)
    )
    + "gateways:\n  - {id: gw, enterprise: E1}\n"
)
ILL = {0: range(5, 30), 1: range(14, 40), 2: range(14, 50)}
TOLD = [
    ("E1/P0", "sensor.failed", 110, 200),
    ("E1/P1", "sensor.failed", 360, 460),
    ("E1/P2", "sensor.failed", 360, 560),
    ("gateway:gw", "sensor.gateway", 200, 360),
]
"""What is raised and returns, seconds after START."""


def message(number: int) -> Message:
    values = {
        f"P{n}": {"v": 5.0, "q": "offline" if number in ill else "good"} for n, ill in ILL.items()
    }
    return Message(
        topic="t/v1/gw/readings",
        payload=json.dumps({"ts": at(10 * number) // 1000, "values": values}).encode(),
        received=at(10 * number) + 1000,
        retained=False,
        qos=1,
        mid=1,
    )


async def imported(conn: AsyncConnection, text: str, *, now: int) -> None:
    async with conn.transaction():
        await stored.load_builtin_regions(conn)
        found = registry.parse(text.encode(), await stored.known(conn))
        await stored.apply(conn, found, actor="engineer", now=now)


async def serve(
    conn: AsyncConnection, *, restarts: range = range(0), rounds: range = range(ROUNDS)
) -> None:
    """Commit the stream message by message; the server is killed before some."""
    await writer.claim(conn)
    pipeline = Pipeline(prefix="t/v1")
    await pipeline.recall(conn, now=START)
    for number in rounds:
        if number in restarts:
            pipeline = Pipeline(prefix="t/v1")
            await pipeline.recall(conn, now=at(10 * number))
        heard = message(number)
        await pipeline.commit(conn, [heard], now=heard.received)
        await pipeline.tick(conn, now=heard.received + SECOND, link_since=START)


@pytest.mark.parametrize("restarts", [range(0), range(7, 60)])
async def test_the_record_the_back_test_and_the_audit_agree(database: str, restarts: range) -> None:
    async with await connection.connect(database, autocommit=True) as conn:
        await imported(conn, REGISTRY, now=START - SECOND)
        await serve(conn, restarts=restarts)
        cursor = await conn.execute(
            """
            select a.key, a.rule, j.type, round(extract(epoch from
                   case j.type when 'returned' then (j.data::jsonb ->> 't_returned')::timestamptz
                   else (j.data::jsonb ->> 't_event')::timestamptz end) - %s)
              from journal j join alarm a on a.id = j.alarm_id
             where j.kind = 'sensor' order by 1, 2, j.log_offset
            """,
            (START // SECOND,),
        )
        rows = await cursor.fetchall()
        states = await (await conn.execute("select rule from alarm_state")).fetchall()
    served = [
        (*raised[:2], int(raised[3]), int(returned[3]))
        for raised, returned in zip(rows[::2], rows[1::2], strict=True)
    ]
    assert served == TOLD
    assert not [rule for (rule,) in states if rule.startswith("sensor.")]
    assert backtested() == TOLD
    async with await connection.connect(database) as conn:
        await conn.execute("set transaction isolation level repeatable read")
        checked = await audit(conn, first=at(0), end=at(10 * ROUNDS))
    assert (checked.missed, checked.extra, checked.mistimed) == ([], [], [])
    assert checked.checked == len(TOLD)


async def test_an_outage_that_began_before_a_point_was_changed_is_left_out_of_an_audit_after_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_scope, "WARM_UP_US", 0)
    changed = REGISTRY.replace("{tag: P0,", "{tag: P0, limits: {h: 9}, range: [0, 10],")
    async with await connection.connect(database, autocommit=True) as conn:
        await imported(conn, REGISTRY, now=START - SECOND)
        await serve(conn, rounds=range(23))
        await imported(conn, changed, now=at(225))
        await serve(conn, rounds=range(23, ROUNDS))
    async with await connection.connect(database) as conn:
        await conn.execute("set transaction isolation level repeatable read")
        checked = await audit(conn, first=at(300), end=at(10 * ROUNDS))
    assert (checked.missed, checked.extra, checked.mistimed) == ([], [], [])
    assert {each for left in checked.not_recomputed for each in left["subjects"]} == {
        "E1/P0", "E1/P1", "E1/P2", "gateway:gw",
    }  # fmt: skip


def backtested() -> list[tuple[str, str, int, int | None]]:
    rounds = np.repeat(np.arange(ROUNDS, dtype=np.int64), POINTS)
    point = np.tile(np.arange(POINTS, dtype=np.int32), ROUNDS)
    ill = [number in ILL[n] for number, n in zip(rounds.tolist(), point.tolist(), strict=True)]
    chunk = Chunk(
        point=point,
        stamp=START + rounds * 10 * SECOND,
        value=np.full(len(rounds), 5.0),
        quality=np.where(ill, Quality.offline, Quality.good).astype(np.int16),
        clock=START + rounds * 10 * SECOND + 1000,
    )
    outcome = rehearsal.run(rehearsal.plant_of(REGISTRY.encode(), "test")[0], [chunk])
    return sorted(
        (
            each.key,
            each.rule,
            (each.t_raised - START) // SECOND,
            None if each.t_returned is None else (each.t_returned - START) // SECOND,
        )
        for each in outcome.occurrences
        if each.rule.startswith("sensor.")
    )
