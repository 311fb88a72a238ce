"""Which tier a limit alarm has: the shipped table, a region's own, and what raises it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms import regions, registry, rulesfile, tier_checks, tiers
from alarms.alarm import Alarm, Tier
from alarms.errors import Fault, RefusedError
from alarms.lifecycle import step
from alarms.plant import Plant, Point, Raise, Source, Tiering
from alarms.readings import Quality
from alarms.registry import Registry
from alarms.rules import high_levels, rules_of
from tests.unit.plants import SECOND, at, plant, point
from tests.unit.streams import POINTS, Keeper, Row, Step, streams

METHANE: dict[str, Any] = {"quantity": "methane", "engineering_unit": "%CH4", "on_delay_s": 0.0}
CUT_TIERS = {"h": "yellow", "cut": "orange"}
RAISES = (
    Raise(tier="red", peak=3.0),
    Raise(tier="orange", lasting_s=600.0),
    Raise(tier="red", points=3),
)


def with_tiering(*points: Point, level: int | None = None, **table: Any) -> Plant:
    """Return a plant in 510603 under a table of 51 for methane, its source of a GB 18218 level."""
    built = plant(points)
    given: dict[str, Any] = {"region": "510000", "quantity": "methane"}
    ((key, source),) = built.sources.items()
    fields = {name: getattr(source, name) for name in Source.__slots__}
    return Plant(
        enterprises=built.enterprises, sources={key: Source(**(fields | {"level": level}))},
        units=built.units, points=points, gateways=built.gateways, point_ids=built.point_ids,
        registered=built.registered, tierings=(Tiering(**(given | table)),),
    )  # fmt: skip


def methane(tag: str = "T1", **settings: Any) -> Point:
    return point(tag, **(METHANE | {"limits": {"h": 1.0}, "tiers": {"h": "yellow"}} | settings))


def row(seconds: float, value: float, index: int = 0, quality: int = 0) -> Row:
    return index, at(seconds), at(seconds), value, quality


def told(keeper: Keeper) -> list[tuple[str, str, str, float]]:
    return [
        (event.subject.point or "", event.change.value, event.tier.name,
         (event.t_change - at(0)) / SECOND)
        for event in keeper.events
        if event.rule.startswith("limit") and event.change.value != "quality"
    ]  # fmt: skip


def test_without_a_table_tiers_are_the_shipped_ones() -> None:
    built = plant([point(limits={"h": 9.0, "hh": 10.0})])
    assert rules_of(built).tier[0].tolist() == [0, 0, Tier.yellow, Tier.orange, 0]
    assert tiers.default("smoke", "h") is Tier.orange


def test_a_regions_table_names_the_tiers_of_all_below_it_and_the_points_own_win() -> None:
    one, own = methane(limits={"h": 1.0, "cut": 1.5}, tiers={}), methane("T2", tiers={"h": "red"})
    built = with_tiering(one, own, limits={"h": "blue"})
    tier = rules_of(built).tier
    assert (tier[0, 2], tier[0, 3], tier[1, 2]) == (Tier.blue, Tier.red, Tier.red)


def test_the_smallest_region_with_a_table_decides() -> None:
    built = with_tiering(methane(tiers={}), limits={"h": "blue"})
    nearer = Tiering(region="510600", quantity="methane", limits={"h": "yellow"})
    other = Tiering(region="320000", quantity="methane", limits={"h": "red"})
    three = Plant(
        **{name: getattr(built, name) for name in ("enterprises", "sources", "units", "points",
           "gateways", "point_ids", "registered")},
        tierings=(nearer, *built.tierings, other),
    )  # fmt: skip
    assert rules_of(three).tier[0, 2] == Tier.yellow


@pytest.mark.parametrize(("level", "tier"), [(None, "yellow"), (4, "yellow"), (1, "red")])
def test_a_sources_level_makes_its_alarms_so_many_tiers_higher(
    level: int | None, tier: str
) -> None:
    one = methane(limits={"h": 1.0}, tiers={})
    built = with_tiering(one, level=level, limits={"h": "yellow"}, source_levels={"1": 2})
    (found,) = high_levels(tiers.graded(built, one))
    assert found.tier.name == tier


def test_a_peak_raises_at_its_reading_and_once() -> None:
    one = Keeper(with_tiering(methane(), raises=RAISES))
    one.feed([row(0, 1.2), row(10, 3.0), row(20, 2.0), row(30, 3.5)])
    assert told(one) == [("T1", "raised", "yellow", 0), ("T1", "tier_up", "red", 10)]


def test_a_duration_raises_at_its_instant_whoever_finds_it() -> None:
    by_tick, by_reading = (Keeper(with_tiering(methane(), raises=RAISES)) for _ in range(2))
    for one in (by_tick, by_reading):
        for second in range(0, 600, 20):
            one.feed([row(second, 1.2)])
    by_tick.restart()
    for second in range(590, 605):
        by_tick.tick(at(second))
    by_reading.feed([row(605, 1.3)])
    expected = [("T1", "raised", "yellow", 0), ("T1", "tier_up", "orange", 600)]
    assert told(by_tick) == told(by_reading) == expected


def test_what_lasted_before_the_reading_that_ends_it_is_told_before_the_end() -> None:
    one = Keeper(with_tiering(methane(off_delay_s=0.0), raises=RAISES))
    one.feed([row(0, 1.2), row(601, 0.5)])
    assert [change for _, change, *_ in told(one)] == ["raised", "tier_up", "returned"]
    assert [rule for _, rule in one.states] == ["limit.past", "tiers.past", "flood"]


def test_a_bad_signal_lets_the_time_go_on() -> None:
    one = Keeper(with_tiering(methane(), raises=RAISES))
    one.feed([row(0, 1.2), row(610, 0.0, quality=Quality.bad)])
    assert told(one)[-1] == ("T1", "tier_up", "orange", 600)
    assert [event.quality for event in one.events][-1] == "bad"


def test_enough_points_of_one_source_raise_all_that_are_over() -> None:
    many = Keeper(with_tiering(*(methane(f"T{n}") for n in range(4)), raises=RAISES))
    many.feed([row(0, 1.2), row(1, 1.2, 1), row(2, 1.2, 2), row(3, 1.2, 3)])
    assert told(many) == [
        ("T0", "raised", "yellow", 0),
        ("T1", "raised", "yellow", 1),
        ("T2", "raised", "yellow", 2),
        ("T0", "tier_up", "red", 2),
        ("T1", "tier_up", "red", 2),
        ("T2", "tier_up", "red", 2),
        ("T3", "raised", "yellow", 3),
        ("T3", "tier_up", "red", 3),
    ]


def test_a_raised_tier_falls_back_only_with_the_limits_own() -> None:
    limits: dict[str, Any] = {
        "limits": {"h": 1.0, "cut": 1.5},
        "tiers": {"h": "yellow", "cut": "orange"},
    }
    one = Keeper(with_tiering(methane(**limits, off_delay_s=0.0), raises=RAISES))
    one.feed([row(0, 1.2), row(10, 3.0), row(20, 1.6), row(30, 1.2)])
    alarm: Alarm | None = None
    path = []
    for event in one.events:
        alarm = step(alarm, event, now=at(0)).alarm
        assert alarm is not None
        path.append(alarm.tier.name)
    assert path == ["yellow", "orange", "red", "yellow"]
    assert alarm is not None
    assert (alarm.peak, alarm.limit) == (3.0, 1.0)


def test_a_limit_above_of_a_lower_tier_does_not_lower_what_was_raised() -> None:
    limits: dict[str, Any] = {
        "limits": {"h": 1.0, "cut": 5.0},
        "tiers": {"h": "yellow", "cut": "orange"},
    }
    one = Keeper(with_tiering(methane(**limits), raises=RAISES))
    one.feed([row(0, 1.2), row(10, 3.0), row(20, 5.0)])
    alarm: Alarm | None = None
    for event in one.events:
        alarm = step(alarm, event, now=at(0)).alarm
    assert alarm is not None
    assert (alarm.tier, alarm.limit) == (Tier.red, 5.0)


def raised_plant() -> Plant:
    table = (Raise(tier="red", peak=9.9), Raise(tier="orange", lasting_s=9.0),
             Raise(tier="red", points=2))  # fmt: skip
    each = [Tiering(region="510603", quantity=q, raises=table) for q in ("level", "methane")]
    return plant(POINTS, tierings=each)


@given(streams(), st.frozensets(st.integers(0, 40)))
@settings(max_examples=80, deadline=None)
def test_neither_batches_nor_restarts_change_what_is_raised(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    def ran(cuts: frozenset[int], *, restart: bool = False) -> Keeper:
        one = Keeper(raised_plant())
        one.run(steps, cuts, restart=restart)
        return one

    whole, cut, restarted = ran(frozenset()), ran(cuts), ran(cuts, restart=True)
    assert told(whole) == told(cut) == told(restarted)
    assert whole.standing() == cut.standing() == restarted.standing()


FILE = """
tiers:
  - region: "510000"
    quantity: methane
    limits: {h: yellow, cut: orange}
    source_levels: {1: 1}
    raise:
      - {peak: 2.0, tier: orange}
      - {lasting_s: 600, tier: red}
