"""The registry file: required keys, known words, sound values, and every fault at once."""

from pathlib import Path

import pytest

from alarms import regions, registry
from alarms.errors import Fault, RefusedError
from alarms.registry import Known, Registry

EXAMPLES = Path(__file__).parents[2] / "examples"
POINT = "tag: T1, quantity: level, unit: m"
COMBUSTIBLE = 'tag: T1, quantity: combustible_gas, unit: "%LEL"'


def known(**gateways: str) -> Known:
    return Known(
        regions=regions.builtin(), enterprises=frozenset(gateways.values()), gateways=gateways
    )


def plant(
    point: str = POINT,
    *,
    enterprise: str = "",
    source: str = "",
    kind: str = "tank_farm",
    more: str = "",
) -> str:
    """Write a small registry file; the point stands in line 14."""
    return f"""
enterprises:
  - code: E1
    name: 企业
    region: "510603"
    {enterprise}
    sources:
      - {{code: S1, name: 罐区, kind: {kind}{source}, units: [
          {{code: U1, name: 罐, kind: tank,
            points: [


              # the point
              {{{point}}}]}}]}}
{more}
"""


def parse(text: str, **gateways: str) -> Registry:
    return registry.parse(text.encode(), known(**gateways))


def faults(text: str, **gateways: str) -> tuple[Fault, ...]:
    try:
        parse(text, **gateways)
    except RefusedError as error:
        return error.faults
    return ()


def only(text: str, **gateways: str) -> Fault:
    found = faults(text, **gateways)
    assert len(found) == 1, [str(fault) for fault in found]
    return found[0]


@pytest.mark.parametrize("name", ["tank-farm", "gas-line", "coal-mine"])
def test_an_example_is_sound_simulated_and_warns_of_nothing(name: str) -> None:
    found = registry.parse((EXAMPLES / f"{name}.yaml").read_bytes(), known())
    assert found.warnings == ()
    assert all(enterprise.simulated for enterprise in found.enterprises)
    assert 25 <= len(found.points) <= 60
    assert all(point.gateway for point in found.points)
    assert 2 <= len(found.gateways) <= 3


def test_the_smallest_point_has_tag_quantity_and_unit() -> None:
    point = parse(plant()).points[0]
    assert (point.key, point.quantity, point.engineering_unit) == ("E1/T1", "level", "m")
    assert (point.source, point.unit, point.deadband, point.detect) == ("S1", "U1", 0.0, None)


def test_a_whole_point_comes_through() -> None:
    text = (
        "tag: T1, name: 液位, quantity: level, unit: m, range: [0, 12], period_s: 10, "
        "limits: {ll: 0.5, l: 1, h: 9, hh: 10}, deadband: 0.05, on_delay_s: 0, off_delay_s: 30, "
        "tiers: {h: yellow, hh: red}, detect: [limit, forecast], substance: 氨, sector: null, "
        "gateway: gw-1"
    )
    point = parse(plant(text, more="gateways: [{id: gw-1, enterprise: E1}]")).points[0]
    assert point.range == (0.0, 12.0)
    assert point.limits == {"ll": 0.5, "l": 1.0, "h": 9.0, "hh": 10.0}
    assert point.tiers == {"h": "yellow", "hh": "red"}
    assert point.detect == ("limit", "forecast")
    assert (point.gateway, point.sector, point.off_delay_s) == ("gw-1", None, 30.0)


@pytest.mark.parametrize("key", ["tag", "quantity", "unit"])
def test_a_point_needs_its_three_keys(key: str) -> None:
    words = ", ".join(part for part in POINT.split(", ") if not part.startswith(key))
    fault = only(plant(words))
    assert (fault.line, fault.problem) == (14, f"{key} is missing, and it is required")
    assert fault.place == "enterprises[0].sources[0].units[0].points[0]"


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("regions: [{name: x}]", "regions[0]", "code is missing"),
        ("enterprises: [{code: E1}]", "enterprises[0]", "region is missing"),
        ("gateways: [{id: g}]", "gateways[0]", "enterprise is missing"),
        ("enterprises: {code: E1}", "enterprises", "a list of enterprises is wanted"),
        ("enterprises: [E1]", "enterprises[0]", "where a mapping"),
        ("{}", "file", "holds nothing"),
        ("enterprise: []", "enterprise", "perhaps enterprises is meant"),
    ],
)
def test_what_lacks_is_said_where_it_lacks(text: str, place: str, said: str) -> None:
    assert any(fault.place == place and said in fault.problem for fault in faults(text)), faults(
        text
    )


