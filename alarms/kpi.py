"""Figures of an alarm system: alarms per point and day, floods, chattering (alarms.md 1.4, 2.1)."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from alarms import flood
from alarms.occurrences import Occurrence

CHATTER_CYCLES: Final = 3
CHATTER_WINDOW_US: Final = 60_000_000
DAY_US: Final = 86_400_000_000


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """The load of a plant's alarms on those who must act on them."""

    alarms_per_point_day: float
    floods: int
    chattering: int
    suppressed: int


def load(occurrences: Sequence[Occurrence], *, points: int, span_us: int) -> Load:
    """Measure the load of these occurrences over so many points and so long a time.

    What was suppressed by design all the while is no load, but counted as `suppressed`. Floods are
    those of every operator position: the region of an enterprise (alarms.flood). `chattering`
    counts alarms (point and rule) that chattered at least once.
    """
    point_days = points * span_us / DAY_US
    suppressed = sum(occurrence.unheard for occurrence in occurrences)
    told = len(occurrences) - suppressed
    return Load(
        alarms_per_point_day=told / point_days if point_days else 0.0,
        floods=sum(len(flood.floods(moments)) for moments in by_position(occurrences).values()),
        chattering=len(chattering(occurrences)),
        suppressed=suppressed,
    )


def annunciations(occurrences: Iterable[Occurrence]) -> list[int]:
    """Return when the siren would have gone: every raise and step up that did not come late.

    What was suppressed is there from when that was lifted, if it still stood.
    """
    return sorted(
        moment for occurrence in occurrences if not occurrence.late for moment in occurrence.rings
    )


def by_position(occurrences: Iterable[Occurrence]) -> dict[str | None, list[int]]:
    """Return the annunciations of each operator position, in order of time."""
    apart: dict[str | None, list[Occurrence]] = {}
    for occurrence in occurrences:
        apart.setdefault(occurrence.region, []).append(occurrence)
    return {region: annunciations(its) for region, its in apart.items()}


def chattering(occurrences: Iterable[Occurrence]) -> set[tuple[str, str]]:
    """Return the (key, rule) of alarms heard to raise and return 3 times or more within 60 s."""
    cycles: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for occurrence in occurrences:
        if occurrence.t_returned is not None and occurrence.rings and not occurrence.late:
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
