"""Whether the tables of tiers and the points below them fit together."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from alarms import tiers
from alarms.alarm import Tier
from alarms.plant import Enterprise, Plant, Point, Raise, Source, Tiering
from alarms.points import settings
from alarms.registry_checks import PointFinding
from alarms.registry_fields import Spot
from alarms.registry_tree import Table

Placed = tuple[Point, Table, Spot]
"""A point of a file and where it stands."""
Tables = Mapping[tuple[str, str], Tiering]
"""Tables of tiers by region and quantity."""


def check(
    placed: Iterable[Placed],
    tables: Tables,
    enterprises: Mapping[str, Enterprise],
    sources: Mapping[tuple[str, str], Source],
    note: Callable[[Iterable[PointFinding], Table, Spot], None],
) -> None:
    """Note what contradicts itself where the tables and a file's points meet."""
    plant = Plant(
        enterprises=enterprises, sources=sources, units={}, points=(), gateways={},
        point_ids=(), registered=(), tierings=tuple(tables.values()),
    )  # fmt: skip
    sound: set[tuple[object, ...]] = set()
    for point, table, at in placed:
        enterprise = enterprises.get(point.enterprise)
        source = sources.get((point.enterprise, point.source))
        if enterprise is None or source is None:
            continue  # a fault of theirs is told already
        asked = (enterprise.region, source.level, *settings(point))
        if asked not in sound:
            found = list(findings(plant, point))
            note(found, table, at)
            if not found:
                sound.add(asked)


def own_findings(tiering: Tiering, regions: Container[str]) -> Iterator[PointFinding]:
    """Say what contradicts itself in a region's table, and what it has lower than it is shipped."""
    if tiering.region not in regions:
        problem = (
            f"there is no region {tiering.region}, neither built in nor in this file: "
            "correct the code"
        )
        yield PointFinding(key="region", problem=problem)
    shipped = {limit: tiers.default(tiering.quantity, limit) for limit in tiers.LIMITS}
    graded = shipped | {limit: Tier[tier] for limit, tier in tiering.limits.items()}
    unordered = tiers.falling(graded)
    for problem in unordered:
        yield PointFinding(key="limits", problem=problem)
    for place, each in enumerate(tiering.raises):
        conditions = (each.peak, each.lasting_s, each.points)
        if sum(condition is not None for condition in conditions) != 1:
            problem = "one condition is wanted: peak, lasting_s or points"
            yield PointFinding(key=f"raise[{place}]", problem=problem)
        if not unordered and Tier[each.tier] <= min(graded.values()):
            problem = (
                f"raises to {each.tier}, and by this table no limit has a lower tier: it would do "
                "nothing; raise to a higher tier, or give a limit a lower one under limits"
            )
            yield PointFinding(key=f"raise[{place}].tier", problem=problem)
    yield from _of_kinds(tiering)


def _of_kinds(tiering: Tiering) -> Iterator[PointFinding]:
    for kind, tier in tiering.kinds.items():
        if Tier[tier] < tiers.default_of(kind):
            problem = f"is {tier}, lower than the shipped {tiers.default_of(kind).name}"
            yield PointFinding(key=f"kinds.{kind}", problem=problem, refused=False)
    within_s, shipped_s = tiers.forecast_s(tiering), tiers.forecast_s()
    if within_s["orange_s"] > within_s["yellow_s"]:
        problem = (
            f"orange_s is {within_s['orange_s']:g} and yellow_s {within_s['yellow_s']:g}: orange "
            "must begin no farther from the limit than yellow"
        )
        yield PointFinding(key="forecast", problem=problem)
    for name, own_s in tiering.forecast.items():
        if own_s < shipped_s[name]:
            problem = (
                f"is {own_s:g}, less than the shipped {shipped_s[name]:g}: forecasts reach that "
                "tier later"
            )
            yield PointFinding(key=f"forecast.{name}", problem=problem, refused=False)


def regraded(plant: Plant, tables: Sequence[Tiering], written: Iterable[Point]) -> Iterator[str]:
    """Say where a file's tables do not fit points that are registered and not in the file.

    Of points with equal settings one is named, and how many more there are.
    """
    if not tables:
        return
    merged = {(each.region, each.quantity): each for each in (*plant.tierings, *tables)}
    ruled = replace(plant, tierings=tuple(merged.values()))
    own = {point.key for point in written}
    for kind, point in enumerate(plant.alike.points):
        found = list(findings(ruled, point)) if tiers.tiering_of(ruled, point) in tables else []
        if not found:
            continue
        alike = [plant.key_of(row) for row in np.flatnonzero(plant.alike.of == kind).tolist()]
        left = [key for key in alike if key not in own]
        for finding in found if left else ():
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            yield f"{left[0]}{more}: {finding.key} {finding.problem}"


def findings(plant: Plant, point: Point) -> Iterator[PointFinding]:
    """Say where a point and its region's table contradict each other, or a raise does nothing."""
    tiering = tiers.tiering_of(plant, point)
    if tiering is None:
        return
    graded = {
        limit: Tier[tier]
        for limit, tier in tiers.graded(plant, point).tiers.items()
        if limit in point.limits and tier in Tier.__members__
    }
    of = f"the table of {tiering.region} for {tiering.quantity}"
    if point.tiers:
        for problem in tiers.falling(graded):
            yield PointFinding(key="tiers", problem=f"{problem}, and {of} gives the others theirs")
    for place, each in enumerate(tiering.raises):
        said = f"raise[{place}] of {of}"
        if graded and all(tier >= Tier[each.tier] for tier in graded.values()):
            problem = f"{said} raises to {each.tier}, and no limit here is below it: no effect"
            yield PointFinding(key="limits", problem=problem, refused=False)
            continue
        for limit in _at_once(point, each, graded):
            problem = (
                f"is {point.limits[limit]:g}, and {said} raises to {each.tier} at a peak of "
                f"{each.peak:g}: every alarm of {limit} is {each.tier} at once; set the peak "
                f"beyond {limit}, or give {limit} that tier"
            )
            yield PointFinding(key=f"limits.{limit}", problem=problem, refused=False)


def _at_once(point: Point, each: Raise, graded: Mapping[str, Tier]) -> Iterator[str]:
    """Yield the innermost limit of a side whose alarms have the peak from their first reading."""
    if each.peak is None:
        return
    for names, sign in ((("l", "ll"), -1), (("h", "hh", "cut"), 1)):
        held = [name for name in names if name in graded]
        inner = min(held, key=lambda name: sign * point.limits[name], default=None)
        if inner is None or graded[inner] >= Tier[each.tier]:
            continue
        if sign * each.peak <= sign * point.limits[inner]:
            yield inner
