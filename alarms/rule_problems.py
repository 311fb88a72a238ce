"""What contradicts itself in a point's rules: each with the key to look at and what to do."""

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from alarms import tiers, timers
from alarms.alarm import Tier
from alarms.plant import GASES, Point
from alarms.rules import (
    DEFAULT_PERIOD_S,
    LEVEL_NAMES,
    confirmation_of,
    release_of,
    silences_s,
    tier_of,
)

Problem = tuple[str, str]
"""A key of the point, as in `limits.reset`, and a sentence about it."""

_ALLOWED: Final = ("ll", "l", "h", "hh", "cut", "reset")
_LOW: Final = ("ll", "l")
_DAY_S: Final = 86_400.0


def of(point: Point) -> list[Problem]:
    """Return what no point may have, whatever its instrument's range; empty when all is well."""
    problems = [*_limits(point), *_confirmation(point), *_tiers(point)]
    for name, seconds in (("on_delay_s", point.on_delay_s), ("off_delay_s", point.off_delay_s)):
        if seconds is not None and not (math.isfinite(seconds) and seconds >= 0):
            problems.append((name, f"{name} is {seconds}; give seconds, 0 or more"))
    if point.period_s is not None and not (math.isfinite(point.period_s) and point.period_s > 0):
        problems.append(("period_s", f"period_s is {point.period_s}; give seconds, more than 0"))
        return problems
    return [*problems, *_silences(point), *_timers(point)]


def in_range(point: Point) -> Iterator[Problem]:
    """Say where the instrument's range is none, or a limit is dead or never left within it.

    An alarm ends below its release (a low one above it), so within the range there must be room
    beyond the release (alarms.md 1.3).
    """
    if point.range is None:
        return
    low, high = point.range
    if not low < high:
        yield "range", f"goes from {low:g} to {high:g}: write the lower end first"
        return
    span = f"the range {low:g} to {high:g}"
    if point.deadband > high - low:
        yield "deadband", f"is {point.deadband:g}, wider than {span}"
        return
    for name, limit in point.limits.items():
        if not low <= limit <= high:
            yield f"limits.{name}", f"is {limit:g}, outside {span}: such a limit is dead"
            continue
        if name not in LEVEL_NAMES:
            continue
        release = release_of(point, name)
        if _less(low, release) if name not in _LOW else _less(release, high):
            continue
        side, beyond = ("above", "higher") if name in _LOW else ("below", "lower")
        if release == limit:
            problem = (
                f"is {limit:g}, the end of {span}: its alarm would always stand; "
                f"set it {'lower' if name in _LOW else 'higher'}"
            )
            yield f"limits.{name}", problem
        else:
            room = limit - low if name not in _LOW else high - limit
            problem = (
                f"lets {name} {limit:g} return only {side} {release:g}, and {span} has nothing "
                f"{beyond}: its alarm would never end; "
                + ("set reset higher" if _by_reset(point, name) else f"make it less than {room:g}")
            )
            yield _release_key(point, name), problem


def _limits(point: Point) -> list[Problem]:
    limits: Mapping[str, float] = point.limits
    problems = [
        f"limit {name!r} is unknown; use {', '.join(_ALLOWED)}"
        for name in limits
        if name not in _ALLOWED
    ]
    if point.quantity not in GASES:
        problems += [
            f"limit {name!r} is for gases only, the quantity is {point.quantity}; remove it"
            for name in ("cut", "reset")
            if name in limits
        ]
    problems += [
        f"limit {name!r} is {value}; give a number"
        for name, value in limits.items()
        if not math.isfinite(value)
    ]
    if problems:
        return [("limits", problem) for problem in problems]
    if "reset" in limits and "cut" not in limits:
        problems.append("limit 'reset' stands without 'cut'; give both or neither")
    standing = [(name, limits[name]) for name in ("ll", "l", "h", "hh") if name in limits]
    problems += [
        f"{below} is {low:g} and {above} is {high:g}; limits must rise: ll < l < h < hh"
        for (below, low), (above, high) in pairwise(standing)
        if not low < high
    ]
    if "cut" in limits and limits["cut"] < limits.get("h", -math.inf):
        problems.append(f"cut is {limits['cut']:g}, below h {limits['h']:g}; cut must be h or more")
    if "cut" in limits and limits.get("reset", -math.inf) > limits["cut"]:
        problems.append(
            f"reset is {limits['reset']:g}, cut is {limits['cut']:g}; reset must be cut or less"
        )
    found = [("limits", problem) for problem in problems]
    if not (math.isfinite(point.deadband) and point.deadband >= 0):
        sentence = f"deadband is {point.deadband}; give 0 or more, in the point's unit"
        return [*found, ("deadband", sentence)]
    return found or list(dict.fromkeys(_releases(point)))


