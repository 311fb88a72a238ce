"""Figures of an alarm system: alarms per point and day, floods, chattering (alarms.md 1.4, 2.1)."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from alarms import flood
from alarms.alarm import Transition
from alarms.occurrences import Occurrence

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

    Floods are those of every operator position: the region of an enterprise (alarms.flood).
    `chattering` counts alarms (point and rule) that chattered at least once.
    """
    point_days = points * span_us / DAY_US
    return Load(
        alarms_per_point_day=len(occurrences) / point_days if point_days else 0.0,
        floods=sum(len(flood.floods(moments)) for moments in by_position(occurrences).values()),
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


def by_position(occurrences: Iterable[Occurrence]) -> dict[str | None, list[int]]:
    """Return the annunciations of each operator position, in order of time."""
    apart: dict[str | None, list[Occurrence]] = {}
    for occurrence in occurrences:
        apart.setdefault(occurrence.region, []).append(occurrence)
    return {region: annunciations(its) for region, its in apart.items()}


def chattering(occurrences: Iterable[Occurrence]) -> set[tuple[str, str]]:
    """Return the (key, rule) of alarms that raised and returned 3 times or more within 60 s."""
    cycles: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for occurrence in occurrences:
        if occurrence.t_returned is not None and not occurrence.late:
            slot = occurrence.key, occurrence.rule
            cycles.setdefault(slot, []).append((occurrence.t_raised, occurrence.t_returned))
    found: set[tuple[str, str]] = set()
    for slot, times in cycles.items():
        if chatters(sorted(times)):
            found.add(slot)
    return found


def chatters(spells: Sequence[tuple[int, int]], *, since: int = 0) -> bool:
    """Tell whether 3 spells or more, in order, lie within 60 s, the last not over before `since`.

    A spell is when an alarm was raised and when it returned, Micros.
    """
    return any(
        end - begin <= CHATTER_WINDOW_US and end >= since
        for (begin, _), (_, end) in zip(spells, spells[CHATTER_CYCLES - 1 :], strict=False)
    )
