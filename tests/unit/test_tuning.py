"""Delays and deadbands from a point's past: the table of alarms.md 4.1 and its use."""

import numpy as np
import pytest

from alarms import tuning
from alarms.detectors import confirmation
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


def test_four_of_five_is_what_the_table_says() -> None:
    """Table 4.1 has 0.004 % of false alarms; the binomial is 0.0030 %."""
    found = tuning.confirmed(4, 5, p=0.05, q=0.90, period_s=10)
    assert found.false_alarm_rate * 100 == pytest.approx(0.0030, abs=0.00005)
    assert found.missed_alarm_rate * 100 == pytest.approx(8.1, abs=0.06)
    assert found.false_raises_per_day == pytest.approx(0.19, abs=0.006)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_n_of_n_is_n_in_a_row(n: int) -> None:
    window = tuning.confirmed(n, n, p=0.05, q=0.90, period_s=10)
    row = tuning.delay(n, 1, p=0.05, q=0.90, period_s=10)
    for name in ("false_alarm_rate", "missed_alarm_rate", "delay_samples", "false_raises_per_day"):
        assert getattr(window, name) == pytest.approx(getattr(row, name), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("n", "m"), [(2, 3), (3, 5), (4, 5), (3, 8)])
def test_the_engine_confirms_as_often_and_as_late_as_predicted(n: int, m: int) -> None:
    rng = np.random.default_rng(11)
    found = tuning.confirmed(n, m, p=0.3, q=0.8, period_s=10)
    many, rules = 100_000, np.array([[n, m]], np.int8)
    values = (rng.random(many) < 0.3).astype(float)
    over = high_side(values, rules) >= 1.0
    assert over.mean() == pytest.approx(found.false_alarm_rate, rel=0.05)
    raised = int((over[1:] & ~over[:-1]).sum()) / (many * 10 / 86_400)
    assert raised == pytest.approx(found.false_raises_per_day, rel=0.05)
    runs = np.hstack([np.zeros((3000, m)), rng.random((3000, 60)) < 0.8]).ravel()
    first = (high_side(runs, rules) >= 1.0).reshape(3000, -1)[:, m:].argmax(axis=1)
    assert first.mean() == pytest.approx(found.delay_samples, rel=0.05)


def high_side(values: np.ndarray, rule: np.ndarray) -> np.ndarray:
    """Return what a confirmed high side goes by."""
    faced, place = np.empty((len(values), 2)), np.zeros(len(values), np.int32)
    memory, counts = confirmation.fresh(1), np.ones(len(values), np.bool_)
    confirmation.face(memory, place, np.arange(len(values)), values, counts, rule, faced)
    return faced[:, 1]


def test_a_present_confirmation_is_predicted_beside_the_others() -> None:
    past = tuning.Past(samples=10_000, period_s=10, over_when_normal=0.01, over_when_abnormal=None)
    told = [(each.n, each.window) for each in tuning.choices(past, (7, 10))]
    assert told.count((7, 10)) == 1
    assert [(each.n, each.window) for each in tuning.choices(past, (4, 5))].count((4, 5)) == 1
    assert (30, 40) not in [(each.n, each.window) for each in tuning.choices(past, (30, 40))]


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
