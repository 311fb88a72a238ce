"""Choose the decoder of a message: the gateway's own, or the one its shape asks for.

A gateway without a set dialect is taken at its word: the native forms first, on their fast road,
and only what those refuse is looked at for its shape.
"""

from collections.abc import Callable, Mapping
from typing import Final

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
from ingest.decoders.decoded import Decoded

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


def decode(payload: bytes, received: int, dialect: str | None) -> Decoded:
    """Decode a message that came at `received` (Micros); None: see by the message."""
    if dialect is None:
        try:
            return native.plain(payload, received)
        except native.OddError:
            dialect = shapes.dialect_of(payload)
            if dialect == "native":
                return native.odd(payload, received)
    decoded = DECODERS[dialect](payload, received)
    decoded.dialect = dialect
    return decoded
