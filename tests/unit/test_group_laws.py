"""Laws of group rules: batches and restarts make no difference, missing values clear nothing."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import ProcessEvent, Transition
from alarms.group_course import Standing
from alarms.occurrences import Episodes
from alarms.plant import Group
from tests.unit.group_plants import GROUPS, POINTS, ROW, grouped
from tests.unit.plants import SECOND, START
from tests.unit.streams import Keeper, Step, standing_over
from tests.unit.test_engine_laws import exactly
from tests.unit.tried import tried

CUTS = st.frozensets(st.integers(0, 200))
_VALUES = {
    "combustible_gas": (10.0, 12.0, 24.0, 25.0, 40.0, float("nan")),
    "air_door": (0.0, 1.0, 1.0),
    "methane": (0.2, 0.4, 1.0, 1.2, 1.6),
    "feeder_state": (0.0, 1.0, 1.0),
    "flow": (0.0, 10.0, 20.0, 1e308),
    "level": (1.0, 1.3, 1.45, 1.8, float("nan")),
}
_LAGS = (0, 0, 400_000, 2_500_000, 40_000_000)


@st.composite
def streams(draw: st.DrawFn, *, in_order: bool = False) -> list[Step]:
    """Draw stretches in which a group's members stand, with gaps, bad quality and ticks.

    And with lags, but where readings are to come in order, each of an instant of its own.
    """
    now = START
    newest = dict.fromkeys(range(len(POINTS)), START - 10 * SECOND)
    some = draw(st.sampled_from(GROUPS))
    rows = [ROW[tag] for tag in some.tags]
    lags = (
        {row: -1000 * place for place, row in enumerate(rows)}
        if in_order
        else (dict.fromkeys(rows, 0) | {draw(st.sampled_from(rows)): draw(st.sampled_from(_LAGS))})
    )
    steps: list[Step] = []
    for _ in range(draw(st.integers(1, 5))):
        stand = {row: draw(st.sampled_from(_VALUES[POINTS[row].quantity])) for row in rows}
        odd = draw(st.sampled_from([None, None, None, None, *rows]))
        quality = draw(st.sampled_from([1, 2, 3, 5, None]))
        gap = draw(st.sampled_from([1, 5, 5, 5, 5, 7, 31, 400]))
        for _ in range(draw(st.integers(3, 20))):
            now += round(gap * SECOND)
            if draw(st.sampled_from([True, False, False])):
                steps.append(now)
            for row in rows:
                if row == odd and quality is None:
                    continue
                time = max(newest[row] + 1, now - lags[row])
                newest[row] = time
                mark = quality if row == odd and quality is not None else 0
                steps.append((row, time, now, stand[row], mark))
    return steps


def ran(steps: list[Step], cuts: frozenset[int], *, restart: bool = False) -> Keeper:
    keeper = Keeper(grouped())
    keeper.run(steps, cuts, restart=restart)
    return keeper


def of_groups(keeper: Keeper) -> list[ProcessEvent]:
    return [event for event in exactly(keeper.events) if event.rule.startswith("group.")]


def came_to(keeper: Keeper) -> list[tuple[Any, ...]]:
    """Return the occurrences of groups, without what was withdrawn."""
    episodes = Episodes()
    episodes.add(of_groups(keeper), now=START)
    return sorted(
        (each.key, each.t_raised, each.t_returned, each.tiers)
        for each in episodes.found
        if each.t_raised != each.t_returned
    )


def in_batches(steps: list[Step], cuts: frozenset[int]) -> tuple[Keeper, Keeper, Keeper]:
    """Return what a stream comes to in one piece, cut, and one reading after the other."""
    return ran(steps, frozenset()), ran(steps, cuts), ran(steps, frozenset(range(250)))


@given(streams(in_order=True), CUTS)
@tried(40)
def test_however_a_stream_in_order_is_cut_into_batches_the_groups_say_the_same(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    whole, cut, singly = in_batches(steps, cuts)
    assert of_groups(cut) == of_groups(whole)
    assert of_groups(singly) == of_groups(whole)
    assert cut.standing() == singly.standing() == whole.standing()


@given(streams(), CUTS)
@tried(40)
def test_however_a_stream_is_cut_into_batches_the_occurrences_are_the_same(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    whole, cut, singly = in_batches(steps, cuts)
    assert came_to(cut) == came_to(singly) == came_to(whole)
    assert _columns(cut) == _columns(singly) == _columns(whole)


@given(streams(), CUTS)
@tried(40)
def test_a_restart_at_any_batch_border_changes_nothing(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    straight, restarted = ran(steps, cuts), ran(steps, cuts, restart=True)
    assert of_groups(restarted) == of_groups(straight)
    assert restarted.states == straight.states
    assert _columns(restarted) == _columns(straight)


@given(streams(), st.lists(st.integers(0, 200), max_size=20))
@tried(40)
def test_asking_twice_at_one_instant_says_nothing_twice(
    steps: list[Step], again: list[int]
) -> None:
    doubled: list[Step] = []
    for number, step in enumerate(steps):
        doubled += [step] * (2 if isinstance(step, int) and number in again else 1)
    once, twice = ran(steps, frozenset()), ran(doubled, frozenset())
    assert of_groups(twice) == of_groups(once)
    assert twice.states == once.states


@given(streams())
@tried(40)
def test_loss_of_data_alone_never_clears_a_group(steps: list[Step]) -> None:
    """After the last reading only ticks: what clears was no longer over when the last came."""
    keeper = ran(steps, frozenset())
    before = len(keeper.events)
    held = standing_over(keeper.engine)
    end = max(step if isinstance(step, int) else step[2] for step in steps)
    for second in range(0, 300, 3):
        keeper.tick(end + second * SECOND)
    for event in keeper.events[before:]:
        if event.rule.startswith("group."):
            assert event.change is not Transition.late
            if event.change is Transition.returned:
                assert event.subject.key not in held


@given(streams(in_order=True), CUTS)
@tried(30)
def test_each_group_raises_and_returns_in_turn_and_never_before_it_raised(
    steps: list[Step], cuts: frozenset[int]
) -> None:
    since: dict[str, int] = {}
    for event in of_groups(ran(steps, cuts)):
        if event.change is Transition.raised:
            assert event.rule not in since
            since[event.rule] = event.t_change
        else:
            assert event.t_change >= since[event.rule]
            if event.change is Transition.returned:
                del since[event.rule]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.kind)
@given(data=st.data())
@tried(20)
def test_no_value_whatever_breaks_a_group(group: Group, data: st.DataObject) -> None:
    keeper = Keeper(grouped(group))
    rows = [ROW[tag] for tag in group.tags]
    now = START
    for _ in range(data.draw(st.integers(1, 30))):
        now += 5 * SECOND
        row = data.draw(st.sampled_from(rows))
        keeper.feed([(row, now, now, data.draw(st.floats()), 0)])
    for state in keeper.states.values():
        if state.rule.startswith("group."):
            json.dumps(state.process, allow_nan=False)
    for event in of_groups(keeper):
        assert event.value is None or np.isfinite(event.value)
        assert event.limit is None or np.isfinite(event.limit)


def _columns(keeper: Keeper) -> Any:
    return [
        (
            *(repr(past.log[: past.many]), past.said, past.waited, past.blind),
            *(_standing(each) for each in (past.base.standing, past.alone.standing, past.now)),
        )
        for past in keeper.engine.groups._past
    ]


def _standing(one: Standing) -> Any:
    value = np.nan_to_num(one.value).tolist()
    return one.time, one.received, value, one.phase, one.t0, one.seen, one.unsure, one.memory
