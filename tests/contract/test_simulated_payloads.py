"""What simulated gateways send is read by the server's decoder to the last reading."""

import pytest

from alarms.readings import HISTORY, Quality
from ingest.decoders import native
from simulators import scenarios
from simulators.readings import Form, Message, payload
from simulators.scenario import Running

NOW = 1_763_712_000_000_000


@pytest.mark.parametrize("name", sorted(scenarios.SCENARIOS))
def test_every_message_of_a_scenario_is_read_without_a_reject(name: str) -> None:
    scenario = scenarios.named(name)
    forms = {device.id: device.form for device in scenario.devices}
    running = Running(scenario, speed=5.0)
    for second in range(60):
        for seq, message in enumerate(running.tick(NOW // 1000 + second * 1000)):
            decoded = native.decode(payload(message, forms[message.gateway], seq), NOW)
            assert not decoded.refused
            assert decoded.tags == list(message.tags)
            assert decoded.values == [float(value or 0) for value in message.values]
            assert set(decoded.stamps) == {message.ts_ms * 1000}
            assert decoded.sequence == [seq]


@pytest.mark.parametrize("form", ["values", "rows", "single"])
def test_stored_readings_are_read_as_history(form: Form) -> None:
    stored = Message(gateway="g", ts_ms=1, tags=("A", "B"), values=[1.0, 2.0], history=True)
    decoded = native.decode(payload(stored, form, 0), NOW)
    assert all(mark & HISTORY for mark in decoded.marks)


@pytest.mark.parametrize("form", ["values", "rows", "single"])
def test_a_value_past_the_range_is_read_as_over_range(form: Form) -> None:
    marked = Message(gateway="g", ts_ms=1, tags=("A",), values=[100.0], marks={0: "over_range"})
    decoded = native.decode(payload(marked, form, 0), NOW)
    assert [mark & 0xFF for mark in decoded.marks] == [Quality.over_range]


@pytest.mark.parametrize("form", ["values", "rows", "single"])
def test_a_value_spoilt_by_the_nan_fault_is_refused_by_name(form: Form) -> None:
    spoilt = Message(gateway="g", ts_ms=1, tags=("A", "B"), values=["NaN", 2.0])
    decoded = native.decode(payload(spoilt, form, 0), NOW)
    assert [(reason, tag) for reason, tag in decoded.refused] == [("bad_value", "A")]
    assert decoded.tags == ["B"]
