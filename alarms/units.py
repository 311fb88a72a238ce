"""Engineering units: what a gateway measures in, converted to what a point is registered in.

Pint does the arithmetic. It is loaded when the first conversion is asked for: most plants ask for
none, and it costs half a second. What pint would take for something else, or for a sum to work
out, does not reach it: only names of units joined by `/`, `*` and small exponents do.
"""

import importlib
import re
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

_NAME: Final = r"(?:[A-Za-z_%°ΩΩµμ℃℉‰]+|mmH2O|inH2O)"
_FACTOR: Final = rf"{_NAME}(?:(?:\^|\*\*)?[23])?"
_UNIT: Final = re.compile(rf"(?:1|{_FACTOR})(?:[*·./]{_FACTOR})*")
_EXPONENT: Final = re.compile(r"(?<=[A-Za-zΩµμ])(?:\^|\*\*)?([23])(?![0-9A-Za-z])")
_SPELLED: Final = {
    "℃": "degC", "°C": "degC", "Cel": "degC", "℉": "degF", "°F": "degF",
    "%": "percent", "%RH": "percent", "%VOL": "percent", "%Vol": "percent", "%vol": "percent",
    "‰": "permille", "/": "dimensionless", "ton": "metric_ton",
    "%LEL": "percent_lel", "LEL%": "percent_lel", "%EL": "percent_lel", "%lel": "percent_lel",
    "mmH2O": "millimetre_of_water",
}  # fmt: skip
"""What stands on instruments and in SenML (RFC 8428, 12.1), as pint spells it."""
_OWN: Final = (
    "lel = [explosive_limit]",
    "percent_lel = 0.01 * lel",
    "millimetre_of_water = 9.80665 * pascal",
)
"""A share of a gas's lower explosive limit is no share of volume: which gas it is, no unit says."""
_FAR: Final = 2.0**20


class UnitError(ValueError):
    """Says why one unit cannot become another."""


class Conversion(NamedTuple):
    """`wanted = given * factor + shift`."""

    factor: float
    shift: float


def conversion(given: str, wanted: str) -> Conversion:
    """Return what makes a value in `given` one in `wanted`; raise UnitError where nothing can."""
    if given == wanted:
        return Conversion(1.0, 0.0)
    found = _found(given, wanted)
    if isinstance(found, str):
        raise UnitError(found)
    return found


@lru_cache(maxsize=4096)
def _found(given: str, wanted: str) -> Conversion | str:
    """Return the conversion, or why there is none, which costs as much to find out."""
    try:
        return _worked_out(given, wanted)
    except UnitError as error:
        return str(error)


def _worked_out(given: str, wanted: str) -> Conversion:
    one, other = _spelled(given), _spelled(wanted)
    if one == other:
        return Conversion(1.0, 0.0)
    try:
        zero, unity, far = (
            float(_pint().Quantity(value, one).to(other).magnitude) for value in (0.0, 1.0, _FAR)
        )
        angles = [
            "radian" in str(_pint().Quantity(1.0, each).to_root_units().units)
            for each in (one, other)
        ]
    except Exception as error:  # pint raises its own, tokenize's and arithmetic's
        raise UnitError(f"{given} cannot become {wanted}: {_reason(error)}") from error
    if angles[0] != angles[1]:  # to pint an angle is a mere number, a turn a minute 0.1 Hz
        raise UnitError(f"{given} cannot become {wanted}: one of them turns")
    # Over a wide span the difference keeps its digits; without a shift there is none to take.
    factor = unity if zero == 0.0 else (far - zero) / _FAR
    if abs(unity - zero - factor) > 1e-9 * (abs(unity) + abs(zero)):
        raise UnitError(f"{given} cannot become {wanted}: one of them is no even scale")
    return Conversion(factor, zero)


def _spelled(unit: str) -> str:
    known = _SPELLED.get(unit)
    if known is not None:
        return known
    plain = unit.replace("²", "2").replace("³", "3").replace(" ", "")
    if not _UNIT.fullmatch(plain):
        raise UnitError(f"{unit!r} is not read as a unit")
    return _SPELLED.get(plain) or _EXPONENT.sub(r"**\1", plain).replace("·", "*").replace(
        "%", "percent"
    )


@cache
def _pint() -> Any:  # noqa: ANN401  # loaded late, it has no type here
    registry = importlib.import_module("pint").UnitRegistry(cache_folder=None)
    for definition in _OWN:
        registry.define(definition)
    return registry


def _reason(error: Exception) -> str:
    match type(error).__name__:
        case "UndefinedUnitError":
            return str(error).replace("in the unit registry", "among the known units")
        case "DimensionalityError":
            return "they measure different things"
        case name:
            return name
