"""Stories of readings that come after newer ones: judged among their neighbours, corrected once."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.alarm import Tier, Transition
from alarms.proposal import Proposal
from alarms.readings import Readings, behind_by, far_marked, newer_than
from alarms.wording import LATE_US
from tests.unit.late_streams import Server, outlined, rehearsed
from tests.unit.plants import SECOND, at, plant, point, readings
from tests.unit.stories import ACK, NOW, RAISED, RETURNED, Story, says
from tests.unit.streams import Keeper, Row

LEVEL: dict[str, Any] = {"limits": {"h": 9.0, "hh": 10.0}, "on_delay_s": 0.0, "off_delay_s": 0.0}


def row(seconds: float, value: float, received: float) -> Row:
    return 0, at(seconds), at(received), value, 0


def told(rows: Sequence[Row], **settings: Any) -> list[tuple[float, float | None, Tier]]:
    """Return raise, return and peak tier of the occurrences of readings in order of receipt."""
    return outlined(rehearsed(rows, point(**(LEVEL | settings))))


def test_a_late_reading_over_the_limit_is_over_until_its_neighbour_is_not() -> None:
    rows = [row(0, 5.0, 0), row(20, 5.0, 20), row(10, 9.5, 21)]
    assert told(rows) == [(10, 20, Tier.yellow)]


def test_a_late_reading_before_the_raise_moves_the_beginning_of_the_open_alarm() -> None:
    rows = [row(0, 5.0, 0), row(20, 9.5, 20), row(10, 9.6, 21)]
    assert told(rows) == [(10, None, Tier.yellow)]


def test_a_late_reading_between_two_that_are_not_over_extends_nothing() -> None:
    rows = [row(0, 9.5, 0), row(10, 5.0, 10), row(30, 5.0, 30), row(20, 5.0, 31)]
    assert told(rows) == [(0, 10, Tier.yellow)]


def test_a_late_reading_extends_what_was_over_before_it() -> None:
    rows = [row(0, 9.5, 0), row(20, 5.0, 20), row(40, 5.0, 40), row(20.5, 5.0, 41)]
    assert told(rows) == [(0, 20, Tier.yellow)]
    rows = [row(10, 9.5, 10), row(20, 5.0, 20), row(9, 9.6, 41)]
    assert told(rows) == [(9, 20, Tier.yellow)]


def test_a_late_peak_is_the_occurrences_peak() -> None:
    rows = [row(0, 9.5, 0), row(20, 9.5, 20), row(30, 5.0, 30), row(10, 10.5, 31)]
    assert told(rows) == [(0, 30, Tier.orange)]


def test_a_calm_late_reading_before_one_not_judged_is_the_newest_judged() -> None:
    server = Server(plant([point(**LEVEL)]), acknowledges=True)
    for each in (
        (0, at(0), at(0), 5.0, 0),
        (0, at(20), at(20), 5.0, 3),
        (0, at(10), at(21), 5.0, 0),
    ):
        server.take([each])
    assert server.engine.newest.judged_time.tolist() == [at(10)]


def test_a_late_reading_meets_a_delay_together_with_its_neighbours() -> None:
    rows = [row(0, 5.0, 0), row(10, 9.5, 10), row(30, 5.0, 30), row(20, 9.5, 31)]
    assert told(rows, on_delay_s=15.0) == [(25, 30, Tier.yellow)]


def test_what_is_later_than_the_bound_is_judged_by_itself() -> None:
    rows = [row(0, 5.0, 0), row(20, 5.0, 20), row(120, 5.0, 120), row(10, 9.5, 121)]
    assert told(rows) == [(10, 10, Tier.yellow)]


def test_a_late_occurrence_that_touches_a_closed_one_makes_that_longer() -> None:
    story = Story().tell(RAISED, ACK, RETURNED)
    longer = says(Transition.late, at=-50, t_end=NOW + 10, peak=11.0, late=True)
    story.tell(longer)
    assert story.told[-2:] == ["closed", "late"]
    assert (story.now.t_raised, story.now.t_returned) == (NOW - 50, NOW + 30)
    assert (story.now.rev, story.now.peak, story.now.t_closed) == (5, 11.0, NOW)


def test_a_late_occurrence_apart_from_the_closed_one_is_one_of_its_own() -> None:
    story = Story().tell(RAISED, ACK, RETURNED)
    story.tell(says(Transition.late, at=-50, t_end=NOW - 10, late=True))
    assert (story.now.rev, story.now.t_raised, story.now.active) == (1, NOW - 50, False)


def test_a_worse_late_peak_inside_the_open_alarm_is_told_and_rings_for_nobody() -> None:
    story = Story().tell(RAISED, ACK)
    story.tell(says(Transition.late, Tier.red, at=5, t_end=NOW + 9, peak=12.0, late=True))
    assert (story.told[-1], story.now.peak_tier, story.now.peak) == ("late", Tier.red, 12.0)
    assert story.now.acks["site"] is not None


def test_a_late_reading_not_over_ends_what_it_interrupts_and_the_rest_is_another() -> None:
    rows = [row(0, 9.5, 0), row(20, 9.5, 20), row(10, 5.0, 21)]
    assert told(rows) == [(0, 10, Tier.yellow), (20, None, Tier.yellow)]
    rows = [row(0, 9.5, 0), row(20, 5.0, 20), row(10, 5.0, 21)]
    assert told(rows) == [(0, 10, Tier.yellow)]


def test_what_a_late_reading_puts_right_is_put_right_exactly_and_else_made_longer() -> None:
    shorter = says(Transition.late, at=5, t_end=NOW + 9, late=True, instead=(NOW, NOW + 30))
    story = Story().tell(RAISED, ACK, RETURNED, shorter)
    assert (story.now.t_raised, story.now.t_returned) == (NOW + 5, NOW + 9)
    other = msgspec.structs.replace(shorter, instead=(NOW - 1, NOW + 31))
    story = Story().tell(RAISED, ACK, RETURNED, other)
    assert story.told[-1] == "closed"


def test_no_neighbours_are_wanted_of_what_is_not_near_or_cannot_matter() -> None:
    engine = Keeper(plant([point(**LEVEL), point("B", **LEVEL)])).engine
    nothing = Proposal()
    two = readings([row(50, 9.5, 100), row(90, 9.5, 100), (1, at(50), at(100), 5.0, 0)])
    near = engine.around(two, nothing).readings
    assert (near.rows.tolist(), near.until.tolist()) == ([0], [0])
    far = far_marked(two, np.array([61, 61, 61]) * SECOND, LATE_US)
    assert len(engine.around(far, nothing).readings.rows) == 0
    assert len(engine.around(Readings.none(), nothing).readings.rows) == 0


def test_how_late_a_reading_is_counts_when_it_comes_not_when_its_batch_ends() -> None:
    batch = readings([row(10, 5.0, 10), row(80, 5.0, 80), row(15, 5.0, 81), row(200, 5.0, 200)])
    last = np.array([at(5)])
    assert behind_by(batch, last, newer_than(batch, last)).tolist() == [-5e6, -70e6, 65e6, -120e6]


@st.composite
def out_of_order(draw: st.DrawFn) -> tuple[list[Row], list[Row]]:
    """Draw readings 5 s apart, the last not over, in order and as they may arrive in 60 s."""
    values = [*draw(st.lists(st.sampled_from([5.0, 9.5]), min_size=2, max_size=30)), 5.0]
    delays = [draw(st.sampled_from([0, 0, 0, 7, 18, 33, 52])) for _ in values[:-1]] + [55]
    ordered = [row(5 * k, value, 5 * k) for k, value in enumerate(values)]
    arrived = sorted(
        (row(5 * k, value, 5 * k + delay)
         for k, (value, delay) in enumerate(zip(values, delays, strict=True))),
        key=lambda each: (each[2], each[1]),
    )  # fmt: skip
    twice = draw(st.integers(0, len(arrived) - 1))
    return ordered, [*arrived[: twice + 1], arrived[twice], *arrived[twice + 1 :]]


@given(out_of_order())
@settings(max_examples=150, deadline=None)
def test_without_delays_the_order_of_receipt_within_the_bound_changes_no_occurrence(
    drawn: tuple[list[Row], list[Row]],
) -> None:
    ordered, arrived = drawn
    assert sorted(told(arrived)) == sorted(told(ordered))


def path(at: int, tier: Tier) -> tuple[tuple[int, Tier], ...]:
    return ((at, tier),)


def test_an_alarm_that_never_was_ends_at_its_own_raise() -> None:
    never = says(Transition.late, at=0, t_end=NOW, late=True, instead=(NOW, None),
                 path=path(NOW, Tier.orange))  # fmt: skip
    story = Story().tell(RAISED, ACK, never)
    assert story.told[-2:] == ["late", "closed"]
    assert (story.now.active, story.now.t_raised, story.now.t_returned) == (False, NOW, NOW)


def test_a_return_that_never_was_begins_the_closed_alarm_again_and_rings() -> None:
    again = says(Transition.late, at=0, late=True, instead=(NOW, NOW + 30),
                 path=path(NOW, Tier.orange))  # fmt: skip
    story = Story().tell(RAISED, ACK, RETURNED, again)
    assert (story.now.active, story.now.t_returned, story.now.t_closed) == (True, None, None)
    assert story.now.acks["site"] is None
    assert [entry.alarm.rev for entry in story.journal] == [1, 2, 3, 4, 5]


def test_an_occurrence_known_to_be_another_than_the_open_one_is_closed_at_once() -> None:
    other = says(Transition.late, at=-50, t_end=NOW - 9, late=True,
                 path=path(NOW - 50, Tier.orange))  # fmt: skip
    story = Story().tell(RAISED, other)
    assert story.told == ["raised", "late", "closed"]
    assert story.now.id != story.journal[0].alarm.id
