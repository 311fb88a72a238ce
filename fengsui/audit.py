"""The audit: every alarm computed again from the stored readings, and compared with the journal.

Nothing in the record tells when the server was away. So the readings are judged twice: by a server
that never was (`steady`), and by one that was whenever nothing came for a second (`patient`). What
both say must be in the journal; what is in the journal, one of them must say. On a plant that
reports every second the two differ only where the server was away or readings waited.

What rules have learned follows from every reading before: fengsui.audit_scope says how far back the
judging begins, and what has to be left out.
"""

import copy
from collections.abc import Sequence
from typing import Final

import numpy as np
from psycopg import AsyncConnection

from alarms.alarm import ProcessEvent
from alarms.engine import Engine, LastReadings
from alarms.occurrences import Episodes
from alarms.past import MINUTE_US
from alarms.plant import Plant
from alarms.readings import BEHIND, FAR, Readings, newer_than
from alarms.storage import plant as registered
from alarms.storage import recount
from fengsui import audit_scope, audit_seeds
from fengsui.audit_findings import (
    Episode,
    Findings,
    Span,
    by_readings,
    compare,
    episodes,
    recomputed,
)
from fengsui.audit_scope import Scope
from fengsui.backtest.clockwork import SECOND_US, Clockwork, second_of

TAIL_US: Final = 600_000_000
"""After the last instant: readings that were still to come then."""
PRESENT_US: Final = 5_000_000
"""What began so shortly before the server's last beat may not be in the journal yet."""
_AWAY_US: Final = 1_000_000


async def audit(conn: AsyncConnection, *, first: int, end: int) -> Findings:
    """Compare what was raised from `first` to before `end` (event times, Micros) with the journal.

    `conn` must see one state of the record: a transaction of repeatable reads.
    """
    plant = await registered.load(conn)
    alive = await recount.alive(conn)
    stop = end + TAIL_US if alive is None else min(end + TAIL_US, alive + 1)
    span = Span(first=first, end=end if alive is None else min(end, alive - PRESENT_US))
    scope = await audit_scope.of(conn, plant, first=first, stop=stop)
    opened = await recount.open_at(conn, scope.mark)
    scope = scope.beside(plant, opened)
    rows = await recount.journalled(conn, scope.mark, stop + TAIL_US)
    last = scope.last(await recount.last_before(conn, plant, scope.mark))
    steady = _Road(plant, scope, opened, last, await audit_seeds.windows(conn, plant, scope))
    findings = Findings(left_out=sorted(scope.changed), not_recomputed=scope.not_recomputed())
    async for readings in recount.received_between(conn, plant, scope.start, scope.mark):
        findings.readings += len(readings)
        steady.pass_by(readings)
    patient = steady.fork()
    steady.begin(away_us=None)
    patient.begin(away_us=_AWAY_US)
    behind: dict[str, list[int]] = {}
    async for readings in recount.received_between(conn, plant, scope.mark, stop):
        findings.readings += len(readings)
        late = readings.take((readings.quality & (BEHIND | FAR)) == BEHIND)
        for row, at in zip(late.point.tolist(), late.time.tolist(), strict=True):
            behind.setdefault(plant.key_of(row), []).append(at)
        for road in (steady, patient):
            road.take(readings)
    told = episodes(opened, rows)
    journal, calm, driven = (
        [each for each in side if scope.has(each.key, each.kind, each.rule)]
        for side in (told, patient.end(stop), steady.end(stop))
    )
    compare(findings, span, journal, calm, driven, behind=behind)
    return findings


class _Road:
    """One recomputation: what came before the scope's mark passes by, then every second counts.

    Call `pass_by` with those before it, then `begin`, `take` with the others, and `end`.
    """

    def __init__(
        self,
        plant: Plant,
        scope: Scope,
        opened: Sequence[recount.Row],
        last: LastReadings,
        windows: Readings,
    ) -> None:
        whole = scope.start < scope.mark
        renewed = {plant.key_of(row) for row in np.flatnonzero(scope.renewed).tolist()}
        seeds = [row for row in opened if row.key in renewed or not whole]
        states = audit_seeds.states(plant, seeds)
        engine = Engine.build(plant, states=states, last=last, started=scope.start)
        audit_seeds.fill(engine, windows)
        self._scope = scope
        self._episodes = Episodes()
        self._episodes.add(audit_seeds.events(seeds), now=scope.mark)
        self._stood: set[str] = set()
        self._past: set[str] = set()
        self._clockwork = Clockwork(engine, self._hear, started=scope.start)
        self._away_us: int | None = None
        self._heard = scope.start
        self._carried = Readings.none()

    def pass_by(self, readings: Readings) -> None:
        """Judge readings that only shape what stands at the mark: no tick is needed."""
        readings = readings.take(~self._scope.renewed[readings.point])
        if len(readings):
            self._heard = int(readings.received[-1])
            self._clockwork.take(*self._split(readings), (), now=self._heard)

    def fork(self) -> "_Road":
        """Return a road of its own that goes on from here."""
        shared = self._clockwork.engine.plant, self._clockwork.engine.rules, self._scope
        return copy.deepcopy(self, {id(each): each for each in shared})

    def begin(self, *, away_us: int | None) -> None:
        """Note what is over by the mark, and what stands there.

        With `away_us` the clock stands from now on where nothing comes for so long.
        """
        self._away_us = away_us
        if away_us is None:
            self._clockwork.pass_seconds(self._scope.mark // SECOND_US)
        found = self._episodes.found
        self._past = {each.id for each in found if each.t_returned is not None}
        self._stood = {each.id for each in found} - self._past

    def take(self, readings: Readings) -> None:
        """Judge all but the newest second, which may not be whole yet."""
        readings = Readings.joined([self._carried, readings])
        seconds = second_of(readings.received)
        cut = int(np.searchsorted(seconds, seconds[-1])) if len(seconds) else 0
        self._judge(readings.take(np.arange(cut)))
        self._carried = readings.take(np.arange(cut, len(readings)))

    def end(self, stop: int) -> list[Episode]:
        """Let time pass up to `stop` and return what was raised and what stood at the mark."""
        self._judge(self._carried)
        self._clockwork.pass_seconds(stop // SECOND_US)
        return [
            recomputed(each, seeded=each.id in self._stood)
            for each in self._episodes.found
            if by_readings(each.kind, each.rule) and each.id not in self._past
        ]

    def _judge(self, readings: Readings) -> None:
        seconds = second_of(readings.received)
        # A feed that is sent faster than it was measured is cut by its own minutes, too.
        stamped = np.where(readings.time > readings.received, 0, readings.time)
        minutes = np.maximum.accumulate(stamped) // MINUTE_US
        borders = np.flatnonzero(
            np.diff(seconds, prepend=-1, append=-1) | np.diff(minutes, prepend=-1, append=-1)
        )
        for first, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            part = readings.take(np.arange(first, end))
            arrived = int(part.received[0])
            if self._away_us is not None and arrived - self._heard > self._away_us:
                self._clockwork.stand_until(arrived)
            self._heard = int(part.received[-1])
            second = int(seconds[first])
            self._clockwork.pass_seconds(second - 1)
            self._clockwork.take(*self._split(part), (), now=second * SECOND_US)

    def _split(self, readings: Readings) -> tuple[Readings, Readings]:
        """Return what was news to its point when it came, and what came behind that."""
        fresh = newer_than(readings, self._clockwork.engine.last)
        fresh &= readings.quality & BEHIND == 0
        return readings.take(fresh), readings.take(~fresh)

    def _hear(self, events: Sequence[ProcessEvent], now: int) -> None:
        self._episodes.add(events, now=now)
