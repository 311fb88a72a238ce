"""Suppression by design: rows 16 and 17 of alarms.md 1.5, as stories and as laws."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import lifecycle
from alarms.alarm import Alarm, Entry, State, Tier, Transition
from alarms.lifecycle import Deed
from alarms.plant import Plant
from alarms.readings import Quality
from alarms.suppressions import STATE
from tests.unit.plants import SECOND, at, plant, point
from tests.unit.stories import does
from tests.unit.streams import Keeper, Row, Step
from tests.unit.tried import tried

LEVEL, PUMP, VALVE = range(3)
KEY = "DY-CHEM-01/TK101.LT"
DESIGN = {"when": "pump == 0 && valve < 1", "reason": "停泵检修"}


def tank(**design: Any) -> Plant:
    """Return a tank whose level alarm is suppressed while its pump is off and its valve shut."""
    level = point(
        limits={"h": 9.0, "hh": 10.0},
        tiers={"h": "yellow", "hh": "red"},
        on_delay_s=0.0,
        off_delay_s=0.0,
        suppress=DESIGN | design,
    )
    return plant((level, point("pump"), point("valve")))


def reads(row: int, seconds: float, value: float, quality: Quality = Quality.good) -> Row:
    return row, at(seconds), at(seconds), value, int(quality)


def idle(seconds: float) -> list[Step]:
    """Return pump and valve saying that the suppression holds."""
    return [reads(PUMP, seconds, 0.0), reads(VALVE, seconds, 0.0)]


class Watched:
    """The level alarm as a server would keep it."""

    def __init__(self, registered: Plant, steps: Sequence[Step]) -> None:
        self.keeper = Keeper(registered)
        self.alarm: Alarm | None = None
        self.journal: list[Entry] = []
        self._told = 0
        self.tell(*steps)

    def tell(self, *steps: Step, batch: bool = False) -> "Watched":
        """Feed readings one by one, or all at once, and ticks."""
        cuts = frozenset[int]() if batch else frozenset(range(len(steps)))
        self.keeper.run(steps, cuts)
        for event in self.keeper.events[self._told :]:
            if (event.subject.key, event.rule) == (KEY, "limit.high"):
                self._take(lifecycle.step(self.alarm, event, now=event.t_received))
        self._told = len(self.keeper.events)
        return self

    def does(self, kind: Deed, **more: Any) -> "Watched":
        self._take(lifecycle.step(self.alarm, does(kind, **more), now=at(100)))
        return self

    def _take(self, outcome: lifecycle.Outcome) -> None:
        self.alarm = outcome.alarm
        self.journal += outcome.entries

    @property
    def now(self) -> Alarm:
        assert self.alarm is not None
        return self.alarm

    @property
    def told(self) -> list[str]:
        return [entry.transition.value for entry in self.journal]

    @property
    def held(self) -> bool:
        state = self.keeper.states.get((KEY, STATE))
        return state is not None and state.process["held"] is not None


OVER = reads(LEVEL, 1, 9.5)


def test_an_open_alarm_is_suppressed_when_the_condition_comes_true() -> None:
    watched = Watched(tank(), [OVER, *idle(5)])
    assert watched.told == ["raised", "suppressed"]
    assert watched.now.state is State.DSUPR
    assert watched.now.owed_since is None
    assert watched.journal[-1].t_event == at(5)
    suppression = watched.now.suppression
    assert suppression is not None
    assert (suppression.by, suppression.reason) == ("design", "停泵检修")
    assert (suppression.at, suppression.until) == (at(5), at(5 + 28_800))


def test_what_is_raised_while_suppressed_is_born_so_and_never_rings() -> None:
    watched = Watched(tank(), [*idle(0), OVER])
    assert watched.told == ["raised", "suppressed"]
    assert [entry.alarm.state for entry in watched.journal] == [State.DSUPR, State.DSUPR]
    assert [entry.alarm.owed_since for entry in watched.journal] == [None, None]
    assert [entry.alarm.rev for entry in watched.journal] == [1, 2]


def test_evaluation_and_journal_go_on_while_suppressed_up_to_red() -> None:
    watched = Watched(tank(), [*idle(0), OVER, reads(LEVEL, 2, 10.5), reads(LEVEL, 3, 8.0)])
    assert watched.told == ["raised", "suppressed", "tier_up", "returned"]
    assert watched.now.peak_tier is Tier.red
    assert watched.now.state is State.DSUPR


def test_what_is_still_active_rings_when_the_condition_is_over() -> None:
    watched = Watched(tank(), [*idle(0), OVER, reads(PUMP, 5, 1.0)])
    assert watched.told == ["raised", "suppressed", "unsuppressed"]
    assert watched.now.state is State.UNACK
    assert watched.now.owed_since == at(5)
    assert watched.journal[-1].note == "the condition holds no more"


@pytest.mark.parametrize("quality", [each for each in Quality if each is not Quality.good])
def test_an_input_that_is_not_good_lifts(quality: Quality) -> None:
    watched = Watched(tank(), [*idle(0), OVER, reads(VALVE, 5, 0.0, quality)])
    assert watched.told == ["raised", "suppressed", "unsuppressed"]
    assert watched.journal[-1].note == "an input is missing or not good"


def test_an_input_that_falls_silent_lifts_by_the_tick_at_the_instant_it_is_stale() -> None:
    watched = Watched(tank(), [*idle(0), OVER, reads(PUMP, 20, 0.0), at(30)])
    assert watched.held
    watched.tell(at(31))
    assert watched.told == ["raised", "suppressed", "unsuppressed"]
    assert watched.journal[-1].t_event == at(30)


def test_a_condition_that_names_a_point_that_never_reported_suppresses_nothing() -> None:
    assert Watched(tank(), [reads(PUMP, 0, 0.0), OVER]).told == ["raised"]


def test_the_condition_must_hold_for_its_dwell() -> None:
    steps = [OVER, *idle(2), reads(PUMP, 11, 1.0), *idle(13)]
    watched = Watched(tank(dwell_s=10.0), steps)
    assert watched.told == ["raised"]
    watched.tell(at(23))
    assert watched.told == ["raised"]
    watched.tell(at(24))
    assert watched.told == ["raised", "suppressed"]
    assert watched.journal[-1].t_event == at(23)


def test_the_dwell_is_met_by_a_reading_too() -> None:
    watched = Watched(tank(dwell_s=10.0), [OVER, *idle(2), reads(PUMP, 15, 0.0)])
    assert watched.told == ["raised", "suppressed"]
    assert watched.journal[-1].t_event == at(12)


def test_the_dwell_waits_for_the_slowest_of_the_inputs() -> None:
    """The valve's readings take six seconds to arrive, and the next one disagrees."""
    steps: list[Step] = [OVER, reads(PUMP, 2, 0.0), (VALVE, at(2), at(8), 0.0, 0), at(16)]
    watched = Watched(tank(dwell_s=10.0), steps).tell((VALVE, at(11), at(17), 1.0, 0))
    assert watched.told == ["raised"]


