"""A region's tiers of what is no limit alarm: rates, deviations, sensors, silence and forecasts."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms import regions, registry, tales, tiers
from alarms.alarm import Alarm, Kind, Tier, Transition
from alarms.detectors import forecast
from alarms.errors import RefusedError
from alarms.lifecycle import step
from alarms.plant import Plant, Point, Tiering
from alarms.readings import Quality
from alarms.registry import Known, Registry
from alarms.rules import HIGH
from tests.unit.plants import SECOND, at, plant, point
from tests.unit.streams import Keeper, Row
from tests.unit.test_forecast import line
from tests.unit.test_forecasts import Carrier, climb, rows, told
from tests.unit.trend_streams import aim, tasks

TABLE = Tiering(
    region="510000",
    quantity="level",
    kinds={"rate": "orange", "deviation": "orange", "sensor": "yellow", "comms": "orange"},
    forecast={"yellow_s": 2700, "orange_s": 900},
)
SHIPPED = {"rate": "yellow", "deviation": "yellow", "sensor": "blue", "comms": "blue"}
LEVELS = {"1": 1, "2": 2}


def at_level(level: int | None, table: Tiering) -> Plant:
    """Return a plant under a table whose source is of a level of GB 18218."""
    built = plant([point()], tierings=[table])
    ((key, source),) = built.sources.items()
    return replace(built, sources={key: replace(source, level=level)})


def of_kinds(built: Plant) -> dict[str, str]:
    return {kind: tiers.of_kind(built, built.points[0], kind).name for kind in tiers.KINDS}


def raised(keeper: Keeper, kind: str) -> list[tuple[str, str]]:
    """Return rule and tier of each raise of a kind."""
    return [
        (event.rule, event.tier.name)
        for event in keeper.events
        if event.kind is Kind(kind) and event.change is Transition.raised
    ]


# What a table says


def test_without_a_table_that_names_them_tiers_are_the_shipped_ones() -> None:
    for given_tables in ([], [Tiering(region="510000", quantity="level", limits={"h": "red"})]):
        built = plant([point()], tierings=given_tables)
        assert of_kinds(built) == SHIPPED
        assert tiers.within_s(built, built.points[0]) == (1800, 600)


def test_a_table_names_tiers_of_its_quantity_and_what_it_leaves_out_is_shipped() -> None:
    assert of_kinds(plant([point()], tierings=[TABLE])) == dict(TABLE.kinds)
    partly = replace(TABLE, kinds={"comms": "orange"}, forecast={"yellow_s": 3600})
    built = plant([point()], tierings=[partly])
    assert of_kinds(built) == SHIPPED | {"comms": "orange"}
    assert tiers.within_s(built, built.points[0]) == (3600, 600)
    assert of_kinds(plant([point(quantity="flow")], tierings=[TABLE])) == SHIPPED


def test_the_smallest_region_with_a_table_decides_alone() -> None:
    nearer = Tiering(region="510603", quantity="level", kinds={"comms": "yellow"})
    farther = replace(TABLE, region="510600")
    built = plant([point()], tierings=[nearer, TABLE, farther])
    assert of_kinds(built) == SHIPPED | {"comms": "yellow"}
    assert of_kinds(plant([point()], tierings=[replace(TABLE, region="320000")])) == SHIPPED


def test_a_sources_level_raises_what_its_table_names_and_never_to_red() -> None:
    table = Tiering(
        region="510000", quantity="level", source_levels=LEVELS,
        kinds={"rate": "orange", "comms": "blue"},
    )  # fmt: skip
    assert of_kinds(at_level(1, table)) == SHIPPED | {"rate": "orange", "comms": "yellow"}
    assert of_kinds(at_level(2, table)) == SHIPPED | {"rate": "orange", "comms": "orange"}
    assert of_kinds(at_level(3, table)) == SHIPPED | {"rate": "orange"}
    built = at_level(1, table)
    assert tiers.within_s(built, built.points[0]) == (1800, 600)


@pytest.mark.parametrize(
    ("level", "expected"),
    [(None, (2700, 900)), (1, (math.inf, 2700)), (2, (math.inf, math.inf))],
)
def test_one_tier_higher_what_was_blue_is_yellow_and_orange_begins_where_yellow_did(
    level: int | None, expected: tuple[float, float]
) -> None:
    built = at_level(level, replace(TABLE, source_levels=LEVELS))
    assert tiers.within_s(built, built.points[0]) == expected


# What a file may hold

FILE = """
tiers:
  - region: "510000"
    quantity: level
    kinds: {rate: orange, comms: yellow}
    forecast: {yellow_s: 2700, orange_s: 900}
