"""Laws of the ladder: how a stream is cut does not matter, and buckets are what they say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.detectors import forecast, trend_columns
from alarms.detectors.trend_columns import CELL_S, LEVELS, RING, ROW, SECOND, TICKS, WINDOWS_S
from tests.unit.trend_streams import START, judged, learned, windows

gaps = st.lists(
    st.one_of(st.floats(0.01, 30), st.floats(30, 4000), st.just(40_000.0)), min_size=1, max_size=60
)


@given(gaps, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_closed_buckets_hold_the_mean_of_their_readings(gap_s: list[float], chance: object) -> None:
    rng = np.random.default_rng(getattr(chance, "randrange")(2**32))  # noqa: B009
    time = START + np.cumsum(np.round(np.array(gap_s) * SECOND).astype(np.int64))
    value = 10 + rng.random(len(time)) * 1e-3
    value += np.where(np.arange(len(time)) % 2, 0.5, 0)  # all steps alike: none leaps out
    trends = trend_columns.blank(1)
    for t, x in zip(time, value, strict=True):
        trend_columns.learn(trends, np.array([0]), np.array([t]), np.array([x]))
    for level in range(LEVELS):
        width = (CELL_S << level) * SECOND
        index = time // width
        newest = index[-1]
        for bucket in np.unique(index[index > newest - RING]):
            if bucket == newest or time[-1] - time[index == bucket][-1] > WINDOWS_S[-1] * SECOND:
                continue
            slot = bucket % RING
            mean = trends["value"][0, level, slot] + trends["origin"][0]
            assert mean == pytest.approx(value[index == bucket].mean(), abs=1e-5)
            ticks = (time[index == bucket] * TICKS / SECOND).mean()
            behind = np.uint32(int(ticks) % 2**32) - trends["stamp"][0, level, slot]
            assert min(int(behind), 2**32 - int(behind)) <= 1 + 4e-6 * (width / SECOND) * TICKS


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_how_a_stream_is_cut_into_batches_changes_no_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = 12, 90
    time = START + np.cumsum(rng.integers(1, 40 * SECOND, (n, m)), axis=1)
    value = 95 + rng.standard_normal((n, m)) + rng.uniform(0, 0.1, (n, 1)) * np.arange(m)
    value[rng.random((n, m)) < 0.05] = np.nan
    whole, single = trend_columns.blank(n), trend_columns.blank(n)
    for i in range(m):
        order = rng.permutation(n)
        trend_columns.learn(whole, order, time[order, i], value[order, i])
    for row in range(n):
        for i in range(m):
            trend_columns.learn(
                single, np.array([row]), time[row, i : i + 1], value[row, i : i + 1]
            )
    assert whole.tobytes() == single.tobytes()
    together = judged(whole)
    for row in range(n):
        alone = judged(single[row : row + 1])
        for name in forecast.Outlook.__slots__:
            mine, yours = getattr(alone, name)[0], getattr(together, name)[row]
            assert mine.tobytes() == yours.tobytes(), name


def test_a_restart_continues_where_the_record_stopped() -> None:
    rng = np.random.default_rng(4)
    trends = learned(rng, windows(rng, 50, "rise", "all").value)
    again = trend_columns.from_bytes(trends.tobytes())
    at = np.arange(50)
    later = trends["time"] + SECOND
    for memory in (trends, again):
        trend_columns.learn(memory, at, later, np.full(50, 99.0))
    assert trends.tobytes() == again.tobytes()


def test_a_reading_that_is_no_number_is_no_news() -> None:
    rng = np.random.default_rng(5)
    trends = learned(rng, windows(rng, 3, "flat", "white").value)
    before = trends.tobytes()
    later = trends["time"] + SECOND
    trend_columns.learn(trends, np.arange(3), later, np.array([np.nan, np.inf, -np.inf]))
    assert trends.tobytes() == before


def test_a_spike_leaves_no_trace_in_the_buckets() -> None:
    rng = np.random.default_rng(6)
    value = 50 + rng.standard_normal((1, 40))
    struck = np.insert(value, 30, 80.0, axis=1)
    rings = learned(np.random.default_rng(7), struck)["value"]
    origin = struck[0, 0]
    assert np.nanmax(rings) + origin < 60


def test_a_step_is_believed_with_the_second_reading() -> None:
    rng = np.random.default_rng(8)
    value = np.r_[50 + rng.standard_normal(30), 80 + rng.standard_normal(2)]
    trends = learned(rng, value[None, :])
    assert trends["last"][0] + trends["origin"][0] == pytest.approx(value[-1], abs=1e-4)
    assert trends["last"][0] + trends["origin"][0] > 70


def test_a_point_is_judged_once_in_ten_seconds_at_most() -> None:
    trends, at = trend_columns.blank(1), np.array([0])
    times = START + np.array([0, 4, 9, 10, 15, 19, 21]) * SECOND
    ripe = [bool(trend_columns.due(trends, at, t[None], forecast.EVERY)[0]) for t in times]
    assert ripe == [True, False, False, True, False, False, True]


def test_after_a_silence_longer_than_the_ladder_nothing_is_remembered() -> None:
    rng = np.random.default_rng(9)
    trends = learned(rng, windows(rng, 1, "rise", "white").value)
    trend_columns.learn(trends, np.array([0]), trends["time"] + 86_400 * SECOND, np.array([70.0]))
    assert np.isnan(trends["value"]).all()


def test_a_point_costs_1200_bytes_at_most() -> None:
    assert ROW.itemsize <= 1200
