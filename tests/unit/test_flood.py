"""Stories of floods: when an alarm rings in one, and who was first out."""

import msgspec

from alarms.alarm import (
    BY_DESIGN,
    Flood,
    Kind,
    ProcessEvent,
    Subject,
    Suppression,
    Tier,
    Transition,
)
from alarms.deeds import Deed
from alarms.flood import RULE, Floods, floods
from alarms.lifecycle import step
from alarms.proposal import Proposal
from tests.unit.late_streams import Server
from tests.unit.plants import at, plant, point
from tests.unit.stories import HOUR, NOW, RAISED, RETURNED, UP, Story, does, says
from tests.unit.streams import Keeper, Row


def rings(
    seconds: float, tag: str, *, source: str = "R001", region: str = "510603", late: bool = False
) -> ProcessEvent:
    return ProcessEvent(
        subject=Subject(key=f"E1/{tag}", region=region, enterprise="E1", source=source, point=tag),
        rule="limit.high",
        kind=Kind.limit,
        change=Transition.raised,
        tier=Tier.yellow,
        t_change=at(seconds),
        t_event=at(seconds),
        t_received=at(seconds),
        late=late,
    )


def marks(*events: ProcessEvent) -> list[Flood | None]:
    """Label one event after the other, adopting each."""
    one = Floods()
    found = []
    for event in events:
        (labelled,), changes = one.label([event])
        one.adopt(changes)
        found.append(labelled.flood)
    return found


def test_the_eleventh_alarm_of_ten_minutes_rings_in_a_flood_and_names_the_first_out() -> None:
    other = rings(5.5, "B", source="R002")
    found = marks(*(rings(k, f"T{k}") for k in range(9)), other, rings(9, "T9"), rings(10, "T10"))
    assert found[:10] == [None] * 10
    assert found[10:] == [Flood(since=at(9), first_out="E1/T0")] * 2
    more = marks(*(rings(k, f"T{k}") for k in range(10)), other, rings(11, "C", source="R002"))
    assert [mark and mark.first_out for mark in more[-2:]] == ["E1/B", "E1/B"]


def test_a_flood_is_over_once_fewer_than_five_rang_in_ten_minutes() -> None:
    flooded = [rings(k, f"T{k}") for k in range(12)]
    still = marks(*flooded, rings(606.5, "L"))
    assert still[-1] == Flood(since=at(10), first_out="E1/T0")
    over = marks(*flooded, rings(607, "L"))
    assert over[-1] is None


def test_each_position_has_its_own_flood() -> None:
    apart = [rings(k, f"T{k}", region=("510603", "510604")[k % 2]) for k in range(20)]
    assert marks(*apart) == [None] * 20


def test_what_came_late_makes_no_flood() -> None:
    assert marks(*(rings(k, f"T{k}", late=True) for k in range(20))) == [None] * 20


def test_nothing_is_dropped_or_changed_but_for_the_label() -> None:
    events = [rings(k, f"T{k}") for k in range(20)]
    events[3] = msgspec.structs.replace(events[3], change=Transition.returned)
    labelled, _ = Floods().label(events)
    assert [msgspec.structs.replace(event, flood=None) for event in labelled] == events


def test_the_alarm_keeps_the_flood_it_last_rang_in() -> None:
    mark = Flood(since=at(0), first_out="E1/T0")
    assert Story().tell(msgspec.structs.replace(RAISED, flood=mark)).now.flood == mark


def test_the_label_agrees_with_the_figure_however_a_stream_is_cut_and_after_a_restart() -> None:
    points = [point(f"T{n}", limits={"h": 9.0}, on_delay_s=0.0) for n in range(14)]
    rows: list[Row] = [(n, at(n), at(n), 9.5, 0) for n in range(14)]
    whole, singly = Keeper(plant(points)), Keeper(plant(points))
    whole.feed(rows)
    for row in rows:
        singly.feed([row])
        singly.restart()
    assert whole.events == singly.events
    ((begin, _),) = floods([event.t_change for event in whole.events])
    assert [event.flood is not None for event in whole.events] == [False] * 10 + [True] * 4
    assert whole.events[-1].flood == Flood(since=begin, first_out="DY-CHEM-01/T0")
    alarm = step(None, whole.events[-1], now=at(20)).alarm
    assert alarm is not None
    assert alarm.flood == whole.events[-1].flood


DESIGN = Suppression(until=at(9000), by=BY_DESIGN, at=at(0), tier=Tier.red, reason="停车")


def suppressed(seconds: float, tag: str) -> ProcessEvent:
    return msgspec.structs.replace(rings(seconds, tag), suppression=DESIGN)


def then(change: Transition, seconds: float, tag: str, *, late: bool = False) -> ProcessEvent:
    return msgspec.structs.replace(rings(seconds, tag, late=late), change=change)


