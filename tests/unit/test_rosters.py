"""Rosters: who is on duty at any minute, over midnight, weekdays and dated changes."""

import re
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import instants, rosters
from alarms.rosters import DAYS, LOCAL, Gap, Person, Roster, RosterChange, Shift

MINUTE = 60_000_000
MONDAY = datetime(2026, 3, 2, tzinfo=LOCAL)
"""A Monday, local."""
CLOCKS = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
SHIFTS = st.builds(
    Shift,
    days=st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True).map(tuple),
    begins=CLOCKS,
    ends=CLOCKS,
    persons=st.sampled_from([("A",), ("B",), ("A", "B")]),
)
ROSTERS = st.builds(
    Roster,
    persons=st.just((Person(name="A"), Person(name="B"))),
    shifts=st.lists(SHIFTS, max_size=4).map(tuple),
)


def at(days: int = 0, hours: int = 0, minutes: int = 0) -> int:
    """Return a local moment of that week."""
    moment = MONDAY + timedelta(days=days, hours=hours, minutes=minutes)
    return instants.from_datetime(moment)


def roster(*shifts: Shift, changes: tuple[RosterChange, ...] = ()) -> Roster:
    return Roster(persons=(Person(name="A"), Person(name="B")), shifts=shifts, changes=changes)


def names(held: Roster, moment: int) -> list[str]:
    return [person.name for person in rosters.on_duty(held, "duty", moment)]


def test_a_night_shift_belongs_to_the_day_on_which_it_begins() -> None:
    sunday = roster(Shift(days=("sun",), begins="20:00", ends="08:00", persons=("A",)))
    assert names(sunday, at(6, 20)) == ["A"]
    assert names(sunday, at(7, 7, 59)) == ["A"]
    assert names(sunday, at(7, 8)) == []
    assert names(sunday, at(6, 19, 59)) == []
    assert names(sunday, at(6, 7)) == []
    assert names(sunday, at(0, 21)) == []


def test_hours_are_local_and_not_utc() -> None:
    early = roster(Shift(days=("mon",), begins="06:00", ends="07:00", persons=("A",)))
    assert names(early, instants.from_text("2026-03-01T22:30:00Z")) == ["A"]


def test_a_shift_that_ends_as_it_begins_lasts_a_day() -> None:
    whole = roster(Shift(days=("wed",), begins="09:00", ends="09:00", persons=("A",)))
    assert names(whole, at(2, 9)) == ["A"]
    assert names(whole, at(3, 8, 59)) == ["A"]
    assert names(whole, at(3, 9)) == []


@given(ROSTERS, st.integers(0, 14 * 1440 - 1))
def test_every_minute_has_those_whose_shifts_written_out_one_by_one_cover_it(
    held: Roster, minute: int
) -> None:
    moment = MONDAY + timedelta(minutes=minute)
    wanted: set[str] = set()
    for shift in held.shifts:
        for day in range(-2, 16):
            begin = MONDAY + timedelta(days=day)
            if DAYS[begin.weekday()] not in shift.days:
                continue
            first, last = (
                begin + timedelta(hours=int(text[:2]), minutes=int(text[3:]))
                for text in (shift.begins, shift.ends)
            )
            if last <= first:
                last += timedelta(days=1)
            if first <= moment < last:
                wanted.update(shift.persons)
    assert set(names(held, at(minutes=minute))) == wanted


@given(ROSTERS, st.integers(0, 8 * 1440), st.integers(0, 1439))
def test_gaps_are_just_the_minutes_in_which_nobody_is_on_duty(
    held: Roster, minute: int, begins: int
) -> None:
    since, until = at(minutes=begins), at(minutes=begins + 8 * 1440)
    found = rosters.gaps(held, "duty", since, until)
    moment = min(since + minute * MINUTE, until - 1)
    assert any(gap.begins <= moment < gap.ends for gap in found) == (not names(held, moment))
    for before, after in pairwise(found):
        assert before.ends < after.begins


@given(CLOCKS, CLOCKS)
def test_two_shifts_that_hand_over_to_each_other_leave_no_gap(one: str, other: str) -> None:
    held = roster(
        Shift(begins=one, ends=other, persons=("A",)), Shift(begins=other, ends=one, persons=("B",))
    )
    assert rosters.gaps(held, "duty", at(), at(7)) == []


def test_a_dated_change_holds_instead_and_the_last_of_several() -> None:
    held = roster(
        Shift(persons=("A",)),
        changes=(
            RosterChange(begins="2026-03-03T08:00", ends="2026-03-04T08:00", persons=("B",)),
            RosterChange(begins="2026-03-03T12:00", ends="2026-03-03T13:00", persons=()),
        ),
    )
    assert [names(held, at(1, hour)) for hour in (7, 8, 12, 13)] == [["A"], ["B"], [], ["B"]]
    assert names(held, at(2, 8)) == ["A"]
    assert rosters.gaps(held, "duty", at(), at(7)) == [Gap(at(1, 12), at(1, 13))]


def test_a_supervisor_is_not_the_desk() -> None:
    held = roster(Shift(persons=("A",), post="supervisor"), Shift(persons=("B",)))
    assert [each.name for each in rosters.on_duty(held, "supervisor", at())] == ["A"]
    assert names(held, at()) == ["B"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shifts": [{"persons": ["C"]}]}, "not among `persons`: C"),
        ({"persons": [{"name": "A"}, {"name": "A"}]}, "one name"),
        ({"shifts": [{"persons": ["A"], "begins": "24:00"}]}, r"`begins` is '24:00'.*HH:MM.*23:59"),
        ({"shifts": [{"persons": ["A"], "ends": "8 点"}]}, r"`ends` is '8 点'.*HH:MM.*shifts\[0\]"),
        ({"shifts": [{"persons": ["A"], "ends": "08:00\n"}]}, "HH:MM"),
        (
            {"changes": [{"begins": "2026-03-04 08:00", "ends": "x", "persons": []}]},
            "`begins` is '2026-03-04 08:00'.*YYYY-MM-DDTHH:MM",
        ),
        (
            {
                "changes": [
                    {"begins": "2026-03-04T08:00", "ends": "2026-03-04T08:00", "persons": []}
                ]
            },
            "ends after it begins",
        ),
        (
            {
                "changes": [
                    {"begins": "2026-02-30T08:00", "ends": "2026-03-04T08:00", "persons": []}
                ]
            },
            "2026-02-30",
        ),
    ],
)
def test_a_roster_that_cannot_be_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"persons": [{"name": "A"}], **wrong}, Roster)


@pytest.mark.parametrize(
    ("kind", "written"), [("Shift", "08:00"), ("RosterChange", "2026-03-04T08:00")]
)
def test_programs_read_the_shape_of_a_time_in_the_schema(kind: str, written: str) -> None:
    told = msgspec.json.schema(Roster)["$defs"][kind]["properties"]
    for name in ("begins", "ends"):
        pattern = re.compile(told[name]["pattern"])
        assert pattern.search(written)
        assert not pattern.search("8 点")
