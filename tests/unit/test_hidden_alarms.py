"""What nobody heard is in no figure but its own: stories of shelved, suppressed and out of service.

Each story is told by the life cycle itself and counted as the record would give it.
"""

import pytest

from alarms import handover, performance
from alarms.alarm import BY_DESIGN, State, Suppression, Tier, Transition
from alarms.deeds import Deed
from alarms.lifecycle import Event
from alarms.moves import Move
from alarms.performance import Figures, Hidden
from tests.unit.stories import HOUR, NOW, Story, does, says

SECOND = 1_000_000
DAY = 24 * HOUR
END = NOW + 10 * DAY
T = Transition


class Told:
    """Alarms whose rows are those of one position's journal."""

    def __init__(self) -> None:
        self.moves: list[Move] = []

    def alarm(self, name: str, *steps: tuple[float, Event]) -> "Told":
        """Take one more alarm through events, each so many seconds after NOW."""
        story = Story()
        for seconds, event in steps:
            before = len(story.journal)
            story.tell(event, now=NOW + int(seconds * SECOND))
            self.moves += [
                Move(
                    alarm=name, slot=(f"E/{name}", "limit.high"), position="510603",
                    type=entry.transition, tier=entry.alarm.tier, t_event=entry.t_event,
                    t_committed=NOW + int(seconds * SECOND), org_level=entry.org_level,
                    state=entry.alarm.state, active=entry.alarm.active, late=entry.alarm.late,
                )
                for entry in story.journal[before:]
            ]  # fmt: skip
        return self

    @property
    def report(self) -> performance.Report:
        return performance.report(
            sorted(self.moves, key=lambda move: move.t_committed), start=NOW, end=END, points=10
        )

    @property
    def figures(self) -> Figures:
        return self.report.overall


def up(seconds: float, tier: Tier = Tier.orange, *, by_design: bool = False) -> Event:
    holding = Suppression(until=END, by=BY_DESIGN, at=NOW, tier=Tier.red, reason="停车")
    change = T.tier_up if tier is Tier.red else T.raised
    given = {"suppression": holding} if by_design else {}
    return says(change, tier, int(seconds * SECOND), **given)


def down(seconds: float) -> Event:
    return says(T.returned, Tier.orange, int(seconds * SECOND))


def hides(kind: Deed, hours: float = 8) -> Event:
    return does(kind, until=NOW + int(hours * HOUR), note="检修作业票 12")


HIDES = [
    (Deed.shelve, State.SHLVD, Hidden(shelved=20, suppressed=0, out_of_service=0)),
    (Deed.suppress, State.DSUPR, Hidden(shelved=0, suppressed=20, out_of_service=0)),
    (Deed.out_of_service, State.OOSRV, Hidden(shelved=0, suppressed=0, out_of_service=20)),
]


@pytest.mark.parametrize(("deed", "state", "hidden"), HIDES)
def test_raised_twenty_times_while_hidden_it_was_annunciated_once(
    deed: Deed, state: State, hidden: Hidden
) -> None:
    steps: list[tuple[float, Event]] = [(1, up(1)), (15, hides(deed))]
    for place in range(20):
        steps += [(20 + 8 * place, down(20 + 8 * place)), (22 + 8 * place, up(22 + 8 * place))]
    told = Told().alarm("A", *steps)
    assert told.moves[-1].state is state
    found = told.figures
    assert (found.annunciated, found.floods, found.chattering, found.fleeting) == (1, 0, 0, 0)
    assert found.hidden == hidden
    assert told.report.alarms_per_point_day == pytest.approx(1 / 10 / 10)
    assert sum(performance.ten_minutes(told.moves, "510603", start=NOW, end=END)) == 1
    shift = handover.handover(told.moves, [], [], start=NOW, end=END, points=10)
    assert (shift.floods, shift.chattering) == ([], [])
    assert sum(bar.count for bar in shift.bars) == 1


