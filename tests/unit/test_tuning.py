"""Delays and deadbands from a point's past: the table of alarms.md 4.1 and its use."""

import numpy as np
import pytest

from alarms import tuning
from tests.unit.plants import SECOND, START

TABLE = (
    # n, m, false alarms %, missed %, delay, false raises a day
    (1, 1, 5.0, 10.0, 0.11, 410),
    (2, 1, 0.25, 19.0, 1.35, 20.5),
    (2, 2, 0.51, 2.09, 1.35, 20.5),
    (3, 1, 0.0125, 27.1, 2.72, 1.03),
    (3, 3, 0.040, 0.33, 2.72, 1.03),
    (5, 3, 0.0001, 0.62, 5.94, 0.0026),
)


@pytest.mark.parametrize("row", TABLE)
def test_the_chain_gives_the_table_of_delays(row: tuple[float, ...]) -> None:
    n, m, false, missed, delay, raises = row
    found = tuning.delay(int(n), int(m), p=0.05, q=0.90, period_s=10)
    assert found.false_alarm_rate * 100 == pytest.approx(false, rel=0.03)
    assert found.missed_alarm_rate * 100 == pytest.approx(missed, rel=0.02)
    assert found.delay_samples == pytest.approx(delay, abs=0.01)
    assert found.false_raises_per_day == pytest.approx(raises, rel=0.015)


def test_a_noisy_point_near_its_limit_is_told_what_it_would_raise_falsely() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(0.0, 1.0, 50_000)
    values[20_000:22_000] += 5.0
    times = START + 10 * SECOND * np.arange(50_000)
    past = tuning.past(times, values, limit=1.6449, above=True)
    assert past is not None
    assert past.period_s == 10
    assert past.over_when_normal == pytest.approx(0.05, abs=0.005)
    assert past.over_when_abnormal == pytest.approx(1.0, abs=0.01)
    first = tuning.choices(past)[0]
    over = values[:20_000] >= 1.6449
    raised = int((over[1:] & ~over[:-1]).sum()) / (20_000 * 10 / 86_400)
    assert first.false_raises_per_day == pytest.approx(raised, rel=0.1)


def test_advice_stays_at_the_base_rate_where_a_delay_can() -> None:
    past = tuning.Past(samples=10_000, period_s=10, over_when_normal=0.05, over_when_abnormal=None)
    best = tuning.best(tuning.choices(past))
    assert (best.n, best.m) == (5, 3)
    assert best.false_raises_per_day <= tuning.BASE_RATE


def test_a_short_past_gives_no_advice() -> None:
    times = START + SECOND * np.arange(20)
    assert tuning.past(times, np.zeros(20), limit=1.0, above=True) is None


def test_the_deadband_is_three_times_the_noise_whatever_the_trend_and_the_spikes() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0.0, 0.1, 20_000) + np.linspace(0, 50, 20_000)
    values[::100] += 20.0
    assert tuning.deadband(values) == pytest.approx(0.3, abs=0.02)
    assert tuning.deadband(np.full(100, 3.0)) == 0.0
