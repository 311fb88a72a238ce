"""The law of late readings: in the end the occurrences are those of the readings in order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alarms.detectors import limits
from alarms.plant import Plant, Point, Tiering
from alarms.rules import RULES
from tests.unit.late_streams import VALUES, Server
from tests.unit.plants import SECOND, at, plant, point
from tests.unit.streams import Row

DELAYS = st.sampled_from([0.0, 0.0, 3.0, 7.0, 15.0, 30.0])


@dataclass(frozen=True)
class Drawn:
    points: tuple[Point, ...]
    ordered: list[Row]
    arrived: list[Row]
    cuts: frozenset[int]
    ticks: frozenset[int]
    restarts: frozenset[int]
    tierings: tuple[Tiering, ...] = ()

    @property
    def plant(self) -> Plant:
        """Return points of no gateway: of one, an alarm of all of them goes by their receipt."""
        return plant(self.points, gateways=("gw-1", "gw-2"), tierings=self.tierings)


@st.composite
def points(draw: st.DrawFn, tag: str, period: float) -> Point:
    limits: dict[str, float] = {"h": 9.0}
    if draw(st.booleans()):
        limits["hh"] = 10.0
    if draw(st.booleans()):
        limits |= {"l": 1.0} | ({"ll": -5.0} if draw(st.booleans()) else {})
    more: dict[str, Any] = {"deadband": 0.5} if draw(st.booleans()) else {}
    n, m = draw(st.sampled_from([(1, 1), (1, 1), (1, 3), (2, 2), (2, 3), (4, 5), (3, 12)]))
    if m > 1:
        more["params"] = {"limit": {"confirm_n": n, "confirm_m": m}}
    return point(
        tag, limits=limits, on_delay_s=draw(DELAYS), off_delay_s=draw(DELAYS), period_s=period,
        **more,
    )  # fmt: skip


@st.composite
def drawn(draw: st.DrawFn, *, period: float = 60.0, most: float = 13.0) -> Drawn:
    """Draw readings, and how they arrive: at most 60 s late, some of them twice."""
    several = tuple(draw(points(tag, period)) for tag in ("A", "B")[: draw(st.integers(1, 2))])
    ordered: list[Row] = []
    arrived: list[tuple[float, Row]] = []
    seconds = draw(st.sampled_from([0.0, 31.0, 55.0]))
    waits = st.sampled_from([w for w in (0.5, 1.0, 2.0, 5.0, 7.0, 13.0, 25.0, 70.0) if w <= most])
    late = st.sampled_from([0, 0, 0, 0, 4, 9, 18, 33, 52, 60])
    quality = st.sampled_from([0] * 9 + [3])
    for _ in range(draw(st.integers(2, 24))):
        seconds += draw(waits)
        row = draw(st.integers(0, len(several) - 1))
        delay = draw(late)
        read: Row = (row, at(seconds), at(seconds), draw(st.sampled_from(VALUES)), draw(quality))
        ordered.append(read)
        arrived.append((delay + seconds, read))
        if draw(st.sampled_from([False] * 5 + [True])):
            arrived.append((seconds + draw(late), read))
    arrived.sort(key=lambda each: each[0])
    came = [(row, time, at(when), value, q) for when, (row, time, _, value, q) in arrived]
    steps = st.frozensets(st.integers(0, len(came)), max_size=12)
    return Drawn(several, ordered, came, draw(steps), draw(steps), draw(steps))


def ended(server: Server, drawn: Drawn, step: int) -> None:
    """Let everything come to rest, in order: the next readings are of a step after the last."""
    since, arrived = drawn.ordered[-1][1], max(row[2] for row in drawn.arrived)
    for k in range(24):
        time = since + step * (k + 1)
        for row in range(len(drawn.points)):
            server.take([(row, time, max(time, arrived), 5.0, 0)])


def occurrences(server: Server, rules: Sequence[str] = RULES) -> list[Any]:
    return sorted(
        (each.key, each.rule, each.t_raised, each.t_returned, each.peak_tier,
         tuple((move.type.value, move.t_change, move.tier) for move in each.moves))
        for each in server.episodes.found
        if each.rule in rules and each.t_raised != each.t_returned
    )  # fmt: skip


def records(server: Server) -> list[Any]:
    return sorted(
        (each.subject.key, each.rule, each.t_raised, each.t_returned, each.peak, each.peak_tier)
        for each in server.alarms.values()
        if each.rule in RULES and each.t_raised != each.t_returned
    )


def shown(server: Server, rules: Sequence[str] = RULES) -> set[tuple[str, str]]:
    """Return which alarms of these rules the record has as active."""
    return {slot for slot, alarm in server.open.items() if alarm.active and slot[1] in rules}


def standing(server: Server) -> set[tuple[str, str]]:
    """Return which the engine has so."""
    points = server.plant.points
    top = limits.tops(server.engine._standing.phase) != limits.NONE
    return {(points[row].key, RULES[side]) for row, side in np.argwhere(top).tolist()}


def in_order(drawn: Drawn) -> Server:
    server = Server(drawn.plant, acknowledges=True)
    for row in drawn.ordered:
        server.take([row])
    return server


def as_it_came(drawn: Drawn, *, acknowledges: bool) -> Server:
    server = Server(drawn.plant, acknowledges=acknowledges)
    batch: list[Row] = []
    for number, row in enumerate(drawn.arrived):
        cut = {number} & (drawn.cuts | drawn.ticks | drawn.restarts)
        if batch and cut:
            server.take(batch)
            batch = []
        if number in drawn.ticks:
            server.tick(row[2] - 1)
        if number in drawn.restarts:
            server.restart()
        batch.append(row)
    server.take(batch)
    return server


def silence(drawn: Drawn, step: int) -> int:
    """Return the longest time in which a point had no reading, come when it may."""
    found = 0
    for row in range(len(drawn.points)):
        times = [read[1] for read in drawn.ordered if read[0] == row]
        upto = [*times[1:], drawn.ordered[-1][1] + step]
        found = max([found, *(b - a for a, b in zip(times, upto, strict=False))])
    return found


def either_way(drawn: Drawn) -> Iterator[Server]:
    """Yield servers that took what arrived, one that acknowledges what rings and one that does not.

    Of both, what the record shows as active is what stands.
    """
    for acknowledges in (True, False):
        came = as_it_came(drawn, acknowledges=acknowledges)
        assert shown(came) == standing(came)
        yield came


def ends_alike(drawn: Drawn, period: int) -> None:
    ordered = in_order(drawn)
    ended(ordered, drawn, period)
    for came in either_way(drawn):
        ended(came, drawn, period)
        assert occurrences(came) == occurrences(ordered)
        if came.acknowledges:
            assert records(came) == records(ordered)


def test_a_late_reading_before_one_not_judged_is_what_the_next_delay_goes_on_from() -> None:
    level = point("A", limits={"l": 1.0}, on_delay_s=0.0, off_delay_s=3.0, period_s=5.0)
    first = (0, at(0.5), at(0.5), -6.0, 0)
    late = (0, at(13.5), at(17.5), 1.2, 0)
    bad = (0, at(14), at(14), -6.0, 3)
    none: frozenset[int] = frozenset()
    ends_alike(
        Drawn((level,), [first, late, bad], [first, bad, late], none, none, none), 4 * SECOND
    )


def test_what_was_withdrawn_stays_so_when_another_of_the_same_raise_is_put_right() -> None:
    level = point(
        "A", limits={"h": 9.0, "l": 1.0, "ll": -5.0}, deadband=0.5, on_delay_s=0.0,
        off_delay_s=3.0, period_s=60.0,
    )  # fmt: skip
    read = ((1, 1, -6.0), (1.5, 1.5, 10.5), (2, 2, -6.0), (7.5, 7.5, -6.0), (8, 8, 9.7),
            (9, 9, 9.2), (9.5, 13.5, -6.0), (8.5, 26.5, -6.0), (2.5, 35.5, 9.7),
            (0.5, 60.5, -6.0))  # fmt: skip
    came: list[Row] = [(0, at(time), at(when), value, 0) for time, when, value in read]
    each, ticks = frozenset(range(len(came))), frozenset({6, 7})
    ends_alike(Drawn((level,), sorted(came), came, each, ticks, each), 5 * SECOND)


def test_what_a_late_reading_takes_back_of_its_own_batch_is_taken_back_in_the_record() -> None:
    level = point("A", limits={"h": 9.0}, on_delay_s=0.0, off_delay_s=15.0, period_s=60.0)
    server = Server(plant((level,)), acknowledges=True)
    server.take([(0, at(24), at(24), 9.2, 0), (0, at(25), at(25), 5.0, 0)])
    server.take([(0, at(40), at(58), 8.7, 3), (0, at(26), at(58), 9.7, 0)])
    past = server.engine.pasts.of(0)
    server.restart()
    assert past == server.engine.pasts.of(0)
    assert past is not None
    assert past.open[1] is not None


@given(drawn())
@settings(max_examples=35, deadline=None)
def test_whatever_order_readings_come_in_the_occurrences_are_those_of_their_order(
    drawn: Drawn,
) -> None:
    ends_alike(drawn, 5 * SECOND)


@given(drawn(period=5.0, most=13.0))
@settings(max_examples=35, deadline=None)
def test_what_was_taken_for_silence_is_put_right_when_its_readings_come(drawn: Drawn) -> None:
    assume(silence(drawn, 4 * SECOND) < 30 * SECOND)
    ends_alike(drawn, 4 * SECOND)


def test_an_alarm_recorded_apart_that_stands_after_all_is_the_open_one_raised_again() -> None:
    """One waits to be acknowledged; of another, told of late, a reading shows that it goes on."""
    two_of_three = {"limit": {"confirm_n": 1, "confirm_m": 3}}
    one = point("A", limits={"h": 9.0}, on_delay_s=0.0, off_delay_s=0.0, params=two_of_three)
    in_time = [
        (4.0, 9.2),
        (4.5, -6.0),
        (5.0, -6.0),
        (7.5, 9.2),
        (8.0, -6.0),
        (9.0, -6.0),
        (9.5, -6.0),
    ]
    came: list[Row] = [(0, at(t), at(t), value, 0) for t, value in in_time]
    came += [(0, at(5.5), at(57.5), -6.0, 0), (0, at(8.5), at(68.5), 9.2, 0)]
    none: frozenset[int] = frozenset()
    ordered = sorted(came, key=lambda read: read[1])
    server = as_it_came(
        Drawn((one,), ordered, came, frozenset(range(len(came))), none, none), acknowledges=False
    )
    assert [alarm.reraise_count for alarm in server.open.values() if alarm.active] == [1]
