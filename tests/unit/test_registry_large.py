"""A registry file of many points: what is read and judged once for all of them hides nothing."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import registry, registry_changes
from alarms.errors import RefusedError
from alarms.plant import SOURCE_KINDS, Point
from alarms.points import Points
from alarms.registry import Registry
from alarms.registry_checks import point_findings
from tests.unit.plants import plant, point
from tests.unit.random_plants import points
from tests.unit.test_registry_file import known

SOUND = {"quantity": "level", "unit": "m", "limits": {"h": 9.0}}
WRONG = {"quantity": "level", "unit": "m", "limits": {"h": 9.0}, "deadband": 20, "range": [0, 12]}
METHANE = {"quantity": "methane", "unit": "%CH4", "limits": {"h": 1.2}, "sector": "T6"}
"""Too high in a coal mine."""


def document(*units: list[dict[str, Any]], kinds: tuple[str, ...] = ()) -> dict[str, Any]:
    """Write a file with each unit in a source of its own, tanks but for those of other kinds."""
    sources = [
        {
            "code": f"S{row}",
            "name": "a",
            "kind": kinds[row] if row < len(kinds) else "tank_farm",
            "units": [{"code": "U", "name": "a", "kind": "area", "points": listed}],
        }
        for row, listed in enumerate(units)
    ]
    return {"enterprises": [{"code": "E1", "name": "企业", "region": "510603", "sources": sources}]}


def told(text: str) -> list[str]:
    """Return every fault or warning with its line and place."""
    try:
        found = registry.parse(text.encode(), known()).warnings
    except RefusedError as error:
        found = error.faults
    return [str(fault) for fault in found]


def test_each_of_several_points_with_the_same_wrong_settings_is_told_of() -> None:
    listed = [{"tag": f"T{number}", **WRONG} for number in range(3)]
    found = told(json.dumps(document(listed)))
    assert ["points[0]" in each for each in found] == [True, False, False]
    assert ["points[2]" in each for each in found] == [False, False, True]


def test_a_sound_point_hides_none_of_other_settings() -> None:
    listed = [{"tag": "A", **SOUND}, {"tag": "B", **SOUND, "limits": {"h": 9.0, "l": 10.0}}]
    (found,) = told(json.dumps(document(listed)))
    assert "points[1].limits" in found


def test_settings_that_are_sound_in_one_kind_of_source_are_checked_in_another() -> None:
    both = document([{"tag": "A", **METHANE}], [{"tag": "B", **METHANE}], kinds=("other",))
    assert told(json.dumps(both)) == []
    both = document(
        [{"tag": "A", **METHANE}], [{"tag": "B", **METHANE}], kinds=("other", "coal_mine")
    )
    (found,) = told(json.dumps(both))
    assert "sources[1]" in found


@given(points("T1"), st.sampled_from(SOURCE_KINDS), st.sampled_from([None, (0.0, 3.0), (9.0, 1.0)]))
def test_what_is_found_of_a_point_follows_from_its_settings_and_its_kind_of_source_alone(
    drawn: Point, kind: str, span: tuple[float, float] | None
) -> None:
    one = replace(drawn, range=span, substance="7664-41-8")
    other = replace(
        one, enterprise="E9", source="S9", unit="U9", tag="T9", name="deadband", gateway="g9"
    )
    assert list(point_findings(other, kind)) == list(point_findings(one, kind))


FILES = [
    document([{"tag": "A", **SOUND}, {"tag": "B", **SOUND, "tiers": {"cut": "red"}}]),
    document([{"tag": "A", **SOUND}, {"tag": "A", **WRONG, "zone": None}, {"name": "c"}]),
    document(
        [{"tag": 5, "quantity": "levle", "unit": "m", "detect": ["limit", "x"], "params": []}]
    ),
    document([{"tag": "A", **SOUND, "suppress": {"reason": "b"}}], kinds=("tank",)),
    {"enterprises": [{"code": "E1", "name": "a\u2028b", "region": "1"}], "tiers": {}},
    {"regions": [{"code": "510681P1", "name": "a", "parent": "510603", "kind": "park"}]},
]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("indent", [None, 1])
def test_json_is_told_of_in_the_same_words_and_lines_as_yaml(
    file: dict[str, Any], indent: int | None
) -> None:
    written = json.dumps(file, indent=indent, ensure_ascii=False)
    assert told(written)
    assert told(written) == told(f"{written}\n# a comment, which only YAML has")


def test_of_a_large_plant_only_the_points_that_a_file_names_are_compared() -> None:
    made = plant([point(f"T{row}") for row in range(9)])
    columns = Points.of_each(made.points)
    columns._made.clear()
    changed = replace(made.points[4], deadband=0.5)
    file = Registry(
        regions=(),
        enterprises=(),
        sources=(),
        units=(),
        points=(changed,),
        gateways=(),
        warnings=(),
    )
    done = registry_changes.changes(file, replace(made, points=columns), {})
    assert done.kinds["point"].changed == [(made.points[4], changed)]
    assert list(columns._made) == [4]


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_of_too_many_digits_is_a_fault(digits: int) -> None:
    text = json.dumps(document([{"tag": "A", **SOUND, "deadband": "DIGITS"}]))
    (found,) = told(text.replace('"DIGITS"', "1" * digits))
    assert "deadband: inf is no finite number" in found
