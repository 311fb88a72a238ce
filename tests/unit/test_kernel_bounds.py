"""No kernel reaches beyond its arrays: run as plain Python, where that is an error."""

import os
import subprocess
import sys
from pathlib import Path

PLANT = """
import numpy as np

from alarms.engine import Engine
from alarms.memory import Recollection
from alarms.proposal import LastReadings
from alarms.readings import Readings
from tests.unit.plants import START, plant, point

settings = {
    "range": (0, 12),
    "limits": {"l": 1.0, "h": 9.0},
    "detect": ("limit", "forecast", "rate", "deviation", "sensor", "comms"),
    "params": {"limit": {"confirm_n": 2, "confirm_m": 3}, "rate": {"rise": 1.0}},
}
points = [point(f"P{i}", **settings) for i in range(4)]
engine = Engine.build(plant(points), states=(), last=LastReadings.never(4), started=START)
random = np.random.default_rng(1)
for number in range(240):
    at = np.full(4, START + number * 50_000_000, np.int64)
    readings = Readings(
        point=np.arange(4, dtype=np.int32),
        time=at,
        value=5 + 3 * np.sin(number / 20) + random.normal(0, 0.1, 4) + 30 * (number % 97 == 0),
        quality=np.zeros(4, np.int16),
        received=at,
        stamp=at,
    )
    if number % 3:
        engine.adopt(engine.judge(readings, now=int(at[0])))
    else:
        Recollection(engine).learn(readings)
"""


def test_three_hours_of_a_plant_with_every_detector_stay_within_every_array() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLANT],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
