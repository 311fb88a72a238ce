"""Readings that come in any order within a minute end as the same alarms, on the real road."""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alarms import instants
from alarms.alarm import Tier
from tests import servers
from tests.conftest import Broker
from tests.e2e import every_rule
from tests.e2e.every_rule import Row
from tests.e2e.test_backtest_and_audit import audited, killed_while, rehearsed, served, span
from tests.e2e.test_every_rule import registered

Run = Callable[..., Any]
Alarms = list[tuple[str, str, str, str | None, str]]

GATEWAY = "gw-all"
STEP_MS = 5_000
STEPS = 150
CALM = 60
"""Steps at the end that are at rest and come in order."""
EACH = 6
"""Points of each kind."""
LEVEL = (
    "quantity: level, unit: m, range: [0, 12], limits: {ll: 0.5, l: 1, h: 8, hh: 9}, "
    "deadband: 0.5, on_delay_s: 12, off_delay_s: 20"
)
KINDS: dict[str, str] = {
    "H": LEVEL,
    "L": LEVEL,
    "P": "quantity: pressure, unit: MPa, range: [0, 2], limits: {h: 1.4, hh: 1.6}, "
    "deadband: 0.1, on_delay_s: 0, off_delay_s: 30",
    "T": "quantity: temperature, unit: ℃, range: [0, 90], limits: {h: 60}, "
    "deadband: 2, on_delay_s: 25, off_delay_s: 0",
}
NORMAL = {"H": 5.0, "L": 5.0, "P": 1.0, "T": 40.0}
OVER = {"H": (8.3, 8.3, 9.4), "L": (0.7, 0.7, 0.2), "P": (1.45, 1.5, 1.7), "T": (61.0, 63.0)}
BETWEEN = {"H": 7.8, "L": 1.2, "P": 1.35, "T": 59.0}
"""Within the deadband: what was over stays so."""
DIP = {"H": 3, "L": 3, "P": 5, "T": 0}
"""Steps under the limit after which an alarm still stands: its off-delay is longer."""


def registry() -> str:
    """Return the plant: each of its points leaves its limits once in the recording."""
    points = "\n".join(
        f"              - {{tag: {kind}{n}, {more}, period_s: 5, gateway: {GATEWAY}, "
        "detect: [limit, comms]}"
        for kind, more in KINDS.items()
        for n in range(EACH)
    )
    head, rest = every_rule.REGISTRY.split("            points:\n", 1)
    return f"{head}            points:\n{points}\n{rest[rest.index('gateways:') :]}"


def course(kind: str, chance: random.Random) -> Iterator[float]:
    """Yield a point's values: into its limits, there and back, and out again."""
    begin, lasting = chance.randint(5, 40), chance.randint(10, 45)
    dip = 0
    for k in range(STEPS):
        if not begin <= k < begin + lasting:
            yield NORMAL[kind]
        elif k < begin + 6:
            yield OVER[kind][0]
        elif dip > 0:
            dip -= 1
            yield NORMAL[kind] if dip else OVER[kind][0]
        else:
            if DIP[kind] and chance.random() < 0.15:
                dip = DIP[kind]
            yield chance.choice((*OVER[kind], BETWEEN[kind]))


def recording(base_ms: int, *, seed: int) -> list[Row]:
    """Return rows in order of time; some are bad."""
    chance = random.Random(seed)  # noqa: S311  # a stream for a test
    rows = [
        Row(
            base_ms + STEP_MS * k + 7 * n,
            f"{kind}{n}",
            value,
            "bad" if chance.random() < 0.03 and k < STEPS - CALM else "good",
            base_ms + STEP_MS * k + 7 * n,
        )
        for kind in KINDS
        for n in range(EACH)
        for k, value in enumerate(course(kind, chance))
    ]
    return sorted(rows)


def shuffled(rows: list[Row], *, seed: int) -> list[Row]:
    """Return rows as they come: at most a minute late, some of them twice, at last in order."""
    chance = random.Random(seed)  # noqa: S311  # a stream for a test
    calm = rows[-1].ts - STEP_MS * CALM
    twice = [*rows, *(row for row in rows if chance.random() < 0.1)]
    late = [
        row._replace(received=row.ts + (chance.randint(0, 60_000) if row.ts < calm else 0))
        for row in twice
    ]
    return sorted(late, key=lambda row: (row.received, row.ts))


def expected(fengsui: Run, folder: Path, rows: list[Row], plant: Path) -> Alarms:
    """Return what the back-test says of the rows in order."""
    file = folder / "ordered.csv"
    every_rule.written(file, rows)
    return sorted(
        (point, rule, raised, returned, max(Tier[tier] for tier in tiers).name)
        for point, _, rule, tiers, _, raised, returned in rehearsed(fengsui, file, plant)
    )


def recorded(database: str) -> Alarms:
    """Return the record's alarms of limits; what was withdrawn ended as it began."""
    with psycopg.connect(database) as conn:
        rows = conn.execute("select key, rule, record from alarm where kind = 'limit'").fetchall()
    return sorted(
        (
            key,
            rule,
            instants.to_text(alarm["t_raised"]),
            None if alarm["t_returned"] is None else instants.to_text(alarm["t_returned"]),
            Tier(alarm["peak_tier"]).name,
        )
        for key, rule, alarm in rows
        if alarm["t_raised"] != alarm["t_returned"]
    )


def corrected(database: str) -> int:
    """Return how often something that was told has been put right."""
    with psycopg.connect(database) as conn:
        found = conn.execute("select count(*) from journal where type = 'late'").fetchone()
    return 0 if found is None else int(found[0])


@pytest.mark.timeout(180)
def test_readings_shuffled_within_a_minute_are_served_as_the_alarms_of_their_order(
    fengsui: Run, database: str, broker: Broker, tmp_path: Path
) -> None:
    base_ms = time.time_ns() // 1_000_000 - STEPS * STEP_MS - 20_000
    rows = recording(base_ms, seed=1)
    plant = registered(fengsui, database, tmp_path, registry())
    file = tmp_path / f"{GATEWAY}.csv"
    every_rule.written(file, shuffled(rows, seed=1))
    served(fengsui, database, broker, file)
    due = expected(fengsui, tmp_path, rows, plant)
    assert len(due) == len(KINDS) * EACH
    with contextlib.suppress(AssertionError):  # the comparison says what differs
        servers.until(lambda: recorded(database) == due, deadline_s=60, what="the record")
    assert recorded(database) == due
    assert corrected(database) > 10
    code, found = audited(fengsui, database, span(base_ms, base_ms + STEPS * STEP_MS))
    assert (code, found["missed"], found["extra"], found["mistimed"]) == (0, [], [], [])
    assert found["checked"] >= len(due)


@pytest.mark.timeout(180)
def test_shuffled_readings_end_as_the_alarms_of_their_order_though_ingest_is_killed(
    fengsui: Run, database: str, broker: Broker, tmp_path: Path
) -> None:
    base_ms = time.time_ns() // 1_000_000 - STEPS * STEP_MS - 60_000
    rows = recording(base_ms, seed=2)
    plant = registered(fengsui, database, tmp_path, registry())
    bodies = every_rule.messages(shuffled(rows, seed=2))
    killed_while(database, broker, GATEWAY, bodies, len(rows), kills=5, seed=2)
    assert recorded(database) == expected(fengsui, tmp_path, rows, plant)
    code, found = audited(fengsui, database, span(base_ms, base_ms + STEPS * STEP_MS))
    assert (code, found["missed"], found["extra"], found["mistimed"]) == (0, [], [], [])
