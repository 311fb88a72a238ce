"""What an engineer may set of each detector beside limits and delays: names, bounds, defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
    "deviation": {
        "learn": Parameter(
            number=Number(least=30, most=100_000, whole=True),
            default=300,
            words="readings a point is learned from before it may raise",
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


def parameter(point: Point, kind: str, name: str, *, source_kind: str = "") -> float | None:
    """Return what holds for a point: its own setting, else a rule pack's default, else ours.

    Without its source's kind, packs that speak of some kinds only are silent.
    """
    own = point.params.get(kind, {}).get(name)
    if own is not None:
        return own
    default = defaults_for(point, source_kind).get((kind, name))
    return PARAMETERS[kind][name].default if default is None else default.value
