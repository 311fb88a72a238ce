"""Stories of forecasts: raised, rising in tier, withdrawn; the same at either side."""

import numpy as np
import pytest
from numpy.typing import NDArray

from alarms.alarm import Tier
from alarms.detectors import forecast, trend_columns
from alarms.detectors.trend_columns import SECOND
from alarms.rules import HIGH, SLOTS
from tests.unit.trend_streams import PERIOD_S, START, aim, judged, learned, take, tasks

Floats = NDArray[np.float64]
Story = list[tuple[float, int]]


def story(
    value: Floats,
    *,
    high: float = np.inf,
    low: float = -np.inf,
    deadband: float = 0.0,
    period_s: float = PERIOD_S,
) -> Story:
    """Return the moves of the tier of a point with one limit: seconds, tier."""
    trends, given = trend_columns.blank(1), tasks(1)
    aims = aim(high, low, deadband=deadband)
    moves, tier = [], 0
    for i, one in enumerate(value):
        take(trends, 0, START + round(i * period_s * SECOND), one)
        said = judged(trends, aims, given)[0]
        for slot in range(SLOTS):
            forecast.step(given[0], aims[0], slot, said[slot], True, False)
        if int(given["tier"].max()) != tier:
            tier = int(given["tier"].max())
            moves.append((i * period_s, tier))
    return moves


def ramp(minutes: float, per_minute: float, seed: int = 1) -> Floats:
    """Return ten quiet minutes at 50 and then a rise, with noise of sigma 0.2."""
    n = round((10 + minutes) * 60 / PERIOD_S)
    t = np.arange(n) * PERIOD_S / 60 - 10
    quiet = np.random.default_rng(seed).normal(0, 0.2, n)
    climb: Floats = 50 + per_minute * np.maximum(t, 0) + quiet
    return climb


def test_the_tier_rises_as_the_time_left_falls_and_never_to_red() -> None:
    path = [tier for _, tier in story(ramp(58, 0.8), high=100)]
    assert path == [Tier.blue, Tier.yellow, Tier.orange]


def test_a_steady_rise_is_forecast_half_an_hour_ahead_at_least() -> None:
    reached = (10 + 50 / 0.8) * 60
    assert reached - story(ramp(58, 0.8), high=100)[0][0] >= 1800


def test_a_fall_to_a_low_limit_is_its_mirror() -> None:
    rise = ramp(40, 0.8)
    assert story(-rise, low=-100.0) == story(rise, high=100.0)


def test_a_rise_that_stops_is_withdrawn_within_eight_minutes() -> None:
    rise = ramp(20, 1.0)
    held = np.r_[rise, 70 + np.random.default_rng(2).normal(0, 0.2, 60)]
    moves = story(held, high=100.0)
    assert moves[-1][1] == 0
    assert moves[-1][0] - 30 * 60 <= 480


def test_a_level_that_moves_away_from_its_limit_is_not_forecast() -> None:
    assert story(ramp(30, -1.0), high=100.0) == []


def test_a_departure_within_the_deadband_raises_nothing() -> None:
    rise = ramp(25, 1.0)
    assert story(rise, high=100.0) != []
    assert story(rise, high=100.0, deadband=200.0) == []


def test_a_quiet_day_near_no_limit_says_nothing() -> None:
    day = 50 + np.random.default_rng(3).normal(0, 1, 2000)
    assert story(day, high=100.0, low=0.0) == []


def test_each_limit_ahead_has_a_forecast_of_its_own() -> None:
    trends = learned(np.random.default_rng(1), ramp(30, 1.0)[None, :])
    said = judged(trends, aim(90.0, hh=100.0), tasks(1))[0, HIGH.start : HIGH.start + 2]
    assert said[:, forecast.ETA_S] / 60 == pytest.approx([10, 20], abs=1.5)
    assert (said[:, forecast.CHANCE] > 0.9).all()


def line(later_s: float, mark: int) -> Floats:
    """Return what a judgement says of a limit."""
    said = np.full(forecast.SAID, later_s)
    said[forecast.MARK] = mark
    return said


def tiers(*said: Floats, known: bool = True, response_s: float = np.nan) -> list[int]:
    """Return the tiers of a forecast after each of these judgements."""
    [task], [goal] = tasks(1), aim(high=100.0)
    goal["response_s"] = response_s
    found = []
    for one in said:
        forecast.step(task, goal, HIGH.start, one, known, False)
        found.append(int(task["tier"][HIGH.start]))
    return found


def test_a_tier_is_kept_until_the_limit_has_receded_by_half() -> None:
    path = [line(later, forecast.STRONG) for later in (590.0, *[890.0] * 3, *[910.0] * 3)]
    assert tiers(*path) == [Tier.orange] * 6 + [Tier.yellow]
    path = [line(later, forecast.STRONG) for later in (1790.0, *[2690.0] * 3, *[2710.0] * 3)]
    assert tiers(*path) == [Tier.yellow] * 6 + [Tier.blue]


def test_a_tier_falls_to_what_the_third_judgement_in_a_row_says_that_says_less() -> None:
    near, far, farther = (line(later, forecast.STRONG) for later in (590.0, 2000.0, 9000.0))
    assert tiers(near, far, far, near, far, far) == [Tier.orange] * 6
    assert tiers(near, farther, farther, far) == [*[Tier.orange] * 3, Tier.yellow]
    weak, failed = line(9000.0, forecast.WEAK), line(np.nan, forecast.SILENT)
    assert tiers(near, failed, failed, weak) == [*[Tier.orange] * 3, Tier.blue]


def test_two_failed_judgements_are_forgiven_and_the_third_withdraws() -> None:
    failed = line(np.nan, forecast.SILENT)
    path = tiers(line(900.0, forecast.STRONG), failed, failed, failed)
    assert path == [Tier.yellow, Tier.yellow, Tier.yellow, 0]


def test_where_too_little_is_known_a_forecast_is_held() -> None:
    [task], [goal] = tasks(1), aim(high=100.0)
    forecast.step(task, goal, HIGH.start, line(900.0, forecast.STRONG), True, False)
    for _ in range(9):
        forecast.step(task, goal, HIGH.start, line(np.nan, forecast.SILENT), False, False)
    assert task["tier"][HIGH.start] == Tier.yellow


def test_a_weak_sign_keeps_a_forecast_but_raises_none() -> None:
    weak = line(900.0, forecast.WEAK)
    assert tiers(weak) == [0]
    assert tiers(line(900.0, forecast.STRONG), weak) == [Tier.yellow, Tier.yellow]


def test_within_the_time_needed_to_act_the_tier_is_orange() -> None:
    path = [line(later, forecast.STRONG) for later in (3700.0, 3500.0)]
    assert tiers(*path, response_s=3600.0) == [Tier.blue, Tier.orange]
