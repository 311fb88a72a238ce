"""Laws of the ladder: how a stream is cut does not matter, and buckets are what they say."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.detectors import forecast, forecast_tasks, trend_columns, trend_lines
from alarms.detectors.trend_columns import CELL_S, LEVELS, RING, ROW, SECOND, SHARES, WINDOWS_S
from tests.unit.trend_streams import PERIOD_S, START, aim, learned, take, tasks, windows

gaps = st.lists(
    st.one_of(st.floats(0.01, 30), st.floats(30, 4000), st.just(40_000.0)), min_size=1, max_size=60
)


def in_python(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function a kernel was compiled from."""
    plain: Callable[..., Any] = getattr(kernel, "py_func")  # noqa: B009
    return plain


@given(gaps, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_closed_buckets_hold_the_mean_of_their_readings(gap_s: list[float], chance: object) -> None:
    rng = np.random.default_rng(getattr(chance, "randrange")(2**32))  # noqa: B009
    time = START + np.cumsum(np.round(np.array(gap_s) * SECOND).astype(np.int64))
    value = 10 + rng.random(len(time)) * 1e-3
    value += np.where(np.arange(len(time)) % 2, 0.5, 0)  # all steps alike: none leaps out
    trends = trend_columns.blank(1)
    for t, x in zip(time.tolist(), value.tolist(), strict=True):
        take(trends, 0, t, x)
    for level in range(LEVELS):
        width = (CELL_S << level) * SECOND
        index = time // width
        newest = index[-1]
        for bucket in np.unique(index[index > newest - RING]):
            if bucket == newest or time[-1] - time[index == bucket][-1] > WINDOWS_S[-1] * SECOND:
                continue
            slot = bucket % RING
            rung = trends["rungs"][0, level]
            mean = rung["value"][slot] + trends["head"]["origin"][0]
            assert mean == pytest.approx(value[index == bucket].mean(), abs=1e-5)
            since = (time[index == bucket] - bucket * width).mean() / width
            assert (rung["share"][slot] + 0.5) / SHARES == pytest.approx(since, abs=0.51 / SHARES)


@given(gaps)
@settings(max_examples=20, deadline=None)
def test_a_bucket_that_no_reading_fell_into_is_empty(gap_s: list[float]) -> None:
    time = START + np.cumsum(np.round(np.array(gap_s) * SECOND).astype(np.int64))
    trends = trend_columns.blank(1)
    for t in time.tolist():
        take(trends, 0, t, 1.0)
    for level in range(LEVELS):
        index = time // ((CELL_S << level) * SECOND)
        held = {int(one) % RING for one in index if index[-1] - RING <= one < index[-1]}
        known = np.isfinite(trends["rungs"][0, level]["value"])
        assert set(np.flatnonzero(known).tolist()) == held


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_a_compiled_loop_gives_the_bits_of_the_plain_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    time = START + np.cumsum(rng.integers(1, 40 * SECOND, 120))
    value = 95 + rng.standard_normal(120) + rng.uniform(0, 0.1) * np.arange(120)
    value[rng.random(120) < 0.05] = np.nan
    value[rng.random(120) < 0.05] += 9
    fast, plain = trend_columns.blank(1), trend_columns.blank(1)
    for t, x in zip(time.tolist(), value.tolist(), strict=True):
        take(fast, 0, t, x)
        in_python(trend_columns.learn)(plain["head"], plain["rungs"], 0, t, x)
    assert fast.tobytes() == plain.tobytes()
    given_one, given_other = tasks(1), tasks(1)
    one, other = forecast.room(), forecast.room()
    for window in range(LEVELS):
        trend_lines.estimate(fast["head"], fast["rungs"], 0, window, one[0], one[0][7])
        with np.errstate(all="ignore"):
            in_python(trend_lines.estimate)(
                fast["head"], fast["rungs"], 0, window, other[0], other[0][7]
            )
        assert one[0][7].tobytes() == other[0][7].tobytes()
        ends = (-5.0, 5.0, 1.7, 2.0)
        assert trend_lines.near(fast["head"], fast["rungs"], 0, window, *ends) == in_python(
            trend_lines.near
        )(fast["head"], fast["rungs"], 0, window, *ends)
    stirs = trend_lines.stirs
    assert stirs(fast["head"], fast["rungs"], 0, forecast.EVERYTHING) == in_python(stirs)(
        fast["head"], fast["rungs"], 0, forecast.EVERYTHING
    )
    for look, ahead, room in (
        (forecast.look, given_one, one),
        (in_python(forecast.look), given_other, other),
    ):
        look(fast["head"], fast["rungs"], aim(high=100.0), ahead, 0, forecast.EVERYTHING, *room)
    assert one[2].tobytes() == other[2].tobytes()


def test_memory_replayed_from_readings_is_the_memory_that_learned_them() -> None:
    rng = np.random.default_rng(4)
    value = windows(rng, 1, "rise", "all").value
    once = learned(np.random.default_rng(1), value)
    time = once["head"]["time"][0] + (np.arange(60) - 59) * round(PERIOD_S * SECOND)
    again = trend_columns.blank(1)
    for _ in range(2):  # what is known already is passed over
        trend_columns.replay(
            again["head"], again["rungs"], np.zeros(60, np.int32), time, value.ravel()
        )
    assert once.tobytes() == again.tobytes()


def test_a_reading_that_is_no_number_is_no_news() -> None:
    rng = np.random.default_rng(5)
    trends = learned(rng, windows(rng, 3, "flat", "white").value)
    before = trends.tobytes()
    for row, value in enumerate((np.nan, np.inf, -np.inf)):
        take(trends, row, int(trends["head"]["time"][row]) + SECOND, value)
    assert trends.tobytes() == before


def test_a_spike_leaves_no_trace_in_the_buckets() -> None:
    rng = np.random.default_rng(6)
    value = 50 + rng.standard_normal((1, 40))
    struck = np.insert(value, 30, 80.0, axis=1)
    rings = learned(np.random.default_rng(7), struck)["rungs"]["value"]
    origin = struck[0, 0]
    assert np.nanmax(rings) + origin < 60


def test_a_step_is_believed_with_the_second_reading() -> None:
    rng = np.random.default_rng(8)
    value = np.r_[50 + rng.standard_normal(30), 80 + rng.standard_normal(2)]
    trends = learned(rng, value[None, :])
    newest = trends["head"]["last"][0] + trends["head"]["origin"][0]
    assert newest == pytest.approx(value[-1], abs=1e-4)
    assert newest > 70


def test_a_point_is_judged_once_in_ten_seconds_at_most() -> None:
    times = [START - SECOND, *(START + np.array([0, 4, 9, 10, 15, 19, 21]) * SECOND).tolist()]
    due = [forecast.news(before, now) != 0 for before, now in pairwise(times)]
    assert due == [True, False, False, True, False, False, True]


def test_a_longer_window_is_looked_at_once_in_the_width_of_its_buckets() -> None:
    times = START + np.arange(0, 14_400 * SECOND, 10 * SECOND)
    looked = [forecast.news(before, now) for before, now in pairwise(times.tolist())]
    for window in range(LEVELS):
        count = sum(one >> window & 1 for one in looked)
        assert count == pytest.approx(14_400 / max(10, CELL_S << window), abs=1)


def test_after_a_silence_longer_than_the_ladder_nothing_is_remembered() -> None:
    rng = np.random.default_rng(9)
    trends = learned(rng, windows(rng, 1, "rise", "white").value)
    take(trends, 0, int(trends["head"]["time"][0]) + 86_400 * SECOND, 70.0)
    assert np.isnan(trends["rungs"]["value"]).all()


def test_a_point_costs_1000_bytes_at_most() -> None:
    assert ROW.itemsize + forecast_tasks.AIM.itemsize + forecast_tasks.TASK.itemsize <= 1000


def swing(value: list[float]) -> float:
    """Return how far a half of the second window usually departs from its course, so learned."""
    trends = trend_columns.blank(1)
    for i, x in enumerate(value):
        take(trends, 0, START + i * 10 * SECOND, x)
    return float(np.sqrt(trends["head"]["swing"][0, 1]))


def test_what_a_point_does_of_itself_is_learned_and_a_steady_trend_is_not_part_of_it() -> None:
    noise = np.random.default_rng(4).normal(0, 1, 2000)
    slow = [0.0]
    for one in noise.tolist():
        slow.append(0.97 * slow[-1] + 0.24 * one)
    steady = np.arange(2001) * 0.05
    calm = swing(noise.tolist())
    assert calm == pytest.approx(np.sqrt(6 / 6.4), rel=0.25)  # 6.4 readings fall into 64 s
    assert swing((steady[:-1] + noise).tolist()) == pytest.approx(calm, rel=0.25)
    assert swing(slow) > 0.4


@pytest.mark.parametrize("small", [0.0, 0.02])
@pytest.mark.parametrize("place", [1, 2])
def test_a_small_early_step_does_not_hide_a_points_noise(place: int, small: float) -> None:
    noise = np.random.default_rng(10).normal(0, 1, (300, 20))
    noise[:, place] = noise[:, place - 1] + small
    heads = learned(np.random.default_rng(1), noise)["head"]
    for steps in ("steps1", "steps2"):
        sigma = np.sqrt(heads[steps] / 2)
        assert np.median(sigma) == pytest.approx(1.0, rel=0.15)
        assert np.quantile(sigma, 0.05) > 0.47


def test_a_point_that_stood_all_but_still_shows_its_noise_in_an_hour() -> None:
    noise = np.random.default_rng(11).normal(0, 1, (300, 60 + 360))
    noise[:, :60] *= 1e-4
    sigma = np.sqrt(learned(np.random.default_rng(1), noise)["head"]["steps1"] / 2)
    assert np.quantile(sigma, 0.01) > 0.75