def test_twelve_points_suppressed_by_design_make_no_flood() -> None:
    told = Told()
    for place in range(12):
        told.alarm(f"P{place}", (place, up(place, by_design=True)))
    found = told.figures
    assert (found.annunciated, found.floods, found.opc_ua.maximum_un_ack) == (0, 0, 0.0)
    assert found.hidden == Hidden(shelved=0, suppressed=12, out_of_service=0)
    assert found.stale == 0


def test_what_still_stands_when_it_is_hidden_no_more_rings_then_and_once() -> None:
    told = Told().alarm(
        "A", (0, up(0, by_design=True)), (700, says(T.unsuppressed, Tier.none, 700 * SECOND)),
        (800, hides(Deed.shelve)), (900, does(Deed.unshelve)), (960, does(Deed.acknowledge)),
    )  # fmt: skip
    found = told.figures
    assert (found.annunciated, found.hidden.suppressed) == (1, 1)
    assert performance.ten_minutes(told.moves, "510603", start=NOW, end=END)[:2] == [0, 1]
    assert found.acknowledged["orange"].p50_s == 60.0
    assert found.opc_ua.maximum_un_ack == 100.0
    assert told.report.alarms_per_point_day == pytest.approx(1 / 10 / 10)


def test_of_two_that_hide_it_the_last_to_go_lets_it_ring() -> None:
    told = Told().alarm(
        "A", (0, up(0, by_design=True)), (10, hides(Deed.shelve)),
        (20, says(T.unsuppressed, Tier.none, 20 * SECOND)),
    )  # fmt: skip
    assert told.figures.annunciated == 0
    told = Told().alarm(
        "A", (0, up(0, by_design=True)), (10, hides(Deed.shelve)),
        (20, says(T.unsuppressed, Tier.none, 20 * SECOND)), (30, does(Deed.unshelve)),
    )  # fmt: skip
    assert told.figures.annunciated == 1


def test_what_returned_while_it_was_hidden_does_not_ring_afterwards() -> None:
    told = Told().alarm(
        "A", (0, up(0, by_design=True)), (5, down(5)),
        (20, says(T.unsuppressed, Tier.none, 20 * SECOND)),
    )  # fmt: skip
    assert told.figures.annunciated == 0


def test_what_had_ended_by_a_late_reading_while_it_was_hidden_was_never_raised_to_anybody() -> None:
    ends = says(T.late, at=0, late=True, t_end=NOW + 5 * SECOND, instead=(NOW, None))
    told = Told().alarm(
        "A", (0, up(0, by_design=True)), (10, ends),
        (20, says(T.unsuppressed, Tier.none, 20 * SECOND)),
    )  # fmt: skip
    assert not told.moves[-1].active
    assert told.report.alarms_per_point_day == 0


def test_above_the_tier_it_was_shelved_at_it_rings_at_once() -> None:
    told = Told().alarm("A", (0, up(0)), (10, hides(Deed.shelve)), (20, up(20, Tier.red)))
    assert told.figures.tiers == {"orange": 1, "red": 1}


def test_out_of_service_it_does_not_stand_and_shelved_it_does() -> None:
    out = Told().alarm("A", (0, up(0)), (60, hides(Deed.out_of_service, 200)))
    assert (out.figures.stale, out.figures.opc_ua.maximum_active_state) == (0, 60.0)
    assert out.figures.opc_ua.maximum_un_ack == 60.0
    shelved = Told().alarm("A", (0, up(0)), (60, hides(Deed.shelve)))
    assert shelved.figures.stale == 1
    back = Told().alarm(
        "A", (0, up(0)), (60, hides(Deed.out_of_service, 200)),
        (7 * 86_400, does(Deed.return_to_service)),
    )  # fmt: skip
    assert (back.figures.stale, back.figures.annunciated) == (1, 1)
    assert back.figures.opc_ua.maximum_active_state == 3 * 86_400
    assert back.figures.opc_ua.maximum_un_ack == 3 * 86_400


def test_what_is_done_to_an_alarm_out_of_service_is_in_no_figure() -> None:
    told = Told().alarm(
        "A", (0, up(0)), (60, hides(Deed.out_of_service)), (90, does(Deed.acknowledge))
    )
    assert told.figures.acknowledged == {}
