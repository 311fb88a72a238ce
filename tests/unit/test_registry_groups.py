"""Groups in a registry file: every kind is read, every contradiction refused at its line."""

import pytest

from alarms.plant import Group
from tests.unit.test_registry_file import faults, only, parse

POINTS = """
              - {tag: A, quantity: toxic_gas, unit: mg/m³, substance: 氨, range: [0, 100]}
              - {tag: B, quantity: toxic_gas, unit: mg/m³, substance: 氨}
              - {tag: C, quantity: combustible_gas, unit: "%LEL"}
              - {tag: L1, quantity: level, unit: m}
              - {tag: L2, quantity: level, unit: m}
              - {tag: QI, quantity: flow, unit: m³/h, period_s: 5}
              - {tag: QO, quantity: flow, unit: m³/h, period_s: 5}
              - {tag: QM, quantity: flow, unit: m³/min}
              - {tag: M1, quantity: methane, unit: "%CH4", limits: {h: 1.0, cut: 1.5, reset: 1.0}}
              - {tag: M2, quantity: methane, unit: "%CH4"}
              - {tag: DA, quantity: air_door, unit: "1"}
              - {tag: DB, quantity: air_door, unit: "1"}
              - {tag: DC, quantity: air_door, unit: "1"}
              - {tag: FD, quantity: feeder_state, unit: "1"}
"""
VOTE = "kind: vote, points: [A, B], k: 2, limit: 20, degrade: safe"
LEVELS = "kind: difference, points: [L1, L2], bound: 0.1"
FLOWS = "kind: balance, inflows: [QI], outflows: [QO]"
CUT = "kind: power_cut, order: [M1], feeder: FD"


def plant(group: str, *, kind: str = "tank_farm", more: str = "") -> str:
    """Write a registry file whose group stands in line 30, with more in line 31."""
    return f"""enterprises:
  - code: E1
    name: 企业
    region: "510603"
    sources:
      - code: S1
        name: 罐区
        kind: {kind}
        units:
          - code: U1
            name: 罐
            kind: tank
            points:{POINTS}
        groups:
          - {{code: G1, name: 组, {group}}}
          {more}
"""


def read(group: str, **settings: str) -> Group:
    (found,) = parse(plant(group, **settings)).groups
    return found


def refused(group: str, **settings: str) -> str:
    fault = only(plant(group, **settings))
    assert fault.line == 30
    return str(fault)


def test_a_vote_is_read_with_its_members_and_params() -> None:
    assert read(f"{VOTE}, unit: U1, tier: red, off_delay_s: 5, side: low, deadband: 1") == Group(
        enterprise="E1",
        source="S1",
        code="G1",
        name="组",
        kind="vote",
        members={"points": ("A", "B")},
        unit="U1",
        params={"k": 2, "limit": 20.0, "degrade": "safe", "side": "low", "deadband": 1.0},
        tier="red",
        off_delay_s=5.0,
    )


def test_a_balance_keeps_factors_beside_its_inventory() -> None:
    found = read(
        f"{FLOWS}, inventory: [{{point: L1, factor: 78.5}}, {{point: L2}}], "
        "windows: [{span_s: 300, least: 2}, {span_s: 3600, percent: 1}]"
    )
    assert found.tags == ("QI", "QO", "L1", "L2")
    assert found.params["factors"] == (78.5, 1.0)
    assert found.params["windows"][1] == {"span_s": 3600.0, "percent": 1.0}


@pytest.mark.parametrize(
    "group",
    [
        LEVELS,
        FLOWS,
        CUT,
        f"{CUT}, remote: true",
        "kind: power_cut, order: [DA, M1], feeder: FD",
        "kind: balance, inflows: [QI], inventory: [{point: L1, factor: 10}]",
        "kind: air_path, points: [M1, M2], bound: 0.3",
        "kind: air_lock, points: [DA, DB]",
    ],
)
def test_a_sound_group_is_taken(group: str) -> None:
    if "DA, M1" in group:
        assert "DA is air_door" in refused(group)
    else:
        assert read(group).kind


