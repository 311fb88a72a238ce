"""Stories of single sensors: what gives a fault away, and what must not be taken for one."""

from typing import Any

import numpy as np
import pytest

from alarms.alarm import ProcessEvent, Tier
from alarms.readings import Quality
from tests.unit.plants import point
from tests.unit.sensor_streams import Signal, columns, engine_of, events_of, raised, told

HOUR = 360
"""Readings an hour, at 10 s."""
GAS: dict[str, Any] = {
    "quantity": "methane",
    "engineering_unit": "%CH4",
    "name": "甲烷 T1",
    "range": (0, 4),
    "limits": {"h": 1.0, "hh": 1.5},
}
PRESSURE: dict[str, Any] = {
    "quantity": "pressure",
    "engineering_unit": "MPa",
    "name": "压力",
    "range": (0, 2.5),
}


def noise(hours: float, *, mean: float = 0.4, sigma: float = 0.02, digits: int = 2) -> Signal:
    draws = np.random.default_rng(3).normal(mean, sigma, round(hours * HOUR))
    return np.round(draws, digits)[:, None]


def events(
    signal: Signal, settings: dict[str, Any], *, quality: Any = None, tag: str = "A"
) -> list[ProcessEvent]:
    readings = columns(signal, step_s=10, quality=quality)
    return events_of(engine_of([point(tag, **settings)]), readings)


def rules(found: list[ProcessEvent]) -> list[str]:
    return [event.rule for event in raised(found)]


def test_a_sound_sensor_raises_nothing() -> None:
    assert told(events(noise(24), GAS)) == []


def test_a_stuck_sensor_is_flat_and_the_words_say_since_when_against_which_habit() -> None:
    signal = noise(6)
    signal[4 * HOUR :] = signal[4 * HOUR - 1]
    (alarm,) = raised(events(signal, GAS))
    assert (alarm.rule, alarm.tier) == ("sensor.flat_line", Tier.blue)
    assert "甲烷 T1 读数 10 分钟未变化（此前最长 50 秒），疑似卡死" in alarm.message_zh
    assert "unchanged for 10 min (longest so far 50 s), possibly stuck" in alarm.message_en


def test_a_stuck_sensor_that_moves_again_for_ten_minutes_returns_once() -> None:
    signal = noise(8)
    signal[4 * HOUR : 5 * HOUR] = signal[4 * HOUR - 1]
    found = told(events(signal, GAS))
    assert [change for _, change, _ in found] == ["raised", "returned"]
    assert found[1][2] - 5 * 3600 == pytest.approx(600, abs=20)


@pytest.mark.parametrize(
    ("quantity", "unit"), [("level", "m"), ("temperature", "℃"), ("pressure", "MPa")]
)
def test_a_tank_that_stands_still_for_days_after_filling_is_not_stuck(
    quantity: str, unit: str
) -> None:
    filling = np.round(2.0 + np.arange(6 * HOUR) / 3000 + 0.002 * np.sin(np.arange(6 * HOUR)), 2)
    signal = np.r_[filling, np.full(72 * HOUR, filling[-1])][:, None]
    assert told(events(signal, {"quantity": quantity, "engineering_unit": unit})) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"quantity": "valve_state", "engineering_unit": "1", "range": (0, 1)},
        {"quantity": "equipment_state", "engineering_unit": "1", "range": (0, 1)},
        {"quantity": "feeder_state", "engineering_unit": "1"},
        {"quantity": "air_door", "engineering_unit": "1"},
        {"quantity": "power", "engineering_unit": "1", "range": (0, 1)},
        {"quantity": "smoke", "engineering_unit": "1", "range": (0, 1)},
    ],
)
def test_what_only_switches_is_not_watched(settings: dict[str, Any]) -> None:
    switched = np.random.default_rng(1).integers(0, 2, 3 * HOUR).astype(float)
    signal = np.r_[switched, np.full(24 * HOUR, 1.0)][:, None]
    assert told(events(signal, settings)) == []


def test_a_detector_in_clean_air_may_show_nought_for_months() -> None:
    puffs = np.clip(noise(6, mean=5.0, sigma=1.0, digits=1), 0, None)
    signal = np.r_[puffs, np.zeros((48 * HOUR, 1))]
    settings = {"quantity": "combustible_gas", "engineering_unit": "%LEL", "range": (0, 100)}
    assert told(events(signal, settings)) == []


def test_noise_that_nought_cuts_off_has_not_vanished() -> None:
    zero = 0.4 * np.cos(np.arange(24 * HOUR) / 1500)
    draws = np.random.default_rng(4).normal(0, 0.2, 24 * HOUR)
    signal = np.array(np.round(np.maximum(zero + draws, 0.0), 2), np.float64)[:, None]
    signal[20 * HOUR :] = np.where(np.arange(4 * HOUR) % 40 == 0, 0.05, 0.0)[:, None]
    settings = {"quantity": "combustible_gas", "engineering_unit": "%LEL", "range": (0, 100)}
    assert told(events(signal, settings)) == []


