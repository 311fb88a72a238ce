"""Computed points: when there is a reading, what it says, and that batches change nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alarms.computed import Computed
from alarms.plant import Plant
from alarms.proposal import LastReadings
from alarms.readings import HISTORY, Quality, Readings, newer_than
from alarms.rules import rules_of
from tests.unit.plants import at, plant, point, readings

Row = tuple[int, int, int, float, int]

A, B, SUM, TWICE = range(4)
POINTS = (
    point("A"),
    point("B"),
    point("SUM", compute="A + B"),
    point("TWICE", compute="SUM * 2 - A"),
)


def column(
    rows: list[Row], *, points: Plant | None = None, cuts: frozenset[int] = frozenset()
) -> list[Row]:
    """Let readings be derived batch by batch, the record between them; return all there are."""
    registered = points or plant(POINTS)
    last = LastReadings.never(len(registered.points))
    found: list[Row] = []
    computed = Computed(registered, rules_of(registered))
    for batch in _batches(rows, cuts):
        derived = computed.derive(readings(batch), last).readings
        last.follow(derived.take(newer_than(derived, last.time)))
        found += _rows(derived)
    return found


def _batches(rows: list[Row], cuts: frozenset[int]) -> list[list[Row]]:
    """Cut rows; what came together stays together, as a message does."""
    batches: list[list[Row]] = [[]]
    for place, row in enumerate(rows):
        if place in cuts and batches[-1] and batches[-1][-1][2] != row[2]:
            batches.append([])
        batches[-1].append(row)
    return [batch for batch in batches if batch]


def _rows(found: Readings) -> list[Row]:
    columns = (found.point, found.time, found.received, found.value, found.quality)
    return list(zip(*(each.tolist() for each in columns), strict=True))


def said(
    rows: list[Row], of: int = SUM, *, points: Plant | None = None
) -> list[tuple[int, float, int]]:
    """Return time, value and quality of what is computed of a point."""
    return [
        (time, value, quality)
        for row, time, _, value, quality in column(rows, points=points)
        if row == of
    ]


def test_readings_of_one_message_give_one_computed_reading() -> None:
    rows = [(A, at(1), at(1), 2.0, 0), (B, at(1), at(1), 3.0, 0)]
    rows += [(A, at(2), at(2), 7.0, 0), (B, at(2), at(2), 8.0, 0)]
    assert said(rows) == [(at(1), 5.0, 0), (at(2), 15.0, 0)]


def test_a_computed_reading_stands_at_the_newest_time_of_its_inputs() -> None:
    rows = [(A, at(5), at(5), 2.0, 0), (B, at(3), at(6), 3.0, 0)]
    assert said(rows) == [(at(5), 5.0, 0)]


def test_an_older_input_that_comes_after_is_a_microsecond_later() -> None:
    rows = [(A, at(1), at(1), 1.0, 0), (B, at(1), at(1), 1.0, 0)]
    rows += [(A, at(5), at(5), 2.0, 0), (B, at(3), at(6), 3.0, 0)]
    assert said(rows) == [(at(1), 2.0, 0), (at(5), 3.0, 0), (at(5) + 1, 5.0, 0)]


def test_there_is_none_before_every_input_has_reported() -> None:
    assert said([(A, at(1), at(1), 2.0, 0), (A, at(2), at(2), 2.0, 0)]) == []


def test_an_uncertain_input_makes_it_uncertain() -> None:
    for quality in (Quality.uncertain, Quality.over_range):
        rows = [(A, at(1), at(1), 2.0, 0), (B, at(1), at(1), 3.0, int(quality) | HISTORY)]
        assert said(rows) == [(at(1), 5.0, Quality.uncertain)]


def test_there_is_none_while_an_input_is_bad_or_calibrating() -> None:
    for quality in (Quality.bad, Quality.calibrating, Quality.fault, Quality.offline):
        rows = [(A, at(1), at(1), 2.0, 0), (B, at(1), at(1), 3.0, int(quality))]
        rows += [(A, at(2), at(2), 2.0, 0)]
        assert said(rows) == []


def test_there_is_none_while_an_input_is_stale() -> None:
    rows = [(A, at(0), at(0), 2.0, 0), (B, at(1), at(1), 3.0, 0)]
    rows += [(B, at(29.9), at(29.9), 3.0, 0), (B, at(30), at(30), 4.0, 0)]
    assert [time for time, _, _ in said(rows)] == [at(1), at(29.9)]


def test_there_is_none_where_the_expression_has_no_answer() -> None:
    points = plant((point("A"), point("B"), point("RATIO", compute="A / B")))
    rows = [(A, at(1), at(1), 2.0, 0), (B, at(1), at(1), 0.0, 0), (B, at(2), at(2), 4.0, 0)]
    assert said(rows, 2, points=points) == [(at(2), 0.5, 0)]


def test_one_computed_point_feeds_another() -> None:
    rows = [(A, at(1), at(1), 2.0, 0), (B, at(1), at(1), 3.0, 0)]
    assert said(rows, TWICE) == [(at(1), 8.0, 0)]
    points = plant(
        (point("A"), point("B"), point("X", compute="Y * 10"), point("Y", compute="A + B"))
    )
    assert said(rows, 2, points=points) == [(at(1), 50.0, 0)]


def test_what_is_not_newer_computes_nothing() -> None:
    rows = [(A, at(1), at(1), 2.0, 0), (B, at(1), at(1), 3.0, 0)]
    rows += [(A, at(1), at(2), 9.0, 0), (B, at(0.5), at(2), 9.0, 0)]
    assert said(rows) == [(at(1), 5.0, 0)]


def test_the_batch_given_stays_in_order_and_can_be_told_from_what_was_computed() -> None:
    batch = readings(
        [(B, at(1), at(1), 3.0, 0), (A, at(1), at(1), 2.0, 0), (A, at(2), at(2), 1.0, 0)]
    )
    registered = plant(POINTS)
    computed = Computed(registered, rules_of(registered))
    derived = computed.derive(batch, LastReadings.never(4))
    assert derived.readings.point.tolist() == [B, A, SUM, TWICE, A, SUM, TWICE]
    assert derived.origin.tolist() == [0, 1, -1, -1, 2, -1, -1]
    gateways = np.array([4, 5, 6], np.int32)
    assert derived.along(gateways).tolist() == [4, 5, -1, -1, 6, -1, -1]


def test_points_in_a_circle_and_unsound_expressions_compute_nothing() -> None:
    points = plant(
        (
            point("A"),
            point("X", compute="Y + A"),
            point("Y", compute="X"),
            point("Z", compute="A +"),
        )
    )
    assert column([(0, at(1), at(1), 2.0, 0)], points=points) == [(0, at(1), at(1), 2.0, 0)]


@st.composite
def streams(draw: st.DrawFn) -> list[Row]:
    now = 0.0
    rows: list[Row] = []
    for _ in range(draw(st.integers(1, 30))):
        now += draw(st.sampled_from([0.0, 0.5, 1.0, 7.0, 25.0, 40.0]))
        late = draw(st.sampled_from([0.0, 0.0, 0.0, 0.5, 3.0, 31.0]))
        quality = draw(st.sampled_from([0, 0, 0, 0, 1, 2, 4]))
        row = draw(st.sampled_from([A, B]))
        rows.append((row, at(now - late), at(now), draw(st.sampled_from([1.0, 2.0, 5.0])), quality))
    return rows


@given(streams(), st.frozensets(st.integers(0, 30)))
def test_batches_and_restarts_change_no_computed_reading(
    rows: list[Row], cuts: frozenset[int]
) -> None:
    """Between batches nothing is remembered but what the record holds."""
    assert column(rows, cuts=cuts) == column(rows)


@given(streams())
def test_computed_readings_are_each_newer_than_the_last(rows: list[Row]) -> None:
    for of in (SUM, TWICE):
        times = [time for time, _, _ in said(rows, of)]
        assert times == sorted(set(times))
