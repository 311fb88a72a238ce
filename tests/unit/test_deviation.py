"""The deviation detector: what it learns, when it is silent, what raises and what never does."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alarms.detectors import deviation

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


def replay(
    values: NDArray[np.float64],
    *,
    step_s: int = 60,
    learn: int = 300,
    deadband: float = 0.0,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], deviation.Baseline, list[deviation.Judged]]:
    """Feed rows of readings, shape (n, points)."""
    points = values.shape[1]
    habits = replace(
        deviation.Habits.usual(points),
        learn=np.full(points, learn, np.int32),
        deadband=np.full(points, deadband),
    )
    baseline = deviation.Baseline.fresh(points)
    said = []
    for row, value in enumerate(values):
        time = np.full(points, START + row * step_s * SECOND)
        said.append(deviation.judge(baseline, habits, time=time, value=value))
        baseline = said[-1].baseline
    raised = np.stack([one.raised for one in said])
    returned = np.stack([one.returned for one in said])
    return raised, returned, baseline, said


def noise(rows: int, points: int = 1, seed: int = 7) -> NDArray[np.float64]:
    """Draw white noise of 1 unit around 100."""
    return 100.0 + np.random.default_rng(seed).normal(size=(rows, points))


def same(one: deviation.Baseline, other: deviation.Baseline) -> bool:
    """Tell whether two memories are equal to the bit."""
    return all(
        np.array_equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(one)
    )


def test_a_step_of_ten_spreads_raises_within_ten_readings() -> None:
    values = noise(1500, 20)
    values[1000:] += 10.0
    raised, _, _, _ = replay(values)
    assert raised[1000:1010].any(axis=0).all()


def test_white_noise_raises_hardly_ever() -> None:
    raised, _, _, _ = replay(noise(3000, 60))
    assert raised.sum() <= 3


def test_a_point_is_silent_until_it_has_learned() -> None:
    values = noise(300, 5)
    values[200:] += 50.0
    raised, _, _, said = replay(values)
    assert not raised.any()
    assert all((one.score == 0.0).all() for one in said)


def test_what_stays_inside_the_deadband_never_raises() -> None:
    values = noise(1500)
    values[1000:] += 10.0
    raised, _, _, _ = replay(values, deadband=40.0)
    assert not raised.any()


def test_a_shift_is_one_alarm_and_ends_when_it_has_become_usual() -> None:
    values = noise(4500)
    values[1000:] += 10.0
    raised, returned, baseline, _ = replay(values)
    assert raised.sum() == 1
    assert returned.sum() == 1
    assert not baseline.active.any()


def test_where_noise_vanishes_that_is_the_view_most_surprised() -> None:
    values = noise(2000, 10)
    values[1500:] = 100.0 + (values[1500:] - 100.0) / 500
    _, _, _, said = replay(values)
    views = [deviation.VIEWS[view] for view in said[1530].view]
    assert all(view.startswith("noise_vanished") for view in views)


def test_a_value_usual_at_noon_but_not_at_this_hour_raises() -> None:
    second = START // SECOND + np.arange(14 * 288) * 300
    values = noise(len(second), 8) + 15.0 * np.sin(second / 86_400 * 2 * np.pi)[:, None]
    at = 3600 + int(np.argmax(second[3600:] // 3600 % 24 == 17))
    values[at : at + 10] += 20.0
    raised, _, _, _ = replay(values, step_s=300)
    assert values[at : at + 10].max() < values[1500:at].max()
    assert not raised[1500:at].any()
    assert raised[at : at + 20].any(axis=0).all()


def test_a_step_across_a_gap_is_no_step() -> None:
    *_, said = replay(noise(800))
    baseline = said[-1].baseline
    wide = deviation.Habits.usual(1)
    narrow = replace(wide, bridge=np.array([600 * SECOND]))
    late, value = baseline.time + 7200 * SECOND, np.array([109.0])
    across = deviation.judge(baseline, narrow, time=late, value=value)
    beside = deviation.judge(baseline, wide, time=late, value=value)
    assert across.score[0] < beside.score[0]


def test_a_missing_value_changes_nothing() -> None:
    _, _, baseline, _ = replay(noise(400, 3))
    nothing = deviation.judge(
        baseline,
        deviation.Habits.usual(3),
        time=baseline.time + SECOND,
        value=np.full(3, np.nan),
    )
    assert same(nothing.baseline, baseline)
    assert not nothing.raised.any()


@pytest.mark.parametrize("constant", [0.0, 45.0, -1e9])
def test_a_constant_signal_never_raises(constant: float) -> None:
    raised, _, _, _ = replay(np.full((1000, 1), constant))
    assert not raised.any()


def test_a_point_takes_at_most_600_bytes() -> None:
    baseline = deviation.Baseline.fresh(1000)
    assert sum(getattr(baseline, part.name).nbytes for part in fields(baseline)) <= 600_000


def test_a_judgement_leaves_the_memory_it_was_given_as_it_was() -> None:
    _, _, baseline, _ = replay(noise(400, 2))
    copy = baseline.take(np.arange(2))
    deviation.judge(
        baseline, deviation.Habits.usual(2), time=baseline.time + SECOND, value=np.array([1e6, 0.0])
    )
    assert same(baseline, copy)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_points_judged_together_end_as_points_judged_alone(seed: int, points: int) -> None:
    values = noise(200, points, seed)
    values[np.random.default_rng(seed).random(values.shape) < 0.1] = np.nan
    values[150:] += 20.0
    *_, together, _ = replay(values, learn=50)
    for i in range(points):
        *_, alone, _ = replay(values[:, i : i + 1], learn=50)
        assert same(together.take(np.array([i])), alone)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.floats(-1e12, 1e12) | st.sampled_from([np.nan, np.inf, -np.inf]), min_size=1, max_size=80
    )
)
def test_no_stream_makes_the_memory_infinite(stream: list[float]) -> None:
    _, _, baseline, _ = replay(np.array(stream)[:, None], learn=10)
    assert np.isfinite(baseline.slow).all()
    assert np.isfinite(baseline.tail).all()
