"""A plain engine that takes one reading at a time: what the vector engine is measured against.

Written after alarms.md 1.3 to 1.5 in plain Python, an object a level and no arrays. It knows limit
alarms, their delays, their confirmation and row 19b; tests hold the vector engine to it, the bench
to its speed.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from alarms.alarm import Tier
from alarms.plant import Point
from alarms.rules import Level, confirmation_of, high_levels, low_levels, silences_s

SETTLE: Final = 1_000_000
_JUDGED: Final = (0, 1, 4)
_HOLDING: Final = (2, 5, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One change of a limit alarm, as far as both engines must agree on it."""

    key: str
    rule: str
    change: str
    tier: Tier
    t_change: int
    t_event: int
    value: float
    limit: float
    peak: float | None
    unconfirmed: bool


@dataclass(slots=True)
class _Level:
    rule: Level
    sign: int
    n: int
    phase: str = "CLEAR"
    t0: int = 0

    def over(self, values: Sequence[float]) -> bool:
        """Tell whether n values are at the limit or beyond it."""
        limit, high = self.rule.limit, self.sign > 0
        return sum(x >= limit if high else x <= limit for x in values) >= self.n

    def under(self, values: Sequence[float]) -> bool:
        """Tell whether fewer than n values, of n or more, have not left the deadband."""
        release, high = self.rule.release, self.sign > 0
        held = sum(x >= release if high else x <= release for x in values)
        return held < self.n <= len(values)

    def due(self) -> int | None:
        if self.phase == "PEND_ON":
            return self.t0 + self.rule.on_delay
        if self.phase == "PEND_OFF":
            return self.t0 + self.rule.off_delay
        return None

    def agrees(self, values: Sequence[float]) -> bool:
        return not (self.under(values) if self.phase == "PEND_ON" else self.over(values))

    def enter(self, phase: str, at: int) -> None:
        self.phase, self.t0 = phase, at


@dataclass(slots=True)
class _Side:
    name: str
    levels: list[_Level]
    peak: float | None = None

    def top(self) -> _Level | None:
        active = [level for level in self.levels if level.phase in ("ACTIVE", "PEND_OFF")]
        return active[-1] if active else None

    def rise_together(self, confirmed: list[_Level], at: int) -> None:
        """Let the levels inside a confirmed one become active with it."""
        for level in confirmed:
            for inner in self.levels[: self.levels.index(level)]:
                if inner.phase == "PEND_ON":
                    inner.enter("ACTIVE", at)


