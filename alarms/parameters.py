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
    "forecast": {
        "response_s": Parameter(
            number=Number(least=0, most=86_400),
            default=None,
            words="seconds needed to act: within them of a limit its forecast is orange at least",
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
