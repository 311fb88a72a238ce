"""One group on its way through instants: its delays, its quality, and what it says.

A group's clock is the newest event time among its members. It is judged at every instant at which
members have readings, on the newest value of each; a value stands until its point's next reading or
until the point is stale, and that instant is judged too. Delays run like those of limits (alarms.md
1.3); a running delay that meets missing values raises unconfirmed from orange on and begins again
below.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from alarms.alarm import ProcessEvent, Tier, Transition
from alarms.detectors.balance import Balance, Newest
from alarms.detectors.limits import ACTIVE, CLEAR, PEND_OFF, PEND_ON, PHASES
from alarms.detectors.verdict import Memory, Says, Verdict
from alarms.detectors.vote import Vote
from alarms.group_rules import GroupRule
from alarms.plant import Plant
from alarms.wording import is_late
from alarms.wording_groups import Evidence, group_event

NAN: Final = float("nan")
_UNKNOWN: Final = (Says.UNSURE, Says.FEARED)
Heard = tuple[int, int, int, float, int]
"""A reading of a member: when it was taken, the member, when it came, its value and flags.

Times in Micros; the value is NaN where it says nothing. The flags are what makes what follows from
it late: HISTORY or 0. A plain tuple: there are many, and the collector does not look at them.
"""
_DOUBT: Final = 60_000_000
"""A doubt lasts at least so long, Micros."""


@dataclass(slots=True, kw_only=True)
class Standing:
    """Where a group stands; lists run along its members, as in Heard.

    `seen` is the last instant at which anything changed, forgotten once the clock is past it.
    `unsure` is since when the open alarm is told to be uncertain; `near` tells that some member
    stands at a vote's limit, which may pass by a lost member alone. Times are Micros, 0 for never.
    """

    time: list[int]
    received: list[int]
    value: list[float]
    quality: list[int]
    phase: int = CLEAR
    t0: int = 0
    seen: int = 0
    unsure: int = 0
    near: bool = False
    memory: Memory = None

    @classmethod
    def never(cls, members: int) -> Self:
        """Return a group of which nothing is known."""
        return cls(
            time=[0] * members,
            received=[0] * members,
            value=[NAN] * members,
            quality=[0] * members,
        )

    @property
    def active(self) -> bool:
        """Tell whether its alarm stands."""
        return self.phase in (ACTIVE, PEND_OFF)

    @property
    def rests(self) -> bool:
        """Tell whether no alarm stands and no delay runs."""
        return self.phase == CLEAR

    @property
    def clock(self) -> int:
        """Return the group's clock."""
        return max(self.time)

    @property
    def leading(self) -> int:
        """Return the member with the newest reading."""
        return self.time.index(self.clock)

    @property
    def newest(self) -> tuple[int, int]:
        """Return when the newest reading was taken, and when it came."""
        return self.clock, self.received[self.leading]

    def copy(self) -> Self:
        """Return a standing whose lists can be written to."""
        return type(self)(
            time=self.time.copy(),
            received=self.received.copy(),
            value=self.value.copy(),
            quality=self.quality.copy(),
            phase=self.phase,
            t0=self.t0,
            seen=self.seen,
            unsure=self.unsure,
            near=self.near,
            memory=self.memory,
        )

    def values(self, rule: GroupRule, at: int) -> list[float]:
        """Return the members' values at an instant, NaN where they are stale by then."""
        return [
            value if time + stale > at else NAN
            for value, time, stale in zip(self.value, self.time, rule.stale, strict=True)
        ]

    def take(self, heard: Heard) -> None:
        """Let a reading be the newest of its member."""
        time, member, received, value, flags = heard
        self.time[member], self.received[member] = time, received
        self.value[member], self.quality[member] = value, flags

    def take_all(self, heard: Sequence[Heard]) -> None:
        """Let readings be the newest of their members."""
        for each in heard:
            self.take(each)

    def look(self, rule: GroupRule) -> None:
        """Find `near` anew, at the clock."""
        verdict, _ = rule.detector.judge(self.values(rule, self.clock), self.memory)
        self.near = bool(verdict.parts)

    def break_off(self, rule: GroupRule) -> None:
        """Let a balance begin anew at the clock: what has run since its last knot is not known."""
        if isinstance(rule.detector, Balance):
            self.memory = rule.detector.lost(self.memory, self.clock)

    def process(self) -> dict[str, Any]:
        """Return what must outlive the process beside the members' readings."""
        return {
            "phase": PHASES[self.phase],
            "t0": self.t0,
            "seen": self.seen,
            "unsure": self.unsure,
            "memory": self.memory,
        }