def test_a_sensor_that_comes_back_from_the_end_of_its_range_has_its_noise_still() -> None:
    signal = noise(8, mean=5.0, sigma=0.1)
    cloud = np.zeros(len(signal))
    for first in (20, 4 * HOUR):
        cloud[first : first + 150] = 60.0
    fades = np.exp(-np.arange(900) / 20.0)
    signal[:, 0] += np.convolve(cloud, fades / fades.sum())[: len(signal)]
    benzene = {"quantity": "toxic_gas", "engineering_unit": "mg/m³", "range": (0, 30)}
    found = events(np.minimum(np.round(signal, 2), 30.0), benzene | {"limits": {"h": 20}})
    assert told(found) == []


def test_one_value_out_and_back_is_a_spike_that_returns_after_a_quiet_while() -> None:
    signal = noise(6)
    signal[4 * HOUR] += 0.5
    found = told(events(signal, GAS))
    assert found == [
        ("sensor.spike", "raised", 4 * 3600 + 10),
        ("sensor.spike", "returned", 4 * 3600 + 10 + 10 + 600),
    ]


def test_spikes_in_one_train_are_one_alarm() -> None:
    signal = noise(6)
    signal[4 * HOUR : 4 * HOUR + 120 : 40] += 0.5
    assert [change for _, change, _ in told(events(signal, GAS))] == ["raised", "returned"]


def test_spikes_that_always_were_are_a_habit() -> None:
    signal = noise(12)
    signal[5::50] += 0.5
    assert told(events(signal, GAS)) == []


def test_a_step_of_the_process_is_no_spike() -> None:
    signal = noise(6, mean=1.0)
    signal[4 * HOUR :] += 0.5
    assert told(events(signal, PRESSURE)) == []


def test_noise_that_vanishes_and_noise_that_grows_are_told_apart() -> None:
    signal = noise(10, mean=1.2, sigma=0.004, digits=4)
    fainter, wilder = signal.copy(), signal.copy()
    fainter[6 * HOUR :] = 1.2 + (fainter[6 * HOUR :] - 1.2) / 40
    wilder[6 * HOUR :] = 1.2 + (wilder[6 * HOUR :] - 1.2) * 20
    (vanished,), (grown,) = (
        [e for e in raised(events(one, PRESSURE)) if e.rule == "sensor.noise"]
        for one in (fainter, wilder)
    )
    assert "波动骤减" in vanished.message_zh
    assert "波动增至" in grown.message_zh


def test_a_steep_trend_does_not_make_noise_vanish_or_grow() -> None:
    signal = noise(10, mean=0.5, sigma=0.004, digits=4)
    signal[6 * HOUR :, 0] += 0.01 * np.minimum(np.arange(4 * HOUR), 100)
    assert rules(events(signal, PRESSURE)) == []


def test_a_cloud_of_gas_may_be_as_gusty_as_it_likes() -> None:
    signal = noise(6)
    gusts = np.abs(np.random.default_rng(2).normal(0.9, 0.15, HOUR))
    signal[4 * HOUR : 5 * HOUR, 0] = np.convolve(gusts, np.ones(4) / 4, "same")
    found = events(signal, GAS)
    assert "limit.high" in {event.rule for event in found}
    assert rules(found) == []


def test_a_gust_in_thick_gas_is_no_spike() -> None:
    signal = noise(6)
    signal[4 * HOUR :] += 2.0
    signal[4 * HOUR + 30] += 0.5
    assert "sensor.spike" not in rules(events(signal, GAS))


def test_values_kept_just_under_a_limit_are_clipped() -> None:
    signal = noise(8)
    signal[5 * HOUR :] += 0.55
    (alarm,) = [
        e for e in raised(events(np.minimum(signal, 0.96), GAS)) if e.rule == "sensor.clipped"
    ]
    assert "停在 0.96 %CH4（略低于限值 1 %CH4），疑似被限幅" in alarm.message_zh


def test_values_kept_far_below_the_limit_are_not_called_clipped() -> None:
    assert "sensor.clipped" not in rules(events(np.minimum(noise(8), 0.41), GAS))


def test_oxygen_is_clipped_above_its_low_limit() -> None:
    signal = noise(8, mean=20.7, sigma=0.08)
    signal[5 * HOUR :] -= 1.05
    oxygen = {"quantity": "oxygen", "engineering_unit": "%VOL", "range": (0, 30)}
    found = events(np.maximum(signal, 19.6), oxygen | {"limits": {"l": 19.5, "h": 23.5}})
    assert "sensor.clipped" in rules(found)


def risen(hours: float = 6) -> Signal:
    signal = noise(hours)
    signal[4 * HOUR :, 0] += 0.9 * np.minimum(np.arange(len(signal) - 4 * HOUR) / 200, 1)
    return signal


