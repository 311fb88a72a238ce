"""A simulated instrument is late, noisy, coarse and ends at its range."""

import numpy as np
import pytest

from simulators.sensors import Sensor, Sensors


def read(sensor: Sensor, truth: list[float], *, dt_s: float = 1.0) -> list[float]:
    sensors = Sensors((sensor,), 1, np.random.default_rng(1))
    return [float(sensors.read(np.array([[value]]), dt_s)[0][0, 0]) for value in truth]


def test_a_sensor_shows_its_resolution() -> None:
    assert read(Sensor(low=0, high=10, steps=100), [3.14159]) == [3.14]


def test_a_sensor_follows_a_step_by_63_percent_in_its_lag() -> None:
    shown = read(Sensor(low=0, high=10, steps=1e6, lag_s=5.0), [0.0, *[1.0] * 5])
    assert shown[-1] == pytest.approx(1 - np.exp(-1), abs=1e-5)


def test_a_sensor_stays_within_its_range() -> None:
    assert read(Sensor(low=0, high=10), [12.0, -3.0]) == [10.0, 0.0]


def test_a_truth_past_the_range_is_marked() -> None:
    sensors = Sensors((Sensor(low=0, high=10),), 2, np.random.default_rng(1))
    _, passed = sensors.read(np.array([[12.0, 9.0]]), 1.0)
    assert passed.tolist() == [[True, False]]


def test_noise_and_drift_have_the_spread_they_are_given() -> None:
    sensor = Sensor(low=-100, high=100, steps=1e6, noise=0.3, drift=0.4)
    sensors = Sensors((sensor,), 20_000, np.random.default_rng(1))
    shown, _ = sensors.read(np.zeros((1, 20_000)), 1.0)
    assert float(shown.std()) == pytest.approx(0.5, rel=0.05)
