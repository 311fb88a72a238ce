"""Rule packs: every figure as the notes on the standards have it, every entry whole."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alarms.parameters import PARAMETERS, parameter
from alarms.readings import STATE_NUMBERS
from alarms.registry_checks import point_findings
from alarms.rulepacks import MARKS, Bound, Entry
from alarms.rulepacks.reading import packs, parse, shipped, text_of
from alarms.rules import bounds_for, defaults_for
from tests.unit.plants import point

CHEMICAL, MINE, GAS = "tank_farm", "coal_mine", "gas_line"
MG, CH4 = "mg/m³", "%CH4"
EVERY = [(entry, bound) for entry in shipped() for bound in entry.bounds]
SUGGESTED = [(entry, default) for entry in shipped() for default in entry.defaults]

# Typed by hand from the notes on the standards, so that a slip in a pack turns red: mark, limits.
GASES: dict[str, tuple[str, float, float]] = {
    "7783-06-4": ("V2", 10, 20),
    "630-08-0": ("V2", 20, 40),
    "7664-41-7": ("V2", 20, 40),
    "7782-50-5": ("V2", 1, 2),
    "7446-09-5": ("V2", 5, 10),
    "10102-44-0": ("V2", 5, 10),
    "74-90-8": ("V2", 1, 2),
    "7647-01-0": ("V2", 7.5, 15),
    "75-44-5": ("V2", 0.5, 1),
    "75-01-4": ("V2", 10, 20),
    "107-13-1": ("V2", 1, 2),
    "67-56-1": ("V2", 25, 50),
    "71-43-2": ("D", 3, 6),
    "108-88-3": ("V2", 50, 100),
    "1330-20-7": ("V2", 50, 100),
}
HEALTH: dict[str, tuple[float, float]] = {
    "7783-06-4": (5, 10),
    "630-08-0": (15, 30),
    "7664-41-7": (15, 30),
    "7782-50-5": (0.5, 1),
    "7446-09-5": (5, 10),
    "10102-44-0": (5, 10),
    "74-90-8": (0.5, 1),
    "7647-01-0": (3.75, 7.5),
    "75-44-5": (0.25, 0.5),
    "107-13-1": (1, 2),
    "67-56-1": (25, 50),
    "71-43-2": (3, 6),
    "108-88-3": (50, 100),
    "1330-20-7": (50, 100),
}
METHANE: dict[str, tuple[str, float, float | None, float | None]] = {
    "T0": ("V2", 1.0, 1.5, 1.0),
    "FACE.T1": ("V2", 1.0, 1.5, 1.0),
    "OUTBURST.T1": ("V2", 1.0, 1.5, 1.0),
    "T1": ("V2", 1.0, 1.5, 1.0),
    "FACE.T2": ("V2", 1.0, 1.0, 1.0),
    "T2": ("V2", 1.0, 1.0, 1.0),
    "FACE.T3": ("V2", 0.5, 0.5, 0.5),
    "T4": ("V2", 0.5, 0.5, 0.5),
    "RETURN.MIDDLE": ("V2", 1.0, 1.0, 1.0),
    "T5": ("M", 1.0, 1.5, 1.0),
    "T6": ("M", 1.0, 1.0, 1.0),
    "SHEARER": ("V2", 1.0, 1.5, 1.0),
    "HEADING.T1": ("V2", 1.0, 1.5, 1.0),
    "HEADING.T2": ("V2", 1.0, 1.0, 1.0),
    "HEADING.SPLIT": ("M", 0.5, 0.5, 0.5),
    "SERIES.T3": ("V2", 0.5, 0.5, 0.5),
    "SERIES.FAN": ("V2", 0.5, 1.5, 0.5),
    "TWIN.T3": ("M", 1.0, 1.0, 1.0),
    "T3": ("M", 0.5, 0.5, 0.5),
    "HEADING.MIDDLE": ("M", 1.0, 1.0, 1.0),
    "ROADHEADER": ("M", 1.0, 1.5, 1.0),
    "DISTRICT.RETURN": ("M", 1.0, 1.0, 1.0),
    "MAIN.RETURN": ("M", 0.75, None, None),
    "TROLLEY.LOADING": ("M", 0.5, 0.5, 0.5),
    "VEHICLE": ("M", 0.5, 0.5, 0.5),
    "CHAMBER.INTAKE": ("M", 0.5, 0.5, 0.5),
    "COAL.BUNKER": ("M", 1.5, 1.5, 1.5),
    "DRAINAGE.PUMPHOUSE": ("M", 0.5, None, None),
    "DRAINAGE.TEMPORARY": ("M", 1.0, 1.0, 1.0),
}
# source kind, quantity, unit, substance, sector, standard, mark, figures
OTHERS: list[tuple[str, str, str, str | None, str | None, str, str, dict[str, float]]] = [
    (CHEMICAL, "combustible_gas", "%LEL", None, None, "GB/T 50493", "V", {"h": 25, "hh": 50}),
    (CHEMICAL, "combustible_gas", "LEL·m", None, None, "GB/T 50493", "V", {"h": 1, "hh": 2}),
    (CHEMICAL, "oxygen", "%VOL", None, None, "GB/T 50493", "V", {"l": 19.5, "h": 23.5}),
    (CHEMICAL, "wind_speed", "m/s", None, None, "AQ 3036", "M", {"h": 13.8}),
    (MINE, "carbon_monoxide", "ppm", None, None, "煤矿安全规程", "V", {"h": 24}),
    (MINE, "carbon_monoxide", "%", None, None, "煤矿安全规程", "V", {"h": 0.0024}),
    (MINE, "hydrogen_sulfide", "ppm", None, None, "煤矿安全规程", "V", {"h": 6.6}),
    (MINE, "hydrogen_sulfide", "%", None, None, "煤矿安全规程", "V", {"h": 0.00066}),
    (MINE, "toxic_gas", "ppm", "NO2", None, "煤矿安全规程", "V", {"h": 2.5}),
    (MINE, "toxic_gas", "%", "NO2", None, "煤矿安全规程", "V", {"h": 0.00025}),
    (MINE, "toxic_gas", "ppm", "SO2", None, "煤矿安全规程", "V", {"h": 5}),
    (MINE, "toxic_gas", "%", "SO2", None, "煤矿安全规程", "V", {"h": 0.0005}),
    (MINE, "toxic_gas", "ppm", "NH3", None, "煤矿安全规程", "V", {"h": 40}),
    (MINE, "toxic_gas", "%", "NH3", None, "煤矿安全规程", "V", {"h": 0.004}),
    (MINE, "oxygen", "%", None, "INTAKE", "煤矿安全规程", "V2", {"l": 20}),
    (MINE, "carbon_dioxide", "%", None, "INTAKE", "煤矿安全规程", "V2", {"h": 0.5}),
    (MINE, "carbon_dioxide", "%", None, "DISTRICT.RETURN", "煤矿安全规程", "V2", {"h": 1.5}),
    (MINE, "carbon_dioxide", "%", None, "MAIN.RETURN", "煤矿安全规程", "V2", {"h": 0.75}),
    (MINE, "methane", "%", None, "DISTRICT.RETURN", "煤矿安全规程", "V2", {"h": 1.0}),
    (MINE, "methane", "%", None, "MAIN.RETURN", "煤矿安全规程", "V2", {"h": 0.75}),
    (MINE, "temperature", "℃", None, "FACE", "AQ 1029", "M", {"h": 30}),
    (MINE, "temperature", "℃", None, "CHAMBER", "AQ 1029", "M", {"h": 34}),
    (MINE, "wind_speed", "m/s", None, "FACE", "煤矿安全规程", "M", {"l": 0.25, "h": 4}),
    (MINE, "wind_speed", "m/s", None, "HEADING.ROCK", "煤矿安全规程", "M", {"l": 0.15, "h": 4}),
    (MINE, "wind_speed", "m/s", None, "DISTRICT.INTAKE", "煤矿安全规程", "M", {"l": 0.25, "h": 6}),
    (MINE, "wind_speed", "m/s", None, "MAIN.RETURN", "煤矿安全规程", "M", {"h": 8}),
    (MINE, "wind_speed", "m/s", None, "FAN.DUCT", "煤矿安全规程", "M", {"h": 15}),
    (MINE, "other", "%", None, "EMISSION", "瓦斯异常涌出", "V2", {"h": 20}),
    (GAS, "methane", "%LEL", None, "TUNNEL", "GB 50838", "V2", {"h": 20}),
    (GAS, "methane", "%LEL", None, "TUNNEL", "GB 50838", "M", {"hh": 25}),
    (GAS, "combustible_gas", "%LEL", None, None, "CJJ/T 146", "M", {"h": 25, "hh": 50}),
]


def figures(bounds: list[Bound]) -> dict[str, float]:
    return {bound.limit: bound.value for bound in bounds}


@pytest.mark.parametrize("cas", GASES)
def test_a_toxic_gas_is_bound_by_its_exposure_limit(cas: str) -> None:
    mark, first, second = GASES[cas]
    gas = point(quantity="toxic_gas", engineering_unit=MG, substance=cas)
    found = list(bounds_for(gas, CHEMICAL))
    assert figures(found) == {"h": first, "hh": second}
    assert {bound.mark for bound in found} == {mark}


@pytest.mark.parametrize("cas", GASES)
def test_half_and_whole_of_the_short_exposure_limit_are_suggested(cas: str) -> None:
    gas = point(quantity="toxic_gas", engineering_unit=MG, substance=cas)
    found = defaults_for(gas, CHEMICAL)
    first, second = HEALTH.get(cas, (None, None))
    assert {name: each.value for (_, name), each in found.items()} == (
        {} if first is None else {"h": first, "hh": second}
    )
    assert {each.mark for each in found.values()} <= {"D"}


def test_no_other_toxic_gas_is_bound_where_the_sources_are_doubtful() -> None:
    named = {name for entry, _ in EVERY if entry.units == (MG,) for name in entry.substances}
    assert {name for name in named if name[0].isdigit()} == GASES.keys()


@pytest.mark.parametrize("sector", METHANE)
def test_methane_is_bound_by_the_place_of_the_sensor(sector: str) -> None:
    mark, alarm, cut, reset = METHANE[sector]
    sensor = point(quantity="methane", engineering_unit=CH4, sector=sector)
    found = [b for b in bounds_for(sensor, MINE) if b.standard == "AQ 1029-2019"]
    wanted = {"h": alarm, "cut": cut, "reset": reset}
    assert figures(found) == {name: value for name, value in wanted.items() if value is not None}
    assert {bound.mark for bound in found} == {mark}


def test_every_place_code_of_methane_is_in_the_table() -> None:
    known = {code for entry in shipped() if "methane" in entry.quantities for code in entry.sectors}
    assert known - {"TUNNEL"} == METHANE.keys()


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: " ".join(str(part) for part in row[:6]))
def test_a_figure_is_the_standards(
    row: tuple[str, str, str, str | None, str | None, str, str, dict[str, float]],
) -> None:
    kind, quantity, unit, substance, sector, standard, mark, wanted = row
    one = point(quantity=quantity, engineering_unit=unit, substance=substance, sector=sector)
    found = [
        bound
        for bound in bounds_for(one, kind)
        if bound.standard.startswith(standard) and bound.mark == mark
    ]
    assert figures(found) == wanted


def test_the_tables_here_leave_no_bound_out() -> None:
    counted = 2 * len(GASES) + sum(len([x for x in row[1:] if x]) for row in METHANE.values())
    counted += sum(len(row[-1]) for row in OTHERS)
    assert len(EVERY) == counted


@pytest.mark.parametrize(
    ("category", "seconds"), [("CAT1", 45 * 60), ("CAT2", 30 * 60), ("cat3", 15 * 60)]
)
def test_the_overfill_response_follows_the_tanks_category(category: str, seconds: int) -> None:
    tank = point(quantity="level", engineering_unit="mm", sector=category)
    default = defaults_for(tank, CHEMICAL)["forecast", "response_s"]
    assert (default.value, default.mark) == (seconds, "M")


def test_a_tank_without_a_category_and_a_tank_elsewhere_have_no_response_time() -> None:
    assert defaults_for(point(quantity="level"), CHEMICAL) == {}
    assert defaults_for(point(quantity="level", sector="CAT1"), "process_unit") == {}


def test_a_points_own_parameter_wins_over_the_packs_default() -> None:
    tank = point(quantity="level", sector="CAT1")
    assert parameter(tank, "forecast", "response_s", source_kind=CHEMICAL) == 2700
    own = replace(tank, params={"forecast": {"response_s": 60.0}})
    assert parameter(own, "forecast", "response_s", source_kind=CHEMICAL) == 60
    assert parameter(tank, "deviation", "learn", source_kind=CHEMICAL) == 300


def test_every_default_that_is_no_limit_is_a_parameter_of_its_detector() -> None:
    defaults = [default for entry in shipped() for default in entry.defaults]
    others = [default for default in defaults if default.kind != "limit"]
    assert others
    assert [one for one in others if one.name not in PARAMETERS.get(one.kind, {})] == []


def test_the_mine_networks_states_are_those_a_gateway_may_send() -> None:
    codes = [code for entry in shipped() for code in entry.codes]
    states = {int(each.code): each.words_zh for each in codes if each.table == "point_state"}
    assert states.keys() == STATE_NUMBERS.keys()
    assert (states[4], states[128]) == ("标校", "传感器故障")
    types = {each.code: each.words_zh for each in codes if each.table == "abnormal_type"}
    assert list(types) == [f"{number:03}" for number in range(1, 11)]
    assert (types["003"], types["009"]) == ("馈电异常", "超上限预警")


def test_city_gas_has_the_projects_own_suggestion() -> None:
    found = defaults_for(point(quantity="methane", engineering_unit="%LEL"), GAS)
    assert {key: each.value for key, each in found.items()} == {
        ("limit", "h"): 20,
        ("limit", "hh"): 50,
    }
    assert {each.mark for each in found.values()} == {"D"}


@pytest.mark.parametrize("name", [pack.name for pack in packs()])
def test_a_pack_is_named_as_its_file(name: str) -> None:
    assert parse(text_of(name)).name == name


def test_every_provision_says_where_it_comes_from_in_both_languages() -> None:
    for entry in shipped():
        for each in entry.provisions:
            assert each.standard
            assert each.mark in MARKS
            assert each.words_zh
            assert each.words_en
            assert each.version >= 1


def test_every_level_that_alarms_says_what_to_do_in_both_languages() -> None:
    for _, bound in EVERY:
        assert bound.limit == "reset" or (bound.action_zh and bound.action_en)
    for _, default in SUGGESTED:
        assert default.action_zh and default.action_en


def test_what_is_verified_names_its_sources_by_title() -> None:
    for pack in packs():
        for entry in pack.entries:
            for each in entry.provisions:
                assert bool(each.seen) or each.mark not in ("V", "V2")
                assert set(each.seen) <= pack.sources.keys()


def placed(entry: Entry, unit: str, **settings: Any) -> Any:
    """Make a point the entry means."""
    return point(
        quantity=entry.quantities[0],
        engineering_unit=unit,
        sector=entry.sectors[0] if entry.sectors else None,
        substance=entry.substances[0] if entry.substances else None,
        **settings,
    )


@given(st.sampled_from(EVERY), st.floats(1e-9, 1e3), st.data())
def test_a_limit_at_its_bound_passes_and_one_beyond_is_refused_or_warned_of_by_its_mark(
    drawn: tuple[Entry, Bound], beyond: float, data: st.DataObject
) -> None:
    entry, bound = drawn
    unit = data.draw(st.sampled_from(entry.units))
    kind = entry.source_kinds[0]
    past = bound.value + beyond * (1 if bound.direction == "max" else -1)
    for value, passes in ((bound.value, True), (past, past == bound.value)):
        limits = {bound.limit: value}
        if bound.limit == "reset":
            limits["cut"] = max(value, 100.0)
        found = [
            finding
            for finding in point_findings(placed(entry, unit, limits=limits), kind)
            if finding.key == f"limits.{bound.limit}"
            and bound.basis in finding.problem
            and finding.problem.endswith(f"[{bound.mark}]")
        ]
        assert bool(found) is not passes
        assert {finding.refused for finding in found} <= {bound.mark in ("V", "V2")}


def test_a_suggestion_is_never_looser_than_a_bound_on_the_same_point() -> None:
    for entry, _ in SUGGESTED:
        for unit in entry.units or ("m",):
            one, kind = placed(entry, unit), entry.source_kinds[0]
            for (of, name), default in defaults_for(one, kind).items():
                for bound in bounds_for(one, kind):
                    assert of != "limit" or name != bound.limit or bound.allows(default.value)


def test_no_point_gets_a_limit_from_a_suggestion() -> None:
    gas = point(quantity="methane", engineering_unit="%LEL", limits={})
    (finding,) = point_findings(gas, GAS)
    assert not finding.refused
    assert "suggests h 20 [D], hh 50 [D] %LEL" in finding.problem
    assert gas.limits == {}


ENTRY: dict[str, Any] = {
    "quantities": ["level"],
    "units": ["m"],
    "mark": "M",
    "standard": "S",
    "clause": "1",
    "action": {"zh": "处置", "en": "act"},
    "limits": {},
}
WORDS = {"words": {"zh": "高限", "en": "high"}}


def pack_of(**changes: Any) -> str:
    title = {"zh": "包", "en": "pack"}
    return yaml.safe_dump(
        {"pack": "p", "version": 1, "title": title, "entries": [ENTRY | changes]},
        allow_unicode=True,
    )


def limits_of(**values: float) -> dict[str, Any]:
    return {
        name: WORDS | {"min" if name in ("l", "ll") else "max": value}
        for name, value in values.items()
    }


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"limits": limits_of(h=50, hh=25)}, r"entries\[0\].limits.hh: hh is 25 and h is 50"),
        ({"limits": limits_of(l=1, ll=2)}, r"entries\[0\].limits.l: l is 1 and ll is 2"),
        ({"limits": limits_of(l=9, h=8)}, r"entries\[0\].limits.h: h is 8 and l is 9"),
        ({"limits": limits_of(h=1, cut=0.5)}, r"entries\[0\].limits.cut: cut is 0.5 and h is 1"),
        ({"limits": limits_of(cut=1, reset=2)}, r"limits.cut: cut is 1 and reset is 2"),
        ({"limits": limits_of(reset=2)}, r"limits.reset: stands without cut"),
        ({"limits": {"h": WORDS | {"min": 3}}}, r"entries\[0\].limits.h: give max"),
        ({"limits": {"h": WORDS | {"min": 3, "max": 4}}}, r"limits.h: give max and nothing else"),
        ({"limits": {"h": {"max": 3}}}, r"limits.h: no words"),
        ({"limits": limits_of(h=3), "action": None}, r"limits.h: no action"),
        ({"limits": limits_of(h=3), "units": []}, "units: limits have a unit"),
        ({"limits": limits_of(h=3), "quantities": ["heat"]}, "quantities: heat is unknown"),
        ({"limits": limits_of(h=3), "source_kinds": ["farm"]}, "source_kinds: farm is unknown"),
        ({"limits": limits_of(h=3), "seen": ["S9"]}, "seen: S9 is unknown"),
        ({"limits": limits_of(h=3), "mark": "V"}, "seen: V says that it was verified"),
        ({"limits": limits_of(h=3), "standard": None}, "standard: the entry names none"),
        ({"limits": limits_of(h=3), "clause": None}, "clause: the entry names none"),
        ({}, "limits: the entry says nothing"),
        ({"limits": limits_of(h=3), "quantities": []}, "quantities: none, so it means no point"),
        ({"codes": {"1": WORDS["words"]}}, "codes: stand in a table"),
        ({"defaults": {"limit.h": {"value": 1}}}, "defaults.limit.h: no words"),
        ({"defaults": {"speed": WORDS | {"value": 1}}}, "defaults.speed: write limit.h"),
        ({"advice": {}}, "advice: no words"),
        ({"limits": {"high": WORDS}}, r"Invalid enum value 'high'"),
        ({"limits": limits_of(h=3), "mark": "X"}, r"Invalid enum value 'X'.*entries\[0\]"),
        ({"limit": limits_of(h=3)}, r"unknown field `limit`.*entries\[0\]"),
    ],
)
def test_a_pack_that_contradicts_itself_is_refused_with_the_place_named(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        parse(pack_of(**changes))


def test_a_suggestion_in_disorder_is_refused_and_all_faults_come_at_once() -> None:
    crosswise = {"limit.h": WORDS | {"value": 2}, "limit.hh": WORDS | {"value": 1}}
    with pytest.raises(ValueError, match=r"units: .*; entries\[0\].defaults.hh: hh is 1"):
        parse(pack_of(defaults=crosswise, units=[]))


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(ValueError, match="no YAML"):
        parse("entries: [")
    with pytest.raises(ValueError, match="cannot be read"):
        parse("nothing")