class Course:
    """One group on its way through instants; writes its standing and gathers what it says."""

    def __init__(self, plant: Plant, rule: GroupRule, standing: Standing) -> None:
        self.plant = plant
        self.rule = rule
        self.standing = standing
        self.told: list[ProcessEvent] = []

    def read(self, heard: Sequence[Heard]) -> None:
        """Judge members' readings of one instant after the clock."""
        standing, at, detector = self.standing, heard[0][0], self.rule.detector
        if standing.clock:
            if isinstance(detector, Balance):
                self._flow(detector, at)
            else:
                self._expire(at)
            self._elapse(at)
        if isinstance(detector, Balance):
            before = Newest(standing.time.copy(), standing.value.copy())
            standing.take_all(heard)
            now = Newest(standing.time, standing.values(self.rule, at))
            standing.memory = detector.read(standing.memory, at, before, now)
        else:
            standing.take_all(heard)
        self._stand(at)
        if standing.seen < at:
            standing.seen = 0

    def belated(self, heard: Heard) -> None:
        """Judge a reading that is too old for its place in the course: it is news at the clock."""
        standing = self.standing
        at = standing.clock
        standing.take(heard)
        standing.break_off(self.rule)
        self._stand(at, behind=heard[1])
        if standing.seen < at:
            standing.seen = 0

    def wait(self, until: int) -> None:
        """Let time alone pass, up to and including an instant."""
        self._expire(until + 1)
        self._elapse(until + 1)

    def doubt(self) -> None:
        """Say whether the alarm that stands is in doubt."""
        at = max(self.standing.clock, self.standing.seen)
        self._tell(Transition.quality, at, self._verdict(at))

    def _expire(self, end: int) -> None:
        """Judge every instant before `end` at which a member's value went stale."""
        standing = self.standing
        after = max(standing.clock, standing.seen)
        ends = [time + stale for time, stale in zip(standing.time, self.rule.stale, strict=True)]
        if min(ends) >= end:
            return
        # A member that never reported has gone stale before any clock.
        for at in sorted({moment for moment in ends if after < moment < end}):
            self._elapse(at)
            self._stand(at)

    def _flow(self, balance: Balance, until: int) -> None:
        """Let flows run from the clock on; judge where the first member goes stale."""
        standing = self.standing
        first = standing.clock
        heard = min(t + stale for t, stale in zip(standing.time, self.rule.stale, strict=True))
        if heard >= until:
            x = standing.values(self.rule, first)
            standing.memory = balance.flow(standing.memory, first, until, x)
            return
        stop = max(first, heard)
        standing.memory = balance.lost(standing.memory, stop)
        if max(first, standing.seen) < stop:
            self._elapse(stop)
            self._stand(stop)

    def _elapse(self, end: int) -> None:
        """Let a running delay take effect if it is met before `end`."""
        due = self._due()
        if due is not None and due < end:
            self._confirm(due, self._verdict(due))

    def _stand(self, at: int, behind: int | None = None) -> None:
        """Judge the values at an instant and let a delay of that very instant take effect."""
        standing, rule = self.standing, self.rule
        values, detector = standing.values(rule, at), rule.detector
        if standing.phase == CLEAR and isinstance(detector, Vote) and detector.calm(values):
            standing.near = False
            return
        verdict, standing.memory = detector.judge(values, standing.memory)
        says = verdict.says
        standing.near = bool(verdict.parts)
        if says is Says.OFF and standing.phase == CLEAR:
            return
        against = Says.OFF if standing.phase == PEND_ON else Says.ON
        if self._due() == at and says not in (against, Says.UNSURE):
            self._confirm(at, verdict, behind)
        onset = at if at > standing.seen else standing.seen + 1
        match standing.phase:
            case 0 if says is Says.ON or (says is Says.FEARED and rule.tier >= Tier.orange):
                self._begin(PEND_ON, onset)
            case 1 if says is Says.OFF:
                self._begin(CLEAR, onset)
            case 1 if says is Says.UNSURE:
                if rule.tier < Tier.orange:
                    self._begin(CLEAR, onset)
                else:
                    self._begin(ACTIVE, onset)
                    standing.unsure = onset
                    self._tell(Transition.raised, onset, verdict, behind)
            case 2 if says is Says.OFF:
                self._begin(PEND_OFF, onset)
            case 3 if says is Says.ON or says in _UNKNOWN:
                self._begin(ACTIVE, onset)
        if self._due() == onset:  # no delay at all
            self._confirm(onset, verdict, behind)
        doubts, since = says in _UNKNOWN, standing.unsure
        # Doubt is told at once; a member that comes and goes ends it once a minute at most.
        if standing.active and (not since if doubts else since and onset - since >= _DOUBT):
            standing.unsure = onset if doubts else 0
            standing.seen = onset
            self._tell(Transition.quality, onset, verdict, behind)

    def _confirm(self, at: int, verdict: Verdict, behind: int | None = None) -> None:
        if self.standing.phase == PEND_ON:
            self._begin(ACTIVE, at)
            if verdict.says is Says.FEARED:
                self.standing.unsure = at
            self._tell(Transition.raised, at, verdict, behind)
        else:
            self._begin(CLEAR, at)
            self._tell(Transition.returned, at, verdict, behind)

    def _begin(self, phase: int, at: int) -> None:
        standing = self.standing
        standing.phase = phase
        standing.t0 = at if phase in (PEND_ON, PEND_OFF) else 0
        if not standing.active:
            standing.unsure = 0
        standing.seen = max(standing.seen, at)

    def _due(self) -> int | None:
        """Return when the running delay is met."""
        match self.standing.phase:
            case 1:
                return self.standing.t0 + self.rule.on_delay
            case 3:
                return self.standing.t0 + self.rule.off_delay
            case _:
                return None

    def _verdict(self, at: int) -> Verdict:
        values = self.standing.values(self.rule, at)
        return self.rule.detector.judge(values, self.standing.memory)[0]

    def _tell(
        self, change: Transition, at: int, verdict: Verdict, behind: int | None = None
    ) -> None:
        standing = self.standing
        if behind is None:
            behind = standing.leading
        time, received = standing.time[behind], standing.received[behind]
        evidence = Evidence(
            verdict=verdict,
            values=standing.values(self.rule, at),
            at=at,
            time=time,
            received=received,
            late=is_late(standing.quality[behind], time, received),
            unsure=bool(standing.unsure),
        )
        self.told.append(group_event(self.plant, self.rule, change, evidence))
