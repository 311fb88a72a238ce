"""Readings in order and as they may arrive, and a server that keeps what the record would keep."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from alarms import tales
from alarms.alarm import Alarm, AlarmId, Kind, ProcessEvent, Tier
from alarms.engine import ChannelState, Engine, LastReadings, Proposal
from alarms.late import Around, judged_near
from alarms.lifecycle import Action, Deed, meant, step
from alarms.memory import NEWEST_READINGS, Part, Recollection, Rota
from alarms.occurrences import Episodes, Occurrence
from alarms.outages import RULE as GATEWAY
from alarms.past import in_order
from alarms.plant import Plant, Point
from alarms.proposal import judgeable
from alarms.readings import BEHIND, FAR, Readings, parted
from alarms.retracing import RULES as RETRACED
from alarms.rules import RULES
from alarms.wording import LATE_US
from fengsui.backtest.clockwork import Clockwork, Known
from tests.unit.plants import SECOND, START, plant, readings
from tests.unit.streams import Keeper, Row, replay_groups

VALUES = (-6.0, 0.5, 1.2, 1.7, 3.5, 5.0, 8.7, 9.2, 9.7, 10.5)
TICK = -1


@dataclass(slots=True)
class Server:
    """Takes messages as ingest does; acknowledges at once what rings, or never."""

    plant: Plant
    acknowledges: bool
    engine: Engine = field(init=False)
    states: dict[tuple[str, str], ChannelState] = field(default_factory=dict)
    last: LastReadings = field(init=False)
    stored: dict[tuple[int, int], Readings] = field(default_factory=dict)
    episodes: Episodes = field(default_factory=Episodes)
    open: dict[tuple[str, str], Alarm] = field(default_factory=dict)
    alarms: dict[AlarmId, Alarm] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.last = LastReadings.never(len(self.plant.points))
        self.restart()

    def restart(self) -> None:
        """Forget everything but the record."""
        learned = self.engine.learned if hasattr(self, "engine") else ()
        self.engine = Engine.build(
            self.plant, states=tuple(self.states.values()), last=self.last, started=START
        )
        for known, family in zip(learned, self.engine.learned, strict=False):
            family.memory[:] = known.memory
        replay_groups(self.engine, list(self.stored.values()))

    def saved(self) -> list[Part]:
        """Return all parts of what was learned, as they are kept."""
        return list(Rota(self.engine, now=0, fresh=True).due(0, stored=0))

    def start(self, parts: Iterable[Part], *, window: int, changed: int = 0) -> None:
        """Begin from the record: parts kept before, and what was stored since, window by window.

        The registry was changed last at an instant, Micros.
        """
        states = tuple(self.states.values())
        never = LastReadings.never(len(self.plant.points))
        self.engine = Engine.build(self.plant, states=states, last=never, started=START)
        recollection = Recollection(self.engine)
        for part in parts:
            if part.family != NEWEST_READINGS:
                recollection.put(part)
        recollection.meet(self.last)
        since = recollection.since()
        stored = Readings.joined([*self.stored.values(), Readings.none()])
        stored = in_order(stored.take((stored.quality & FAR) == 0))
        news = stored.take(stored.time > since[stored.point])
        for block in np.unique(news.time // window).tolist():
            recollection.learn(news.take(news.time // window == block))
        recollection.learn_confirmed(stored)
        recollection.settle(states, told=self.told, changed=changed)
        replay_groups(self.engine, list(self.stored.values()))

    def take(self, rows: Sequence[Row]) -> None:
        """Bring messages into the record."""
        batch = readings(rows)
        now = int(batch.received[-1])
        fresh, behind = parted(batch, self.engine.last, bound=LATE_US)
        news = batch.take(fresh)
        proposals = [self.engine.judge(news, now=now, behind=behind.point)]
        self._store(news)
        behind = self.engine.rewinds.teach(behind)
        marked = replace(behind, quality=behind.quality | np.int16(BEHIND))
        arrived = behind.take(self._store(marked))
        wanted = self.engine.around(arrived, proposals[0])
        if len(behind) or len(wanted.readings.rows):
            near = self._near(wanted.readings, arrived)
            proposals.append(self.engine.judge_late(arrived, near, wanted, proposals[0]))
        self._commit(proposals, now)
        self.last.follow(news)
        self.last.adopt(judged_near(arrived))

    def tick(self, now: int) -> None:
        """Let time speak."""
        self._commit([self.engine.tick(now=now, link_since=START)], now)

    def _store(self, arrived: Readings) -> np.ndarray:
        kept = np.zeros(len(arrived), np.bool_)
        for place in range(len(arrived)):
            one = arrived.take(np.array([place]))
            identity = int(one.point[0]), int(one.time[0])
            if identity not in self.stored:
                self.stored[identity] = one
                kept[place] = True
        return kept

    def _near(self, wanted: Around, arrived: Readings) -> Readings:
        mine = set(zip(arrived.point.tolist(), arrived.time.tolist(), strict=True))
        found: list[Readings] = []
        for asked, since, until, many in zip(*(part.tolist() for part in wanted), strict=True):
            near = [
                (time, one)
                for (row, time), one in sorted(self.stored.items())
                if row == asked and (row, time) not in mine and not one.quality[0] & FAR
            ]
            early = [one for time, one in near if time < since and judgeable(one).all()]
            found += early[len(early) - min(many, len(early)) :]
            found += [one for time, one in near if since <= time <= until]
        return Readings.joined(found) if found else Readings.none()

    def _commit(self, proposals: Sequence[Proposal], now: int) -> None:
        for proposal in proposals:
            self.episodes.add(proposal.events, now=now)
            for event in proposal.events:
                self._live(event, now)
                if event.rule in RETRACED:
                    self.told[event.subject.key] = now
            for key in proposal.gone:
                self.states.pop(key, None)
            for state in proposal.states:
                self.states[state.key, state.rule] = state
        for proposal in proposals:
            self.engine.adopt(proposal)

    def _live(self, event: ProcessEvent, now: int) -> None:
        slot = event.subject.key, event.rule
        if event.rule not in (*RULES, *tales.RULES, GATEWAY) and event.kind is not Kind.group:
            return
        known = self.open.get(slot)
        closed = [
            each
            for each in self.alarms.values()
            if (each.subject.key, each.rule) == slot and each.t_closed is not None
        ]
        known = meant(known, closed, event)
        self._write(known, event, now)
        alarm = self.open.get(slot)
        if self.acknowledges and alarm is not None and alarm.acks["site"] is None:
            self._write(alarm, Action(kind=Deed.acknowledge, actor="张三", role="operator"), now)

    def _write(self, known: Alarm | None, event: ProcessEvent | Action, now: int) -> None:
        outcome = step(known, event, now=now)
        if isinstance(event, ProcessEvent) and outcome.entries:
            first = outcome.entries[0].alarm
            while first.rev == 1 and first.id in self.alarms:
                event = msgspec.structs.replace(event, again=event.again + 1)
                outcome = step(known, event, now=now)
                first = outcome.entries[0].alarm
        for entry in outcome.entries:
            alarm = entry.alarm
            before = self.alarms.get(alarm.id)
            assert alarm.rev == (1 if before is None else before.rev + 1)
            self.alarms[alarm.id] = alarm
        if not outcome.entries:
            return
        alarm = outcome.entries[-1].alarm
        slot = alarm.subject.key, alarm.rule
        standing = self.open.get(slot)
        if alarm.t_closed is None:
            assert standing is None or standing.id == alarm.id, "open twice"
            self.open[slot] = alarm
        elif standing is not None and standing.id == alarm.id:
            del self.open[slot]


def rehearsed(rows: Sequence[Row], one: Point) -> list[Occurrence]:
    """Return what readings in order of receipt come to in a back-test of one point."""
    episodes = Episodes()
    clock = Clockwork(
        Keeper(plant([one])).engine,
        lambda events, now: episodes.add(events, now=now),
        started=START,
    )
    known = Known(1)
    for each in rows:
        fresh, behind = parted(batch := readings([each]), clock.engine.last, bound=LATE_US)
        known.add(batch.take(fresh))
        again = any(known.met(0, time) for time in behind.time.tolist())
        clock.take(batch.take(fresh), Readings.none() if again else behind, (), now=each[2])
    return episodes.found


def outlined(found: Iterable[Occurrence]) -> list[tuple[float, float | None, Tier]]:
    """Return raise and return, seconds after START, and peak tier of each."""
    return [
        (
            (each.t_raised - START) / SECOND,
            None if each.t_returned is None else (each.t_returned - START) / SECOND,
            each.peak_tier,
        )
        for each in found
    ]
