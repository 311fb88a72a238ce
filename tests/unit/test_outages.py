"""Stories and laws of gateways that report their points ill: one alarm, not one a point."""

from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from alarms.alarm import Kind, ProcessEvent, Tier, Transition
from alarms.detectors import outage
from alarms.engine import ChannelState, Engine
from alarms.outages import FAILED, RULE
from alarms.plant import Plant, Point
from alarms.readings import Quality, Readings
from tests.unit.late_streams import Server
from tests.unit.plants import SECOND, START, at, plant, point
from tests.unit.sensor_streams import columns, engine_of, events_of
from tests.unit.streams import Row
from tests.unit.test_late_laws import Drawn, as_it_came, ended
from tests.unit.test_late_laws import shown as shown_active
from tests.unit.test_rewind_laws import drawn as drawn_late
from tests.unit.tried import tried

Marks = NDArray[np.int16]
"""Qualities, shape (rounds, points); a round is 10 s."""
ILL = int(Quality.offline)
SILENT = -1
GATEWAY = "gateway:gw-1"


def points(many: int, **settings: Any) -> list[Point]:
    return [point(f"P{number}", **settings) for number in range(many)]


def marks(rounds: int, many: int, *spans: tuple[slice, slice, int]) -> Marks:
    """Return qualities, those of spans of rounds and points changed."""
    found = np.zeros((rounds, many), np.int16)
    for rows, who, mark in spans:
        found[rows, who] = mark
    return found


def feed(quality: Marks) -> Readings:
    signal = np.where(quality == SILENT, np.nan, 5.0)
    return columns(signal, step_s=10, quality=np.where(quality == SILENT, 0, quality))


def shown(events: list[ProcessEvent]) -> list[tuple[str, str, int]]:
    """Return (whose, change, second) of these alarms; a gateway is called `gw-1`."""
    return [
        (
            event.subject.point or event.subject.name,
            event.change.value,
            round((event.t_change - START) / SECOND),
        )
        for event in events
        if event.rule in (FAILED, RULE)
    ]


def said(quality: Marks, batch: int = 5000) -> list[tuple[str, str, int]]:
    return shown(events_of(engine_of(points(quality.shape[1])), feed(quality), batch))


ALL = slice(None)


def test_a_gateway_whose_points_are_all_ill_raises_one_alarm_and_they_none() -> None:
    quality = marks(40, 50, (slice(10, 25), ALL, ILL))
    found = events_of(engine_of(points(50)), feed(quality))
    assert shown(found) == [("gw-1", "raised", 160), ("gw-1", "returned", 310)]
    alarm, back = (event for event in found if event.rule == RULE)
    assert (alarm.kind, alarm.tier, alarm.subject.key) == (Kind.sensor, Tier.blue, GATEWAY)
    assert (
        "网关 gw-1 在上报，但 50 个测点中 50 个读数不可用（质量为「离线」等）" in alarm.message_zh
    )
    assert "gateway gw-1 reports, but 50 of 50 points are of no use" in alarm.message_en
    assert "恢复可用" in back.message_zh


@pytest.mark.parametrize("quality", [Quality.bad, Quality.fault, Quality.offline])
def test_any_quality_that_says_so_makes_a_point_ill(quality: Quality) -> None:
    assert said(marks(20, 3, (slice(0, None), ALL, quality))) == [("gw-1", "raised", 60)]


def test_one_good_point_of_a_few_speaks_against_it() -> None:
    assert said(marks(20, 3, (slice(10, None), slice(2), ILL))) == [
        ("P0", "raised", 160),
        ("P1", "raised", 160),
    ]


def test_one_calibrating_does_too_for_somebody_is_there() -> None:
    quality = marks(20, 3, (slice(10, None), slice(2), ILL))
    quality[10:, 2] = Quality.calibrating
    assert [who for who, *_ in said(quality)] == ["P0", "P1"]


@pytest.mark.parametrize(("good", "alarms"), [(1, 1), (2, 38)])
def test_of_many_one_in_twenty_may_be_good(good: int, alarms: int) -> None:
    assert len(said(marks(20, 40, (slice(10, None), slice(40 - good), ILL)))) == alarms


def test_a_lone_point_of_a_gateway_raises_its_own() -> None:
    assert said(marks(20, 1, (slice(10, None), ALL, ILL))) == [("P0", "raised", 160)]


def test_when_some_recover_for_a_minute_the_rest_become_alarms_of_their_own() -> None:
    quality = marks(60, 3, (slice(10, None), ALL, ILL))
    quality[30:, 0] = 0
    found = events_of(engine_of(points(3)), feed(quality))
    assert shown(found) == [
        ("gw-1", "raised", 160),
        ("gw-1", "returned", 360),
        ("P1", "raised", 360),
        ("P2", "raised", 360),
    ]
    assert "质量仍为「离线」，不参与判断，而网关 gw-1 的其他测点读数可用" in found[-1].message_zh


