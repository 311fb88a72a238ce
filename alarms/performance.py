"""How well an alarm system serves those who watch it: figures of ISA-18.2 and EEMUA 191 (2.1).

Targets are quoted in alarms.md section 2.1 from a public compliance file, mark [2nd]; none of them
is a claim of conformity. Everything is counted in event time, but how long people took, which the
server's clock says.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median
from typing import Final

import msgspec

from alarms import flood
from alarms.alarm import State, Transition
from alarms.kpi import CHATTER_WINDOW_US, DAY_US, chatters
from alarms.moves import (
    RAISES,
    Move,
    calls,
    flooded,
    heard,
    hidden,
    longest_unanswered,
    rung,
    spells,
)

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 3_600_000_000
TEN_MINUTES_US: Final = flood.WINDOW_US
MOST_IN_TEN: Final = flood.STARTS_ABOVE
MOST_IN_HOUR: Final = 30
TOP: Final = 10
FLEETING_US: Final = 10_000_000
STALE_US: Final = DAY_US


class Often(msgspec.Struct, frozen=True, kw_only=True):
    """An alarm among those that rang most."""

    key: str
    rule: str
    count: int


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """How long acknowledgement or receipt took, in seconds."""

    count: int
    p50_s: float
    p95_s: float


class Hidden(msgspec.Struct, frozen=True, kw_only=True):
    """How often an alarm was raised, or rose, and nobody heard it, by what hid it."""

    shelved: int
    suppressed: int
    out_of_service: int


class Metrics(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What OPC UA's AlarmMetricsType tells, over the report's span; times in s, rates per 10 min.

    Its StartTime is the report's `start`; there is no Reset, for a span has none.
    """

    alarm_count: int
    maximum_active_state: float
    maximum_un_ack: float
    current_alarm_rate: float
    """In the last ten minutes of the span."""
    maximum_alarm_rate: float
    maximum_re_alarm_count: int
    average_alarm_rate: float


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one operator position, or of all together; shares are of 1.

    `upset_per_10_min` is the worst ten-minute interval of each day, averaged over the days (EEMUA
    191): how it is in an upset, beside the steady state of `per_10_min`.
    """

    annunciated: int
    per_hour: float
    per_day: float
    per_10_min: float
    upset_per_10_min: float
    most_in_minute: int
    most_in_10_min: int
    most_in_hour: int
    ten_minutes_above_10: float
    hours_above_30: float
    floods: int
    time_in_flood: float
    top_10: Sequence[Often]
    top_10_share: float
    chattering: int
    fleeting: int
    stale: int
    tiers: Mapping[str, int]
    tier_shares: Mapping[str, float]
    acknowledged: Mapping[str, Taken]
    receipts: Mapping[str, Taken]
    escalated: int
    escalated_per_day: float
    realarmed: int
    late: int
    late_share: float
    not_good: int
    not_good_share: float
    unconfirmed: int
    simulated: int
    """Of those annunciated, from simulated enterprises."""
    hidden: Hidden
    """In none of the figures above."""
    opc_ua: Metrics


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a span, Micros, over so many points: of all and of each position."""

    start: int
    end: int
    points: int
    alarms_per_point_day: float
    overall: Figures
    positions: Mapping[str, Figures]


def report(moves: Sequence[Move], *, start: int, end: int, points: int) -> Report:
    """Count what happened from `start` to before `end`.

    `moves` are in the order of the journal; those before `start` tell what stood then and are not
    counted. What was hidden counts as `moves.heard` says. Floods, minutes and hours of `overall`
    are those of its busiest or its worst position: nobody listens to all of them.
    """
    apart: dict[str, list[Move]] = defaultdict(list)
    for move in moves:
        if move.t_event < end:
            apart[move.position or ""].append(move)
    positions = {code: _figures(its, start, end) for code, its in sorted(apart.items())}
    overall = _figures([move for its in apart.values() for move in its], start, end)
    busiest = max(positions.values(), key=lambda each: each.annunciated, default=overall)
    raised = sum(
        move.type in RAISES and move.t_event >= start
        for its in apart.values()
        for move in heard(its)
    )
    point_days = points * (end - start) / DAY_US
    most = {
        name: max((getattr(each, name) for each in positions.values()), default=0) for name in _MOST
    }
    metrics = msgspec.structs.replace(overall.opc_ua, maximum_alarm_rate=most["most_in_10_min"])
    return Report(
        start=start,
        end=end,
        points=points,
        alarms_per_point_day=raised / point_days if point_days else 0.0,
        overall=msgspec.structs.replace(
            overall,
            floods=sum(each.floods for each in positions.values()),
            time_in_flood=max((each.time_in_flood for each in positions.values()), default=0.0),
            **{name: getattr(busiest, name) for name in _BUSIEST},
            **most,
            opc_ua=metrics,
        ),
        positions=positions,
    )


