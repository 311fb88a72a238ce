"""What an engineer may set of each detector beside limits and delays: names, bounds, defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alarms.plant import Point
from alarms.registry_fields import Form, Key, Number


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One number; `default` holds where a point sets none (None: the detector chooses)."""

    number: Number
    default: float | None
    words: str


PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "deviation": {
        "learn": Parameter(
            number=Number(least=30, most=100_000, whole=True),
            default=300,
            words="readings a point is learned from before it may raise",
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
}
"""By kind of detector, then by name."""

FORM: Final = Form(
    keys={
        kind: Key(kind=Form(keys={name: Key(kind=each.number) for name, each in known.items()}))
        for kind, known in PARAMETERS.items()
    }
)
"""How parameters stand in a registry file: `params: {deviation: {learn: 500}}`."""


def parameter(point: Point, kind: str, name: str) -> float | None:
    """Return what holds for a point: its own setting, else the default."""
    return point.params.get(kind, {}).get(name, PARAMETERS[kind][name].default)
