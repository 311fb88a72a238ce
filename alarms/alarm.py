"""What an alarm is: tiers, states, the record of one occurrence, and the events that move it."""

import hashlib
from enum import IntEnum, StrEnum
from typing import Any, Final, NewType

import msgspec

AlarmId = NewType("AlarmId", str)
Micros = NewType("Micros", int)
"""Microseconds since 1970-01-01T00:00:00Z, PostgreSQL's resolution."""


ORG_LEVELS: Final = ("site", "county", "city", "province")


class Tier(IntEnum):
    """Urgency, named at every edge: none < blue < yellow < orange < red."""

    none = 0
    blue = 1
    yellow = 2
    orange = 3
    red = 4


class Kind(StrEnum):
    """What sort of thing an alarm speaks of."""

    limit = "limit"
    forecast = "forecast"
    rate = "rate"
    deviation = "deviation"
    sensor = "sensor"
    comms = "comms"
    group = "group"
    system = "system"


class State(StrEnum):
    """The displayed ISA-18.2 state; LATCHED is LU and LA, AWAIT is R (close-out owed)."""

    UNACK = "UNACK"
    ACKED = "ACKED"
    RTNUN = "RTNUN"
    NORM = "NORM"
    SHLVD = "SHLVD"
    DSUPR = "DSUPR"
    OOSRV = "OOSRV"
    LATCHED = "LATCHED"
    AWAIT = "AWAIT"


class Transition(StrEnum):
    """What a journal row records; the CloudEvent type is `cn.fengsui.alarm.` + this."""

    raised = "raised"
    reraised = "reraised"
    realarmed = "realarmed"
    tier_up = "tier_up"
    tier_down = "tier_down"
    returned = "returned"
    acknowledged = "acknowledged"
    unacknowledged = "unacknowledged"
    shelved = "shelved"
    unshelved = "unshelved"
    suppressed = "suppressed"
    unsuppressed = "unsuppressed"
    out_of_service = "out_of_service"
    returned_to_service = "returned_to_service"
    reset = "reset"
    closed_out = "closed_out"
    closed = "closed"
    late = "late"
    quality = "quality"
    escalated = "escalated"
    receipt = "receipt"
    commented = "commented"
    rule_changed = "rule_changed"
    retired = "retired"


class Subject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Whom an alarm speaks of, with everything the outside needs to place it.

    `key` names it for ever: `<enterprise>/<tag>`, `<enterprise>/<group code>`, `gateway:<id>` or
    `system:<part>`. A group has no point, and a unit only where one was given; for a gateway and
    for the system itself, point, unit and source are None.
    """

    key: str
    region: str | None = None
    enterprise: str | None = None
    source: str | None = None
    unit: str | None = None
    point: str | None = None
    name: str = ""
    quantity: str | None = None
    engineering_unit: str | None = None
    simulated: bool = False


class Forecast(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """When a limit will be reached, Micros: expected, and bounds with a stated probability.

    `probability` is that of reaching it within the forecast's horizon if the trend goes on.
    """

    limit: float
    eta: int
    eta_low: int
    eta_high: int
    probability: float


class ProcessEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What the engine says of one (subject, rule): the process side, never what people owe.

    `change` is raised, tier_up, tier_down, returned, quality or late. `t_change` is the event time
    at which the rule became true or false; `t_event` the time of the reading behind it (equal to
    `t_change` where none is); `t_received` when that reading reached the server. All in Micros.
    `late` marks an event that follows from stored-and-forwarded or old readings: it annunciates
    only if `still_over`. A `late` change carries a whole closed occurrence: `t_change` to `t_end`.
    """

    subject: Subject
    rule: str
    kind: Kind
    change: Transition
    tier: Tier
    t_change: int
    t_event: int
    t_received: int
    value: float | None = None
    limit: float | None = None
    quality: str = "good"
    basis: str = ""
    rule_pack: str = ""
    """The pack and version `basis` stands in, as `gas_detection 1`; empty without a bound."""
    abnormal_type: str = ""
    """See alarms.mine_types; empty outside coal mines and where there is none."""
    message_zh: str = ""
    message_en: str = ""
    unconfirmed: bool = False
    late: bool = False
    still_over: bool = True
    t_end: int | None = None
    instead: tuple[int, int | None] | None = None
    """Of a `late` change: the raise and the return that it puts right; None: none was told.

    Then `t_end` None means that the alarm stands, and an end at its raise that it never was.
    """
    path: tuple[tuple[int, Tier], ...] = ()
    """Of a `late` change: when it came to which tier (Micros), the raise first."""
    again: int = 0
    """How many occurrences of the very instant were told before: what tells their names apart."""
    peak: float | None = None
    latching: bool = False
    """The rule latches: somebody must reset its alarm after it has returned."""
    forecast: Forecast | None = None
    needs_closeout: bool = False
    """The rule's alarm closes only after its cause was written down."""
    suppression: "Suppression | None" = None
    """What suppresses the point by design: given with `suppressed`, and where an alarm rises."""
    flood: "Flood | None" = None
    """The flood that this raise or rise falls in."""


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Who acknowledged, when (Micros), and in which words."""

    by: str
    at: int
    note: str = ""


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """A timed shelving: until when (Micros), by whom, why, and at which tier; above it, it ends.

    A `one_shot` ends sooner: when the alarm clears.
    """

    until: int
    by: str
    at: int
    tier: Tier
    reason: str = ""
    one_shot: bool = False


class Suppression(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Suppressed: until when (Micros), by whom, why, and at which tier; above it, it ends."""

    until: int
    by: str
    at: int
    tier: Tier
    reason: str


