"""Figures of the alarm load: floods and chattering."""

from alarms import flood, kpi
from alarms.alarm import Kind, Tier
from alarms.occurrences import Occurrence
from tests.unit.plants import at


def occurrence(raised: float, returned: float | None = None) -> Occurrence:
    return Occurrence(
        id="1", key="E/T", point="E/T", rule="limit.high", kind=Kind.limit, tier=Tier.red,
        peak_tier=Tier.red, t_raised=at(raised), late=False, value=1.0, limit=1.0,
        t_returned=None if returned is None else at(returned), forecast_eta=None, moves=[],
        rings=[at(raised)],
    )  # fmt: skip


def test_a_flood_begins_with_the_eleventh_in_ten_minutes_and_ends_below_five() -> None:
    moments = [at(k) for k in range(11)]
    ((begin, end),) = flood.floods(moments)
    assert begin == at(10)
    assert end == at(6 + 600)  # when the seventh leaves, four are left


def test_ten_in_ten_minutes_are_no_flood() -> None:
    assert flood.floods([at(k) for k in range(10)]) == []
    assert flood.floods([at(60 * k) for k in range(30)]) == []


def test_alarms_after_the_end_begin_another_flood() -> None:
    first, second = [at(k) for k in range(12)], [at(2000 + k) for k in range(12)]
    assert flood.floods(first + second) == [(at(10), at(607)), (at(2010), at(2607))]


def test_three_raises_and_returns_within_a_minute_chatter() -> None:
    assert kpi.chattering([occurrence(20 * k, 20 * k + 19) for k in range(3)])
    assert not kpi.chattering([occurrence(21 * k, 21 * k + 19) for k in range(3)])
    assert not kpi.chattering([occurrence(0, 1), occurrence(2, 3), occurrence(4)])
