"""Decode what an MQTT client agent of Kepware's IoT Gateway publishes by its standard template.

`{"timestamp": ms, "values": [{"id": …, "v": …, "q": true, "t": ms}, …]}`, as public programs that
take it write it down; the maker's manual ("Standard Template Data Format") was not at hand. A bare
list of updates is read too. A `q` of false is a reading of quality bad: it is stored, and holds an
alarm as it is.
"""

from typing import Final

import msgspec

from alarms.readings import STAMPED_HERE, Quality
from ingest.decoders import opc
from ingest.decoders.decoded import Decoded, Reason, bounded, refused_whole
from ingest.decoders.lenient import UNREADABLE, finite, parse
from ingest.decoders.stamps import micros

_MOST_MS: Final = 253_402_300_800_000


class _Update(msgspec.Struct, gc=False):
    id: str
    v: float | bool
    t: int
    q: bool = True


class _Message(msgspec.Struct, gc=False):
    """The standard template, as long as every update is a number with a time of its own."""

    values: list[_Update]


_message: Final = msgspec.json.Decoder(_Message)


@bounded
def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`."""
    try:
        updates = _message.decode(payload).values
    except UNREADABLE:
        return _slow(payload, received)
    times = [update.t for update in updates]
    if times and not 0 <= min(times) <= max(times) < _MOST_MS:
        return _slow(payload, received)
    return Decoded(
        tags=[update.id for update in updates],
        values=[update.v + 0.0 for update in updates],
        counts=[1] * len(updates),
        stamps=[time * 1000 for time in times],
        marks=[Quality.good if update.q else Quality.bad for update in updates],
    )


def _slow(payload: bytes, received: int) -> Decoded:
    found = parse(payload)
    common: object
    match found:
        case {"values": list(updates), "timestamp": common}:
            pass
        case {"values": list(updates)}:
            common = None
        case list(updates):
            common = None
        case _:
            return refused_whole(Reason.bad_shape, found)
    decoded = Decoded()
    for update in updates:
        if isinstance(update, dict) and isinstance(update.get("id"), str) and "v" in update:
            _take(decoded, update, common, received)
        else:
            decoded.refuse(Reason.bad_shape, None, update)
    return decoded


def _take(decoded: Decoded, update: dict[str, object], common: object, received: int) -> None:
    tag = str(update["id"])
    ts = common if update.get("t") is None else update["t"]
    stamp, flag = (received, STAMPED_HERE) if ts is None else (micros(ts), 0)
    quality = opc.quality(update.get("q", True))
    number = finite(update["v"])
    if number is None or quality is None:
        decoded.refuse(Reason.bad_value, tag, update)
    elif stamp is None:
        decoded.refuse(Reason.bad_time, tag, update)
    else:
        decoded.add(tag, number, stamp, quality | flag)
