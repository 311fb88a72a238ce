"""Decode what Advantech's modules and edge software publish: WISE, ADAM, and EdgeHub's agents.

The modules publish on `Advantech/<MAC>/data`, after the WISE-4471 user manual, annex A.2:
`{"s":1,"t":"2014-07-11T15:26:37Z","q":192,"c":1,"ai1":-1.234567,"ai_st1":1,"di1":false}`. `q` is
the OPC quality of the message, `t` may be 0 (the module has no clock), a disabled input shows
9999.9999. What `ai_st` says differs between models (1 is "streaming" here), so it neither is a
reading nor changes a quality; nor does `s`, of which the manual says nothing.

EdgeHub's agents (EdgeSync360, once WISE-PaaS DataHub) send `{"d": {device: {tag: value}}, "ts":
RFC 3339}`, here named `device.tag`, an array's entry `device.tag.0`. What they say of themselves
(`{"d": {"Hbt": 1}, …}`) goes to another topic and holds no reading.
"""

import re
from collections.abc import Iterator
from typing import Final

from alarms.readings import STAMPED_HERE
from ingest.decoders import opc
from ingest.decoders.decoded import Decoded, Reason, bounded, refused_whole
from ingest.decoders.lenient import finite, parse
from ingest.decoders.stamps import micros, micros_by_size

DISABLED: Final = 9999.9999
"""What an analogue input shows that is switched off: no measurement."""
_ENVELOPE: Final = frozenset("stqc")
_STATUS: Final = re.compile(r"[a-z]+_[a-z]+\d*", re.IGNORECASE)


@bounded
def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`."""
    found = parse(payload)
    match found:
        case {"d": dict(devices), **more}:
            return _from_agent(devices, more.get("ts"), received)
        case dict():
            return _from_module(found, received)
        case _:
            return refused_whole(Reason.bad_shape, found)


def _from_module(found: dict[str, object], received: int) -> Decoded:
    channels = [
        (name, value)
        for name, value in found.items()
        if name not in _ENVELOPE and not _STATUS.fullmatch(name)
    ]
    if not channels:
        return refused_whole(Reason.bad_shape, found)
    decoded = Decoded()
    stamp, mark = _stamp(found.get("t"), received)
    quality = opc.quality(found.get("q", 192))
    for name, value in channels:
        number = finite(value)
        if number is None or number == DISABLED:
            decoded.refuse(Reason.bad_value, name, value)
        elif quality is None:
            decoded.refuse(Reason.bad_value, name, {"q": found.get("q")})
        elif stamp is None:
            decoded.refuse(Reason.bad_time, name, found.get("t"))
        else:
            decoded.add(name, number, stamp, quality | mark)
    return decoded


def _from_agent(devices: dict[str, object], ts: object, received: int) -> Decoded:
    if not devices:
        return refused_whole(Reason.bad_shape, {"d": devices})
    decoded = Decoded()
    stamp, mark = _stamp(ts, received)
    for device, tags in devices.items():
        if not isinstance(tags, dict):
            decoded.refuse(Reason.bad_shape, device, tags)
            continue
        for tag, value in _with_array_entries(tags):
            name, number = f"{device}.{tag}", finite(value)
            if number is None:
                decoded.refuse(Reason.bad_value, name, value)
            elif stamp is None:
                decoded.refuse(Reason.bad_time, name, ts)
            else:
                decoded.add(name, number, stamp, mark)
    return decoded


def _with_array_entries(tags: dict[str, object]) -> Iterator[tuple[str, object]]:
    for tag, value in tags.items():
        if isinstance(value, dict):
            yield from ((f"{tag}.{entry}", one) for entry, one in value.items())
        else:
            yield tag, value


def _stamp(t: object, received: int) -> tuple[int | None, int]:
    if t is None or t == 0 or t == "0":
        return received, STAMPED_HERE
    if isinstance(t, int | float) and not isinstance(t, bool):
        return micros_by_size(t), 0
    return micros(t), 0
