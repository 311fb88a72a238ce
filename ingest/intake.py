"""Take a message in as its gateway means it: in its dialect, fields as tags, units as the points'.

Pure. A gateway without settings of its own costs a look into a table; what it names is a tag as it
stands.
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from alarms import units
from alarms.plant import Gateway, Mapped, Plant
from ingest.decoders import choosing
from ingest.decoders.decoded import Decoded, Reason

MOST_UNITS: Final = 64
"""Pairs of units told apart in one message: working a new one out costs as much as a message."""

UnitOf = Callable[[str], str | None]
"""The engineering unit of a gateway's point, by tag; None for a tag nobody registered."""


class _Field(NamedTuple):
    """A field's point, and what makes its numbers the point's; `why` it can be no reading of it."""

    tag: str
    factor: float
    shift: float
    own_unit: bool
    why: str | None


class _Speech(NamedTuple):
    """How one gateway speaks."""

    dialect: str | None
    fields: Mapping[str, _Field]


class Intake:
    """Every gateway's dialect and mapping, laid out once for a plant."""

    def __init__(self, plant: Plant) -> None:
        """Lay the gateways' settings out; a unit that no longer meets its point's refuses later."""
        self._plant = plant
        self._speech = {
            gateway.id: _speech(gateway, unit_of(plant, gateway.id))
            for gateway in plant.gateways.values()
            if gateway.dialect is not None or gateway.mapping
        }

    def decode(
        self, gateway: str, payload: bytes, received: int, dialect: str | None = None
    ) -> Decoded:
        """Decode a message of a gateway, registered or not; a `dialect` given wins over its own."""
        speech = self._speech.get(gateway)
        if dialect is None and speech is not None:
            dialect = speech.dialect
        decoded = choosing.decode(payload, received, dialect)
        if speech is not None or decoded.units is not None:
            self.translate(gateway, decoded)
        return decoded

    def translate(self, gateway: str, decoded: Decoded) -> None:
        """Make fields the tags of a gateway's mapping, and its units the points', in place."""
        speech = self._speech.get(gateway)
        fields = {} if speech is None else speech.fields
        if fields or decoded.units is not None:
            _rename(decoded, fields, unit_of(self._plant, gateway))


def unit_of(plant: Plant, gateway: str) -> UnitOf:
    """Return what tells the unit of a tag of the gateway's enterprise."""
    registered = plant.gateways.get(gateway)
    rows = {} if registered is None else plant.rows[registered.enterprise]

    def unit(tag: str) -> str | None:
        row = rows.get(tag)
        return None if row is None else plant.points[row].engineering_unit

    return unit


def _speech(gateway: Gateway, unit: UnitOf) -> _Speech:
    return _Speech(
        gateway.dialect, {one.field: _field(one, unit(one.target)) for one in gateway.mapping}
    )


def _field(one: Mapped, wanted: str | None) -> _Field:
    factor, shift, why = 1.0, 0.0, None
    if one.unit is not None and wanted is not None:
        try:
            factor, shift = units.conversion(one.unit, wanted)
        except units.UnitError as error:
            why = str(error)
    return _Field(
        one.target, one.scale * factor, one.offset * factor + shift, one.unit is not None, why
    )


def _rename(decoded: Decoded, fields: Mapping[str, _Field], unit: UnitOf) -> None:
    """Make fields tags and their numbers the points'; what cannot be is refused by both names."""
    origin = f"{decoded.origin}." if decoded.origin else ""

    def key_of(name: str) -> str | None:
        if origin and origin + name in fields:
            return origin + name
        return name if name in fields else None

    def mapped(name: str) -> tuple[str, str] | None:
        key = key_of(name)
        return None if key is None else (key, fields[key].tag)

    converted: dict[tuple[str, str], units.Conversion | str] = {}
    refused: set[int] = set()
    keys: list[str | None] = (
        [key_of(name) for name in decoded.tags] if fields else [None] * len(decoded.tags)
    )
    for place, (name, key) in enumerate(zip(decoded.tags, keys, strict=True)):
        field = None if key is None else fields[key]
        value, why = decoded.values[place], None
        if field is not None:
            decoded.tags[place], why = field.tag, field.why
            if field.factor != 1.0 or field.shift != 0.0:
                value = value * field.factor + field.shift
        given = None if decoded.units is None else decoded.units[place]
        if given is not None and not (field is not None and field.own_unit):
            found = _conversion(given, unit(decoded.tags[place]), converted)
            if isinstance(found, str):
                why = found
            else:
                value = value * found.factor + found.shift
        if why is None and not math.isfinite(value):
            why = "not a finite number in the point's unit"
        decoded.values[place] = value
        if why is not None:
            refused.add(place)
            decoded.refuse(Reason.bad_value, name, why)
    if fields:
        decoded.fields = keys
        decoded.name_refused(mapped)
    if refused:
        decoded.without(refused)


def _conversion(
    given: str, wanted: str | None, known: dict[tuple[str, str], units.Conversion | str]
) -> units.Conversion | str:
    """Return a conversion, or why there is none; `known` has those of the message so far."""
    if wanted is None:
        return units.Conversion(1.0, 0.0)
    found = known.get((given, wanted))
    if found is None:
        if len(known) >= MOST_UNITS:
            return f"{given}: a message may have {MOST_UNITS} units"
        try:
            found = units.conversion(given, wanted)
        except units.UnitError as error:
            found = str(error)
        known[given, wanted] = found
    return found
