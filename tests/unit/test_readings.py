"""Which readings are news to their point, whatever the batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alarms.readings import Readings, newer_than


def columns(rows: list[tuple[int, int]]) -> Readings:
    """Build readings of (point row, time)."""
    return Readings(
        point=np.array([row for row, _ in rows], np.int32),
        time=np.array([time for _, time in rows], np.int64),
        value=np.zeros(len(rows)),
        quality=np.zeros(len(rows), np.int16),
        received=np.zeros(len(rows), np.int64),
        stamp=np.array([time for _, time in rows], np.int64),
    )


def one_by_one(rows: list[tuple[int, int]], last: list[int]) -> list[bool]:
    """Say the same in the plainest way."""
    newest, verdicts = list(last), []
    for row, time in rows:
        verdicts.append(time > newest[row])
        newest[row] = max(newest[row], time)
    return verdicts


instants = st.one_of(st.integers(-5, 12), st.integers(-(2**61), 2**61))
streams = st.lists(st.tuples(st.integers(0, 3), instants), max_size=40)
lasts = st.lists(instants, min_size=4, max_size=4)


@given(streams, lasts)
def test_a_reading_is_news_when_it_is_newer_than_all_its_point_had_before(
    rows: list[tuple[int, int]], last: list[int]
) -> None:
    verdicts = newer_than(columns(rows), np.array(last, np.int64))
    assert verdicts.tolist() == one_by_one(rows, last)


@given(streams, lasts, st.integers(0, 40))
def test_cutting_the_stream_elsewhere_changes_no_verdict(
    rows: list[tuple[int, int]], last: list[int], cut: int
) -> None:
    whole = newer_than(columns(rows), np.array(last, np.int64))
    after_first = np.array(last, np.int64)
    for row, time in rows[:cut]:
        after_first[row] = max(after_first[row], time)
    parts = [
        newer_than(columns(rows[:cut]), np.array(last, np.int64)),
        newer_than(columns(rows[cut:]), after_first),
    ]
    assert np.concatenate(parts).tolist() == whole.tolist()
