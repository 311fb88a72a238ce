"""What is prepared before the first batch: no loop is compiled while readings wait."""

import subprocess
import sys

_LOOPS = (
    "alarms.detectors.deviation:judge",
    "alarms.detectors.deviation:learn",
    "alarms.detectors.forecast_walk:taken_over",
    "alarms.detectors.forecast_walk:walk",
    "alarms.detectors.limits:_confirm_each",
    "alarms.detectors.limits:_hold_each",
    "alarms.detectors.peer_memory:find",
    "alarms.detectors.peers:walk",
    "alarms.detectors.rate:judge",
    "alarms.detectors.rate:learn",
    "alarms.detectors.sensor_faults:walk",
    "alarms.detectors.trend_columns:replay",
    "alarms.family:_sort",
    "alarms.lines:_gather",
    "alarms.proposal:_sift",
    "alarms.proposal:_take_up",
    "alarms.record:_compared",
    "alarms.standing:_put",
    "alarms.sweep:_stirring",
    "alarms.sweep:_walk",
)
_UNPREPARED = """
import importlib, sys
from alarms.preparation import prepare
prepare()
for loop in sys.argv[1:]:
    module, name = loop.split(":")
    if not getattr(importlib.import_module(module), name).signatures:
        print(loop)
"""


def test_every_loop_that_a_batch_or_a_tick_calls_is_prepared() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _UNPREPARED, *_LOOPS], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
