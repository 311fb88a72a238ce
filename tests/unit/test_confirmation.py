"""Limits confirmed by n of a point's last m readings (alarms.md 1.3): stories, laws, refusals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms import rule_problems
from alarms.alarm import ProcessEvent, Tier, Transition
from alarms.confirmations import NAME, Confirmations, faced_anew
from alarms.detectors import confirmation
from alarms.engine import Engine, LastReadings
from alarms.family import Learned
from alarms.memory import Recollection, Rota
from alarms.parameters import PARAMETERS
from alarms.readings import Readings, newer_than
from alarms.registry_checks import point_findings
from alarms.registry_fields import Number
from alarms.rules import RULES, rules_of
from fengsui.backtest.clockwork import Clockwork
from tests.unit.late_streams import outlined, rehearsed
from tests.unit.plants import SECOND, START, at, plant, point, readings
from tests.unit.streams import Keeper, Row

BAD, CALIBRATING = 2, 3


def confirmed(n: int, m: int, **settings: Any) -> Any:
    """Return a point over at 9 once n of its last m readings are, without delays."""
    given: dict[str, Any] = {
        "limits": {"l": 1.0, "h": 9.0, "hh": 10.0},
        "on_delay_s": 0.0,
        "off_delay_s": 0.0,
        "params": {"limit": {"confirm_n": n, "confirm_m": m}},
    }
    return point(**(given | settings))


def every(values: Sequence[float], *, of: int = 0, first: int = 0, quality: int = 0) -> list[Row]:
    """Return readings ten seconds apart."""
    times = [at(10 * (first + i)) for i in range(len(values))]
    return [(of, time, time, value, quality) for time, value in zip(times, values, strict=True)]


def said(rows: Sequence[Row], one: Any) -> list[tuple[str, str, float, float | None]]:
    """Return what limits say of one point's readings: rule, change, seconds, value."""
    keeper = Keeper(plant([one]))
    keeper.feed(rows)
    return [
        (event.rule, event.change.value, (event.t_change - START) / SECOND, event.value)
        for event in moves(keeper.events)
    ]


def moves(events: Sequence[ProcessEvent]) -> list[ProcessEvent]:
    """Return the moves of limit alarms."""
    return [
        event for event in events if event.rule in RULES and event.change is not Transition.quality
    ]


def test_four_of_five_raise_and_fewer_return() -> None:
    rows = every([9.5, 9.5, 5, 9.5, 9.4, 5, 9.5, 5, 9.5])
    assert said(rows, confirmed(4, 5)) == [
        ("limit.high", "raised", 40, 9.4),
        ("limit.high", "returned", 50, 5.0),
    ]


def test_a_single_spike_raises_nothing_and_a_single_drop_ends_nothing() -> None:
    assert said(every([5, 99, 5, 5, 99, 5]), confirmed(2, 3)) == []
    rows = every([9.5, 9.5, 5, 9.5, 9.5, 5, 9.5])
    assert said(rows, confirmed(2, 3)) == [("limit.high", "raised", 10, 9.5)]


def test_a_low_limit_is_confirmed_by_the_low_readings() -> None:
    rows = every([5, 0.5, 5, 0.9, 5, 5])
    assert said(rows, confirmed(2, 3)) == [
        ("limit.low", "raised", 30, 0.9),
        ("limit.low", "returned", 40, 5.0),
    ]


def test_each_level_counts_its_own_readings() -> None:
    rows = every([9.5, 10.5, 9.5, 10.5])
    assert said(rows, confirmed(2, 3)) == [
        ("limit.high", "raised", 10, 10.5),
        ("limit.high", "tier_up", 30, 10.5),
    ]


def test_before_m_readings_are_known_those_there_are_count_and_n_must_be_reached() -> None:
    assert said(every([9.5, 9.5]), confirmed(3, 5)) == []
    assert said(every([9.5, 9.5, 9.5]), confirmed(3, 5))[0][1:3] == ("raised", 20)


def test_the_deadband_and_the_delays_stand_behind_the_confirmation() -> None:
    one = confirmed(2, 3, deadband=1.0, on_delay_s=15.0, off_delay_s=15.0)
    rows = every([9.5, 9.5, 8.5, 9.5, 8.5, 8.5, 8.5, 7.5, 7.5, 7.5, 7.5, 7.5])
    assert [each[1:3] for each in said(rows, one)] == [("raised", 25), ("returned", 95)]


@pytest.mark.parametrize("quality", [BAD, CALIBRATING, 5, 6])
def test_readings_that_are_not_judged_enter_no_window(quality: int) -> None:
    rows = every([9.5, 9.5])
    rows += every([5.0, 5.0, 5.0, 5.0], first=2, quality=quality) + every([9.5], first=6)
    assert [each[1:3] for each in said(rows, confirmed(3, 3))] == [("raised", 60)]
    rows = every([9.5, 9.5, 9.5]) + every([5.0] * 9, first=3, quality=quality)
    assert [each[1] for each in said(rows, confirmed(3, 3))] == ["raised"]


