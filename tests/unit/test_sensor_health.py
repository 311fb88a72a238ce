"""Stories of sensors that say themselves that they are ill, or can show no more."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from alarms.alarm import ProcessEvent, Tier
from alarms.memory import Recollection
from alarms.readings import Quality
from tests.unit.late_streams import Server
from tests.unit.plants import at, plant, point
from tests.unit.sensor_streams import Signal, columns, engine_of, events_of, told
from tests.unit.streams import Row
from tests.unit.test_sensor_faults import GAS, HOUR, PRESSURE, events, noise, rules

HELD = (Quality.bad, Quality.fault, Quality.offline)
MINUTE = HOUR // 60


def marked(hours: float, *spans: tuple[int, int, Quality]) -> tuple[Signal, Any]:
    """Return a sound signal and its qualities, those of spans of readings changed."""
    signal = noise(hours)
    quality = np.zeros(signal.shape, np.int16)
    for first, end, mark in spans:
        quality[first:end] = mark
    return signal, quality


def said(*spans: tuple[int, int, Quality], hours: float = 2) -> list[ProcessEvent]:
    signal, quality = marked(hours, *spans)
    return events(signal, GAS, quality=quality)


@pytest.mark.parametrize("quality", HELD)
def test_a_sensor_of_no_use_for_a_minute_has_failed_until_it_is_good_for_one(
    quality: Quality,
) -> None:
    found = said((HOUR, HOUR + 60, quality))
    assert told(found) == [
        ("sensor.failed", "raised", 3600 + 60),
        ("sensor.failed", "returned", 3600 + 600 + 60),
    ]
    assert (found[0].tier, found[0].value) == (Tier.blue, None)


@pytest.mark.parametrize(
    ("quality", "zh", "en"),
    [
        (Quality.bad, "「坏质量」", '"bad"'),
        (Quality.fault, "「故障」", '"fault"'),
        (Quality.offline, "「离线」", '"offline"'),
    ],
)
def test_the_words_name_the_quality_and_for_how_long(quality: Quality, zh: str, en: str) -> None:
    alarm, back = said((10, 30, quality))
    assert f"甲烷 T1 读数质量为{zh}已 1 分钟，不参与判断" in alarm.message_zh
    assert f"of quality {en} for 1 min and are not judged" in alarm.message_en
    assert "读数恢复可用" in back.message_zh


def test_a_sensor_that_never_was_good_has_failed_too() -> None:
    assert rules(said((0, 2 * HOUR, Quality.fault))) == ["sensor.failed"]


def test_a_run_of_less_than_a_minute_is_no_failure_however_often() -> None:
    runs = [(first, first + 6, Quality.bad) for first in range(0, HOUR, 7)]
    assert told(said(*runs)) == []


def test_one_such_reading_and_then_silence_is_not_a_failure_but_a_second_one_is() -> None:
    signal, quality = marked(2, (10, 2 * HOUR, Quality.offline))
    signal[11:] = np.nan
    assert told(events(signal, GAS, quality=quality)) == []
    signal[400] = 0.4
    assert told(events(signal, GAS, quality=quality)) == [("sensor.failed", "raised", 4000)]


def test_a_failure_ends_by_good_readings_alone_and_they_must_last() -> None:
    found = said((10, 20, Quality.bad), (23, 25, Quality.offline), (25, 90, Quality.calibrating))
    assert told(found) == [("sensor.failed", "raised", 160), ("sensor.failed", "returned", 960)]


def test_calibrating_begins_the_minute_of_a_failure_anew() -> None:
    runs = ((10, 13, Quality.bad), (13, 14, Quality.calibrating), (14, 18, Quality.bad))
    assert told(said(*runs)) == []


def test_a_switch_that_says_it_is_ill_is_told_of_and_its_state_is_not() -> None:
    settings = {"quantity": "air_door", "engineering_unit": "1", "range": (0, 1)}
    signal, quality = np.ones((4 * HOUR, 1)), np.zeros((4 * HOUR, 1), np.int16)
    quality[HOUR : HOUR + 30] = Quality.fault
    assert told(events(signal, settings, quality=quality)) == [
        ("sensor.failed", "raised", 3660),
        ("sensor.failed", "returned", 3600 + 300 + 60),
    ]


def test_a_point_whose_detect_leaves_sensors_out_has_none_of_these_alarms() -> None:
    signal, quality = marked(4, (0, HOUR, Quality.fault), (HOUR, 4 * HOUR, Quality.calibrating))
    assert told(events(signal, GAS | {"detect": ("limit",)}, quality=quality)) == []


def test_a_calibration_of_two_hours_is_one_and_a_longer_one_is_overdue() -> None:
    assert told(said((HOUR, 3 * HOUR, Quality.calibrating), hours=4)) == []
    alarm, back = found = said((HOUR, 3 * HOUR + 30, Quality.calibrating), hours=4)
    assert told(found) == [
        ("sensor.calibrating", "raised", 3 * 3600),
        ("sensor.calibrating", "returned", 3 * 3600 + 300),
    ]
    assert "标校状态已持续 2 小时" in alarm.message_zh
    assert "under calibration for 2 h" in alarm.message_en
    assert "标校结束" in back.message_zh


def test_a_useless_reading_does_not_end_a_calibration_and_a_good_one_does() -> None:
    long = (HOUR, 3 * HOUR + 10, Quality.calibrating)
    assert rules(said(long, (2 * HOUR, 2 * HOUR + 3, Quality.fault), hours=4)) == [
        "sensor.calibrating"
    ]
    assert told(said(long, (2 * HOUR, 2 * HOUR + 1, Quality.good), hours=4)) == []


def at_end(value: float, *, hours: float = 2, mean: float = 1.2) -> Signal:
    """Return a signal that stands at a value from its first hour on."""
    signal = noise(hours, mean=mean)
    signal[HOUR:] = value
    return signal


def test_a_value_that_does_not_leave_the_top_of_its_range_is_told_of() -> None:
    signal = at_end(2.5, hours=4)
    signal[2 * HOUR :] = noise(2, mean=1.2)
    alarm, back = found = of_saturation(signal, PRESSURE)
    assert told(found) == [
        ("sensor.saturated", "raised", 3600 + 600),
        ("sensor.saturated", "returned", 7200 + 600),
    ]
    assert "压力 读数停在量程上限 2.5 MPa 已 10 分钟" in alarm.message_zh
    assert "at the upper end of its range, 2.5 MPa, for 10 min" in alarm.message_en
    assert "读数已离开量程端点" in back.message_zh


def of_saturation(signal: Signal, settings: dict[str, Any]) -> list[ProcessEvent]:
    return [e for e in events(signal, settings) if e.rule == "sensor.saturated"]


def test_a_sensor_dead_from_its_first_reading_on_is_told_of() -> None:
    assert told(events(np.full((HOUR, 1), 2.5), PRESSURE)) == [("sensor.saturated", "raised", 600)]


@pytest.mark.parametrize(("end", "value"), [(0.7, float(np.float32(0.7))), (1.6, 1.6)])
def test_an_end_that_single_precision_rounds_is_the_end(end: float, value: float) -> None:
    signal = at_end(value, mean=0.3)
    assert "sensor.saturated" in rules(events(signal, PRESSURE | {"range": (0, end)}))


def test_a_value_that_trembles_at_the_end_or_stands_just_inside_is_not_saturated() -> None:
    trembling, inside = at_end(2.5), at_end(2.49)
    trembling[HOUR::30] = 2.49
    assert rules(events(trembling, PRESSURE)) == []
    assert rules(events(inside, PRESSURE)) == ["sensor.flat_line"]


SUSPECT: list[tuple[str, str, tuple[float, float], float]] = [
    ("level", "m", (0, 12), 12),
    ("temperature", "℃", (-40, 80), 80),
    ("temperature", "℃", (-40, 80), -40),
    ("flow", "m³/h", (-100, 100), -100),
    ("differential_pressure", "kPa", (-1, 1), -1),
    ("wind_speed", "m/s", (0, 15), 15),
    ("humidity", "%RH", (0, 100), 0),
    ("combustible_gas", "%LEL", (0, 100), 100),
    ("oxygen", "%VOL", (0, 30), 30),
]
"""Quantity, unit, range and the end at which no value of it rests."""
AT_REST: list[tuple[str, str, tuple[float, float], float]] = [
    ("level", "m", (0, 12), 0),
    ("level", "m", (-1, 12), -1),
    ("level", "m", (0.5, 12), 0.5),
    ("pressure", "MPa", (0, 4), 0),
    ("pressure", "MPa", (-0.1, 2.4), -0.1),
    ("wind_pressure", "Pa", (-5000, 0), 0),
    ("flow", "m³/h", (0, 100), 0),
    ("flow", "m³/h", (5, 100), 5),
    ("temperature", "℃", (0, 100), 0),
    ("methane", "%CH4", (0, 4), 0),
    ("toxic_gas", "mg/m³", (0, 30), 0),
    ("oxygen", "%VOL", (0, 30), 0),
    ("humidity", "%RH", (0, 100), 100),
    ("power", "kW", (0, 500), 0),
    ("other", "%", (0, 100), 100),
    ("other", "%", (-5, 100), -5),
    ("valve_state", "%", (0, 100), 100),
    ("smoke", "1", (0, 1), 1),
]
"""Likewise, where it does."""


def standing_at(quantity: str, unit: str, ends: tuple[float, float], value: float) -> list[str]:
    settings = {"quantity": quantity, "engineering_unit": unit, "range": ends}
    return rules(events(np.full((HOUR, 1), float(value)), settings))


@pytest.mark.parametrize(("quantity", "unit", "ends", "value"), SUSPECT)
def test_where_nothing_rests_a_value_that_stays_at_the_end_is_suspect(
    quantity: str, unit: str, ends: tuple[float, float], value: float
) -> None:
    assert standing_at(quantity, unit, ends, value) == ["sensor.saturated"]


@pytest.mark.parametrize(("quantity", "unit", "ends", "value"), AT_REST)
def test_where_things_rest_a_value_may_stay_at_the_end(
    quantity: str, unit: str, ends: tuple[float, float], value: float
) -> None:
    assert standing_at(quantity, unit, ends, value) == []


@pytest.mark.parametrize("quantity", ["methane", "oxygen"])
def test_a_gas_detector_past_its_scale_is_in_gas_as_its_limit_says(quantity: str) -> None:
    signal = at_end(4.0, hours=6, mean=0.4)
    found = events(signal, GAS | {"quantity": quantity})
    assert [e.change.value for e in found if e.rule == "limit.high"][:1] == ["raised"]
    assert rules(found) == []


def test_without_a_range_there_is_no_end_of_it() -> None:
    assert rules(events(np.full((HOUR, 1), 1e9), PRESSURE | {"range": None})) == []


def calibration_of(minutes: int) -> list[Row]:
    """Return a calibration of so many minutes, one reading in each, between good ones."""
    marks = [0] * 5 + [Quality.calibrating] * minutes + [0] * 5
    return [(0, at(60 * n), at(60 * n), 5.0, mark) for n, mark in enumerate(marks)]


@pytest.mark.parametrize("restarts", [(), (30,), (90, 124, 126)])
def test_an_overdue_calibration_is_told_once_whatever_comes_late_or_restarts(
    restarts: tuple[int, ...],
) -> None:
    server = Server(plant([point("A", period_s=60.0)]), acknowledges=True)
    rows = calibration_of(130)
    rows[124], rows[125] = rows[125], (*rows[124][:2], rows[125][2], *rows[124][3:])
    cuts = [0, *restarts, len(rows)]
    for first, end in pairwise(cuts):
        for row in rows[first:end]:
            server.take([row])
        server.restart()
    found = [each for each in server.episodes.found if each.rule == "sensor.calibrating"]
    assert [(each.t_raised, each.t_returned) for each in found] == [(at(7500), at(8100))]


def test_a_late_good_reading_takes_back_a_failure_that_was_none() -> None:
    rows: list[Row] = [(0, at(t), at(t), 5.0, Quality.bad) for t in range(0, 120, 10)]
    server = Server(plant([point("A", period_s=10.0)]), acknowledges=True)
    for row in rows:
        server.take([row])
    assert ("DY-CHEM-01/A", "sensor.failed") in server.open
    server.take([(0, at(55), at(115), 5.0, Quality.good)])
    (alarm,) = [each for each in server.alarms.values() if each.rule == "sensor.failed"]
    assert alarm.t_returned == alarm.t_raised
    assert ("DY-CHEM-01/A", "sensor.failed") not in server.states


def test_a_late_bad_reading_is_counted_into_the_run_it_belongs_to() -> None:
    server = Server(plant([point("A", period_s=10.0)]), acknowledges=True)
    for t in (0, 10, 20, 90):
        server.take([(0, at(t), at(t), 5.0, Quality.good if t < 90 else Quality.bad)])
    server.take([(0, at(30), at(90), 5.0, Quality.bad)])
    alarm = server.open["DY-CHEM-01/A", "sensor.failed"]
    assert (alarm.t_raised, alarm.active) == (at(90), True)


def test_readings_of_one_batch_and_of_many_tell_the_same() -> None:
    signal, quality = marked(4, (10, 40, Quality.fault), (HOUR, 3 * HOUR + 20, Quality.calibrating))
    signal[3 * HOUR + 20 :] = 4.0
    settings = GAS | {"limits": {}}
    readings = columns(signal, step_s=10, quality=quality)
    whole, single = (
        told(events_of(engine_of([point("A", **settings)]), readings, batch))
        for batch in (len(readings), 1)
    )
    assert whole == single
    assert {rule for rule, *_ in whole} == {
        "sensor.failed", "sensor.calibrating", "sensor.saturated",
    }  # fmt: skip


def test_nothing_of_a_run_is_left_after_a_judged_reading() -> None:
    engine = engine_of([point("A", **GAS)])
    signal, quality = marked(1, (10, 40, Quality.fault), (40, 90, Quality.calibrating))
    events_of(engine, columns(signal, step_s=10, quality=quality))
    (memory,) = (family.memory for family in engine.learned if family.name == "sensor")
    assert (memory["failed"][0], memory["calibrating"][0]) == (0, 0)


def test_a_start_learns_the_runs_that_were_stored_after_memory_was_saved() -> None:
    signal, quality = marked(
        1, (10, 12, Quality.bad), (20, 60, Quality.calibrating), (HOUR - 3, HOUR, Quality.offline)
    )
    readings = columns(signal, step_s=10, quality=quality)
    lived, started = engine_of([point("A", **GAS)]), engine_of([point("A", **GAS)])
    events_of(lived, readings)
    Recollection(started).learn(readings)
    one, other = (
        {family.name: family.memory.tobytes() for family in engine.learned}
        for engine in (lived, started)
    )
    assert one == other
