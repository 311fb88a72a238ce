"""The protocol's arithmetic: NAB's scoring, replays, episodes."""

import numpy as np
import pytest

from alarms.alarm import Kind
from fengsui.evaluation import foresight, nab, recordings

STANDARD = nab.Profile(name="standard", found=1.0, missed=1.0, outside=0.11)
MINUTE = 60_000_000


def series(*windows: tuple[int, int], rows: int = 1000) -> nab.Series:
    """Return a series with these windows."""
    return nab.Series(
        name="a", time=np.arange(rows) * MINUTE, value=np.zeros(rows), windows=windows
    )


def raised(*rows: int) -> nab.Scores:
    """Return scores of 1 at these rows."""
    scores = np.zeros(1000)
    scores[list(rows)] = 1.0
    return scores


def test_silence_scores_nothing_and_first_rows_of_every_window_score_100() -> None:
    one = series((300, 349), (700, 749))
    assert nab.score([one], [raised()], STANDARD).score == 0.0
    assert nab.score([one], [raised(300, 700)], STANDARD).score == pytest.approx(100.0)


def test_only_the_first_raise_in_a_window_counts() -> None:
    one = series((300, 349))
    late = nab.score([one], [raised(340)], STANDARD).score
    assert nab.score([one], [raised(310, 340)], STANDARD).score > late > 50.0


def test_a_raise_just_behind_a_window_costs_less_than_one_far_from_any() -> None:
    one = series((300, 349))
    near = nab.score([one], [raised(300, 352)], STANDARD).score
    far = nab.score([one], [raised(300, 900)], STANDARD).score
    assert 100.0 > near > far
    assert far == pytest.approx(100.0 - 100 * 0.11 / 2)


def test_raises_in_the_probation_count_for_nothing() -> None:
    one = series((300, 349))
    assert one.probation == 150
    assert nab.score([one], [raised(10, 149, 300)], STANDARD).score == pytest.approx(100.0)


def test_the_threshold_is_the_one_that_suits_the_whole_corpus_best() -> None:
    one = series((300, 349))
    scores = raised(300)
    scores[500:900:10] = 0.5
    result = nab.score([one], [scores], STANDARD)
    assert (result.threshold, result.found, result.outside) == (1.0, 1, 0)


def test_episodes_closer_than_the_gap_are_one() -> None:
    raises = np.array([0, 20, 70, 71]) * MINUTE
    assert recordings.episodes(raises, 30 * MINUTE) == 2
    assert recordings.episodes(raises[:0], 30 * MINUTE) == 0


def test_a_disturbed_recording_comes_out_of_order_is_sifted_and_repeatable() -> None:
    time = np.arange(5000) * 10_000_000
    whole = recordings.Recording(time=time, value=np.arange(5000.0))
    one = recordings.disturbed(whole, np.random.default_rng(1))
    assert (np.diff(one.time) < 0).mean() > 0.2
    assert 0.94 < len(np.unique(one.time)) / 5000 < 0.96
    assert len(np.unique(one.time)) < len(one.time)
    assert np.array_equal(one.time, recordings.disturbed(whole, np.random.default_rng(1)).time)
    news = recordings.sifted(one).time
    assert (np.diff(news) > 0).all()
    assert 0.3 < len(news) / 5000 < 0.95


def test_series_of_unequal_length_are_judged_as_if_alone() -> None:
    draws = np.random.default_rng(2)
    feeds = [
        recordings.Recording(time=np.arange(n) * MINUTE, value=draws.normal(size=n))
        for n in (500, 900, 700)
    ]
    for feed in feeds:
        feed.value[450:] += 30.0
    together = recordings.judge(feeds)
    for feed, said in zip(feeds, together, strict=True):
        [alone] = recordings.judge([feed])
        assert np.array_equal(alone.score, said.score)
        assert said.raised.any()


def ramp(limit: float) -> foresight.Feed:
    """Return half an hour that stands still for ten minutes and then rises by 0.1 a minute."""
    minute = np.arange(0, 30, 1 / 6)
    value = 5 + 0.1 * np.maximum(minute - 10, 0)
    value += np.random.default_rng(3).normal(0, 0.01, len(value))
    feed = recordings.Recording(time=np.arange(len(value)) * 10_000_000, value=value)
    return foresight.Feed(recording=feed, limit=limit, high=True)


def test_a_recording_is_judged_by_the_engine_as_if_alone() -> None:
    feeds = [ramp(6.5), ramp(100.0), ramp(9.0)]
    together = foresight.episodes(feeds)
    assert [foresight.episodes([feed])[0] for feed in feeds] == together
    assert together[1] == []


def test_a_foretold_limit_has_its_forecast_first_and_its_alarm_at_the_end() -> None:
    [[foretold, *_, met]] = foresight.episodes([ramp(6.5)])
    assert (foretold.kind, met.kind) == (Kind.forecast, Kind.limit)
    assert met.raised - foretold.raised > 10 * 60 * 1_000_000
    assert met.returned is None