"""


def test_a_registry_file_may_hold_tables_of_tiers() -> None:
    known = registry.Known(regions=regions.builtin(), gateways={})
    (table,) = registry.parse(FILE.encode(), known).tierings
    assert (table.limits, table.source_levels) == ({"h": "yellow", "cut": "orange"}, {"1": 1})
    assert [each.tier for each in table.raises] == ["orange", "red"]


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ('"510000"', '"990000"', 3, "there is no region 990000"),
        ("h: yellow", "h: red", 5, "tier of h is red, of cut orange"),
        ("peak: 2.0, ", "", 7, "one condition is wanted"),
        ("methane", "methan", 4, "perhaps methane"),
        ("lasting_s: 600", "lasting_s: 0", 9, "more than 0"),
    ],
)
def test_a_table_that_cannot_work_is_refused_with_its_line(
    old: str, new: str, line: int, said: str
) -> None:
    known = registry.Known(regions=regions.builtin(), gateways={})
    with pytest.raises(RefusedError) as refused:
        registry.parse(FILE.replace(old, new).encode(), known)
    assert [fault.line for fault in refused.value.faults] == [line]
    assert said in refused.value.faults[0].problem


def read(points: str, *, tables: str = "", registered: tuple[Tiering, ...] = ()) -> Registry:
    """Read a file with methane points of 510603 under a table; the first point is in line 12."""
    text = f"""
