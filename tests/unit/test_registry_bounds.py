"""Limits of a registry file against the bounds of standards: refused, warned of, never silent."""

import pytest

from tests.unit.test_registry_file import COMBUSTIBLE, faults, only, parse, plant


def test_a_limit_looser_than_a_verified_bound_is_refused_with_its_clause() -> None:
    fault = only(plant(f"{COMBUSTIBLE}, limits: {{h: 30}}"))
    assert "GB/T 50493-2019 5.5.2" in fault.problem
    assert "at most 25 [V]" in fault.problem


def test_a_limit_looser_than_a_bound_from_memory_only_warns() -> None:
    text = 'tag: T1, quantity: methane, unit: "%CH4", limits: {h: 1.2}, sector: T6'
    found = parse(plant(text, kind="coal_mine"))
    assert "[M]" in found.warnings[0].problem
    assert found.warnings[0].line == 14


def test_a_bound_binds_only_its_unit_and_kind_of_source() -> None:
    assert faults(plant('tag: T1, quantity: combustible_gas, unit: "%VOL", limits: {h: 30}')) == ()
    assert faults(plant("tag: T1, quantity: carbon_monoxide, unit: ppm, limits: {h: 30}")) == ()
    text = plant("tag: T1, quantity: carbon_monoxide, unit: ppm, limits: {h: 30}", kind="coal_mine")
    assert "24" in only(text).problem


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        (
            "quantity: carbon_monoxide, unit: ppm, limits: {h: 30}",
            "GB/T 50493-2019 5.5.2 speaks of mg/m³, this point of ppm",
        ),
        (
            "quantity: toxic_gas, substance: 氨, unit: ppm, limits: {hh: 99}",
            "GB/T 50493-2019 5.5.2 speaks of mg/m³, this point of ppm",
        ),
        (
            "quantity: oxygen, unit: ppm, limits: {l: 195000}",
            "GB/T 50493-2019 5.5.2 speaks of %VOL or %, this point of ppm",
        ),
    ],
)
def test_a_bound_in_another_unit_is_never_passed_over_in_silence(text: str, spoken: str) -> None:
    found = parse(plant(f"tag: T1, {text}"))
    assert [warning.problem for warning in found.warnings] == [f"no bound was checked: {spoken}"]
    assert found.warnings[0].line == 14
    assert found.warnings[0].place.endswith("points[0].unit")


@pytest.mark.parametrize(
    "text",
    [
        "quantity: carbon_monoxide, unit: ppm",
        "quantity: carbon_monoxide, unit: mg/m3, limits: {h: 20}",
        "quantity: toxic_gas, substance: 臭氧, unit: ppm, limits: {h: 1}",
        "quantity: combustible_gas, unit: LEL.m, limits: {h: 1}",
        "quantity: level, unit: ppm, limits: {h: 1}",
    ],
)
def test_a_point_without_a_limit_or_with_its_bound_checked_has_no_warning(text: str) -> None:
    assert parse(plant(f"tag: T1, {text}")).warnings == ()
