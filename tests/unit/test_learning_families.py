"""The deviation and rate alarms in the engine: whom they watch, what they say, what outlives."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alarms.alarm import Kind, ProcessEvent, Tier, Transition
from alarms.detectors import rate
from alarms.deviations import Deviations
from alarms.errors import RefusedError
from alarms.family import Learned
from alarms.learning import Learning
from alarms.memory import Recollection, Rota
from alarms.parameters import rate_bounds
from alarms.plant import Plant
from alarms.rates import Rates
from alarms.registry_checks import point_findings
from alarms.rules import watched
from alarms.rulesfile import apply, parse
from tests.unit.plants import SECOND, at, plant, point, readings
from tests.unit.streams import Keeper, Row

CALIBRATING = 3


def two() -> Plant:
    """Return a point watched for both, one for neither, and one for deviation that learns long."""
    return plant(
        [
            point("A", detect=("deviation", "rate"), range=(0, 100)),
            point("B"),
            point("C", detect=("deviation",), params={"deviation": {"learn": 5000}}),
        ]
    )


def rows(
    values: NDArray[np.float64], *, of: int = 0, first: int = 0, step_s: int = 10
) -> list[Row]:
    """Return readings of one point at an even spacing, received as they were made."""
    return [
        (of, at((first + i) * step_s), at((first + i) * step_s), float(value), 0)
        for i, value in enumerate(values)
    ]


def noise(many: int, *, seed: int = 3) -> NDArray[np.float64]:
    """Draw readings around 50 with a spread of 0.2."""
    return 50.0 + 0.2 * np.random.default_rng(seed).normal(size=many)


def shifted(many: int = 900, *, since: int = 500) -> NDArray[np.float64]:
    """Return readings that step up by ten at a place and stay."""
    values = noise(many)
    values[since:] += 10.0
    return values


def said(keeper: Keeper, kind: Kind) -> list[ProcessEvent]:
    """Return the events of one kind."""
    return [event for event in keeper.events if event.kind is kind]


def memories(keeper: Keeper) -> dict[str, tuple[bytes, bytes]]:
    """Return what the learning families remember, and what stands there."""
    return {
        family.name: (family.memory.tobytes(), family.standing.tobytes())
        for family in keeper.engine._families
        if isinstance(family, Learning)
    }


def test_a_point_unlike_its_own_past_raises_one_yellow_deviation() -> None:
    keeper = Keeper(two())
    keeper.feed(rows(shifted(600)))
    [event] = said(keeper, Kind.deviation)
    assert (event.change, event.tier, event.rule) == (
        Transition.raised,
        Tier.yellow,
        "deviation",
    )
    assert at(5000) <= event.t_change <= at(5100)
    assert event.subject.key == "DY-CHEM-01/A"
    assert event.message_zh.startswith("1 号液氨球罐 液位 ")
    assert "usual" in event.message_en


def test_only_points_that_name_it_are_watched_and_remembered() -> None:
    keeper = Keeper(two())
    keeper.feed(rows(shifted(), of=1))
    keeper.feed(rows(shifted(), of=2))
    assert said(keeper, Kind.deviation) == []
    deviations = Deviations(two())
    assert deviations.rows.tolist() == [0, 2]
    assert len(deviations.memory) == 2
    assert isinstance(deviations, Learned)
    assert Rates(two()).rows.tolist() == [0]


@pytest.mark.parametrize("quality", [2, CALIBRATING, 5, 6])
def test_only_judged_readings_teach(quality: int) -> None:
    keeper = Keeper(two())
    keeper.feed([(*row[:4], quality) for row in rows(shifted())])
    fresh = Keeper(two())
    assert memories(keeper) == memories(fresh)
    assert said(keeper, Kind.deviation) == said(keeper, Kind.rate) == []


def test_readings_older_than_a_minute_at_receipt_raise_late() -> None:
    keeper = Keeper(two())
    keeper.feed([(row[0], row[1], row[1] + 61 * SECOND, *row[3:]) for row in rows(shifted(600))])
    [event] = said(keeper, Kind.deviation)
    assert event.late
    assert event.still_over


def test_no_data_and_constant_data_are_nothing_to_deviate_from() -> None:
    keeper = Keeper(two())
    keeper.tick(at(100))
    keeper.feed(rows(np.full(800, 50.0)))
    keeper.feed(rows(np.full(10, np.nan), first=800))
    assert keeper.events == [] or all(event.kind is Kind.comms for event in keeper.events)


@pytest.mark.parametrize("cut", [1, 37, 300, 517, 650])
def test_batching_and_restarts_change_neither_events_nor_states_nor_memory(cut: int) -> None:
    stream: list[Any] = rows(np.concatenate([shifted(700), 60.0 + 2.0 * np.arange(40.0)]))
    whole, cutted = Keeper(two()), Keeper(two())
    whole.feed(stream)
    for first in range(0, len(stream), cut):
        cutted.feed(stream[first : first + cut])
        before = {
            family.name: family.memory.copy()
            for family in cutted.engine._families
            if isinstance(family, Learning)
        }
        cutted.restart()
        for family in cutted.engine._families:
            if isinstance(family, Learning):
                family.memory[:] = before[family.name]
    assert cutted.events == whole.events
    assert cutted.standing() == whole.standing()
    assert memories(cutted) == memories(whole)
    assert {event.kind for event in whole.events} == {Kind.deviation, Kind.rate}


def test_a_memory_replayed_is_the_memory_that_judged() -> None:
    keeper = Keeper(two())
    stream = rows(shifted(700))
    keeper.feed(stream)
    for made in (Deviations(two()), Rates(two())):
        made.replay(
            np.array([row[0] for row in stream], np.int32),
            np.array([row[1] for row in stream], np.int64),
            np.array([row[3] for row in stream]),
        )
        assert made.memory.tobytes() == memories(keeper)[made.name][0]


@pytest.mark.parametrize("made", [two(), plant([point("B")])])
def test_kept_parts_and_what_was_stored_since_give_the_memory_back(made: Plant) -> None:
    keeper = Keeper(made)
    stream = rows(shifted(700))
    keeper.feed(stream[:500])
    parts = list(Rota(keeper.engine, now=at(5000), fresh=True).due(at(5001), stored=0))
    keeper.feed(stream[500:])
    before = memories(keeper)
    keeper.restart()
    recollection = Recollection(keeper.engine)
    for part in parts:
        recollection.put(part)
    recollection.since()
    recollection.learn(readings(stream))
    assert memories(keeper) == before


def test_a_deviation_that_has_become_usual_returns_and_leaves_the_record() -> None:
    keeper = Keeper(two())
    keeper.feed(rows(shifted(6000)))
    raised, returned = said(keeper, Kind.deviation)
    assert (raised.change, returned.change) == (Transition.raised, Transition.returned)
    assert all(rule != "deviation" for _, rule in keeper.states)


def test_silence_ends_no_deviation() -> None:
    keeper = Keeper(two())
    keeper.feed(rows(shifted(520)))
    keeper.tick(at(1_000_000))
    assert [event.change for event in said(keeper, Kind.deviation)] == [Transition.raised]


def test_an_alarm_of_a_point_that_is_watched_no_more_returns() -> None:
    keeper = Keeper(two())
    keeper.feed(rows(shifted(520)))
    keeper.plant = plant([point("A", detect=("limit",)), point("B"), point("C")])
    keeper.restart()
    keeper.tick(at(5300))
    keeper.tick(at(5301))
    last = said(keeper, Kind.deviation)[1:]
    assert [event.change for event in last] == [Transition.returned]
    assert "DY-CHEM-01/A" not in {key for key, rule in keeper.states if rule == "deviation"}


def test_a_rise_beyond_the_rate_raises_and_returns_when_it_has_slowed_down() -> None:
    keeper = Keeper(two())
    steady = np.full(30, 20.0)
    rise = 20.0 + 3.0 * np.arange(12.0)
    keeper.feed(rows(np.concatenate([steady, rise, np.full(40, rise[-1])])))
    raised, returned = said(keeper, Kind.rate)
    assert (raised.change, raised.tier) == (Transition.raised, Tier.yellow)
    assert returned.change is Transition.returned
    assert "18 m a minute" in raised.message_en or "m a minute" in raised.message_en
    assert "限值 10 m" in raised.message_zh


def test_a_rise_that_turns_returns_and_raises_in_this_order() -> None:
    keeper = Keeper(two())
    rise = 20.0 + 3.0 * np.arange(20.0)
    keeper.feed(rows(np.concatenate([rise, rise[::-1]])))
    first, second, third = said(keeper, Kind.rate)[:3]
    assert (first.change, second.change, third.change) == (
        Transition.raised,
        Transition.returned,
        Transition.raised,
    )
    assert second.t_change == third.t_change
    assert "falls" in third.message_en


def test_where_no_rate_is_set_a_tenth_of_the_range_a_minute_raises() -> None:
    assert rate_bounds(point(range=(20, 70))) == (5.0, 5.0)
    assert rate_bounds(point(range=(0, 10), params={"rate": {"fall_per_min": 2}})) == (None, 2)
    assert rate_bounds(point()) == (None, None)


def test_a_rate_spans_at_least_four_readings() -> None:
    slow = Rates(plant([point("A", detect=("rate",), range=(0, 1), period_s=60.0)]))
    assert slow.rules["span"][0] == rate.LEAST * 60 * SECOND


def test_a_rate_without_bound_and_range_is_refused_with_the_place_named() -> None:
    findings = list(point_findings(point(detect=("rate",)), "tank_farm"))
    assert [(one.key, one.refused) for one in findings] == [("detect.rate", True)]
    assert list(point_findings(point(detect=("rate",), range=(0, 5)), "tank_farm")) == []
    text = b"rules:\n  - {id: fast, match: {quantity: level}, kind: rate}\n"
    with pytest.raises(RefusedError, match=r"rule fast.*DY-CHEM-01/A.*rise_per_min") as refused:
        parse(text, plant([point("A")]))
    assert refused.value.faults[0].line == 2


def test_a_rules_file_sets_rates() -> None:
    text = b"rules:\n  - {id: fast, kind: rate, params: {rise_per_min: 0.5}}\n"
    small = plant([point("A")])
    changed = apply(parse(text, small), small).points[0]
    assert "rate" in watched(changed)
    assert rate_bounds(changed) == (0.5, None)
