"""Silence is counted only while we ourselves were listening."""

from ingest.service import listening_since

SECOND = 1_000_000


def test_regular_ticks_leave_the_count_of_silence_alone() -> None:
    assert listening_since(7, 100 * SECOND, 101 * SECOND) == 7
    assert listening_since(7, 100 * SECOND, 105 * SECOND) == 7


def test_after_a_stall_of_our_own_silence_is_counted_anew() -> None:
    assert listening_since(7, 100 * SECOND, 150 * SECOND) == 150 * SECOND


def test_at_the_first_tick_counting_begins() -> None:
    assert listening_since(0, 0, 1_763_712_000 * SECOND) == 1_763_712_000 * SECOND
