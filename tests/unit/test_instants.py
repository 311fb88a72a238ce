"""Microseconds inside, RFC 3339 at the edges, and nothing lost between them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import instants

MICROS = st.integers(0, 4_102_444_800_000_000)


@given(MICROS)
def test_an_instant_survives_datetime_and_text(micros: int) -> None:
    assert instants.from_datetime(instants.to_datetime(micros)) == micros
    assert instants.from_text(instants.to_text(micros)) == micros


def test_text_is_utc_with_milliseconds() -> None:
    assert instants.to_text(1_763_712_000_120_000) == "2025-11-21T08:00:00.120Z"


def test_an_offset_is_honoured() -> None:
    moment = datetime(2025, 11, 21, 8, 0, 0, 120_000, tzinfo=UTC)
    assert instants.from_text("2025-11-21T16:00:00.120+08:00") == instants.from_datetime(moment)


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        instants.from_text("2025-11-21T16:00:00")
