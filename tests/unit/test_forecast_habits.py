"""What a point does by habit is no forecast and ends none; a rise that stops ends it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from alarms.detectors import trend_columns
from alarms.detectors.trend_columns import SECOND
from tests.unit.test_forecast import Story, story
from tests.unit.trend_streams import PERIOD_S, START, take

Floats = NDArray[np.float64]
HOUR = 3600


def cycle(hours: float, *, period_h: float, height: float, seed: int = 1) -> Floats:
    """Return a process that swings about 50, with noise of sigma 0.5."""
    n = round(hours * HOUR / PERIOD_S)
    swing = np.sin(2 * np.pi * np.arange(n) * PERIOD_S / HOUR / period_h)
    value: Floats = 50 + height * swing + np.random.default_rng(seed).normal(0, 0.5, n)
    return value


def raises(moves: Story) -> list[float]:
    """Return when forecasts began, in hours."""
    tiers = [0, *(tier for _, tier in moves)]
    return [
        at / HOUR for (at, tier), was in zip(moves, tiers, strict=False) if tier > 0 and was == 0
    ]


@pytest.mark.parametrize("period_h", [1.5, 3.0, 6.0])
def test_a_cycle_far_from_its_limit_is_forecast_in_its_first_rounds_only(period_h: float) -> None:
    swings = cycle(10 * period_h, period_h=period_h, height=15)
    assert max(raises(story(swings, high=100)), default=0) < 2.5 * period_h


def test_a_low_limit_is_the_mirror_of_a_high_one() -> None:
    swings = cycle(30, period_h=3, height=15)
    assert story(-swings, low=-100) == story(swings, high=100)


def test_what_rises_beyond_the_crest_is_forecast_before_it_reaches_the_limit() -> None:
    swings = cycle(30, period_h=3, height=15)
    rise = 50 + 0.5 * np.arange(100 * 60 / PERIOD_S) * PERIOD_S / 60
    moves = story(np.r_[swings, rise], high=100)
    begun = 50 + 0.5 * 60 * (raises(moves)[-1] - 30)
    assert 65 <= begun <= 72
    assert moves[-1][1] > 0


def test_what_turns_only_beyond_its_limit_is_forecast_each_time() -> None:
    swings = cycle(30, period_h=3, height=15)
    assert len(raises(story(swings, high=62))) >= 9


def test_a_habit_fades_in_weeks_without_it() -> None:
    trends = trend_columns.blank(1)
    swings = cycle(30, period_h=3, height=15)
    quiet = np.full(round(21 * 24 * HOUR / 600), 50.0)
    for i, one in enumerate(swings):
        take(trends, 0, START + round(i * PERIOD_S * SECOND), one)
    known = float(trends["head"]["crest"][0] - trends["head"]["trough"][0])
    assert known == pytest.approx(30, abs=4)
    for i, one in enumerate(quiet):
        take(trends, 0, START + 30 * HOUR * SECOND + i * 600 * SECOND, one)
    assert trends["head"]["crest"][0] - trends["head"]["trough"][0] < known / 4


@pytest.mark.parametrize("hours", [0.5, 1.0, 2.0])
def test_a_long_rise_that_stops_is_withdrawn_within_a_quarter_of_an_hour(hours: float) -> None:
    n = round(6 * HOUR / PERIOD_S)
    at = np.arange(n) * PERIOD_S / HOUR
    value = 4 + np.clip(at - 2, 0, hours) + np.random.default_rng(4).normal(0, 0.005, n)
    moves = story(value, high=8)
    assert moves[0][1] > 0
    withdrawn, tier = moves[-1]
    assert tier == 0
    assert withdrawn - (2 + hours) * HOUR <= 900


@pytest.mark.parametrize(
    ("period_s", "rise", "minutes"), [(10.0, 20, 8.0), (10.0, 60, 8.0), (60.0, 20, 20.0)]
)
def test_a_noisy_rise_that_stops_is_withdrawn_when_the_readings_show_it(
    period_s: float, rise: int, minutes: float
) -> None:
    at = np.arange(round((2.5 * HOUR + rise * 60) / period_s)) * period_s / 60 - 60
    ends, again = [], 0
    for seed in range(15):
        noise = np.random.default_rng(seed).normal(0, 0.5, len(at))
        moves = story(70 + 20 / rise * np.clip(at, 0, rise) + noise, high=98, period_s=period_s)
        assert any(0 < when / 60 - 60 < rise for when, _ in moves)
        assert moves[-1][1] == 0
        ends.append(moves[-1][0] / 60 - 60 - rise)
        again += sum(hour * 60 - 60 > rise for hour in raises(moves))
    assert np.median(ends) <= minutes
    assert again <= 8, "what was withdrawn came back"


@pytest.mark.parametrize("quiet", [0, 10, 20, 30, 60])
def test_also_a_young_point_is_not_held_to_a_rise_that_has_stopped(quiet: float) -> None:
    at = np.arange(quiet + 60) * 1.0 - quiet
    ends = []
    for seed in range(8):
        noise = np.random.default_rng(seed).normal(0, 0.008, len(at))
        moves = story(4 + 0.03 * np.clip(at, 0, 20) + noise, high=5.2, period_s=60)
        assert moves[-1][1] == 0
        ends.append(moves[-1][0] / 60 - quiet - 20)
    assert max(ends) <= 15


def test_ups_and_downs_of_its_own_hardly_end_the_forecast_of_a_point_that_rises() -> None:
    ends = 0
    at = np.arange(round(5.75 * HOUR / PERIOD_S)) * PERIOD_S / 60 - 120
    for seed in range(5):
        draws = np.random.default_rng(seed)
        own = 0.7 * np.sin(2 * np.pi * (at / 10 + draws.random())) + draws.normal(0, 0.1, len(at))
        moves = story(70 + np.maximum(at, 0) / 8 + own, high=100)
        begun = next(i for i, (when, _) in enumerate(moves) if when / 60 > 120)
        ends += sum(tier == 0 for _, tier in moves[begun:])
    assert ends <= 2
