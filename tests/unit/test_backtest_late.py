"""Back-tested late, shuffled or twice, readings tell what they tell in order."""

import random
from pathlib import Path
from typing import Any

import pytest

from tests.unit import test_backtest
from tests.unit.plants import ONE_TANK
from tests.unit.test_backtest import backtest, limits, text, write

REGISTRY = (
    ONE_TANK
    + """\
              - {tag: LT, quantity: level, unit: m, range: [0, 12], period_s: 5, deadband: 0.5,
                 limits: {ll: 0.5, l: 1, h: 8, hh: 9}, on_delay_s: 12, off_delay_s: 20}
              - {tag: PT, quantity: pressure, unit: MPa, range: [0, 2], period_s: 5,
                 limits: {h: 1.4, hh: 1.6}, deadband: 0.1, on_delay_s: 0, off_delay_s: 30}
              - {tag: TT, quantity: temperature, unit: ℃, range: [0, 90], period_s: 30,
                 limits: {h: 60}, deadband: 2, on_delay_s: 45, off_delay_s: 0}
gateways:
  - {id: gw, enterprise: E1}
"""
)
VALUES = {"LT": (5.0, 5.0, 0.7, 0.2, 8.3, 7.8, 9.4), "PT": (1.0, 1.0, 1.35, 1.5, 1.7),
          "TT": (40.0, 40.0, 59.0, 63.0)}  # fmt: skip
PERIODS = {"LT": 5, "PT": 5, "TT": 30}
SPAN_S = 1800
CALM_S = 240
Row = tuple[float, str, float, str]


def recording(chance: random.Random) -> list[Row]:
    """Draw stretches in and out of the limits, and a calm end; some readings are bad."""
    rows: list[Row] = []
    for tag, period in PERIODS.items():
        value, seconds = VALUES[tag][0], 0.0
        while seconds < SPAN_S + CALM_S:
            seconds += period
            if chance.random() < 0.25:
                value = chance.choice(VALUES[tag])
            if seconds > SPAN_S:
                value = VALUES[tag][0]
            quality = "bad" if chance.random() < 0.03 and seconds <= SPAN_S else "good"
            rows.append((seconds, tag, value, quality))
    return sorted(rows)


def told(folder: Path, name: str, arrivals: list[tuple[float, Row]]) -> tuple[Any, list[Any]]:
    """Return what the back-test says of rows that arrive so, what was withdrawn left out."""
    rows = [
        f"{text(seconds)},{tag},{value},{quality},{text(arrival)}"
        for arrival, (seconds, tag, value, quality) in sorted(arrivals)
    ]
    file = write(folder, "\n".join(rows), name=name, header="ts,point,value,quality,received")
    document = backtest(folder, "--readings", file)
    return document, sorted(
        (each["point"], each["rule"], each["t_raised"], each["t_returned"], each["peak_tier"],
         tuple((move["type"], move["tier"]) for move in each["transitions"]))
        for each in limits(document)
        if each["t_raised"] != each["t_returned"]
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 3, 4])
def test_rows_shuffled_within_a_minute_and_sent_twice_tell_the_same_occurrences(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_backtest, "REGISTRY", REGISTRY)
    chance = random.Random(seed)  # noqa: S311  # a stream for a test
    rows = recording(chance)
    document, in_order = told(tmp_path, "ordered.csv", [(row[0], row) for row in rows])
    assert len(in_order) > 10
    assert not any(each["late"] for each in limits(document))
    most = chance.choice([20.0, 60.0])
    shuffled = [
        (row[0] + (chance.uniform(0, most) if row[0] < SPAN_S else 0.0), row) for row in rows
    ]
    document, found = told(tmp_path, "shuffled.csv", shuffled)
    assert found == in_order
    assert any(each["late"] for each in limits(document))
    again = [(row[0] + chance.uniform(0, most), row) for row in rows if chance.random() < 0.3]
    document, found = told(tmp_path, "twice.csv", [*shuffled, *again])
    assert found == in_order
    assert document["duplicates"] > 0