def test_those_that_recover_within_that_minute_never_raise_but_do_when_ill_again() -> None:
    quality = marks(60, 3, (slice(10, 33), ALL, ILL))
    quality[30:, 0] = 0
    quality[37:, 2] = ILL
    assert said(quality) == [
        ("gw-1", "raised", 160),
        ("gw-1", "returned", 360),
        ("P2", "raised", 370),
    ]


def test_what_had_failed_before_returns_into_the_gateways_alarm() -> None:
    quality = marks(60, 3, (slice(10, None), slice(1), ILL), (slice(20, None), ALL, ILL))
    quality[40:] = 0
    found = events_of(engine_of(points(3)), feed(quality))
    assert shown(found) == [
        ("P0", "raised", 160),
        ("gw-1", "raised", 260),
        ("P0", "returned", 260),
        ("gw-1", "returned", 460),
    ]
    assert "仍不可用，并入网关 gw-1 的报警" in found[2].message_zh


def test_who_is_silent_or_never_reported_speaks_neither_for_nor_against_it() -> None:
    quality = marks(20, 5, (ALL, slice(3, 4), SILENT), (slice(5, None), slice(4, 5), SILENT))
    quality[10:, :3] = ILL
    assert said(quality) == [("gw-1", "raised", 160)]


def test_most_that_ever_reported_must_be_ill() -> None:
    quality = marks(20, 4, (slice(5, None), slice(2, 4), SILENT), (slice(10, None), slice(2), ILL))
    assert [who for who, *_ in said(quality)] == ["P0", "P1"]


def test_a_slow_point_that_goes_on_being_good_ends_it() -> None:
    quality = marks(140, 3, (slice(10, None), slice(2), ILL))
    quality[[n for n in range(140) if n % 30], 2] = SILENT
    assert said(quality) == [
        ("gw-1", "raised", 160),
        ("gw-1", "returned", 600),
        ("P0", "raised", 600),
        ("P1", "raised", 600),
    ]


def test_a_point_belongs_to_the_gateway_it_names_and_to_none_where_there_are_two() -> None:
    named = [point(f"P{n}", gateway="gw-1" if n < 2 else "gw-2") for n in range(4)]
    quality = marks(20, 4, (slice(10, None), slice(2), ILL))
    several = plant(named, gateways=("gw-1", "gw-2"))
    assert shown(events_of(engine_of(several), feed(quality))) == [("gw-1", "raised", 160)]
    nobodys = plant(points(4), gateways=("gw-1", "gw-2"))
    assert [who for who, *_ in shown(events_of(engine_of(nobodys), feed(quality)))] == ["P0", "P1"]


def test_a_gateway_that_lost_its_points_by_the_registry_returns_and_they_raise_their_own() -> None:
    server = Server(plant(points(2)), acknowledges=True)
    for t in range(0, 100, 10):
        server.take([(n, at(t), at(t), 5.0, ILL) for n in range(2)])
    assert [rule for _, rule in server.open] == [RULE]
    server.plant = plant(points(2), gateways=("gw-1", "gw-2"))
    server.restart()
    server.take([(n, at(100), at(100), 5.0, ILL) for n in range(2)])
    assert sorted(rule for _, rule in server.open) == [FAILED, FAILED]


def test_a_late_reading_of_an_absorbed_point_tells_nothing_else() -> None:
    server = Server(plant(points(3)), acknowledges=True)
    late: list[Row] = []
    for t in range(0, 300, 10):
        rows: list[Row] = [(n, at(t), at(t), 5.0, ILL if t >= 30 else 0) for n in range(3)]
        if t in (60, 110):
            late.append(rows.pop())
        server.take(rows)
        if t in (100, 150):
            _, time, _, value, mark = late.pop()
            server.take([(2, time, at(t), value, mark)])
    assert [each.rule for each in server.alarms.values()] == [RULE]


@st.composite
def drawn(draw: st.DrawFn) -> Marks:
    """Draw points that fall ill together and one by one, are silent, and recover."""
    many = draw(st.integers(2, 6))
    quality = marks(draw(st.integers(20, 90)), many)
    for _ in range(draw(st.integers(1, 6))):
        first, rounds = draw(st.integers(0, 80)), draw(st.sampled_from([1, 5, 8, 20, 50]))
        who = draw(
            st.sampled_from([ALL, ALL, slice(1, None), *(slice(n, n + 1) for n in range(many))])
        )
        mark = draw(st.sampled_from([ILL, ILL, ILL, 0, SILENT, int(Quality.calibrating)]))
        quality[first : first + rounds, who] = mark
    return quality