def _releases(point: Point) -> Iterator[Problem]:
    """Say where a level would outlast the limit next to it: 0 <= d_l <= L_l - L_(l-1).

    Equality is AQ 1029's triple: power off from 1.5, restored below 1.0, alarm from 1.0. A reset
    goes by h, for it says at what value power returns, whatever lies between h and cut.
    """
    levels = {name: point.limits[name] for name in LEVEL_NAMES if name in point.limits}
    for name, limit in levels.items():
        release = release_of(point, name)
        floor = _floor(point, levels) if name == "cut" else None
        if floor is not None and (_by_reset(point, name) or levels[floor] == limit):
            least = release_of(point, floor) if levels[floor] == limit else levels[floor]
            if _less(release, least):
                problem = (
                    f"lets cut return below {release:g}, where {floor} {levels[floor]:g} has long "
                    f"returned; make it {least if _by_reset(point, name) else limit - least:g} "
                    + ("or more" if _by_reset(point, name) else "or less")
                )
                yield _release_key(point, name), problem
            continue
        sign = -1 if name in _LOW else 1
        inside = [each for each in levels if sign * levels[each] < sign * limit]
        nearest = max(inside, key=lambda each: sign * levels[each], default=None)
        if nearest is None or not _less(sign * release, sign * levels[nearest]):
            continue
        below, above = sorted((name, nearest), key=lambda each: levels[each])
        problem = (
            f"deadband is {abs(limit - release):g}, wider than from {below} to {above}; "
            f"make it {levels[above] - levels[below]:g} or less"
        )
        yield _release_key(point, name), problem


def _by_reset(point: Point, name: str) -> bool:
    return name == "cut" and "reset" in point.limits


def _floor(point: Point, levels: Mapping[str, float]) -> str | None:
    """Return the alarm limit at or below cut, h first, that power cut goes with."""
    cut = point.limits["cut"]
    return next(
        (each for each in ("h", "hh", "l", "ll") if levels.get(each, math.inf) <= cut), None
    )


def _release_key(point: Point, name: str) -> str:
    """Return the key that says where a level returns."""
    if _by_reset(point, name):
        return "limits.reset"
    own = f"deadband_{name}"
    return f"params.limit.{own}" if own in point.params.get("limit", {}) else "deadband"


def _less(one: float, other: float) -> bool:
    """Tell whether a number is less by more than what rounding of decimals makes."""
    return one < other and not math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)


def _confirmation(point: Point) -> list[Problem]:
    own = point.params.get("limit", {})
    given = [name for name in ("confirm_n", "confirm_m") if name in own]
    if len(given) == 1:
        problem = f"{given[0]} stands alone; give confirm_n and confirm_m: n of the last m readings"
        return [(f"params.limit.{given[0]}", problem)]
    n, m = confirmation_of(point)
    if n > m:
        problem = f"confirm_n is {n}, more than confirm_m {m}; n of the last m readings cannot be"
        return [("params.limit.confirm_n", problem)]
    return []


def _silences(point: Point) -> Iterator[Problem]:
    """Say where a rule's silence would be every gap, or no silence at all; the bounds are ours."""
    least = 2 * (point.period_s or DEFAULT_PERIOD_S)
    most = max(_DAY_S, 1.5 * least)
    stale = point.params.get("comms", {}).get("stale_s")
    if stale is not None and not least <= stale <= most:
        problem = (
            f"is {stale:g}, allowed is {least:g} to {most:g}: from two periods (period_s), for one "
            "lost reading is no silence, to a day or three periods, for silence is always watched"
        )
        yield "params.comms.stale_s", problem
    bridge = point.params.get("limit", {}).get("bridge_s")
    most = silences_s(point)[1]
    if bridge is not None and not least <= bridge <= most:
        problem = (
            f"is {bridge:g}, allowed is {least:g} to {most:g}: from two periods (period_s), or one "
            "late reading begins every delay anew, to the silence after which the point is stale"
        )
        yield "params.limit.bridge_s", problem


def _timers(point: Point) -> Iterator[Problem]:
    for kind, settings in point.params.items():
        for name, problem in timers.problems(settings):
            yield f"params.{kind}.{name}", problem


def _tiers(point: Point) -> list[Problem]:
    names = [tier.name for tier in Tier if tier is not Tier.none]
    problems = [
        f"tier of {name!r} cannot be set; tiers belong to {', '.join(LEVEL_NAMES)}"
        for name in point.tiers
        if name not in LEVEL_NAMES
    ]
    problems += [
        f"tier of {name!r} is {tier!r}; use {', '.join(names)}"
        for name, tier in point.tiers.items()
        if tier not in names
    ]
    if not problems:
        held = [name for name in LEVEL_NAMES if name in point.limits]
        problems = tiers.falling({name: tier_of(point, name) for name in held})
    return [("tiers", problem) for problem in problems]
