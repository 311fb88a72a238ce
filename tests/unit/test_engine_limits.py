"""Stories of limit alarms: what a reading, a delay, a tick and a lost signal do."""

from typing import Any

import numpy as np
import pytest

from alarms.alarm import ProcessEvent, Tier, Transition
from alarms.proposal import Proposal
from alarms.readings import HISTORY, Quality, Readings, far_marked
from alarms.wording import LATE_US
from tests.unit.plants import SECOND, at, plant, point, readings
from tests.unit.streams import Keeper, Row

NO_DELAY: dict[str, Any] = {"on_delay_s": 0.0, "off_delay_s": 0.0}


def row(seconds: float, value: float, quality: int = 0, *, received: float | None = None) -> Row:
    return 0, at(seconds), at(seconds if received is None else received), value, quality


def keeper(**settings: Any) -> Keeper:
    return Keeper(plant([point(**settings)]))


def told(keeper: Keeper) -> list[tuple[str, str, float]]:
    """Return change, tier and seconds of every move of a limit alarm."""
    return [
        (event.change.value, event.tier.name, (event.t_change - at(0)) / SECOND)
        for event in keeper.events
        if event.rule.startswith("limit") and event.change is not Transition.quality
    ]


def judged_alone(keeper: Keeper, late: Readings) -> tuple[ProcessEvent, ...]:
    far = far_marked(late, np.full(len(late), 61 * SECOND), LATE_US)
    wanted = keeper.engine.around(far, Proposal())
    return keeper.engine.judge_late(far, Readings.none(), wanted, Proposal()).events


def only(keeper: Keeper) -> ProcessEvent:
    (event,) = keeper.events
    return event


def test_a_limit_counts_as_passed_at_the_limit_itself() -> None:
    plain = keeper(limits={"h": 9.0}, **NO_DELAY)
    plain.feed([row(0, 8.9999), row(1, 9.0)])
    assert told(plain) == [("raised", "yellow", 1)]


def test_a_limit_alarm_says_whether_it_latches_and_is_to_be_closed_out() -> None:
    for latching, owed in ((False, False), (True, False), (False, True)):
        plain = keeper(limits={"h": 9.0}, latching=latching, needs_closeout=owed, **NO_DELAY)
        plain.feed([row(0, 9.0)])
        assert (only(plain).latching, only(plain).needs_closeout) == (latching, owed)


def test_a_low_limit_is_the_mirror() -> None:
    low = keeper(limits={"ll": 0.5, "l": 1.0}, deadband=0.1, **NO_DELAY)
    low.feed([row(0, 1.0), row(1, 0.5), row(2, 0.6), row(3, 0.61), row(4, 1.1), row(5, 1.11)])
    assert told(low) == [
        ("raised", "yellow", 0),
        ("tier_up", "orange", 1),
        ("tier_down", "yellow", 3),
        ("returned", "yellow", 5),
    ]


def test_between_limit_and_deadband_the_verdict_holds() -> None:
    banded = keeper(limits={"h": 9.0}, deadband=0.5, **NO_DELAY)
    banded.feed([row(0, 8.6), row(1, 9.0), row(2, 8.6), row(3, 8.5), row(4, 8.49)])
    assert told(banded) == [("raised", "yellow", 1), ("returned", "yellow", 4)]


def test_a_reading_straight_past_hh_raises_once_at_the_tier_of_hh() -> None:
    level = keeper(limits={"h": 9.0, "hh": 10.0})
    level.feed([row(0, 5.0), row(10, 10.2)])
    assert told(level) == [("raised", "orange", 10)]
    event = only(level)
    assert (event.value, event.limit) == (10.2, 10.0)
    assert event.message_zh == "1 号液氨球罐 液位 10.2 m，高于高高限 10 m"
    assert event.message_en == "1 号液氨球罐 液位 10.2 m, above high-high limit 10 m"


