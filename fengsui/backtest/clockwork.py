"""The engine driven by a recorded clock: batches in, a tick after each second, exactly."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from alarms.alarm import ProcessEvent
from alarms.averted import Tally
from alarms.confirmations import preceding, reach, rows_of
from alarms.engine import Engine, Proposal
from alarms.late import KEPT_US, Around
from alarms.proposal import PointFault
from alarms.readings import FAR, Instants, Readings

SECOND_US: Final = 1_000_000
_RUN: Final = 1 << 16

Hear = Callable[[Sequence[ProcessEvent], int], None]
"""Takes what the engine says, in order, with the clock (Micros) at which it was said."""


def second_of(clock: Instants) -> Instants:
    """Return the second whose tick follows an instant; readings of that instant come first."""
    seconds: Instants = -(-clock // SECOND_US)
    return seconds


class Clockwork:
    """Proposes, hears and adopts as the server does; the server's clock is an argument.

    Seconds in which a tick says nothing are passed over: what a tick says at one moment a later
    tick would say too, so a silent one proves all before it silent.
    """

    def __init__(self, engine: Engine, hear: Hear, *, started: int) -> None:
        self.engine = engine
        self.link_since = started
        self._hear = hear
        self._ticked = started // SECOND_US
        self._recent = Recent()
        self.averted = Tally()

    def take(
        self, readings: Readings, late: Readings, faults: Sequence[PointFault], *, now: int
    ) -> None:
        """Judge a batch: readings newer than their points' last, late ones (FAR marked), faults."""
        proposals = [self.engine.judge(readings, now=now, faults=faults, behind=late.point)]
        late = self.engine.rewinds.teach(late)
        self._recent.add(readings, self.engine)
        wanted = self.engine.around(late, proposals[0])
        if len(late) or len(wanted.readings.rows):
            near = self._recent.around(wanted.readings)
            proposals.append(self.engine.judge_late(late, near, wanted, proposals[0]))
            self._recent.add(late.take((late.quality & FAR) == 0), self.engine)
        self._commit(proposals, now)

    def pass_seconds(self, to: int) -> None:
        """Tick at every second up to the second `to`."""
        while self._ticked < to:
            if not self.engine.pasts.owes and _silent(self._tick(to)):
                self._ticked = to
                return
            first, last = self._ticked + 1, to
            while first < last:
                middle = (first + last) // 2
                if not self.engine.pasts.owes and _silent(self._tick(middle)):
                    first = middle + 1
                else:
                    last = middle
            self._commit([self._tick(last)], last * SECOND_US)
            self._ticked = last

    def stand_until(self, moment: int) -> None:
        """Pass over the time to `moment` (Micros) as if the server had been away."""
        self.link_since = moment
        self._ticked = max(self._ticked, moment // SECOND_US)

    def tick_at(self, now: int) -> None:
        """Tick once at an instant between two seconds, Micros."""
        self._commit([self.engine.tick(now=now, link_since=self.link_since)], now)

    def _tick(self, second: int) -> Proposal:
        return self.engine.tick(now=second * SECOND_US, link_since=self.link_since)

    def _commit(self, proposals: Sequence[Proposal], now: int) -> None:
        for proposal in proposals:
            self._hear(proposal.events, now)
            self.averted.add(proposal)
        for proposal in proposals:
            self.engine.adopt(proposal)


def _silent(proposal: Proposal) -> bool:
    return not (proposal.events or proposal.states or proposal.gone)


class Recent:
    """The newest readings of every point: what a late reading's neighbours are taken from.

    Kept is what `late.around` can ask for, and a run that was not looked through yet.
    """

    def __init__(self) -> None:
        self._parts: list[Readings] = []
        self._count = 0
        self._kept = 0

    def add(self, readings: Readings, engine: Engine) -> None:
        """Remember readings, of which none was met before."""
        if len(readings) == 0:
            return
        self._parts.append(readings)
        self._count += len(readings)
        if self._count > 2 * self._kept + _RUN:
            whole = Readings.joined(self._parts)
            since = engine.last - KEPT_US
            kept = whole.time >= since[whole.point]
            rows = rows_of(engine.rules)
            kept |= preceding(whole, rows, since[rows], reach(engine.rules, rows))
            self._parts = [whole.take(kept)]
            self._count = self._kept = len(self._parts[0])

    def around(self, wanted: Around) -> Readings:
        """Return the readings that are asked for."""
        if len(wanted.rows) == 0 or not self._parts:
            return Readings.none()
        whole = Readings.joined(self._parts)
        self._parts = [whole]
        place = np.searchsorted(wanted.rows, whole.point)
        place = np.minimum(place, len(wanted.rows) - 1)
        asked = wanted.rows[place] == whole.point
        asked &= (whole.time >= wanted.since[place]) & (whole.time <= wanted.until[place])
        return whole.take(asked | preceding(whole, wanted.rows, wanted.since, wanted.before))


class Known:
    """Every (point, time) accepted: what comes again counts once. 12 bytes a reading."""

    def __init__(self, points: int) -> None:
        self._points = points
        self._fresh: list[Readings] = []
        self._runs: list[tuple[Instants, Instants]] = []
        self._late: set[tuple[int, int]] = set()

    def add(self, readings: Readings) -> None:
        """Remember readings newer than their points' last."""
        if len(readings):
            self._fresh.append(readings)

    def met(self, row: int, time: int) -> bool:
        """Tell whether a reading was accepted before, and remember it as accepted now."""
        if (row, time) in self._late or self._stored(row, time):
            return True
        self._late.add((row, time))
        return False

    def _stored(self, row: int, time: int) -> bool:
        self._settle()
        for times, starts in self._runs:
            first, end = int(starts[row]), int(starts[row + 1])
            place = first + int(np.searchsorted(times[first:end], time))
            if place < end and times[place] == time:
                return True
        return False

    def _settle(self) -> None:
        """Sort what is new into a run, and runs of like size into one."""
        if not self._fresh:
            return
        points = np.concatenate([readings.point for readings in self._fresh])
        times = np.concatenate([readings.time for readings in self._fresh])
        self._fresh.clear()
        while self._runs and len(self._runs[-1][0]) <= 2 * len(times):
            older, starts = self._runs.pop()
            rows = np.repeat(np.arange(self._points, dtype=np.int32), np.diff(starts))
            points, times = np.concatenate([rows, points]), np.concatenate([older, times])
        order = np.lexsort((times, points))
        starts = np.searchsorted(points[order], np.arange(self._points + 1))
        self._runs.append((times[order], starts.astype(np.int64)))
