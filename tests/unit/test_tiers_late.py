"""What raises tiers is in the end that of the readings' order, whatever order they come in."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from alarms.alarm import Tier
from alarms.engine import ChannelState
from alarms.plant import Point, Raise, Tiering
from alarms.raising import PAST
from alarms.rules import RULES
from tests.unit.late_streams import Server
from tests.unit.plants import SECOND, START, at, plant, point
from tests.unit.test_late_laws import (
    Drawn,
    drawn,
    either_way,
    ended,
    in_order,
    records,
    shown,
    silence,
)

TABLE = (Raise(tier="red", peak=9.7), Raise(tier="orange", lasting_s=40.0))
LEVEL: dict[str, Any] = {"limits": {"h": 9.0}, "off_delay_s": 0.0, "on_delay_s": 0.0,
                         "period_s": 60.0}  # fmt: skip


def tiering(table: tuple[Raise, ...]) -> tuple[Tiering, ...]:
    return (Tiering(region="510603", quantity="level", raises=table),)


@dataclass
class Story:
    """A server of some level points, and what it came to; all times are seconds after START."""

    server: Server

    @classmethod
    def of(cls, *points: Point, table: tuple[Raise, ...] = TABLE) -> "Story":
        built = plant(points or [point("A", **LEVEL)], tierings=tiering(table))
        return cls(Server(built, acknowledges=True))

    def read(self, *rows: tuple[float, float, float], index: int = 0) -> None:
        """Take (when read, value, when received), one after the other."""
        for time, value, received in rows:
            self.server.take([(index, at(time), at(received), value, 0)])

    def paths(self) -> list[list[tuple[float, str]]]:
        """Return each occurrence's tiers and its return."""
        return [
            [((move.t_change - START) / SECOND,
              "-" if move.type.value == "returned" else move.tier.name) for move in each.moves]
            for each in self.server.episodes.found
        ]  # fmt: skip

    def rung(self) -> int:
        """Return at which rev the only alarm that is open rang last."""
        (alarm,) = self.server.open.values()
        return alarm.last_alarm_rev


def test_an_earlier_raise_that_comes_late_leaves_what_was_raised() -> None:
    story = Story.of()
    story.read((100, 9.1, 100), (120, 9.8, 120))
    rung = story.rung()
    story.read((95, 9.1, 125))
    (alarm,) = story.server.open.values()
    assert story.paths() == [[(95, "yellow"), (120, "red")]]
    assert (alarm.tier, alarm.peak_tier, story.rung()) == (Tier.red, Tier.red, rung)


def test_a_peak_that_comes_late_raises_the_alarm_that_stands_and_rings() -> None:
    story = Story.of()
    story.read((100, 9.1, 100), (120, 9.2, 120))
    rung = story.rung()
    story.read((110, 9.8, 125))
    assert story.paths() == [[(100, "yellow"), (110, "red")]]
    assert story.rung() > rung


def test_a_first_reading_that_comes_late_and_is_the_peak_rings() -> None:
    story = Story.of()
    story.read((100, 9.1, 100))
    rung = story.rung()
    story.read((95, 9.8, 125))
    assert story.paths() == [[(95, "yellow"), (95, "red")]]
    assert story.rung() > rung


def test_a_peak_that_comes_late_is_told_of_what_is_over() -> None:
    story = Story.of()
    story.read((100, 9.1, 100), (120, 5.0, 120), (110, 9.8, 125))
    assert story.paths() == [[(100, "yellow"), (110, "red"), (120, "-")]]
    assert [alarm.peak_tier for alarm in story.server.alarms.values()] == [Tier.red]


def test_a_duration_goes_with_its_raise_and_is_told_when_it_is_due() -> None:
    story = Story.of()
    story.read((60, 9.1, 60), (95, 9.2, 95), (101, 9.2, 101), (80, 5.0, 103), (81, 9.1, 104))
    assert story.paths() == [[(60, "yellow"), (80, "-")], [(81, "yellow")]]
    story.read((121, 9.1, 121))
    assert story.paths()[1] == [(81, "yellow"), (121, "orange")]


def test_what_the_clock_let_last_is_taken_back_where_it_had_ended_before() -> None:
    story = Story.of()
    story.read((60, 9.1, 60))
    story.server.tick(at(103))
    assert story.paths() == [[(60, "yellow"), (100, "orange")]]
    story.read((99, 5.0, 104))
    assert story.paths() == [[(60, "yellow"), (99, "-")]]


def test_what_the_clock_let_last_stays_where_a_late_reading_moves_its_raise() -> None:
    story = Story.of()
    story.read((60, 9.1, 60))
    story.server.tick(at(103))
    story.read((55, 9.1, 104))
    assert story.paths() == [[(55, "yellow"), (95, "orange")]]


def test_what_the_clock_let_last_waits_where_an_end_may_come_before_it() -> None:
    story = Story.of(point("A", **(LEVEL | {"off_delay_s": 3.0})))
    story.read((60, 9.1, 60))
    story.server.tick(at(110))
    story.read((94, 5.0, 111))
    assert story.paths() == [[(60, "yellow")]]
    story.read((98, 5.0, 112))
    assert story.paths() == [[(60, "yellow"), (97, "-")]]


def test_an_alarm_that_ends_as_its_duration_is_met_has_not_lasted_so_long() -> None:
    story = Story.of()
    story.read((60, 9.1, 60), (100, 5.0, 100))
    assert story.paths() == [[(60, "yellow"), (100, "-")]]


