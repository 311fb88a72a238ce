"""The law of late readings for peers: in the end all is as if every reading had come in order."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import ProcessEvent
from alarms.engine import ChannelState, Engine, LastReadings, Proposal
from alarms.memory import Part, Recollection, Rota
from alarms.peer_sensors import COPIED, DRIFT, PeerSensors
from alarms.readings import BEHIND, FAR, Quality, Readings, parted
from alarms.wording import LATE_US
from fengsui.backtest.clockwork import Clockwork, Known
from tests.unit.plants import SECOND, START, plant, point
from tests.unit.sensor_streams import Signal, columns, engine_of
from tests.unit.tried import tried

STEP_S = 20
ROUNDS = 1110
SENSORS = 6
PLANT = plant([point(f"P{i}", range=(0, 12), detect=("sensor",)) for i in range(SENSORS)])
Told = tuple[str, str, str, int, str]


class Run(Clockwork):
    """Takes readings as they come, in batches, and keeps what the record would."""

    def __init__(self) -> None:
        self.events: list[ProcessEvent] = []
        self.states: dict[tuple[str, str], ChannelState] = {}
        self.stored: list[Readings] = []
        self.parts: list[Part] = []
        self._known = Known(SENSORS)
        super().__init__(engine_of(PLANT), lambda events, _: self.events.extend(events), started=0)

    @property
    def peers(self) -> PeerSensors:
        """The family in question."""
        return self.engine._families.peers

    def batch(self, readings: Readings) -> None:
        """Bring readings into the record, in order of receipt; what is there already is no news."""
        fresh, late = parted(readings, self.engine.last, bound=LATE_US)
        news = readings.take(fresh)
        self._known.add(news)
        identities = zip(late.point.tolist(), late.time.tolist(), strict=True)
        met = [self._known.met(row, time) for row, time in identities]
        proposals = [self.engine.judge(news, now=int(readings.received[-1]), behind=late.point)]
        late = late.take(~np.array(met, np.bool_))
        self._recent.add(news, self.engine)
        wanted = self.engine.around(late, proposals[0])
        near = self._recent.around(wanted.readings)
        proposals.append(self.engine.judge_late(late, near, wanted, proposals[0]))
        self._recent.add(late.take((late.quality & FAR) == 0), self.engine)
        self.stored += [news, replace(late, quality=late.quality | np.int16(BEHIND))]
        self._commit(proposals, int(readings.received[-1]))

    def _commit(self, proposals: Sequence[Proposal], now: int) -> None:
        super()._commit(proposals, now)
        for proposal in proposals:
            self.states |= {(state.key, state.rule): state for state in proposal.states}
            for key in proposal.gone:
                self.states.pop(key, None)

    def save(self) -> None:
        """Keep what was learned."""
        now = int(self.engine.newest.received.max())
        self.parts = list(Rota(self.engine, now=now, fresh=True).due(now, stored=0))

    def restart(self) -> None:
        """Forget everything but the record."""
        newest = self.engine.newest
        self.engine = Engine.build(
            PLANT, states=self.states.values(), last=LastReadings.never(SENSORS), started=START
        )
        recollection = Recollection(self.engine)
        for part in self.parts:
            recollection.put(part)
        recollection.meet(newest)
        since = recollection.since()
        stored = Readings.joined(self.stored)
        stored = stored.take(((stored.quality & FAR) == 0) & (stored.time > since[stored.point]))
        minute = stored.time // (60 * SECOND)
        for each in np.unique(minute):
            block = stored.take(minute == each)
            recollection.learn(block.take(np.lexsort((block.time, block.point))))
        np.testing.assert_array_equal(self.engine.newest.time, newest.time)
        self.engine.newest.records[:] = newest.records
        self.engine.settle()


def stream(seed: int, faults: list[tuple[int, int, int]]) -> Readings:
    """Draw peers that move together, with faults of (sensor, round from which on, kind)."""
    random = np.random.default_rng(seed)
    process = 6 + 2 * np.sin(np.arange(ROUNDS) / 40)[:, None]
    signal: Signal = np.round(process + random.normal(0, 0.01, (ROUNDS, SENSORS)), 3)
    quality = np.zeros(signal.shape, np.int16)
    for who, first, kind in faults:
        span = slice(first, first + 300)
        match kind:
            case 0:
                signal[span, who] = signal[span, (who + 1) % SENSORS] + 0.25
            case 1:
                signal[first:, who] += 0.002 * np.arange(ROUNDS - first)
            case 2:
                quality[first : first + 4, who] = Quality.calibrating
            case 3:
                quality[first : first + 9, who] = Quality.bad
            case 8:
                signal[span, who] = signal[span, who - 3] + 0.25
            case _:
                signal[first : first + 7 * (kind - 3), who] = np.nan
    return columns(signal, step_s=STEP_S, quality=quality)


FAULTS = st.lists(
    st.tuples(st.integers(0, SENSORS - 1), st.integers(5, ROUNDS - 10), st.integers(0, 8)),
    max_size=5,
)
DRIFTING = st.tuples(st.integers(0, SENSORS - 1), st.integers(905, 950), st.just(1))
STREAMS = st.builds(
    stream,
    st.integers(0, 50),
    st.one_of(FAULTS, st.builds(lambda drift, others: [drift, *others], DRIFTING, FAULTS)),
)
CUTS = st.integers(40, 400)


def as_it_came(readings: Readings, seed: int, share: float, worst_s: int) -> Readings:
    """Return readings as they may come: a share of them late, some of them twice."""
    random = np.random.default_rng(seed)
    many = len(readings)
    twice = np.flatnonzero(random.random(many) < share / 4)
    whole = readings.take(np.concatenate([np.arange(many), twice]))
    delay = random.integers(0, worst_s * SECOND, len(whole), endpoint=True)
    received = whole.time + np.where(random.random(len(whole)) < share, delay, 0)
    order = np.argsort(received, kind="stable")
    return replace(whole.take(order), received=received[order])


def batches(readings: Readings, seed: int, most: int) -> list[Readings]:
    random = np.random.default_rng(seed)
    borders = [0]
    while borders[-1] < len(readings):
        borders.append(min(borders[-1] + int(random.integers(1, most + 1)), len(readings)))
    return [readings.take(np.arange(*each)) for each in pairwise(borders)]


def outlined(run: Run) -> list[Told]:
    return sorted(
        (each.subject.key, each.rule, each.change.value, each.t_change, each.message_zh)
        for each in run.events
        if each.rule in (COPIED, DRIFT)
    )


def standing(run: Run) -> dict[tuple[str, str], ChannelState]:
    return {key: state for key, state in run.states.items() if key[1] in (COPIED, DRIFT)}


def same(one: Run, other: Run) -> None:
    assert outlined(one) == outlined(other)
    assert standing(one) == standing(other)
    assert one.peers.memory.tobytes() == other.peers.memory.tobytes()


@given(STREAMS, st.integers(0, 99), st.sampled_from([0.05, 0.3, 1.0]), CUTS)
@tried(15)
def test_in_whatever_order_and_batches_readings_come_peers_say_what_they_do_in_order(
    readings: Readings, seed: int, share: float, most: int
) -> None:
    ordered, came = Run(), Run()
    ordered.batch(readings)
    for batch in batches(as_it_came(readings, seed, share, 60), seed, most):
        came.batch(batch)
    same(came, ordered)


@given(STREAMS, st.integers(0, 99), st.sampled_from([0.05, 0.3]), CUTS)
@tried(15)
def test_a_restart_between_late_readings_changes_nothing_that_peers_say(
    readings: Readings, seed: int, share: float, most: int
) -> None:
    straight, restarted = Run(), Run()
    random = np.random.default_rng(seed)
    for batch in batches(as_it_came(readings, seed, share, 60), seed, most):
        straight.batch(batch)
        restarted.batch(batch)
        if random.random() < 0.1:
            restarted.save()
        if restarted.parts and random.random() < 0.1:
            restarted.restart()
            assert restarted.peers.memory.tobytes() == straight.peers.memory.tobytes()
    same(restarted, straight)


def test_a_copying_sensor_is_found_though_a_tenth_of_all_readings_comes_late() -> None:
    readings = as_it_came(stream(1, [(2, 100, 0)]), 1, 0.1, 30)
    run = Run()
    for batch in batches(readings, 1, 100):
        run.batch(batch)
    found = [(each.subject.point, each.rule, each.change.value) for each in run.events]
    assert ("P3", COPIED, "raised") in found
