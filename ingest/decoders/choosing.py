"""Choose the decoder of a message: the gateway's own, or the one its shape asks for.

A gateway without a set dialect is taken at its word: the native forms first, on their fast road,
and only what those refuse is looked at for its shape.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ingest.decoders import (
    advantech,
    hj212,
    influx,
    kepware,
    native,
    neuron,
    senml,
    shapes,
    thingsboard,
)
from ingest.decoders.decoded import Decoded, bounded

DECODERS: Final[Mapping[str, Callable[[bytes, int], Decoded]]] = {
    "native": native.decode,
    "neuron": neuron.decode,
    "kepware": kepware.decode,
    "thingsboard": thingsboard.decode,
    "advantech": advantech.decode,
    "influx": influx.decode,
    "senml": senml.decode,
    "hj212": hj212.decode,
}
"""By the names of `alarms.plant.DIALECTS`."""
_plain: Final = bounded(native.plain)


class Spoken(NamedTuple):
    """A message decoded, and the dialect it was taken for."""

    dialect: str
    decoded: Decoded


def decode(payload: bytes, received: int, dialect: str | None) -> Spoken:
    """Decode a message that came at `received` (Micros); None: see by the message."""
    if dialect is None:
        try:
            return Spoken("native", _plain(payload, received))
        except native.OddError:
            dialect = shapes.dialect_of(payload)
    return Spoken(dialect, DECODERS[dialect](payload, received))
