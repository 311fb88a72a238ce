"""Frames of the push contract (contracts.md 5): what clients may say, what we answer. Pure."""

import zlib
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Protocol, TypeVar

import msgspec
from msgspec import Meta, Struct

from alarms import instants
from alarms.alarm import Tier
from alarms.plant import prefix_of
from alarms.scope import Scope, of_region
from alarms.storage.journal import WARNING, JournalRow

ALARM_PROTOCOL: Final = "fengsui.alarm.v1+json"
VALUE_PROTOCOL: Final = "fengsui.values.v1+json"
PAYLOAD_PROTOCOL: Final = "fengsui.payloads.v1+json"
TYPE_PREFIX: Final = "cn.fengsui.alarm."
WARNING_PREFIX: Final = "cn.fengsui.warning."
WINDOW: Final = 500
"""Events a named consumer may leave unacknowledged before it waits."""

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Place = Annotated[
    str,
    Meta(
        pattern=r"^(snapshot|now|.+:[0-9]{1,18})$",
        description="`snapshot`, `now`, or `<epoch>:<offset>` as the journal's `next` gives it.",
    ),
]
PLACES: Final = (
    '`from` is "snapshot", "now", "<epoch>:<offset>", {"epoch": "…", "offset": 0} '
    'or {"consumer": "…"}'
)
SNAPSHOT_OFFSET: Final = 0
"""`offset` and `prev` of each event within a snapshot.

Going on after it replays the whole journal, or, once its beginning was removed, gives the snapshot
anew: a client that broke off within a snapshot loses nothing, whatever it kept.
"""
_Op = TypeVar("_Op")
WINDOW_BITS: Final = 12
"""The window of compressed frames, in bits: 4 KiB, of which each client must keep as much."""
TierName = Literal["blue", "yellow", "orange", "red"]
KindName = Literal[
    "limit", "forecast", "rate", "deviation", "sensor", "comms", "group", "system", "warning"
]
"""An alarm's kind, or what speaks of a warning."""


class Writer(Protocol):
    """Writes frames one after the other, as `framed` does each."""

    def __call__(self, *, deflated: bool) -> bytes:
        """Return them."""


class Filter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a subscription wants of what its scope shows; None and empty want everything.

    Of warnings that is what was issued; proposals come where `kinds` names `warning`. With `region`
    comes what is issued over an area around it, too.
    """

    region: str | None = None
    enterprise: str | None = None
    source: str | None = None
    tier_min: TierName | None = None
    kinds: tuple[KindName, ...] | None = None


class Position(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where: an offset of an epoch, or a named consumer's own cursor."""

    epoch: str | None = None
    offset: Offset | None = None
    consumer: Name | None = None


class Auth(Struct, frozen=True, kw_only=True, tag_field="op", tag="auth"):
    """Say who you are; the first frame, within five seconds."""

    token: str


class Subscribe(Struct, frozen=True, kw_only=True, tag_field="op", tag="subscribe"):
    """Ask for events from a position on; the same `sub` again replaces the earlier one."""

    sub: Name
    filter: Filter = Filter()
    position: Place | Position = msgspec.field(default="snapshot", name="from")


class Unsubscribe(Struct, frozen=True, kw_only=True, tag_field="op", tag="unsubscribe"):
    """End a subscription."""

    sub: Name


class Ack(Struct, frozen=True, kw_only=True, tag_field="op", tag="ack"):
    """Acknowledge everything up to an offset; moves a named consumer's cursor."""

    sub: Name
    offset: Offset


class Command(Struct, frozen=True, kw_only=True, tag_field="op", tag="command"):
    """Act on an alarm, as POST alarms/{id}/{action} does."""

    id: Annotated[str, Meta(max_length=128)]
    alarm: str
    action: str
    rev: int | None = None
    note: str = ""
    until: str | None = None
    one_shot: bool = False
    cause: str = ""


AlarmOp = Auth | Subscribe | Unsubscribe | Ack | Command


class SubscribeValues(Struct, frozen=True, kw_only=True, tag_field="op", tag="subscribe"):
    """Ask for live values of points, and of all points under a place."""

    points: Annotated[tuple[str | int, ...], Meta(max_length=20_000)] = ()
    under: Name | None = None
    max_hz: Annotated[float, Meta(gt=0, le=4)] = 1.0