def test_what_is_suppressed_by_design_makes_no_flood_and_is_never_first_out() -> None:
    assert marks(*(suppressed(k, f"S{k}") for k in range(20)), rings(20, "T")) == [None] * 21
    flooded = [rings(k, f"T{k}") for k in range(1, 12)]
    assert marks(suppressed(0, "S"), *flooded)[-1] == Flood(since=at(11), first_out="E1/T1")


def test_suppressed_alarms_that_still_stand_ring_when_the_suppression_ends() -> None:
    raised = [suppressed(k, f"S{k}") for k in range(12)]
    ended = [then(Transition.unsuppressed, 900, f"S{k}") for k in range(12)]
    assert marks(*raised, *ended)[-2:] == [Flood(since=at(900), first_out="E1/S0")] * 2
    back = [then(Transition.returned, 600, f"S{k}", late=k == 3) for k in range(12)]
    assert marks(*raised, *back, *ended) == [None] * 36


def test_what_was_heard_before_its_suppression_does_not_ring_at_its_end() -> None:
    raised = [rings(60 * k, f"T{k}") for k in range(11)]
    held = [then(Transition.suppressed, 700, f"T{k}") for k in range(11)]
    ended = [then(Transition.unsuppressed, 1300, f"T{k}") for k in range(11)]
    assert marks(*raised, *held, *ended) == [None] * 33


def test_a_late_end_of_a_suppressed_alarm_is_an_end() -> None:
    raised = [suppressed(k, f"S{k}") for k in range(12)]
    ends = [
        msgspec.structs.replace(
            then(Transition.late, k, f"S{k}", late=True), t_end=at(30), instead=(at(k), None)
        )
        for k in range(12)
    ]
    ended = [then(Transition.unsuppressed, 900, f"S{k}") for k in range(12)]
    assert marks(*raised, *ends, *ended) == [None] * 36


def test_what_late_readings_lower_and_do_not_end_is_still_due_when_its_suppression_ends() -> None:
    one = Floods()
    _, changes = one.label([suppressed(k, f"S{k}") for k in range(11)])
    one.adopt(changes)
    lower = [then(Transition.tier_down, 20, f"S{k}", late=True) for k in range(11)]
    assert one.told_late(lower, Proposal()) == {}


def test_what_nobody_has_heard_is_known_again_after_a_restart() -> None:
    one = Floods()
    _, changes = one.label([suppressed(k, f"S{k}") for k in range(11)])
    again = Floods()
    again.recall(one.states(changes))
    labelled, _ = again.label([then(Transition.unsuppressed, 900, f"S{k}") for k in range(11)])
    assert labelled[-1].flood == Flood(since=at(900), first_out="E1/S0")


def test_an_alarm_that_rises_while_it_is_hidden_is_marked_with_no_flood() -> None:
    mark = Flood(since=at(0), first_out="E1/T0")
    story = Story().tell(RAISED, does(Deed.suppress, until=NOW + HOUR, note="检修"))
    story.tell(RETURNED, msgspec.structs.replace(RAISED, flood=mark, t_change=NOW + 60))
    assert story.told[-1] == "reraised"
    assert story.now.flood is None


def test_an_alarm_that_rises_above_what_was_agreed_rings_and_is_marked_with_its_flood() -> None:
    mark = Flood(since=at(0), first_out="E1/T0")
    story = Story().tell(RAISED, does(Deed.shelve, until=NOW + HOUR))
    story.tell(msgspec.structs.replace(UP, flood=mark))
    assert (story.told[-1], story.now.flood) == ("unshelved", mark)


def test_an_alarm_heard_only_when_its_suppression_ends_is_marked_with_that_flood() -> None:
    mark = Flood(since=at(0), first_out="E1/T0")
    story = Story().tell(msgspec.structs.replace(RAISED, suppression=DESIGN))
    story.tell(says(Transition.unsuppressed, Tier.none, 100, flood=mark))
    assert story.told == ["raised", "suppressed", "unsuppressed"]
    assert story.now.flood == mark


def test_a_suppressed_alarm_that_late_readings_end_does_not_ring_at_the_suppressions_end() -> None:
    watched = point(
        "T1", limits={"h": 9.0}, on_delay_s=30.0, period_s=100.0,
        suppress={"when": "RUN == 0", "reason": "停车"},
    )  # fmt: skip
    runs = point("RUN", quantity="equipment_state", engineering_unit="1", period_s=100.0)

    def rung(*late: Row) -> tuple[int, int]:
        server = Server(plant=plant([watched, runs]), acknowledges=False)
        server.take([(1, at(0), at(0), 0.0, 0), (0, at(1), at(1), 9.5, 0)])
        server.take([(0, at(41), at(41), 9.5, 0)])
        before = server.states["position:510603", RULE].process["unheard"]
        if late:
            server.take(list(late))
        server.restart()
        server.take([(1, at(50), at(50), 1.0, 0)])
        return len(before), len(server.states["position:510603", RULE].process["moments"])

    assert rung() == (1, 1)
    assert rung((0, at(15), at(42), 5.0, 0)) == (1, 0)
