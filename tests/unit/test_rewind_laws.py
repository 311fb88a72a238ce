"""The law of late readings for what learns from single points."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alarms import trails
from alarms.family import Rewindable
from alarms.plant import Point
from alarms.readings import Quality
from alarms.tales import RULES
from tests.unit.late_streams import Server
from tests.unit.plants import SECOND, at, point
from tests.unit.streams import Row
from tests.unit.test_late_laws import (
    Drawn,
    as_it_came,
    ended,
    in_order,
    occurrences,
    shown,
    silence,
)

PARAMS: dict[str, Any] = {
    "deviation": {"learn": 12},
    "rate": {"rise_per_min": 4.0, "fall_per_min": 8.0, "span_s": 10.0},
    "sensor": {"hold_s": 20.0, "learn_s": 30.0},
    "forecast": {"response_s": 600.0},
}
NOISE = (0.0, 0.03, -0.02, 0.01, -0.03, 0.02, 0.0, 0.05, -0.01)
DETECTORS = ("limit", "forecast", "deviation", "rate", "sensor")


@st.composite
def points(draw: st.DrawFn, tag: str) -> Point:
    return point(
        tag,
        limits={"h": 9.0, "hh": 11.0, "l": 1.0},
        deadband=draw(st.sampled_from([0.0, 0.3])),
        on_delay_s=draw(st.sampled_from([0.0, 7.0, 30.0])),
        off_delay_s=draw(st.sampled_from([0.0, 7.0])),
        period_s=60.0,
        range=(0.0, 12.0),
        detect=draw(
            st.one_of(
                st.just(DETECTORS),
                st.sets(st.sampled_from(DETECTORS), min_size=1).map(lambda found: tuple(found)),
            )
        ),
        params=PARAMS,
    )


@st.composite
def drawn(draw: st.DrawFn, *, calm: int = 0) -> Drawn:
    """Draw a course of slopes, stands and jumps, and how its readings arrive.

    So many times 40 readings come first that mean nothing.
    """
    several = tuple(draw(points(tag)) for tag in ("A", "B")[: draw(st.integers(1, 2))])
    wait = draw(st.sampled_from([1.0, 2.0, 5.0, 10.0]))
    late = st.sampled_from([0, 0, 0, draw(st.sampled_from([0, 3, 9, 18])), 33, 52, 60])
    seconds, value = draw(st.sampled_from([0.0, 31.0, 55.0])), 5.0
    ordered: list[Row] = []
    arrived: list[tuple[float, Row]] = []
    for part in range(-calm, draw(st.integers(1, 4))):
        slope = 0.0 if part < 0 else draw(st.sampled_from([0.0, 0.02, 0.1, -0.05, -0.2]))
        shaken = 1.0 if part < 0 else draw(st.sampled_from([1.0, 1.0, 0.0, 12.0]))
        value += 0.0 if part < 0 else draw(st.sampled_from([0.0, 0.0, 3.0, -3.0]))
        value = value if part < 0 else draw(st.sampled_from([value] * 7 + [12.0]))
        ill = 0 if part < 0 else draw(st.sampled_from([0] * 5 + [Quality.fault, Quality.offline]))
        for n in range(40 if part < 0 else draw(st.sampled_from([6, 20, 40]))):
            seconds += wait * draw(st.sampled_from([1, 1, 1, 1, 1, 1, 2, 9]))
            value += slope
            quality = draw(st.sampled_from([ill] * 28 + [Quality.bad, Quality.calibrating]))
            shown = min(max(value + shaken * NOISE[n % 9], 0.0), 12.0)
            read: Row = (n % len(several), at(seconds), at(seconds), shown, quality)
            ordered.append(read)
            arrived.append((seconds + draw(late), read))
            if draw(st.sampled_from([False] * 9 + [True])):
                arrived.append((seconds + draw(late), read))
    arrived.sort(key=lambda each: each[0])
    came = [(row, time, at(when), x, q) for when, (row, time, _, x, q) in arrived]
    steps = st.frozensets(st.integers(0, len(came)), max_size=30)
    return Drawn(several, ordered, came, draw(steps), draw(steps), draw(steps))


def learned(server: Server) -> dict[str, bytes]:
    return {
        family.name: family.memory.tobytes()
        for family in server.engine.learned
        if isinstance(family, Rewindable)
    }


def standing(server: Server) -> dict[tuple[str, str], Any]:
    return {slot: state.process for slot, state in server.states.items() if slot[1] in RULES}


def ends_alike(drawn: Drawn) -> None:
    ordered = in_order(drawn)
    came = as_it_came(drawn, acknowledges=True)
    for server in (ordered, came):
        ended(server, drawn, 5 * SECOND)
    assert learned(came) == learned(ordered)
    assert standing(came) == standing(ordered)
    assert occurrences(came, RULES) == occurrences(ordered, RULES)


@given(drawn())
@settings(max_examples=60, deadline=None)
def test_whatever_order_readings_come_in_what_learns_from_them_is_that_of_their_order(
    drawn: Drawn,
) -> None:
    assume(silence(drawn, 5 * SECOND) < 170 * SECOND)
    ends_alike(replace(drawn, restarts=frozenset()))


@given(drawn())
@settings(max_examples=60, deadline=None)
def test_after_restarts_and_late_readings_the_record_shows_what_stands(drawn: Drawn) -> None:
    came = as_it_came(drawn, acknowledges=True)
    assert shown(came, RULES) == standing(came).keys()
    ended(came, drawn, 5 * SECOND)
    assert shown(came, RULES) == standing(came).keys()


@pytest.mark.parametrize("overtaken", [False, True])
def test_a_forecast_that_the_clock_had_taken_over_ahead_of_the_readings_stays_so(
    overtaken: bool,
) -> None:
    rising = point("A", limits={"h": 9.0}, on_delay_s=30.0, off_delay_s=0.0, period_s=60.0)
    came: list[Row] = [(0, at(t), at(t), 5.0 + 0.08 * t, 0) for t in range(0, 54, 2)]
    clock = len(came)
    if overtaken:
        came.append((0, at(55), at(86), 9.5, 0))
    came += [(0, at(t), at(t), 9.5, 0) for t in (90, 100, 130)]
    came.append((0, at(125), at(131), 9.5, 0))
    ordered = sorted(came, key=lambda read: read[1])
    none: frozenset[int] = frozenset()
    drawn = Drawn((rising,), ordered, came, frozenset(range(len(came))), frozenset({clock}), none)
    assert [
        (each.rule, (each.t_returned or 0) - at(80))
        for each in in_order(drawn).episodes.found
        if each.rule == "forecast.h"
    ] == [("forecast.h", 0)]
    ends_alike(drawn)


def one_late_after(seconds: float, *, restarts: frozenset[int] = frozenset()) -> Drawn:
    """Return an hour of readings in order, but for the one of an instant, which comes 40 s late."""
    watched = point("A", limits={"h": 9.0}, period_s=60.0, detect=DETECTORS, params=PARAMS)
    ordered: list[Row] = [
        (0, at(t), at(t), 5.0 + 12.0 * NOISE[n % 9], 0) for n, t in enumerate(range(0, 3600, 10))
    ]
    late = [read for read in ordered if read[1] == at(seconds)]
    came = [read for read in ordered if read[1] != at(seconds)]
    came = sorted([*came, (0, at(seconds), at(seconds + 40), late[0][3], 0)], key=lambda r: r[2])
    return Drawn((watched,), ordered, came, frozenset(range(len(came))), frozenset(), restarts)


@pytest.mark.parametrize("restarts", [frozenset[int](), frozenset({180})])
def test_a_late_reading_after_long_order_is_learned_from(restarts: frozenset[int]) -> None:
    ends_alike(one_late_after(3300, restarts=restarts))
    ends_alike(one_late_after(2000, restarts=restarts))


def test_of_a_plant_too_large_to_be_followed_whole_it_is_only_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trails, "WHOLE", 0)
    drawn = one_late_after(3300)
    ordered, came = in_order(drawn), as_it_came(drawn, acknowledges=True)
    assert learned(came) != learned(ordered)
    assert occurrences(came, RULES) == occurrences(ordered, RULES)
    ends_alike(one_late_after(1200))
