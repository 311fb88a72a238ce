"""An occurrence's name follows from what makes it one."""

from hypothesis import given
from hypothesis import strategies as st

from alarms.alarm import occurrence_id

MICROS = st.integers(0, 4_102_444_800_000_000)


def test_an_occurrence_judged_again_has_the_same_id() -> None:
    first = occurrence_id("DY-CHEM-01/TK101.LT", "limit.high", 1_763_712_000_120_000)
    assert first == occurrence_id("DY-CHEM-01/TK101.LT", "limit.high", 1_763_712_000_120_000)
    assert first == "01KAJPTR3RTW7DA8G724XACC65"


@given(MICROS, MICROS)
def test_ids_sort_by_the_time_they_were_raised(one: int, other: int) -> None:
    ids = [occurrence_id("a/b", "limit.high", time) for time in (one, other)]
    if one // 1000 != other // 1000:
        assert (ids[0] < ids[1]) == (one < other)


@given(st.text(min_size=1), st.text(min_size=1), MICROS)
def test_an_id_is_a_ulid(key: str, rule: str, time: int) -> None:
    name = occurrence_id(key, rule, time)
    assert len(name) == 26
    assert set(name) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert name[0] in "01234567"
