"""What an engineer wrote of each point: validated, with its defaults, as the engine's columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms import tiers
from alarms.alarm import Tier
from alarms.plant import GASES, Plant, Point
from alarms.rulepacks import Bound, Default, Entry, bounds, defaults, meaning, units_bound
from alarms.rulepacks.reading import shipped

SLOTS: Final = 5
"""A point has two low levels (slots 0, 1) and three high ones (2, 3, 4), innermost first."""
LOW: Final = slice(0, 2)
HIGH: Final = slice(2, 5)
RULES: Final = ("limit.low", "limit.high")
LEVEL_NAMES: Final = ("l", "ll", "h", "hh", "cut")
_ASCENDING: Final = ("ll", "l", "h", "hh", "cut")
DEFAULT_PERIOD_S: Final = 10.0
"""Expected spacing of a point whose registry entry gives no `period_s`."""
SECOND: Final = 1_000_000

_ON_DELAYS_S: Final = {
    "level": 60.0,
    "flow": 15.0,
    "pressure": 15.0,
    "differential_pressure": 15.0,
    "temperature": 60.0,
}
"""On-delays of l and h by quantity (alarms.md 1.4, from memory of ISA-18.2); all others 0."""
_OFF_DELAY_S: Final = 30.0
_OFF_DELAY_RED_S: Final = 60.0
STALE_LEAST_S: Final = 30.0
STALE_SHORTEST_S: Final = 5.0
SILENCE_MOST_S: Final = 259_200.0
"""Three of the longest periods: no silence that a rule may set is longer."""
_FORECAST: Final = GASES | {"level", "temperature", "pressure", "differential_pressure", "flow"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One limit of one side with all defaults filled in; delays in Micros.

    The level is over at `limit` and beyond it, under on the safe side of `release`.
    """

    name: str
    limit: float
    release: float
    tier: Tier
    on_delay: int
    off_delay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """The rules of every point as columns; times in Micros.

    Levels and `bridge` are laid out once for all points that are alike (Plant.alike), for few
    differ: `of`, shape (n,), has each point's place in them. The last two run along points.

    `on` and `off`, shape (k, SLOTS), are mirrored for low levels: with y = -x there and y = x at
    high ones, a level is over where y >= on and under where y < off. An absent level has on = inf
    and off = -inf and is neither. `confirm`, shape (n, 2), has n and m of points whose limits are
    confirmed by n of the last m readings, 1 and 1 of all others.
    """

    of: NDArray[np.int32]
    on: NDArray[np.float64]
    off: NDArray[np.float64]
    on_delay: NDArray[np.int64]
    off_delay: NDArray[np.int64]
    tier: NDArray[np.int8]
    name: NDArray[np.int8]
    bridge: NDArray[np.int64]
    stale: NDArray[np.int64]
    confirm: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.of)

    def calm(self, rows: NDArray[np.integer] | slice) -> NDArray[np.float64]:
        """Return the open interval in which a point at rest stays so, shape (k, 2)."""
        of = self.of[rows]
        return np.stack([-self.on[of, LOW.start], self.on[of, HIGH.start]], axis=1)

    def limit(self, row: int, slot: int) -> float:
        """Return a level's limit in the point's unit."""
        mirrored = float(self.on[self.of[row], slot])
        return -mirrored if slot < HIGH.start else mirrored

    def level_name(self, row: int, slot: int) -> str:
        """Return `l`, `ll`, `h`, `hh` or `cut`; empty where there is no such level."""
        code = int(self.name[self.of[row], slot])
        return LEVEL_NAMES[code] if code >= 0 else ""

    def tier_at(self, row: int, slot: int) -> Tier:
        """Return a level's tier."""
        return Tier(int(self.tier[self.of[row], slot]))


def watched(point: Point) -> tuple[str, ...]:
    """Return the kinds of detectors a point is watched by: its `detect`, else the default list."""
    if point.detect is not None:
        return point.detect
    forecast = ("forecast",) if point.quantity in _FORECAST else ()
    return ("limit", *forecast, "sensor", "comms")


def rules_of(plant: Plant) -> Ruleset:
    """Lay out the rules of every point of the plant."""
    alike = plant.alike
    n = len(alike.points)
    on = np.full((n, SLOTS), np.inf)
    off = np.full((n, SLOTS), -np.inf)
    delays = np.zeros((2, n, SLOTS), np.int64)
    tier = np.zeros((n, SLOTS), np.int8)
    name = np.full((n, SLOTS), -1, np.int8)
    bridge, stale = np.empty(n, np.int64), np.empty(n, np.int64)
    confirm = np.ones((n, 2), np.int8)
    for row, point in enumerate(alike.points):
        point = tiers.graded(plant, point)
        confirm[row] = confirmation_of(point)
        bridge[row], stale[row] = (round(each * SECOND) for each in silences_s(point))
        for sign, first, levels in (
            (-1, LOW.start, low_levels(point)),
            (1, HIGH.start, high_levels(point)),
        ):
            for slot, level in enumerate(levels, first):
                on[row, slot] = sign * level.limit
                off[row, slot] = sign * level.release
                delays[:, row, slot] = level.on_delay, level.off_delay
                tier[row, slot] = level.tier
                name[row, slot] = LEVEL_NAMES.index(level.name)
    return Ruleset(
        of=alike.of,
        on=on,
        off=off,
        on_delay=delays[0],
        off_delay=delays[1],
        tier=tier,
        name=name,
        bridge=bridge,
        stale=stale[alike.of],
        confirm=confirm[alike.of],
    )