@pytest.mark.parametrize(
    ("more", "key", "said"),
    [
        ("limit: {h: 3}", "limit", "perhaps limits is meant"),
        ("limits: {high: 3}", "limits.high", "known are ll, l, h, hh, cut, reset"),
        ("limits: {h: high}", "limits.h", "where a number is wanted"),
        ("limits: {h: true}", "limits.h", "where a number is wanted"),
        ("limits: {h: .nan}", "limits.h", "no finite number"),
        ("limits: {h: .inf}", "limits.h", "no finite number"),
        ("limits: {h: 3, hh: 2}", "limits", "limits must rise"),
        ("limits: {l: 3, h: 3}", "limits", "limits must rise"),
        ("limits: {cut: 3}", "limits", "for gases only"),
        ("limits: {h: 9}, range: [0, 5]", "limits.h", "outside the range 0 to 5"),
        ("limits: {l: 1, h: 2}, deadband: 1.5", "deadband", "wider than"),
        ("range: [5, 0]", "range", "write the lower end first"),
        ("range: [1, 1]", "range", "write the lower end first"),
        ("range: [1]", "range", "has 1 items, 2 are wanted"),
        ("range: 5", "range", "where a list"),
        ("deadband: -0.1", "deadband", "is -0.1, allowed is 0 or more"),
        ("period_s: 0", "period_s", "more than 0"),
        ("on_delay_s: -1", "on_delay_s", "allowed is 0 to 86400"),
        ("off_delay_s: 1 min", "off_delay_s", "where a number is wanted"),
        ("tiers: {h: purple}", "tiers.h", "known are blue, yellow, orange, red"),
        ("tiers: {h: none}", "tiers.h", "is unknown"),
        ("tiers: {x: red}", "tiers.x", "this key is unknown"),
        ("limits: {h: 1, hh: 2}, tiers: {h: red}", "tiers", "tier of h is red"),
        ("detect: [limits]", "detect[0]", "perhaps limit is meant"),
        ("detect: limit", "detect", "where a list"),
        ("gateway: gw-9", "gateway", "there is no gateway gw-9"),
        ("gateway: g w", "gateway", "is not a gateway id"),
        ("substance: 7664-41-8", "substance", "no CAS number"),
        ("sector: 1", "sector", 'put it in quotes, "1"'),
        ("name: no", "name", 'put it in quotes, "no"'),
        ("name: 2024-01-01", "name", 'put it in quotes, "2024-01-01"'),
    ],
)
def test_a_wrong_setting_of_a_point_is_named_at_its_key(more: str, key: str, said: str) -> None:
    fault = only(plant(f"{POINT}, {more}"))
    assert fault.place == f"enterprises[0].sources[0].units[0].points[0].{key}"
    assert said in fault.problem
    assert fault.line == 14


def test_a_near_word_is_suggested_for_a_quantity() -> None:
    assert "perhaps level is meant" in only(plant("tag: T1, quantity: levle, unit: m")).problem


def test_a_toxic_gas_needs_its_substance() -> None:
    text = plant("tag: T1, quantity: toxic_gas, unit: mg/m³")
    assert "needs substance" in only(text).problem


def test_gases_may_have_cut_and_reset_and_they_may_be_equal() -> None:
    text = 'tag: T1, quantity: methane, unit: "%CH4", limits: {h: 1, cut: 1, reset: 1}, sector: T2'
    assert parse(plant(text, kind="coal_mine")).points[0].limits["cut"] == 1


def test_a_tier_without_its_limit_only_warns() -> None:
    found = parse(plant(f"{POINT}, tiers: {{h: red}}"))
    assert [warning.place[-7:] for warning in found.warnings] == ["tiers.h"]


def test_an_unquoted_region_code_is_told_to_be_quoted() -> None:
    text = plant().replace('"510603"', "510603")
    assert 'put it in quotes, "510603"' in only(text).problem


@pytest.mark.parametrize("code", ["all", "51", "5106", "510603", "999999"])
def test_an_enterprise_code_cannot_read_as_a_region_or_everything(code: str) -> None:
    text = plant().replace("code: E1", f'code: "{code}"')
    assert "would be read as a region" in only(text).problem


@pytest.mark.parametrize("code", ["a/b", "a b", "a:b"])
def test_a_code_has_no_signs_that_join_names(code: str) -> None:
    assert only(plant().replace("code: E1", f'code: "{code}"')).place == "enterprises[0].code"