def test_an_alarm_comes_back_from_hh_to_h_and_then_to_normal() -> None:
    level = keeper(limits={"h": 9.0, "hh": 10.0}, off_delay_s=10.0)
    level.feed([row(0, 10.2), row(10, 9.5), row(20, 9.5), row(30, 8.0), row(40, 8.0)])
    assert told(level) == [
        ("raised", "orange", 0),
        ("tier_down", "yellow", 20),
        ("returned", "yellow", 40),
    ]


def test_a_delay_is_met_at_its_instant_though_no_reading_falls_on_it() -> None:
    slow = keeper(limits={"h": 9.0}, on_delay_s=15.0)
    slow.feed([row(0, 9.5), row(10, 9.6)])
    slow.feed([row(20, 9.7)])
    assert told(slow) == [("raised", "yellow", 15)]
    assert (only(slow).t_event, only(slow).value) == (at(10), 9.6)


def test_a_good_reading_at_the_very_end_of_a_delay_still_cancels_it() -> None:
    slow = keeper(limits={"h": 9.0}, on_delay_s=20.0)
    slow.feed([row(0, 9.5), row(10, 9.5), row(20, 5.0), row(30, 5.0)])
    assert told(slow) == []


def test_a_tick_finds_a_delay_met_at_the_same_instant_a_reading_would() -> None:
    slow = keeper(limits={"h": 9.0}, on_delay_s=15.0)
    slow.feed([row(0, 9.5), row(10, 9.6)])
    slow.tick(at(15.9))
    assert told(slow) == []
    slow.tick(at(16))
    assert told(slow) == [("raised", "yellow", 15)]


def test_a_tick_follows_the_points_own_clock_when_its_data_comes_behind() -> None:
    slow = keeper(limits={"h": 9.0}, on_delay_s=15.0)
    slow.feed([row(0, 9.5, received=50), row(10, 9.6, received=60)])
    slow.tick(at(65))
    assert told(slow) == []
    slow.tick(at(66))
    assert told(slow) == [("raised", "yellow", 15)]


def test_readings_that_waited_in_the_broker_are_heard_before_a_delay_runs_out() -> None:
    slow = keeper(limits={"h": 9.0}, on_delay_s=15.0)
    slow.feed([row(0, 9.5)])
    slow.restart()
    slow.tick(at(60), link_since=at(60))
    slow.tick(at(61), link_since=at(60))
    assert told(slow) == []
    slow.feed([row(10, 5.0, received=62)])
    for second in range(62, 90):
        slow.tick(at(second), link_since=at(60))
    assert told(slow) == []


def test_a_delay_that_ran_out_while_the_server_was_down_keeps_its_instant() -> None:
    slow = keeper(limits={"h": 9.0}, on_delay_s=15.0)
    slow.feed([row(0, 9.5)])
    slow.restart()
    for second in range(60, 80):
        slow.tick(at(second), link_since=at(60))
    assert told(slow) == [("raised", "yellow", 15)]


def test_a_quantity_without_a_unit_is_written_without_one() -> None:
    switch = keeper(quantity="smoke", engineering_unit="1", name="烟雾", limits={"h": 1.0})
    switch.feed([row(0, 1.0)])
    assert only(switch).message_zh == "1 号液氨球罐 烟雾 1，达到高限 1"


def test_a_reading_older_than_what_a_tick_has_settled_cannot_put_a_return_before_its_raise() -> (
    None
):
    slow = keeper(limits={"h": 9.0}, on_delay_s=15.0, off_delay_s=0.0)
    slow.feed([row(0, 9.5)])
    slow.tick(at(16))
    slow.feed([row(14, 5.0, received=17)])
    (raised, returned) = slow.events
    assert raised.t_change == at(15)
    assert returned.t_change > raised.t_change


def test_an_alarm_whose_limits_were_taken_away_returns() -> None:
    level = keeper(limits={"h": 9.0}, on_delay_s=0.0)
    level.feed([row(0, 9.5)])
    level.plant = plant([point(limits={"l": 1.0})])
    level.restart()
    level.tick(at(1))
    level.tick(at(2))
    assert [change for change, *_ in told(level)] == ["raised", "returned"]
    assert [rule for _, rule in level.states] == ["flood"]


