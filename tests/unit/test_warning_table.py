"""Which alarms ask for a warning: the shipped table, a region's own, time and extent."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import pytest

from alarms import warning_table
from alarms.alarm import Kind, Tier
from alarms.plant import prefix_of
from alarms.warning import Asking
from alarms.warning_table import Place, Standing, Told, WarningRule, WarningTable

NOW: Final = 1_763_712_000_000_000
S: Final = 1_000_000
PLACE: Final = Place("510603", "E1", "S1", 2, False, "某企业", "罐区")
NAMES: Final = {"510603": "旌阳区", "510600": "德阳市", "510000": "四川省"}


def alarm(name: str = "A", tier: Tier = Tier.orange, **more: Any) -> Standing:
    given: dict[str, Any] = {
        "id": name, "key": f"E1/{name}", "kind": Kind.limit, "tier": tier, "t_raised": NOW,
        "raises": 0, "probability": 0.0, "words": f"{name} 液位高高", **more,
    }  # fmt: skip
    return Standing(**given)


def asked(
    *alarms: Standing,
    table: WarningTable | None = None,
    place: Place = PLACE,
    told: Mapping[str, Told] | None = None,
    after_s: float = 0,
) -> Asking | None:
    return warning_table.asking(
        table or warning_table.shipped(),
        place,
        alarms,
        told=told or {},
        names=NAMES,
        whose="",
        now=NOW + round(after_s * S),
    )


def level(*alarms: Standing, **more: Any) -> str | None:
    found = asked(*alarms, **more)
    return None if found is None else found.level.name


def rows(*given: WarningRule) -> WarningTable:
    return WarningTable(rows=given)


def test_the_shipped_table_proposes_over_red_orange_and_sure_forecasts_and_issues_nothing() -> None:
    assert level(alarm(tier=Tier.red)) == "red"
    assert level(alarm(tier=Tier.orange)) == "orange"
    assert level(alarm(tier=Tier.yellow)) is None
    sure = alarm(tier=Tier.orange, kind=Kind.forecast, probability=0.95)
    assert level(sure) == "yellow"
    assert level(sure._replace(probability=0.8)) is None
    assert level(sure._replace(tier=Tier.blue)) is None
    assert not any(row.automatic for row in warning_table.shipped().rows)


@pytest.mark.parametrize("kind", [Kind.sensor, Kind.comms, Kind.system])
def test_an_instrument_asks_for_no_warning(kind: Kind) -> None:
    assert level(alarm(kind=kind, tier=Tier.red)) is None


def test_the_highest_row_counts_and_all_alarms_of_any_row_stand_behind_it() -> None:
    found = asked(alarm("A"), alarm("B", Tier.red, t_raised=NOW + S), alarm("C", Tier.yellow))
    assert found is not None
    assert (found.level, found.alarms, found.basis) == (Tier.red, ("A", "B"), "default 1 (D)")
    assert found.notice.cautions == "B 液位高高"
    assert found.notice.starts_at == NOW


def test_it_says_what_the_law_asks_in_the_name_of_whose_it_is() -> None:
    found = asked(alarm())
    assert found is not None
    assert (found.government, found.notice.issuer) == ("city", "德阳市人民政府")
    assert "应急救援队伍待命" in found.notice.measures
    county = asked(alarm(kind=Kind.forecast, probability=1.0))
    assert county is not None
    assert (county.government, county.notice.issuer) == ("county", "旌阳区人民政府")
    own = WarningTable(
        rows=(WarningRule(level="orange", tier="orange"),), issuer={"city": "德阳市应急管理局"}
    )
    told = asked(alarm(), table=own)
    assert told is not None
    assert told.notice.issuer == "德阳市应急管理局"


def test_a_municipality_speaks_where_no_city_is() -> None:
    place = PLACE._replace(region="500112")
    found = warning_table.asking(
        warning_table.shipped(), place, [alarm()], told={}, whose="", now=NOW,
        names={"500100": "市辖区", "500000": "重庆市"},
    )  # fmt: skip
    assert found is not None
    assert found.notice.issuer == "重庆市人民政府"


def test_duration_extent_and_the_sources_level_are_asked_for_where_a_row_says_so() -> None:
    lasting = rows(WarningRule(level="red", tier="orange", lasting_s=60))
    assert level(alarm(), table=lasting, after_s=59.9) is None
    assert level(alarm(), table=lasting, after_s=60) == "red"
    assert warning_table.due(lasting, PLACE, [alarm()], NOW) == NOW + 60 * S
    assert warning_table.due(lasting, PLACE, [alarm()], NOW + 60 * S) is None
    wide = rows(WarningRule(level="red", tier="orange", points=2))
    assert level(alarm("A"), alarm("B", key="E1/A"), table=wide) is None
    assert level(alarm("A"), alarm("B"), table=wide) == "red"
    grave = rows(WarningRule(level="red", tier="orange", source_levels=(1,)))
    assert level(alarm(), table=grave) is None
    assert level(alarm(), table=grave, place=PLACE._replace(level=1)) == "red"


def test_what_was_asked_is_not_asked_again_until_it_is_worse_or_raised_again() -> None:
    told = {"A": Told(0, Tier.orange)}
    assert asked(alarm("A"), told=told) is None
    assert level(alarm("A", Tier.red), told=told) == "red"
    assert level(alarm("A", raises=1), told=told) == "orange"
    assert level(alarm("A"), alarm("B"), told=told) == "orange"


def test_its_id_follows_from_what_is_news_and_from_nothing_else() -> None:
    one, same = asked(alarm("A"), alarm("B", t_raised=NOW + 1)), asked(alarm("A"))
    assert one is not None
    assert same is not None
    assert one.id == same.id
    told = {"A": Told(0, Tier.orange)}
    others = [asked(alarm("A"), alarm("B"), told=told), asked(alarm("A", raises=1), told=told),
              asked(alarm("A", Tier.red), told=told)]  # fmt: skip
    ids = {other.id for other in others if other is not None}
    assert len(ids | {one.id}) == 4


def test_the_table_of_the_smallest_region_around_holds() -> None:
    silent = WarningTable(rows=())
    tables = {"510000": warning_table.shipped(), "510600": silent, "440000": silent}
    assert warning_table.of_region(tables, "510603") == ("510600", silent)
    assert warning_table.of_region(tables, "510703")[0] == "510000"
    assert warning_table.of_region({}, "510603") == ("", warning_table.shipped())
    assert prefix_of("510600") == "5106"


def test_a_table_is_read_strictly() -> None:
    for wrong in (
        {"rows": [{"level": "none", "tier": "red"}]},
        {"rows": [{"level": "red", "tier": "red", "probability": 2}]},
        {"rows": [{"level": "red", "tier": "red", "lasting": 2}]},
        {"rows": [], "issued_by": {"red": "site"}},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, WarningTable)
