"""The journal of alarms as figures need it: when they rang, were active, were left unanswered."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from alarms import flood
from alarms.alarm import Tier, Transition

RINGS: Final = frozenset({Transition.raised, Transition.reraised, Transition.tier_up})
"""What an operator hears of the plant itself; a reminder (realarmed) is counted apart."""
RAISES: Final = frozenset({Transition.raised, Transition.reraised})


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A journal row as far as figures need it; times in Micros, `position` is a region's code."""

    alarm: str
    slot: tuple[str, str]
    position: str | None
    type: Transition
    tier: Tier
    t_event: int
    t_committed: int
    org_level: str | None = None
    late: bool = False
    unconfirmed: bool = False
    good: bool = True
    simulated: bool = False


def rung(moves: Iterable[Move]) -> list[Move]:
    """Return the moves that an operator heard; what came late rings for nobody."""
    return [move for move in moves if move.type in RINGS and not move.late]


def flooded(rings: Iterable[Move], start: int, end: int) -> list[tuple[int, int]]:
    """Return the floods of one position's rings that reach into a span, whole."""
    moments = sorted(move.t_event for move in rings)
    return [(since, over) for since, over in flood.floods(moments) if over > start and since < end]


def spells(moves: Iterable[Move], end: int) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Return when each slot's alarms were active, from and to; one still active ends at `end`."""
    opened: dict[str, tuple[tuple[str, str], int]] = {}
    found: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for move in moves:
        if move.late and move.type is not Transition.returned:
            continue
        if move.type in RAISES:
            opened.setdefault(move.alarm, (move.slot, move.t_event))
        elif move.type in (Transition.returned, Transition.retired):
            slot, since = opened.pop(move.alarm, (move.slot, None))
            if since is not None:
                found[slot].append((since, max(since, move.t_event)))
    for slot, since in opened.values():
        found[slot].append((since, end))
    return {slot: sorted(its) for slot, its in found.items()}


def longest_unanswered(moves: Iterable[Move], start: int, end: int) -> float:
    """Return the longest time, s, that the site left an alarm unacknowledged within the span."""
    owed: dict[str, int] = {}
    longest = 0
    for move in moves:
        since = owed.get(move.alarm)
        match move.type:
            case (
                Transition.raised
                | Transition.reraised
                | Transition.tier_up
                | Transition.realarmed
                | Transition.unacknowledged
            ) if since is None and not move.late:
                owed[move.alarm] = move.t_committed
            case Transition.acknowledged if since is not None and move.org_level in (None, "site"):
                if move.t_committed > start:
                    longest = max(longest, move.t_committed - since)
                del owed[move.alarm]
            case Transition.closed | Transition.retired:
                owed.pop(move.alarm, None)
            case _:
                pass
    return max([longest, *(end - since for since in owed.values())]) / 1e6
