"""The recorded, the served and the recomputed are one: same readings, same alarms."""

import asyncio
import contextlib
import json
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alarms import instants
from alarms.storage import connection, recount
from fengsui import audit_findings
from tests import servers
from tests.conftest import Broker
from tests.e2e.test_killed_at_every_step import (
    EXAMPLE,
    GATEWAY,
    LEVEL,
    PRESSURE,
    STEPS,
    gateway,
    ingest,
    ready,
)

Run = Callable[..., Any]
Readings = list[tuple[int, str, float | str, str]]
POINT = f"DYD-01/{LEVEL}"


def recording(base_ms: int, *, seed: int, steps: int) -> Readings:
    """Rows of ts, point, value, quality: random stretches over and under limits, with a calm end.

    Some come twice, some late but calm, some with a bad quality.
    """
    chance = random.Random(seed)  # noqa: S311  # a stream for a test
    rows: Readings = []
    level, pressure = 4.0, 1.0
    for k in range(steps):
        moment = base_ms + 2000 * k
        if chance.random() < 0.15:
            level = chance.choice([4.0, 4.0, 4.0, 5.45, 5.9, 0.2])
        if chance.random() < 0.1:
            pressure = chance.choice([1.0, 1.0, 1.55, 1.75])
        if k >= steps - 45:
            level, pressure = 4.0, 1.0
        quality = "bad" if chance.random() < 0.02 else "good"
        rows.append((moment, LEVEL, round(level + chance.uniform(-0.01, 0.01), 4), quality))
        rows.append((moment, PRESSURE, round(pressure + chance.uniform(-0.01, 0.01), 4), "good"))
        if chance.random() < 0.05 and k > 2:
            rows.append(rows[-2])
        if chance.random() < 0.05 and k > 40:
            rows.append((moment - 65_500, PRESSURE, 1.0, "good"))
    return rows


def registered(fengsui: Run, database: str) -> None:
    done = fengsui("import", str(EXAMPLE), wait=False, database_url=database)
    assert done.wait() == 0, done.report()