def test_silence_ends_no_confirmed_alarm() -> None:
    keeper = Keeper(plant([confirmed(2, 3)]))
    keeper.feed(every([9.5, 9.5, 5.0]))
    for second in range(30, 4000, 7):
        keeper.tick(at(second))
    assert [event.change for event in moves(keeper.events)] == [Transition.raised]


def test_the_alarm_says_how_it_was_confirmed_and_why_it_returned() -> None:
    keeper = Keeper(plant([confirmed(4, 5)]))
    keeper.feed(every([9.5, 9.5, 5, 9.5, 9.4, 5]))
    raised, returned = moves(keeper.events)
    assert raised.message_zh.endswith("9.4 m，高于高限 9 m（按最近 5 次中有 4 次确认）")
    assert raised.message_en.endswith("9.4 m, above high limit 9 m (confirmed by 4 of the last 5)")
    assert returned.message_zh.endswith("5 m，最近 5 次中高于或达到高限 9 m 的不足 4 次，报警恢复")
    assert returned.message_en.endswith(
        "5 m, returned: fewer than 4 of the last 5 at high limit 9 m or above"
    )


def test_one_of_one_is_no_confirmation_and_costs_no_window() -> None:
    engine = Keeper(plant([confirmed(1, 1), point("B")])).engine
    assert (
        engine._families.confirmations.faced(readings(every([9.5])), np.ones(1, np.bool_)) is None
    )
    assert engine._families.confirmations.nbytes == 0
    assert NAME not in {family.name for family in engine.learned}


def test_windows_are_learned_and_kept_of_confirmed_points_only() -> None:
    windows = Confirmations(rules_of(plant([point("A"), confirmed(2, 3, tag="B")])))
    assert isinstance(windows, Learned)
    assert windows.rows.tolist() == [1]
    assert len(windows.memory) == 1


VALUES = st.lists(st.sampled_from([1.0, 2.0, 3.0, float("nan"), float("inf")]), max_size=90)
N_OF_M = st.integers(1, 64).flatmap(lambda m: st.tuples(st.integers(1, m), st.just(m)))


@given(VALUES, N_OF_M, st.integers(1, 90))
@settings(max_examples=200, deadline=None)
def test_a_side_goes_by_the_nth_of_the_last_m_however_the_values_are_cut(
    values: list[float], rule: tuple[int, int], cut: int
) -> None:
    (n, m), told = rule, np.array(values)
    memory = confirmation.fresh(1)
    confirm, room = np.array([[n, m]], np.int8), confirmation.room()
    faced = np.empty((len(told), 2))
    for first in range(0, len(told), cut):
        part = slice(first, first + cut)
        place = np.zeros(len(told[part]), np.int32)
        counts = np.isfinite(told[part])
        time = np.arange(len(told), dtype=np.int64)[part]
        confirmation.face(memory, place, time, told[part], counts, confirm, room, faced[part])
    for i in np.flatnonzero(np.isfinite(told)).tolist():
        known = [value for value in told[: i + 1].tolist() if np.isfinite(value)][-m:]
        for level in (0.5, 1.0, 1.5, 2.0, 3.0, 3.5):
            assert (faced[i, 1] >= level) == (sum(x >= level for x in known) >= n)
            assert (faced[i, 0] <= level) == (sum(x <= level for x in known) >= n)
        assert np.isnan(faced[i]).all() == (len(known) < n)


@given(st.permutations(range(80)), st.integers(1, 80))
@settings(max_examples=40, deadline=None)
def test_a_window_is_the_same_in_whatever_order_its_readings_came(
    order: list[int], many: int
) -> None:
    chosen = np.array(order[:many], np.int64)
    came, sorted_, place = confirmation.fresh(1), confirmation.fresh(1), np.zeros(many, np.int32)
    for each in (chosen, chosen):
        confirmation.learn(came, place, each, each.astype(float))
    confirmation.learn(sorted_, place, np.sort(chosen), np.sort(chosen).astype(float))
    assert came.tobytes() == sorted_.tobytes()


@given(VALUES, N_OF_M)
@settings(max_examples=40, deadline=None)
def test_the_compiled_window_is_the_plain_one_and_learning_is_judging(
    values: list[float], rule: tuple[int, int]
) -> None:
    told, place = np.array(values), np.zeros(len(values), np.int32)
    confirm, counts = np.array([rule], np.int8), np.isfinite(told)
    judged, plain, learned = (confirmation.fresh(1) for _ in range(3))
    one, other = np.empty((len(told), 2)), np.empty((len(told), 2))
    time, room = np.arange(len(told), dtype=np.int64), confirmation.room()
    confirmation.face(judged, place, time, told, counts, confirm, room, one)
    confirmation.face.py_func(plain, place, time, told, counts, confirm, room, other)  # type: ignore[attr-defined]  # numba's
    confirmation.learn(learned, place, time, told)
    np.testing.assert_array_equal(one, other)
    assert judged.tobytes() == plain.tobytes() == learned.tobytes()


