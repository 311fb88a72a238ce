"""Between towers: the path grows by each tower, stamps stay, and no event goes in a circle."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import towers
from alarms.alarm import ORG_LEVELS
from alarms.towers import Reason, RefusedEventError, ToldAlarm, ToldWarning, Tower
from api import examples, warning_schemas

COUNTY, CITY, PROVINCE = (
    Tower(id=name, name=f"{name} tower") for name in ("county", "city", "province")
)
STAMPS = ("t_raised", "t_event", "t_received", "t_committed")
_NOON = 1_763_712_000_000_000


def travelled(*path: Tower) -> dict[str, Any]:
    """Return an alarm of the first tower as it leaves the last."""
    document: dict[str, Any] = dict(examples.ALARM)
    for n, tower in enumerate(path):
        if n:
            document = towers.arrived(document, received=_NOON + n, committed=_NOON + n + 1)
        document = towers.departing(document, tower)
    return document


def test_each_tower_adds_itself_and_when_it_had_the_event() -> None:
    sent = travelled(COUNTY, CITY)
    assert [each["id"] for each in sent["towers"]] == ["county", "city"]
    assert sent["towers"][0]["t_committed"] == examples.ALARM["t_committed"]
    assert sent["towers"][1]["t_committed"] == "2025-11-21T08:00:00.000002Z"
    here = towers.arrived(sent, received=_NOON + 5, committed=_NOON + 6)
    assert here["origin"] == {"id": "county", "name": "county tower"}
    assert here["relayed"]["t_received"] == "2025-11-21T08:00:00.000005Z"
    assert {stamp: here[stamp] for stamp in STAMPS} == {
        stamp: examples.ALARM[stamp] for stamp in STAMPS
    }


def test_an_alarm_and_a_warning_are_understood() -> None:
    assert isinstance(towers.read(travelled(COUNTY), "raised", CITY), ToldAlarm)
    warning = towers.departing(dict(warning_schemas.EXAMPLE), COUNTY)
    assert isinstance(towers.read(warning, "issued", CITY), ToldWarning)


@given(st.lists(st.sampled_from([COUNTY, CITY, PROVINCE]), min_size=1, max_size=6))
def test_a_tower_takes_no_event_that_has_passed_it(path: list[Tower]) -> None:
    sent = travelled(*path)
    for tower in (COUNTY, CITY, PROVINCE):
        assert towers.passed(sent, {tower.id}) is (tower in path)
        if tower in path:
            with pytest.raises(RefusedEventError, match="been here before") as refused:
                towers.read(sent, "raised", tower)
            assert refused.value.reason is Reason.loop
        else:
            assert towers.read(sent, "raised", tower).id == examples.ALARM["id"]


def test_a_path_longer_than_any_is_refused() -> None:
    path = [Tower(id=f"t{n}", name="") for n in range(towers.LONGEST_PATH + 1)]
    with pytest.raises(RefusedEventError, match="towers"):
        towers.read(travelled(*path), "raised", PROVINCE)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("rev", 0),
        ("id", ""),
        ("tier", "purple"),
        ("tier", "none"),
        ("peak_tier", "blue"),
        ("region", None),
        ("state", "ASLEEP"),
        ("kind", "system-wide"),
        ("t_event", "yesterday"),
        ("t_event", "2025-11-21T08:00:00"),
        ("acks", {"site": None}),
        ("towers", []),
        ("simulated", "no"),
    ],
)
def test_an_event_that_readers_could_not_use_is_refused(member: str, value: object) -> None:
    with pytest.raises(RefusedEventError) as refused:
        towers.read(travelled(COUNTY) | {member: value}, "raised", CITY)
    assert refused.value.reason is Reason.bad_event


@pytest.mark.parametrize("change", ["", "exploded", "issued"])
def test_a_transition_nobody_knows_is_refused(change: str) -> None:
    with pytest.raises(RefusedEventError):
        towers.read(travelled(COUNTY), change, CITY)


@given(st.one_of(st.none(), st.text(max_size=8), st.sampled_from(ORG_LEVELS)))
def test_a_tower_above_acts_for_its_own_level_or_a_higher_one_and_never_for_the_site(
    told: str | None,
) -> None:
    for level in ORG_LEVELS[1:]:
        acting = towers.acting_level(told, level)
        assert ORG_LEVELS.index(acting) >= ORG_LEVELS.index(level)
        assert acting in (level, told)
