"""Decode SenML JSON (RFC 8428): records resolved with their base fields, relative times, sums.

A record's name is its base name and its name; `v` is a number, `vb` a truth value; text (`vs`) and
data (`vd`) are no readings and are refused by name. A sum (`s`) is a reading named `….sum`. A time
below 2**28 is relative to the receipt (section 4.5.3), so it is no identity and is marked as
stamped here. Units come with the readings.
"""

import math
from typing import Final

import msgspec

from alarms.readings import STAMPED_HERE
from ingest.decoders.decoded import Decoded, Reason, bounded, refused_whole
from ingest.decoders.lenient import UNREADABLE, finite, parse

VERSION: Final = 10
"""The newest version of SenML there is (section 4.4)."""
RELATIVE_S: Final = 2**28
_MOST_S: Final = 253_402_300_800
_TEXT: Final = ("bn", "n", "bu", "u")
_NUMBERS: Final = ("bt", "t", "bv", "v", "bs", "s")


class _OddError(Exception):
    """The fast road cannot say what this is."""


class _Record(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A record of a number and nothing rarer than base name, time and unit."""

    v: float
    n: str = ""
    t: float = 0.0
    u: str | None = None
    bn: str | None = None
    bt: float | None = None
    bu: str | None = None


_records: Final = msgspec.json.Decoder(list[_Record])


class _Pack:
    """The base fields in force, and what was resolved under them."""

    def __init__(self, received: int) -> None:
        self.received = received
        self.decoded = Decoded(units=[])
        self.name = ""
        self.unit: str | None = None
        self.time = self.value = 0.0
        self.sum: float | None = None

    def take(self, record: dict[str, object]) -> None:
        """Resolve one record; a field of a wrong type refuses the record."""
        text: dict[str, object] = {key: record.get(key) for key in _TEXT if key in record}
        numbers: dict[str, float | None] = {
            key: finite(record[key]) for key in _NUMBERS if key in record
        }
        if any(not isinstance(word, str) for word in text.values()) or any(
            numbers[key] is None or isinstance(record[key], bool) for key in numbers
        ):
            named = record.get("n")
            name = self.name + named if isinstance(named, str) else None
            self.decoded.refuse(Reason.bad_value, name, record)
            return
        self.name = str(text.get("bn", self.name))
        self.unit = str(text["bu"]) if "bu" in text else self.unit
        self.time = numbers.get("bt", self.time) or 0.0
        self.value = numbers.get("bv", self.value) or 0.0
        self.sum = numbers.get("bs", self.sum)
        self._resolve(record, text, numbers)

    def _resolve(
        self,
        record: dict[str, object],
        text: dict[str, object],
        numbers: dict[str, float | None],
    ) -> None:
        name = self.name + str(text.get("n", ""))
        if not name:
            self.decoded.refuse(Reason.bad_shape, None, record)
            return
        stamp, mark = self._stamp((numbers.get("t") or 0.0) + self.time)
        if stamp is None:
            self.decoded.refuse(Reason.bad_time, name, record)
            return
        unit = str(text["u"]) if "u" in text else self.unit
        given = numbers.get("v")
        truth = record.get("vb")
        if given is not None:
            self._add(name, given + self.value, stamp, mark, unit, record)
        elif isinstance(truth, bool):
            self._add(name, float(truth), stamp, mark, None, record)
        elif "vs" in record or "vd" in record or "vb" in record:
            self.decoded.refuse(Reason.bad_value, name, record)
        total = numbers.get("s")
        if total is not None:
            self._add(f"{name}.sum", total + (self.sum or 0.0), stamp, mark, None, record)
        elif self.sum is not None:
            self._add(f"{name}.sum", self.sum, stamp, mark, None, record)

    def _stamp(self, time_s: float) -> tuple[int | None, int]:
        if time_s < RELATIVE_S:
            moment = self.received + round(time_s * 1e6)
            return (moment, STAMPED_HERE) if moment >= 0 else (None, 0)
        return (round(time_s * 1e6), 0) if time_s < _MOST_S else (None, 0)

    def _add(
        self, name: str, value: float, stamp: int, mark: int, unit: str | None, record: object
    ) -> None:
        number = finite(value)
        if number is None:
            self.decoded.refuse(Reason.bad_value, name, record)
            return
        self.decoded.add(name, number, stamp, mark)
        assert self.decoded.units is not None  # noqa: S101  set in __init__
        self.decoded.units.append(unit)


@bounded
def decode(payload: bytes, received: int) -> Decoded:
    """Decode a message that came at `received` (Micros); what is wrong is in `refused`."""
    try:
        return _fast(payload)
    except (*UNREADABLE, _OddError):
        return _slow(payload, received)


def _fast(payload: bytes) -> Decoded:
    records = _records.decode(payload)
    if not records:
        raise _OddError
    base, unit, begin = "", None, 0.0
    names: list[str] = []
    units: list[str | None] = []
    stamps: list[int] = []
    counts: list[int] = []
    last_s = math.nan
    for record in records:
        if record.bn is not None:
            base = record.bn
        if record.bt is not None:
            begin = record.bt
        if record.bu is not None:
            unit = record.bu
        name = base + record.n
        time_s = begin + record.t
        if not name or not RELATIVE_S <= time_s < _MOST_S:
            raise _OddError
        names.append(name)
        units.append(unit if record.u is None else record.u)
        if time_s == last_s:
            counts[-1] += 1
        else:
            last_s = time_s
            stamps.append(round(time_s * 1e6))
            counts.append(1)
    return Decoded(
        tags=names,
        values=[record.v for record in records],
        counts=counts,
        stamps=stamps,
        marks=[0] * len(stamps),
        units=units,
    )


def _slow(payload: bytes, received: int) -> Decoded:
    found = parse(payload)
    if not isinstance(found, list) or not found:
        return refused_whole(Reason.bad_shape, found)
    pack = _Pack(received)
    for record in found:
        if not isinstance(record, dict):
            pack.decoded.refuse(Reason.bad_shape, None, record)
            continue
        foreign = _foreign(record)
        if foreign is not None:
            return refused_whole(Reason.bad_shape, foreign)
        pack.take(record)
    return pack.decoded


def _foreign(record: dict[str, object]) -> str | None:
    """Say why a pack with this record must not be read at all (sections 4.4 and 4.5.1)."""
    version = record.get("bver", VERSION)
    if not isinstance(version, int) or isinstance(version, bool) or version > VERSION:
        return f"bver {version!r}: SenML up to {VERSION} is read"
    for key in record:
        if key.endswith("_"):
            return f"{key!r}: a label that must be understood, and is not"
    return None
