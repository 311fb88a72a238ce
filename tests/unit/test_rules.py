"""Defaults, validation and rule packs: what an engineer may write and what follows from it."""

from typing import Any

import pytest

from alarms import rule_problems
from alarms.alarm import Tier
from alarms.rules import bounds_for, high_levels, low_levels, on_delays_s, rules_of
from tests.unit.plants import plant, point

ALL = {"ll": 0.5, "l": 1.0, "h": 9.0, "hh": 10.0}


@pytest.mark.parametrize(
    ("quantity", "inner", "outer"),
    [
        ("level", Tier.yellow, Tier.orange),
        ("pressure", Tier.yellow, Tier.orange),
        ("combustible_gas", Tier.orange, Tier.red),
        ("oxygen", Tier.orange, Tier.red),
        ("smoke", Tier.orange, Tier.red),
    ],
)
def test_tiers_follow_the_quantity(quantity: str, inner: Tier, outer: Tier) -> None:
    one = point(quantity=quantity, limits=ALL)
    assert [level.tier for level in low_levels(one)] == [inner, outer]
    assert [level.tier for level in high_levels(one)] == [inner, outer]


@pytest.mark.parametrize(
    ("quantity", "seconds"),
    [
        ("level", 60),
        ("temperature", 60),
        ("pressure", 15),
        ("flow", 15),
        ("methane", 0),
        ("oxygen", 0),
    ],
)
def test_on_delays_follow_the_quantity_and_are_none_for_the_outer_limits(
    quantity: str, seconds: int
) -> None:
    one = point(quantity=quantity, limits=ALL)
    assert [level.on_delay for level in high_levels(one)] == [seconds * 1_000_000, 0]
    assert [level.on_delay for level in low_levels(one)] == [seconds * 1_000_000, 0]


def test_the_delays_in_force_stand_by_the_names_of_the_levels_judged() -> None:
    one = point(quantity="level", limits=ALL)
    assert on_delays_s(one) == {"ll": 0, "l": 60, "h": 60, "hh": 0}
    mine = point(quantity="methane", limits={"h": 1.0, "cut": 1.5, "reset": 1.0}, on_delay_s=2.5)
    assert on_delays_s(mine) == {"h": 2.5, "cut": 2.5}
    assert on_delays_s(point(limits=ALL, detect=("silence",))) == {}


def test_off_delays_are_thirty_seconds_and_sixty_for_red() -> None:
    gas = point(quantity="combustible_gas", limits={"h": 25, "hh": 50})
    assert [level.off_delay for level in high_levels(gas)] == [30_000_000, 60_000_000]


def test_a_points_own_settings_win() -> None:
    own = point(limits=ALL, tiers={"h": "orange", "hh": "red"}, on_delay_s=5.0, off_delay_s=6.0)
    assert [(level.tier, level.on_delay, level.off_delay) for level in high_levels(own)] == [
        (Tier.orange, 5_000_000, 6_000_000),
        (Tier.red, 5_000_000, 6_000_000),
    ]


def test_detect_without_limit_leaves_limits_out() -> None:
    assert high_levels(point(limits=ALL, detect=("forecast",))) == []


def test_the_stale_time_is_three_periods_and_thirty_seconds_at_least() -> None:
    rules = rules_of(plant([point(period_s=5), point("B", period_s=20), point("C", period_s=None)]))
    assert rules.stale.tolist() == [30_000_000, 60_000_000, 30_000_000]
    assert rules.bridge[rules.of].tolist() == [15_000_000, 60_000_000, 30_000_000]


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": {"h": 10.0, "hh": 9.0}},
        {"limits": {"l": 9.0, "h": 9.0}},
        {"limits": {"ll": 2.0, "l": 1.0}},
        {"limits": {"h": float("nan")}},
        {"limits": {"high": 9.0}},
        {"limits": {"h": 9.0, "hh": 10.0}, "deadband": 1.5},
        {"limits": ALL, "deadband": -0.1},
        {"limits": {"h": 9.0, "cut": 10.0}},
        {"limits": {"h": 1.0, "cut": 0.5}, "quantity": "methane"},
        {"limits": {"h": 1.0, "cut": 1.5, "reset": 2.0}, "quantity": "methane"},
        {"limits": {"reset": 1.0}, "quantity": "methane"},
        {"limits": ALL, "tiers": {"h": "purple"}},
        {"limits": ALL, "tiers": {"h": "none"}},
        {"limits": ALL, "tiers": {"top": "red"}},
        {"limits": ALL, "tiers": {"h": "red", "hh": "yellow"}},
        {"limits": ALL, "tiers": {"h": "red"}},
        {"on_delay_s": -1.0},
        {"off_delay_s": float("inf")},
        {"period_s": 0.0},
    ],
)
def test_rules_that_cannot_work_are_named(settings: dict[str, Any]) -> None:
    assert len(rule_problems.of(point(**settings))) == 1


