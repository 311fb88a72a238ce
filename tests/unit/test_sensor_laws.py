"""The laws of sensor alarms: batches, restarts, arrival order and compiling make no difference."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import ProcessEvent, Transition
from alarms.authenticity import Authenticity
from alarms.detectors import peer_memory, peers, sensor_faults
from alarms.engine import ChannelState, Engine, LastReadings
from alarms.family import HearsAll
from alarms.peer_sensors import PeerSensors
from alarms.proposal import holds, judgeable
from alarms.readings import Quality, Readings
from tests.unit.plants import SECOND, START, plant, point
from tests.unit.sensor_streams import Signal, columns, engine_of, events_of, told
from tests.unit.tried import tried

BRISK: dict[str, Any] = {"params": {"sensor": {"hold_s": 120, "learn_s": 60}}, "period_s": 10.0}
POINTS = (
    point("A", limits={"h": 9.0}, range=(0, 12), **BRISK),
    point("B", limits={"h": 9.0}, range=(0, 12), **BRISK),
    point("C", range=(0, 12), **BRISK),
    point("D", quantity="methane", engineering_unit="%CH4", limits={"h": 7.0}, **BRISK),
    point("V", quantity="valve_state", engineering_unit="1"),
)
ROUNDS = 700


def stream(seed: int, faults: list[tuple[int, int, int]]) -> Readings:
    """Draw five points' readings with faults of (point, round from which on, kind)."""
    random = np.random.default_rng(seed)
    process = 5.0 + 2.0 * np.sin(np.arange(ROUNDS) / 40)[:, None]
    signal: Signal = np.round(process + random.normal(0, 0.05, (ROUNDS, len(POINTS))), 3)
    quality = np.zeros(signal.shape, np.int16)
    for who, first, kind in faults:
        span = slice(first, first + 150)
        match kind:
            case 0:
                signal[span, who] = signal[first, who]
            case 1:
                signal[first : first + 40 : 9, who] += 3.0
            case 2:
                signal[span, who] = signal[span, (who + 1) % len(POINTS)] + 0.25
            case 3:
                signal[span, who] = np.minimum(signal[span, who], 6.9)
            case 4:
                signal[span, who] = np.linspace(8, 10, 150)
                signal[first + 80 : first + 150, who] = 4.0
            case 5:
                quality[span, who] = Quality.calibrating
            case 6:
                quality[span, who] = Quality.bad
            case 7:
                signal[span, who] = 12.0
            case _:
                signal[span, who] = np.nan
    return columns(signal, step_s=10, quality=quality)


STREAMS = st.builds(
    stream,
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(0, 4), st.integers(210, 540), st.integers(0, 8)), max_size=5),
)
CUTS = st.lists(st.integers(1, 3400), max_size=6)


def families(engine: Engine) -> tuple[Authenticity, PeerSensors]:
    own = next(one for one in engine._families if isinstance(one, Authenticity))
    return own, next(one for one in engine._families if isinstance(one, PeerSensors))


def remembering(engine: Engine) -> tuple[Authenticity | PeerSensors, ...]:
    return families(engine)


def fed(readings: Readings) -> Signal:
    """Return values as they are learned from: NaN under calibration, infinite where they hold."""
    held = np.where(holds(readings.quality), np.inf, readings.value)
    value: Signal = np.where(readings.quality == Quality.calibrating, np.nan, held)
    return value


class Run:
    """Feeds an engine in batches and keeps what the record and the memory's keeper would."""

    def __init__(self) -> None:
        self.plant = plant(POINTS)
        self.engine = engine_of(self.plant)
        self.events: list[ProcessEvent] = []
        self.states: dict[tuple[str, str], ChannelState] = {}

    def feed(self, readings: Readings) -> None:
        if len(readings) == 0:
            return
        proposal = self.engine.judge(readings, now=int(readings.received[-1]))
        self.engine.adopt(proposal)
        sensor = [event for event in proposal.events if event.rule.startswith("sensor.")]
        self.events += sensor
        self.states |= {(state.key, state.rule): state for state in proposal.states}
        for key in proposal.gone:
            del self.states[key]

    def restart(self, saved: list[Any], since: Readings) -> None:
        """Build the engine anew from states, memory saved earlier and the readings since."""
        states = tuple(self.states.values())
        last = self.engine.newest
        self.engine = Engine.build(self.plant, states=states, last=last, started=START)
        value = fed(since)
        judged = judgeable(since) | (since.quality == Quality.calibrating)
        for family, memory in zip(remembering(self.engine), saved, strict=True):
            heard = judged | holds(since.quality) if isinstance(family, HearsAll) else judged
            family.memory[:] = memory
            family.replay(since.point[heard], since.time[heard], value[heard])

    def sensor_states(self) -> dict[tuple[str, str], ChannelState]:
        return {key: state for key, state in self.states.items() if "sensor." in key[1]}


