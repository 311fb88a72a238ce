"""Stories of signals that cannot be trusted while their alarm is active; nothing clears by them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.alarm import Alarm, ProcessEvent, Transition
from alarms.lifecycle import step
from alarms.readings import Quality
from tests.unit.plants import SECOND, at, plant, point
from tests.unit.streams import Keeper, Row, Step, small_plant, streams

LEVEL: dict[str, Any] = {"limits": {"h": 9.0}, "on_delay_s": 0.0, "off_delay_s": 0.0}
Told = list[tuple[str, str, float]]


def row(seconds: float, value: float, quality: int = 0) -> Row:
    return 0, at(seconds), at(seconds), value, quality


def keeper(**settings: Any) -> Keeper:
    return Keeper(plant([point(**(LEVEL | settings))]))


def told(keeper: Keeper) -> Told:
    """Return change, quality and seconds of every event of a limit alarm."""
    return [
        (event.change.value, event.quality, (event.t_change - at(0)) / SECOND)
        for event in keeper.events
        if event.rule.startswith("limit")
    ]


def test_a_bad_reading_changes_an_active_alarms_quality_until_a_good_one() -> None:
    level = keeper()
    level.feed([row(0, 9.5), row(10, 0.0, Quality.bad), row(20, 0.0, Quality.fault), row(30, 9.6)])
    assert told(level) == [
        ("raised", "good", 0),
        ("quality", "bad", 10),
        ("quality", "good", 30),
    ]


def test_silence_makes_an_active_alarm_stale_and_the_next_reading_mends_it() -> None:
    level = keeper()
    level.feed([row(0, 9.5)])
    for second in range(1, 60):
        level.tick(at(second))
    level.restart()
    level.tick(at(61))
    level.feed([row(62, 9.5)])
    assert told(level) == [("raised", "good", 0), ("quality", "stale", 30), ("quality", "good", 62)]


def test_what_is_bad_and_then_falls_silent_says_both() -> None:
    level = keeper()
    level.feed([row(0, 9.5), row(10, 0.0, Quality.bad)])
    for second in range(11, 60):
        level.tick(at(second))
    level.feed([row(60, 0.0, Quality.bad)])
    assert [quality for _, quality, _ in told(level)[1:]] == ["bad", "stale", "bad"]


def test_a_reading_that_ends_the_alarm_says_so_and_nothing_of_quality() -> None:
    level = keeper()
    level.feed([row(0, 9.5), row(10, 0.0, Quality.bad), row(20, 5.0), row(30, 0.0, Quality.bad)])
    assert told(level)[2:] == [("returned", "good", 20)]
    assert [rule for _, rule in level.states] == ["limit.past", "flood"]


def test_an_alarm_raised_because_its_signal_was_lost_becomes_good_with_the_next_reading() -> None:
    by_silence = keeper(quantity="combustible_gas", on_delay_s=60.0)
    by_silence.feed([row(0, 30.0)])
    for second in range(1, 60):
        by_silence.tick(at(second))
    by_silence.feed([row(60, 30.0)])
    by_fault = keeper(quantity="combustible_gas", on_delay_s=60.0)
    by_fault.feed([row(0, 30.0), row(30, 0.0, Quality.fault), row(60, 30.0)])
    for gas, quality in ((by_silence, "stale"), (by_fault, "bad")):
        assert told(gas) == [("raised", quality, 30), ("quality", "good", 60)]


def test_a_calibrating_reading_says_nothing_of_the_signal() -> None:
    level = keeper()
    level.feed([row(0, 9.5), row(10, 0.0, Quality.bad), row(20, 3.0, Quality.calibrating)])
    assert len(told(level)) == 2


BOTH: dict[str, Any] = {
    "limits": {"l": 4, "h": 6},
    "on_delay_s": 7.0,
    "off_delay_s": 9.0,
    "period_s": 4,
}
"""High from the 7th second on, low from the 16th, the signal lost from the 10th."""


@pytest.mark.parametrize("last", [Quality.bad, Quality.calibrating])
def test_a_second_alarm_is_not_trusted_either_where_its_delay_ends_in_a_lost_signal(
    last: Quality,
) -> None:
    level = keeper(**BOTH)
    level.feed([row(0, 6.0), row(9, 2.5), row(10, 0.0, Quality.bad), row(17, 3.0, last)])
    assert told(level)[2:] == [("raised", "good", 16), ("quality", "bad", 17)]


def test_nor_where_the_clock_finds_it() -> None:
    level = keeper(**BOTH)
    level.feed([row(0, 6.0), row(9, 2.5), row(10, 0.0, Quality.bad)])
    for second in range(11, 21):
        level.tick(at(second))
    assert told(level)[2:] == [("raised", "good", 16), ("quality", "bad", 16)]


def test_the_alarm_and_what_people_owe_stay_as_they_are() -> None:
    level = keeper()
    level.feed([row(0, 9.5), row(10, 0.0, Quality.bad)])
    alarm: Alarm | None = None
    for event in level.events:
        alarm = step(alarm, event, now=at(10)).alarm
    assert alarm is not None
    assert (alarm.active, alarm.value, alarm.quality, alarm.last_alarm_rev) == (True, 9.5, "bad", 1)


@given(streams(), st.frozensets(st.integers(0, 40)))
@settings(max_examples=100, deadline=None)
def test_an_active_alarm_always_says_what_its_newest_reading_was_worth(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    kept = Keeper(small_plant())
    kept.run(steps, cuts, restart=True)
    told: dict[tuple[str, str], ProcessEvent | None] = {}
    for event in kept.events:
        if event.rule.startswith("limit"):
            slot = event.subject.key, event.rule
            told[slot] = None if event.change is Transition.returned else event
    row_of = {point.key: number for number, point in enumerate(kept.plant.points)}
    for (key, _), newest in told.items():
        quality = kept.last.quality[row_of[key]]
        heard_since = newest is not None and kept.last.time[row_of[key]] >= newest.t_change
        if newest is not None and newest.quality != "stale" and heard_since:
            if quality in {Quality.bad, Quality.fault, Quality.offline}:
                assert newest.quality == "bad"
            elif quality in {Quality.good, Quality.uncertain}:
                assert newest.quality in {"good", "uncertain"}