def test_a_region_must_exist() -> None:
    fault = only(plant().replace("510603", "510699"))
    assert "德阳市 is 510600" in fault.problem


def test_a_park_of_the_same_file_is_a_region() -> None:
    park = 'regions: [{code: "510681P01", name: 园区, parent: "510681", kind: park}]'
    found = parse(plant(more=park).replace('"510603"', '"510681P01"'))
    assert found.regions[0].parent == "510681"


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ('code: "510603", name: x, parent: "510600", kind: park', "built-in"),
        ('code: "510681P01", name: x, parent: "510699", kind: park', "there is no region 510699"),
        ('code: "510681P01", name: x, parent: "510603", kind: park', "must begin with 510603"),
        ('code: "510681P01", name: x, parent: "510681P01", kind: park', "must begin with"),
        ('code: "519900", name: x, parent: "510000", kind: zone', "reads as a city"),
        ('code: "510681P01", name: x, parent: "510681", kind: city', "is unknown"),
    ],
)
def test_a_region_of_the_file_fits_into_the_tree(region: str, said: str) -> None:
    assert said in only(f"regions: [{{{region}}}]").problem


@pytest.mark.parametrize("uscc", ["91510600MA0000000B", "91350100M000100Y43"])
def test_a_sound_credit_code_passes(uscc: str) -> None:
    assert parse(plant(enterprise=f'uscc: "{uscc}"')).enterprises[0].uscc == uscc


def test_the_check_digit_of_a_credit_code_is_verified() -> None:
    fault = only(plant(enterprise='uscc: "91510600MA00000000"'))
    assert (fault.line, fault.place) == (6, "enterprises[0].uscc")
    assert "must be B (GB 32100-2015)" in fault.problem


def test_a_credit_code_has_no_letters_that_look_like_digits() -> None:
    assert "without I, O" in only(plant(enterprise='uscc: "91510600MAO000000B"')).problem


@pytest.mark.parametrize(
    ("location", "key"),
    [("{lat: 91, lon: 1}", "lat"), ("{lat: 1, lon: -181}", "lon"), ("{lat: 1}", None)],
)
def test_a_location_lies_on_the_earth(location: str, key: str | None) -> None:
    place = "enterprises[0].sources[0].location" + (f".{key}" if key else "")
    assert only(plant(source=f", location: {location}")).place == place


def test_s_r_and_level_are_computed() -> None:
    text = ", chemicals: [{name: 氨, cas: 7664-41-7, tonnes: 50}], exposed_population: 60"
    source = parse(plant(source=text)).sources[0]
    assert (source.s, source.r, source.level) == (5.0, 15.0, 3)
    assert source.chemicals == ({"name": "氨", "cas": "7664-41-7", "tonnes": 50.0},)


@pytest.mark.parametrize(
    ("chemical", "said"),
    [
        ("name: 氨, cas: 7664-41-8, tonnes: 50", "no CAS number"),
        ("name: 苯, tonnes: 50", "write its class"),
        ("name: 某物, tonnes: 50", "does not stand in Table 1"),
        ("name: 苯, tonnes: 50, class: W99", "not one of"),
        ("name: 氨, tonnes: 0", "more than 0"),
        ("name: 氨", "tonnes is missing"),
        ("name: 氨, cas: 71-43-2, tonnes: 1", "correct the name or the cas"),
    ],
)
def test_a_chemical_that_the_standard_does_not_settle_is_a_fault(chemical: str, said: str) -> None:
    assert said in only(plant(source=f", chemicals: [{{{chemical}}}]")).problem


def test_a_major_source_without_population_or_persons_only_warns() -> None:
    found = parse(plant(source=", chemicals: [{name: 氨, tonnes: 50}]"))
    assert found.sources[0].level is None
    assert "exposed_population" in found.warnings[0].problem
    assert found.warnings[1].problem.endswith("lacks: principal, technical, operation")


def test_only_the_responsible_persons_that_are_missing_are_named() -> None:
    person = "responsible: [{role: technical, name: 李}]"
    found = parse(plant(source=f", chemicals: [{{name: 氨, tonnes: 50}}], {person}"))
    assert found.warnings[1].problem.endswith("lacks: principal, operation")


