"""Advice on deadbands and delays: what the history speaks for, what it cannot tell, and on what."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from alarms import instants, tuning
from fengsui.commands.backtest import command
from tests.unit.plants import ONE_TANK, at

REGISTRY = (
    ONE_TANK
    + """\
              - {tag: GAS, quantity: combustible_gas, unit: "%LEL", range: [0, 100], period_s: 10,
                 limits: {h: 25, hh: 50}, detect: [limit]}
              - {tag: LT, quantity: level, unit: m, range: [0, 10], period_s: 10,
                 limits: {h: 8}, deadband: 0.1, detect: [limit]}
              - {tag: SLOW, quantity: pressure, unit: MPa, range: [0, 4], limits: {h: 3, hh: 3.5}}
              - {tag: MUTE, quantity: pressure, unit: MPa, range: [0, 4], limits: {l: 1}}
gateways:
  - {id: g1, enterprise: E1}
"""
)
SAMPLES = 1200


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Write a registry and a history: a quiet gas, a level that grazes its limit, a short past."""
    rng = np.random.default_rng(5)
    gas = np.round(3 + rng.normal(0, 0.5, SAMPLES), 1)
    level = np.round(7.5 + rng.normal(0, 0.3, SAMPLES), 2)
    rows = ["ts,point,value"]
    for k in range(SAMPLES):
        ts = instants.to_text(at(10 * k))
        rows += [f"{ts},GAS,{gas[k]}", f"{ts},LT,{level[k]}"]
        rows += [f"{ts},SLOW,1.5"] * (k < 20)
    (tmp_path / "plant.yaml").write_text(REGISTRY, "utf-8")
    (tmp_path / "r.csv").write_text("\n".join(rows), "utf-8")
    return ["--registry", str(tmp_path / "plant.yaml"), "--readings", str(tmp_path / "r.csv")]


def advised(files: list[str]) -> Any:
    done = CliRunner().invoke(command, [*files, "--advise", "--json"], catch_exceptions=False)
    return json.loads(done.stdout)


def test_where_nothing_passed_a_limit_the_present_delays_stand(files: list[str]) -> None:
    gas = [each for each in advised(files)["advice"] if each["point"] == "E1/GAS"]
    assert [each["limit"] for each in gas] == ["h", "hh"]
    for each in gas:
        assert (each["passed"], each["bound"]) == (0, True)
        settings = [each[name] for name in ("on_delay_s", "off_delay_s", "confirm_n", "confirm_m")]
        assert settings == [0, {"h": 30, "hh": 60}[each["limit"]], None, None]
        assert 1.4 <= each["deadband"] <= 1.6
        for choice in each["choices"]:
            assert choice["false_raises_per_day"] is None
            assert 0 <= choice["false_raises_per_day_at_most"] < 22
        assert each["hours"] == pytest.approx(SAMPLES * 10 / 3600)


def test_the_present_setting_is_the_first_choice_with_its_prediction(files: list[str]) -> None:
    (level,) = [each for each in advised(files)["advice"] if each["point"] == "E1/LT"]
    present = level["choices"][0]
    assert present["present"]
    assert [each["present"] for each in level["choices"][1:]] == [False] * 18
    assert (present["on_delay_s"], present["off_delay_s"], present["n"]) == (60, 30, 7)
    assert present["deadband"] == 0.1
    assert present["false_raises_per_day"] < 0.01
    assert present["delay_s"] > 60
    assert {name: level["present"][name] for name in present if name != "present"} == {
        name: present[name] for name in present if name != "present"
    }


def test_a_deadband_that_would_be_refused_is_not_advised(files: list[str]) -> None:
    registry = Path(files[1])
    narrow = registry.read_text("utf-8").replace("{h: 8}", "{l: 7.5, h: 8}")
    registry.write_text(narrow, "utf-8")  # three deviations of the noise are 0.9
    levels = [each for each in advised(files)["advice"] if each["point"] == "E1/LT"]
    assert {choice["deadband"] for each in levels for choice in each["choices"]} == {0.1}


def test_a_limit_with_too_little_past_is_named_with_the_reason(files: list[str]) -> None:
    few = tuning.Unlearned.few.value
    assert advised(files)["not_advised"] == [
        {"point": point, "limit": limit, "samples": samples, "reason": few}
        for point, limit, samples in (
            *(("E1/SLOW", limit, 20) for limit in ("h", "hh")),
            ("E1/MUTE", "l", 0),
        )
    ]


def test_the_text_gives_a_bound_as_a_bound(files: list[str]) -> None:
    done = CliRunner().invoke(
        command, [*files, "--advise"], catch_exceptions=False, env={"COLUMNS": "240"}
    )
    (line,) = [line for line in done.stdout.splitlines() if "GAS" in line and "hh 50" in line]
    assert "0 passed in 3.33 h (bound 22)" in line
    assert "0 / 60 s" in line
    assert line.count("→") == 1  # the deadband's: the delays stand
    assert "too little to predict from" in done.stdout
    assert (
        "no advice on 3 limits, fewer than 60 judged readings: E1/SLOW h, E1/SLOW hh, E1/MUTE l"
        in done.stdout
    )
