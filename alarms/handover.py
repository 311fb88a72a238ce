"""What a shift hands to the next one: the figures of a span and what stood at its end."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from alarms import moves as heard
from alarms import performance
from alarms.alarm import Tier
from alarms.kpi import DAY_US, chatters
from alarms.moves import Move
from alarms.performance import TEN_MINUTES_US


class Withheld(msgspec.Struct, frozen=True, kw_only=True):
    """Why an alarm did not ring: who said so, until when (RFC 3339), and why.

    A `one_shot` ends as soon as the alarm clears.
    """

    by: str
    until: str
    one_shot: bool = False
    reason: str = ""
    permit: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An open alarm as its document told of it; times are RFC 3339."""

    id: str
    subject: str
    rule: str
    tier: str
    state: str
    active: bool
    simulated: bool
    t_raised: str
    name: str = ""
    region: str | None = None
    enterprise: str | None = None
    shelf: Withheld | None = None
    suppression: Withheld | None = None
    out_of_service: Withheld | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A warning as its document told of it; times are RFC 3339."""

    id: str
    level: str
    stage: str
    simulated: bool
    t_proposed: str
    message: Mapping[str, str]
    published_at: str | None = None
    t_lifted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An interval, from `start` (Micros), and the alarms of the busiest position in it."""

    start: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Flooded:
    """One flood of a position, Micros, with the first alarm of it and how many there were."""

    position: str
    since: int
    over: int
    count: int
    first: tuple[str, str]
    first_at: int
    first_tier: Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What a report tells of real enterprises, or of simulated ones: never of both in one.

    `bars` are intervals of ten minutes, or where the span is longer than a day the worst such
    interval of each day. `chattering` are (key, rule).
    """

    report: performance.Report
    bars: Sequence[Bar]
    bars_of: str
    floods: Sequence[Flooded]
    chattering: Sequence[tuple[str, str]]
    standing: Sequence[Standing]
    shelved: Sequence[Standing]
    suppressed: Sequence[Standing]
    out_of_service: Sequence[Standing]
    warnings: Sequence[Told]


def handover(
    moves: Sequence[Move],
    open_at_end: Sequence[Standing],
    warnings: Sequence[Told],
    *,
    start: int,
    end: int,
    points: int,
) -> Handover:
    """Put together what one of the two kinds of enterprises has to tell; times in Micros."""
    report = performance.report(moves, start=start, end=end, points=points)
    positions: dict[str, list[Move]] = defaultdict(list)
    audible = heard.heard([move for move in moves if move.t_event < end])
    for move in heard.rung(audible):
        positions[move.position or ""].append(move)
    busiest = max(report.positions, key=lambda code: report.positions[code].annunciated, default="")
    active = heard.spells(audible, end)
    return Handover(
        report=report,
        bars=_bars(positions.get(busiest, ()), start, end),
        bars_of=busiest,
        floods=[
            flooded
            for code, rings in sorted(positions.items())
            for flooded in _floods(code, rings, start, end)
        ],
        chattering=sorted(slot for slot, its in active.items() if chatters(its, since=start)),
        standing=[each for each in open_at_end if each.active],
        shelved=[each for each in open_at_end if each.shelf is not None],
        suppressed=[each for each in open_at_end if each.suppression is not None],
        out_of_service=[each for each in open_at_end if each.out_of_service is not None],
        warnings=warnings,
    )


def _bars(rings: Sequence[Move], start: int, end: int) -> list[Bar]:
    counts = [0] * -(-(end - start) // TEN_MINUTES_US)
    for ring in rings:
        if ring.t_event >= start:
            counts[(ring.t_event - start) // TEN_MINUTES_US] += 1
    each = 1 if end - start <= DAY_US else DAY_US // TEN_MINUTES_US
    return [
        Bar(start=start + place * TEN_MINUTES_US, count=max(counts[place : place + each]))
        for place in range(0, len(counts), each)
    ]


def _floods(position: str, rings: Sequence[Move], start: int, end: int) -> list[Flooded]:
    """Return a position's floods; the first out is the oldest ring of the window that began it."""
    ordered = sorted(rings, key=lambda ring: ring.t_event)
    moments = [ring.t_event for ring in ordered]
    found = []
    for since, over in heard.flooded(ordered, start, end):
        first_place = bisect_right(moments, since - TEN_MINUTES_US)
        first = ordered[first_place]
        found.append(
            Flooded(
                position=position,
                since=since,
                over=min(over, end),
                count=bisect_left(moments, over) - first_place,
                first=first.slot,
                first_at=first.t_event,
                first_tier=first.tier,
            )
        )
    return found
