"""Delays and deadbands from a point's past: the table of alarms.md 4.1 and its use."""

from typing import Any

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
    time, room = np.arange(len(values)), confirmation.room()
    confirmation.face(memory, place, time, values, counts, rule, room, faced)
    return faced[:, 1]


def known(p: float, *, passed: int = 100, normal: int = 10_000, **settings: float) -> tuning.Past:
    given: dict[str, Any] = {
        "samples": normal, "period_s": 10.0, "over_when_normal": p, "over_when_abnormal": None,
        "under_when_normal": 1 - p, "under_when_abnormal": None,
    }  # fmt: skip
    return tuning.Past(normal=normal, passed=passed, **(given | settings))


def test_a_present_setting_is_predicted_delays_and_confirmation_alike() -> None:
    past = known(0.01)
    assert tuning.predicted(past, 3, 1) == tuning.choices(past)[3]
    assert tuning.predicted(past, 1, 1, (4, 5)) == tuning.choices(past)[-1]
    assert tuning.predicted(past, 1, 1, (30, 40)) is None
    assert tuning.predicted(past, 400, 400, (9, 10)) is None


@pytest.mark.parametrize(("n", "window"), [(1, 2), (2, 3), (4, 5)])
def test_the_chain_of_both_is_that_of_a_confirmation_where_it_has_no_delays(
    n: int, window: int
) -> None:
    both = tuning.confirmed_and_delayed(n, window, 1, 1, p=0.05, q=0.9, period_s=10)
    alone = tuning.confirmed(n, window, p=0.05, q=0.9, period_s=10)
    assert both is not None
    for name in ("false_alarm_rate", "missed_alarm_rate", "delay_samples", "false_raises_per_day"):
        assert getattr(both, name) == pytest.approx(getattr(alone, name), rel=1e-6)


def test_a_confirmation_with_delays_raises_as_often_as_its_verdicts_in_a_row_do() -> None:
    rng = np.random.default_rng(17)
    found = tuning.confirmed_and_delayed(2, 3, 2, 3, p=0.3, q=0.8, period_s=10)
    assert found is not None
    over = rng.random(300_000) < 0.3
    counted = np.convolve(over, np.ones(3), "full")[: len(over)] >= 2
    raised, standing = delayed(counted, ~counted, on=2, off=3)
    assert raised / (len(over) * 10 / 86_400) == pytest.approx(found.false_raises_per_day, rel=0.03)
    assert standing == pytest.approx(found.false_alarm_rate, rel=0.03)


def test_a_deadband_holds_the_verdict_between_limit_and_release() -> None:
    rng = np.random.default_rng(19)
    drawn = rng.random(300_000)
    found = tuning.delay(3, 2, p=0.2, q=0.9, under=(0.5, 0.05), period_s=10)
    raised, standing = delayed(drawn < 0.2, drawn >= 0.5, on=3, off=2)
    rate = raised / (len(drawn) * 10 / 86_400)
    assert rate == pytest.approx(found.false_raises_per_day, rel=0.03)
    assert standing == pytest.approx(found.false_alarm_rate, rel=0.03)
    without = tuning.delay(3, 2, p=0.2, q=0.9, period_s=10)
    assert found.false_raises_per_day > 3 * without.false_raises_per_day


def delayed(over: np.ndarray, under: np.ndarray, *, on: int, off: int) -> tuple[int, float]:
    """Count raises, and the share of samples with the alarm standing, one sample after another."""
    verdict = alarm = False
    run = raises = stood = 0
    for is_over, is_under in zip(over.tolist(), under.tolist(), strict=True):
        verdict = True if is_over else False if is_under else verdict
        run = run + 1 if verdict != alarm else 0
        if run == (off if alarm else on):
            alarm, run = not alarm, 0
            raises += alarm
        stood += alarm
    return raises, stood / len(over)


def learned(values: np.ndarray, limit: float, *, deadband: float = 0.0) -> Any:
    times = START + 10 * SECOND * np.arange(len(values))
    abnormal = tuning.abnormal_states(values, limit=limit, above=True)
    return tuning.past(times, values, abnormal, limit=limit, above=True, deadband=deadband)


def test_a_noisy_point_near_its_limit_is_told_what_it_would_raise_falsely() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(0.0, 1.0, 50_000)
    values[20_000:22_000] += 5.0
    past = learned(values, 1.6449, deadband=1.6449)
    assert not past.bound
    assert past.period_s == 10
    assert past.over_when_normal == pytest.approx(0.05, abs=0.005)
    assert past.over_when_abnormal == pytest.approx(1.0, abs=0.01)
    assert past.under_when_normal == pytest.approx(0.5, abs=0.01)
    first = tuning.choices(learned(values, 1.6449))[0]
    over = values[:20_000] >= 1.6449
    raised = int((over[1:] & ~over[:-1]).sum()) / (20_000 * 10 / 86_400)
    assert first.false_raises_per_day == pytest.approx(raised, rel=0.1)


def test_advice_stays_at_the_base_rate_where_a_delay_can() -> None:
    found = tuning.choices(known(0.05))
    best = found[tuning.best(found)]
    assert (best.n, best.m) == (5, 3)
    assert best.false_raises_per_day <= tuning.BASE_RATE


@pytest.mark.parametrize(("passed", "bound"), [(0, 3.0), (1, 4.74), (2, 6.3)])
def test_what_was_hardly_seen_has_a_bound_and_no_rate(passed: int, bound: float) -> None:
    values = np.zeros(1000)
    values[500 : 500 + 20 * passed : 20] = 1.0
    past = learned(values, 1.0)
    assert past.bound
    assert past.over_when_normal == pytest.approx(bound / 1000)
    assert past.hours == pytest.approx(1000 * 10 / 3600)


def test_a_past_that_says_nothing_says_why() -> None:
    assert learned(np.zeros(20), 1.0) is tuning.Unlearned.few
    assert learned(np.full(200, 2.0), 1.0) is tuning.Unlearned.abnormal
    still = np.full(100, START)
    nowhere = np.zeros(100, np.bool_)
    found = tuning.past(still, np.zeros(100), nowhere, limit=1.0, above=True)
    assert found is tuning.Unlearned.timeless


def test_a_delay_that_noise_would_always_break_is_told_in_finite_numbers() -> None:
    found = tuning.delay(6001, 6001, p=0.01, q=0.9, period_s=0.1)
    assert np.isfinite(found.delay_samples)
    assert found.false_raises_per_day < 1e-9


def test_the_deadband_is_three_times_the_noise_whatever_the_trend_and_the_spikes() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(0.0, 0.1, 20_000) + np.linspace(0, 50, 20_000)
    values[::100] += 20.0
    assert tuning.deadband(values) == pytest.approx(0.3, abs=0.02)
    assert tuning.deadband(np.full(100, 3.0)) == 0.0