@pytest.mark.parametrize("saved", [0, 1, 3, 5])
def test_a_start_from_kept_parts_and_what_was_stored_since_goes_on_exactly(saved: int) -> None:
    """Saved after so many readings; calibrating and bad ones among those learned again."""
    one = plant([confirmed(4, 5)])
    rows = every([9.5, 9.5]) + every([5.0], first=2, quality=CALIBRATING)
    rows += every([5.0], first=3, quality=BAD) + every([5.0, 9.5, 9.5, 5.0, 9.5, 9.5], first=4)
    for end in range(saved, len(rows)):
        whole, keeper = Keeper(one), Keeper(one)
        whole.feed(rows[:end]) if end else None
        keeper.feed(rows[:saved]) if saved else None
        parts = list(Rota(keeper.engine, now=0, fresh=True).due(0, stored=0))
        engine = Engine.build(
            one, states=tuple(whole.states.values()), last=keeper.last, started=START
        )
        recollection = Recollection(engine)
        for part in parts:
            recollection.put(part)
        recollection.since()
        recollection.learn(readings(rows[saved:end]))
        before = len(moves(whole.events))
        whole.feed(rows[end:])
        told = engine.judge(readings(rows[end:]), now=rows[-1][1]).events
        assert moves(told) == moves(whole.events)[before:]
        assert engine.learned[0].name == NAME
        assert engine.learned[0].memory.tobytes() == whole.engine.learned[0].memory.tobytes()


@pytest.mark.parametrize("saved", [1, 4, 6])
def test_a_start_learns_what_came_late_after_the_window_was_kept(saved: int) -> None:
    """Kept after so many readings; two come late behind the fifth."""
    one = plant([confirmed(3, 5), confirmed(2, 2, tag="B")])
    values = [9.5, 5.0, 9.5, 9.5, 5.0, 9.5]
    ordered = every(values)
    came = [ordered[i] for i in (0, 2, 4, 1, 3, 5)]
    parts, newest = [], LastReadings.never(2)
    clock = Clockwork(Keeper(one).engine, lambda _events, _now: None, started=START)
    for number, each in enumerate(came, 1):
        batch = readings([each])
        fresh = newer_than(batch, clock.engine.last)
        clock.take(batch.take(fresh), batch.take(~fresh), (), now=each[2])
        newest.follow(batch)
        if number == saved:
            parts = list(Rota(clock.engine, now=0, fresh=True).due(0, stored=0))
    engine = Engine.build(one, states=(), last=newest, started=START)
    recollection = Recollection(engine)
    for part in parts:
        recollection.put(part)
    recollection.since()
    news = [each for each in came[saved:] if each[1] not in (at(10), at(30))]
    recollection.learn(readings(news) if news else Readings.none())
    wanted = recollection.confirmed
    assert wanted.rows.tolist() == [0, 1]
    near = [each for each in ordered if wanted.since[0] <= each[1] <= wanted.until[0]]
    recollection.learn_confirmed(readings(near))
    kept = Confirmations(rules_of(one))
    batch = readings(ordered)
    kept.faced(batch, np.ones(len(batch), np.bool_))
    assert engine.learned[0].memory.tobytes() == kept.memory.tobytes()
    assert clock.engine.learned[0].memory.tobytes() == kept.memory.tobytes()


def test_a_window_outlives_another_m() -> None:
    """What is kept follows from the readings, not from the rule: a wider m knows them already."""
    keeper = Keeper(plant([confirmed(2, 2)]))
    keeper.feed(every([9.5, 9.5, 5, 5, 5]))
    assert [event.change.value for event in moves(keeper.events)] == ["raised", "returned"]
    keeper.plant = plant([confirmed(3, 6)])
    keeper.restart()
    keeper.feed(every([9.5], first=5))
    assert moves(keeper.events)[-1].change is Transition.raised


def test_a_looser_rule_ends_the_alarm_only_by_a_reading() -> None:
    keeper = Keeper(plant([confirmed(1, 2)]))
    keeper.feed(every([5, 9.5]))
    keeper.plant = plant([confirmed(4, 5)])
    keeper.restart()
    keeper.tick(at(11))
    assert len(moves(keeper.events)) == 1
    keeper.feed(every([9.5], first=2))
    assert len(moves(keeper.events)) == 1, "fewer than n are known: no news"
    keeper.feed(every([9.5], first=3))
    assert moves(keeper.events)[-1].change is Transition.returned


