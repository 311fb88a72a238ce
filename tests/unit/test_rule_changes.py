"""What a changed registry means for an open alarm: row 24, with what was and what is."""

from dataclasses import replace
from typing import Any

import pytest

from alarms import registry_changes
from alarms.alarm import Alarm, Kind, ProcessEvent, Tier, Transition
from alarms.lifecycle import RuleChange, step
from alarms.plant import Enterprise, Plant, Point, Raise, Source, Tiering
from alarms.registry import Registry
from alarms.rule_changes import Registered
from tests.unit.plants import START, plant, point

METHANE: dict[str, Any] = {
    "quantity": "methane",
    "engineering_unit": "%CH4",
    "limits": {"h": 1.0, "cut": 1.5, "reset": 1.0},
}
TABLE = Tiering(region="510000", quantity="methane", limits={"h": "yellow", "cut": "orange"})
HIGHER = replace(TABLE, limits={"h": "orange", "cut": "orange"})


def methane(tag: str = "T1", **settings: Any) -> Point:
    return point(tag, **(METHANE | settings))


def imported(before: Plant, **file: tuple[Any, ...]) -> Registered:
    """Import a file that says these entries, by kind, into a plant."""
    given: dict[str, Any] = dict.fromkeys(
        ("regions", "enterprises", "sources", "units", "points", "gateways", "warnings"), ()
    )
    done = registry_changes.changes(Registry(**given | file), before, {})
    return Registered(before, done, actor="engineer")


def an_open(plant: Plant, tag: str = "T1", rule: str = "limit.high") -> Alarm:
    """Return an open alarm of a point's rule."""
    event = ProcessEvent(
        subject=plant.subject(plant.rows["DY-CHEM-01"][tag]), rule=rule,
        kind=Kind(rule.partition(".")[0]), change=Transition.raised, tier=Tier.yellow,
        t_change=START, t_event=START, t_received=START,
    )  # fmt: skip
    alarm = step(None, event, now=START).alarm
    assert alarm is not None
    return alarm


def told(behind: Registered, plant: Plant, **asked: str) -> RuleChange | None:
    """Return what an import says to an open alarm of a plant; None where it does not ask for it."""
    alarm = an_open(plant, **asked)
    return behind.change(alarm) if alarm.subject.key in behind.keys else None


def changed(note: str) -> RuleChange:
    return RuleChange(change=Transition.rule_changed, actor="engineer", note=note)


def source_of(plant: Plant) -> Source:
    (source,) = plant.sources.values()
    return source


@pytest.mark.parametrize(
    ("before", "after", "note"),
    [
        (TABLE, HIGHER, "tiers: h yellow → orange"),
        (TABLE, replace(TABLE, limits={"h": "blue"}), "tiers: h yellow → blue; cut orange → red"),
        (
            TABLE, replace(TABLE, raises=(Raise(tier="red", peak=3.0),)),
            "tiers: raise none → red from 3",
        ),
        (
            replace(TABLE, raises=(Raise(tier="orange", lasting_s=600.0),)),
            replace(TABLE, raises=(Raise(tier="red", points=3),)),
            "tiers: raise orange after 600 s → red with 3 points",
        ),
    ],
)  # fmt: skip
def test_a_changed_table_of_tiers_changes_the_rule_of_its_open_limit_alarms(
    before: Tiering, after: Tiering, note: str
) -> None:
    registered = plant([methane()], tierings=[before])
    assert told(imported(registered, tierings=(after,)), registered) == changed(note)


def test_a_regions_first_table_is_told_by_what_it_grades_otherwise() -> None:
    registered = plant([methane()])
    found = told(imported(registered, tierings=(HIGHER,)), registered)
    assert found == changed("tiers: cut red → orange")
    same = replace(TABLE, limits={"h": "orange", "cut": "red"})
    assert told(imported(registered, tierings=(same,)), registered) is None


def test_a_table_of_another_quantity_or_region_changes_nothing() -> None:
    registered = plant([methane(), point("L1", limits={"h": 8.0})], tierings=[TABLE])
    behind = imported(registered, tierings=(HIGHER,))
    assert behind.keys == ["DY-CHEM-01/T1"]
    elsewhere = replace(HIGHER, region="440000")
    assert told(imported(registered, tierings=(elsewhere,)), registered) is None
    nearer = replace(HIGHER, region="510600")
    assert told(imported(registered, tierings=(nearer,)), registered) is not None
    under = plant([methane()], tierings=[TABLE, nearer])
    assert told(imported(under, tierings=(replace(TABLE, limits={}),)), under) is None


@pytest.mark.parametrize(
    ("rule", "note"),
    [
        ("rate", "tiers: rate yellow → orange"),
        ("deviation", None),
        ("sensor.drift", "tiers: sensor blue → yellow"),
        ("comms.stale", "tiers: comms blue → orange"),
        ("forecast.h", "tiers: yellow within 1800 s → always; orange within 600 s → within 2700 s"),
        ("limit.high", "tiers: h yellow → orange; cut orange → red"),
    ],
)
def test_a_table_grades_each_kind_that_it_names(rule: str, note: str | None) -> None:
    registered = plant([methane()], tierings=[TABLE])
    level = replace(source_of(registered), level=1)
    table = replace(
        TABLE,
        kinds={"rate": "yellow", "sensor": "blue", "comms": "orange"},
        forecast={"yellow_s": 2700, "orange_s": 900},
        source_levels={"1": 1},
    )
    behind = imported(registered, tierings=(table,), sources=(level,))
    assert told(behind, registered, rule=rule) == (None if note is None else changed(note))


def test_a_points_own_tier_wins_over_a_changed_table() -> None:
    registered = plant([methane(tiers={"h": "yellow", "cut": "red"})], tierings=[TABLE])
    assert told(imported(registered, tierings=(HIGHER,)), registered) is None


def test_a_changed_level_of_the_source_or_region_of_the_enterprise_changes_the_rule() -> None:
    table = replace(TABLE, source_levels={"1": 1})
    registered = plant([methane()], tierings=[table])
    level = replace(source_of(registered), level=1)
    assert told(imported(registered, sources=(level,)), registered) == changed(
        "tiers: h yellow → orange; cut orange → red"
    )
    moved = Enterprise(code="DY-CHEM-01", name="某化工有限公司", region="440305")
    found = told(imported(registered, enterprises=(moved,)), registered)
    assert found == changed("tiers: h yellow → orange; cut orange → red")
    assert imported(registered, sources=(replace(level, level=None, name="新名"),)).keys == []
    renamed = Enterprise(code="DY-CHEM-01", name="新名", region="510603")
    assert imported(registered, enterprises=(renamed,)).keys == []


def test_a_point_and_its_table_that_change_at_once_are_told_at_once() -> None:
    registered = plant([methane()], tierings=[TABLE])
    wider = replace(registered.points[0], deadband=0.1)
    found = told(imported(registered, points=(wider,), tierings=(HIGHER,)), registered)
    assert found == changed("deadband 0.0 → 0.1; tiers: h yellow → orange")


def test_a_point_that_moves_to_a_source_of_another_level_is_graded_by_that() -> None:
    registered = plant([methane()], tierings=[replace(TABLE, source_levels={"1": 1})])
    other = replace(source_of(registered), code="R002", level=1)
    moved = replace(registered.points[0], source="R002")
    found = told(imported(registered, points=(moved,), sources=(other,)), registered)
    assert found == changed("tiers: h yellow → orange; cut orange → red")
    assert told(imported(registered, points=(replace(moved, source="R001", name="新名"),)),
                registered) is None  # fmt: skip
