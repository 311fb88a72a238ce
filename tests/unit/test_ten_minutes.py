"""How alarms fell over ten minutes is what a plain count says, at the busiest position."""

import pytest

from alarms import performance
from alarms.alarm import Tier, Transition
from alarms.moves import Move

SECOND = 1_000_000
START = 1_763_712_000_000_000


def ring(
    at_s: float,
    *,
    position: str | None = "510603",
    kind: Transition = Transition.raised,
    late: bool = False,
) -> Move:
    at = START + int(at_s * SECOND)
    return Move(
        alarm=f"{position}{at_s}",
        slot=("E/T", "limit.high"),
        position=position,
        type=kind,
        tier=Tier.red,
        t_event=at,
        t_committed=at,
        late=late,
    )


def counts(*moves: Move, seconds: int = 1_800) -> tuple[str | None, list[int]]:
    end = START + seconds * SECOND
    found = performance.report(moves, start=START, end=end, points=1)
    where = performance.busiest(found)
    return where, performance.ten_minutes(moves, where, start=START, end=end)


def test_each_whole_ten_minutes_of_the_busiest_position_are_counted() -> None:
    moves = [ring(0), ring(599), ring(600), ring(1_799), ring(700, position="510604")]
    assert counts(*moves) == ("510603", [2, 1, 1])
    assert sum(counts(*moves)[1]) == 4, "those of the other position are not among them"


def test_only_what_rang_within_the_span_counts() -> None:
    silent = ring(10, kind=Transition.acknowledged)
    reminder = ring(20, kind=Transition.realarmed)
    moves = [ring(-30), silent, reminder, ring(40, late=True), ring(50, kind=Transition.tier_up)]
    assert counts(*moves) == ("510603", [1, 0, 0])


@pytest.mark.parametrize("seconds", [1_200, 1_799])
def test_ten_minutes_that_are_not_over_are_left_out(seconds: int) -> None:
    assert counts(ring(1_000), ring(1_200), seconds=seconds)[1] == [0, 1]


def test_without_alarms_there_is_no_busiest_position() -> None:
    assert counts() == (None, [0, 0, 0])


def test_what_has_no_region_is_a_position_too() -> None:
    assert counts(ring(0, position=None)) == ("", [1, 0, 0])
