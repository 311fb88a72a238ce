"""The laws of the engine: batches, restarts and the plain reference make no difference."""

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import ProcessEvent, Transition
from alarms.rules import RULES
from fengsui.bench.one_by_one import OneByOne, Said
from tests.unit.plants import START
from tests.unit.streams import POINTS, Keeper, Step, small_plant, streams
from tests.unit.tried import tried

CUTS = st.frozensets(st.integers(0, 40))


def exactly(events: list[ProcessEvent]) -> list[ProcessEvent]:
    """Leave out `still_over`, which by its meaning depends on what the batch held."""
    return [msgspec.structs.replace(event, still_over=True) for event in events]


def ran(steps: list[Step], cuts: frozenset[int], *, restart: bool = False) -> Keeper:
    keeper = Keeper(small_plant())
    keeper.run(steps, cuts, restart=restart)
    return keeper


def said(event: ProcessEvent) -> Said:
    return Said(
        key=event.subject.key,
        rule=event.rule,
        change=event.change.value,
        tier=event.tier,
        t_change=event.t_change,
        t_event=event.t_event,
        value=event.value if event.value is not None else float("nan"),
        limit=event.limit if event.limit is not None else float("nan"),
        peak=event.peak,
        unconfirmed=event.unconfirmed,
    )


@given(streams(), CUTS)
@tried(60)
def test_however_a_stream_is_cut_into_batches_the_events_are_the_same(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    whole, cut, singly = ran(steps, frozenset()), ran(steps, cuts), ran(steps, frozenset(range(41)))
    assert exactly(cut.events) == exactly(whole.events)
    assert exactly(singly.events) == exactly(whole.events)
    assert cut.standing() == singly.standing() == whole.standing()


@given(streams(), CUTS)
@tried(60)
def test_a_restart_at_any_batch_border_changes_nothing(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    straight, restarted = ran(steps, cuts), ran(steps, cuts, restart=True)
    assert exactly(restarted.events) == exactly(straight.events)
    assert restarted.states == straight.states
    for name, column in straight.limits().items():
        np.testing.assert_array_equal(restarted.limits()[name], column)


@given(streams(), CUTS)
@tried(100)
def test_the_vector_engine_says_what_the_one_by_one_engine_says(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    keeper = ran(steps, cuts)
    plain = [OneByOne(point) for point in POINTS]
    for step in steps:
        if isinstance(step, int):
            for engine in plain:
                engine.tick(step, START)
        else:
            row, time, received, value, quality = step
            plain[row].take(time, received, value, quality)
    for engine in plain:
        for rule in RULES:
            found = [
                said(event)
                for event in keeper.events
                if (event.rule, event.subject.key) == (rule, engine.point.key)
                and event.change is not Transition.quality
            ]
            assert found == [one for one in engine.said if one.rule == rule]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 0, 0, 1, 3]),
            st.sampled_from([0.5, 1.2, 3.5, 5.0, 7.0, 8.7, 9.2, 10.5]),
            st.sampled_from([0] * 6 + [2, 3]),
            st.integers(1, 40),
        ),
        min_size=3,
        max_size=12,
    )
)
@tried(40)
def test_a_long_upload_of_one_point_says_what_its_readings_one_by_one_say(
    stretches: list[tuple[int, float, int, int]],
) -> None:
    steps: list[Step] = []
    now = START
    for row, value, quality, count in stretches:
        for _ in range(count):
            now += 1_000_000
            steps.append((row, now, now, value, quality))
    whole, singly = ran(steps, frozenset()), ran(steps, frozenset(range(len(steps))))
    assert exactly(whole.events) == exactly(singly.events)
    assert whole.standing() == singly.standing()


@given(streams())
@tried(60)
def test_loss_of_data_alone_never_clears(steps: list[Step]) -> None:
    """After the last reading only ticks: a level clears only if that reading was under it.

    And then only while that reading can still stand for the point: three periods.
    """
    keeper = ran(steps, frozenset())
    phases = keeper.limits()["phase"].copy()
    reach = keeper.last.judged_time + keeper.engine.rules.bridge[keeper.engine.rules.of]
    before = len(keeper.events)
    end = max([step if isinstance(step, int) else step[2] for step in steps])
    for second in range(0, 200, 3):
        keeper.tick(end + second * 1_000_000)
    for event in keeper.events[before:]:
        if event.change is Transition.returned and event.rule in RULES:
            row = [point.key for point in POINTS].index(event.subject.key)
            side = phases[row, :2] if event.rule == "limit.low" else phases[row, 2:]
            assert 2 not in side, "an ACTIVE level, over at its newest reading, has cleared"
            assert event.t_change <= reach[row]


@given(streams(), CUTS)
@tried(60)
def test_each_rule_raises_and_returns_in_turn_and_never_before_it_raised(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    open_since: dict[tuple[str, str], int] = {}
    for event in ran(steps, cuts).events:
        key = event.subject.key, event.rule
        if event.change is Transition.raised:
            assert key not in open_since
            open_since[key] = event.t_change
        elif event.change is Transition.quality:
            assert key in open_since
        else:
            assert event.t_change >= open_since[key]
            if event.change is Transition.returned:
                del open_since[key]
