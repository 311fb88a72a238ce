"""The back-test's load: what is suppressed by design burdens nobody until it is heard."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from alarms import instants
from fengsui.commands.backtest import command
from tests.unit.plants import ONE_TANK, at

POINT = """
              - {tag: P%d, quantity: pressure, unit: MPa, range: [0, 10], period_s: 10,
                 limits: {h: 8}, on_delay_s: 0, off_delay_s: 0, detect: [limit],
                 suppress: {when: RUN == 0, reason: 停车}}
"""
TAIL = """
              - {tag: RUN, quantity: equipment_state, unit: "1", range: [0, 1], period_s: 10,
                 detect: [limit]}
gateways:
  - {id: gw, enterprise: E1}
"""


def kpi(folder: Path, *, starts: int, returns: int) -> Any:
    """Run 12 points that are over from step 10 to `returns`; the unit starts at step `starts`."""
    points = "".join(POINT % place for place in range(12))
    (folder / "registry.yaml").write_text(ONE_TANK + points + TAIL, "utf-8")
    rows = ["ts,point,value"]
    for step in range(60):
        rows.append(f"{instants.to_text(at(10 * step))},RUN,{int(step >= starts)}")
        over = 9 if 10 <= step < returns else 5
        moment = instants.to_text(at(10 * step + 1))
        rows += [f"{moment},P{place},{over}" for place in range(12)]
    (folder / "r.csv").write_text("\n".join(rows), "utf-8")
    words = ["--registry", folder / "registry.yaml", "--readings", folder / "r.csv", "--json"]
    done = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert len(document["occurrences"]) == 12
    return document["kpi"]


def test_twelve_suppressed_points_are_no_flood_and_are_counted_apart(tmp_path: Path) -> None:
    assert kpi(tmp_path, starts=60, returns=40) == {
        "alarms_per_point_day": 0.0, "floods": 0, "chattering": 0, "suppressed": 12,
        "near_misses": 0, "reentries": 0,
    }  # fmt: skip


def test_those_that_stand_when_the_suppression_ends_are_a_flood_then(tmp_path: Path) -> None:
    found = kpi(tmp_path, starts=30, returns=40)
    assert (found["floods"], found["suppressed"]) == (1, 0)
    assert found["alarms_per_point_day"] == pytest.approx(12 / (13 * 591 / 86_400), rel=1e-3)


def test_those_that_rose_unsuppressed_are_a_flood_at_once(tmp_path: Path) -> None:
    found = kpi(tmp_path, starts=0, returns=40)
    assert (found["floods"], found["suppressed"]) == (1, 0)
