"""Which tier an alarm of a point has: the shipped table, a region's own, and what raises a tier.

A point's own `tiers` win over every table. A region's table names tiers of a quantity's limits and
of its other kinds of alarms, how many tiers higher they are at sources of a level (GB 18218), and
what raises an active limit alarm: its grade follows peak, duration and extent, as the coal-mine
rules have it (D; Shanxi grades methane at 2 % and 3 %, V2).
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Any, Final

import numpy as np
import yaml

from alarms.alarm import Tier
from alarms.plant import Plant, Point, Raise, Tiering
from alarms.readings import Rows

LIMITS: Final = ("l", "ll", "h", "hh", "cut")
KINDS: Final = ("rate", "deviation", "sensor", "comms")
"""Kinds of alarms of which each has one tier."""
HIGHEST: Final = Tier.orange
"""The highest tier of these kinds and of forecasts: red is for what has passed a limit (D)."""


@cache
def _shipped() -> Mapping[str, Mapping[str, Any]]:
    text = (resources.files("alarms") / "tiers.yaml").read_text("utf-8")
    found: dict[str, Mapping[str, Any]] = yaml.safe_load(text)
    return found


def default(quantity: str, limit: str) -> Tier:
    """Return a limit's tier by the shipped table."""
    table = _shipped()
    return Tier[table["quantities"].get(quantity, table["others"])[limit]]


def default_of(kind: str) -> Tier:
    """Return the tier of one of KINDS by the shipped table."""
    return Tier[_shipped()["kinds"][kind]]


def forecast_s(tiering: Tiering | None = None) -> Mapping[str, float]:
    """Return `yellow_s` and `orange_s` of forecasts as shipped, those that a table gives put in."""
    shipped = _shipped()["forecast"]
    return shipped if tiering is None else {**shipped, **tiering.forecast}


def graded(plant: Plant, point: Point) -> Point:
    """Return the point with the tiers its region's table gives, where there is one."""
    tiering = tiering_of(plant, point)
    if tiering is None:
        return point
    higher = _higher_by(plant, point, tiering)
    tiers = {
        limit: _higher(tiering.limits.get(limit), point.quantity, limit, higher)
        for limit in LIMITS
        if limit in point.limits
    }
    return replace(point, tiers=tiers | dict(point.tiers))


def of_kind(plant: Plant, point: Point, kind: str) -> Tier:
    """Return the tier of a point's alarms of one of KINDS.

    The level of its source raises what a table names.
    """
    tiering = tiering_of(plant, point)
    if tiering is None or kind not in tiering.kinds:
        return default_of(kind)
    return Tier(min(Tier[tiering.kinds[kind]] + _higher_by(plant, point, tiering), HIGHEST))


def highest(plant: Plant, rows: Rows, kind: str) -> Tier:
    """Return the highest tier that these points' alarms of one of KINDS have.

    An alarm that absorbs theirs has it.
    """
    alike = plant.alike
    sorts = np.unique(alike.of[rows]).tolist()
    return max(of_kind(plant, alike.points[sort], kind) for sort in sorts)


def within_s(plant: Plant, point: Point) -> tuple[float, float]:
    """Return within how many seconds of a limit a point's forecasts are yellow, and orange.

    One tier higher by a table that names them, what was blue is yellow at any distance (inf).
    """
    tiering = tiering_of(plant, point)
    higher = 0
    if tiering is not None and tiering.forecast:
        higher = _higher_by(plant, point, tiering)
    given = forecast_s(tiering)
    bounds = (math.inf, math.inf, given["yellow_s"], given["orange_s"])
    first = max(2 - higher, 0)
    return bounds[first], bounds[first + 1]


def raises_of(plant: Plant, point: Point) -> tuple[Raise, ...]:
    """Return what raises an active limit alarm of this point."""
    tiering = tiering_of(plant, point)
    return () if tiering is None else tiering.raises


def tiering_of(plant: Plant, point: Point) -> Tiering | None:
    """Return the table of the point's quantity: that of the smallest region around it."""
    if not plant.tierings:
        return None
    region = plant.enterprises[point.enterprise].region
    around = (
        plant.tables.get((region[:length], point.quantity)) for length in range(len(region), 0, -1)
    )
    return next((tiering for tiering in around if tiering is not None), None)


def falling(tier: Mapping[str, Tier]) -> list[str]:
    """Say where an outer limit has a lower tier than the one it lies beyond."""
    return [
        f"tier of {inner} is {tier[inner].name}, of {outer} {tier[outer].name}; "
        "it must not be lower"
        for inner, outer in (("l", "ll"), ("h", "hh"), ("h", "cut"))
        if inner in tier and outer in tier and tier[inner] > tier[outer]
    ]


def _higher(own: str | None, quantity: str, limit: str, steps: int) -> str:
    tier = default(quantity, limit) if own is None else Tier[own]
    return Tier(min(tier + steps, Tier.red)).name


def _higher_by(plant: Plant, point: Point, tiering: Tiering) -> int:
    level = plant.sources[point.enterprise, point.source].level
    return 0 if level is None else tiering.source_levels.get(str(level), 0)