def test_all_problems_of_a_point_are_named_at_once() -> None:
    assert len(rule_problems.of(point(limits={"h": 10.0, "hh": 9.0}, on_delay_s=-1.0))) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": ALL, "deadband": 0.5},
        {"limits": {"h": 1.0, "cut": 1.0, "reset": 1.0}, "quantity": "methane"},
        {"limits": {"h": 1.0, "cut": 1.5, "reset": 1.0}, "quantity": "methane"},
        {"limits": {"h": 0.5, "cut": 0.5, "reset": 0.5}, "quantity": "methane", "range": (0, 4)},
        {"limits": {"h": 1.0, "hh": 1.3, "cut": 1.5, "reset": 1.0}, "quantity": "methane"},
        {"limits": {"h": 1.0, "cut": 1.0}, "quantity": "methane", "deadband": 0.05},
        {"limits": {"h": 1.0, "cut": 1.5, "hh": 2.0}, "quantity": "methane", "deadband": 0.5},
        {"limits": {"h": 0.9, "hh": 1.0}, "deadband": 0.1},
        {"limits": {}},
    ],
)
def test_rules_that_work_have_no_problems(settings: dict[str, Any]) -> None:
    assert rule_problems.of(point(**settings)) == []


def bound_values(source_kind: str, **settings: Any) -> dict[str, float]:
    return {bound.limit: bound.value for bound in bounds_for(point(**settings), source_kind)}


def test_combustible_gas_is_bound_at_25_and_50_percent_of_its_lower_limit() -> None:
    found = bound_values("tank_farm", quantity="combustible_gas", engineering_unit="%LEL")
    assert found == {"h": 25.0, "hh": 50.0}


def test_toxic_gas_is_bound_by_its_substance_by_name_or_cas() -> None:
    for substance in ("氨", "7664-41-7", "NH3"):
        found = bound_values(
            "tank_farm", quantity="toxic_gas", engineering_unit="mg/m³", substance=substance
        )
        assert found == {"h": 20.0, "hh": 40.0}


def test_methane_is_bound_by_the_place_of_the_sensor() -> None:
    def at_place(sector: str | None) -> dict[str, float]:
        return bound_values("coal_mine", quantity="methane", engineering_unit="%CH4", sector=sector)

    assert at_place("T1") == {"h": 1.0, "cut": 1.5, "reset": 1.0}
    assert at_place("T2") == {"h": 1.0, "cut": 1.0, "reset": 1.0}
    assert at_place("t4") == {"h": 0.5, "cut": 0.5, "reset": 0.5}
    assert at_place(None) == {}


def test_a_pack_binds_only_where_unit_and_kind_of_source_agree() -> None:
    gas = {"quantity": "combustible_gas", "engineering_unit": "%LEL"}
    assert bound_values("coal_mine", **gas) == {}
    assert bound_values("tank_farm", quantity="combustible_gas", engineering_unit="ppm") == {}


def test_a_bound_allows_what_is_as_strict_or_stricter() -> None:
    oxygen = point(quantity="oxygen", engineering_unit="%VOL")
    low, high = bounds_for(oxygen, "tank_farm")
    assert (low.limit, high.limit) == ("l", "h")
    assert [low.allows(19.5), low.allows(20.0), low.allows(19.4)] == [True, True, False]
    assert [high.allows(23.5), high.allows(23.0), high.allows(23.6)] == [True, True, False]


def test_a_limit_may_have_a_deadband_of_its_own() -> None:
    own = {"limit": {"deadband_hh": 0.5, "deadband_l": 0.2}}
    tank = point(limits={"l": 1, "h": 9, "hh": 10}, deadband=0.05, params=own)
    assert [level.release for level in high_levels(tank)] == [8.95, 9.5]
    assert [level.release for level in low_levels(tank)] == [1.2]


