"""Decode Sparkplug B payloads (Sparkplug 3.0, section 6) into columns, by what was born before.

A metric is named by its alias, or by its name, through the table its birth left. Two roads, as for
native JSON: the fast one takes messages of plain floating-point values under aliases, one value
type a message, without properties; any other message takes the slow one, metric by metric.
"""

import math
import zlib
from collections.abc import Collection, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

import msgspec
from google.protobuf.message import DecodeError

from alarms.readings import HISTORY, STAMPED_HERE, Quality
from ingest.decoders.decoded import (
    MOST_BYTES,
    MOST_READINGS,
    Decoded,
    Reason,
    printable,
    refused_whole,
)
from ingest.decoders.stamps import micros
from ingest.sparkplug.payload_pb2 import Payload

BD_SEQ: Final = "bdSeq"
_CONTROLS: Final = (BD_SEQ, "Node Control/", "Device Control/")
"""Metrics of the protocol itself: no readings and no tags."""
_SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
"""Int8, Int16, Int32, Int64: two's complement in int_value or long_value."""
COMPRESSED: Final = "SPBV1.0_COMPRESSED"
"""The `uuid` of a payload whose `body` is the payload."""
_ZLIB_OR_GZIP: Final = 32 + zlib.MAX_WBITS
_STALE: Final = 500
"""`Quality` as Sparkplug defines it: 0 bad, 192 good, 500 stale."""
_FLOATS: Final = {
    field: attrgetter("alias", "timestamp", field, "is_historical", "is_null", "name")
    for field in ("double_value", "float_value")
}


class Born(msgspec.Struct, frozen=True, array_like=True):
    """A metric as its birth certificate names it."""

    name: str
    alias: int | None
    datatype: int


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What an edge node's or a device's metrics are to us: tag and datatype, by alias and name."""

    tags: dict[int, str]
    by_alias: dict[int, tuple[str, int]]
    by_name: dict[str, tuple[str, int]]
    known: Collection[str]
    device: str

    @classmethod
    def of(cls, births: Sequence[Born], *, device: str, known: Collection[str]) -> "Table":
        """Lay a birth out; `known` are the tags that the gateway may name.

        A metric's name is the tag; where `{device}/{name}` is a registered tag, that is meant.
        """
        named = [(born, _tag(born.name, device, known)) for born in births]
        return cls(
            tags={born.alias: tag for born, tag in named if born.alias is not None},
            by_alias={
                born.alias: (tag, born.datatype) for born, tag in named if born.alias is not None
            },
            by_name={born.name: (tag, born.datatype) for born, tag in named},
            known=known,
            device=device,
        )

    def tag_of(self, name: str) -> tuple[str, int]:
        """Return the tag of a name, born or not, and its datatype (0 where it was not born)."""
        return self.by_name.get(name) or (_tag(name, self.device, self.known), 0)


def parse(payload: bytes) -> Payload | Decoded:
    """Parse a payload, or return what stands for one that cannot be taken."""
    if len(payload) > MOST_BYTES:
        return refused_whole(Reason.too_large, f"{len(payload)} bytes, {MOST_BYTES} are allowed")
    try:
        parsed = Payload.FromString(payload)
        if parsed.uuid == COMPRESSED:
            parsed = Payload.FromString(_unpacked(parsed.body))
    except (DecodeError, RecursionError):
        return refused_whole(Reason.bad_shape, f"no Sparkplug payload: {payload[:64].hex()}")
    except _TooLargeError:
        return refused_whole(
            Reason.too_large, f"unpacked over {MOST_BYTES} bytes, so many are allowed"
        )
    if len(parsed.metrics) > MOST_READINGS:
        return refused_whole(
            Reason.too_large, f"{len(parsed.metrics)} metrics, {MOST_READINGS} are allowed"
        )
    return parsed


class _TooLargeError(Exception):
    """What was compressed is larger than a message may be."""


def _unpacked(body: bytes) -> bytes:
    """Return what was compressed; raises DecodeError where it is damaged or cut short."""
    unpacking = zlib.decompressobj(_ZLIB_OR_GZIP)
    try:
        unpacked = unpacking.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise DecodeError from error
    if len(unpacked) > MOST_BYTES:
        raise _TooLargeError
    if not unpacking.eof:
        raise DecodeError
    return unpacked


def births(payload: Payload) -> tuple[Born, ...]:
    """Return the metrics that a birth certificate names, those of the protocol left out."""
    return tuple(
        Born(name, metric.alias if metric.HasField("alias") else None, metric.datatype)
        for metric in payload.metrics
        if (name := _name(metric)) and not name.startswith(_CONTROLS)
    )


def bd_seq(payload: Payload) -> int | None:
    """Return the number that ties a death to its birth; None where none is given."""
    for metric in payload.metrics:
        if _name(metric) == BD_SEQ and metric.WhichOneof("value") in ("long_value", "int_value"):
            return (metric.long_value or metric.int_value) & 0xFF
    return None


def decode(payload: Payload, received: int, table: Table) -> tuple[Decoded, bool]:
    """Return a payload's readings, and whether all its aliases were born; `received` in Micros."""
    decoded = _fast(payload, table)
    if decoded is not None:
        return decoded, True
    return _slow(payload, received, table)