@dataclass(slots=True)
class OneByOne:
    """One point's limit alarms."""

    point: Point
    sides: list[_Side] = field(default_factory=list)
    last: deque[float] = field(default_factory=deque)
    last_time: int = 0
    last_received: int = 0
    judged_time: int = 0
    judged_value: float = 0.0
    said: list[Said] = field(default_factory=list)

    def __post_init__(self) -> None:
        n, m = confirmation_of(self.point)
        self.last = deque(maxlen=m)
        self.sides = [
            _Side("limit.low", [_Level(level, -1, n) for level in low_levels(self.point)]),
            _Side("limit.high", [_Level(level, 1, n) for level in high_levels(self.point)]),
        ]

    @property
    def bridge(self) -> int:
        return round(1_000_000 * silences_s(self.point)[0])

    @property
    def stale_after(self) -> int:
        return round(1_000_000 * silences_s(self.point)[1])

    def take(self, time: int, received: int, value: float, quality: int) -> None:
        """Judge one reading, newer than all before it; times in Micros."""
        judged = quality in _JUDGED
        if judged:
            self.last.append(value)
        for side in self.sides:
            if not side.levels:
                continue
            self._elapse(
                side,
                lambda level, due: (
                    due < time or (due == time and (not judged or level.agrees(self.last)))
                ),
                reading=(time, value) if judged else None,
            )
            if judged:
                self._value(side, time, value)
            elif quality in _HOLDING:
                self._lose(side, time)
        self.last_time, self.last_received = time, received
        if judged:
            self.judged_time, self.judged_value = time, value

    def tick(self, now: int, floor: int) -> None:
        """Let time pass: `floor` is the newest of registration, start and link, server's clock."""
        clock = self.last_time + now - max(self.last_received, floor)
        silent_at = self.last_time + self.stale_after
        for side in self.sides:
            pending = any(level.due() is not None for level in side.levels)
            self._elapse(side, lambda _, due: due + SETTLE <= clock, reading=None)
            if pending and silent_at + SETTLE <= clock:
                self._lose(side, silent_at)

    def _elapse(
        self,
        side: _Side,
        met: Callable[[_Level, int], bool],
        *,
        reading: tuple[int, float] | None,
    ) -> None:
        ripe = []
        for level in side.levels:
            due = level.due()
            if due is not None and due <= self.judged_time + self.bridge and met(level, due):
                ripe.append((due, level))
        for at in sorted({due for due, _ in ripe}):
            before = side.top()
            rising = []
            for due, level in ripe:
                if due == at and level.phase == "PEND_ON":
                    level.enter("ACTIVE", at)
                    rising.append(level)
                elif due == at and level.phase == "PEND_OFF":
                    level.enter("CLEAR", at)
            side.rise_together(rising, at)
            behind = (self.judged_time, self.judged_value)
            if reading is not None and reading[0] == at:
                behind = reading
            self._say(side, before, at, *behind)
            if side.top() is None and before is not None:
                side.peak = None
        self._rest(side)

    def _value(self, side: _Side, time: int, value: float) -> None:
        before, changed, confirmed = side.top(), [0], []
        gap = time - self.judged_time > self.bridge
        for level in side.levels:
            onset = max(time, level.t0 + 1)
            was = level.phase
            if was == "CLEAR" and level.over(self.last):
                level.enter("PEND_ON", onset)
                if level.rule.on_delay == 0:
                    level.enter("ACTIVE", onset)
                    confirmed.append(level)
            elif was == "PEND_ON" and level.under(self.last):
                level.enter("CLEAR", onset)
            elif was == "ACTIVE" and level.under(self.last):
                level.enter("CLEAR" if level.rule.off_delay == 0 else "PEND_OFF", onset)
            elif was == "PEND_OFF" and level.over(self.last):
                level.enter("ACTIVE", onset)
            elif was in ("PEND_ON", "PEND_OFF") and gap:
                level.t0 = onset
            if level.phase != was:
                changed.append(onset)
        side.rise_together(confirmed, max(changed))
        side.peak = value if side.peak is None else _further(side, side.peak, value)
        self._say(side, before, max(changed), time, value)
        self._rest(side)

    def _lose(self, side: _Side, at: int) -> None:
        before, rising = side.top(), []
        for level in side.levels:
            if level.phase == "PEND_ON" and level.rule.tier >= Tier.orange:
                level.enter("ACTIVE", max(level.t0, at))
                rising.append(level)
            elif level.phase == "PEND_OFF":
                level.enter("ACTIVE", max(level.t0, at))
        side.rise_together(rising, at)
        self._say(side, before, at, at, self.judged_value, lost=True)

    def _say(
        self,
        side: _Side,
        before: _Level | None,
        at: int,
        time: int,
        value: float,
        *,
        lost: bool = False,
    ) -> None:
        after = side.top()
        if after is before:
            return
        shown = after or before
        if shown is None:
            return
        if before is None:
            change = "raised"
        elif after is None:
            change = "returned"
        else:
            higher = side.levels.index(after) > side.levels.index(before)
            change = "tier_up" if higher else "tier_down"
        self.said.append(
            Said(
                key=self.point.key,
                rule=side.name,
                change=change,
                tier=shown.rule.tier,
                t_change=at,
                t_event=time,
                value=value,
                limit=shown.rule.limit,
                peak=side.peak,
                unconfirmed=lost,
            )
        )

    def _rest(self, side: _Side) -> None:
        if all(level.phase == "CLEAR" for level in side.levels):
            side.peak = None


def run(points: Sequence[Point], rows: Sequence[tuple[int, int, int, float, int]]) -> list[Said]:
    """Take readings (row, time, received, value, quality) one by one; return what was said."""
    engines = [OneByOne(point) for point in points]
    for row, time, received, value, quality in rows:
        engines[row].take(time, received, value, quality)
    return [said for engine in engines for said in engine.said]


def _further(side: _Side, peak: float, value: float) -> float:
    return max(peak, value) if side.name == "limit.high" else min(peak, value)
