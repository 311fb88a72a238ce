"""Stories and laws of the family of forecasts, through the engine."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alarms.alarm import Alarm, Kind, ProcessEvent, Tier, Transition
from alarms.engine import Engine, LastReadings
from alarms.forecasts import Forecasts
from alarms.lifecycle import step
from alarms.plant import Plant
from alarms.readings import HISTORY, Quality
from alarms.storage import documents
from tests.unit.plants import SECOND, START, plant, point
from tests.unit.streams import Keeper, Row

PERIOD_S = 10


class Carrier(Keeper):
    """A keeper that carries what forecasts have learned over a restart."""

    def restart(self) -> None:
        """Build the engine anew with the memory of the old one."""
        old = forecasts(self.engine).memory if hasattr(self, "engine") else None
        super().restart()
        if old is not None:
            forecasts(self.engine).memory[:] = old


def forecasts(engine: Engine) -> Forecasts:
    """Return the engine's family of forecasts."""
    [family] = [one for one in engine._families if isinstance(one, Forecasts)]
    return family


def tank(**settings: Any) -> Plant:
    """Return a tank whose level may reach 9 (high) and 10 (high-high)."""
    given: dict[str, Any] = {"limits": {"h": 9, "hh": 10}, "on_delay_s": 0.0}
    return plant([point("TK101.LT", **(given | settings))])


def rows(value: NDArray[np.float64], *, begin_s: float = 0, quality: int = 0) -> list[Row]:
    """Return readings of point 0, one in ten seconds."""
    times = [START + round((begin_s + PERIOD_S * i) * SECOND) for i in range(len(value))]
    return [(0, at, at, float(one), quality) for at, one in zip(times, value, strict=True)]


def climb(minutes: float, per_minute: float, *, seed: int = 1) -> NDArray[np.float64]:
    """Return ten quiet minutes at 5 and a rise after them, with noise of sigma 0.01."""
    minute = np.arange(round((10 + minutes) * 60 / PERIOD_S)) * PERIOD_S / 60 - 10
    noise = np.random.default_rng(seed).normal(0, 0.01, len(minute))
    level: NDArray[np.float64] = 5 + per_minute * np.maximum(minute, 0) + noise
    return level


def told(events: list[ProcessEvent], rule: str) -> list[tuple[Transition, Tier]]:
    """Return what was said of a rule: change and tier."""
    return [(event.change, event.tier) for event in events if event.rule == rule]


def run(given_plant: Plant, stream: list[Row]) -> Carrier:
    """Feed a stream in one batch."""
    keeper = Carrier(plant=given_plant)
    keeper.feed(stream)
    return keeper


def test_a_rise_is_forecast_for_each_limit_and_taken_over_by_the_limits_alarm() -> None:
    events = run(tank(), rows(climb(48, 0.1))).events
    high = told(events, "forecast.h")
    assert high[:3] == [
        (Transition.raised, Tier.blue),
        (Transition.tier_up, Tier.yellow),
        (Transition.tier_up, Tier.orange),
    ]
    assert high[-1] == (Transition.returned, Tier.orange)
    assert len(told(events, "forecast.hh")) >= 3


def test_a_forecast_returns_no_earlier_than_the_limits_alarm_raises_and_after_it() -> None:
    events = run(tank(), rows(climb(48, 0.1))).events
    alarm = next(i for i, event in enumerate(events) if event.rule == "limit.high")
    returned = next(
        i
        for i, event in enumerate(events)
        if event.rule == "forecast.h" and event.change is Transition.returned
    )
    assert returned > alarm
    assert events[returned].t_change == events[alarm].t_change


def test_a_limit_alarm_whose_delay_runs_out_in_silence_takes_over_too() -> None:
    level = climb(41, 0.1)
    keeper = run(tank(on_delay_s=60.0), rows(level))
    assert ("DY-CHEM-01/TK101.LT", "forecast.h") in keeper.states
    newest = keeper.last.time[0]
    keeper.tick(int(newest) + 120 * SECOND)
    raised, returned = [
        next(e for e in keeper.events if e.rule == rule and e.change is change)
        for rule, change in (
            ("limit.high", Transition.raised),
            ("forecast.h", Transition.returned),
        )
    ]
    assert returned.t_change == raised.t_change
    assert ("DY-CHEM-01/TK101.LT", "forecast.h") not in keeper.states