_BUSIEST: Final = ("ten_minutes_above_10", "hours_above_30", "upset_per_10_min")
_MOST: Final = ("most_in_minute", "most_in_10_min", "most_in_hour")


def _figures(told: Sequence[Move], start: int, end: int) -> Figures:
    moves = heard(told)
    rings = rung(moves)
    unheard = hidden(told, start)
    counted = [move for move in rings if move.t_event >= start]
    moments = sorted(move.t_event for move in counted)
    often = Counter(move.slot for move in counted).most_common(TOP)
    tiers = Counter(move.tier.name for move in counted)
    active = spells(moves, end)
    hours = (end - start) / HOUR_US
    floods = [(max(begin, start), min(over, end)) for begin, over in flooded(rings, start, end)]
    per_10_min = len(counted) / hours / 6
    most_in_10_min = _most_within(moments, TEN_MINUTES_US)
    late = _count(moves, start, Transition.late)
    not_good = sum(not move.good and not move.unconfirmed for move in counted)
    escalated = _count(moves, start, Transition.escalated)
    return Figures(
        annunciated=len(counted),
        per_hour=len(counted) / hours,
        per_day=24 * len(counted) / hours,
        per_10_min=per_10_min,
        upset_per_10_min=_upset(moments, start, end),
        most_in_minute=_most_within(moments, MINUTE_US),
        most_in_10_min=most_in_10_min,
        most_in_hour=_most_within(moments, HOUR_US),
        ten_minutes_above_10=_share_above(moments, start, end, TEN_MINUTES_US, MOST_IN_TEN),
        hours_above_30=_share_above(moments, start, end, HOUR_US, MOST_IN_HOUR),
        floods=len(floods),
        time_in_flood=sum(over - begin for begin, over in floods) / (end - start),
        top_10=[Often(key=key, rule=rule, count=count) for (key, rule), count in often],
        top_10_share=sum(count for _, count in often) / len(counted) if counted else 0.0,
        chattering=sum(chatters(its, since=start) for its in active.values()),
        fleeting=_fleeting(active, start, end),
        stale=sum(
            over - begin > STALE_US and over > start
            for its in active.values()
            for begin, over in its
        ),
        tiers=dict(tiers),
        tier_shares={tier: count / len(counted) for tier, count in tiers.items()},
        acknowledged=_times(moves, start, Transition.acknowledged, _by_tier),
        receipts=_times(moves, start, Transition.receipt, _by_level),
        escalated=escalated,
        escalated_per_day=24 * escalated / hours,
        realarmed=_count(moves, start, Transition.realarmed),
        late=late,
        late_share=late / (late + len(counted)) if late else 0.0,
        not_good=not_good,
        not_good_share=not_good / len(counted) if not_good else 0.0,
        unconfirmed=sum(move.unconfirmed for move in counted),
        simulated=sum(move.simulated for move in counted),
        hidden=Hidden(
            shelved=unheard.get(State.SHLVD, 0),
            suppressed=unheard.get(State.DSUPR, 0),
            out_of_service=unheard.get(State.OOSRV, 0),
        ),
        opc_ua=Metrics(
            alarm_count=len(counted),
            maximum_active_state=max(
                (
                    (over - begin) / 1e6
                    for its in active.values()
                    for begin, over in its
                    if over > start
                ),
                default=0.0,
            ),
            maximum_un_ack=longest_unanswered(moves, start, end),
            current_alarm_rate=sum(moment >= end - TEN_MINUTES_US for moment in moments),
            maximum_alarm_rate=most_in_10_min,
            maximum_re_alarm_count=max(
                Counter(
                    move.alarm
                    for move in moves
                    if move.type is Transition.realarmed and move.t_event >= start
                ).values(),
                default=0,
            ),
            average_alarm_rate=per_10_min,
        ),
    )