"""


def read(text: str) -> Registry:
    return registry.parse(text.encode(), Known(regions=regions.builtin(), gateways={}))


def test_a_registry_file_may_hold_them() -> None:
    read_in = read(FILE)
    (table,) = read_in.tierings
    assert table.kinds == {"rate": "orange", "comms": "yellow"}
    assert table.forecast == {"yellow_s": 2700, "orange_s": 900}
    assert read_in.warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("rate: orange", "rate: red", "kinds.rate", "known are blue, yellow, orange"),
        ("comms: yellow", "comms: none", "kinds.comms", "is unknown"),
        ("rate: orange", "limit: orange", "kinds.limit", "this key is unknown"),
        ("yellow_s: 2700", "yellow_s: 14401", "forecast.yellow_s", "1 to 14400"),
        ("orange_s: 900", "orange_s: 0", "forecast.orange_s", "1 to 14400"),
        ("orange_s: 900", "orange_s: 90.5", "forecast.orange_s", "a whole number"),
        ("orange_s: 900", "orange_s: 2701", "forecast", "no farther from the limit than yellow"),
        ("yellow_s: 2700, orange_s: 900", "yellow_s: 599", "forecast", "orange_s is 600"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_its_place(
    old: str, new: str, place: str, said: str
) -> None:
    with pytest.raises(RefusedError) as refused:
        read(FILE.replace(old, new))
    (fault,) = refused.value.faults
    assert fault.place == f"tiers[0].{place}"
    assert fault.line == (5 if place.startswith("kinds") else 6)
    assert said in fault.problem


def test_what_is_lower_than_shipped_is_warned_of_at_its_place() -> None:
    file = FILE.replace("rate: orange", "rate: blue").replace("orange_s: 900", "orange_s: 300")
    assert [(warning.line, warning.place) for warning in read(file).warnings] == [
        (5, "tiers[0].kinds.rate"),
        (6, "tiers[0].forecast.orange_s"),
    ]
    assert read(FILE.replace("orange_s: 900", "orange_s: 600")).warnings == ()


# What the engine tells


def watched(tag: str = "T1", **given: Any) -> Point:
    return point(tag, limits={"h": 9.0}, range=(0.0, 12.0), period_s=10.0, **given)


def reading(seconds: float, value: float, index: int = 0, quality: int = 0) -> Row:
    return index, at(seconds), at(seconds), value, quality


@pytest.mark.parametrize(("tables", "tier"), [((), "yellow"), ((TABLE,), "orange")])
def test_rates_and_deviations_have_the_tier_of_the_table(
    tables: tuple[Tiering, ...], tier: str
) -> None:
    params = {"rate": {"rise_per_min": 0.2}, "deviation": {"learn": 30}}
    built = plant([watched(detect=("rate", "deviation"), params=params)], tierings=tables)
    keeper = Keeper(built)
    noise = np.random.default_rng(4).normal(0, 0.02, 400)
    level = 5 + noise + np.maximum(np.arange(400) - 380, 0) * 0.15
    keeper.feed([reading(10 * n, float(value)) for n, value in enumerate(level)])
    assert raised(keeper, "rate") == [("rate", tier)]
    assert raised(keeper, "deviation") == [("deviation", tier)]


@pytest.mark.parametrize(("tables", "tier"), [((), "blue"), ((TABLE,), "yellow")])
def test_a_sensors_alarms_have_the_tier_of_the_table(
    tables: tuple[Tiering, ...], tier: str
) -> None:
    keeper = Keeper(plant([watched()], tierings=tables))
    keeper.feed([reading(10 * n, 5.0, quality=Quality.fault) for n in range(10)])
    assert raised(keeper, "sensor") == [("sensor.failed", tier)]


@pytest.mark.parametrize(("tables", "tier"), [((), "blue"), ((TABLE,), "orange")])
def test_silence_has_the_tier_of_the_table(tables: tuple[Tiering, ...], tier: str) -> None:
    keeper = Keeper(plant([watched("T1"), watched("T2", quantity="flow")], tierings=tables))
    for second in range(0, 100, 10):
        keeper.feed([reading(second, 5.0, 1)])
        keeper.tick(at(second + 1))
    assert raised(keeper, "comms") == [("comms.stale", tier)]


@pytest.mark.parametrize(("tables", "tier"), [((), "blue"), ((TABLE,), "orange")])
def test_a_silent_gateway_has_the_highest_tier_of_its_points(
    tables: tuple[Tiering, ...], tier: str
) -> None:
    keeper = Keeper(plant([watched("T1"), watched("T2", quantity="flow")], tierings=tables))
    keeper.tick(at(100))
    assert raised(keeper, "comms") == [("comms.gateway", tier)]


@pytest.mark.parametrize(("tables", "tier"), [((), "blue"), ((TABLE,), "yellow")])
def test_a_gateway_whose_sensors_failed_has_the_highest_tier_of_its_points(
    tables: tuple[Tiering, ...], tier: str
) -> None:
    keeper = Keeper(plant([watched("T1", quantity="flow"), watched("T2")], tierings=tables))
    for second in range(0, 90, 10):
        keeper.feed([reading(second, 5.0, each, Quality.offline) for each in range(2)])
    assert raised(keeper, "sensor") == [("sensor.gateway", tier)]


def test_a_forecast_is_yellow_and_orange_within_the_tables_times() -> None:
    path = [
        line(later, forecast.STRONG)
        for later in (2701.0, 2700.0, 901.0, 900.0, *[1350.0] * 3, *[1351.0] * 3)
    ]
    [task], [goal] = tasks(1), aim(high=100.0)
    goal["yellow_s"], goal["orange_s"] = 2700, 900
    found = []
    for one in path:
        forecast.step(task, goal, HIGH.start, one, True, False)
        found.append(Tier(int(task["tier"][HIGH.start])).name)
    assert found == ["blue", "yellow", "yellow", *["orange"] * 6, "yellow"]


def first(keeper: Keeper, tier: Tier) -> float:
    """Return how many minutes before its limit a forecast of 9 m came to a tier."""
    event = next(e for e in keeper.events if e.rule == "forecast.h" and e.tier >= tier)
    assert event.forecast is not None
    return (event.forecast.eta - event.t_event) / 60 / SECOND


def test_a_slow_rise_comes_to_its_tiers_as_early_as_the_table_says() -> None:
    tank = point("TK101.LT", limits={"h": 9}, on_delay_s=0.0)
    shipped, tabled = (Carrier(plant([tank], tierings=each)) for each in ((), (TABLE,)))
    for keeper in (shipped, tabled):
        keeper.feed(rows(climb(48, 0.1)))
    assert first(shipped, Tier.yellow) + 5 < first(tabled, Tier.yellow) <= 45
    assert first(shipped, Tier.orange) + 3 < first(tabled, Tier.orange) <= 15
    assert max(event.tier for event in tabled.events if event.rule == "forecast.h") is Tier.orange


@given(st.frozensets(st.integers(0, 340), max_size=8))
@settings(max_examples=15, deadline=None)
def test_neither_batches_nor_restarts_change_the_tiers_of_a_table(cuts: frozenset[int]) -> None:
    params = {"rate": {"rise_per_min": 0.08, "span_s": 120.0}}
    tank = point("TK101.LT", limits={"h": 9}, on_delay_s=0.0, params=params,
                 detect=("limit", "forecast", "rate"))  # fmt: skip
    stream = rows(climb(48, 0.1))

    def ran(*, restart: bool, cuts: frozenset[int]) -> Carrier:
        keeper = Carrier(plant([tank], tierings=[TABLE]))
        keeper.run(stream, cuts, restart=restart)
        return keeper

    whole = ran(restart=False, cuts=frozenset())
    assert {tier for _, tier in raised(whole, "rate")} == {"orange"}
    for keeper in (ran(restart=False, cuts=cuts), ran(restart=True, cuts=cuts)):
        for rule in ("forecast.h", "rate"):
            assert told(keeper.events, rule) == told(whole.events, rule)
        assert keeper.states == whole.states


# What a changed table does


def under(keeper: Keeper, *tables: Tiering) -> None:
    """Let the plant have other tables, as after an import: the engine is built anew."""
    keeper.plant = replace(keeper.plant, tierings=tables)
    keeper.restart()


def test_a_standing_forecast_moves_to_its_tier_by_a_changed_table_with_the_next_judgement() -> None:
    stream = rows(climb(30, 0.1))
    keeper = Carrier(plant([point("TK101.LT", limits={"h": 9}, on_delay_s=0.0)]))
    keeper.feed(stream[:-3])
    assert told(keeper.events, "forecast.h")[-1] == (Transition.tier_up, Tier.yellow)
    before = len(keeper.events)
    under(keeper, Tiering(region="510000", quantity="level", forecast={"orange_s": 1800}))
    assert len(keeper.events) == before
    keeper.feed(stream[-3:])
    assert told(keeper.events[before:], "forecast.h") == [(Transition.tier_up, Tier.orange)]


def test_an_open_alarm_of_one_tier_keeps_it_until_it_is_raised_again() -> None:
    keeper = Keeper(plant([watched("T1"), watched("T2")]))
    alarm: Alarm | None = None
    path = []

    def follow() -> None:
        nonlocal alarm
        for event in keeper.events:
            if event.rule == "comms.stale" and event.subject.point == "T1":
                alarm = step(alarm, event, now=at(0)).alarm
                assert alarm is not None
                path.append((event.change.value, alarm.tier.name))
        keeper.events.clear()

    def silent(since: int, until: int) -> None:
        for second in range(since, until, 10):
            keeper.feed([reading(second, 5.0, 1)])
            keeper.tick(at(second + 1))
        follow()

    silent(0, 100)
    under(keeper, TABLE)
    silent(100, 200)
    assert path == [("raised", "blue")]
    keeper.feed([reading(200, 5.0, 0)])
    silent(210, 300)
    assert path == [("raised", "blue"), ("returned", "blue"), ("raised", "orange")]


def test_an_alarm_that_stood_at_a_start_is_known_by_its_tier() -> None:
    keeper = Keeper(plant([watched(detect=("forecast", "sensor"))], tierings=[TABLE]))
    keeper.feed([reading(10 * n, 5.0, quality=Quality.fault) for n in range(10)])
    found = tales.standing(keeper.states.values(), keeper.plant)
    assert [tales.peak_tier(each) for each in found[0]] == [Tier.yellow]
    keeper = Carrier(plant([point("TK101.LT", limits={"h": 9})]))
    keeper.feed(rows(climb(39, 0.1)))
    found = tales.standing(keeper.states.values(), keeper.plant)
    assert [tales.peak_tier(each) for each in found[0]] == [Tier.orange]