def test_what_the_suppressing_reading_itself_raises_is_born_suppressed() -> None:
    watched = Watched(tank(when='p["TK101.LT"] > 9'), [OVER])
    assert [entry.alarm.state for entry in watched.journal] == [State.DSUPR, State.DSUPR]


def test_a_reading_that_disagrees_at_the_end_of_the_dwell_breaks_it() -> None:
    watched = Watched(tank(dwell_s=10.0), [OVER, *idle(2), reads(PUMP, 12, 1.0)])
    assert watched.told == ["raised"]


def test_it_lifts_after_its_longest_time_and_waits_until_the_condition_was_false() -> None:
    steps = [*idle(0), OVER, *idle(15), *idle(25)]
    watched = Watched(tank(most_s=20.0), steps)
    assert watched.told == ["raised", "suppressed", "unsuppressed"]
    assert watched.journal[-1].t_event == at(20)
    assert watched.journal[-1].note == "time is up"
    watched.tell(*idle(35), reads(VALVE, 36, 0.0, Quality.bad), *idle(37))
    assert watched.now.state is State.UNACK
    watched.tell(reads(PUMP, 40, 1.0), *idle(41))
    assert watched.now.state.value == "DSUPR"


def test_inputs_of_one_message_are_judged_together() -> None:
    """Pump starts as the valve shuts: neither before nor after did the condition hold."""
    before: list[Step] = [reads(PUMP, 0, 0.0), reads(VALVE, 0, 1.0), OVER]
    both: list[Step] = [reads(VALVE, 5, 0.0), reads(PUMP, 5, 1.0)]
    assert Watched(tank(), before).tell(*both, batch=True).told == ["raised"]


