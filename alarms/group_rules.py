"""Group rules as the engine runs them: members as rows, defaults filled in, a detector each."""

from dataclasses import dataclass
from typing import Any, Final

from alarms.alarm import Tier
from alarms.detectors.air_lock import AirLock
from alarms.detectors.air_path import AirPath
from alarms.detectors.balance import BUCKETS, Balance, Window
from alarms.detectors.difference import Difference
from alarms.detectors.power_cut import Order, PowerCut
from alarms.detectors.verdict import Detector
from alarms.detectors.vote import Vote
from alarms.plant import GASES, Group, Plant, Point
from alarms.rules import SECOND, Ruleset

TIME_BASES_S: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
"""Seconds of the unit of time behind the stroke of a flow's unit."""
DEFAULT_WINDOWS: Final = ((300.0, 5.0), (3600.0, 3.0), (86_400.0, 1.0))
"""Spans in seconds and least leaks in per cent of the mean flow, for liquids: the typical 1-5 % of
published figures (V2). On gas the line's own storage outweighs them; there windows are given."""
LOCAL_CUT_S: Final = 2.0
REMOTE_CUT_S: Final = 40.0
"""Time for power to be off after a cut was ordered, on the spot and from afar (AQ 6201, M)."""
_ON_DELAYS_S: Final = {"difference": 60.0, "air_path": 600.0, "air_lock": 10.0}
_TIERS: Final = {"vote": Tier.orange, "power_cut": Tier.orange, "air_lock": Tier.orange}
_OFF_DELAY_S: Final = 30.0
_OFF_DELAY_RED_S: Final = 60.0
_HALF: Final = 0.5
"""Between the states 0 and 1 of a switch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule:
    """One group: `rows` and `stale` (Micros) run along its members; delays in Micros."""

    group: Group
    rows: tuple[int, ...]
    stale: tuple[int, ...]
    on_delay: int
    off_delay: int
    tier: Tier
    detector: Detector

    @property
    def name(self) -> str:
        """Return the name of its rule: `group.<kind>`."""
        return f"group.{self.group.kind}"


def rules_of(plant: Plant, rules: Ruleset) -> tuple[GroupRule, ...]:
    """Return the plant's groups as rules, in the plant's order."""
    return tuple(_rule(plant, rules, group) for group in plant.groups)


def time_base_s(unit: str) -> float | None:
    """Return the seconds in a flow's unit of time: 3600 for `m³/h`; None where there is none."""
    return TIME_BASES_S.get(unit.rpartition("/")[2]) if "/" in unit else None


def is_gas(source_kind: str, unit: str) -> bool:
    """Tell whether a flow is one of gas, whose line stores more than it may lose."""
    return source_kind in ("gas_line", "gas_station") or unit.startswith("N")


def cut_s(group: Group) -> float:
    """Return within how many seconds of its order the power must be off."""
    if group.on_delay_s is not None:
        return group.on_delay_s
    return REMOTE_CUT_S if group.params.get("remote") else LOCAL_CUT_S


def _rule(plant: Plant, rules: Ruleset, group: Group) -> GroupRule:
    row_of = plant.rows[group.enterprise]
    rows = tuple(row_of[tag] for tag in group.tags)
    points = [plant.points[row] for row in rows]
    tier = _TIERS.get(group.kind, Tier.yellow) if group.tier is None else Tier[group.tier]
    on_delay_s = _ON_DELAYS_S.get(group.kind, 0.0) if group.on_delay_s is None else group.on_delay_s
    if group.kind == "power_cut":
        on_delay_s = cut_s(group)
    off_delay_s = _OFF_DELAY_RED_S if tier is Tier.red else _OFF_DELAY_S
    return GroupRule(
        group=group,
        rows=rows,
        stale=tuple(rules.stale[list(rows)].tolist()),
        on_delay=round(on_delay_s * SECOND),
        off_delay=round((off_delay_s if group.off_delay_s is None else group.off_delay_s) * SECOND),
        tier=tier,
        detector=_detector(group, points),
    )


def _detector(group: Group, points: list[Point]) -> Detector:
    params = group.params
    deadband = params.get("deadband", 0.0)
    match group.kind:
        case "vote":
            return Vote(
                k=params["k"],
                n=len(points),
                limit=params["limit"],
                high=params.get("side", "high") == "high",
                deadband=deadband,
                safe=params["degrade"] == "safe",
            )
        case "difference":
            return Difference(bound=params["bound"], deadband=deadband)
        case "air_path":
            return AirPath(bound=params["bound"], deadband=deadband)
        case "balance":
            return _balance(group, points)
        case "air_lock":
            return AirLock()
        case "power_cut":
            cut_state = params.get("cut_state", 0)
            return PowerCut(orders=tuple(_order(point, cut_state) for point in points[:-1]))
        case _:
            raise ValueError(f"{group.key}: there is no kind of group {group.kind!r}")


def _balance(group: Group, points: list[Point]) -> Balance:
    windows: list[dict[str, Any]] = [
        {"span_s": span_s, "percent": percent} for span_s, percent in DEFAULT_WINDOWS
    ]
    return Balance(
        inflows=len(group.members.get("inflows", ())),
        outflows=len(group.members.get("outflows", ())),
        stores=tuple(group.members.get("inventory", ())),
        factors=tuple(group.params.get("factors", ())),
        base_s=time_base_s(points[0].engineering_unit) or 1.0,
        windows=tuple(
            Window(
                span=round(window["span_s"] * SECOND / BUCKETS) * BUCKETS,
                least=window.get("least", 0.0),
                percent=window.get("percent", 0.0),
            )
            for window in group.params.get("windows", windows)
        ),
    )


def _order(point: Point, cut_state: int) -> Order:
    """Return when a member orders the cut; a gas that lost its cut limit never does."""
    if point.quantity in GASES:
        cut = point.limits.get("cut", float("inf"))
        return Order(on=cut, off=point.limits.get("reset", cut - point.deadband))
    return Order(on=_HALF, off=_HALF) if cut_state else Order(on=-_HALF, off=-_HALF, sign=-1.0)