@pytest.mark.parametrize("together", [1, 40])
def test_a_changed_rule_holds_from_the_next_reading_whatever_that_reads(together: int) -> None:
    """The window holds it already: of n or more over, the alarm raises; of fewer, it returns."""

    def after(was: tuple[int, int], before: list[float], now: tuple[int, int], value: float) -> Any:
        keeper = Keeper(plant([confirmed(*was, deadband=1.0)]))
        keeper.feed(every(before))
        keeper.plant = plant([confirmed(*now, deadband=1.0)])
        keeper.restart()
        told = len(moves(keeper.events))
        rows = every([value] * 40, first=len(before))
        for first in range(0, 40, together):
            keeper.feed(rows[first : first + together])
        return [(event.change.value, event.t_change) for event in moves(keeper.events)[told:]]

    raised = after((4, 5), [9.5, 9.5, 5.0], (2, 5), 5.0)
    assert raised == [("raised", at(30)), ("returned", at(50))]
    assert after((1, 2), [5.0, 5.0, 5.0, 5.0, 9.5], (5, 5), 8.5) == [("returned", at(50))]


@pytest.mark.parametrize(
    ("params", "key", "words"),
    [
        ({"confirm_n": 2}, "confirm_n", "stands alone"),
        ({"confirm_m": 2}, "confirm_m", "stands alone"),
        ({"confirm_n": 3, "confirm_m": 2}, "confirm_n", "more than confirm_m 2"),
    ],
)
def test_a_confirmation_that_cannot_be_is_refused_at_its_key(
    params: dict[str, float], key: str, words: str
) -> None:
    [(_, problem)] = rule_problems.of(confirmed(1, 1, params={"limit": params}))
    assert words in problem
    [found] = [
        each
        for each in point_findings(confirmed(1, 1, params={"limit": params}), "tank_farm")
        if each.refused
    ]
    assert found.key == f"params.limit.{key}"


def test_a_window_holds_at_most_64_readings_and_the_form_says_so() -> None:
    for name in ("confirm_n", "confirm_m"):
        number = PARAMETERS["limit"][name].number
        assert number == Number(least=1, most=confirmation.LONGEST, whole=True)
    assert confirmation.LONGEST == 64


def story(rows: Sequence[Row], one: Any) -> list[tuple[float, float | None, Tier]]:
    """Return raise, return and peak tier of what readings in order of receipt come to."""
    return outlined(each for each in rehearsed(rows, one) if each.rule in RULES)


def test_a_late_spike_on_a_confirmed_point_raises_nothing() -> None:
    rows = [(0, at(s), at(r), v, 0) for s, r, v in [(0, 0, 5.0), (20, 20, 5.0), (10, 21, 99.0)]]
    assert story(rows, confirmed(2, 3)) == []
    assert story(rows, confirmed(1, 1)) == [(10, 20, Tier.orange)]


def test_a_late_reading_under_the_limit_ends_no_confirmed_alarm() -> None:
    rows = [(0, at(s), at(s), 9.5, 0) for s in (0, 10, 20, 30)] + [(0, at(25), at(31), 5.0, 0)]
    assert story(rows, confirmed(2, 3)) == [(10, None, Tier.yellow)]


def test_late_readings_are_counted_among_their_neighbours() -> None:
    told = [(0, 0, 5.0), (10, 10, 9.5), (30, 30, 5.0), (40, 40, 5.0), (20, 41, 9.5)]
    rows = [(0, at(s), at(r), v, 0) for s, r, v in told]
    assert story(rows, confirmed(2, 3)) == [(20, 40, Tier.yellow)]


@given(
    st.lists(st.sampled_from([5.0, 8.5, 9.5, 10.5]), min_size=1, max_size=30), st.integers(0, 29)
)
@settings(max_examples=100, deadline=None)
def test_a_window_begun_later_confirms_no_more(values: list[float], first: int) -> None:
    """What a late reading's neighbours alone confirm, all readings confirm."""
    rules, rows = rules_of(plant([confirmed(3, 5)])), np.zeros(1, np.int32)

    def high(told: list[float]) -> np.ndarray:
        batch = readings(every(told))
        faced = faced_anew(rules, rows, batch, np.ones(len(batch), np.bool_), Readings.none())
        assert faced is not None
        return faced[:, 1]

    part, whole = high(values[first:]), high(values)[first:]
    assert (np.isnan(part) | (part <= whole)).all()


def test_without_confirmed_points_nothing_is_looked_up() -> None:
    rules = rules_of(plant([point("A")]))
    batch = readings(every([9.5]))
    assert faced_anew(rules, batch.point, batch, np.ones(1, np.bool_), batch) is None
