"""The registry of a scaled-up scenario: the example's tree with its units cloned."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from simulators.scenario import Scenario, suffix


def scaled(tree: Mapping[str, Any], scenario: Scenario, *, points: int) -> dict[str, Any]:
    """The registry tree that names exactly the first `points` points the scenario publishes.

    Units are cloned inside their source with suffixed codes, names and tags; a unit left without
    points is left out. The example names every tag of the scenario.
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
