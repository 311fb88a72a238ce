"""A sensor that repeats one of its group far from it, and sound ones that only look like that."""

from typing import Any

import numpy as np
import pytest

from alarms.alarm import ProcessEvent, Transition
from alarms.detectors import copying
from alarms.engine import ChannelState, Engine, LastReadings
from alarms.peer_sensors import COPIED, PeerSensors
from alarms.plant import Plant
from tests.unit.plants import START, plant, point
from tests.unit.sensor_streams import Signal, columns, engine_of, events_of

STEP_S = 10
MINUTES = 60 // STEP_S
STARTS, ENDS = 200 * MINUTES, 600 * MINUTES


def yard(sensors: int, *, others: str = "") -> Plant:
    """Return a plant of one unit; `others` makes all tags but the last others."""
    tags = [f"P{i}" if i == sensors - 1 else f"{others}P{i}" for i in range(sensors)]
    flow: dict[str, Any] = {
        "quantity": "flow",
        "engineering_unit": "m3/h",
        "range": (0, 12),
        "detect": ("sensor",),
    }
    return plant([point(tag, name=tag, **flow) for tag in tags])


def flows(sensors: int, minutes: int, noise: float = 0.006, grain: float = 0.001) -> Signal:
    random = np.random.default_rng(sensors)
    rounds = minutes * MINUTES
    process = 6 + 2 * np.sin(np.arange(rounds) / 60)[:, None]
    apart = random.uniform(0, 0.1, sensors)
    signal: Signal = process + apart + random.normal(0, noise, (rounds, sensors))
    return np.round(signal / grain) * grain


def copies(engine: Engine, signal: Signal, batch: int = 5000) -> list[ProcessEvent]:
    events = events_of(engine, columns(signal, step_s=STEP_S), batch)
    return [event for event in events if event.rule == COPIED]


def told(events: list[ProcessEvent]) -> list[tuple[str | None, str]]:
    return [(event.subject.point, event.change.value) for event in events]


def peers_of(engine: Engine) -> PeerSensors:
    return engine._families.peers


@pytest.mark.parametrize(("sensors", "copy", "original"), [(6, 4, 1), (9, 7, 1), (150, 149, 9)])
def test_a_copy_of_any_sensor_of_the_group_is_found_and_returns_when_it_is_itself_again(
    sensors: int, copy: int, original: int
) -> None:
    signal = flows(sensors, 760)
    signal[STARTS:ENDS, copy] = signal[STARTS:ENDS, original] + 0.5
    found = copies(engine_of(yard(sensors)), signal)
    assert told(found) == [(f"P{copy}", "raised"), (f"P{copy}", "returned")]
    minutes = [(event.t_change - START) / 60e6 for event in found]
    assert 200 + copying.TWIN_CHANGES < minutes[0] < 300
    assert 600 < minutes[1] < 720


def test_in_whatever_batches_whom_a_sensor_copies_is_told_the_same() -> None:
    signal = flows(9, 1200)
    for original, begins, ends in ((1, 200, 400), (2, 700, 1000)):
        span = slice(begins * MINUTES, ends * MINUTES)
        signal[span, 7] = signal[span, original] + 0.5
    brief, whole = (copies(engine_of(yard(9)), signal, batch) for batch in (90, 10**6))
    assert brief == whole
    raised = [event.message_zh for event in whole if event.change is Transition.raised]
    assert [name in text for name, text in zip(("P1", "P2"), raised, strict=True)] == [True, True]


def test_a_copy_is_found_though_the_sensor_is_silent_every_fifth_minute() -> None:
    signal = flows(9, 600)
    signal[STARTS:, 7] = signal[STARTS:, 1] + 0.5
    signal[np.arange(len(signal)) // MINUTES % 5 == 0, 7] = np.nan
    assert told(copies(engine_of(yard(9)), signal)) == [("P7", "raised")]


def test_coarse_sensors_of_one_calm_process_have_no_twins() -> None:
    """Their offsets alone tell them apart, and among many some have nearly the same."""
    engine = engine_of(yard(40))
    copies(engine, flows(40, 1500, noise=0.0, grain=0.1))
    memory = peers_of(engine).memory
    assert (memory["twin_changes"] > copying.TWIN_CHANGES).sum() > 5
    assert not memory["twin_state"].any()


@pytest.mark.parametrize("original", [1, 5])
def test_a_copy_whose_original_is_registered_no_more_returns(original: int) -> None:
    """Be it a peer or a twin."""
    signal = flows(12, 600)
    signal[STARTS:, 11] = signal[STARTS:, original] + 0.5
    before = engine_of(yard(12))
    assert told(copies(before, signal[: 400 * MINUTES])) == [("P11", "raised")]
    open_since = {"t": START, "quiet": 0}
    state = ChannelState(key="DY-CHEM-01/P11", rule=COPIED, process=open_since)
    after = Engine.build(
        yard(12, others="N"), states=[state], last=LastReadings.never(12), started=START
    )
    peers_of(after).memory[:] = peers_of(before).memory
    later = flows(12, 600)
    later[: 400 * MINUTES] = np.nan
    found = copies(after, later)
    assert told(found) == [("P11", "returned")]
    assert (found[0].t_change - START) / 60e6 < 400 + 65
