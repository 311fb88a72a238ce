"""Decode what the MQTT application of EMQX Neuron uploads: values-format, tags-format, ECP-format.

After its page "Upstream/Downstream Data Format" (docs.emqx.com, Neuron 2.0 to latest). A tag that
could not be read comes with an error code and without a value: it is refused by name, and no value
is made up for it. So its point falls silent, and silence holds an alarm and raises its own.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from alarms.readings import STAMPED_HERE
from ingest.decoders.decoded import Decoded, Reason, bounded, refused_whole
from ingest.decoders.lenient import UNREADABLE, finite, parse
from ingest.decoders.stamps import micros


class _Values(msgspec.Struct, gc=False):
    """The values-format, as long as its values are numbers or truth values."""

    timestamp: int
    values: dict[str, float | bool]
    node: str = ""
    group: str = ""
    errors: dict[str, int] = {}


_values: Final = msgspec.json.Decoder(_Values)


@bounded
def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`."""
    try:
        found = _values.decode(payload)
    except UNREADABLE:
        return _slow(payload, received)
    stamp = micros(found.timestamp)
    if stamp is None:
        return _slow(payload, received)
    decoded = Decoded(origin=_origin(found.node, found.group))
    decoded.tags = list(found.values)
    decoded.values = [value + 0.0 for value in found.values.values()]
    decoded.counts, decoded.stamps, decoded.marks = [len(decoded.tags)], [stamp], [0]
    for tag, code in found.errors.items():
        decoded.refuse(Reason.bad_value, tag, {"error": code})
    return decoded


def _slow(payload: bytes, received: int) -> Decoded:
    found = parse(payload)
    if not isinstance(found, dict):
        return refused_whole(Reason.bad_shape, found)
    decoded = Decoded(origin=_origin(found.get("node"), found.get("group")))
    ts = found.get("timestamp")
    stamp, mark = (received, STAMPED_HERE) if ts is None else (micros(ts), 0)
    match found:
        case {"values": dict(values)}:
            _take(decoded, values.items(), stamp, mark, ts)
        case {"tags": list(tags)}:
            _take_tags(decoded, tags, stamp, mark, ts)
        case _:
            return refused_whole(Reason.bad_shape, found)
    errors = found.get("errors")
    for tag, code in errors.items() if isinstance(errors, dict) else ():
        decoded.refuse(Reason.bad_value, tag, {"error": code})
    return decoded


def _take_tags(
    decoded: Decoded, tags: Iterable[object], stamp: int | None, mark: int, ts: object
) -> None:
    for one in tags:
        match one:
            case {"name": str(name), "error": error} if error not in (0, None):
                decoded.refuse(Reason.bad_value, name, {"error": error})
            case {"name": str(name), "value": value}:
                _take(decoded, ((name, value),), stamp, mark, ts)
            case _:
                decoded.refuse(Reason.bad_shape, None, one)


def _take(
    decoded: Decoded,
    values: Iterable[tuple[str, object]],
    stamp: int | None,
    mark: int,
    ts: object,
) -> None:
    for tag, value in values:
        number = finite(value)
        if number is None:
            decoded.refuse(Reason.bad_value, tag, value)
        elif stamp is None:
            decoded.refuse(Reason.bad_time, tag, ts)
        else:
            decoded.add(tag, number, stamp, mark)


def _origin(node: object, group: object) -> str:
    return f"{node}.{group}" if isinstance(node, str) and isinstance(group, str) and node else ""
