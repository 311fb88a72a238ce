"""Which tier a limit alarm has: the shipped table, a region's own, and what raises a tier.

A point's own `tiers` win over every table. A region's table names tiers of a quantity's limits, how
many tiers higher they are at sources of a level (GB 18218), and what raises an active alarm: its
grade follows peak, duration and extent, as the coal-mine rules have it (D; Shanxi grades methane at
2 % and 3 %, V2).
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Final

import yaml

from alarms.alarm import Tier
from alarms.plant import Plant, Point, Raise, Tiering, prefix_of

_LIMITS: Final = ("l", "ll", "h", "hh", "cut")


@cache
def _shipped() -> Mapping[str, Mapping[str, str]]:
    text = (resources.files("alarms") / "tiers.yaml").read_text("utf-8")
    table = yaml.safe_load(text)
    found: dict[str, Mapping[str, str]] = {"": table["others"], **table["quantities"]}
    return found


def default(quantity: str, limit: str) -> Tier:
    """Return a limit's tier by the shipped table."""
    table = _shipped()
    return Tier[table.get(quantity, table[""])[limit]]


def graded(plant: Plant, point: Point) -> Point:
    """Return the point with the tiers its region's table gives, where there is one."""
    tiering = tiering_of(plant, point)
    if tiering is None:
        return point
    level = plant.sources[point.enterprise, point.source].level
    higher = 0 if level is None else tiering.source_levels.get(str(level), 0)
    tiers = {
        limit: _higher(tiering.limits.get(limit), point.quantity, limit, higher)
        for limit in _LIMITS
        if limit in point.limits
    }
    return replace(point, tiers=tiers | dict(point.tiers))


def raises_of(plant: Plant, point: Point) -> tuple[Raise, ...]:
    """Return what raises an active limit alarm of this point."""
    tiering = tiering_of(plant, point)
    return () if tiering is None else tiering.raises


def tiering_of(plant: Plant, point: Point) -> Tiering | None:
    """Return the table of the point's quantity: that of the smallest region around it."""
    if not plant.tierings:
        return None
    region = plant.enterprises[point.enterprise].region
    around = [
        tiering
        for tiering in plant.tierings
        if tiering.quantity == point.quantity and region.startswith(prefix_of(tiering.region))
    ]
    return max(around, key=lambda tiering: len(prefix_of(tiering.region)), default=None)


def problems_of(tiering: Tiering, regions: Container[str]) -> Sequence[tuple[str, str]]:
    """Return what contradicts itself in a region's table: the key and a sentence about it."""
    found = []
    if tiering.region not in regions:
        problem = (
            f"there is no region {tiering.region}, neither built in nor in this file: "
            "correct the code"
        )
        found.append(("region", problem))
    tiers = {
        limit: Tier[tiering.limits.get(limit) or default(tiering.quantity, limit).name]
        for limit in _LIMITS
    }
    unordered = falling(tiers)
    found += [("limits", problem) for problem in unordered]
    for place, each in enumerate(tiering.raises):
        conditions = (each.peak, each.lasting_s, each.points)
        if sum(condition is not None for condition in conditions) != 1:
            found.append((f"raise[{place}]", "one condition is wanted: peak, lasting_s or points"))
        if not unordered and Tier[each.tier] <= min(tiers.values()):
            problem = (
                f"raises to {each.tier}, and by this table no limit has a lower tier: it would do "
                "nothing; raise to a higher tier, or give a limit a lower one under limits"
            )
            found.append((f"raise[{place}].tier", problem))
    return found


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
