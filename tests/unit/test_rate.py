"""The rate detector: when a rate is known, what raises, what bends it and what does not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from alarms.detectors import rate
from tests.unit.habits import SECOND, START, Records, noise, stream

SPAN_S = 600


def rules(points: int, *, rise: float = 0.04, fall: float = 0.04) -> Records:
    """Return the same rules for so many points, units per second."""
    made = np.zeros(points, rate.RULES)
    made["span"], made["rise"], made["fall"] = SPAN_S * SECOND, rise, fall
    return made


def replay(
    values: NDArray[np.float64], *, step_s: int = 10, compiled: bool = True, shift_s: int = 0
) -> tuple[Records, Records, Records]:
    """Judge rows of readings, the second half so much later; return said, memory and standing."""
    points = values.shape[1]
    place, time, value = stream(values, step_s)
    time[len(time) // 2 :] += shift_s * SECOND
    memory, standing = rate.fresh(points), np.zeros(points, rate.STANDING)
    said = np.zeros(values.size, rate.SAID)
    run = rate.judge if compiled else rate.judge.py_func  # type: ignore[attr-defined]  # numba's
    run(memory, place, time, value, rules(points), standing, rate.room(), said)
    return said.reshape(values.shape), memory, standing


def ramp(rows: int = 200, slope: float = 0.5) -> NDArray[np.float64]:
    """Return a point that rises by so much from reading to reading."""
    return slope * np.arange(float(rows))[:, None]


def test_a_rate_is_known_only_when_its_span_is_covered() -> None:
    said, _, _ = replay(ramp())
    [at] = np.flatnonzero(said["change"][:, 0])
    assert said["change"][at, 0] == rate.RAISED
    assert said["slope"][at, 0] == pytest.approx(0.05)
    assert 50 <= at <= 60


def test_a_spike_neither_raises_nor_hides_a_rate() -> None:
    level = np.full((200, 1), 5.0)
    level[128:130] += 1000.0
    assert not replay(level)[0]["change"].any()
    rising = ramp()
    rising[40] -= 1000.0
    assert (replay(rising)[0]["change"] == rate.RAISED).sum() == 1


def test_one_spike_among_the_first_four_anchors_raises_nothing() -> None:
    level = np.full((8, 1), 5.0)
    level[3] = 1005.0
    assert not replay(level, step_s=200)[0]["change"].any()


def test_a_gap_longer_than_two_spans_starts_the_rate_afresh() -> None:
    values = np.concatenate([np.zeros((100, 1)), np.full((100, 1), 5000.0)])
    assert replay(values, shift_s=0)[0]["change"].any()
    assert not replay(values, shift_s=3 * SPAN_S)[0]["change"].any()


def test_an_alarm_returns_after_one_span_under_four_fifths_of_its_rate() -> None:
    values = np.concatenate([ramp(150), ramp(150)[-1] + ramp(150, 0.3)])
    said, _, standing = replay(values)
    change = said["change"][:, 0]
    [raised] = np.flatnonzero(change == rate.RAISED)
    [returned] = np.flatnonzero(change == rate.RETURNED)
    [under] = np.flatnonzero(change == rate.KEPT)
    assert not standing["side"].any()
    assert raised < under < returned
    assert (returned - under) * 10 >= SPAN_S
    slower = np.concatenate([ramp(150, 0.35), ramp(150, 0.35)[-1] + ramp(150, 0.05)])
    assert not replay(slower)[0]["change"].any()


def test_between_four_fifths_and_the_rate_an_alarm_stands() -> None:
    values = np.concatenate([ramp(150), ramp(150)[-1] + ramp(300, 0.37)])
    assert replay(values)[2]["side"][0] == 1


def test_a_rise_that_turns_into_a_fall_turns_the_alarm() -> None:
    values = np.concatenate([ramp(), ramp()[::-1]])
    said, _, standing = replay(values)
    [at] = np.flatnonzero(said["change"][:, 0] == rate.TURNED)
    assert said["side"][at, 0] == -1
    assert standing["side"][0] == -1


@pytest.mark.parametrize("slope", [0.5, -0.5])
def test_each_side_has_a_rate_of_its_own(slope: float) -> None:
    place, time, value = stream(ramp(slope=slope), 10)
    memory, standing = rate.fresh(1), np.zeros(1, rate.STANDING)
    said = np.zeros(len(place), rate.SAID)
    made = rules(1, rise=np.inf, fall=0.04)
    rate.judge(memory, place, time, value, made, standing, rate.room(), said)
    assert bool(said["change"].any()) is (slope < 0)


def test_what_is_no_number_changes_nothing() -> None:
    _, memory, _ = replay(ramp())
    before = memory.copy()
    said = np.zeros(2, rate.SAID)
    rate.judge(
        memory,
        np.zeros(2, np.int32),
        np.array([START, START + SECOND]) + 10**11,
        np.array([np.nan, np.inf]),
        rules(1),
        np.zeros(1, rate.STANDING),
        rate.room(),
        said,
    )
    assert memory.tobytes() == before.tobytes()
    assert not said["change"].any()


def _streams() -> st.SearchStrategy[np.ndarray]:
    def made(seed: int) -> np.ndarray:
        values = noise(240, 3, seed) + np.cumsum(noise(240, 3, seed + 1) - 100.0, axis=0)
        values[np.random.default_rng(seed).random(values.shape) < 0.1] = np.nan
        return values

    return st.integers(0, 2**31).map(made)


@settings(max_examples=20, deadline=None)
@given(_streams(), st.lists(st.integers(0, 720), max_size=6))
def test_however_readings_are_cut_into_batches_the_end_is_the_same(
    values: np.ndarray, cuts: list[int]
) -> None:
    whole = replay(values)
    place, time, value = stream(values, 10)
    memory, standing = rate.fresh(3), np.zeros(3, rate.STANDING)
    said = np.zeros(values.size, rate.SAID)
    for first, last in pairwise([0, *sorted(cuts), values.size]):
        part = slice(first, last)
        came = place[part], time[part], value[part]
        rate.judge(memory, *came, rules(3), standing, rate.room(), said[part])
    assert [one.tobytes() for one in (said, memory, standing)] == [one.tobytes() for one in whole]


def test_the_compiled_loop_gives_the_bits_of_the_plain_one() -> None:
    values = noise(300, 3) + np.concatenate([ramp(150, 1.0), ramp(150, 1.0)[::-1]])
    quick, plain = replay(values), replay(values, compiled=False)
    assert (quick[0]["change"] == rate.RAISED).any()
    assert [one.tobytes() for one in quick] == [one.tobytes() for one in plain]


def test_learning_alone_leaves_the_memory_that_judging_leaves() -> None:
    values = noise(200, 3)
    memory = rate.fresh(3)
    for _ in range(2):
        rate.learn(memory, *stream(values, 10), rules(3))
    assert memory.tobytes() == replay(values)[1].tobytes()