def told(database: str) -> list[tuple[Any, ...]]:
    """What the journal says, silence left out; a second raise is known by its reading."""

    async def read() -> list[tuple[Any, ...]]:
        async with await connection.connect(database) as conn:
            rows = await recount.journalled(conn, 0, time.time_ns() // 1000)
        return sorted(
            (
                each.key,
                each.kind,
                each.rule,
                tuple(tier for _, tier in each.path),
                instants.to_text(each.read),
                None if each.began is None else instants.to_text(each.began),
                None if each.returned is None else instants.to_text(each.returned),
            )
            for each in audit_findings.episodes((), rows)
        )

    return asyncio.run(read())


def served(fengsui: Run, database: str, broker: Broker, file: Path) -> None:
    """Start the server and send it a recording as fast as it goes."""
    fengsui("serve", database_url=database, broker_url=broker.url, topic_prefix=broker.prefix)
    sent = fengsui(
        "replay", str(file), "--speed", "max", wait=False,
        broker_url=broker.url, topic_prefix=broker.prefix,
    )  # fmt: skip
    assert sent.wait() == 0, sent.report()


def rehearsed(fengsui: Run, file: Path, registry: Path = EXAMPLE) -> list[tuple[Any, ...]]:
    done = fengsui(
        "backtest", "--registry", str(registry), "--readings", str(file), "--json", wait=False
    )
    assert done.wait() == 0, done.report()
    return sorted(
        (
            each["point"],
            each["kind"],
            each["rule"],
            tuple(move["tier"] for move in each["transitions"] if move["type"] != "returned"),
            each["transitions"][0]["t_event"],
            each["t_raised"],
            each["t_returned"],
        )
        for each in json.loads(done.output())["occurrences"]
        if each["kind"] != "comms"
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_a_back_test_tells_what_serve_tells_of_the_same_readings(
    seed: int, fengsui: Run, database: str, broker: Broker, tmp_path: Path
) -> None:
    rows = recording(time.time_ns() // 1_000_000 - 900_000, seed=seed, steps=400)
    file = tmp_path / f"{GATEWAY}.csv"
    lines = [f"{moment},{tag},{value},{quality}" for moment, tag, value, quality in rows]
    file.write_text("\n".join(["ts,point,value,quality", *lines]), "utf-8")
    registered(fengsui, database)
    served(fengsui, database, broker, file)
    expected = rehearsed(fengsui, file)
    assert len(expected) > 10

    def same() -> bool:
        seen = told(database)
        # The journal keeps the begin of an alarm's first raise only.
        known = {each[:5]: each[5] for each in seen}
        shown = sorted((*e[:5], e[5] if known.get(e[:5], "") else None, e[6]) for e in expected)
        return sorted(map(str, seen)) == sorted(map(str, shown))

    servers.until(same, deadline_s=30, what="the journal to be what the back-test tells")


def killed_run(
    fengsui: Run, database: str, broker: Broker, *, kills: int, seed: int
) -> tuple[str, str]:
    """Serve a stream with an ingest that is killed -9 again and again; return its span."""
    steps = 120 + 25 * kills
    base_ms = time.time_ns() // 1_000_000 - 2000 * steps - 60_000
    rows = recording(base_ms, seed=seed, steps=steps)
    registered(fengsui, database)
    bodies = [{"ts": ts, "values": {tag: {"v": v, "q": quality}}} for ts, tag, v, quality in rows]
    stored = len({(moment, tag) for moment, tag, _, _ in rows})
    killed_while(database, broker, GATEWAY, bodies, stored, kills=kills, seed=seed)
    return span(base_ms, base_ms + 2000 * steps)


def span(first_ms: int, end_ms: int) -> tuple[str, str]:
    """Return what an audit is asked for."""
    return instants.to_text(first_ms * 1000 - 1_000_000), instants.to_text(end_ms * 1000)


def killed_while(
    database: str,
    broker: Broker,
    name: str,
    bodies: list[dict[str, Any]],
    stored: int,
    *,
    kills: int,
    seed: int,
) -> None:
    """Publish as one gateway while ingest is killed; wait until so many readings are stored."""
    chance = random.Random(seed)  # noqa: S311  # a stream for a test
    running = ingest(database, broker, "none", 0)
    beat = ready(database)
    running.send_signal(signal.SIGKILL)
    running.wait(30)
    killed = threading.Event()

    def publish() -> None:
        with gateway(broker) as client:
            for body in bodies:
                client.publish(
                    f"{broker.prefix}/{name}/readings", json.dumps(body).encode(), qos=1
                ).wait_for_publish(30)
                killed.wait(0.04)  # slowly while there is killing to do

    thread = threading.Thread(target=publish)
    thread.start()
    for _ in range(kills):
        dying = ingest(database, broker, chance.choice(STEPS), chance.randint(1, 4))
        with contextlib.suppress(subprocess.TimeoutExpired):
            dying.wait(10)
        dying.kill()
        assert dying.wait(10) == -signal.SIGKILL
    killed.set()
    last = ingest(database, broker, "none", 0)
    try:
        beat = ready(database, after=beat)
        thread.join(120)

        def whole() -> bool:
            with psycopg.connect(database) as conn:
                found = conn.execute(
                    """
                    select count(*) from reading join point on point.id = point_id
                     where compute is null
                    """
                ).fetchone()
            return found is not None and found[0] >= stored

        servers.until(whole, deadline_s=60, what="every reading stored")
        ready(database, after=beat)
    finally:
        last.terminate()
        last.wait(30)


def audited(fengsui: Run, database: str, asked: tuple[str, str]) -> tuple[int, Any]:
    done = fengsui(
        "audit", "--from", asked[0], "--to", asked[1], "--json", wait=False, database_url=database
    )
    code = done.wait()
    assert code in (0, 1), done.report()
    return code, json.loads(done.output())


def execute(database: str, statement: str, *values: object) -> int:
    with psycopg.connect(database) as conn:
        return conn.execute(statement, values).rowcount


@pytest.mark.timeout(300)
def test_an_audit_of_a_run_with_kills_finds_nothing_and_of_a_tampered_record_what_was_done(
    fengsui: Run, database: str, broker: Broker
) -> None:
    asked = killed_run(fengsui, database, broker, kills=5, seed=3)
    code, found = audited(fengsui, database, asked)
    assert (code, found["missed"], found["extra"], found["mistimed"]) == (0, [], [], [])
    assert found["checked"] > 5

    # A journal row that was made to say something else.
    with psycopg.connect(database) as conn:
        row = conn.execute(
            """
            select log_offset, data, data::jsonb ->> 't_returned' from journal
             where type = 'returned' and kind = 'limit' order by log_offset limit 1
            """
        ).fetchone()
    assert row is not None
    offset, document, returned = row
    other = instants.to_text(instants.from_text(returned) + 1_000_000)
    set_row = "update journal set data = %s where log_offset = %s"
    assert execute(database, set_row, document.replace(returned, other), offset) == 1
    code, found = audited(fengsui, database, asked)
    assert code == 1
    assert [each["journal"]["t_returned"] for each in found["mistimed"]] == [other]
    assert (found["missed"], found["extra"]) == ([], [])
    execute(database, set_row, document, offset)

    # A reading behind an alarm, deleted: one of the point of which none came late.
    gone = """
        delete from reading where ts = (
            select min(t_event) from journal
             where type = 'raised' and kind = 'limit' and data::jsonb ->> 'point' = %s
        )
        """
    assert execute(database, gone, LEVEL) >= 1
    code, found = audited(fengsui, database, asked)
    assert code == 1, found
    assert found["missed"] or found["extra"] or found["mistimed"]


def test_a_raise_taken_out_of_the_journal_is_missed(
    fengsui: Run, database: str, broker: Broker
) -> None:
    asked = killed_run(fengsui, database, broker, kills=0, seed=5)
    execute(
        database,
        """
        delete from journal where alarm_id = (
            select alarm_id from journal where kind = 'limit' order by log_offset limit 1
        )
        """,
    )
    code, found = audited(fengsui, database, asked)
    assert code == 1
    assert found["missed"]
    assert found["extra"] == []
