"""What a warning 预警 is: its stages, what the law makes it say, and the events that move it."""

from enum import StrEnum
from typing import Final

import msgspec

from alarms.alarm import ORG_LEVELS, Acknowledgement, Tier

GOVERNMENTS: Final = ORG_LEVELS[1:]
"""County, city, province: who issues and who receives."""
KEPT: Final = 20
"""Words on handling, and of feedback, that a warning carries along; the journal has all."""


class Stage(StrEnum):
    """How far a warning has come; only an adjustment leads back, to issued."""

    proposed = "proposed"
    issued = "issued"
    received = "received"
    handling = "handling"
    feedback = "feedback"
    lifted = "lifted"


class Change(StrEnum):
    """What a journal row of a warning records; the CloudEvent type is `cn.fengsui.warning.` +."""

    proposed = "proposed"
    joined = "joined"
    issued = "issued"
    received = "received"
    handling = "handling"
    feedback = "feedback"
    adjusted = "adjusted"
    lifted = "lifted"


class Duty(StrEnum):
    """What people do to a warning, in the contract's order."""

    issue = "issue"
    receipt = "receipt"
    handle = "handle"
    feedback = "feedback"
    adjust = "adjust"
    lift = "lift"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What a warning must say beside its level and the time of publication.

    突发事件应对法 (2024) art. 64 (V:S89) asks for 类别、级别、起始时间、可能影响的范围、警示事项、
    应当采取的措施、发布单位、发布时间. `starts_at` is in Micros.
    """

    category: str = ""
    starts_at: int | None = None
    area: str = ""
    cautions: str = ""
    measures: str = ""
    issuer: str = ""


class Lift(msgspec.Struct, frozen=True, kw_only=True):
    """By whom a warning was lifted, when (Micros), why, and over which alarms still active."""

    by: str
    at: int
    reason: str
    active: tuple[str, ...]


class EarlyWarning(msgspec.Struct, frozen=True, kw_only=True):
    """One warning, whole.

    `level` red to blue is 一级 to 四级 of art. 63, `asked` the level the region's table asks for;
    `government` is the level of government it belongs to, `region` where it is. Without a source it
    is an area's. `alarms` stand behind it. `said_rev` is the rev at which it came to say what it
    says; `receipts` are of what it says now, the first of each level; `received_by` has each desk's
    by the region it stands for, without the words, which the journal keeps. Times are Micros.
    """

    id: str
    rev: int
    stage: Stage
    level: Tier
    peak_level: Tier
    asked: Tier
    government: str
    region: str
    enterprise: str | None = None
    source: str | None = None
    name: str = ""
    simulated: bool = False
    automatic: bool = False
    basis: str = ""
    notice: Notice
    published_at: int | None = None
    alarms: tuple[str, ...] = ()
    said_rev: int = 1
    receipts: dict[str, Acknowledgement | None] = msgspec.field(
        default_factory=lambda: dict.fromkeys(GOVERNMENTS)
    )
    received_by: dict[str, Acknowledgement] = {}
    handling: tuple[Acknowledgement, ...] = ()
    feedback: tuple[Acknowledgement, ...] = ()
    lift: Lift | None = None
    t_proposed: int
    t_event: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the journal to be: what happened to a warning and the warning after it."""

    warning: EarlyWarning
    change: Change
    t_event: int
    actor: str = ""
    org_level: str | None = None
    note: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The warning after a step, None if there still is none, and what the journal gains."""

    warning: EarlyWarning | None
    entries: tuple[Entry, ...] = ()


class Asking(msgspec.Struct, frozen=True, kw_only=True):
    """What a region's table, or a person, asks for: a warning of this level over these alarms.

    The place and the words serve where there is no warning yet; `automatic` issues it at once.
    `actor` is the person, for the level of government `org_level`; the table has no name.
    """

    id: str
    level: Tier
    government: str
    region: str
    enterprise: str | None = None
    source: str | None = None
    name: str = ""
    simulated: bool = False
    automatic: bool = False
    basis: str = ""
    notice: Notice
    alarms: tuple[str, ...]
    actor: str = ""
    org_level: str | None = None


class Lapse(msgspec.Struct, frozen=True, kw_only=True):
    """All its alarms are closed: what was never issued is over with."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A person's action, for the level of government `org_level`; `actor` is that person's name.

    `place` is the region that desk stands for, cut at its level; it belongs to a receipt, and where
    it is not known is that level's region around the warning.
    `seen_rev` is the rev on their screen. `level`, `government` (whose a warning of that level is)
    and `notice` (its empty words mean: as they are) belong to issue and adjust, `active` (which of
    its alarms are active now) to lift.
    """

    kind: Duty
    actor: str
    org_level: str
    place: str = ""
    seen_rev: int | None = None
    note: str = ""
    level: Tier | None = None
    government: str | None = None
    notice: Notice = Notice()
    active: tuple[str, ...] = ()