@pytest.mark.parametrize(
    ("group", "said"),
    [
        (VOTE.replace("[A, B]", "[A, X]"), "there is no point X of E1 in this file"),
        (VOTE.replace("[A, B]", "[A, A]"), "A stands twice in this group"),
        (VOTE.replace("[A, B]", "[A]").replace("k: 2", "k: 1"), "a vote has 2 or more"),
        (VOTE.replace("k: 2", "k: 3"), "is 3, more than the 2 points that vote"),
        (VOTE.replace("k: 2", "k: 0"), "is 0, allowed is 1 to 64"),
        (VOTE.replace("[A, B]", "[B, C]"), "C is in %LEL, B in mg/m³"),
        (VOTE.replace("limit: 20", "limit: 200"), "outside 0 to 100, the range of A"),
        (f"{VOTE}, deadband: 20", "deadband: is 20, and between limit 20 and the end of 0 to 100"),
        (f"{VOTE}, side: low, deadband: 80", "its vote would never end"),
        (VOTE.replace("safe", "sure"), "degrade"),
        (VOTE.replace(", degrade: safe", ""), "degrade is missing, and kind vote requires it"),
        (VOTE.replace("k: 2", "k: null"), "k is missing, and kind vote requires it"),
        (f"{VOTE}, bound: 1", "does not belong to kind vote"),
        (f"{VOTE}, unit: U9", "there is no unit U9 in source S1"),
        (f"{VOTE}, tier: purple", "tier"),
        (f"{VOTE}, on_delay_s: -1", "on_delay_s"),
        (LEVELS.replace("[L1, L2]", "[L1, L2, QI]"), "has exactly 2"),
        (LEVELS.replace("L2", "QI"), "QI is in m³/h, L1 in m"),
        (LEVELS.replace("0.1", "0"), "bound"),
        (f"{LEVELS}, deadband: 0.2", "is wider than bound 0.1"),
        ("kind: balance, inflows: [QI]", "2 points at least"),
        ("kind: balance, inventory: [{point: L1}, {point: L2}]", "2 points at least"),
        ("kind: balance, inflows: [QI], outflows: [QM]", "QM is in m³/min, QI in m³/h"),
        ("kind: balance, inflows: [L1], outflows: [L2]", "unit m is no flow"),
        (f"{FLOWS}, windows: []", "a list of 1 to 64 is wanted"),
        (f"{FLOWS}, windows: [{{span_s: 300}}]", "gives neither least nor percent"),
        (f"{FLOWS}, windows: [{{span_s: 10, least: 1}}]", "span_s"),
        (
            f"{FLOWS}, windows: [{{span_s: 600, least: 1}}, {{span_s: 300, least: 1}}]",
            "no longer than the window before it",
        ),
        (
            f"{FLOWS}, windows: [{{span_s: 300, percent: 1}}, {{span_s: 600, percent: 2}}]",
            "percent is 2, more than in the shorter window before it",
        ),
        (
            "kind: balance, inflows: [QM], outflows: [QM], windows: [{span_s: 60, least: 1}]",
            "QM stands twice",
        ),
        ("kind: balance, inflows: [QI], inventory: [{point: L9}]", "there is no point L9"),
        ("kind: air_path, points: [M1], bound: 0.3", "compares 2 or more"),
        ("kind: air_path, points: [DA, DB], bound: 0.3", "methane is wanted"),
        ("kind: air_lock, points: [DA, DB, DC]", "has exactly 2"),
        ("kind: air_lock, points: [DA, FD]", "FD is feeder_state, air_door is wanted"),
        (CUT.replace("M1", "M2"), "M2 has no limit cut"),
        (CUT.replace("[M1]", "[L1]"), "L1 is level"),
        (CUT.replace("FD", "DA"), "feeder_state or power is wanted"),
        (CUT.replace(", feeder: FD", ""), "feeder is missing"),
        (f"{CUT}, cut_state: 2", "cut_state"),
        ("kind: votes, points: [A, B]", "perhaps vote is meant"),
        ("points: [A, B]", "kind is missing"),
    ],
)
def test_a_contradiction_is_refused_at_its_line(group: str, said: str) -> None:
    assert any(said in text for text in _said(group)), _said(group)


def test_a_balance_of_gas_needs_windows_of_its_own() -> None:
    assert "known for liquids only" in refused(FLOWS, kind="gas_line")
    assert read(f"{FLOWS}, windows: [{{span_s: 300, least: 9}}]", kind="gas_line").kind


def test_a_window_must_hold_twelve_readings() -> None:
    slow = plant(f"{FLOWS}, windows: [{{span_s: 60, least: 1}}]").replace(
        "m³/h, period_s: 5", "m³/h, period_s: 10"
    )
    assert "less than 12 readings of a flow that comes every 10 s" in str(only(slow))


def test_a_code_stands_once_and_is_no_tag() -> None:
    twice = only(plant(VOTE, more=f"- {{code: G1, name: 组, {LEVELS}}}"))
    assert twice.line == 31
    assert "stands in line 30 already" in twice.problem
    taken = only(plant(VOTE).replace("code: G1", "code: QI"))
    assert (taken.line, "is the tag of a point already" in taken.problem) == (30, True)


def test_members_of_another_enterprise_are_unknown() -> None:
    other = """  - code: E2
    name: 二
    region: "510603"
    sources:
      - {code: S1, name: 罐区, kind: tank_farm, groups: [
          {code: G1, name: 组, kind: difference, points: [L1, L2], bound: 1}]}
"""
    found = faults(plant(VOTE) + other)
    assert {fault.line for fault in found} == {37}
    assert all("of E2 in this file" in fault.problem for fault in found)


def test_members_may_stand_in_another_source_that_comes_later() -> None:
    text = plant(VOTE)
    text += """      - code: S2
        name: 二
        kind: other
        groups: [{code: G2, name: 差, kind: difference, points: [L1, L2], bound: 1}]
"""
    assert [(group.source, group.code) for group in parse(text).groups] == [
        ("S1", "G1"),
        ("S2", "G2"),
    ]


def _said(group: str) -> list[str]:
    found = faults(plant(group))
    assert found
    assert {fault.line for fault in found} == {30}
    return [str(fault) for fault in found]
