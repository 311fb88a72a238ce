"""Seeded tampering is found in time, and sound sensors and real incidents are left in peace."""

from typing import Any, Final

import numpy as np
import pytest

from tests.unit.plants import SECOND, START, point
from tests.unit.sensor_streams import (
    Signal,
    Tamper,
    clipped,
    columns,
    copied,
    drifting,
    engine_of,
    events_of,
    frozen,
    made_to_recover,
    raised,
    scenario,
    smoothed,
)

STEP_S: Final = 10.0
ROUNDS: Final = 3600
FROM: Final = 2400
POINTS: Final = 4
SEEDS: Final = range(5)
KINDS: Final[dict[str, dict[str, Any]]] = {
    "methane": {"engineering_unit": "%CH4", "range": (0, 4), "limits": {"h": 1.0, "hh": 1.5}},
    "level": {"engineering_unit": "m", "range": (0, 12), "limits": {"l": 1, "h": 9.5}},
    "pressure": {"engineering_unit": "MPa", "range": (0, 2.5), "limits": {"h": 1.45}},
}


def sound(quantity: str, random: np.random.Generator) -> Signal:
    """Draw ten hours of four sensors that follow one process, each with its own noise."""
    shape = (ROUNDS, POINTS)
    turn = np.arange(ROUNDS)[:, None] / ROUNDS * 2 * np.pi
    match quantity:
        case "methane":
            wander = np.cumsum(random.normal(0, 0.0006, (ROUNDS, 1)), axis=0)
            wander -= np.linspace(0, 1, ROUNDS)[:, None] * wander[-1]
            own = random.normal(0, 0.05, POINTS)
            return np.round(0.45 + wander + own + random.normal(0, 0.02, shape), 2)
        case "level":
            return np.round(6 + 2 * np.sin(7 * turn) + random.normal(0, 0.006, shape), 3)
        case _:
            return np.round(1.2 + 0.05 * np.sin(5 * turn) + random.normal(0, 0.004, shape), 3)


def rising(signal: Signal, by: float, rounds: int) -> Signal:
    out = signal.copy()
    out[FROM:, 0] += by * np.minimum(np.arange(ROUNDS - FROM) / rounds, 1)
    return out


def alarms(quantity: str, signal: Signal) -> list[tuple[str, str, float]]:
    """Return (rule, point, seconds after the tampering began) of every sensor alarm."""
    points = [
        point(f"P{i}", quantity=quantity, period_s=STEP_S, **KINDS[quantity]) for i in range(POINTS)
    ]
    found = events_of(engine_of(points), columns(signal, step_s=STEP_S), 20_000)
    began = START + FROM * STEP_S * SECOND
    return [
        (event.rule, event.subject.point or "", (event.t_change - began) / SECOND)
        for event in raised(found)
    ]


CASES: Final[list[tuple[str, str, Tamper, str, float, float]]] = [
    # quantity, what is done, rule, rise of the true value, longest delay in seconds
    ("frozen", "methane", frozen, "sensor.flat_line", 0.0, 900),
    ("frozen", "level", frozen, "sensor.flat_line", 0.0, 1900),
    ("frozen", "pressure", frozen, "sensor.flat_line", 0.0, 900),
    ("copied", "methane", copied, "sensor.copied", 0.0, 7200),
    ("copied", "level", copied, "sensor.copied", 0.0, 7200),
    ("smoothed", "methane", smoothed, "sensor.noise", 0.0, 1800),
    ("smoothed", "pressure", smoothed, "sensor.noise", 0.0, 1800),
    ("clipped", "methane", clipped(0.95), "sensor.clipped", 0.53, 5400),
    ("clipped", "pressure", clipped(1.44), "sensor.clipped", 0.24, 5400),
    ("drifting", "level", drifting(0.0002), "sensor.drift", 0.0, 7200),
    ("recovers", "methane", made_to_recover(1.0, 0.45), "sensor.recovered", 0.8, 3600),
    ("recovers", "level", made_to_recover(9.5, 6.0), "sensor.recovered", 5.0, 5400),
]


@pytest.mark.parametrize(
    ("quantity", "tamper", "rule", "rise", "longest_s"),
    [case[1:] for case in CASES],
    ids=[f"{case[0]} {case[1]}" for case in CASES],
)
def test_tampering_is_found_in_time_and_nothing_was_said_before(
    quantity: str, tamper: Tamper, rule: str, rise: float, longest_s: float
) -> None:
    for seed in SEEDS:
        random = np.random.default_rng([seed, 7])
        signal = rising(sound(quantity, random), rise, 300)
        found = alarms(quantity, tamper(signal, FROM, random))
        assert [one for one in found if one[2] < 0] == []
        delays = [after for name, _, after in found if name == rule]
        assert delays, (seed, found)
        assert delays[0] <= longest_s


@pytest.mark.parametrize("quantity", sorted(KINDS))
def test_sound_sensors_that_follow_one_process_are_left_in_peace(quantity: str) -> None:
    for seed in SEEDS:
        assert alarms(quantity, sound(quantity, np.random.default_rng([seed, 8]))) == []


@pytest.mark.parametrize(("quantity", "rise"), [("methane", 0.9), ("level", 3.0)])
@pytest.mark.parametrize("rounds", [30, 300])
def test_a_value_that_truly_rises_past_its_limit_is_no_sensor_fault_of_its_own(
    quantity: str, rise: float, rounds: int
) -> None:
    for seed in SEEDS:
        signal = sound(quantity, np.random.default_rng([seed, 9]))
        found = alarms(quantity, rising(signal, rise, rounds))
        assert [one for one in found if one[0] != "sensor.drift"] == []


@pytest.mark.parametrize("name", ["tank-farm", "gas-line", "coal-mine"])
def test_the_quiet_time_of_a_scenario_raises_no_sensor_alarm(name: str) -> None:
    plant, readings = scenario(name, seconds=3000, quiet_s=3000.0, seed=4)
    assert raised(events_of(engine_of(plant), readings, 20_000)) == []
