"""Stories of forecasts: raised, rising in tier, withdrawn; the same at either side."""

import numpy as np
import pytest
from numpy.typing import NDArray

from alarms.alarm import Tier
from alarms.detectors import forecast, trend_columns
from alarms.detectors.trend_columns import SECOND
from alarms.rules import HIGH, LOW, SLOTS
from tests.unit.trend_streams import PERIOD_S, START

Floats = NDArray[np.float64]
Story = list[tuple[float, int]]


def story(
    value: Floats, *, high: float = np.inf, low: float = -np.inf, deadband: float = 0.0
) -> Story:
    """Return the moves of the tier of a point with one limit: seconds, tier."""
    trends = trend_columns.blank(1)
    standing = forecast.Standing.clear(1)
    on = np.full((1, SLOTS), np.inf)
    on[0, HIGH.start], on[0, LOW.start] = high, -low
    at, moves, tier = np.array([0]), [], 0
    for i, one in enumerate(value):
        time = np.array([START + round(i * PERIOD_S * SECOND)])
        trend_columns.learn(trends, at, time, np.array([one]))
        outlook = forecast.judge(trends, on, np.full(1, deadband), standing)
        standing = forecast.step(standing, outlook)
        if int(standing.tier.max()) != tier:
            tier = int(standing.tier.max())
            moves.append((i * PERIOD_S, tier))
    return moves


def ramp(minutes: float, per_minute: float, seed: int = 1) -> Floats:
    """Return ten quiet minutes at 50 and then a rise, with noise of sigma 0.2."""
    n = round((10 + minutes) * 60 / PERIOD_S)
    t = np.arange(n) * PERIOD_S / 60 - 10
    quiet = np.random.default_rng(seed).normal(0, 0.2, n)
    climb: Floats = 50 + per_minute * np.maximum(t, 0) + quiet
    return climb


def test_the_tier_rises_as_the_time_left_falls_and_never_to_red() -> None:
    tiers = [tier for _, tier in story(ramp(58, 0.8), high=100)]
    assert tiers == [Tier.blue, Tier.yellow, Tier.orange]


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
    trends = trend_columns.blank(1)
    for i, one in enumerate(ramp(30, 1.0)):
        time = np.array([START + round(i * PERIOD_S * SECOND)])
        trend_columns.learn(trends, np.array([0]), time, np.array([one]))
    on = np.full((1, SLOTS), np.inf)
    on[0, HIGH.start : HIGH.start + 2] = 90.0, 100.0
    outlook = forecast.judge(trends, on, np.zeros(1), forecast.Standing.clear(1))
    eta = outlook.eta_s[0, HIGH.start : HIGH.start + 2] / 60
    assert eta == pytest.approx([10, 20], abs=1.5)
    assert (outlook.probability[0, HIGH.start : HIGH.start + 2] > 0.9).all()


def outlook_of(later_s: float, *, strong: bool, weak: bool) -> forecast.Outlook:
    shape = (1, SLOTS)
    marks = {"strong": np.full(shape, strong), "weak": np.full(shape, weak)}
    names = ("eta_s", "low_s", "high_s", "probability", "window_s", "rate")
    columns = {name: np.full(shape, later_s) for name in names}
    return forecast.Outlook(later_s=np.full(shape, later_s), **columns, **marks)


def test_a_tier_is_kept_until_the_limit_has_receded_by_a_quarter() -> None:
    standing = forecast.Standing.clear(1)
    tiers = []
    for later in (590.0, 700.0, 751.0, 2000.0, 2251.0):
        standing = forecast.step(standing, outlook_of(later, strong=True, weak=True))
        tiers.append(int(standing.tier[0, 0]))
    assert tiers == [Tier.orange, Tier.orange, Tier.yellow, Tier.yellow, Tier.blue]


def test_two_failed_judgements_are_forgiven_and_the_third_withdraws() -> None:
    standing = forecast.step(forecast.Standing.clear(1), outlook_of(900.0, strong=True, weak=True))
    tiers = []
    for _ in range(3):
        standing = forecast.step(standing, outlook_of(np.nan, strong=False, weak=False))
        tiers.append(int(standing.tier[0, 0]))
    assert tiers == [Tier.yellow, Tier.yellow, 0]


def test_a_weak_sign_keeps_a_forecast_but_raises_none() -> None:
    weak = outlook_of(900.0, strong=False, weak=True)
    clear = forecast.step(forecast.Standing.clear(1), weak)
    assert not clear.tier.any()
    raised = forecast.step(clear, outlook_of(900.0, strong=True, weak=True))
    assert (forecast.step(raised, weak).tier == Tier.yellow).all()