def test_an_alarm_whose_limit_was_moved_stays_and_is_judged_by_the_new_one() -> None:
    level = keeper(limits={"h": 9.0}, on_delay_s=0.0, off_delay_s=0.0)
    level.feed([row(0, 9.5)])
    level.plant = plant([point(limits={"h": 9.8}, on_delay_s=0.0, off_delay_s=0.0)])
    level.restart()
    level.tick(at(1))
    assert [change for change, *_ in told(level)] == ["raised"]
    level.feed([row(2, 9.5)])
    assert [change for change, *_ in told(level)] == ["raised", "returned"]


def test_a_gap_longer_than_three_periods_restarts_a_delay() -> None:
    slow = keeper(limits={"h": 9.0}, on_delay_s=60.0)
    slow.feed([row(0, 9.5), row(31, 9.5), row(60, 9.5), row(89, 9.5)])
    assert told(slow) == []
    slow.feed([row(92, 9.5)])
    assert told(slow) == [("raised", "yellow", 91)]


def test_a_value_holds_no_longer_than_three_periods() -> None:
    gas = keeper(limits={"hh": 50.0}, quantity="combustible_gas", period_s=5.0)
    gas.feed([row(0, 60.0), row(5, 1.0)])
    for second in range(6, 400):
        gas.tick(at(second))
    assert told(gas) == [("raised", "red", 0)], "60 s of off-delay, one reading: never cleared"


def test_silence_raises_an_orange_level_that_was_about_to_raise_unconfirmed() -> None:
    gas = keeper(limits={"h": 25.0}, quantity="combustible_gas", on_delay_s=60.0)
    gas.feed([row(0, 30.0)])
    for second in range(1, 60):
        gas.tick(at(second))
    (raised,) = [event for event in gas.events if event.rule == "limit.high"]
    assert (raised.change, raised.tier, raised.t_change) == (
        Transition.raised,
        Tier.orange,
        at(30),
    )
    assert raised.unconfirmed
    assert raised.quality == "stale"


def test_bad_quality_raises_an_orange_level_unconfirmed_and_a_yellow_one_waits() -> None:
    gas = keeper(limits={"h": 25.0}, quantity="combustible_gas", on_delay_s=60.0)
    level = keeper(limits={"h": 9.0})
    for one, value in ((gas, 30.0), (level, 9.5)):
        one.feed([row(0, value), row(10, 0.0, Quality.fault)])
    assert told(gas) == [("raised", "orange", 10)]
    assert only(gas).unconfirmed
    assert told(level) == []


def test_bad_quality_holds_an_alarm_that_was_about_to_return() -> None:
    level = keeper(limits={"h": 9.0}, on_delay_s=0.0)
    level.feed([row(0, 9.5), row(10, 5.0), row(20, 5.0, Quality.bad)])
    level.feed([row(30, 5.0), row(50, 5.0)])
    assert told(level) == [("raised", "yellow", 0)]
    level.feed([row(61, 5.0)])
    assert told(level)[1:] == [("returned", "yellow", 60)]


def test_over_again_within_the_off_delay_the_alarm_goes_on_without_a_word() -> None:
    level = keeper(limits={"h": 9.0}, on_delay_s=0.0)
    level.feed([row(0, 9.5), row(10, 5.0), row(20, 9.5), row(50, 9.5), row(60, 5.0), row(90, 5.0)])
    assert told(level) == [("raised", "yellow", 0), ("returned", "yellow", 90)]


def test_calibration_gas_raises_nothing() -> None:
    gas = keeper(limits={"h": 25.0, "hh": 50.0}, quantity="combustible_gas")
    gas.feed([row(0, 60.0, Quality.calibrating)])
    assert gas.events == []


def test_a_detector_past_its_scale_is_judged() -> None:
    gas = keeper(limits={"h": 25.0, "hh": 50.0}, quantity="combustible_gas")
    gas.feed([row(0, 100.0, Quality.over_range)])
    assert told(gas) == [("raised", "red", 0)]
    assert only(gas).quality == "uncertain"


