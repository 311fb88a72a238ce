"""The rules file: read whole, every fault at once, laid over points by the most specific match."""

import pytest

from alarms import rulesfile
from alarms.errors import RefusedError
from alarms.plant import Plant, Point
from tests.unit.plants import plant, point


def small() -> Plant:
    return plant(
        [
            point("A", limits={"h": 8, "hh": 9}, range=(0.0, 10.0)),
            point("B", limits={"h": 8, "hh": 9}, range=(0.0, 10.0), deadband=0.5),
            point("P", quantity="pressure", engineering_unit="MPa", limits={"h": 2}),
        ]
    )


def ruled(text: str) -> dict[str, Point]:
    before = small()
    after = rulesfile.apply(rulesfile.parse(text.encode(), before), before)
    return {each.tag: each for each in after.points}


def refused(text: str) -> list[str]:
    with pytest.raises(RefusedError) as error:
        rulesfile.parse(text.encode(), small())
    return [str(fault) for fault in error.value.faults]


def test_the_most_specific_match_wins_setting_by_setting() -> None:
    points = ruled(
        """
rules:
  - {id: one, kind: limit, match: {point: A}, limits: {h: 7}, tiers: {h: orange}}
  - {id: all, kind: limit, match: {quantity: level}, limits: {h: 6, hh: 8.5}, deadband: 0.1}
  - {id: site, kind: limit, match: {enterprise: DY-CHEM-01}, on_delay_s: 3}
"""
    )
    assert points["A"].limits == {"h": 7, "hh": 8.5}
    assert points["A"].tiers == {"h": "orange"}
    assert points["A"].deadband == 0.1
    assert points["B"].limits == {"h": 6, "hh": 8.5}
    assert points["P"].limits == {"h": 2}
    assert {each.on_delay_s for each in points.values()} == {3.0}


def test_a_rules_kind_is_watched_where_it_matches() -> None:
    points = ruled("rules: [{id: r, kind: rate, match: {point: DY-CHEM-01/A}}]")
    assert points["A"].detect == ("limit", "forecast", "sensor", "comms", "rate")
    assert points["B"].detect is None
    assert ruled("rules: [{id: r, kind: limit}]")["A"].detect is None


def test_every_fault_is_named_with_its_line() -> None:
    faults = refused(
        """rules:
  - {id: a, kind: limit, match: {point: X}, deadband: 1}
  - {id: b, kind: limits, match: {quantity: level}}
  - {id: c, kind: limit, limit: {h: 3}}
  - {id: d, kind: rate, on_delay_s: 3}
  - {id: a, kind: limit, deadband: -1}
  - {kind: limit, params: {speed: 3}}
"""
    )
    lines = [int(fault.split(":")[0].removeprefix("line ")) for fault in faults]
    assert lines == [2, 3, 4, 5, 6, 6, 7, 7]


def test_what_no_registry_may_have_no_rule_may_make() -> None:
    (fault,) = refused("rules:\n  - {id: r, kind: limit, match: {point: A}, limits: {h: 9.5}}")
    assert fault.startswith("line 2: rule r: DY-CHEM-01/A: limits h is 9.5 and hh is 9")


def test_two_rules_as_specific_that_say_different_things_are_refused() -> None:
    (fault,) = refused(
        """rules:
  - {id: r, kind: limit, match: {quantity: level}, deadband: 0.1}
  - {id: s, kind: limit, match: {quantity: level}, deadband: 0.2}
"""
    )
    assert "line 3: rule s: sets deadband of DY-CHEM-01/A otherwise than r in line 2" in fault


def test_a_file_that_is_no_rules_file_is_refused() -> None:
    assert refused("- 1")
    assert refused("rules: 3")
    assert refused("points: []")


WINDY = "rules:\n  - {id: r, kind: limit, match: {point: W}, limits: {h: 30}}\n"


def windy(h: float) -> Plant:
    return plant([point("W", quantity="wind_speed", engineering_unit="m/s", limits={"h": h})])


def test_a_rule_past_a_bound_from_memory_is_warned_of_with_its_line() -> None:
    (warning,) = rulesfile.parse(WINDY.encode(), windy(10)).warnings
    assert str(warning).startswith("line 2: rule r: DY-CHEM-01/W: limits.h is 30 m/s, and ")
    assert str(warning).endswith("[M]")


def test_what_the_registry_warns_of_without_the_rule_is_not_told_twice() -> None:
    assert rulesfile.parse(WINDY.encode(), windy(30)).warnings == ()
    assert (
        rulesfile.parse(b"rules: [{id: r, kind: rate, match: {point: A}}]", small()).warnings == ()
    )
