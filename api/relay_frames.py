"""Frames of a relay, /ws/v1/relay: what a tower below says, what the one above answers. Pure."""

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from alarms.towers import Tower
from api.frames import TYPE_PREFIX, WARNING_PREFIX, BadFrameError, Offset

PROTOCOL: Final = "fengsui.relay.v1+json"
PATH: Final = "/ws/v1/relay"
WINDOW: Final = 500
"""Events a tower below sends before it waits for the first of them to be taken."""
FRAME_MOST: Final = 60_000
"""Bytes of one frame; the server above takes 64 KiB. An alarm has some 2,000."""
_Frame = TypeVar("_Frame")


class Hello(Struct, frozen=True, kw_only=True, tag_field="op", tag="hello"):
    """The tower below says who it is and where its journal stands."""

    tower: Tower
    epoch: Annotated[str, Meta(min_length=1, max_length=64)]
    head: Offset
    refused: Offset = 0
    """The offset of the last refusal that it knows of: those after it are told again."""


class Told(Struct, frozen=True, kw_only=True):
    """A CloudEvent, as far as it must be understood; `data` is the alarm or warning whole."""

    type: str
    data: dict[str, Any]


class Bring(Struct, frozen=True, kw_only=True, tag_field="op", tag="event"):
    """One row of the journal below: a CloudEvent, and who did it."""

    offset: Offset
    event: msgspec.Raw
    actor: str = ""
    org_level: str | None = None
    note: str = ""
    snapshot: bool = False
    """It was open before the relay began here: its offset is no place to go on after."""


class Beat(Struct, frozen=True, kw_only=True, tag_field="op", tag="beat"):
    """All that is for you up to `offset` has been sent; the journal below stands at `head`."""

    offset: Offset
    head: Offset


class Done(Struct, frozen=True, kw_only=True, tag_field="op", tag="done"):
    """What came of a command, as its REST deed would have been answered."""

    number: Offset
    status: int
    error: str | None = None


FromBelow = Hello | Bring | Beat | Done


class Place(Struct, frozen=True, kw_only=True):
    """A place in the journal below."""

    epoch: str
    offset: Offset


class Welcome(Struct, frozen=True, kw_only=True, tag_field="op", tag="welcome"):
    """The tower above says who it is, and after which place it wants to go on (null: none yet).

    `epoch` is of its own journal: numbers of commands grow within it.
    """

    tower: Tower
    epoch: str
    after: Place | None


class Taken(Struct, frozen=True, kw_only=True, tag_field="op", tag="taken"):
    """Everything up to `offset` is committed above, or was refused by name."""

    offset: Offset


class NotTaken(Struct, frozen=True, kw_only=True, tag_field="op", tag="refused"):
    """The event at `offset` will not be taken; comes before the `taken` of that offset."""

    offset: Offset
    subject: str
    rev: int
    code: str
    error: str


class Ask(Struct, frozen=True, kw_only=True, tag_field="op", tag="command"):
    """Somebody above acts on an alarm or a warning below; `level` where one still higher does."""

    number: Offset
    kind: str
    subject: str
    action: str
    rev: int
    note: str
    actor: str
    level: str | None


class GoAway(Struct, frozen=True, kw_only=True, tag_field="op", tag="goaway"):
    """The tower above closes; come again."""

    retry_after_s: float
    reason: str


class Wrong(Struct, frozen=True, kw_only=True, tag_field="op", tag="error"):
    """The tower above does not go on with this relay."""

    code: str
    error: str


FromAbove = Welcome | Taken | NotTaken | Ask | GoAway | Wrong
_BELOW: Final[msgspec.json.Decoder[FromBelow]] = msgspec.json.Decoder(FromBelow)
_ABOVE: Final[msgspec.json.Decoder[FromAbove]] = msgspec.json.Decoder(FromAbove)
_NUL: Final = rb"\u0000"
_TOLD: Final = msgspec.json.Decoder(Told)


def parse_below(frame: str | bytes) -> FromBelow:
    """Read a frame of a tower below; raise BadFrameError."""
    return _parse(_BELOW, frame)


def parse_above(frame: str | bytes) -> FromAbove:
    """Read a frame of a tower above; raise BadFrameError."""
    return _parse(_ABOVE, frame)


def _parse(decoder: msgspec.json.Decoder[_Frame], frame: str | bytes) -> _Frame:
    try:
        return decoder.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadFrameError("bad_frame", f"this frame cannot be used: {error}") from error


def told(frame: Bring) -> tuple[str, dict[str, Any]]:
    """Return what happened and the document after it; an event that cannot be kept gives neither.

    No text of a record holds U+0000: one such event would be brought, and fail, for ever.
    """
    if _NUL in bytes(frame.event) or "\0" in f"{frame.actor}{frame.org_level}{frame.note}":
        return "", {}
    try:
        found = _TOLD.decode(frame.event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "", {}
    for prefix in (TYPE_PREFIX, WARNING_PREFIX):
        if found.type.startswith(prefix):
            return found.type.removeprefix(prefix), found.data
    return "", {}


def encoded(frame: FromBelow | FromAbove) -> str:
    """Write a frame."""
    return msgspec.json.encode(frame).decode()
