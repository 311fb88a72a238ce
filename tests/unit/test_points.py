"""Points as columns are the points they were laid out from, and settings are told apart."""

from dataclasses import replace

import numpy as np

from alarms.point import Point
from alarms.points import Points

ONE = Point(
    enterprise="E",
    source="S",
    unit="U",
    tag="A",
    quantity="level",
    engineering_unit="m",
    limits={"h": 8.0},
    gateway="g",
)
EACH = (
    ONE,
    replace(ONE, tag="B", name="second", unit="V", gateway=None),
    replace(ONE, tag="C", limits={"h": 9.0}),
    replace(ONE, tag="D", enterprise="F", suppress={"when": "A > 1", "reason": "x"}),
)


def built(columns: Points) -> Points:
    """Return the same columns with no point made yet."""
    return replace(columns, _made={})


def test_a_point_made_of_columns_is_the_point_they_were_laid_out_from() -> None:
    columns = built(Points.of_each(EACH))
    assert tuple(columns) == EACH
    assert columns[-1] == EACH[-1]
    assert columns[1:3] == list(EACH[1:3])


def test_points_that_differ_in_names_place_and_gateway_only_share_settings() -> None:
    columns = Points.of_each(EACH)
    assert columns.of.tolist() == [0, 0, 1, 2]
    np.testing.assert_array_equal(
        columns.where(lambda point: bool(point.suppress)), [False, False, False, True]
    )


def test_tags_name_their_rows_enterprise_by_enterprise_also_where_rows_lie_mixed() -> None:
    mixed = [EACH[3], *EACH[:2], replace(EACH[3], tag="another"), EACH[2]]
    found = Points.of_each(mixed).rows_of_tags()
    assert found == {
        "F": {EACH[3].tag: 0, "another": 3},
        "E": {EACH[0].tag: 1, EACH[1].tag: 2, EACH[2].tag: 4},
    }
    assert Points.of_each([]).rows_of_tags() == {}