def silences_s(point: Point) -> tuple[float, float]:
    """Return the gap that a running delay bridges, and after how long a point is stale, seconds.

    No delay bridges a silence: it would raise, or not, by who looks first.
    """
    period = point.period_s or DEFAULT_PERIOD_S
    stale: float = point.params.get("comms", {}).get("stale_s", max(3 * period, STALE_LEAST_S))
    bridge: float = point.params.get("limit", {}).get("bridge_s", 3 * period)
    return min(bridge, stale), stale


def high_levels(point: Point) -> list[Level]:
    """Return the levels of `limit.high`, innermost first; none where `detect` leaves limits out."""
    return sorted(_levels(point, ("h", "hh", "cut")), key=lambda level: level.limit)


def low_levels(point: Point) -> list[Level]:
    """Return the levels of `limit.low`, innermost first; none where `detect` leaves limits out."""
    return _levels(point, ("l", "ll"))


def on_delays_s(point: Point) -> dict[str, float]:
    """Return the on-delay in force of each level the point is judged by, seconds, by its name."""
    levels = {level.name: level for level in (*low_levels(point), *high_levels(point))}
    return {name: levels[name].on_delay / SECOND for name in sorted(levels, key=_ASCENDING.index)}


def deadband_of(point: Point, name: str) -> float:
    """Return a limit's own deadband where its point sets one, else the point's, in its unit."""
    own: float = point.params.get("limit", {}).get(f"deadband_{name}", point.deadband)
    return own


def release_of(point: Point, name: str) -> float:
    """Return where a level the point has is left, in its unit: beyond it, towards the safe side."""
    limit = float(point.limits[name])
    if name == "cut" and "reset" in point.limits:
        return float(point.limits["reset"])
    return limit + deadband_of(point, name) * (1 if name in ("l", "ll") else -1)


def confirmation_of(point: Point) -> tuple[int, int]:
    """Return n and m where n of its last m readings confirm a point's limits, else 1 and 1."""
    own = point.params.get("limit", {})
    return int(own.get("confirm_n", 1)), int(own.get("confirm_m", 1))


def tier_of(point: Point, name: str) -> Tier:
    """Return a level's tier: the point's own, else the default of its quantity."""
    own = point.tiers.get(name)
    return tiers.default(point.quantity, name) if own is None else Tier[own]


def bounds_for(point: Point, source_kind: str) -> tuple[Bound, ...]:
    """Return the rule packs' bounds on this point's limits, each with its clause and mark."""
    return _bounds(*_meant(point, source_kind), point.engineering_unit)


@cache
def _bounds(
    quantity: str, source_kind: str, sector: str | None, substance: str | None, unit: str
) -> tuple[Bound, ...]:
    return tuple(bounds(_entries(quantity, source_kind, sector, substance), unit))


def defaults_for(point: Point, source_kind: str) -> dict[tuple[str, str], Default]:
    """Return, by (kind, name), what the rule packs say of parameters and limits left open.

    Those of kind `limit` are suggestions: no point gets a limit that its engineer did not write.
    """
    return defaults(_meaning(point, source_kind), point.engineering_unit)


def units_bound_elsewhere(point: Point, source_kind: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return (standard and clause, its units) of limits that have a bound only in other units.

    Empty where every limit with a bound has one in the point's own unit.
    """
    own = {bound.limit for bound in bounds_for(point, source_kind)}
    return units_bound(_meaning(point, source_kind), point.limits.keys() - own)


def _meaning(point: Point, source_kind: str) -> tuple[Entry, ...]:
    return _entries(*_meant(point, source_kind))


def _meant(point: Point, source_kind: str) -> tuple[str, str, str | None, str | None]:
    """Return what an entry of a rule pack goes by."""
    return point.quantity, source_kind, point.sector, point.substance


@cache
def _entries(
    quantity: str, source_kind: str, sector: str | None, substance: str | None
) -> tuple[Entry, ...]:
    """Return the shipped entries that mean such a point, whatever its unit."""
    return meaning(
        shipped(), quantity=quantity, source_kind=source_kind, sector=sector, substance=substance
    )


def _levels(point: Point, names: Sequence[str]) -> list[Level]:
    if point.detect is not None and "limit" not in point.detect:
        return []
    found = []
    for name in names:
        if name not in point.limits:
            continue
        limit = float(point.limits[name])
        tier = tier_of(point, name)
        found.append(
            Level(
                name=name,
                limit=limit,
                release=release_of(point, name),
                tier=tier,
                on_delay=round(_on_delay_s(point, name) * SECOND),
                off_delay=round(_off_delay_s(point, tier) * SECOND),
            )
        )
    return found


def _on_delay_s(point: Point, name: str) -> float:
    if point.on_delay_s is not None:
        return point.on_delay_s
    return _ON_DELAYS_S.get(point.quantity, 0.0) if name in ("l", "h") else 0.0


def _off_delay_s(point: Point, tier: Tier) -> float:
    if point.off_delay_s is not None:
        return point.off_delay_s
    return _OFF_DELAY_RED_S if tier is Tier.red else _OFF_DELAY_S
