"""Which points have a sensor to watch, and what is asked of it, by quantity, limits and range.

A value that stands at an end of its range is suspect: the sensor can show no more, or is dead. Not
so where things rest there by nature. At the upper end: humidity (air is saturated), what is only
called `other` (a valve wide open), an end that is nought (a fan's suction), and gas beyond a high
limit, for a detector past its scale is in gas until somebody has looked, and the limit says so. At
the lower end nearly everything rests: an empty tank, clean air, a shut line, and what may well lie
below a range that begins above nought. Suspect is humidity at nought, and an end below nought, but
for levels (their datum is anywhere), pressures (a vacuum) and `other`.
"""

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
_FULL_IS_USUAL: Final = frozenset({"humidity", "other"})
_EMPTY_IS_USUAL: Final = frozenset({"level", "pressure", "other"})
_HOLD_S: Final = 600.0
_HOLD_SLOW_S: Final = 1800.0
_LEAST_PERIODS: Final = 20.0
_LEARN_S: Final = 1800.0
_LEARN_LEVEL_S: Final = 7200.0
"""A tank must have been seen at rest as well as in motion."""
_BRIDGE: Final = 3.0
_AT_END: Final = 1e-5
"""Share of the range within which a value is at its end: gateways round to single precision."""
_NEAR: Final = 0.05
"""Share of the range, or 0.1 of the limit where there is none, in which clipping is looked for."""


def is_heard(point: Point) -> bool:
    """Tell whether a point's sensor alarms are wanted: be it that its sensor is a switch."""
    return point.detect is None or "sensor" in point.detect


def is_watched(point: Point) -> bool:
    """Tell whether a point has an analogue sensor whose alarms are wanted."""
    return is_heard(point) and not _switches(point)


def bounds_of(plant: Plant, rules: Ruleset, rows: Rows) -> tuple[NDArray[Any], NDArray[np.int32]]:
    """Return the distinct rules (sensor_faults.BOUNDS) of a plant, and each of these rows' own."""
    alike = plant.alike
    roofs, floors = rules.on[:, HIGH.start].tolist(), (-rules.on[:, LOW.start]).tolist()
    bounds = [_bounds(*each) for each in zip(alike.points, roofs, floors, strict=True)]
    return np.array(bounds, sensor_faults.BOUNDS), alike.of[rows]


def _switches(point: Point) -> bool:
    binary = point.range == (0, 1) and point.engineering_unit in ("", "1")
    return point.quantity in SWITCHES or binary


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
        | sensor_faults.TOP * _is_suspect_high(quantity, high, roof)
        | sensor_faults.BOTTOM * _is_suspect_low(quantity, low)
        | sensor_faults.SWITCH * _switches(point)
    )
    side = 1.0 if up else -1.0
    if point.range is not None:
        slack = _AT_END * (high - low)
        low, high = low + slack, high - slack
    return roof, floor, side, margin, low, high, hold, learn, _BRIDGE * period, traits


def _is_suspect_high(quantity: str, high: float, roof: float) -> bool:
    if quantity in _RESTLESS and math.isfinite(roof):
        return False
    return high != 0.0 and quantity not in _FULL_IS_USUAL


def _is_suspect_low(quantity: str, low: float) -> bool:
    if quantity == "humidity":
        return low <= 0.0
    return low < 0.0 and quantity not in _EMPTY_IS_USUAL
