"""The journal of alarms as figures need it: what rang, was active, was left unanswered, or hidden.

What a suppression hides rings for nobody: it is in no figure but that of what was hidden. What is
out of service leaves the figures altogether (alarms.md 1.5, row 18).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from alarms import flood
from alarms.alarm import State, Tier, Transition
from alarms.outcome import LIFTS

RINGS: Final = frozenset({Transition.raised, Transition.reraised, Transition.tier_up})
"""What an operator hears of the plant itself; a reminder (realarmed) is counted apart."""
RAISES: Final = frozenset({Transition.raised, Transition.reraised})
HIDDEN: Final = frozenset({State.SHLVD, State.DSUPR, State.OOSRV})
"""The displayed states of what does not ring."""
_CALLS: Final = RINGS | {Transition.realarmed, Transition.unacknowledged}
_ENDS: Final = frozenset({Transition.returned, Transition.retired, Transition.out_of_service})


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
    state: State = State.UNACK
    """The displayed state after the row."""
    active: bool = True

    @property
    def hidden(self) -> bool:
        """Tell whether any suppression holds after the row."""
        return self.state in HIDDEN


def heard(moves: Iterable[Move]) -> list[Move]:
    """Return the moves as the operator had them, in their order: without the rings nobody heard.

    What rang while it was hidden and is active when the last suppression is lifted rings then: that
    move stands for the ring, once; after a ring that was heard it is a reminder. Of what is out of
    service there is nothing from the row on that took it out to the one that brings it back.
    """
    missed: dict[str, Transition] = {}
    found = []
    for move in moves:
        if move.type in RINGS:
            if move.hidden:
                missed.setdefault(move.alarm, move.type)
                continue
            missed.pop(move.alarm, None)
        elif move.type is Transition.returned:
            missed.pop(move.alarm, None)
        elif move.type in LIFTS and move.active and not move.hidden and move.alarm in missed:
            move = replace(move, type=missed.pop(move.alarm))
        if move.state is not State.OOSRV or move.type is Transition.out_of_service:
            found.append(move)
    return found


def hidden(moves: Iterable[Move], start: int) -> dict[State, int]:
    """Count the rings from `start` on (Micros) that nobody heard, by what hid them."""
    return Counter(
        move.state
        for move in moves
        if move.type in RINGS and move.hidden and not move.late and move.t_event >= start
    )


def rung(moves: Iterable[Move]) -> list[Move]:
    """Return which of the heard moves rang; what came late rings for nobody."""
    return [move for move in moves if move.type in RINGS and not move.late]


def calls(move: Move) -> bool:
    """Tell whether a move asks the site to acknowledge: a ring, a reminder, or hidden no more."""
    return not move.hidden and (move.type in _CALLS or (move.type in LIFTS and move.active))


def flooded(rings: Iterable[Move], start: int, end: int) -> list[tuple[int, int]]:
    """Return the floods of one position's rings that reach into a span, whole."""
    moments = sorted(move.t_event for move in rings)
    return [(since, over) for since, over in flood.floods(moments) if over > start and since < end]


def spells(moves: Iterable[Move], end: int) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Return when each slot's heard alarms were active, from and to, in service.

    One still active ends at `end`.
    """
    opened: dict[str, tuple[tuple[str, str], int]] = {}
    found: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for move in moves:
        if move.late and move.type is not Transition.returned:
            continue
        back = move.type is Transition.returned_to_service and calls(move)
        if move.type in RAISES or back:
            opened.setdefault(move.alarm, (move.slot, move.t_event))
        elif move.type in _ENDS:
            slot, since = opened.pop(move.alarm, (move.slot, None))
            if since is not None:
                found[slot].append((since, max(since, move.t_event)))
    for slot, since in opened.values():
        found[slot].append((since, end))
    return {slot: sorted(its) for slot, its in found.items()}


def longest_unanswered(moves: Iterable[Move], start: int, end: int) -> float:
    """Return the longest time, s, that the site left a heard alarm unacknowledged within the span.

    While an alarm is hidden nobody owes anything; what is active when that ends is owed anew.
    """
    owed: dict[str, int] = {}
    longest = 0
    for move in moves:
        since = owed.get(move.alarm)
        answered = move.type is Transition.acknowledged and move.org_level in (None, "site")
        if since is None and calls(move) and not move.late:
            owed[move.alarm] = move.t_committed
        elif since is not None and (answered or move.hidden):
            if move.t_committed > start:
                longest = max(longest, move.t_committed - since)
            del owed[move.alarm]
        elif move.type in (Transition.closed, Transition.retired):
            owed.pop(move.alarm, None)
    return max([longest, *(end - since for since in owed.values())]) / 1e6
