"""What delays avert is counted as readings are judged, however the stream is cut."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.averted import Averted, Tally
from alarms.engine import Engine, LastReadings
from tests.unit.plants import START, at, plant, point, readings

LIMITS: dict[str, Any] = {"limits": {"l": 2.0, "h": 8.0, "hh": 9.0}, "detect": ("limit",)}
VALUES = (1.0, 2.1, 2.6, 5.0, 7.4, 7.9, 8.5, 9.5)


def tally(values: Sequence[float], cuts: Sequence[int] = (), **more: Any) -> list[Averted]:
    """Judge a reading each 10 s, cut into batches at these places, and return what was counted."""
    known = plant([point("LT", **({"on_delay_s": 30.0, "off_delay_s": 30.0} | LIMITS | more))])
    last = LastReadings.never(1)
    engine = Engine.build(known, states=(), last=last, started=START)
    rows = [(0, at(10 * k), at(10 * k), value, 0) for k, value in enumerate(values)]
    counted = Tally()
    borders = sorted({0, *cuts, len(rows)})
    for begin, end in pairwise(borders):
        proposal = engine.judge(readings(rows[begin:end]), now=rows[end - 1][2])
        counted.add(proposal)
        engine.adopt(proposal)
    return counted.found(known)


def one_by_one(values: Sequence[float]) -> tuple[int, int]:
    """Count near misses and re-entries of a high limit of 8, 30 s each way and no deadband."""
    active, since, near, again = False, None, 0, 0
    for k, value in enumerate(values):
        now, over = 10 * k, value >= 8
        agrees = over != active
        if since is not None and (now > since + 30 or (now == since + 30 and agrees)):
            active, since = not active, None
            agrees = over != active
        if since is None:
            since = now if agrees else None
        elif not agrees:
            near, again, since = near + (not active), again + active, None
    return near, again


def test_a_delay_broken_off_before_a_raise_is_a_near_miss_and_before_a_return_a_reentry() -> None:
    over, under = 8.5, 5.0
    misses = [over, under] * 3
    raised = [*misses, over, over, over, over, under, over, under, under, over, *[under] * 4]
    assert tally(raised) == [Averted("DY-CHEM-01/LT", "limit.high", 3, 2)]


def test_sides_and_tiers_are_counted_for_their_rule_once_a_reading() -> None:
    assert tally([1.0, 5.0, 9.5, 5.0]) == [
        Averted("DY-CHEM-01/LT", "limit.low", 1, 0),
        Averted("DY-CHEM-01/LT", "limit.high", 1, 0),
    ]


def test_a_higher_tier_that_is_not_reached_is_a_near_miss_too() -> None:
    (found,) = tally([8.5] * 5 + [9.5, 8.5])
    assert (found.rule, found.near_misses) == ("limit.high", 1)


def test_without_delays_nothing_is_averted_and_inside_the_deadband_nothing_is_broken_off() -> None:
    noise = [8.5, 5.0] * 10
    assert tally(noise, on_delay_s=0.0, off_delay_s=0.0) == []
    assert tally([8.5, 7.9, 8.5, 7.9, 8.5], deadband=0.5) == []
    assert tally([8.5, 7.4], deadband=0.5)[0].near_misses == 1


def test_bad_quality_breaks_nothing_off() -> None:
    known = plant([point("LT", **LIMITS, on_delay_s=30.0)])
    engine = Engine.build(known, states=(), last=LastReadings.never(1), started=START)
    rows = [(0, at(0), at(0), 8.5, 0), (0, at(10), at(10), 5.0, 3)]
    counted = Tally()
    counted.add(engine.judge(readings(rows), now=at(10)))
    assert counted.found(known) == []


@settings(deadline=None)
@given(st.lists(st.sampled_from(VALUES), min_size=1, max_size=60), st.data())
def test_however_a_stream_is_cut_the_counts_are_those_of_one_reading_after_the_other(
    values: list[float], data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(1, len(values)), max_size=6))
    high = {"limits": {"h": 8.0}}
    found = {(each.near_misses, each.reentries) for each in tally(values, cuts, **high)}
    assert found == ({one_by_one(values)} - {(0, 0)})
    assert tally(values, cuts) == tally(values)