@pytest.mark.parametrize(
    "text",
    [
        (
            "regions: [{code: 510681P1, name: a, parent: '510681', kind: park},"
            " {code: 510681P1, name: a, parent: '510681', kind: park}]"
        ),
        "enterprises: [{code: E, name: a, region: '510603'}, {code: E, name: b, region: '510603'}]",
        (
            "enterprises: [{code: E, name: a, region: '510603', sources: ["
            "{code: S, name: a, kind: other}, {code: S, name: b, kind: other}]}]"
        ),
        (
            "{enterprises: [{code: E, name: a, region: '510603'}],"
            " gateways: [{id: g, enterprise: E}, {id: g, enterprise: E}]}"
        ),
    ],
)
def test_a_key_that_stands_twice_is_refused(text: str) -> None:
    assert "once is enough" in only(text).problem


def test_a_tag_is_unique_within_its_enterprise_and_not_beyond() -> None:
    twice = plant(f"{POINT}}}, {{{POINT}")
    assert "T1 stands in line 14 already" in only(twice).problem
    two = plant() + plant().replace("enterprises:\n", "").replace("code: E1", "code: E2")
    assert len(parse(two).points) == 2


def test_a_gateway_of_another_enterprise_is_refused() -> None:
    assert "belongs to E9" in only(plant(f"{POINT}, gateway: gw-9"), **{"gw-9": "E9"}).problem


def test_a_registered_gateway_needs_no_entry() -> None:
    assert parse(plant(f"{POINT}, gateway: gw-9"), **{"gw-9": "E1"}).points[0].gateway == "gw-9"


def test_a_gateway_does_not_change_its_enterprise() -> None:
    text = plant(more="gateways: [{id: gw-9, enterprise: E1}]")
    assert "belongs to E9 already" in only(text, **{"gw-9": "E9"}).problem


def test_a_gateway_needs_an_enterprise_of_the_file_or_the_record() -> None:
    assert "there is no enterprise" in only("gateways: [{id: g, enterprise: E1}]").problem
    assert parse("gateways: [{id: g, enterprise: E1}]", x="E1").gateways[0].id == "g"


def test_every_fault_of_the_file_comes_at_once_in_order_of_lines() -> None:
    text = plant(f"{POINT}, limit: 1, deadband: -1", enterprise="simulatd: true", more="x: 1")
    found = faults(text.replace("tank_farm", "tankfarm"))
    assert [fault.place.rpartition(".")[2] for fault in found] == [
        "simulatd",
        "kind",
        "limit",
        "deadband",
        "x",
    ]
    assert [fault.line for fault in found] == sorted(fault.line for fault in found)


def test_json_is_read_like_yaml() -> None:
    text = '{"enterprises": [{"code": "E1", "name": "a", "region": "510603", "simulated": true}]}'
    assert parse(text).enterprises[0].simulated


def test_a_rare_sign_escaped_as_json_does_is_read() -> None:
    text = '{"enterprises": [{"code": "E1", "name": "\\ud842\\udfb7", "region": "510603"}]}'
    assert parse(text).enterprises[0].name == "𠮷"


def test_a_name_may_have_a_wide_blank_but_no_invisible_sign() -> None:
    assert parse(plant(f"{POINT}, name: 液位\u3000一")).points[0].name == "液位\u3000一"
    assert "invisible" in only(plant(f"{POINT}, name: 液\u200b位")).problem


def test_a_park_does_not_begin_with_the_code_of_another() -> None:
    one = '{code: "510681P1", name: a, parent: "510681", kind: park}'
    two = '{code: "510681P12", name: a, parent: "PARENT", kind: park}'
    beside = faults(f"regions: [{one}, {two.replace('PARENT', '510681')}]")
    assert ["begin alike" in fault.problem for fault in beside] == [True, True]
    assert faults(f"regions: [{one}, {two.replace('PARENT', '510681P1')}]") == ()


def test_of_many_faults_the_first_200_are_told_and_all_are_kept() -> None:
    entries = "\n".join(f"  - {{id: g{n}}}" for n in range(250))
    with pytest.raises(RefusedError) as refused:
        parse(f"gateways:\n{entries}")
    lines = str(refused.value).splitlines()
    assert len(lines) == 202
    assert lines[-1] == "  … and 50 more faults, 250 in all"
    assert len(refused.value.faults) == 250


@pytest.mark.parametrize("kind", ["limit", "forecast"])
def test_what_goes_by_limits_is_warned_of_where_there_are_none(kind: str) -> None:
    (warning,) = parse(plant(f"{POINT}, detect: [comms, {kind}]")).warnings
    assert (warning.line, warning.place.rpartition("].")[2]) == (14, f"detect.{kind}")
    assert "none is set" in warning.problem
    assert parse(plant(f"{POINT}, detect: [{kind}], limits: {{h: 1}}")).warnings == ()
    assert parse(plant(POINT)).warnings == ()