def test_a_tick_that_is_not_adopted_took_nothing_over() -> None:
    keeper = run(tank(on_delay_s=60.0), rows(climb(41, 0.1)))
    later = int(keeper.last.time[0]) + 120 * SECOND
    first, second = (keeper.engine.tick(now=later, link_since=START) for _ in range(2))
    assert first.events == second.events
    assert {"forecast.h", "limit.high"} <= {event.rule for event in second.events}


def test_while_the_limits_alarm_stands_no_forecast_of_it_is_made() -> None:
    level = np.r_[climb(41, 0.1), 9.05 + np.arange(60) * 0.001]
    events = run(tank(), rows(level)).events
    after = next(i for i, event in enumerate(events) if event.rule == "limit.high")
    assert [c for c, _ in told(events[after:], "forecast.h")] == [Transition.returned]


def test_a_rise_that_stops_is_withdrawn() -> None:
    noise = np.random.default_rng(2).normal(0, 0.01, 90)
    rise = climb(20, 0.1)
    keeper = run(tank(), rows(np.r_[rise, 7.0 + noise]))
    assert told(keeper.events, "forecast.h")[-1][0] is Transition.returned
    assert not [rule for _, rule in keeper.states if rule.startswith("forecast")]


def test_silence_and_bad_quality_hold_a_forecast() -> None:
    rise = climb(20, 0.1)
    keeper = run(tank(), rows(rise))
    before = len(keeper.events)
    end = PERIOD_S * len(rise)
    keeper.feed(rows(np.full(60, 0.0), begin_s=end, quality=int(Quality.bad)))
    for minute in range(1, 200, 7):
        keeper.tick(START + (end + 600 + 60 * minute) * SECOND)
    later = [e for e in keeper.events[before:] if e.kind is Kind.forecast]
    assert later == []
    assert ("DY-CHEM-01/TK101.LT", "forecast.h") in keeper.states


def test_readings_after_a_long_silence_do_not_withdraw_what_they_cannot_judge() -> None:
    rise = climb(20, 0.1)
    keeper = run(tank(), rows(rise))
    before = len(keeper.events)
    keeper.feed(rows(np.array([7.0, 7.01, 7.02]), begin_s=PERIOD_S * len(rise) + 90_000))
    assert [e for e in keeper.events[before:] if e.kind is Kind.forecast] == []


def test_readings_at_uneven_times_are_forecast_as_well() -> None:
    rng = np.random.default_rng(3)
    level = climb(30, 0.1)
    kept = np.flatnonzero(rng.random(len(level)) < 0.5)
    stream = [rows(level)[i] for i in kept.tolist()]
    events = run(tank(), stream).events
    assert (Transition.raised, Tier.blue) in told(events, "forecast.h")


def test_a_value_that_is_no_number_changes_nothing() -> None:
    level = climb(30, 0.1)
    stream = rows(level)
    holes = [*stream]
    for i in range(7, len(level), 11):
        at = stream[i][1] + 3 * SECOND
        holes.append((0, at, at, float("nan"), 0))
    holes.sort(key=lambda row: row[1])
    assert run(tank(), holes).events == run(tank(), stream).events


def test_what_follows_from_stored_readings_is_late() -> None:
    level = climb(30, 0.1)
    events = run(tank(), rows(level, quality=HISTORY)).events
    assert events
    assert all(event.late for event in events)


def test_a_fall_to_a_low_limit_is_forecast() -> None:
    events = run(tank(limits={"l": 1, "ll": 0.5}), rows(10 - climb(30, 0.1))).events
    assert told(events, "forecast.l")[0] == (Transition.raised, Tier.blue)


def test_a_point_not_watched_for_limits_is_forecast_and_one_without_limits_is_not() -> None:
    only = run(tank(detect=("forecast",)), rows(climb(30, 0.1))).events
    assert {event.rule for event in only} == {"forecast.h", "forecast.hh"}
    assert len(forecasts(Carrier(plant=tank(limits={})).engine).rows) == 0
    assert len(forecasts(Carrier(plant=tank(detect=("limit",))).engine).rows) == 0


def test_within_the_time_needed_to_act_a_forecast_is_orange() -> None:
    slow = tank(params={"forecast": {"response_s": 3600.0}})
    assert told(run(slow, rows(climb(15, 0.1))).events, "forecast.h")[0][1] is Tier.orange


def test_a_limit_taken_away_ends_its_forecast() -> None:
    keeper = run(tank(), rows(climb(20, 0.1)))
    keeper.plant = tank(limits={"h": 9})
    keeper.restart()
    keeper.tick(int(keeper.last.time[0]) + SECOND)
    ended = told(keeper.events, "forecast.hh")[-1]
    assert ended[0] is Transition.returned
    assert ("DY-CHEM-01/TK101.LT", "forecast.hh") not in keeper.states
    assert ("DY-CHEM-01/TK101.LT", "forecast.h") in keeper.states