def test_a_return_put_right_keeps_what_was_raised_before_a_restart() -> None:
    story = Story.of()
    story.read((10, 9.8, 10), (70, 9.1, 70), (130, 5.0, 130))
    story.server.restart()
    story.read((125, 5.0, 133))
    assert story.paths() == [[(10, "yellow"), (10, "red"), (125, "-")]]


def test_what_returned_is_forgotten_when_no_late_reading_can_move_it() -> None:
    story = Story.of()
    story.read((10, 9.8, 10), (20, 5.0, 20))
    assert PAST in {rule for _, rule in story.server.states}
    story.read((180, 5.0, 180))
    story.server.tick(at(181))
    assert PAST not in {rule for _, rule in story.server.states}
    assert not story.server.engine._families.raising._past


def test_an_extent_that_spoke_stays_and_goes_with_the_raise() -> None:
    one, other = point("A", **LEVEL), point("B", **LEVEL)
    story = Story.of(one, other, table=(Raise(tier="red", points=2),))
    story.read((70, 9.1, 70))
    story.read((80, 9.1, 80), index=1)
    story.read((75, 9.1, 82), index=1)
    assert story.paths() == [[(70, "yellow"), (80, "red")], [(75, "yellow"), (80, "red")]]
    story.read((79, 5.0, 83), (81, 9.1, 84), index=1)
    assert story.paths()[1:] == [[(75, "yellow"), (79, "-")], [(80, "yellow"), (80, "red")]]


def test_a_raise_that_late_readings_tell_of_makes_an_extent_full() -> None:
    one, other = point("A", **LEVEL), point("B", **(LEVEL | {"on_delay_s": 7.0}))
    story = Story.of(one, other, table=(Raise(tier="red", points=2),))
    story.read((70, 9.1, 70))
    story.read((80, 5.0, 80), (90, 9.1, 90), index=1)
    assert story.paths() == [[(70, "yellow")]]
    story.read((82, 9.1, 92), index=1)
    assert story.paths() == [[(70, "yellow"), (89, "red")], [(89, "yellow"), (89, "red")]]


def test_rows_of_the_version_before_are_read() -> None:
    story = Story.of()
    story.read((60, 9.8, 60), (70, 9.2, 70))
    (slot,) = [each for each in story.server.states if each[1] == "tiers.high"]
    old = {"since": at(60), "tier": "red", "spoken": [0]}
    story.server.states[slot] = ChannelState(key=slot[0], rule=slot[1], process=old)
    story.server.restart()
    story.read((80, 9.9, 80), (65, 9.1, 81), (101, 9.2, 101))
    (alarm,) = story.server.open.values()
    assert (alarm.tier, story.paths()[0][-1]) == (Tier.red, (60, "red"))


def tables() -> st.SearchStrategy[tuple[Raise, ...]]:
    """Draw what raises: peaks of both sides, durations short and long."""
    tiers = st.sampled_from(["orange", "red"])
    peaks = st.builds(
        lambda tier, peak: Raise(tier=tier, peak=peak),
        tiers, st.sampled_from([-6.0, 0.5, 9.2, 9.7, 10.5]),
    )  # fmt: skip
    durations = st.builds(
        lambda tier, lasting: Raise(tier=tier, lasting_s=lasting),
        tiers, st.sampled_from([3.0, 9.0, 20.0, 45.0, 90.0]),
    )  # fmt: skip
    return st.lists(st.one_of(peaks, durations), min_size=1, max_size=4).map(tuple)


def graded(server: Server) -> list[Any]:
    """Return the occurrences, each with its tiers where they change."""
    found = []
    for each in server.episodes.found:
        if each.t_raised == each.t_returned or each.rule not in RULES:
            continue
        path: list[tuple[int, Tier]] = []
        for move in each.moves:
            if move.type.value != "returned" and (not path or path[-1][1] != move.tier):
                path.append((move.t_change, move.tier))
        found.append((each.key, each.rule, each.t_raised, each.t_returned, each.peak_tier, path))
    return sorted(found)


def remembered(server: Server) -> dict[tuple[str, str], Tier]:
    """Return the tiers of alarms as what raises them has them."""
    points = server.plant.points
    return {
        (points[row].key, RULES[side]): course.tier
        for (row, side), course in server.engine._families.raising._active.items()
    }


def ends_alike(drawn: Drawn, period: int) -> None:
    ordered = in_order(drawn)
    ended(ordered, drawn, period)
    for came in either_way(drawn):
        active = {slot: alarm.tier for slot, alarm in came.open.items() if slot in shown(came)}
        assert active == remembered(came)
        ended(came, drawn, period)
        assert graded(came) == graded(ordered)
        if came.acknowledges:
            assert records(came) == records(ordered)


@given(drawn(), tables())
@settings(max_examples=35, deadline=None)
def test_whatever_order_readings_come_in_the_tiers_are_those_of_their_order(
    drawn: Drawn, table: tuple[Raise, ...]
) -> None:
    ends_alike(replace(drawn, tierings=tiering(table)), 5 * SECOND)


@given(drawn(period=5.0, most=13.0), tables())
@settings(max_examples=35, deadline=None)
def test_where_a_signal_was_taken_for_lost_tiers_are_put_right_too(
    drawn: Drawn, table: tuple[Raise, ...]
) -> None:
    assume(silence(drawn, 4 * SECOND) < 30 * SECOND)
    ends_alike(replace(drawn, tierings=tiering(table)), 4 * SECOND)
