"""Labels of positions are bounded: the busiest have their own, the others are told together."""

from typing import Any, cast

import pytest

from alarms import scope as scopes
from alarms.scope import ALL
from alarms.storage.burdens import Burden
from api import burdens
from api.burdens import MOST_POSITIONS, Burdens


@pytest.fixture
def counted() -> Burdens:
    """Of more positions than have labels, the later the busier, one in two flooded."""
    found = Burdens(cast("Any", None))
    found._counted = {
        f"{510000 + n}": Burden(rate=1, open=n, in_flood=n % 2)
        for n in range(1, MOST_POSITIONS + 4)
    }
    found._at = 0
    return found


def test_only_the_busiest_have_labels_and_nothing_is_lost(counted: Burdens) -> None:
    lines = counted.lines(ALL)
    shown = [line for line in lines if line.startswith("fengsui_position_open{")]
    assert len(shown) == MOST_POSITIONS + 1
    assert shown[0] == f'fengsui_position_open{{region="{510000 + MOST_POSITIONS + 3}"}} 203'
    assert shown[-1] == f'fengsui_position_open{{region="{burdens.OTHER}"}} {1 + 2 + 3}'
    assert f'fengsui_position_in_flood{{region="{burdens.OTHER}"}} 2' in lines


def test_without_a_scope_only_sums_are_told(counted: Burdens) -> None:
    lines = counted.lines(None)
    assert f"fengsui_positions_rate {MOST_POSITIONS + 3}" in lines
    assert not [line for line in lines if "region" in line and not line.startswith("#")]


def test_an_enterprises_token_is_told_of_no_position(counted: Burdens) -> None:
    lines = counted.lines(scopes.of_enterprise("E1"))
    assert not [line for line in lines if line.startswith("fengsui_position_open{")]


def test_before_the_first_count_nothing_is_told() -> None:
    assert Burdens(cast("Any", None)).lines(ALL) == []