@pytest.mark.parametrize(
    ("limits", "own", "wrong"),
    [
        ({"h": 9, "hh": 10}, {"deadband_hh": 1.5}, True),
        ({"h": 9, "hh": 10}, {"deadband_h": 1.5}, False),
        ({"ll": 1, "l": 2}, {"deadband_ll": 1.5}, True),
        ({"ll": 1, "l": 2}, {"deadband_l": 1.5}, False),
        ({"l": 2, "h": 3}, {"deadband_l": 1.5}, True),
        ({"l": 2, "h": 3}, {"deadband_h": 1.5}, True),
    ],
)
def test_a_deadband_reaches_no_farther_than_the_next_limit(
    limits: dict[str, float], own: dict[str, float], wrong: bool
) -> None:
    problems = rule_problems.of(point(limits=limits, params={"limit": own}))
    assert bool(problems) == wrong, problems


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({"limits": {"h": 1, "cut": 1.5, "reset": 0.2}}, "limits.reset", "make it 1 or more"),
        ({"limits": {"hh": 1, "cut": 1.5, "reset": 0.2}}, "limits.reset", "where hh 1 has long"),
        ({"limits": {"h": 1, "cut": 1, "reset": 0.2}}, "limits.reset", "make it 1 or more"),
        (
            {"limits": {"h": 1, "cut": 1, "reset": 0.8}, "params": {"limit": {"deadband_h": 0.1}}},
            "limits.reset",
            "make it 0.9 or more",
        ),
        (
            {"limits": {"h": 1, "cut": 1.5}, "params": {"limit": {"deadband_cut": 3}}},
            "params.limit.deadband_cut",
            "deadband is 3, wider than from h to cut; make it 0.5 or less",
        ),
        (
            {"limits": {"h": 1, "cut": 1}, "params": {"limit": {"deadband_cut": 0.1}}},
            "params.limit.deadband_cut",
            "make it 0 or less",
        ),
        ({"limits": {"h": 1, "cut": 1.5}, "deadband": 0.6}, "deadband", "from h to cut"),
        ({"limits": {"cut": 1.5, "hh": 2}, "deadband": 0.6}, "deadband", "from cut to hh"),
        ({"limits": {"h": 1, "hh": 1.2, "cut": 1.5}, "deadband": 0.25}, "deadband", "from h to hh"),
    ],
)
def test_power_cut_returns_no_later_than_the_alarm_before_it(
    settings: dict[str, Any], key: str, words: str
) -> None:
    ((place, problem),) = rule_problems.of(point(quantity="methane", **settings))
    assert place == key
    assert words in problem


@pytest.mark.parametrize(
    ("settings", "key", "words"),
    [
        ({"limits": {"h": 1}, "deadband": 3}, "deadband", "only below -2"),
        ({"limits": {"h": 1}, "deadband": 1}, "deadband", "make it less than 1"),
        ({"limits": {"l": 3}, "deadband": 1}, "deadband", "only above 4"),
        (
            {"limits": {"h": 1}, "params": {"limit": {"deadband_h": 2}}},
            "params.limit.deadband_h",
            "make it less than 1",
        ),
        ({"limits": {"cut": 1, "reset": 0}}, "limits.reset", "set reset higher"),
        ({"limits": {"h": 0}}, "limits.h", "always stand; set it higher"),
        ({"limits": {"ll": 4}}, "limits.ll", "always stand; set it lower"),
        ({"limits": {"h": 5}}, "limits.h", "such a limit is dead"),
        ({"limits": {"h": 3}, "deadband": 5}, "deadband", "wider than the range"),
        ({"range": (5, 5)}, "range", "write the lower end first"),
    ],
)
def test_every_alarm_can_end_within_the_range(
    settings: dict[str, Any], key: str, words: str
) -> None:
    given = {"range": (0, 4)} | settings
    ((place, problem),) = rule_problems.in_range(point(quantity="methane", **given))
    assert place == key
    assert words in problem


@pytest.mark.parametrize(
    "settings",
    [
        {"limits": {"l": 0, "h": 40}, "range": (-20, 60), "deadband": 0.5},
        {"limits": {"h": 1}, "range": (0, 1)},
        {"limits": {"l": 0, "ll": -1}, "range": (-1, 1)},
        {"limits": {"h": 1, "cut": 1.5, "reset": 1}, "range": (0, 4), "deadband": 0.9},
        {"limits": {"h": 1}, "deadband": 3},
    ],
)
def test_an_alarm_that_can_end_within_the_range_is_left_alone(settings: dict[str, Any]) -> None:
    assert list(rule_problems.in_range(point(quantity="methane", **settings))) == []
