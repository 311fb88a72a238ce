"""Count what was lost on the way, by the numbers gateways give their messages."""

from collections.abc import Iterable
from typing import Final, NamedTuple

_REORDER: Final = 1_000
"""How far behind the newest a number may come and still be a redelivery or a straggler."""
_WRAP: Final = 2**31


class Counted(NamedTuple):
    """A gateway's newest number, the numbers a little before it that never came, and a count.

    `lost` is by how many more (or fewer) are lost than before these numbers.
    """

    newest: int | None = None
    gaps: frozenset[int] = frozenset()
    lost: int = 0


def follow(before: Counted, numbers: Iterable[int]) -> Counted:
    """Follow a gateway's numbers in order of receipt.

    A number a little behind the newest is a redelivery, or a straggler that was taken for lost:
    clients that connect again send what is new before what is old. Far behind, the gateway started
    anew.
    """
    newest, gaps, lost = before.newest, set(before.gaps), 0
    for number in numbers:
        if newest is None or number == (newest + 1) % (_WRAP + 1):
            newest = number
        elif number > newest:
            lost += number - newest - 1
            gaps.update(range(max(newest + 1, number - _REORDER), number))
            newest = number
        elif number in gaps:
            gaps.remove(number)
            lost -= 1
        elif newest - number > _REORDER or number == 0:
            newest = number
            gaps.clear()
    if newest is not None:
        gaps = {gap for gap in gaps if newest - gap <= _REORDER}
    return Counted(newest, frozenset(gaps), lost)