def test_the_alarm_says_what_when_and_how_surely() -> None:
    events = run(tank(), rows(climb(20, 0.1))).events
    event = next(e for e in events if e.rule == "forecast.h" and e.tier is Tier.yellow)
    outcome = step(None, msgspec.structs.replace(event, change=Transition.raised), now=START)
    assert isinstance(outcome.alarm, Alarm)
    document = documents.document(outcome.alarm, t_committed=None)
    said = document["forecast"]
    assert said.keys() == {"limit", "eta", "eta_low", "eta_high", "probability"}
    assert said["eta_low"] <= said["eta"] <= said["eta_high"]
    assert (said["limit"], document["limit"], document["kind"]) == (9.0, 9.0, "forecast")
    due_min = (event.forecast.eta - event.t_change) / SECOND / 60 if event.forecast else 0
    assert due_min == pytest.approx((9 - (event.value or 0)) / 0.1, rel=0.1)
    assert event.message_zh.startswith("1 号液氨球罐 液位 预计约 ")
    assert "达到高限 9 m" in event.message_zh
    assert "上升 0.1 m/min" in event.message_zh
    assert "is expected to reach its high limit 9 m in about" in event.message_en


POINTS = plant(
    [
        point("A", limits={"h": 9, "hh": 10}, period_s=10),
        point("B", limits={"l": 1, "ll": 0.5}, on_delay_s=0.0),
        point("C", limits={"h": 7}, on_delay_s=20.0),
    ]
)


@st.composite
def wanderings(draw: st.DrawFn) -> tuple[list[Row], frozenset[int]]:
    """Draw ramps, holds, gaps and bad readings of three points, and where to cut the stream."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    stream: list[Row] = []
    for row in range(3):
        n = 150
        gap = rng.choice(
            [3.0, 10.0, 10.0, 10.0, 30.0, 400.0], n, p=[0.1, 0.3, 0.3, 0.2, 0.09, 0.01]
        )
        time = START + np.cumsum(np.round((gap + rng.uniform(0, 0.5, n)) * SECOND)).astype(np.int64)
        slope = np.repeat(rng.choice([-0.04, 0.0, 0.02, 0.05], 5), n // 5)
        value = 5 + np.cumsum(slope) + rng.normal(0, 0.01, n)
        quality = np.where(rng.random(n) < 0.03, int(Quality.bad), 0)
        stream += [
            (row, t, t + 500, v, q)
            for t, v, q in zip(time.tolist(), value.tolist(), quality.tolist(), strict=True)
        ]
    stream.sort(key=lambda each: each[1])
    cuts = draw(st.frozensets(st.integers(1, len(stream) - 1), max_size=12))
    return stream, cuts


@given(wanderings())
@settings(max_examples=15, deadline=None)
def test_neither_cutting_a_stream_nor_restarts_change_what_is_said(
    drawn: tuple[list[Row], frozenset[int]],
) -> None:
    stream, cuts = drawn
    whole, cut, again = (Carrier(plant=POINTS) for _ in range(3))
    whole.run(list(stream), frozenset())
    cut.run(list(stream), cuts)
    again.run(list(stream), cuts, restart=True)
    memory = forecasts(whole.engine).memory.tobytes()
    for other in (cut, again):
        assert other.events == whole.events
        assert other.standing() == whole.standing()
        assert forecasts(other.engine).memory.tobytes() == memory


def test_memory_replayed_from_stored_readings_is_what_was_learned_live() -> None:
    stream = rows(climb(20, 0.1))
    live = forecasts(run(tank(), stream).engine)
    fresh = Engine.build(tank(), states=(), last=LastReadings.never(1), started=START)
    family = forecasts(fresh)
    times = np.array([row[1] for row in stream])
    family.replay(np.zeros(len(stream), np.int32), times, np.array([row[3] for row in stream]))
    assert family.memory.tobytes() == live.memory.tobytes()


def test_limits_of_one_value_have_one_forecast() -> None:
    methane = tank(quantity="methane", limits={"h": 9, "cut": 9, "reset": 9})
    keeper = run(methane, rows(climb(30, 0.1)))
    raised = [rule for rule in ("forecast.h", "forecast.cut") if told(keeper.events, rule)]
    assert raised == ["forecast.cut"]
