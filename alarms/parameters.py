"""What an engineer may set of each detector beside limits and delays: names, bounds, defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alarms import timers
from alarms.alarm import Tier
from alarms.detectors import confirmation
from alarms.plant import Point
from alarms.registry_fields import Form, Key, Many, Number
from alarms.rules import SILENCE_MOST_S, STALE_SHORTEST_S, defaults_for

_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A setting; `default` holds where a point sets none (None: the detector chooses)."""

    number: Number | Many
    default: float | None
    words: str


def _timers_of(tier: Tier) -> dict[str, Parameter]:
    """Return what may be set of the life of a rule's alarms of one tier."""
    red = tier is Tier.red
    return {
        f"realarm_{tier.name}_s": Parameter(
            number=Number(
                least=timers.REALARM_LEAST_S,
                most=timers.REALARM_RED_MOST_S,
                why="an acknowledged red alarm stays quiet no longer than a shelved one",
            )
            if red
            else Number(least=0, most=_DAY_S),
            default=None,
            words=f"seconds after which an acknowledged, still active {tier.name} alarm rings again"
            + ("" if red else "; 0: never"),
        ),
        f"acknowledge_{tier.name}_s": Parameter(
            number=Many(
                each=Number(least=timers.LADDER_LEAST_S, most=_DAY_S),
                least=timers.STEPS if red else 0,
                most=timers.STEPS,
            ),
            default=None,
            words=f"seconds after which an unacknowledged {tier.name} alarm is told to the site's "
            "supervisor, the county, the city and the province",
        ),
        f"shelve_max_{tier.name}_s": Parameter(
            number=Number(
                least=0,
                most=timers.SHELF_MOST_S[tier],
                why=f"a rule may only shorten how long a {tier.name} alarm can be shelved",
            ),
            default=None,
            words=f"seconds for which a {tier.name} alarm can be shelved at most; 0: not at all",
        ),
    }


LIFE: Final[Mapping[str, Parameter]] = {
    name: parameter for tier in timers.TIERED for name, parameter in _timers_of(tier).items()
}
"""What may be set of the life of alarms, whatever kind of rule is behind them."""

_OWN: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "limit": {
        "bridge_s": Parameter(
            number=Number(least=0, most=SILENCE_MOST_S, above=True),
            default=None,
            words="longest gap between readings across which a running delay goes on, seconds",
        ),
    }
    | {
        f"deadband_{name}": Parameter(
            number=Number(least=0),
            default=None,
            words=f"deadband of limit {name}, in the point's unit, instead of the point's own",
        )
        for name in ("ll", "l", "h", "hh", "cut")
    }
    | {
        "confirm_n": Parameter(
            number=Number(least=1, most=confirmation.LONGEST, whole=True),
            default=None,
            words="readings at a limit or beyond, among the last confirm_m, that confirm it",
        ),
        "confirm_m": Parameter(
            number=Number(least=1, most=confirmation.LONGEST, whole=True),
            default=None,
            words="last readings among which confirm_n must be at a limit or beyond it",
        ),
    },
    "deviation": {
        "learn": Parameter(
            number=Number(least=30, most=100_000, whole=True),
            default=300,
            words="readings a point is learned from before it may raise",
        ),
    },
    "rate": {
        "rise_per_min": Parameter(
            number=Number(least=0, above=True),
            default=None,
            words="rise in a minute, in the point's unit, from which a rate raises",
        ),
        "fall_per_min": Parameter(
            number=Number(least=0, above=True),
            default=None,
            words="fall in a minute, in the point's unit, from which a rate raises",
        ),
        "span_s": Parameter(
            number=Number(least=1, most=86_400),
            default=60,
            words="seconds over which a rate is told",
        ),
    },
    "sensor": {
        "hold_s": Parameter(
            number=Number(least=1, most=31_536_000),
            default=None,
            words="seconds a value may always stand still before a flat line is told",
        ),
        "learn_s": Parameter(
            number=Number(least=60, most=31_536_000),
            default=None,
            words="seconds a sensor is learned from before it may raise",
        ),
    },
    "forecast": {
        "response_s": Parameter(
            number=Number(least=0, most=86_400),
            default=None,
            words="seconds needed to act: within them of a limit its forecast is orange at least",
        ),
    },
    "comms": {
        "stale_s": Parameter(
            number=Number(least=STALE_SHORTEST_S, most=SILENCE_MOST_S),
            default=None,
            words="seconds of silence after which the point is stale",
        ),
    },
}
PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    kind: {**own, **LIFE} for kind, own in _OWN.items()
}
"""By kind of detector, then by name."""

RATE_SHARE: Final = 0.1
"""Share of the instrument's range a minute that raises where no rate is set; our choice."""

FORM: Final = Form(
    keys={
        kind: Key(kind=Form(keys={name: Key(kind=each.number) for name, each in known.items()}))
        for kind, known in PARAMETERS.items()
    }
)
"""How parameters stand in a registry file: `params: {deviation: {learn: 500}}`."""


def parameter(point: Point, kind: str, name: str, *, source_kind: str = "") -> float | None:
    """Return what holds for a point: its own setting, else a rule pack's default, else ours.

    Without its source's kind, packs that speak of some kinds only are silent.
    """
    own: float | None = point.params.get(kind, {}).get(name)
    if own is not None:
        return own
    default = defaults_for(point, source_kind).get((kind, name))
    return PARAMETERS[kind][name].default if default is None else default.value


def rate_bounds(point: Point) -> tuple[float | None, float | None]:
    """Return from which rise and from which fall a minute a rate raises, in the point's unit.

    Where the engineer set neither: 10 % of the instrument's range both ways [D], and None, None
    without a range. Where one is set, None for the other.
    """
    rise = parameter(point, "rate", "rise_per_min")
    fall = parameter(point, "rate", "fall_per_min")
    if rise is None and fall is None and point.range is not None:
        low, high = point.range
        return (RATE_SHARE * (high - low),) * 2
    return rise, fall
