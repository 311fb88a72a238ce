"""The registry of a scaled-up scenario: the example's tree with its units cloned."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

from simulators.scenario import Scenario, suffix

_ROLES: Final = ("points", "inflows", "outflows", "order")
"""Keys of a group that list tags."""


def scaled(tree: Mapping[str, Any], scenario: Scenario, *, points: int) -> dict[str, Any]:
    """The registry tree that names exactly the first `points` points the scenario publishes.

    Units and groups are cloned inside their source with suffixed codes, names and tags; a unit
    left without points is left out, and so is a group that lacks a member. The example names every
    tag of the scenario.
    """
    wanted = {
        channel.tag + suffix(copy)
        for copy in range(-(-points // len(scenario.channels)))
        for row, channel in enumerate(scenario.channels)
        if copy * len(scenario.channels) + row < points
    }
    copies = -(-points // len(scenario.channels))
    grown = deepcopy(dict(tree))
    for enterprise in grown["enterprises"]:
        for source in enterprise["sources"]:
            source["units"] = [
                unit
                for copy in range(copies)
                for original in source["units"]
                if (unit := _copied(original, copy, wanted))["points"]
            ]
            if "groups" in source:
                source["groups"] = [
                    _copied_group(original, copy)
                    for copy in range(copies)
                    for original in source["groups"]
                    if all(tag + suffix(copy) in wanted for tag in _members(original))
                ]
    return grown


def _copied(unit: Mapping[str, Any], copy: int, wanted: set[str]) -> dict[str, Any]:
    twin = deepcopy(dict(unit))
    twin["code"] += suffix(copy)
    if copy:
        twin["name"] += f" · {copy + 1}"
    twin["points"] = [
        {**point, "tag": point["tag"] + suffix(copy)}
        for point in twin["points"]
        if point["tag"] + suffix(copy) in wanted
    ]
    return twin


def _copied_group(group: Mapping[str, Any], copy: int) -> dict[str, Any]:
    twin = deepcopy(dict(group))
    end = suffix(copy)
    twin["code"] += end
    if copy:
        twin["name"] += f" · {copy + 1}"
    for key in ("unit", "feeder"):
        if key in twin:
            twin[key] += end
    for role in _ROLES:
        if role in twin:
            twin[role] = [tag + end for tag in twin[role]]
    for row in twin.get("inventory", ()):
        row["point"] += end
    return twin


def _members(group: Mapping[str, Any]) -> list[str]:
    tags = [tag for role in _ROLES for tag in group.get(role, ())]
    tags += [row["point"] for row in group.get("inventory", ())]
    return [*tags, group["feeder"]] if "feeder" in group else tags
