"""Tower to tower: the path an alarm or a warning has come, and why a tower does not take one."""

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from alarms import instants
from alarms.alarm import ORG_LEVELS, Kind, State, Tier, Transition
from alarms.errors import FengsuiError
from alarms.warning import GOVERNMENTS, Change, Stage

LONGEST_PATH: Final = 8
"""Towers an event may pass: four levels of government, and as many again to spare."""
ALARM_DEEDS: Final = ("acknowledge", "comment", "receipt")
"""What a tower above may do to an alarm; all else is done where the alarm lives."""
WARNING_DEEDS: Final = ("receipt",)
"""What a tower above may do to a warning of a tower below."""
_Word = Annotated[str, Meta(min_length=1, max_length=200)]


class Tower(Struct, frozen=True, kw_only=True):
    """An installation of this server: an id for ever, and what people call it."""

    id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    name: Annotated[str, Meta(max_length=64)]


class Passage(Struct, frozen=True, kw_only=True):
    """A tower an event has passed, and when it received and committed the event (RFC 3339)."""

    id: _Word
    name: Annotated[str, Meta(max_length=64)]
    t_received: str
    t_committed: str


class Reason(StrEnum):
    """Why a tower does not take an event."""

    loop = "loop"
    own = "own"
    other_origin = "other_origin"
    out_of_scope = "out_of_scope"
    bad_event = "bad_event"
    too_large = "too_large"


class RefusedEventError(FengsuiError):
    """An event is not taken; `reason` is for programs."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class _Told(Struct, frozen=True, kw_only=True):
    """What an alarm and a warning both say of themselves."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]
    rev: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    tier: str
    peak_tier: str
    active: bool
    simulated: bool
    subject: str
    region: Annotated[str, Meta(min_length=2, max_length=64)]
    enterprise: str | None
    source: str | None
    unit: str | None
    point: str | None
    t_event: str
    t_received: str
    t_committed: str
    towers: Annotated[tuple[Passage, ...], Meta(min_length=1, max_length=LONGEST_PATH)]


class ToldAlarm(_Told, frozen=True, kw_only=True):
    """An alarm as another tower tells it, as far as this one must understand it."""

    kind: Kind
    rule: str
    state: State
    quality: str
    late: bool
    unconfirmed: bool
    t_raised: str
    t_returned: str | None
    t_closed: str | None
    acks: dict[str, Any]
    message: dict[str, str]


class ToldWarning(_Told, frozen=True, kw_only=True):
    """A warning as another tower tells it, as far as this one must understand it."""

    kind: str
    stage: Stage
    published_at: str
    alarms: tuple[str, ...]
    receipts: dict[str, Any]
    t_proposed: str
    t_lifted: str | None
    message: dict[str, str]


def passed(document: dict[str, Any], towers: set[str]) -> bool:
    """Tell whether an event has passed one of these towers: to go there again were a circle."""
    return any(each["id"] in towers for each in document.get("towers", ()))


def departing(document: dict[str, Any], own: Tower) -> dict[str, Any]:
    """Return a document as it is sent up: this tower's passage is the last of `towers`."""
    here = document.get("relayed", document)
    passage = {
        "id": own.id,
        "name": own.name,
        "t_received": here["t_received"],
        "t_committed": here["t_committed"],
    }
    sent = {name: value for name, value in document.items() if name not in _OURS}
    return sent | {"towers": [*document.get("towers", ()), passage], "t_pushed": None}


def shortened(document: dict[str, Any]) -> dict[str, Any]:
    """Return a warning with the newest of its words alone: each came by an event of its own."""
    lists = {name: document[name][-1:] for name in ("handling", "feedback") if name in document}
    return document | lists


_OURS: Final = frozenset({"origin", "relayed"})
"""What a tower says of its own receipt; the next one says its own."""


def read(document: dict[str, Any], change: str, own: Tower) -> ToldAlarm | ToldWarning:
    """Understand what another tower tells; raise RefusedEventError for what is not to be had."""
    try:
        found: ToldAlarm | ToldWarning
        if document.get("kind") == "warning":
            found = msgspec.convert(document, ToldWarning)
            Change(change)
            lacking = set(GOVERNMENTS) - found.receipts.keys()
        else:
            found = msgspec.convert(document, ToldAlarm)
            Transition(change)
            lacking = set(ORG_LEVELS) - found.acks.keys()
        if lacking:
            raise ValueError(f"nothing is said of {', '.join(sorted(lacking))}")
        if not Tier.none < Tier[found.tier] <= Tier[found.peak_tier]:
            raise ValueError(f"tier {found.tier} with a worst of {found.peak_tier}")
        for moment in _moments(found):
            instants.from_text(moment)
    except KeyError as error:
        raise RefusedEventError(Reason.bad_event, f"there is no tier {error}") from error
    except (ValueError, OverflowError) as error:
        raise RefusedEventError(Reason.bad_event, f"the event cannot be used: {error}") from error
    if own.id in {each.id for each in found.towers}:
        path = " → ".join(each.name or each.id for each in found.towers)
        raise RefusedEventError(Reason.loop, f"it has been here before: {path}")
    return found


def _moments(found: ToldAlarm | ToldWarning) -> list[str]:
    known = [found.t_event, found.t_received, found.t_committed]
    for each in found.towers:
        known += [each.t_received, each.t_committed]
    match found:
        case ToldAlarm():
            more = (found.t_raised, found.t_returned, found.t_closed)
        case ToldWarning():
            more = (found.t_proposed, found.t_lifted, found.published_at)
    return known + [each for each in more if each is not None]


def arrived(document: dict[str, Any], *, received: int, committed: int) -> dict[str, Any]:
    """Return a document as it stands here: the origin's four stamps stay, ours stand beside them.

    `received` and `committed` are this tower's, in Micros.
    """
    first = document["towers"][0]
    return document | {
        "t_pushed": None,
        "origin": {"id": first["id"], "name": first["name"]},
        "relayed": {
            "t_received": instants.to_text(received),
            "t_committed": instants.to_text(committed),
        },
    }


def acting_level(told: str | None, level: str) -> str:
    """Return for which level a tower above acts: its own, or one still higher that asked it.

    `level` is what the relay says it stands for; never a lower one, and never the site.
    """
    if told is None or told not in ORG_LEVELS:
        return level
    return max(told, level, key=ORG_LEVELS.index)
