"""With every kind of rule on, the recorded and the served are one."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.conftest import Broker
from tests.e2e import every_rule
from tests.e2e.test_backtest_and_audit import audited, killed_while, rehearsed, served, span, told

Run = Callable[..., Any]
RULES = {
    "deviation", "forecast.h", "forecast.hh", "forecast.l", "group.balance", "group.difference",
    "group.vote", "limit.high", "limit.low", "rate", "sensor.copied", "sensor.flat_line",
    "sensor.spike",
}  # fmt: skip

LATE = {
    (point, rule)
    for point in ("QJ-01/V1.L3", "QJ-01/V1.G3")
    for rule in ("limit.high", "forecast.h", "forecast.hh")
}
"""What only late readings say in the recording, and the forecasts that a limit raised by such a
reading takes over: for as long as it stands when it comes, which is a matter of the batch."""


def registered(
    fengsui: Run, database: str, folder: Path, registry: str = every_rule.REGISTRY
) -> Path:
    """Register the plant and return its file."""
    file = folder / "plant.yaml"
    file.write_text(registry, "utf-8")
    done = fengsui("import", str(file), wait=False, database_url=database)
    assert done.wait() == 0, done.report()
    return file


@pytest.mark.parametrize("seed", [1, 2])
def test_a_back_test_tells_what_serve_tells_with_every_rule_on(
    seed: int, fengsui: Run, database: str, broker: Broker, tmp_path: Path
) -> None:
    steps = 1500
    base_ms = time.time_ns() // 1_000_000 - steps * every_rule.STEP_MS - 20_000
    rows = every_rule.recording(base_ms, seed=seed, steps=steps)
    file = tmp_path / f"{every_rule.GATEWAY}.csv"
    every_rule.written(file, rows)
    registry = registered(fengsui, database, tmp_path)
    served(fengsui, database, broker, file)
    expected = rehearsed(fengsui, file, registry)
    assert {each[2] for each in expected} >= RULES

    def same() -> bool:
        return alike(told(database), expected)

    servers.until(same, deadline_s=30, what="the journal to be what the back-test tells")


def alike(seen: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> bool:
    """Tell whether both say the same; of late readings how they came together decides the cuts.

    What was told and withdrawn (it ends at its own reading) is told where the late reading that
    withdraws it comes in a batch of its own.
    """
    # The journal keeps the begin of an alarm's first raise only.
    known = {each[:5]: each[5] for each in seen}
    shown = [(*e[:5], e[5] if known.get(e[:5], "") else None, e[6]) for e in expected]
    one, other = (
        [str(e) for e in side if (e[0], e[2]) not in LATE and e[4] != e[6]]
        for side in (seen, shown)
    )
    return sorted(one) == sorted(other)


@pytest.mark.timeout(120)
def test_an_audit_of_a_run_with_kills_finds_nothing_with_every_rule_on(
    fengsui: Run, database: str, broker: Broker, tmp_path: Path
) -> None:
    steps = 700
    base_ms = time.time_ns() // 1_000_000 - steps * every_rule.STEP_MS - 20_000
    rows = every_rule.recording(base_ms, seed=5, steps=steps)
    registered(fengsui, database, tmp_path)
    stored = len({(row.ts, row.tag) for row in rows if row.value is not None})
    bodies = every_rule.messages(rows)
    killed_while(database, broker, every_rule.GATEWAY, bodies, stored, kills=5, seed=5)
    code, found = audited(fengsui, database, span(base_ms, base_ms + steps * every_rule.STEP_MS))
    assert (code, found["missed"], found["extra"], found["mistimed"]) == (0, [], [], [])
    assert found["checked"] > 40
    assert found["not_recomputed"] == []
