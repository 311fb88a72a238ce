"""Figures of ten shifts are what a plain count of the same rows says, one after the other."""

import dataclasses
import math
import random
from collections.abc import Sequence

import pytest

from alarms import performance
from alarms.alarm import Tier, Transition
from alarms.moves import Move

SECOND = 1_000_000
START = 1_763_712_000_000_000
SHIFT = 8 * 3600 * SECOND
END = START + 10 * SHIFT
POSITIONS = ("510603", "510604")
T = Transition


def shifts(seed: int, *, alarms: int = 900) -> list[Move]:
    """Draw ten shifts of work, a day before them, and an upset in the fourth."""
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    rows: list[Move] = []
    for number in range(alarms):
        upset = chance.random() < 0.3
        begin = (
            START + 3 * SHIFT + chance.randrange(1800 * SECOND)
            if upset
            else chance.randrange(START - 86_400 * SECOND, END)
        )
        rows += life(chance, f"A{number}", begin)
    rows.sort(key=lambda move: (move.t_committed, move.alarm))
    return [move for move in rows if move.t_event < END]


def life(chance: random.Random, alarm: str, begin: int) -> list[Move]:
    """Draw one alarm's life."""
    tag = f"T{min(int(chance.expovariate(0.1)), 60)}"
    position = POSITIONS[chance.random() < 0.4]
    tier = chance.choice([Tier.blue, Tier.yellow, Tier.yellow, Tier.orange, Tier.red])
    is_late = chance.random() < 0.05
    is_unconfirmed = chance.random() < 0.05
    is_good = not is_unconfirmed and chance.random() < 0.95

    def move(kind: Transition, at: int, level: str | None = None) -> Move:
        return Move(
            alarm=alarm, slot=(f"E/{tag}", "limit.high"), position=position, type=kind, tier=tier,
            t_event=at, t_committed=at + chance.randrange(SECOND), org_level=level, late=is_late,
            unconfirmed=is_unconfirmed, good=is_good,
        )  # fmt: skip

    lasts = int(chance.choice([4, 9, 40, 900, 4_000, 100_000]) * (0.5 + chance.random())) * SECOND
    rows = [move(T.late if is_late else T.raised, begin)]
    if chance.random() < 0.2:
        rows.append(move(T.tier_up, begin + lasts // 2))
    if chance.random() < 0.8:
        rows.append(move(T.acknowledged, begin + chance.randrange(600 * SECOND), "site"))
    if chance.random() < 0.3:
        rows.append(move(T.receipt, begin + chance.randrange(900 * SECOND), "county"))
    if chance.random() < 0.1:
        rows.append(move(T.escalated, begin + 60 * SECOND))
    rows.append(move(T.returned, begin + lasts))
    if chance.random() < 0.2:
        again = begin + lasts + chance.randrange(1, 30) * SECOND
        rows += [move(T.reraised, again), move(T.returned, again + 3 * SECOND)]
    return rows


def plain(moves: Sequence[Move]) -> dict[str, object]:
    """Count the figures of one position one by one, each as its definition reads."""
    rang = {T.raised, T.reraised, T.tier_up}
    rings = [m for m in moves if m.type in rang and not m.late and m.t_event >= START]
    hours = (END - START) / (3600 * SECOND)
    tens = [0] * math.floor(hours * 6)
    whole_hours = [0] * math.floor(hours)
    for ring in rings:
        tens[(ring.t_event - START) // (600 * SECOND)] += 1
        whole_hours[(ring.t_event - START) // (3600 * SECOND)] += 1
    slots: dict[tuple[str, str], int] = {}
    for ring in rings:
        slots[ring.slot] = slots.get(ring.slot, 0) + 1
    top = sorted(slots.values(), reverse=True)[:10]

    def within(seconds: int) -> int:
        wide = seconds * SECOND
        return max(sum(a.t_event <= b.t_event < a.t_event + wide for b in rings) for a in rings)

    most = within(600)
    stale = 0
    for alarm in {m.alarm for m in moves}:
        since: int | None = None
        mine = [m for m in moves if m.alarm == alarm]
        for m in mine:
            if m.type in {T.raised, T.reraised} and not m.late and since is None:
                since = m.t_event
            if m.type is T.returned and since is not None:
                stale += m.t_event - since > 86_400 * SECOND and m.t_event > START
                since = None
        stale += since is not None and END - since > 86_400 * SECOND
    return {
        "annunciated": len(rings),
        "per_hour": pytest.approx(len(rings) / hours),
        "per_day": pytest.approx(len(rings) / hours * 24),
        "most_in_10_min": most,
        "most_in_minute": within(60),
        "most_in_hour": within(3600),
        "per_10_min": pytest.approx(len(rings) / hours / 6),
        "upset_per_10_min": pytest.approx(
            sum(max([tens[n] for n in range(len(tens)) if n // 144 == day]) for day in range(4)) / 4
        ),
        "ten_minutes_above_10": pytest.approx(sum(n > 10 for n in tens) / len(tens)),
        "hours_above_30": pytest.approx(sum(n > 30 for n in whole_hours) / len(whole_hours)),
        "top_10_share": pytest.approx(sum(top) / len(rings)),
        "tiers": {t.name: n for t in Tier if (n := sum(r.tier is t for r in rings))},
        "escalated": sum(m.type is T.escalated and m.t_event >= START for m in moves),
        "late": sum(m.type is T.late and m.t_event >= START for m in moves),
        "unconfirmed": sum(r.unconfirmed for r in rings),
        "not_good": sum(not r.good and not r.unconfirmed for r in rings),
        "stale": stale,
    }


@pytest.mark.parametrize("seed", range(5))
def test_ten_shifts_give_the_figures_of_a_plain_count(seed: int) -> None:
    moves = shifts(seed)
    found = performance.report(moves, start=START, end=END, points=1_000)
    assert set(found.positions) == set(POSITIONS)
    for code, figures in found.positions.items():
        expected = plain([m for m in moves if m.position == code])
        assert {name: getattr(figures, name) for name in expected} == expected
    total = sum(figures.annunciated for figures in found.positions.values())
    assert found.overall.annunciated == total
    rates = [figures.opc_ua.maximum_alarm_rate for figures in found.positions.values()]
    assert found.overall.opc_ua.maximum_alarm_rate == found.overall.most_in_10_min == max(rates)
    raised = sum(m.type in {T.raised, T.reraised} and m.t_event >= START for m in moves)
    assert found.alarms_per_point_day == pytest.approx(raised / 1_000 / (10 / 3))
    assert found.overall.floods == sum(each.floods for each in found.positions.values()) > 0


def one(kind: Transition, at_s: float, *, alarm: str = "A", tier: Tier = Tier.red,
        level: str | None = None, tag: str = "T") -> Move:  # fmt: skip
    at = START + int(at_s * SECOND)
    return Move(alarm=alarm, slot=(f"E/{tag}", "limit.high"), position="510603", type=kind,
                tier=tier, t_event=at, t_committed=at, org_level=level)  # fmt: skip


def figures(*moves: Move) -> performance.Figures:
    return performance.report(moves, start=START, end=END, points=1).overall


def test_times_run_from_the_newest_ring_for_people_and_from_the_first_for_authorities() -> None:
    found = figures(
        one(T.raised, 0), one(T.tier_up, 100), one(T.receipt, 130, level="county"),
        one(T.acknowledged, 140, level="site"), one(T.acknowledged, 150, level="site"),
    )  # fmt: skip
    assert found.acknowledged == {"red": performance.Taken(count=1, p50_s=40.0, p95_s=40.0)}
    assert found.receipts == {"county": performance.Taken(count=1, p50_s=130.0, p95_s=130.0)}


def test_three_cycles_within_a_minute_chatter_and_two_do_not() -> None:
    cycle = [
        row
        for n in range(3)
        for row in (one(T.reraised if n else T.raised, 20 * n), one(T.returned, 20 * n + 9))
    ]
    assert figures(*cycle).chattering == 1
    assert figures(*cycle[:4]).chattering == 0


def test_a_short_one_alone_is_fleeting_and_with_others_near_it_is_not() -> None:
    short = [one(T.raised, 0), one(T.returned, 9)]
    assert figures(*short).fleeting == 1
    assert figures(one(T.raised, 0), one(T.returned, 10)).fleeting == 0
    near = [one(T.raised, 60, alarm="B"), one(T.returned, 200, alarm="B")]
    assert figures(*short, *near).fleeting == 0
    other = [one(T.raised, 60, alarm="B", tag="U"), one(T.returned, 200, alarm="B", tag="U")]
    assert figures(*short, *other).fleeting == 1


def test_an_alarm_that_has_just_come_is_not_fleeting_yet() -> None:
    span_s = (END - START) / SECOND
    assert figures(one(T.raised, span_s - 3)).fleeting == 0


def test_opc_uas_metrics_are_those_of_the_span() -> None:
    span_s = (END - START) / SECOND
    found = figures(
        one(T.raised, 0), one(T.realarmed, 900), one(T.acknowledged, 1000, level="site"),
        one(T.tier_up, 1500), one(T.acknowledged, 1600, level="county"), one(T.returned, 5000),
        one(T.acknowledged, 5100, level="site"), one(T.closed, 5100),
        one(T.raised, span_s - 600, alarm="B", tag="U"),
        one(T.raised, span_s - 601, alarm="C", tag="V"),
    ).opc_ua  # fmt: skip
    assert found == performance.Metrics(
        alarm_count=4, maximum_active_state=5000.0, maximum_un_ack=3600.0, current_alarm_rate=1,
        maximum_alarm_rate=2, maximum_re_alarm_count=1, average_alarm_rate=4 / (span_s / 600),
    )  # fmt: skip


def test_the_upset_state_takes_each_days_worst_ten_minutes() -> None:
    day_s = 86_400
    ends = [one(T.raised, day_s - 1 - n, alarm=f"A{n}") for n in range(6)]
    begins = [one(T.raised, day_s + n, alarm=f"B{n}") for n in range(2)]
    assert figures(*ends, *begins).upset_per_10_min == (6 + 2 + 0 + 0) / 4


def test_shares_are_of_what_they_say() -> None:
    late = Move(
        alarm="L", slot=("E/T", "limit.high"), position="510603", type=T.late, tier=Tier.red,
        t_event=START + 5, t_committed=START + 5, late=True,
    )  # fmt: skip
    doubtful = dataclasses.replace(one(T.raised, 1, alarm="D"), good=False, simulated=True)
    found = figures(one(T.raised, 0), doubtful, one(T.escalated, 60), late)
    assert found.late_share == pytest.approx(1 / 3)
    assert (found.not_good_share, found.simulated) == (0.5, 1)
    assert found.escalated_per_day == pytest.approx(24 / 80)


def test_nothing_happened_is_all_noughts() -> None:
    found = performance.report([], start=START, end=END, points=0)
    assert (found.overall.annunciated, found.overall.top_10_share, found.positions) == (0, 0.0, {})
    assert found.alarms_per_point_day == 0.0
