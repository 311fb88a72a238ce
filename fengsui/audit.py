"""The audit: every alarm computed again from the stored readings, and compared with the journal.

Nothing in the record tells when the server was away. So the readings are judged twice: by a server
that never was (`steady`), and by one that was whenever nothing came for a second (`patient`). What
both say must be in the journal; what is in the journal, one of them must say. On a plant that
reports every second the two differ only where the server was away or readings waited.

What rules have learned follows from every reading before: fengsui.audit_scope says how far back the
judging begins, and what has to be left out.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from psycopg import AsyncConnection

from alarms.alarm import ProcessEvent
from alarms.engine import Engine, LastReadings
from alarms.occurrences import Episodes
from alarms.plant import Plant
from alarms.readings import BEHIND, Readings, newer_than
from alarms.storage import plant as registered
from alarms.storage import recount
from fengsui import audit_scope, audit_seeds
from fengsui.audit_findings import (
    PAST,
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
    rows = await recount.journalled(conn, scope.mark, stop + TAIL_US)
    last = scope.last(await recount.last_before(conn, plant, scope.mark))
    roads = [_Road(plant, scope, opened, last, away_us=away) for away in (None, _AWAY_US)]
    findings = Findings(left_out=sorted(scope.changed), not_recomputed=scope.not_recomputed())
    async for readings in recount.received_between(conn, plant, scope.start, stop):
        findings.readings += len(readings)
        for road in roads:
            road.take(readings)
    steady, patient = (road.end(stop) for road in roads)
    journal, patient, steady = (
        [each for each in side if scope.has(each.key, each.kind, each.rule)]
        for side in (episodes(opened, rows), patient, steady)
    )
    compare(findings, span, journal, patient, steady)
    return findings


class _Road:
    """One recomputation; with `away_us` the clock stands where nothing came for so long.

    Up to the scope's mark, what happens only shapes what stands then, so readings go together;
    after it, a tick follows every second of them.
    """

    def __init__(
        self,
        plant: Plant,
        scope: Scope,
        opened: Sequence[recount.Row],
        last: LastReadings,
        *,
        away_us: int | None,
    ) -> None:
        whole = scope.start < scope.mark
        renewed = {plant.points[row].key for row in np.flatnonzero(scope.renewed).tolist()}
        seeds = [row for row in opened if row.key in renewed or not whole]
        states = audit_seeds.states(plant, seeds)
        engine = Engine.build(plant, states=states, last=last, started=scope.start)
        self._scope = scope
        self._episodes = Episodes()
        self._episodes.add(audit_seeds.events(seeds), now=scope.mark)
        self._stood: dict[str, int] | None = None
        self._clockwork = Clockwork(engine, self._hear, started=scope.start)
        self._away_us = away_us
        self._heard = scope.start
        self._carried = Readings.none()

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
        self._reach_mark()
        self._clockwork.pass_seconds(stop // SECOND_US)
        stood = self._stood or {}
        return [
            recomputed(each, stood=stood.get(each.id))
            for each in self._episodes.found
            if by_readings(each.kind, each.rule) and stood.get(each.id) != PAST
        ]

    def _judge(self, readings: Readings) -> None:
        mark = self._scope.mark
        waits = self._scope.renewed[readings.point] & (readings.received < mark)
        if waits.any():
            readings = readings.take(~waits)
        seconds = second_of(readings.received)
        seconds = np.where(seconds < -(-mark // SECOND_US), seconds[:1], seconds)
        borders = np.flatnonzero(np.diff(seconds, prepend=-1, append=-1))
        for first, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            part = readings.take(np.arange(first, end))
            arrived = int(part.received[0])
            if arrived >= mark:
                self._reach_mark()
            if self._away_us is not None and arrived - self._heard > self._away_us:
                self._clockwork.stand_until(arrived)
            self._heard = int(part.received[-1])
            self._clockwork.pass_seconds(int(seconds[first]) - 1)
            now = int(second_of(part.received[-1:])[0]) * SECOND_US
            fresh = newer_than(part, self._clockwork.engine.last) & (part.quality & BEHIND == 0)
            self._clockwork.take(part.take(fresh), part.take(~fresh), (), now=now)

    def _reach_mark(self) -> None:
        """Note what stands at the mark, and how many moves each such alarm had made by then."""
        if self._stood is None:
            if self._heard < self._scope.mark and self._away_us is None:
                self._clockwork.pass_seconds(self._scope.mark // SECOND_US)
            self._stood = {
                each.id: PAST if each.t_returned is not None else len(each.moves)
                for each in self._episodes.found
            }

    def _hear(self, events: Sequence[ProcessEvent], now: int) -> None:
        self._episodes.add(events, now=now)
