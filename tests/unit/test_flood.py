"""Stories of floods: when an alarm rings in one, and who was first out."""

import msgspec

from alarms.alarm import Flood, Kind, ProcessEvent, Subject, Tier, Transition
from alarms.flood import Floods, floods
from alarms.lifecycle import step
from tests.unit.plants import at, plant, point
from tests.unit.stories import RAISED, Story
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
