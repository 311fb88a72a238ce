"""What a decoder returns: readings of one message as columns, and what it refused."""

import functools
import math
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

MOST_BYTES: Final = 1 << 20
"""A message larger than this is refused whole."""
MOST_READINGS: Final = 100_000
"""A message with more readings than this is refused whole."""
_SAMPLE_BYTES: Final = 1024
_TAG_LENGTH: Final = 128


class Reason(StrEnum):
    """Why something was refused (contracts.md section 4)."""

    bad_json = "bad_json"
    bad_shape = "bad_shape"
    unknown_gateway = "unknown_gateway"
    unknown_point = "unknown_point"
    bad_value = "bad_value"
    out_of_range = "out_of_range"
    bad_time = "bad_time"
    too_old = "too_old"
    too_large = "too_large"
    not_allowed = "not_allowed"


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Something refused: why, of which tag, how often, and the first of it as a JSON object."""

    reason: Reason
    tag: str | None
    count: int
    first: bytes


class Decoded(msgspec.Struct, kw_only=True):
    """Readings of one message as columns, in the message's order.

    `tags` and `values` have one entry a reading. Runs of readings share a stamp (Micros) and a
    mark (a Quality with the flags of `alarms.readings`): `counts`, `stamps` and `marks` have one
    entry a run, and `counts` adds up to `len(tags)`. `sequence` holds each `seq` met. `units` has
    each reading's unit where the dialect names units, and is None where it does not. `origin` says
    which of a gateway's devices spoke, where the message says so beside the names; it is no part
    of a tag, but a mapping may name `origin.field`. `dialect` is what the message was taken for.
    `fields` has what the mapping calls each reading, None for one it does not name; the list is
    None where nothing was mapped.
    """

    tags: list[str] = msgspec.field(default_factory=list)
    values: list[float] = msgspec.field(default_factory=list)
    counts: list[int] = msgspec.field(default_factory=list)
    stamps: list[int] = msgspec.field(default_factory=list)
    marks: list[int] = msgspec.field(default_factory=list)
    sequence: list[int] = msgspec.field(default_factory=list)
    refused: dict[tuple[Reason, str | None], Refusal] = msgspec.field(default_factory=dict)
    units: list[str | None] | None = None
    fields: list[str | None] | None = None
    origin: str = ""
    dialect: str = "native"

    def add(self, tag: str, value: float, stamp: int, mark: int) -> None:
        """Append one reading, to the last run where it fits."""
        self.tags.append(tag)
        self.values.append(value)
        if self.counts and self.stamps[-1] == stamp and self.marks[-1] == mark:
            self.counts[-1] += 1
        else:
            self.counts.append(1)
            self.stamps.append(stamp)
            self.marks.append(mark)

    def without(self, places: set[int]) -> None:
        """Take the readings at these places out."""
        whose = [run for run, count in enumerate(self.counts) for _ in range(count)]
        kept = [place for place in range(len(self.tags)) if place not in places]
        self.tags = [self.tags[place] for place in kept]
        self.values = [self.values[place] for place in kept]
        if self.units is not None:
            self.units = [self.units[place] for place in kept]
        if self.fields is not None:
            self.fields = [self.fields[place] for place in kept]
        self.counts = [0] * len(self.counts)
        for place in kept:
            self.counts[whose[place]] += 1

    def name_refused(self, mapped: Callable[[str], tuple[str, str] | None]) -> None:
        """Give what was refused the tag that a mapping gives it, and its field beside that.

        `mapped` returns the mapping's field and tag for a name of the message, None for no entry.
        """
        named: dict[tuple[Reason, str | None], Refusal] = {}
        for (reason, name), refusal in self.refused.items():
            found = None if name is None else mapped(name)
            tag, first, count = name, refusal.first, refusal.count
            if found is not None:
                field, tag = found
                first = sample_of(tag, msgspec.json.decode(first)["value"], field=field)
            known = named.get((reason, tag))
            if known is not None:
                count, first = count + known.count, known.first
            named[reason, tag] = Refusal(reason=reason, tag=tag, count=count, first=first)
        self.refused = named

    def refuse(self, reason: Reason, tag: str | None, sample: object, count: int = 1) -> None:
        """Count something refused; the first sample of each reason and tag is kept."""
        shown = None if tag is None else printable(tag)
        known = self.refused.get((reason, shown))
        if known is None:
            first = sample_of(shown, sample)
            refusal = Refusal(reason=reason, tag=shown, count=count, first=first)
        else:
            refusal = msgspec.structs.replace(known, count=known.count + count)
        self.refused[reason, shown] = refusal


def refused_whole(reason: Reason, sample: object) -> Decoded:
    """Return what stands for a message refused as a whole."""
    decoded = Decoded()
    decoded.refuse(reason, None, sample)
    return decoded


def start_of(payload: bytes) -> str:
    """Return the beginning of a message, to be shown."""
    return payload[:256].decode("utf-8", "replace")


class UnreadableError(Exception):
    """A message that should be JSON is none."""


def bounded(decode: Callable[[bytes, int], Decoded]) -> Callable[[bytes, int], Decoded]:
    """Refuse a message whole that is over MOST_BYTES, or comes to over MOST_READINGS readings.

    And one for which its decoder raises UnreadableError.
    """

    @functools.wraps(decode)
    def decode_within_bounds(payload: bytes, received: int) -> Decoded:
        if len(payload) > MOST_BYTES:
            return refused_whole(
                Reason.too_large, f"{len(payload)} bytes, {MOST_BYTES} are allowed"
            )
        try:
            decoded = decode(payload, received)
        except UnreadableError:
            return refused_whole(Reason.bad_json, start_of(payload))
        count = len(decoded.tags)
        if count > MOST_READINGS:
            return refused_whole(Reason.too_large, f"{count} readings, {MOST_READINGS} are allowed")
        return decoded

    return decode_within_bounds


def printable(text: str) -> str:
    """Return text that any database and any JSON reader takes: no NUL, no lone surrogates."""
    cut = text if len(text) <= _TAG_LENGTH else text[:_TAG_LENGTH] + "…"
    return cut.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def sample_of(tag: str | None, sample: object, *, field: str | None = None) -> bytes:
    """Write a sample as a small JSON object `{"tag": …, "value": …}`.

    `field`, what a mapping calls it, stands between them where it is another.
    """
    named = {"tag": tag} if field in (None, tag) else {"tag": tag, "field": printable(str(field))}
    try:
        if isinstance(sample, float) and not math.isfinite(sample):
            sample = repr(sample)
        written = msgspec.json.encode(named | {"value": sample}).replace(b"\\u0000", b"\\ufffd")
        if len(written) <= _SAMPLE_BYTES:
            return written
        shown = msgspec.json.encode(sample)[:_SAMPLE_BYTES].decode("utf-8", "ignore")
    except (ValueError, TypeError, RecursionError, OverflowError, msgspec.MsgspecError):
        shown = f"a {type(sample).__name__} that cannot be shown"
    return msgspec.json.encode(named | {"value": printable(shown)})
