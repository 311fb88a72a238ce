"""Sensor faults from a sensor's own readings, and from its peers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alarms.detectors import peers, sensor_faults

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


def faults(
    value: NDArray[np.float64], *, step_s: float = 10, hold_s: float = 300, **bounds: float
) -> dict[str, NDArray[np.bool_]]:
    """Feed one sensor and return each fault's row mask."""
    rules = sensor_faults.Bounds(
        hold=np.array([int(hold_s * SECOND)]),
        tick=np.array([bounds.get("tick", 1e-6)]),
        limit=np.array([bounds.get("limit", np.nan)]),
        margin=np.array([bounds.get("margin", np.nan)]),
    )
    watch = sensor_faults.Watch.fresh(1)
    rows: list[Any] = []
    for i, x in enumerate(value):
        time = np.array([START + int(i * step_s * SECOND)])
        rows.append(sensor_faults.judge(watch, rules, time=time, value=np.array([x])))
        watch = rows[-1].watch
    names = ("flat_line", "spike", "noise_grown", "noise_vanished", "clipped")
    return {name: np.array([getattr(row, name)[0] for row in rows]) for name in names}


def noise(rows: int, seed: int = 3) -> NDArray[np.float64]:
    """Draw white noise of 1 unit around 50."""
    return 50.0 + np.random.default_rng(seed).normal(size=rows)


def test_a_healthy_sensor_shows_no_fault() -> None:
    assert not any(mask.any() for mask in faults(noise(3000), limit=60.0, margin=3.0).values())


def test_a_stuck_sensor_is_flat_after_its_hold() -> None:
    value = noise(600)
    value[400:] = value[399]
    flat = faults(value)["flat_line"]
    assert not flat[:430].any()
    assert flat[431:].all()


def test_a_coarse_slow_signal_that_stands_for_its_usual_time_is_not_flat() -> None:
    slow = np.round(np.arange(6000) / 60) * 0.5
    assert not faults(slow, tick=0.5)["flat_line"].any()


def test_a_coarse_slow_signal_that_stands_for_far_longer_is_flat() -> None:
    slow = np.round(np.minimum(np.arange(6000), 4000) / 60) * 0.5
    flat = faults(slow, tick=0.5)["flat_line"]
    assert not flat[:4000].any()
    assert flat[-1]


def test_one_value_out_and_back_is_a_spike_and_a_step_is_none() -> None:
    value = noise(600)
    value[300] += 40.0
    value[500:] += 40.0
    value[501:] += 40.0
    assert np.flatnonzero(faults(value)["spike"]).tolist() == [301]


def test_noise_that_vanishes_or_grows_is_seen_and_told_apart() -> None:
    value = noise(1200)
    fainter, wilder = value.copy(), value.copy()
    fainter[800:] = 50.0 + (fainter[800:] - 50.0) / 50
    wilder[800:] = 50.0 + (wilder[800:] - 50.0) * 8
    assert faults(fainter)["noise_vanished"][900]
    assert not faults(fainter)["noise_grown"].any()
    assert faults(wilder)["noise_grown"][900]
    assert not faults(wilder)["noise_vanished"].any()


def test_values_kept_under_a_limit_are_clipped() -> None:
    value = noise(1200)
    value[600:] += 9.0
    clipped = faults(np.minimum(value, 59.0), limit=60.0, margin=2.0)["clipped"]
    assert not clipped[:600].any()
    assert clipped[660:].any()


def test_a_value_far_below_the_limit_is_not_clipped() -> None:
    assert not faults(np.minimum(noise(1200), 51.0), limit=60.0, margin=2.0)["clipped"].any()


def test_a_missing_value_changes_nothing() -> None:
    value = noise(500)
    gaps = np.insert(value, [100, 200, 300], np.nan)
    value[400:] = gaps[403:] = value[399]
    here, there = faults(value)["flat_line"], faults(gaps)["flat_line"]
    assert here.any()
    assert there.sum() == here.sum()


def drifted(value: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Feed one sensor and its peers' median."""
    state, out = peers.Drift.fresh(1), []
    for x, y in zip(value, others, strict=True):
        state, mask = peers.drift(
            state, value=np.array([x]), peers=np.array([y]), tick=np.array([0.01])
        )
        out.append(mask[0])
    return np.array(out)


def test_a_sensor_that_leaves_its_peers_slowly_has_drifted() -> None:
    common = noise(2000, 1) + np.sin(np.arange(2000) / 50) * 20
    value = common + noise(2000, 2) / 10
    assert not drifted(value, common).any()
    value[1000:] += np.arange(1000) * 0.002
    assert drifted(value, common)[1400:].all()


def test_the_noise_of_a_sound_sensor_does_not_add_up_to_drift() -> None:
    common = np.zeros(20_000)
    assert not drifted(noise(20_000, 6), common).any()


def test_all_peers_moving_together_is_no_drift() -> None:
    common = np.cumsum(noise(2000, 1) - 50.0)
    assert not drifted(common + noise(2000, 2) / 10, common).any()


def test_a_copied_signal_is_seen_even_with_an_offset() -> None:
    state, own = peers.Likeness.fresh(2), noise(300, 5)
    for x, y in zip(noise(300, 4), own, strict=True):
        state, mask = peers.copied(
            state, value=np.array([x + 7.0, y]), other=np.array([x, x]), tick=np.full(2, 0.01)
        )
    assert mask.tolist() == [True, False]