def ran(readings: Readings, cuts: list[int], *, restart: bool = False) -> Run:
    """Feed readings, cut between messages."""
    run = Run()
    times = [readings.time[cut] for cut in cuts if cut < len(readings)]
    places = sorted({0, len(readings), *np.searchsorted(readings.time, times).tolist()})
    saved, since = [one.memory.copy() for one in remembering(run.engine)], 0
    for number, (first, end) in enumerate(pairwise(places)):
        run.feed(readings.take(np.arange(first, end)))
        if restart:
            run.restart(saved, readings.take(np.arange(since, end)))
            if number % 2:
                saved, since = [one.memory.copy() for one in remembering(run.engine)], end
    return run


@given(STREAMS, CUTS)
@tried(15)
def test_however_a_stream_is_cut_sensor_alarms_and_memory_are_the_same(
    readings: Readings, cuts: list[int]
) -> None:
    whole, cut = ran(readings, []), ran(readings, cuts)
    assert cut.events == whole.events
    assert cut.sensor_states() == whole.sensor_states()
    for one, other in zip(remembering(cut.engine), remembering(whole.engine), strict=True):
        assert one.memory.tobytes() == other.memory.tobytes()


@given(STREAMS, CUTS)
@tried(15)
def test_a_restart_with_saved_memory_and_what_followed_changes_nothing(
    readings: Readings, cuts: list[int]
) -> None:
    straight, restarted = ran(readings, cuts), ran(readings, cuts, restart=True)
    assert [_bare(event) for event in restarted.events] == [_bare(e) for e in straight.events]
    assert restarted.sensor_states() == straight.sensor_states()


@given(STREAMS)
@tried(15)
def test_sensor_alarms_raise_and_return_in_turn(readings: Readings) -> None:
    standing: dict[tuple[str, str], int] = {}
    for event in ran(readings, []).events:
        key = event.subject.key, event.rule
        if event.change is Transition.raised:
            assert key not in standing
            standing[key] = event.t_change
        else:
            assert event.t_change > standing.pop(key)


def _bare(event: ProcessEvent) -> tuple[str, str, str, int, str]:
    return event.subject.key, event.rule, event.change.value, event.t_change, event.message_zh


@given(STREAMS)
@tried(6)
def test_compiled_and_plain_kernels_give_the_same_bits(readings: Readings) -> None:
    own, among = families(engine_of(plant(POINTS)))
    value = fed(readings)
    results = []
    for walk in (sensor_faults.walk, sensor_faults.walk.py_func):  # type: ignore[attr-defined]  # numba's own
        memory, room = own.memory.copy(), np.zeros(2 * len(readings), sensor_faults.FINDING)
        raised, quiet = own._raised.copy(), own._quiet.copy()
        slots = own.place_of[readings.point]
        count = walk(
            memory, own._bounds, own._bound_of, raised, quiet, slots, readings.time, value, room
        )
        results.append((count, memory.tobytes(), raised.tobytes(), quiet.tobytes(), room.tobytes()))
    assert results[0] == results[1]
    among_results = []
    for walk in (peers.walk, peers.walk.py_func):  # type: ignore[attr-defined]  # numba's own
        memory, room = among.memory.copy(), np.zeros(4 * len(readings), peers.FINDING)
        groups = among._groups.copy()
        peer_memory.find(groups, memory)
        count, _ = walk(
            memory,
            groups,
            among._group_of,
            among._width,
            among._names,
            np.where(np.isinf(value), -1, among._slot_of[readings.point]).astype(np.int32),
            readings.time,
            value,
            0,
            room,
        )
        among_results.append((count, memory.tobytes(), groups.tobytes(), room.tobytes()))
    assert among_results[0] == among_results[1]