@pytest.mark.parametrize("with_noise", [False, True])
def test_a_sensor_that_recovers_the_moment_it_alarms_is_told_of(with_noise: bool) -> None:
    signal = risen()
    first = int(np.flatnonzero(signal[:, 0] >= 1.0)[0]) + 1
    signal[first:] = noise(6)[first:] if with_noise else 0.4
    found = events(signal, GAS)
    alarm = raised(found)[0]
    assert alarm.rule == "sensor.recovered"
    assert "并停住，未见应有的消退过程，疑似人为恢复" in alarm.message_zh
    assert [e.change.value for e in found if e.rule == "limit.high"] == ["raised", "returned"]


def test_gas_that_really_clears_has_not_been_made_to_recover() -> None:
    signal = noise(6)
    cloud = np.zeros(len(signal))
    cloud[4 * HOUR : 4 * HOUR + 60] = 1.0
    fades = np.exp(-np.arange(200) / 4.0)
    signal[:, 0] += np.convolve(cloud, fades / fades.sum())[: len(signal)]
    found = events(np.round(signal, 2), GAS)
    assert [e.change.value for e in found if e.rule == "limit.high"] == ["raised", "returned"]
    assert rules(found) == []


def test_a_spike_past_the_limit_is_a_spike_and_raises_the_limit_too() -> None:
    signal = noise(6)
    signal[4 * HOUR] = 1.2
    found = events(signal, GAS)
    assert rules(found) == ["sensor.spike"]
    assert [e.change.value for e in found if e.rule == "limit.high"] == ["raised", "returned"]


def test_a_trip_that_stops_a_flow_at_once_is_no_recovery() -> None:
    signal = noise(6, mean=50.0, sigma=1.0)
    signal[4 * HOUR :, 0] += np.minimum(np.arange(2 * HOUR), 60)
    signal[4 * HOUR + 30 :] = 0.0
    flow = {"quantity": "flow", "engineering_unit": "m³/h", "limits": {"h": 75}, "range": (0, 200)}
    assert rules(events(signal, flow)) == []


def test_readings_under_calibration_teach_and_raise_nothing() -> None:
    signal, quality = noise(8), np.zeros((8 * HOUR, 1), np.int16)
    span = slice(5 * HOUR, 5 * HOUR + 20)
    signal[span], quality[span] = 2.0, Quality.calibrating
    assert told(events(signal, GAS, quality=quality)) == []


def test_the_step_back_after_a_calibration_is_no_spike_and_no_recovery() -> None:
    signal, quality = noise(8), np.zeros((8 * HOUR, 1), np.int16)
    for first in range(4 * HOUR, 7 * HOUR, 100):
        signal[first], quality[first] = 2.0, Quality.calibrating
    assert told(events(signal, GAS, quality=quality)) == []


def test_a_calibration_that_sets_a_sensor_back_below_its_limit_is_no_recovery() -> None:
    signal, quality = risen(8), np.zeros((8 * HOUR, 1), np.int16)
    signal[6 * HOUR :] -= 0.8
    quality[6 * HOUR - 1] = Quality.calibrating
    assert told(events(signal, GAS | {"deadband": 0.2}, quality=quality)) == []


@pytest.mark.parametrize("quality", [Quality.bad, Quality.fault, Quality.offline])
def test_silence_and_bad_readings_are_no_flat_line(quality: Quality) -> None:
    signal, marks = noise(12), np.zeros((12 * HOUR, 1), np.int16)
    span = slice(5 * HOUR, 8 * HOUR)
    signal[span], marks[span] = signal[5 * HOUR - 1], quality
    assert rules(events(signal, GAS, quality=marks)) == ["sensor.failed"]


def test_nothing_is_told_while_a_sensor_is_being_learned() -> None:
    signal = noise(0.45)
    signal[60:] = signal[59]
    assert told(events(signal, GAS)) == []


def test_a_flat_line_does_not_end_or_hide_a_limit_alarm() -> None:
    signal = risen(8)
    signal[6 * HOUR :] = 1.23
    found = events(signal, GAS | {"deadband": 0.2})
    assert [e.change.value for e in found if e.rule == "limit.high"] == ["raised"]
    assert "sensor.flat_line" in rules(found)


def test_a_point_whose_detect_leaves_sensors_out_has_no_sensor_alarm() -> None:
    signal = noise(6)
    signal[4 * HOUR :] = signal[4 * HOUR - 1]
    assert told(events(signal, GAS | {"detect": ("limit",)})) == []


def test_hold_and_learning_time_can_be_set_for_a_point() -> None:
    signal = noise(2)
    signal[HOUR:] = signal[HOUR - 1]
    settings = GAS | {"params": {"sensor": {"hold_s": 2400, "learn_s": 600}}}
    (alarm,) = raised(events(signal, settings))
    assert told([alarm])[0][2] == pytest.approx(3600 + 2400, abs=20)
