"""Tell by a message's shape which dialect it is written in, where it is none of the native forms.

Only the outermost keys are looked at, and only of the first entry of a list. ThingsBoard's flat
form has no shape of its own and is never told: it is set.
"""

import re
from typing import Final

import msgspec

from ingest.decoders.decoded import MOST_BYTES
from ingest.decoders.lenient import UNREADABLE

_BLANK: Final = b" \t\r\n\xef\xbb\xbf"
_NATIVE: Final = frozenset({"values", "points", "rows", "tag"})
_CHANNEL: Final = re.compile(r"(ai|di|do|ao|ci|relay|dev)\d+", re.ASCII | re.IGNORECASE)
_LINE: Final = re.compile(rb'[^\s,"{\[#][^\s]*\s+[^\s="]+=[^\s]')
_keys: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_first: Final = msgspec.json.Decoder(list[msgspec.Raw])


def dialect_of(payload: bytes) -> str:
    """Return the name of the dialect (alarms.plant.DIALECTS); native where it could be any."""
    if len(payload) > MOST_BYTES:
        return "native"
    text = payload[:64].lstrip(_BLANK)
    if text.startswith(b"##"):
        return "hj212"
    try:
        if text.startswith(b"{"):
            return _of_object(_keys.decode(payload))
        if text.startswith(b"["):
            listed = _first.decode(payload)
            return _of_entry(_keys.decode(listed[0])) if listed else "native"
    except UNREADABLE:
        return "native"
    line = next((raw for raw in payload[:4096].split(b"\n") if _worded(raw)), b"")
    return "influx" if _LINE.match(line.strip()) else "native"


def _of_object(found: dict[str, msgspec.Raw]) -> str:
    if _is(found, "timestamp", b"-0123456789") and "ts" not in found:
        if _is(found, "values", b"["):
            return "kepware"
        if _is(found, "values", b"{") or _is(found, "tags", b"["):
            return "neuron"
    if "q" in found and "t" in found and any(map(_CHANNEL.fullmatch, found)):
        return "advantech"
    if _is(found, "d", b"{") and "ts" in found:
        return "advantech"
    if _is(found, "values", b"[") and b'"id"' in bytes(found["values"])[:200]:
        return "kepware"
    if _NATIVE & found.keys():
        return "native"
    lists = [bytes(raw).lstrip() for raw in found.values()]
    if lists and all(raw.startswith(b"[") and raw[1:].lstrip()[:1] == b"{" for raw in lists):
        return "thingsboard"
    return "native"


def _of_entry(found: dict[str, msgspec.Raw]) -> str:
    if "id" in found and "v" in found:
        return "kepware"
    if _NATIVE & found.keys():
        return "native"
    return "senml" if {"n", "bn"} & found.keys() else "native"


def _is(found: dict[str, msgspec.Raw], key: str, starts: bytes) -> bool:
    """Tell whether the value of a key begins with one of these signs."""
    raw = bytes(found[key]).lstrip() if key in found else b""
    return raw[:1] != b"" and raw[:1] in starts


def _worded(raw: bytes) -> bool:
    line = raw.strip(_BLANK)
    return bool(line) and not line.startswith(b"#")
