"""The audit: every alarm computed again from the stored readings, and compared with the journal.

Nothing in the record tells when the server was away. So the readings are judged twice: by a server
that never was (`steady`), and by one that was whenever nothing came for a second (`patient`). What
both say must be in the journal; what is in the journal, one of them must say. On a plant that
reports every second the two differ only where the server was away or readings waited.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from psycopg import AsyncConnection

from alarms import instants
from alarms.alarm import Kind, ProcessEvent, Subject, Tier, Transition
from alarms.engine import ChannelState, Engine, LastReadings
from alarms.occurrences import Episodes
from alarms.plant import Plant
from alarms.readings import BEHIND, Readings, newer_than
from alarms.rules import LEVEL_NAMES, RULES, Ruleset, rules_of
from alarms.storage import plant as registered
from alarms.storage import recount
from fengsui.audit_findings import (
    Episode,
    Findings,
    Span,
    by_readings,
    compare,
    episodes,
    recomputed,
)
from fengsui.backtest.clockwork import SECOND_US, Clockwork, second_of

WARM_UP_US: Final = 3_600_000_000
"""Before the first instant: running delays are known after it; open alarms are the journal's."""
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
    start = first - WARM_UP_US
    alive = await recount.alive(conn)
    stop = end + TAIL_US if alive is None else min(end + TAIL_US, alive + 1)
    span = Span(first=first, end=end if alive is None else min(end, alive - PRESENT_US))
    opened = await recount.open_at(conn, start)
    rows = await recount.journalled(conn, start, stop + TAIL_US)
    left_out = await recount.changed_points(conn, start, stop)
    last = await recount.last_before(conn, plant, start)
    roads = [_Road(plant, opened, last, start, away_us=away) for away in (None, _AWAY_US)]
    findings = Findings(left_out=sorted(left_out))
    async for readings in recount.received_between(conn, plant, start, stop):
        findings.readings += len(readings)
        for road in roads:
            road.take(readings)
    steady, patient = (road.end(stop) for road in roads)
    journal = [each for each in episodes(opened, rows) if each.key not in left_out]
    compare(
        findings,
        span,
        journal,
        [each for each in patient if each.key not in left_out],
        [each for each in steady if each.key not in left_out],
    )
    return findings


class _Road:
    """One recomputation; with `away_us` the clock stands where nothing came for so long."""

    def __init__(
        self,
        plant: Plant,
        opened: Sequence[recount.Row],
        last: LastReadings,
        start: int,
        *,
        away_us: int | None,
    ) -> None:
        rules = rules_of(plant)
        points = {point.key: row for row, point in enumerate(plant.points)}
        states, events = [], []
        for row in opened:
            if row.document["rule"] in RULES and row.key in points:
                state = _standing(rules, points[row.key], row)
                if state is not None:
                    states.append(state)
            if by_readings(row.document["kind"], row.document["rule"]):
                events.append(_raised(row))
        engine = Engine.build(plant, states=states, last=last, started=start)
        self._episodes = Episodes()
        self._episodes.add(events, now=start)
        self._seeded = len(self._episodes.found)
        self._clockwork = Clockwork(engine, self._hear, started=start)
        self._away_us = away_us
        self._heard = start
        self._carried = Readings.none()

    def take(self, readings: Readings) -> None:
        """Judge all but the newest second, which may not be whole yet."""
        readings = Readings.joined([self._carried, readings])
        seconds = second_of(readings.received)
        cut = int(np.searchsorted(seconds, seconds[-1])) if len(seconds) else 0
        self._judge(readings.take(np.arange(cut)))
        self._carried = readings.take(np.arange(cut, len(readings)))

    def end(self, stop: int) -> list[Episode]:
        """Let time pass up to `stop` and return what was raised."""
        self._judge(self._carried)
        self._clockwork.pass_seconds(stop // SECOND_US)
        return [
            recomputed(each, seeded=place < self._seeded)
            for place, each in enumerate(self._episodes.found)
            if by_readings(each.kind, each.rule)
        ]

    def _judge(self, readings: Readings) -> None:
        seconds = second_of(readings.received)
        borders = np.flatnonzero(np.diff(seconds, prepend=-1, append=-1))
        for first, end in zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True):
            part = readings.take(np.arange(first, end))
            arrived = int(part.received[0])
            if self._away_us is not None and arrived - self._heard > self._away_us:
                self._clockwork.stand_until(arrived)
            self._heard = int(part.received[-1])
            second = int(seconds[first])
            self._clockwork.pass_seconds(second - 1)
            fresh = newer_than(part, self._clockwork.engine.last) & (part.quality & BEHIND == 0)
            self._clockwork.take(part.take(fresh), part.take(~fresh), (), now=second * SECOND_US)

    def _hear(self, events: Sequence[ProcessEvent], now: int) -> None:
        self._episodes.add(events, now=now)


def _standing(rules: Ruleset, row: int, opened: recount.Row) -> ChannelState | None:
    """Return the engine's state of a limit alarm that stood: its level and those inside it."""
    low = opened.document["rule"] == RULES[0]
    slots = (0, 1) if low else (2, 3, 4)
    levels: dict[str, list[object]] = {}
    began = instants.from_text(opened.document["t_raised"])
    for slot in slots:
        code = int(rules.name[row, slot])
        if code < 0:
            break
        levels[LEVEL_NAMES[code]] = ["ACTIVE", began]
        if rules.limit(row, slot) == opened.document["limit"]:
            break
    if not levels:
        return None
    return ChannelState(key=opened.key, rule=opened.document["rule"], process={"levels": levels})


def _raised(row: recount.Row) -> ProcessEvent:
    """Tell the beginning of an alarm that stood before the audit began."""
    found = row.document
    began = instants.from_text(found["t_raised"])
    return ProcessEvent(
        subject=Subject(key=row.key),
        rule=found["rule"],
        kind=Kind(found["kind"]),
        change=Transition.raised,
        tier=Tier[found["tier"]],
        t_change=began,
        t_event=began,
        t_received=began,
        value=found["value"],
        limit=found["limit"],
    )