class UnsubscribeValues(Struct, frozen=True, kw_only=True, tag_field="op", tag="unsubscribe"):
    """End the values."""


ValueOp = Auth | SubscribeValues | UnsubscribeValues
_ALARM_OPS: Final[msgspec.json.Decoder[AlarmOp]] = msgspec.json.Decoder(AlarmOp)
_VALUE_OPS: Final[msgspec.json.Decoder[ValueOp]] = msgspec.json.Decoder(ValueOp)


class BadFrameError(Exception):
    """A frame that cannot be used; `code` is for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def parse_alarm_op(frame: str | bytes) -> AlarmOp:
    """Read a client's frame on /ws/v1/alarms; raise BadFrameError."""
    return _parse(_ALARM_OPS, frame)


def parse_value_op(frame: str | bytes) -> ValueOp:
    """Read a client's frame on /ws/v1/values; raise BadFrameError."""
    return _parse(_VALUE_OPS, frame)


def _parse(decoder: msgspec.json.Decoder[_Op], frame: str | bytes) -> _Op:
    try:
        return decoder.decode(frame)
    except msgspec.ValidationError as error:
        words = str(error)
        if "`$.from" in words:
            raise BadFrameError("bad_frame", f"this frame cannot be used: {PLACES}") from error
        unknown = words.startswith("Invalid value") and words.endswith("`$.op`")
        code = "unknown_op" if unknown else "bad_frame"
        raise BadFrameError(code, f"this frame cannot be used: {words}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrameError("bad_json", f"a frame is one JSON object: {error}") from error


def position_of(op: Subscribe) -> Literal["snapshot", "now"] | Position:
    """Return where a subscription begins, `<epoch>:<offset>` taken apart; raise BadFrameError."""
    match op.position:
        case "snapshot" | "now" as word:
            return word
        case str() as place:
            epoch, _, offset = place.rpartition(":")
            if epoch and offset.isdigit():
                return Position(epoch=epoch, offset=int(offset))
        case Position(epoch=str(), offset=int(), consumer=None) as position:
            return position
        case Position(epoch=None, offset=None, consumer=str()) as position:
            return position
    raise BadFrameError("bad_frame", f"this frame cannot be used: {PLACES}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A journal row made ready to send: encoded once, shared by all who get it.

    Between `head` and `tail` goes the moment of sending. `is_draft`: a warning nobody has issued;
    `is_over_area`: one that was issued over a region, and is meant for all of it.
    """

    offset: int
    tier: Tier
    peak_tier: Tier
    kind: str
    region: str | None
    enterprise: str | None
    source: str | None
    is_draft: bool
    is_over_area: bool
    head: str
    tail: str


class _Peak(Struct, frozen=True):
    peak_tier: str
    subject: str | None = None
    published_at: str | None = None


_PEAK: Final = msgspec.json.Decoder(_Peak)
_NO_TIME: Final = '"t_pushed":null'


def event_of(row: JournalRow) -> Event:
    """Make a journal row ready to send as a CloudEvent."""
    peak = _PEAK.decode(row.document)
    speaks_of_warning = row.kind == WARNING
    envelope = msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": f"{row.alarm_id}:{row.rev}",
            "source": source_path(row.region, row.enterprise, row.source),
            "type": (WARNING_PREFIX if speaks_of_warning else TYPE_PREFIX) + row.type,
            "subject": peak.subject,
            "time": instants.to_text(instants.from_datetime(row.t_event)),
            "datacontenttype": "application/json",
        }
    ).decode()
    before, found, after = row.document.partition(_NO_TIME)
    if not found:
        raise ValueError(f"journal row {row.log_offset} has no empty t_pushed")
    return Event(
        offset=row.log_offset,
        tier=Tier(row.tier),
        peak_tier=Tier[peak.peak_tier],
        kind=row.kind,
        region=row.region,
        enterprise=row.enterprise,
        source=row.source,
        is_draft=speaks_of_warning and peak.published_at is None,
        is_over_area=speaks_of_warning and peak.published_at is not None and row.enterprise is None,
        head=f'{envelope[:-1]},"data":{before}"t_pushed":"',
        tail=f'"{after}}}',
    )


def source_path(region: str | None, enterprise: str | None, source: str | None) -> str:
    """Return a CloudEvent's source; `/system` where an alarm is the system's own."""
    parts = [
        f"/{name}/{code}"
        for name, code in (("regions", region), ("enterprises", enterprise), ("sources", source))
        if code is not None
    ]
    return "".join(parts) or "/system"


def matches(event: Event, wanted: Filter, scope: Scope) -> bool:
    """Tell whether an event is for this subscription: within its scope first, then its filter.

    `tier_min` looks at the worst an alarm has been, so whoever saw it rise also sees it fall. What
    was issued over an area comes to every scope, and through every filter for a region, within it.
    """
    if not scope.covers(event.region, event.enterprise) and not _concerns(event, scope):
        return False
    if wanted.region is not None and not (
        (event.region is not None and event.region.startswith(prefix_of(wanted.region)))
        or (event.is_over_area and _concerns(event, of_region(wanted.region)))
    ):
        return False
    if wanted.enterprise is not None and event.enterprise != wanted.enterprise:
        return False
    if wanted.source is not None and event.source != wanted.source:
        return False
    if wanted.tier_min is not None and event.peak_tier < Tier[wanted.tier_min]:
        return False
    return event.kind in wanted.kinds if wanted.kinds else not event.is_draft


def _concerns(event: Event, scope: Scope) -> bool:
    return event.is_over_area and event.region is not None and scope.lies_in(event.region)


def event_frame(
    event: Event, *, sub: str, offset: int, prev: int, redelivered: bool, t_pushed: str
) -> str:
    """Splice one event frame together; `sub` is JSON text already, nothing is encoded again."""
    again = "true" if redelivered else "false"
    return (
        f'{{"op":"event","sub":{sub},"offset":{offset},"prev":{prev},"redelivered":{again},'
        f'"event":{event.head}{t_pushed}{event.tail}}}'
    )


def urgent_frame(event: Event, *, sub: str, t_pushed: str) -> str:
    """Splice a frame that overtakes: it comes again as an event, in its place."""
    return (
        f'{{"op":"urgent","sub":{sub},"offset":{event.offset},'
        f'"event":{event.head}{t_pushed}{event.tail}}}'
    )


def framed(text: str, *, deflated: bool = False) -> bytes:
    """Write a whole text message as a server sends it, its length before it (RFC 6455 5.2).

    `deflated`: compressed by itself, with a window of WINDOW_BITS (RFC 7692 7.2.1).
    """
    payload, first = text.encode(), 0x81
    if deflated:
        press = zlib.compressobj(level=1, wbits=-WINDOW_BITS)
        payload = press.compress(payload) + press.flush(zlib.Z_SYNC_FLUSH)
        payload, first = payload.removesuffix(b"\x00\x00\xff\xff"), 0xC1
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2) + payload
    return bytes((first, 127)) + size.to_bytes(8) + payload


def snapshot_frame(event: Event, *, sub: str, t_pushed: str) -> str:
    """Splice one event frame of a snapshot together; its offset is no place to go on after."""
    return (
        f'{{"op":"event","sub":{sub},"offset":{SNAPSHOT_OFFSET},"prev":{SNAPSHOT_OFFSET},'
        f'"redelivered":false,"snapshot":true,"event":{event.head}{t_pushed}{event.tail}}}'
    )


def cloud_event(event: Event, *, t_pushed: str | None = None) -> str:
    """Return an event's CloudEvent alone, as the long-poll answers it."""
    if t_pushed is None:
        return f"{event.head[:-1]}null{event.tail[1:]}"
    return f"{event.head}{t_pushed}{event.tail}"


def frame(op: str, **members: object) -> str:
    """Encode any other frame; members that are None are left out."""
    shown = {name: value for name, value in members.items() if value is not None}
    return msgspec.json.encode({"op": op, **shown}).decode()


def error_frame(code: str, error: str, *, sub: str | None = None) -> str:
    """Say what was wrong with a frame or a subscription."""
    return frame("error", code=code, error=error, sub=sub)
