"""The deviation detector: what it learns, when it is silent, what raises and what never does."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.detectors import deviation, deviation_memory
from tests.unit.habits import SECOND, START, noise, replay, rules, stream

RAISED, RETURNED = deviation.RAISED, deviation.RETURNED


def test_a_step_of_ten_spreads_raises_within_ten_readings() -> None:
    values = noise(1500, 20)
    values[1000:] += 10.0
    said, _, _ = replay(values)
    assert (said["change"][1000:1010] == RAISED).any(axis=0).all()


def test_white_noise_raises_less_than_once_in_ten_days_of_a_point() -> None:
    said, _, _ = replay(noise(3000, 60))
    assert (said["change"] == RAISED).sum() <= said.size / 1440 / 10


def test_a_point_is_silent_until_it_has_learned() -> None:
    values = noise(300, 5)
    values[200:] += 50.0
    said, _, _ = replay(values)
    assert (said["score"] == 0.0).all()
    assert (said["change"] == 0).all()


def test_what_stays_inside_the_deadband_never_raises() -> None:
    values = noise(1500)
    values[1000:] += 10.0
    said, _, _ = replay(values, deadband=40.0)
    assert not (said["change"] == RAISED).any()


def test_a_shift_is_one_alarm_and_ends_when_it_has_become_usual() -> None:
    values = noise(8000)
    values[1000:] += 10.0
    said, _, standing = replay(values)
    assert (said["change"] == RAISED).sum() == 1
    assert (said["change"] == RETURNED).sum() == 1
    assert not standing["active"].any()


def test_what_stands_is_written_again_at_most_once_in_fifteen_readings() -> None:
    values = noise(2000)
    values[1000:] += 10.0
    said, _, _ = replay(values)
    kept = np.flatnonzero(said["change"][:, 0] == deviation.KEPT)
    assert len(kept) > 0
    assert (np.diff(kept) >= deviation.RENEW).all()


def test_an_alarm_stands_while_surprises_keep_coming() -> None:
    values = noise(1500)
    values[1000:1400:40, 0] += 10.0 * 3.0 ** np.arange(10)
    said, _, _ = replay(values)
    [raised] = np.flatnonzero(said["change"] == RAISED)
    [returned] = np.flatnonzero(said["change"] == RETURNED)
    assert raised == 1000
    assert returned >= 1360 + deviation.QUIET


def test_one_spike_does_not_move_what_is_usual() -> None:
    values = noise(1500)
    _, calm, _ = replay(values)
    values[1200] += 1e6
    said, struck, _ = replay(values)
    assert said["change"][1200, 0] == RAISED
    assert abs(struck["level"][0] - calm["level"][0]) < 0.1
    assert struck["spread"][0] < 1.1 * calm["spread"][0]


def test_noise_four_times_as_loud_raises_within_thirty_readings() -> None:
    values = noise(2000, 10)
    values[1500:] = 100.0 + 4.0 * (values[1500:] - 100.0)
    said, _, _ = replay(values)
    assert (said["change"][1500:1530] == RAISED).any(axis=0).all()


def test_a_point_that_raises_again_and_again_needs_more_each_time() -> None:
    values = noise(20_000)
    values[1000::600] += 8.0
    said, memory, _ = replay(values)
    places = np.arange(1000, 20_000, 600)
    assert (said["change"][places[:2], 0] == RAISED).all()
    assert said["score"][places[-1], 0] < said["score"][places[1], 0]
    assert memory["raises"][0] > 1.0


def test_a_value_usual_at_noon_but_not_at_this_hour_raises() -> None:
    second = START // SECOND + np.arange(14 * 288) * 300
    values = noise(len(second), 8) + 15.0 * np.sin(second / 86_400 * 2 * np.pi)[:, None]
    at = 3600 + int(np.argmax(second[3600:] // 3600 % 24 == 17))
    values[at : at + 10] += 20.0
    said, _, _ = replay(values, step_s=300)
    assert values[at : at + 10].max() < values[1500:at].max()
    assert not (said["change"][1500:at] == RAISED).any()
    assert (said["change"][at : at + 20] == RAISED).any(axis=0).all()


def test_a_step_across_a_gap_is_no_step() -> None:
    place, time, value = stream(noise(802))
    time[801] += 7200 * SECOND
    value[801] = 104.0
    scores = []
    for bridge_s in (600.0, 1e9):
        memory, standing = deviation_memory.fresh(1), np.zeros(1, deviation_memory.STANDING)
        said = np.zeros(802, deviation_memory.SAID)
        made = rules(1, bridge_s=bridge_s)
        deviation.judge(memory, place, time, value, made, standing, deviation.room(), said)
        scores.append(float(said["score"][801]))
    assert scores[0] < scores[1]


def test_what_is_no_number_changes_nothing() -> None:
    values = noise(400, 3)
    _, memory, standing = replay(values)
    before = memory.copy()
    for nothing in (np.nan, np.inf, -np.inf, 1e300):
        place, time, value = stream(np.full((1, 3), nothing))
        said = np.zeros(3, deviation_memory.SAID)
        deviation.judge(
            memory, place, time + 10**12, value, rules(3), standing, deviation.room(), said
        )
        assert (said["change"] == 0).all()
    assert memory.tobytes() == before.tobytes()


def test_a_point_learns_once_in_ten_seconds_of_its_own_clock() -> None:
    values = noise(5000)
    _, every, _ = replay(values, step_s=1)
    _, tenth, _ = replay(values[::10], step_s=10)
    assert every["seen"][0] == 500
    assert every.tobytes() == tenth.tobytes()


@pytest.mark.parametrize("constant", [0.0, 45.0, -1e9])
def test_a_constant_signal_never_raises(constant: float) -> None:
    said, _, _ = replay(np.full((1000, 1), constant))
    assert not said["change"].any()


def test_a_point_takes_at_most_330_bytes() -> None:
    assert deviation_memory.MEMORY.itemsize <= 330


def test_an_alarm_stands_while_a_memory_begun_anew_learns_again() -> None:
    standing = np.zeros(1, deviation_memory.STANDING)
    standing[0] = (True, 5000, 5000, 9.0)
    memory = deviation_memory.fresh(1)
    values = noise(1000)
    said = np.zeros(1000, deviation_memory.SAID)
    deviation.judge(memory, *stream(values), rules(1), standing, deviation.room(), said)
    [at] = np.flatnonzero(said["change"] == RETURNED)
    assert said["change"][0] == deviation.KEPT
    assert at >= 300


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
def test_the_compiled_loop_gives_the_bits_of_the_plain_one() -> None:
    values = noise(700, 2)
    values[500:, 0] += 10.0
    values[600:, 1] = 100.0
    values[650, 0] = 1e12
    values[100:120] = np.nan
    quick = replay(values, learn=100)
    plain = replay(values, learn=100, compiled=False)
    assert (quick[0]["change"] == RAISED).any()
    assert [one.tobytes() for one in quick] == [one.tobytes() for one in plain]


def _streams() -> st.SearchStrategy[np.ndarray]:
    draws = st.integers(0, 2**32 - 1)

    def made(seed: int) -> np.ndarray:
        values = noise(250, 3, seed)
        values[np.random.default_rng(seed).random(values.shape) < 0.1] = np.nan
        values[200:] += 20.0
        return values

    return draws.map(made)


@settings(max_examples=25, deadline=None)
@given(_streams(), st.lists(st.integers(0, 750), max_size=6))
def test_however_readings_are_cut_into_batches_the_end_is_the_same(
    values: np.ndarray, cuts: list[int]
) -> None:
    whole = replay(values, learn=50)
    place, time, value = stream(values)
    memory, standing = deviation_memory.fresh(3), np.zeros(3, deviation_memory.STANDING)
    said = np.zeros(values.size, deviation_memory.SAID)
    edges = [0, *sorted(cuts), values.size]
    for first, last in pairwise(edges):
        part = slice(first, last)
        deviation.judge(
            memory,
            place[part],
            time[part],
            value[part],
            rules(3, learn=50),
            standing,
            deviation.room(),
            said[part],
        )
    assert memory.tobytes() == whole[1].tobytes()
    assert standing.tobytes() == whole[2].tobytes()
    assert said.tobytes() == whole[0].tobytes()


@settings(max_examples=15, deadline=None)
@given(_streams())
def test_learning_alone_leaves_the_memory_that_judging_leaves(values: np.ndarray) -> None:
    _, judged, _ = replay(values, learn=50)
    memory = deviation_memory.fresh(3)
    deviation.learn(memory, *stream(values), rules(3, learn=50), deviation.room())
    assert judged["raises"].any()
    assert memory.tobytes() == judged.tobytes()


def test_readings_learned_twice_count_once() -> None:
    values = noise(400, 3)
    _, judged, _ = replay(values)
    again = judged.copy()
    deviation.learn(again, *stream(values), rules(3), deviation.room())
    assert again.tobytes() == judged.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.floats(-1e30, 1e30) | st.sampled_from([0.0, 1e-300, np.nan, np.inf, -np.inf]),
        min_size=1,
        max_size=80,
    )
)
def test_no_stream_makes_the_memory_infinite(values: list[float]) -> None:
    said, memory, _ = replay(np.array(values)[:, None], learn=10)
    assert np.isfinite(said["score"]).all()
    for name in memory.dtype.names or ():
        assert np.isfinite(memory[name].astype(np.float64)).all(), name
