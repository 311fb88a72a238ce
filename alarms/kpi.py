"""Figures of an alarm system: alarms per point and day, floods, chattering (alarms.md 1.4, 2.1)."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from alarms.alarm import Transition
from alarms.occurrences import Occurrence

FLOOD_WINDOW_US: Final = 600_000_000
FLOOD_STARTS_ABOVE: Final = 10
FLOOD_ENDS_BELOW: Final = 5
CHATTER_CYCLES: Final = 3
CHATTER_WINDOW_US: Final = 60_000_000
DAY_US: Final = 86_400_000_000


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The load of a plant's alarms on those who must act on them."""

    alarms_per_point_day: float
    floods: int
    chattering: int


def load(occurrences: Sequence[Occurrence], *, points: int, span_us: int) -> Load:
    """Measure the load of these occurrences over so many points and so long a time.

    `chattering` counts alarms (point and rule) that chattered at least once.
    """
    point_days = points * span_us / DAY_US
    return Load(
        alarms_per_point_day=len(occurrences) / point_days if point_days else 0.0,
        floods=len(floods(annunciations(occurrences))),
        chattering=len(chattering(occurrences)),
    )


def annunciations(occurrences: Iterable[Occurrence]) -> list[int]:
    """Return when the siren would have gone: every raise and step up that did not come late."""
    return sorted(
        move.t_change
        for occurrence in occurrences
        if not occurrence.late
        for move in occurrence.moves
        if move.type in (Transition.raised, Transition.tier_up)
    )


def floods(moments: Sequence[int]) -> list[tuple[int, int]]:
    """Return each flood among annunciations in order of time, from and to, Micros.

    It begins with more than 10 within 10 minutes and ends with fewer than 5 (alarms.md 1.4).
    """
    found: list[tuple[int, int]] = []
    window: deque[int] = deque()
    since: int | None = None
    for moment in moments:
        while window and window[0] <= moment - FLOOD_WINDOW_US:
            leaving = window.popleft()
            if since is not None and len(window) < FLOOD_ENDS_BELOW:
                found.append((since, leaving + FLOOD_WINDOW_US))
                since = None
        window.append(moment)
        if since is None and len(window) > FLOOD_STARTS_ABOVE:
            since = moment
    if since is not None:
        end = window[-FLOOD_ENDS_BELOW] + FLOOD_WINDOW_US
        found.append((since, end))
    return found


def chattering(occurrences: Iterable[Occurrence]) -> set[tuple[str, str]]:
    """Return the (key, rule) of alarms that raised and returned 3 times or more within 60 s."""
    cycles: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for occurrence in occurrences:
        if occurrence.t_returned is not None and not occurrence.late:
            slot = occurrence.key, occurrence.rule
            cycles.setdefault(slot, []).append((occurrence.t_raised, occurrence.t_returned))
    found: set[tuple[str, str]] = set()
    for slot, times in cycles.items():
        times.sort()
        ends = times[CHATTER_CYCLES - 1 :]
        if any(
            end - begin <= CHATTER_WINDOW_US
            for (begin, _), (_, end) in zip(times, ends, strict=False)
        ):
            found.add(slot)
    return found