def test_methane_cut_opens_at_cut_and_closes_below_reset() -> None:
    mine = Keeper(
        plant(
            [
                point(
                    quantity="methane",
                    engineering_unit="%CH4",
                    sector="T1",
                    limits={"h": 1.0, "cut": 1.5, "reset": 1.0},
                    off_delay_s=0.0,
                )
            ],
            kind="coal_mine",
        )
    )
    mine.feed([row(0, 1.0), row(1, 1.5), row(2, 1.2), row(3, 1.0), row(4, 0.99)])
    assert told(mine) == [
        ("raised", "orange", 0),
        ("tier_up", "red", 1),
        ("returned", "red", 4),
    ]
    assert mine.events[1].basis == "AQ 1029-2019 表1"
    assert mine.events[1].rule_pack == "coal_mine 2"


def test_an_alarm_quotes_the_clause_that_bounds_its_limit() -> None:
    gas = keeper(
        quantity="combustible_gas", engineering_unit="%LEL", limits={"h": 20.0, "hh": 45.0}
    )
    gas.feed([row(0, 21.0)])
    assert only(gas).basis == "GB/T 50493-2019 5.5.2"
    assert "低报值 20 %LEL" in only(gas).message_zh


@pytest.mark.parametrize(("flags", "received"), [(HISTORY, 0.0), (0, 61.0)])
def test_what_follows_from_stored_or_old_readings_is_late(flags: int, received: float) -> None:
    level = keeper(limits={"hh": 10.0}, off_delay_s=0.0)
    level.feed([row(0, 10.5, flags, received=received), row(0.1, 5.0, flags, received=received)])
    raised, returned = level.events
    assert (raised.late, raised.still_over) == (True, False)
    assert returned.late


def test_a_late_rise_that_is_still_over_says_so() -> None:
    level = keeper(limits={"hh": 10.0})
    level.feed([row(0, 10.5, HISTORY), row(1, 10.6, HISTORY)])
    assert (only(level).late, only(level).still_over) == (True, True)


def test_the_peak_is_the_most_extreme_reading_of_the_occurrence() -> None:
    level = keeper(limits={"h": 9.0}, **NO_DELAY)
    level.feed([row(0, 9.1), row(1, 9.9), row(2, 9.3), row(3, 5.0)])
    level.restart()
    level.feed([row(4, 9.2), row(5, 5.0)])
    assert [event.peak for event in level.events] == [9.1, 9.9, 9.2, 9.2]


def test_judge_changes_nothing_until_it_is_adopted() -> None:
    level = keeper(limits={"hh": 10.0})
    batch = readings([row(0, 10.5)])
    first = level.engine.judge(batch, now=at(0))
    assert level.engine.judge(batch, now=at(0)).events == first.events
    assert level.engine.last[0] == 0
    level.engine.adopt(first)
    assert level.engine.last[0] == at(0)


def test_readings_behind_the_newest_make_one_closed_late_occurrence() -> None:
    level = keeper(limits={"h": 9.0, "hh": 10.0}, **NO_DELAY)
    level.feed([row(100, 5.0)])
    late = readings([row(s, v, received=100) for s, v in ((3, 5.0), (1, 9.5), (2, 10.5))])
    (event,) = judged_alone(level, late)
    assert (event.change, event.tier, event.late) == (Transition.late, Tier.orange, True)
    assert (event.t_change, event.t_end, event.peak) == (at(1), at(3), 10.5)


def test_a_late_occurrence_without_an_end_lasts_to_its_newest_reading() -> None:
    level = keeper(limits={"h": 9.0}, **NO_DELAY)
    level.feed([row(100, 5.0)])
    late = readings([row(s, 9.5, received=100) for s in (1, 2)])
    (event,) = judged_alone(level, late)
    assert (event.t_change, event.t_end) == (at(1), at(2))
