"""A start knows how points stood that were at rest: what comes late just after it is judged again."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from alarms.memory import Part
from alarms.readings import BEHIND, FAR, TAUGHT, Readings
from alarms.tales import RULES
from tests.unit.late_streams import Server
from tests.unit.plants import SECOND, at, point
from tests.unit.streams import Row
from tests.unit.test_late_laws import Drawn, ended, in_order, occurrences, shown, silence
from tests.unit.test_rewind_laws import DETECTORS, NOISE, PARAMS, drawn, learned, standing


@dataclass(frozen=True)
class Started:
    """A course, before which arrivals parts of memory are saved, and before which a start comes."""

    drawn: Drawn
    saves: frozenset[int]
    starts: frozenset[int]
    window: int


@st.composite
def started(draw: st.DrawFn) -> Started:
    course = draw(drawn(calm=draw(st.integers(1, 3))))
    steps = st.integers(0, len(course.arrived) - 1)
    return Started(
        course,
        draw(st.frozensets(steps, max_size=4)),
        draw(st.frozensets(steps, min_size=1, max_size=3)),
        draw(st.sampled_from([17, 45, 60, 1800])) * SECOND,
    )


def as_it_came(one: Started) -> Server:
    server = Server(one.drawn.plant, acknowledges=True)
    parts: list[Part] = []
    batch: list[Row] = []
    for number, row in enumerate(one.drawn.arrived):
        cuts = one.drawn.cuts | one.drawn.ticks | one.saves | one.starts
        if batch and number in cuts:
            server.take(batch)
            batch = []
        if number in one.drawn.ticks:
            server.tick(row[2] - 1)
        if number in one.saves:
            parts = server.saved()
        if number in one.starts:
            server.start(parts, window=one.window)
        batch.append(row)
    server.take(batch)
    return server


def untaught(server: Server) -> Readings:
    """Return the late readings that nothing was learned from, of those not too far behind."""
    stored = Readings.joined(list(server.stored.values()))
    return stored.take((stored.quality & (BEHIND | FAR | TAUGHT)) == BEHIND)


def ends_as_in_order(one: Started) -> None:
    ordered, came = in_order(one.drawn), as_it_came(one)
    for server in (ordered, came):
        ended(server, one.drawn, 5 * SECOND)
    assert learned(came) == learned(ordered)
    assert standing(came) == standing(ordered)
    assert occurrences(came, RULES) == occurrences(ordered, RULES)


@given(started())
@settings(max_examples=60, deadline=None)
def test_whenever_a_start_comes_what_came_late_and_was_learned_is_that_of_the_order(
    one: Started,
) -> None:
    assume(silence(one.drawn, 5 * SECOND) < 170 * SECOND)
    came = as_it_came(one)
    assert shown(came, RULES) == standing(came).keys()
    event(f"all learned: {not len(untaught(came))}")
    if not len(untaught(came)):
        ends_as_in_order(one)
