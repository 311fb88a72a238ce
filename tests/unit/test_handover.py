"""Spans of the plant's clock, verdicts, and what a shift hands over."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import flood, handover, instants, spans, targets
from alarms.alarm import Tier, Transition
from alarms.flood import Position
from alarms.moves import Move
from alarms.spans import Span, SpanError
from alarms.targets import Target, Verdict

SECOND = 1_000_000
START = instants.from_text("2025-11-21T08:00:00+08:00")


def micros(text: str) -> int:
    return instants.from_text(text)


@pytest.mark.parametrize(
    ("span", "at", "start", "end"),
    [
        ("shift", "2025-11-21T07:59:59.999999+08:00", "2025-11-21T00", "2025-11-21T08"),
        ("shift", "2025-11-21T08:00:00+08:00", "2025-11-21T08", "2025-11-21T16"),
        ("shift", "2025-11-21T15:59:00Z", "2025-11-21T16", "2025-11-22T00"),
        ("day", "2025-11-21T15:59:00Z", "2025-11-21T00", "2025-11-22T00"),
        ("day", "2025-11-21T16:00:00Z", "2025-11-22T00", "2025-11-23T00"),
        ("month", "2024-02-10T00:00:00Z", "2024-02-01T00", "2024-03-01T00"),
        ("month", "2025-12-31T23:00:00+08:00", "2025-12-01T00", "2026-01-01T00"),
    ],
)
def test_spans_are_those_of_the_plants_clock(span: str, at: str, start: str, end: str) -> None:
    found = spans.around(Span(span), micros(at))
    assert found == (micros(f"{start}:00:00+08:00"), micros(f"{end}:00:00+08:00"))


@given(st.sampled_from(Span), st.integers(min_value=0, max_value=4_000_000_000 * SECOND))
def test_spans_follow_each_other_without_a_gap(span: Span, at: int) -> None:
    start, end = spans.around(span, at)
    assert start <= at < end
    assert spans.around(span, end)[0] == end
    assert spans.around(span, start - 1)[1] == start


@pytest.mark.parametrize(
    ("span", "text", "meant"),
    [
        ("month", "2025-11", "2025-11-01T00:00:00+08:00"),
        ("month", "2025-11-21", "2025-11-21T00:00:00+08:00"),
        ("day", "2025-11-21", "2025-11-21T00:00:00+08:00"),
        ("shift", "2025-11-21T10:00:00 08:00", "2025-11-21T10:00:00+08:00"),
    ],
)
def test_a_moment_is_read_as_it_is_written(span: str, text: str, meant: str) -> None:
    assert spans.moment_of(Span(span), text) == micros(meant)


@pytest.mark.parametrize(
    ("span", "text"),
    [("month", "2025-13"), ("month", "25-1"), ("day", "2025-02-30"), ("shift", "2025-11-21"),
     ("day", "2025-11"), ("shift", "2025-11-21T10:00:00"), ("day", ""), ("month", "２０２５-11")],
)  # fmt: skip
def test_what_names_no_span_is_refused_with_what_would(span: str, text: str) -> None:
    with pytest.raises(SpanError, match=f"a {span} is written as"):
        spans.moment_of(Span(span), text)


def test_a_figure_is_met_above_or_over() -> None:
    both = Target(figure="f", acceptable=5, limit=10, source="s", mark="2nd")
    assert [targets.verdict(value, both) for value in (5, 5.1, 10, 10.1)] == [
        Verdict.met, Verdict.above, Verdict.above, Verdict.over,
    ]  # fmt: skip
    open_end = Target(figure="f", acceptable=5, limit=None, source="s", mark="2nd")
    assert targets.verdict(1e9, open_end) is Verdict.above


def ring(at_s: float, tag: str = "T", *, position: str = "510603") -> Move:
    at = START + int(at_s * SECOND)
    return Move(
        alarm=f"{tag}{at_s}", slot=(f"E/{tag}", "limit.high"), position=position,
        type=Transition.raised, tier=Tier.red, t_event=at, t_committed=at,
    )  # fmt: skip


def made(*moves: Move, span: Span = Span.shift) -> handover.Handover:
    start, end = spans.around(span, START)
    return handover.handover(moves, [], [], start=start, end=end, points=1)


def test_bars_are_of_the_busiest_position_and_whole() -> None:
    found = made(ring(0), ring(599), ring(600), ring(5, position="510604"))
    assert found.bars_of == "510603"
    assert [bar.count for bar in found.bars] == [2, 1, *[0] * 46]
    assert found.bars[1].start == START + 600 * SECOND


def test_a_month_has_a_bar_a_day_of_its_worst_ten_minutes() -> None:
    found = made(ring(0), ring(1), ring(2), ring(4000), span=Span.month)
    assert [bar.count for bar in found.bars] == [*[0] * 20, 3, *[0] * 9]


def test_a_flood_tells_the_first_alarm_of_the_window_that_began_it() -> None:
    before = ring(-1000, "older")
    rings = [ring(-60, "first"), *(ring(10 * n) for n in range(12))]
    (found,) = made(before, *reversed(rings)).floods
    assert (found.first, found.first_at) == (("E/first", "limit.high"), START - 60 * SECOND)
    assert (found.since, found.count) == (START + 90 * SECOND, 13)


def test_a_position_is_flooded_until_fewer_than_five_are_left() -> None:
    position = Position()
    for n in range(11):
        position = position.heard(START + n * SECOND, "S", "E/T")
    over = timedelta(microseconds=flood.WINDOW_US) + timedelta(seconds=6)
    last = instants.from_datetime(instants.to_datetime(START) + over)
    assert position.is_flooded(last - 1)
    assert not position.is_flooded(last)
    assert not Position(moments=position.moments).is_flooded(last - 1)