class Run:
    """Feeds an engine and keeps the record; learned memory outlives the engine as it is."""

    def __init__(self, many: int) -> None:
        self.plant = plant(points(many))
        self.engine = engine_of(self.plant)
        self.events: list[ProcessEvent] = []
        self.states: dict[tuple[str, str], ChannelState] = {}

    def feed(self, readings: Readings) -> None:
        proposal = self.engine.judge(readings, now=int(readings.received[-1]))
        self.engine.adopt(proposal)
        self.events += proposal.events
        self.states |= {(state.key, state.rule): state for state in proposal.states}
        for key in proposal.gone:
            self.states.pop(key, None)

    def restart(self) -> None:
        before, states = self.engine, tuple(self.states.values())
        self.engine = Engine.build(self.plant, states=states, last=before.newest, started=START)
        for known, family in zip(before.learned, self.engine.learned, strict=True):
            family.memory[:] = known.memory

    @property
    def failures(self) -> dict[tuple[str, str], Any]:
        return {key: one.process for key, one in self.states.items() if key[1] in (FAILED, RULE)}


def ran(quality: Marks, cuts: list[int], *, restarts: bool = False) -> Run:
    """Feed rounds, cut between some of them."""
    readings = feed(quality)
    run = Run(quality.shape[1])
    borders = [at(10 * cut) for cut in sorted({*cuts, 0, len(quality)})]
    places = np.searchsorted(readings.time, borders).tolist()
    for first, end in pairwise(places):
        if first < end:
            run.feed(readings.take(np.arange(first, end)))
            if restarts:
                run.restart()
    return run


CUTS = st.lists(st.integers(1, 89), max_size=8)


@given(drawn(), CUTS)
@tried(20)
def test_neither_batches_nor_restarts_change_what_is_told(quality: Marks, cuts: list[int]) -> None:
    whole = ran(quality, [])
    for other in (
        ran(quality, cuts),
        ran(quality, list(range(90))),
        ran(quality, cuts, restarts=True),
    ):
        assert shown(other.events) == shown(whole.events)
        assert other.failures == whole.failures


@given(drawn(), st.permutations(range(6)))
@tried(20)
def test_the_order_within_a_message_changes_nothing(quality: Marks, order: list[int]) -> None:
    readings = feed(quality)
    rank = np.array(order)[readings.point]
    shuffled = readings.take(np.lexsort((rank, readings.time)))
    here, there = (
        events_of(engine_of(points(quality.shape[1])), each) for each in (readings, shuffled)
    )
    assert sorted(shown(here)) == sorted(shown(there))


@given(drawn())
@tried(20)
def test_an_alarm_is_told_of_each_ill_point_its_own_or_its_gateways(quality: Marks) -> None:
    """Never both, raised and returned in turn; what stands in the record is told, too."""
    run = ran(quality, [])
    open_: dict[tuple[str, str], int] = {}
    for event in run.events:
        slot = event.subject.key, event.rule
        if event.rule not in (FAILED, RULE):
            continue
        if event.change is Transition.raised:
            assert slot not in open_
            open_[slot] = event.t_change
        else:
            assert event.t_change >= open_.pop(slot)
    if (GATEWAY, RULE) in open_:
        assert len(open_) == 1
        return
    newest = run.engine.newest
    for row, each in enumerate(run.plant.points):
        stands = (each.key, FAILED) in run.failures
        if stands and newest.quality[row] == ILL:
            assert (each.key, FAILED) in open_
        if not stands:
            assert (each.key, FAILED) not in open_


class OfOneGateway(Drawn):
    """Two points that may both fall ill, of a gateway, their readings late and twice."""

    @property
    def plant(self) -> Plant:
        return plant(self.points)


@given(drawn_late())
@tried(40)
def test_whatever_comes_late_what_is_told_is_what_stands_and_all_comes_to_rest(
    drawn: Drawn,
) -> None:
    one = OfOneGateway(**{each.name: getattr(drawn, each.name) for each in fields(drawn)})
    server = as_it_came(one, acknowledges=True)
    told = {
        slot
        for slot, state in server.states.items()
        if slot[1] == RULE or (slot[1] == FAILED and state.process.get("told") != 0)
    }
    assert shown_active(server, (FAILED, RULE)) == told
    ended(server, one, 5 * SECOND)
    assert shown_active(server, (FAILED, RULE)) == set()
    assert not {rule for _, rule in server.states} & {FAILED, RULE}


@given(drawn())
@tried(5)
def test_compiled_and_plain_give_the_same(quality: Marks) -> None:
    compiled = shown(ran(quality, []).events)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("walk", "_hear", "_fall", "_rise", "_counts", "_tell"):
            patch.setattr(outage, name, getattr(outage, name).py_func)
        assert shown(ran(quality, []).events) == compiled