def _upset(moments: Iterable[int], start: int, end: int) -> float:
    """Return the worst ten-minute interval of each day begun, averaged over the days."""
    days = -(-(end - start) // DAY_US)
    worst = [0] * days
    for place, count in Counter((moment - start) // TEN_MINUTES_US for moment in moments).items():
        day = place * TEN_MINUTES_US // DAY_US
        worst[day] = max(worst[day], count)
    return sum(worst) / days


def _count(moves: Iterable[Move], start: int, kind: Transition) -> int:
    return sum(move.type is kind and move.t_event >= start for move in moves)


def _most_within(moments: Sequence[int], width: int) -> int:
    """Return the most moments within any window of a width."""
    most = first = 0
    for place, moment in enumerate(moments):
        while moments[first] <= moment - width:
            first += 1
        most = max(most, place - first + 1)
    return most


def _share_above(moments: Iterable[int], start: int, end: int, width: int, bound: int) -> float:
    """Return the share of the span's whole intervals that hold more than `bound` moments."""
    intervals = (end - start) // width
    held = Counter((moment - start) // width for moment in moments)
    above = sum(count > bound for place, count in held.items() if place < intervals)
    return above / intervals if intervals else 0.0


def _fleeting(
    active: Mapping[tuple[str, str], Sequence[tuple[int, int]]], start: int, end: int
) -> int:
    """Count spells over in less than 10 s with none of the same slot within 60 s around them."""
    found = 0
    for its in active.values():
        for place, (begin, over) in enumerate(its):
            before = its[place - 1][1] if place else begin - CHATTER_WINDOW_US
            after = its[place + 1][0] if place + 1 < len(its) else over + CHATTER_WINDOW_US
            alone = begin - before >= CHATTER_WINDOW_US and after - over >= CHATTER_WINDOW_US
            found += start <= begin and over < end and over - begin < FLEETING_US and alone
    return found


def _by_tier(rung: Move, _done: Move) -> str:
    return rung.tier.name


def _by_level(_rung: Move, done: Move) -> str:
    return done.org_level or "site"


def _times(
    moves: Iterable[Move],
    start: int,
    kind: Transition,
    named: Callable[[Move, Move], str],
) -> dict[str, Taken]:
    """Return, by name, how long it took from an alarm's ring to what people did, each level once.

    An acknowledgement answers the newest ring or reminder before it, a receipt the alarm's first.
    """
    newest: dict[str, Move] = {}
    first: dict[str, Move] = {}
    of = newest if kind is Transition.acknowledged else first
    done: set[tuple[str, int, str | None]] = set()
    took: dict[str, list[float]] = defaultdict(list)
    for move in moves:
        if calls(move):
            newest[move.alarm] = move
            first.setdefault(move.alarm, move)
        elif move.type is kind:
            rung = of.get(move.alarm)
            if rung is None or move.t_committed < start:
                continue
            answer = (move.alarm, rung.t_committed, move.org_level)
            if answer not in done:
                done.add(answer)
                took[named(rung, move)].append((move.t_committed - rung.t_committed) / 1e6)
    return {
        name: Taken(count=len(its), p50_s=median(its), p95_s=_quantile(sorted(its), 0.95))
        for name, its in sorted(took.items())
    }


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value at or below which so large a share lies (nearest rank)."""
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(rank, 1) - 1]


def busiest(found: Report) -> str | None:
    """Return the position that had most alarms; None where there is none."""
    positions = found.positions
    return max(positions, key=lambda code: positions[code].annunciated, default=None)


def ten_minutes(moves: Iterable[Move], position: str | None, *, start: int, end: int) -> list[int]:
    """Return how many alarms rang at a position in each whole ten minutes from `start` on."""
    held = Counter(
        (move.t_event - start) // TEN_MINUTES_US
        for move in rung(heard(moves))
        if (move.position or "") == position
    )
    return [held[place] for place in range((end - start) // TEN_MINUTES_US)]