def _tag(name: str, device: str, known: Collection[str]) -> str:
    if device and (whole := f"{device}/{name}") in known:
        return whole
    return name


def _fast(payload: Payload, table: Table) -> Decoded | None:
    metrics = payload.metrics
    if not len(metrics):
        return Decoded()
    field = metrics[0].WhichOneof("value")
    if field not in _FLOATS:
        return None
    aliases, stamps, values, historical, null, names = zip(
        *map(_FLOATS[field], metrics), strict=True
    )
    if any(names) or any(null) or not all(aliases) or not all(map(math.isfinite, values)):
        return None
    # A zero may stand for a value of another type, an alias or a stamp of zero for none at all.
    if not all(values) or not all(stamps) or any(m.HasField("properties") for m in metrics):
        return None
    try:
        tags = [table.tags[alias] for alias in aliases]
    except KeyError:
        return None
    decoded = Decoded(tags=tags, values=list(values))
    for (stamp, past), run in groupby(zip(stamps, historical, strict=True)):
        moment = micros(stamp)
        if moment is None:
            return None
        decoded.counts.append(len(list(run)))
        decoded.stamps.append(moment)
        decoded.marks.append(HISTORY if past else 0)
    return decoded


def _slow(payload: Payload, received: int, table: Table) -> tuple[Decoded, bool]:
    decoded = Decoded()
    sent = micros(payload.timestamp) if payload.timestamp else received
    flag = 0 if payload.timestamp else STAMPED_HERE
    born = True
    for metric in payload.metrics:
        name = _name(metric)
        if name is None or name.startswith(_CONTROLS):
            if name is None:
                decoded.refuse(Reason.bad_shape, None, "a metric's name is not UTF-8")
            continue
        found = table.by_alias.get(metric.alias) if metric.HasField("alias") else None
        if found is None:
            if not name:
                born = False
                decoded.refuse(Reason.unknown_point, None, f"alias {metric.alias} was not born")
                continue
            found = table.tag_of(name)
        tag, datatype = found
        value = _number(metric, metric.datatype or datatype)
        stamp, mark = (micros(metric.timestamp), 0) if metric.timestamp else (sent, flag)
        if value is None:
            reason = Reason.bad_value if tag in table.known else Reason.unknown_point
            decoded.refuse(reason, tag, _sample(metric))
        elif stamp is None:
            decoded.refuse(Reason.bad_time, tag, metric.timestamp or payload.timestamp)
        else:
            quality = _quality(metric) if metric.HasField("properties") else Quality.good
            decoded.add(
                tag, value, stamp, quality | mark | (HISTORY if metric.is_historical else 0)
            )
    return decoded, born


def _name(metric: Payload.Metric) -> str | None:
    """Return a metric's name, empty where it has none; None where it is not UTF-8."""
    return metric.name if isinstance(metric.name, str) else None


def _number(metric: Payload.Metric, datatype: int) -> float | None:
    """Return the value as a finite number; None where it is none."""
    if metric.is_null:
        return None
    match metric.WhichOneof("value"):
        case "double_value":
            value = metric.double_value
        case "float_value":
            value = metric.float_value
        case "boolean_value":
            value = float(metric.boolean_value)
        case "int_value":
            value = float(_signed(metric.int_value, datatype))
        case "long_value":
            value = float(_signed(metric.long_value, datatype))
        case _:
            return None
    return value if math.isfinite(value) else None


def _signed(number: int, datatype: int) -> int:
    """Read two's complement of the datatype's width, whether or not the sign was extended."""
    bits = _SIGNED_BITS.get(datatype)
    if bits is None:
        return number
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> (bits - 1) else number


def _quality(metric: Payload.Metric) -> Quality:
    """Read the property `Quality`: Sparkplug's 0, 192 and 500, or an OPC quality below 256."""
    properties = metric.properties
    places = [place for place, key in enumerate(properties.keys) if key in ("Quality", "quality")]
    if not places or places[0] >= len(properties.values):
        return Quality.good
    said = properties.values[places[0]]
    if said.WhichOneof("value") not in ("int_value", "long_value"):
        return Quality.good
    code = said.int_value or said.long_value
    if code == _STALE:
        return Quality.offline
    if code > 0xFF:
        return Quality.bad
    return {0xC0: Quality.good, 0x40: Quality.uncertain}.get(code & 0xC0, Quality.bad)


def _sample(metric: Payload.Metric) -> object:
    """Return what stands where a number was wanted, as far as it can be shown."""
    kind = metric.WhichOneof("value")
    if metric.is_null or kind is None:
        return None
    if kind == "string_value":
        text = metric.string_value
        return printable(text) if isinstance(text, str) else "a text that is not UTF-8"
    if kind in ("double_value", "float_value"):
        return metric.double_value or metric.float_value
    return f"a {kind.removesuffix('_value')}"
