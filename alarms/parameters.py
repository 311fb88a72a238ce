"""What an engineer may set of each detector beside limits and delays: names, bounds, defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alarms.detectors import confirmation
from alarms.plant import Point
from alarms.registry_fields import Form, Key, Number
from alarms.rules import defaults_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number; `default` holds where a point sets none (None: the detector chooses)."""

    number: Number
    default: float | None
    words: str


PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "limit": {
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
    own = point.params.get(kind, {}).get(name)
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
