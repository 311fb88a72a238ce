"""Units on instruments are converted as physics has it, and what has no answer is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import units
from alarms.units import UnitError


@pytest.mark.parametrize(
    ("given_", "wanted", "value", "expected"),
    [
        ("bar", "kPa", 1.5, 150.0), ("kPa", "MPa", 600.0, 0.6), ("℉", "℃", 212.0, 100.0),
        ("K", "℃", 273.15, 0.0), ("Cel", "K", 20.0, 293.15), ("m³/h", "l/s", 36.0, 10.0),
        ("kgf/cm²", "MPa", 10.0, 0.980665), ("mmH2O", "Pa", 100.0, 980.665),
        ("mmHg", "kPa", 760.0, 101.325), ("ppm", "%VOL", 5000.0, 0.5), ("%LEL", "LEL%", 20.0, 20.0),
        ("mm/s", "m/s", 4500.0, 4.5), ("A", "mA", 0.02, 20.0), ("t/h", "kg/s", 3.6, 1.0),
        ("ton", "kg", 2.0, 2000.0), ("rpm", "rad/s", 30.0, 3.14159265),
        ("g/m3", "mg/m3", 0.01, 10.0), ("μm", "mm", 1500.0, 1.5),
        ("任意", "任意", 3.0, 3.0),
    ],
)  # fmt: skip
def test_a_value_keeps_what_it_measures(
    given_: str, wanted: str, value: float, expected: float
) -> None:
    factor, shift = units.conversion(given_, wanted)
    assert value * factor + shift == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("given_", "wanted", "why"),
    [
        ("%LEL", "%VOL", "different things"), ("mg/m3", "ppm", "different things"),
        ("C", "℃", "different things"), ("rpm", "Hz", "one of them turns"),
        ("Mpa", "MPa", "not defined"), ("9**9**9", "m", "not read as a unit"),
        ("m9999", "m", "not read as a unit"), ("", "m", "not read as a unit"),
        ("dB", "W", "cannot become"), ("m", "℃", "different things"),
    ],
)  # fmt: skip
def test_what_has_no_answer_is_refused(given_: str, wanted: str, why: str) -> None:
    with pytest.raises(UnitError, match=why):
        units.conversion(given_, wanted)


@given(st.text(max_size=12), st.sampled_from(["kPa", "℃", "%LEL", "m3/h"]))
def test_no_text_at_all_raises_anything_else(text: str, wanted: str) -> None:
    try:
        units.conversion(text, wanted)
    except UnitError:
        return
