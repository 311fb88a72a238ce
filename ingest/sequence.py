"""Count what was lost on the way, by the numbers gateways give their messages."""

from collections.abc import Iterable
from typing import Final, NamedTuple

_REORDER: Final = 1_000
"""How far behind the newest a number may come and still be a redelivery or a straggler."""
_WRAP: Final = 2**31


class Counted(NamedTuple):
    """The newest number, and how many before it never came."""

    newest: int | None
    lost: int


def follow(newest: int | None, numbers: Iterable[int]) -> Counted:
    """Follow a gateway's numbers in order of receipt.

    A number a little behind the newest is a redelivery; far behind, the gateway started anew.
    """
    lost = 0
    for number in numbers:
        if newest is None or number == (newest + 1) % (_WRAP + 1):
            newest = number
        elif number > newest:
            lost += number - newest - 1
            newest = number
        elif newest - number > _REORDER or number == 0:
            newest = number
    return Counted(newest, lost)