enterprises:
  - code: E1
    name: 某矿
    region: "510603"
    sources:
      - code: S1
        name: 矿井
        kind: coal_mine
        units:
          - {{code: U1, name: 工作面, kind: working_face, points: [
              {points}]}}
tiers:
  - {{region: "510000", quantity: methane, {tables}}}
"""
    if not tables:
        text = text[: text.index("tiers:\n")]
    held = {(each.region, each.quantity): each for each in registered}
    known = registry.Known(regions=regions.builtin(), gateways={}, tierings=held)
    return registry.parse(text.encode(), known)


def methane_point(more: str = "") -> str:
    given = "limits: {h: 1.0, cut: 1.5, reset: 1.0}, sector: T1"
    return f"{{tag: M1, quantity: methane, unit: '%CH4', {given}{more}}}"


def refusals(*words: Any, **named: Any) -> list[Fault]:
    with pytest.raises(RefusedError) as refused:
        read(*words, **named)
    return list(refused.value.faults)


@pytest.mark.parametrize("tier", ["yellow", "blue", "orange"])
def test_a_raise_above_no_limit_of_its_table_is_refused(tier: str) -> None:
    (fault,) = refusals(methane_point(), tables=f"raise: [{{lasting_s: 600, tier: {tier}}}]")
    assert (fault.line, fault.place) == (14, "tiers[0].raise[0].tier")
    assert "no limit has a lower tier" in fault.problem


def test_a_points_tier_below_what_the_table_gives_an_inner_limit_is_refused() -> None:
    table = "limits: {h: red, cut: red}"
    (fault,) = refusals(methane_point(", tiers: {cut: orange}"), tables=table)
    assert (fault.line, fault.place[-5:]) == (12, "tiers")
    assert "tier of h is red, of cut orange" in fault.problem
    held = Tiering(region="510600", quantity="methane", limits={"h": "red", "cut": "red"})
    (fault,) = refusals(methane_point(", tiers: {cut: orange}"), registered=(held,))
    assert "the table of 510600 for methane" in fault.problem


def test_a_peak_that_every_alarm_has_is_warned_of_at_the_limit() -> None:
    (warning,) = read(methane_point(), tables="raise: [{peak: 0.5, tier: red}]").warnings
    assert (warning.line, warning.place.rpartition(".")[2]) == (12, "h")
    assert "every alarm of h is red at once" in warning.problem
    assert read(methane_point(), tables="raise: [{peak: 1.2, tier: red}]").warnings == ()


def test_a_peak_of_low_alarms_is_told_where_it_hits_the_high_ones() -> None:
    held = Tiering(region="510600", quantity="oxygen", raises=(Raise(tier="red", peak=16.0),))
    both = "{tag: O2, quantity: oxygen, unit: '%VOL', limits: {l: 19.5, h: 23.5}}"
    (warning,) = read(both, registered=(held,)).warnings
    assert "every alarm of h is red" in warning.problem


def test_a_raise_that_does_nothing_at_a_point_is_warned_of() -> None:
    red = methane_point(", tiers: {h: red}")
    (warning,) = read(red, tables="raise: [{points: 2, tier: red}]").warnings
    assert "no effect" in warning.problem
    assert read(methane_point(), tables="raise: [{points: 2, tier: red}]").warnings == ()


def test_a_new_table_is_held_against_the_points_that_are_registered() -> None:
    own = methane(limits={"h": 1.0, "cut": 1.5}, tiers={"cut": "orange"})
    table = Tiering(region="510000", quantity="methane", limits={"h": "red", "cut": "red"})
    three = [own, replace(own, tag="T2"), replace(own, tag="T3")]
    (told,) = tier_checks.regraded(plant(three), (table,), ())
    assert told.startswith("DY-CHEM-01/T1 and 2 more: tiers tier of h is red, of cut orange")
    (told,) = tier_checks.regraded(plant(three), (table,), three[:2])
    assert told.startswith("DY-CHEM-01/T3: tiers")
    assert list(tier_checks.regraded(plant(three), (table,), three)) == []
    assert list(tier_checks.regraded(plant(three), (), ())) == []


def test_a_rule_may_not_set_a_tier_that_falls_under_the_table() -> None:
    table = Tiering(region="510000", quantity="methane", limits={"h": "red", "cut": "red"})
    one = methane(limits={"h": 1.0, "cut": 1.5}, tiers={})
    rules = b"rules: [{id: r, kind: limit, tiers: {cut: orange}}]"
    with pytest.raises(RefusedError, match="tier of h is red, of cut orange"):
        rulesfile.parse(rules, plant([one], tierings=(table,)))