def level(hours: float, points: int = 4) -> Signal:
    random = np.random.default_rng(5)
    rounds = round(hours * 360)
    process = 6 + 2 * np.sin(np.arange(rounds) / 60)[:, None]
    return np.round(process + random.normal(0, 0.006, (rounds, points)), 3)


def tank(points: int = 4) -> Engine:
    return engine_of([point(f"P{i}", range=(0, 12)) for i in range(points)])


@pytest.mark.parametrize("lag_s", [-240, -20, 20, 240])
def test_the_order_in_which_peers_arrive_changes_nothing(lag_s: int) -> None:
    signal = level(16)
    signal[3600:, 0] += 0.0003 * np.arange(len(signal) - 3600)
    signal[3600:, 1] = signal[3600:, 2] + 0.1
    readings = columns(signal, step_s=10)
    received = readings.time + np.where(readings.point == 0, lag_s, 0) * SECOND
    order = np.argsort(received, kind="stable")
    here, there = (
        sorted(
            one
            for one in told(events_of(tank(), stream_))
            if one[0] in ("sensor.copied", "sensor.drift")
        )
        for stream_ in (readings, readings.take(order))
    )
    assert here
    assert here == there


def test_a_copied_sensor_names_whom_it_copies_and_returns_when_it_is_itself_again() -> None:
    signal = level(12)
    sound = signal[2700:, 3].copy()
    signal[1800:, 3] = signal[1800:, 1] + 0.3
    signal[2700:, 3] = sound
    found = [e for e in events_of(tank(), columns(signal, step_s=10)) if e.rule == "sensor.copied"]
    assert [(e.subject.point, e.change.value) for e in found] == [
        ("P3", "raised"),
        ("P3", "returned"),
    ]
    assert "的变化与 1 号液氨球罐 液位 完全相同，两者之一疑似复制" in found[0].message_zh


def test_two_coarse_sensors_on_one_steady_ramp_do_not_copy_each_other() -> None:
    ramp = np.floor(np.arange(600) / 2) * 0.01
    signal = np.repeat(2.0 + ramp[:, None], 2, axis=1)
    points = [point(f"P{i}", range=(0, 12), period_s=60.0) for i in range(2)]
    assert told(events_of(engine_of(points), columns(signal, step_s=30))) == []


def test_a_sensor_that_drifts_from_its_peers_is_told_of_and_the_peers_are_not() -> None:
    signal = level(16)
    signal[3600:, 2] -= 0.0003 * np.arange(len(signal) - 3600)
    found = [e for e in events_of(tank(), columns(signal, step_s=10)) if e.rule == "sensor.drift"]
    assert [(e.subject.point, e.change.value) for e in found] == [("P2", "raised")]
    assert "偏低了" in found[0].message_zh


def test_of_two_that_disagree_nobody_is_said_to_drift() -> None:
    signal = level(16, 2)
    signal[3600:, 1] -= 0.0003 * np.arange(len(signal) - 3600)
    found = events_of(tank(2), columns(signal, step_s=10))
    assert [e for e in found if e.rule == "sensor.drift"] == []


def test_a_calibration_that_moves_a_sensors_zero_is_no_drift() -> None:
    signal, quality = level(20), np.zeros((7200, 4), np.int16)
    quality[3600:3690, 2] = Quality.calibrating
    signal[3690:, 2] += 0.2
    found = events_of(tank(), columns(signal, step_s=10, quality=quality))
    assert [e for e in found if e.rule == "sensor.drift"] == []


def test_a_sensor_whose_rule_was_taken_away_while_it_was_in_alarm_returns() -> None:
    state = ChannelState(
        key="DY-CHEM-01/A", rule="sensor.flat_line", process={"t": START, "quiet": 0}
    )
    made = plant([point("A", detect=("limit",))])
    last = LastReadings.never(1)
    engine = Engine.build(made, states=[state], last=last, started=START)
    proposal = engine.judge(columns(np.full((1, 1), 5.0), step_s=10), now=START)
    assert [(e.rule, e.change.value) for e in proposal.events] == [("sensor.flat_line", "returned")]
    assert proposal.gone == (("DY-CHEM-01/A", "sensor.flat_line"),)
