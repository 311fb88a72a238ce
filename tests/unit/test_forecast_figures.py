"""The forecast's figures on the generator of alarms.md 4.2, in each column of noise."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from alarms.detectors import crossings, forecast
from alarms.rules import HIGH
from tests.unit.trend_streams import COLUMNS, LIMIT, YELLOW_S, aim, judged, learned, tasks, windows

N = 6000
H = HIGH.start
Floats = NDArray[np.float64]
Outcome = tuple[NDArray[np.bool_], Floats, Floats]


@cache
def outcome(kind: str, column: str) -> Outcome:
    """Return which windows raise "within 30 minutes", when they are due, and what was said."""
    rng = np.random.default_rng([2026, COLUMNS.index(column), ("flat", "hold", "rise").index(kind)])
    drawn = windows(rng, N, kind, column)
    said = judged(learned(rng, drawn.value), aim(LIMIT), tasks(N))[:, H]
    raised = (said[:, forecast.MARK] == forecast.STRONG) & (said[:, forecast.LATER_S] <= YELLOW_S)
    return raised, drawn.due_min, said


def percent(mask: NDArray[np.bool_]) -> float:
    return 100 * float(mask.mean())


@pytest.mark.parametrize("column", COLUMNS)
def test_a_rise_that_has_stopped_raises_in_two_of_a_hundred_at_most(column: str) -> None:
    assert percent(outcome("hold", column)[0]) <= 2.0


@pytest.mark.parametrize("column", COLUMNS)
def test_of_limits_due_within_15_minutes_95_of_a_hundred_are_forecast(column: str) -> None:
    raised, due, _ = outcome("rise", column)
    assert percent(raised[due < 15]) >= 95.0


@pytest.mark.parametrize("column", COLUMNS)
def test_a_level_that_stands_three_sigma_below_its_limit_is_left_in_peace(column: str) -> None:
    assert percent(outcome("flat", column)[0]) <= 1.0


@pytest.mark.parametrize(("clean", "spiky"), [("white", "spikes"), ("AR", "all")])
def test_spikes_cost_nothing(clean: str, spiky: str) -> None:
    before, due, _ = outcome("rise", clean)
    after, due_too, _ = outcome("rise", spiky)
    lost = percent(before[due < 15]) - percent(after[due_too < 15])
    assert lost <= 1.0
    assert percent(outcome("hold", spiky)[0]) <= percent(outcome("hold", clean)[0]) + 0.3


@pytest.mark.parametrize("column", COLUMNS)
def test_the_interval_covers_the_true_time_at_its_stated_rate(column: str) -> None:
    raised, due, said = outcome("rise", column)
    low, high = said[:, crossings.LOW_S] / 60, said[:, crossings.HIGH_S] / 60
    covered = (low <= due) & (due <= high)
    assert percent(covered[raised]) == pytest.approx(100 * crossings.COVER, abs=3.0)
