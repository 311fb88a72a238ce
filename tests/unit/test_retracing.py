"""What comes late just after a start is judged again, of points at which no alarm stood."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from alarms import trails
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


def as_it_came(one: Started) -> tuple[Server, bool]:
    """Return a server that took what arrived, and whether at a start nothing was raised already.

    How what stood was raised is not known after a start: of that only the end is put right.
    """
    server, nothing_stood = Server(one.drawn.plant, acknowledges=True), True
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
            nothing_stood &= not standing(server)
            server.start(parts, window=one.window)
        batch.append(row)
    server.take(batch)
    return server, nothing_stood


def untaught(server: Server) -> Readings:
    """Return the late readings that nothing was learned from, of those not too far behind."""
    stored = Readings.joined(list(server.stored.values()))
    return stored.take((stored.quality & (BEHIND | FAR | TAUGHT)) == BEHIND)


def ends_as_in_order(one: Started) -> None:
    ordered, (came, nothing_stood) = in_order(one.drawn), as_it_came(one)
    for server in (ordered, came):
        ended(server, one.drawn, 5 * SECOND)
    assert learned(came) == learned(ordered)
    assert standing(came) == standing(ordered)
    if nothing_stood:
        assert occurrences(came, RULES) == occurrences(ordered, RULES)


@given(started())
@settings(max_examples=50, deadline=None)
def test_whenever_a_start_comes_what_came_late_and_was_learned_is_that_of_the_order(
    one: Started,
) -> None:
    assume(silence(one.drawn, 5 * SECOND) < 170 * SECOND)
    came, _ = as_it_came(one)
    assert shown(came, RULES) == standing(came).keys()
    event(f"all learned: {not len(untaught(came))}")
    if not len(untaught(came)):
        ends_as_in_order(one)


def one_late(seconds: int, behind: int, **settings: Any) -> Drawn:
    """Return 20 minutes of readings, 10 s apart, of which that of an instant comes so much late."""
    given = {"limits": {"h": 9.0}, "period_s": 60.0, "detect": DETECTORS, "params": PARAMS}
    watched = point("A", **(given | settings))
    ordered: list[Row] = [
        (0, at(t), at(t), 5.0 + 12.0 * NOISE[n % 9], 0) for n, t in enumerate(range(0, 1200, 10))
    ]
    late = ordered[seconds // 10]
    came = [*ordered[: seconds // 10], *ordered[seconds // 10 + 1 :]]
    came.append((0, late[1], late[1] + behind * SECOND, late[3], 0))
    came.sort(key=lambda read: read[2])
    none: frozenset[int] = frozenset()
    return Drawn((watched,), ordered, came, frozenset(range(len(came))), none, none)


@given(
    st.integers(20, 100),
    st.integers(-9, 9),
    st.sampled_from([11, 37, 59]),
    st.frozensets(st.integers(0, 110), max_size=2),
    st.sampled_from([17, 45, 60, 1800]),
)
@settings(max_examples=40, deadline=None)
def test_of_a_point_at_rest_every_reading_late_around_a_start_is_learned_from(
    starts: int, after: int, behind: int, saves: frozenset[int], window: int
) -> None:
    course = one_late((starts + after) * 10, behind)
    one = Started(course, saves, frozenset({starts}), window * SECOND)
    assert not len(untaught(as_it_came(one)[0]))
    ends_as_in_order(one)


def peaked(
    since: int, until: int, *, late: int, rise_per_s: float = 0.0, **settings: Any
) -> Started:
    """Return a course at 9.5, or rising from there, for a while; a start comes before a late one.

    All times are seconds.
    """
    course = one_late(late, 35, on_delay_s=0.0, off_delay_s=0.0, **settings)
    raised = [
        (row, time, received,
         9.5 + (time - at(since)) / SECOND * rise_per_s if at(since) <= time < at(until) else value,
         quality)
        for row, time, received, value, quality in course.arrived
    ]  # fmt: skip
    ordered = sorted(raised, key=lambda read: read[1])
    course = replace(course, arrived=raised, ordered=ordered)
    return Started(course, frozenset(), frozenset({late // 10 + 3}), 60 * SECOND)


@pytest.mark.parametrize(
    ("since", "until", "late", "learned_from"),
    [
        pytest.param(590, 620, 600, False, id="returned in these minutes"),
        pytest.param(100, 120, 600, False, id="returned within ten minutes"),
        pytest.param(100, 120, 1000, True, id="returned long before"),
        pytest.param(660, 1200, 600, True, id="raised after the start"),
    ],
)
def test_what_comes_late_after_a_start_is_learned_from_where_no_alarm_stood(
    since: int, until: int, late: int, learned_from: bool
) -> None:
    one = peaked(since, until, late=late)
    came, _ = as_it_came(one)
    assert (len(untaught(came)) == 0) == learned_from
    if learned_from:
        ends_as_in_order(one)
    ended(came, one.drawn, 5 * SECOND)
    assert shown(came, RULES) == standing(came).keys()


@pytest.mark.parametrize("rises", [False, True])
def test_of_alarms_that_stood_long_before_a_start_it_knows_those_of_limits(rises: bool) -> None:
    one = peaked(
        *(100, 1200), late=1000, rise_per_s=0.2 if rises else 0.0, params=PARAMS,
        detect=("limit", "forecast", "rate") if rises else ("limit", "forecast"),
    )  # fmt: skip
    came, nothing_stood = as_it_came(one)
    assert ("DY-CHEM-01/A", "limit.high") in came.open
    assert (("DY-CHEM-01/A", "rate") in came.open) == rises
    assert nothing_stood == (not rises)
    assert (len(untaught(came)) == 0) == (not rises)
    if nothing_stood:
        ends_as_in_order(one)


@pytest.mark.parametrize(("changed", "learned_from"), [(-300, True), (-30, False)])
def test_nothing_is_judged_again_by_other_rules_than_held_when_it_was_judged(
    changed: int, learned_from: bool
) -> None:
    course = one_late(600, 35)
    server = Server(course.plant, acknowledges=True)
    for read in course.arrived[:63]:
        server.take([read])
    server.start((), window=60 * SECOND, changed=at(changed))
    server.take([course.arrived[63]])
    assert (len(untaught(server)) == 0) == learned_from


def test_of_a_large_plant_a_start_marks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trails, "WHOLE", 0)
    course = one_late(600, 35)
    server = Server(course.plant, acknowledges=True)
    for read in course.arrived[:63]:
        server.take([read])
    server.start((), window=60 * SECOND)
    assert len(server.engine.rewinds.trails) == 0
