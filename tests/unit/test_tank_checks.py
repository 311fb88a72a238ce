"""Tanks of major hazard sources: the level instruments and limits that rule packs ask for."""

from collections.abc import Sequence

import pytest

from alarms.plant import Point, Source
from alarms.tank_checks import tank_findings
from tests.unit.plants import point
from tests.unit.test_registry_file import parse, plant

ALL = {"ll": 0.5, "l": 1.0, "h": 9.0, "hh": 10.0}


def found(points: Sequence[Point], *, s: float | None = 5.0, kind: str = "tank_farm") -> list[str]:
    source = Source(enterprise="E1", code="S1", name="罐区", kind=kind, s=s)
    return list(tank_findings(source, points))


def levels(continuous: int, switches: int) -> list[Point]:
    made = [point(f"L{row}", quantity="level", limits=ALL) for row in range(continuous)]
    return made + [
        point(f"S{row}", quantity="level", engineering_unit="1") for row in range(switches)
    ]


@pytest.mark.parametrize(("continuous", "switches"), [(2, 0), (1, 2), (3, 0), (2, 1)])
def test_two_continuous_instruments_or_one_and_two_switches_are_enough(
    continuous: int, switches: int
) -> None:
    assert found(levels(continuous, switches)) == []


@pytest.mark.parametrize(("continuous", "switches"), [(1, 0), (1, 1)])
def test_fewer_are_warned_of_with_the_standard_and_its_mark(continuous: int, switches: int) -> None:
    (told,) = found(levels(continuous, switches))
    assert told.startswith(f"has {continuous} continuous and {switches} on-off level instruments")
    assert "GB 17681-2024 asks for" in told
    assert told.endswith("[V2]")


def test_the_limits_of_all_level_points_of_a_tank_count_together() -> None:
    one, two = point("A", quantity="level", limits={"hh": 9.0}), point("B", quantity="level")
    (told,) = found([one, two])
    assert told.startswith("no level point has a limit l or ll: SH/T 3007-2014 5.4.1–5.4.2")
    low = point("B", quantity="level", limits={"l": 1.0})
    assert found([one, low]) == []


@pytest.mark.parametrize("quantity", ["temperature", "pressure"])
def test_two_steps_are_asked_of_temperature_and_pressure_from_memory(quantity: str) -> None:
    (told,) = found([point("A", quantity=quantity, limits={"h": 40.0})])
    assert told.startswith(f"no {quantity} point has a limit hh: AQ 3036-2010")
    assert told.endswith("[M]")


def test_only_tanks_of_major_hazard_sources_are_looked_at() -> None:
    assert found(levels(1, 0), s=None) == []
    assert found(levels(1, 0), s=0.9) == []
    assert found(levels(1, 0), kind="gas_station") == []
    assert found([]) == []


def test_the_import_warns_at_the_tank() -> None:
    source = ", chemicals: [{name: 氨, tonnes: 50}], exposed_population: 6, responsible: " + str(
        [{"role": role, "name": "甲"} for role in ("principal", "technical", "operation")]
    )
    level = "tag: T1, quantity: level, unit: m, limits: {l: 1, h: 2}"
    (warning,) = parse(plant(level, source=source)).warnings
    assert warning.place == "enterprises[0].sources[0].units[0]"
    assert "GB 17681-2024" in warning.problem
    assert parse(plant(level)).warnings == ()
