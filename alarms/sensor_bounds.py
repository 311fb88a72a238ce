"""Which points have a sensor to watch, and what is asked of it, by quantity, limits and range."""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.detectors import sensor_faults
from alarms.parameters import parameter
from alarms.plant import GASES, Plant, Point
from alarms.readings import Rows
from alarms.rules import DEFAULT_PERIOD_S, HIGH, LOW, Ruleset

SWITCHES: Final = frozenset({"valve_state", "equipment_state", "feeder_state", "air_door"})
"""Quantities that stand still by nature and whose every change is a jump."""

_INERT: Final = GASES | {"level", "temperature", "humidity", "oxygen"}
_RESTLESS: Final = GASES | {"oxygen"}
_STIRRED: Final = frozenset(
    {"flow", "vibration", "power", "wind_speed", "wind_pressure", "dust", "smoke", "other"}
)
_NEVER_NOUGHT: Final = frozenset({"methane", "oxygen", "temperature", "humidity", "carbon_dioxide"})
_SLOW: Final = frozenset({"level", "temperature", "humidity"})
_HOLD_S: Final = 600.0
_HOLD_SLOW_S: Final = 1800.0
_LEAST_PERIODS: Final = 20.0
_LEARN_S: Final = 1800.0
_LEARN_LEVEL_S: Final = 7200.0
"""A tank must have been seen at rest as well as in motion."""
_BRIDGE: Final = 3.0
_NEAR: Final = 0.05
"""Share of the range, or 0.1 of the limit where there is none, in which clipping is looked for."""


def is_watched(point: Point) -> bool:
    """Tell whether a point has an analogue sensor whose alarms are wanted."""
    if point.detect is not None and "sensor" not in point.detect:
        return False
    binary = point.range == (0, 1) and point.engineering_unit in ("", "1")
    return point.quantity not in SWITCHES and not binary


def bounds_of(plant: Plant, rules: Ruleset, rows: Rows) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return the distinct rules (sensor_faults.BOUNDS) of a plant, and each of these rows' own."""
    alike = plant.alike
    first = np.zeros(len(alike.points), np.intp)
    first[alike.of[::-1]] = np.arange(len(alike.of))[::-1]
    roofs, floors = rules.on[first, HIGH.start].tolist(), (-rules.on[first, LOW.start]).tolist()
    bounds = [_bounds(*each) for each in zip(alike.points, roofs, floors, strict=True)]
    return np.array(bounds, sensor_faults.BOUNDS), alike.of[rows]


def _bounds(point: Point, roof: float, floor: float) -> tuple[float, ...]:
    """Lay out one point's rules; a doctored value is sought under the high limit if it has one.

    Of oxygen the low limit counts more.
    """
    quantity = point.quantity
    up = math.isinf(floor) or (quantity != "oxygen" and math.isfinite(roof))
    near = roof if up else floor
    low, high = point.range if point.range is not None else (-math.inf, math.inf)
    margin = _NEAR * (high - low) if point.range is not None else 0.1 * abs(near)
    period = point.period_s or DEFAULT_PERIOD_S
    hold = parameter(point, "sensor", "hold_s")
    learn = parameter(point, "sensor", "learn_s")
    if hold is None:
        hold = max(_HOLD_SLOW_S if quantity in _SLOW else _HOLD_S, _LEAST_PERIODS * period)
    if learn is None:
        learn = _LEARN_LEVEL_S if quantity == "level" else _LEARN_S
    traits = (
        sensor_faults.INERT * (quantity in _INERT)
        | sensor_faults.RESTLESS * (quantity in _RESTLESS)
        | sensor_faults.RESTS * (quantity not in _NEVER_NOUGHT)
        | sensor_faults.STIRRED * (quantity in _STIRRED)
    )
    side = 1.0 if up else -1.0
    return roof, floor, side, margin, low, high, hold, learn, _BRIDGE * period, traits