BY_DESIGN: Final = "design"
"""By whom an alarm is suppressed that no person suppressed: the registry says when."""


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """Out of service: under which permit, by whom, until when (Micros)."""

    until: int
    by: str
    at: int
    permit: str


class CloseOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the cause was, in whose words, when (Micros)."""

    by: str
    at: int
    cause: str
    text: str


class Escalation(msgspec.Struct, frozen=True, kw_only=True):
    """The newest step of the ladder, 1 the first: which levels were told, when (Micros)."""

    step: int
    targets: tuple[str, ...]
    at: int


class Flood(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The flood an alarm rang in: since when (Micros), and the point first out at its source."""

    since: int
    first_out: str


class Nuisance(StrEnum):
    """A label that helps tuning and never hides an alarm."""

    none = "none"
    chattering = "chattering"
    fleeting = "fleeting"


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One occurrence, whole: process, acknowledgement, latch, close-out, suppression, quality.

    `rev` grows by one with each journal row. `t_raised` and `t_returned` are the event times at
    which the rule became true and false. `t_closed` is set exactly on entry to NORM. Times are
    Micros. `acks` maps an organisation level (site, county, city, province) to its acknowledgement.
    """

    id: AlarmId
    rev: int
    rule: str
    kind: Kind
    subject: Subject
    tier: Tier
    peak_tier: Tier
    active: bool
    t_raised: int
    t_event: int
    t_received: int
    rule_version: int = 1
    quality: str = "good"
    late: bool = False
    unconfirmed: bool = False
    value: float | None = None
    limit: float | None = None
    peak: float | None = None
    forecast: Forecast | None = None
    basis: str = ""
    rule_pack: str = ""
    """The pack and version `basis` stands in, as `gas_detection 1`; empty without a bound."""
    abnormal_type: str = ""
    """See alarms.mine_types; empty outside coal mines and where there is none."""
    message_zh: str = ""
    message_en: str = ""
    reraise_count: int = 0
    last_alarm_rev: int = 1
    """The rev of the newest annunciation: an acknowledgement that saw less than this is refused."""
    acks: dict[str, Acknowledgement | None] = msgspec.field(
        default_factory=lambda: dict.fromkeys(ORG_LEVELS)
    )
    shelf: Shelf | None = None
    suppression: Suppression | None = None
    outage: Outage | None = None
    latched: bool = False
    needs_closeout: bool = False
    closeout: CloseOut | None = None
    owed_since: int | None = None
    """Since when the site owes an acknowledgement, server's clock; None while nothing rings."""
    escalation: Escalation | None = None
    """The newest step since `owed_since`."""
    nuisance: Nuisance = Nuisance.none
    nuisance_until: int | None = None
    """The label holds until then (event time) unless renewed."""
    flood: Flood | None = None
    """The flood it last rang in."""
    raises: tuple[int, ...] = ()
    """Event times of the newest raises, three at most: what the label is judged by."""
    timers: dict[str, Any] = msgspec.field(default_factory=dict)
    """What its rule, as it is now, says otherwise of `alarms.timers`; seconds by name."""
    rule_since: int = 0
    """Since when its rule is as it is, server's clock; 0: since it was raised."""
    t_returned: int | None = None
    t_closed: int | None = None
    retired: bool = False

    @property
    def hidden(self) -> bool:
        """Tell whether any of the three suppressions holds: then it neither rings nor closes."""
        return self.shelf is not None or self.suppression is not None or self.outage is not None

    @property
    def awaits_closeout(self) -> bool:
        """Tell whether its cause must still be written down."""
        return self.needs_closeout and self.closeout is None

    @property
    def state(self) -> State:
        """Return the displayed letter, first match wins (alarms.md 1.2); closed is NORM."""
        acked = self.acks["site"] is not None
        if self.t_closed is not None:
            return State.NORM
        if self.outage is not None:
            return State.OOSRV
        if self.suppression is not None:
            return State.DSUPR
        if self.shelf is not None:
            return State.SHLVD
        if self.active:
            return State.ACKED if acked else State.UNACK
        if self.latched:
            return State.LATCHED
        if not acked:
            return State.RTNUN
        return State.AWAIT if self.awaits_closeout else State.NORM


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the journal to be: what happened to an alarm and the alarm after it."""

    alarm: Alarm
    transition: Transition
    t_event: int
    t_received: int
    actor: str = ""
    org_level: str | None = None
    note: str = ""


_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def occurrence_id(key: str, rule: str, t_raised: int, again: int = 0) -> AlarmId:
    """Derive an occurrence's ULID from what makes it one: subject, rule and `t_raised` (Micros).

    `again` counts those of that very instant before it, which late readings have moved.
    Derived, not drawn: a batch judged again after a crash, a back-test and an audit all give the
    same occurrence the same name. 48 bits of milliseconds, then 80 bits of BLAKE2b.
    """
    named = f"{key}\0{rule}\0{t_raised}" + (f"\0{again}" if again else "")
    digest = hashlib.blake2b(named.encode(), digest_size=10).digest()
    number = (max(t_raised, 0) // 1000 << 80) | int.from_bytes(digest, "big")
    return AlarmId("".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5)))
