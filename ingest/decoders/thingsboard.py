"""Decode ThingsBoard telemetry: what a device sends, and what a gateway sends for its devices.

After thingsboard.io, "MQTT API: Telemetry" and "Gateway MQTT API: Telemetry". `{"ts", "values"}`
and a list of it are native forms. The flat form `{"temperature": 22.5}` could be anything: it is
read only where a gateway's dialect is set to thingsboard. What a gateway sends for "Device A" gets
the device's name in front, `Device A.temperature`.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from alarms.readings import STAMPED_HERE
from ingest.decoders import native
from ingest.decoders.decoded import Decoded, Reason, bounded
from ingest.decoders.lenient import UNREADABLE, finite, parse
from ingest.decoders.stamps import micros


class _Entry(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    ts: int
    values: dict[str, float | bool]


_devices: Final = msgspec.json.Decoder(dict[str, list[_Entry]])


@bounded
def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`."""
    try:
        return native.plain(payload, received)
    except native.OddError:
        pass
    try:
        devices = _devices.decode(payload)
    except UNREADABLE:
        return _slow(payload, received)
    decoded = Decoded()
    for device, entries in devices.items():
        for entry in entries:
            stamp = micros(entry.ts)
            if stamp is None:
                return _slow(payload, received)
            decoded.tags += [f"{device}.{key}" for key in entry.values]
            decoded.values += [value + 0.0 for value in entry.values.values()]
            decoded.counts.append(len(entry.values))
            decoded.stamps.append(stamp)
            decoded.marks.append(0)
    return decoded


def _slow(payload: bytes, received: int) -> Decoded:
    found = parse(payload)
    decoded = Decoded()
    match found:
        case {"values": dict()}:
            _entry(decoded, "", found, received)
        case dict() if found and all(isinstance(entries, list) for entries in found.values()):
            for device, entries in found.items():
                for entry in entries:
                    _entry(decoded, f"{device}.", entry, received)
        case dict() if found:
            _values(decoded, "", found, None, received)
        case list():
            for entry in found:
                _entry(decoded, "", entry, received)
        case _:
            decoded.refuse(Reason.bad_shape, None, found)
    return decoded


def _entry(decoded: Decoded, prefix: str, entry: object, received: int) -> None:
    match entry:
        case {"values": dict(values), "ts": ts}:
            _values(decoded, prefix, values, ts, received)
        case {"values": dict(values)} | dict(values) if values:
            _values(decoded, prefix, values, None, received)
        case _:
            decoded.refuse(Reason.bad_shape, prefix[:-1] or None, entry)


def _values(
    decoded: Decoded, prefix: str, values: Mapping[str, object], ts: object, received: int
) -> None:
    stamp, mark = (received, STAMPED_HERE) if ts is None else (micros(ts), 0)
    for key, value in values.items():
        number = finite(value)
        if number is None:
            decoded.refuse(Reason.bad_value, prefix + key, value)
        elif stamp is None:
            decoded.refuse(Reason.bad_time, prefix + key, ts)
        else:
            decoded.add(prefix + key, number, stamp, mark)
