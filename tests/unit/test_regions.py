"""The shipped divisions of China: whole, linked upwards, and small."""

from importlib import resources

import pytest

from alarms import regions
from alarms.plant import prefix_of

NAMED = {
    "510000": "四川省",
    "510600": "德阳市",
    "510603": "旌阳区",
    "510604": "罗江区",
    "510623": "中江县",
    "510681": "广汉市",
    "510682": "什邡市",
    "510683": "绵竹市",
    "320000": "江苏省",
    "320600": "南通市",
    "320612": "通州区",
    "320613": "崇川区",
    "320614": "海门区",
    "320623": "如东县",
    "320681": "启东市",
    "320682": "如皋市",
    "320685": "海安市",
    "140000": "山西省",
    "140500": "晋城市",
    "140502": "城区",
    "140521": "沁水县",
    "140522": "阳城县",
    "140524": "陵川县",
    "140525": "泽州县",
    "140581": "高平市",
    "450000": "广西壮族自治区",
    "450200": "柳州市",
    "450202": "城中区",
    "450203": "鱼峰区",
    "450204": "柳南区",
    "450205": "柳北区",
    "450206": "柳江区",
    "450222": "柳城县",
    "450223": "鹿寨县",
    "450224": "融安县",
    "450225": "融水苗族自治县",
    "450226": "三江侗族自治县",
}


@pytest.mark.parametrize(("code", "name"), NAMED.items())
def test_the_codes_of_the_four_local_plans_are_there(code: str, name: str) -> None:
    assert regions.builtin()[code].name == name


def test_every_division_hangs_below_one_whose_prefix_it_has() -> None:
    for region in regions.builtin().values():
        if region.parent is None:
            assert region.kind == "province"
        else:
            assert region.code.startswith(prefix_of(regions.builtin()[region.parent].code))


@pytest.mark.parametrize(
    ("code", "parent"),
    [
        ("510000", None),
        ("510600", "510000"),
        ("510603", "510600"),
        ("110100", "110000"),
        ("110101", "110100"),
        ("710000", None),
        # A digit of zero before the level is part of the code, not its end.
        ("511000", "510000"),
        ("511011", "511000"),
        ("371000", "370000"),
        ("371082", "371000"),
        # A county whose own number ends in one zero is still a county.
        ("330110", "330100"),
        ("510620", "510600"),
        ("429010", "429000"),
    ],
)
def test_the_division_above_is_read_from_the_digits(code: str, parent: str | None) -> None:
    assert regions.parent_of(code) == parent


def test_the_division_above_is_of_the_level_above() -> None:
    for region in regions.builtin().values():
        if region.kind == "province":
            assert region.parent is None
        else:
            assert region.parent is not None
            above = regions.builtin()[region.parent].kind
            assert above == ("province" if region.kind == "city" else "city"), region.code


def test_the_34_provinces_are_there() -> None:
    provinces = [each for each in regions.builtin().values() if each.kind == "province"]
    assert len(provinces) == 34


def test_a_county_governed_by_its_province_hangs_below_a_stand_in() -> None:
    assert regions.builtin()["429004"].name == "仙桃市"
    assert regions.builtin()["429004"].parent == "429000"
    assert regions.builtin()["429000"].parent == "420000"


def test_a_city_without_counties_stands_once_as_a_city() -> None:
    assert (regions.builtin()["441900"].name, regions.builtin()["441900"].kind) == (
        "东莞市",
        "city",
    )


def test_a_zone_of_the_statistics_is_marked_as_no_county() -> None:
    assert regions.builtin()["320671"].kind == "zone"


def test_the_file_is_small_and_says_where_it_comes_from() -> None:
    text = resources.files(regions).joinpath("divisions.csv").read_text("utf-8")
    assert len(text.encode()) < 150_000
    for said in ("china-division 2.7.0", "licence", "2023-06-30"):
        assert said in text