def test_a_suppression_by_hand_is_neither_taken_over_nor_lifted() -> None:
    watched = Watched(tank(), [OVER]).does(Deed.suppress, note="检修", until=at(3600))
    watched.tell(*idle(5), reads(PUMP, 6, 1.0))
    assert watched.told == ["raised", "suppressed"]
    assert watched.now.state is State.DSUPR


def test_a_person_may_lift_it_until_the_alarm_is_raised_again() -> None:
    watched = Watched(tank(), [*idle(0), OVER]).does(Deed.unsuppress)
    assert watched.now.state is State.UNACK
    watched.tell(reads(LEVEL, 2, 8.0), reads(LEVEL, 3, 9.5))
    assert watched.now.state.value == "DSUPR"


def test_other_alarms_of_the_point_ring_as_ever() -> None:
    keeper = Watched(tank(), [*idle(0), OVER]).keeper
    suppressed = {e.rule for e in keeper.events if e.change is Transition.suppressed}
    assert suppressed == {
        "limit.low",
        "limit.high",
        "forecast.h",
        "forecast.hh",
        "rate",
        "deviation",
    }


def test_a_suppression_taken_out_of_the_registry_is_lifted_with_the_next_tick() -> None:
    watched = Watched(tank(), [*idle(0), OVER])
    points = list(watched.keeper.plant.points)
    points[LEVEL] = point(limits={"h": 9.0, "hh": 10.0}, on_delay_s=0.0)
    watched.keeper.plant = plant(points)
    watched.keeper.restart()
    watched.tell(at(2))
    assert watched.told == ["raised", "suppressed", "unsuppressed"]
    assert watched.now.state is State.UNACK
    assert not watched.held


@st.composite
def streams(draw: st.DrawFn) -> list[Step]:
    now = 0.0
    steps: list[Step] = []
    newest = dict.fromkeys((LEVEL, PUMP, VALVE), -1)
    for _ in range(draw(st.integers(1, 30))):
        now += draw(st.sampled_from([0.5, 1.0, 3.0, 7.0, 12.0, 31.0]))
        if draw(st.sampled_from([True, False, False, False])):
            steps.append(at(now))
            continue
        row = draw(st.sampled_from([LEVEL, PUMP, VALVE]))
        value = draw(st.sampled_from([8.0, 9.5, 10.5] if row == LEVEL else [0.0, 0.0, 1.0]))
        time = max(newest[row] + 1, at(now) - draw(st.sampled_from([0, 0, 2 * SECOND])))
        newest[row] = time
        steps.append((row, time, at(now), value, draw(st.sampled_from([0, 0, 0, 1, 2]))))
    return steps


@given(streams(), st.frozensets(st.integers(0, 30)), st.booleans())
@tried(100)
def test_batches_and_restarts_change_nothing(
    steps: list[Step], cuts: frozenset[int], restart: bool
) -> None:
    registered = tank(dwell_s=5.0, most_s=40.0)
    whole, parts = Keeper(registered), Keeper(registered)
    whole.run(steps, frozenset())
    parts.run(steps, cuts, restart=restart)
    assert parts.events == whole.events
    assert parts.standing() == whole.standing()


@given(streams())
@tried(100)
def test_it_never_holds_longer_than_its_longest_time_nor_shorter_than_no_time(
    steps: list[Step],
) -> None:
    keeper = Keeper(tank(dwell_s=5.0, most_s=40.0))
    keeper.run(steps, frozenset())
    since: int | None = None
    for event in keeper.events:
        if event.rule != "limit.high":
            continue
        if event.change is Transition.suppressed:
            assert since is None
            since = event.t_change
        elif event.change is Transition.unsuppressed:
            assert since is not None
            assert 0 <= event.t_change - since <= 40 * SECOND
            since = None
