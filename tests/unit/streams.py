"""Streams of readings and ticks, and a server-like keeper that feeds them to an engine."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from alarms.alarm import ProcessEvent
from alarms.detectors.limits import ACTIVE
from alarms.engine import ChannelState, Engine, LastReadings, Proposal
from alarms.past import in_order
from alarms.pasts import STATE
from alarms.plant import Plant
from alarms.proposal import judged
from alarms.raising import PAST
from alarms.readings import FAR, Readings
from tests.unit.plants import SECOND, START, plant, point, readings

Row = tuple[int, int, int, float, int]
"""Point row, time, received, value, quality."""
Tick = int
Step = Row | Tick

POINTS = (
    point(
        "A", limits={"ll": -5, "l": 1, "h": 9, "hh": 10}, deadband=0.5, on_delay_s=12.0, period_s=5
    ),
    point("B", limits={"h": 9, "hh": 10}, tiers={"h": "orange", "hh": "red"}, period_s=5),
    point("C", limits={"h": 1, "cut": 3, "reset": 2}, quantity="methane", off_delay_s=0.0),
    point(
        "D", limits={"l": 4, "ll": 2, "h": 6, "hh": 8}, on_delay_s=7.0, off_delay_s=9.0, period_s=4
    ),
    point("E"),
    point(
        "F",
        limits={"l": 1, "h": 6, "hh": 9},
        deadband=1.0,
        params={"limit": {"confirm_n": 2, "confirm_m": 3}},
        on_delay_s=3.0,
        period_s=5,
    ),
    point(
        "G",
        limits={"h": 2, "cut": 4, "reset": 3},
        quantity="methane",
        params={"limit": {"confirm_n": 4, "confirm_m": 5}},
        off_delay_s=0.0,
        period_s=5,
    ),
)


def small_plant() -> Plant:
    """Return one tank whose points differ in every delay, side and tier."""
    return plant(POINTS)


@st.composite
def streams(draw: st.DrawFn, *, ticks: bool = True) -> list[Step]:
    """Draw readings in order of receipt, each newer than its point's last, with ticks between."""
    now = START
    newest = dict.fromkeys(range(len(POINTS)), START - 10 * SECOND)
    steps: list[Step] = []
    kinds = st.sampled_from(["reading"] * 5 + (["tick"] if ticks else []))
    waits = st.sampled_from([0, 0.5, 1, 2, 3, 5, 7, 9, 12, 16, 31])
    values = st.sampled_from([-6.0, 0.5, 1.2, 1.7, 2.5, 3.5, 4.0, 5.0, 6.0, 7.0, 8.7, 9.2, 10.5])
    qualities = st.sampled_from([0] * 8 + [1, 2, 3, 5])
    for _ in range(draw(st.integers(1, 40))):
        now += round(draw(waits) * SECOND)
        if draw(kinds) == "tick":
            steps.append(now)
            continue
        row = draw(st.integers(0, len(POINTS) - 1))
        time = max(newest[row] + 1, now - draw(st.sampled_from([0, 0, 0, 400_000, 2_500_000])))
        newest[row] = time
        steps.append((row, time, now, draw(values), draw(qualities)))
    return steps


def replay_groups(engine: Engine, stored: Sequence[Readings]) -> None:
    """Let groups come to where the record is, by its readings and no more than they want."""
    wanted = engine.groups.wanted()
    whole = Readings.joined([*stored, Readings.none()])
    whole = in_order(whole.take((whole.quality & FAR) == 0))
    found = [Readings.none()]
    for row, since, until in zip(*(part.tolist() for part in wanted[:3]), strict=True):
        mine = whole.take(whole.point == row)
        first = max(int(np.searchsorted(mine.time, since)) - 1, 0)
        found.append(mine.take(np.arange(first, int(np.searchsorted(mine.time, until, "right")))))
    engine.groups.replay(Readings.joined(found))


def standing_over(engine: Engine) -> set[str]:
    """Return the groups whose alarm stands and is not about to return."""
    pairs = zip(engine.groups.rules, engine.groups._past, strict=True)
    return {rule.group.key for rule, past in pairs if past.now.phase == ACTIVE}


@dataclass(slots=True)
class Keeper:
    """Keeps what storage would keep, so that an engine can be built again at any moment."""

    plant: Plant
    engine: Engine = field(init=False)
    states: dict[tuple[str, str], ChannelState] = field(default_factory=dict)
    last: LastReadings = field(init=False)
    stored: list[Readings] = field(default_factory=list)
    events: list[ProcessEvent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.last = LastReadings.never(len(self.plant.points))
        self.engine = self._built()

    def restart(self) -> None:
        """Build the engine anew from what is kept, what it has learned too (alarms.memory)."""
        kept = {each.name: each for each in self.engine.learned}
        self.engine = self._built()
        for family in self.engine.learned:
            known = kept.get(family.name)
            if known is not None:
                _, here, there = np.intersect1d(family.rows, known.rows, return_indices=True)
                family.memory[here] = known.memory[there]

    def feed(self, rows: Sequence[Row]) -> None:
        """Judge a batch and commit it."""
        batch = readings(rows)
        self.stored.append(batch)
        self._commit(self.engine.judge(batch, now=int(batch.received[-1])))
        for i in range(len(batch)):
            row = batch.point[i]
            self.last.time[row], self.last.received[row] = batch.time[i], batch.received[i]
            self.last.value[row], self.last.quality[row] = batch.value[i], batch.quality[i]
            if judged(batch.quality)[i]:
                self.last.judged_time[row] = batch.time[i]
                self.last.judged_received[row] = batch.received[i]
                self.last.judged_value[row] = batch.value[i]
                self.last.judged_quality[row] = batch.quality[i]

    def tick(self, now: int, *, link_since: int = START) -> None:
        """Let a tick pass and commit it."""
        self._commit(self.engine.tick(now=now, link_since=link_since))

    def run(self, steps: Sequence[Step], cuts: frozenset[int], *, restart: bool = False) -> None:
        """Feed a stream, starting a new batch before every step whose number is in `cuts`."""
        batch: list[Row] = []
        for number, step in enumerate(steps):
            if batch and (number in cuts or isinstance(step, int)):
                self.feed(batch)
                batch = []
                if restart and number in cuts:
                    self.restart()
            if isinstance(step, int):
                self.tick(step)
                if restart and number in cuts:
                    self.restart()
            else:
                batch.append(step)
        if batch:
            self.feed(batch)

    def _built(self) -> Engine:
        states = tuple(self.states.values())
        engine = Engine.build(self.plant, states=states, last=self.last, started=START)
        replay_groups(engine, self.stored)
        return engine

    def _commit(self, proposal: Proposal) -> None:
        for state in proposal.states:
            self.states[state.key, state.rule] = state
        for key in proposal.gone:
            del self.states[key]
        self.events += proposal.events
        self.engine.adopt(proposal)

    def standing(self) -> dict[tuple[str, str], ChannelState]:
        """Leave out the pasts: how long one is kept after a rest depends on what a batch held."""
        return {slot: state for slot, state in self.states.items() if slot[1] not in (STATE, PAST)}

    def limits(self) -> dict[str, np.ndarray]:
        """Return the standing limit columns."""
        standing = self.engine._standing
        return {"phase": standing.phase, "t0": standing.t0, "peak": standing.peak}
