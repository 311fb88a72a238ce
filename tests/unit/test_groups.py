"""Stories of group rules: each kind raises, returns and doubts as an operator would."""

import json

import pytest

from alarms.alarm import Kind, Tier
from alarms.engine import ChannelState
from tests.unit.group_plants import BALANCE, Told, group
from tests.unit.plants import SECOND, START

DOORS = group("air_lock", ("DA", "DB"), on_delay_s=6.0)
CUT = group("power_cut", {"order": ("M1",), "feeder": ("FD",)})
LEVELS = group(
    "difference", ("L1", "L2"), bound=0.5, deadband=0.1, on_delay_s=10.0, off_delay_s=7.0
)
PATH = group("air_path", ("M1", "M2"), bound=0.5, on_delay_s=20.0, off_delay_s=0.0)


def voted(degrade: str = "safe", **settings: object) -> Told:
    return Told(
        group(
            "vote",
            ("GA", "GB", "GC"),
            **{"k": 2, "limit": 25.0, "deadband": 2.0, "degrade": degrade, **settings},
        )
    )


def test_two_of_three_at_the_limit_raise_and_one_does_not() -> None:
    told = voted().read(0, GA=10, GB=10, GC=10).read(5, GA=30)
    assert told.changes == []
    assert told.read(6, GB=25).changes == [("raised", 6)]
    event = told.events[0]
    assert (event.kind, event.tier, event.value, event.limit) == (Kind.group, Tier.orange, 25, 25)
    assert (
        "3 个测点中 2 个达到或高于 25 %LEL（甲 30 %LEL、乙 25 %LEL），表决 2/3" in event.message_zh
    )
    assert (
        "2 of 3 points at or above 25 %LEL (甲 30 %LEL, 乙 25 %LEL), vote 2/3" in event.message_en
    )


def test_the_subject_has_a_source_and_no_point() -> None:
    subject = voted(unit="TK101").read(0, GA=30, GB=30, GC=0).events[0].subject
    assert subject.key == "DY-CHEM-01/G-vote"
    assert (subject.source, subject.unit, subject.point) == ("R001", "TK101", None)
    assert (subject.name, subject.engineering_unit) == ("组", "%LEL")
    assert subject.quantity == "combustible_gas"


def test_a_low_vote_counts_from_the_limit_down() -> None:
    told = voted(side="low").read(0, GA=30, GB=30, GC=30).read(5, GA=25, GB=20)
    assert told.changes == [("raised", 5)]
    assert "达到或低于" in told.events[0].message_zh


def test_a_vote_returns_below_its_deadband_after_its_delay() -> None:
    told = voted().read(0, GA=30, GB=30, GC=10).read(5, GB=24).read(10, GB=22.5, GC=10)
    for second in range(15, 45, 5):
        told.read(second, GA=30, GB=22.5, GC=10)
    assert told.changes == [("raised", 0), ("returned", 40)]


@pytest.mark.parametrize(("degrade", "raised"), [("safe", True), ("available", False)])
def test_two_of_three_with_one_faulted_is_one_of_two_or_two_of_two(
    degrade: str, raised: bool
) -> None:
    told = voted(degrade).read(0, GA=10, GB=10, GC=10).read(5, quality=5, GA=0).read(6, GB=30)
    assert bool(told.events) is raised


def test_a_degraded_vote_says_so_in_its_words() -> None:
    told = voted().read(0, GA=10, GB=10, GC=10).read(5, quality=5, GA=0).read(6, GB=30)
    assert "表决 2/3 → 1/2，1 个测点失效" in told.events[0].message_zh
    assert "vote 2/3 → 1/2, 1 lost" in told.events[0].message_en


def test_available_with_one_faulted_raises_on_both_that_are_left() -> None:
    told = voted("available").read(0, GA=10, GB=10, GC=10).read(5, quality=5, GA=0)
    told.read(6, GB=30).read(7, GC=30)
    assert told.changes == [("raised", 7)]
    assert "表决 2/3 → 2/2" in told.events[0].message_zh


def test_a_vote_passes_by_the_tick_at_the_instant_a_member_goes_stale() -> None:
    told = voted().read(0, GA=10, GB=10, GC=10).read(20, GB=30, GC=10)
    for second in (25, 30, 32):
        told.tick(second)
    assert told.changes == [("raised", 30)]


def test_a_lost_member_clears_nothing_and_the_alarm_is_told_to_be_uncertain() -> None:
    told = voted("available").read(0, GA=30, GB=30, GC=10).read(5, quality=2, GA=0)
    for second in range(10, 200, 5):
        told.read(second, GB=30, GC=10)
    assert told.changes == [("raised", 0), ("quality", 5)]
    assert told.events[1].quality == "uncertain"
    assert "测点失效（甲），无法判断，报警保持" in told.events[1].message_zh
    told.read(200, GA=10).read(215, GA=10, GB=30, GC=10).read(230, GA=10, GB=30, GC=10)
    assert told.changes[2:] == [("quality", 200), ("returned", 230)]
    assert told.events[-1].quality == "good"


def test_members_lost_while_it_was_about_to_return_hold_a_vote() -> None:
    told = voted().read(0, GA=30, GB=30, GC=10).read(5, GA=10, GB=10, GC=10)
    told.read(10, quality=5, GA=0, GB=0)
    for second in range(15, 100, 5):
        told.read(second, GC=10).tick(second + 2)
    assert told.changes == [("raised", 0), ("quality", 10)]


def test_ticks_and_restarts_after_a_loss_leave_the_record_as_it_is() -> None:
    told = voted(tier="yellow", on_delay_s=25.0).read(0, GA=10, GB=10, GC=10)
    told.read(20, GC=10, GB=30)
    for second in (31, 51):  # GA is lost at 30: a delay begins; GB at 50: it is broken off
        told.tick(second)
    before = told.record
    assert before
    told.tick(52).tick(53)
    assert told.record == before
    told.keeper.restart()
    told.tick(54).tick(60)
    assert told.record == before
    assert told.changes == []


def test_a_vote_clears_when_the_lost_member_could_not_decide_it() -> None:
    told = voted().read(0, GA=30, GB=30, GC=10).read(5, quality=2, GA=30).read(6, GB=10, GC=10)
    assert told.read(36, GB=10, GC=10).changes == [("raised", 0), ("returned", 36)]


def test_a_member_that_never_reported_is_lost() -> None:
    told = voted().read(0, GA=10, GB=30)
    assert told.changes == [("raised", 0)]
    assert "→ 1/2" in told.events[0].message_zh


def test_a_member_that_comes_and_goes_is_told_of_once_a_minute_at_most() -> None:
    told = voted("available").read(0, GA=30, GB=30, GC=10)
    for second in range(5, 300, 5):
        told.read(second, quality=5 * (second % 2), GA=30).read(second + 1, GB=30, GC=10)
    assert 4 <= len(told.events) - 1 <= 10


def test_a_vote_in_which_all_are_lost_says_nothing() -> None:
    assert voted().read(0, quality=5, GA=30, GB=30, GC=30).read(9, GA=float("nan")).changes == []


def test_levels_that_differ_for_longer_than_the_delay_raise_at_its_end() -> None:
    told = Told(LEVELS).read(0, L1=5.0, L2=5.6).read(5, L1=5.0, L2=5.6).read(12, L1=5.0, L2=5.6)
    assert told.changes == [("raised", 10)]
    event = told.events[0]
    assert event.value == pytest.approx(0.6)
    assert (event.limit, event.tier, event.basis) == (0.5, Tier.yellow, "GB 17681-2024 [D]")
    assert "雷达液位 5 m 与 伺服液位 5.6 m 相差 0.6 m，允许 0.5 m" in event.message_zh


def test_a_delay_of_a_difference_is_met_by_the_tick_too() -> None:
    told = Told(LEVELS).read(0, L1=5.0, L2=5.6).tick(10).tick(11)
    assert told.changes == [("raised", 10)]


def test_levels_that_agree_again_within_the_delay_raise_nothing() -> None:
    told = Told(LEVELS).read(0, L1=5.0, L2=5.6).read(9, L2=5.0).read(12, L1=5.0, L2=5.6).tick(20)
    assert told.changes == []


def test_a_difference_within_its_deadband_holds() -> None:
    told = Told(LEVELS).read(0, L1=5.0, L2=5.6).read(10, L1=5.0, L2=5.6)
    told.read(20, L1=5.0, L2=5.45).read(40, L1=5.0, L2=5.45).read(50, L1=5.0, L2=5.3).tick(58)
    assert told.changes == [("raised", 10), ("returned", 57)]


def test_a_lost_level_restarts_a_running_delay_below_orange() -> None:
    told = Told(LEVELS).read(0, L1=5.0, L2=5.6).read(5, quality=2, L2=5.6).read(8, L2=5.6)
    told.read(12, L1=5.0, L2=5.6).read(19, L1=5.0, L2=5.6)
    assert told.changes == [("raised", 18)]


def test_a_level_lost_at_the_very_end_of_the_delay_raises_nothing() -> None:
    told = Told(LEVELS).read(0, L1=5.0, L2=5.6).read(10, quality=2, L2=5.6).tick(20)
    assert told.changes == []


def test_infinite_and_absurd_values_are_uncertain() -> None:
    told = Told(LEVELS).read(0, L1=float("inf"), L2=5.6).read(1, L1=1.7e308, L2=-1.7e308).tick(20)
    assert told.changes == []


def test_both_doors_open_for_longer_than_the_delay_raise() -> None:
    told = Told(DOORS).read(0, DA=0, DB=1).read(2, DA=1).read(6, DB=1).tick(8).tick(9)
    assert told.changes == [("raised", 8)]
    event = told.events[0]
    assert (event.tier, event.value, event.basis) == (Tier.orange, 2, "AQ 1029-2019 §7 [M]")
    assert "风门 A与风门 B同时打开" in event.message_zh


def test_one_door_known_to_be_shut_clears_an_air_lock() -> None:
    told = Told(DOORS).read(0, DA=1, DB=1).read(6, DA=1, DB=1).read(10, quality=2, DA=1)
    told.read(11, DB=0).read(30, DB=0).read(41, DB=0)
    assert told.changes == [
        ("raised", 6),
        ("quality", 10),
        ("returned", 41),
    ]


def test_a_door_lost_while_both_were_open_raises_unconfirmed() -> None:
    told = Told(DOORS).read(0, DA=1, DB=1).read(3, quality=5, DB=1)
    assert told.changes == [("raised", 3)]
    assert told.events[0].unconfirmed
    assert told.events[0].quality == "uncertain"
    assert "待核实" in told.events[0].message_zh


def test_a_downstream_sensor_far_below_for_long_contradicts() -> None:
    told = Told(PATH)
    for second in range(0, 25, 5):
        told.read(second, M1=0.9, M2=0.3)
    assert told.changes == [("raised", 20)]
    event = told.events[0]
    assert event.value == pytest.approx(0.6)
    assert "下风侧 甲烷 T2 0.3 %CH4 比上风侧 甲烷 T1 0.9 %CH4 低 0.6 %CH4" in event.message_zh
    assert told.read(25, M2=0.8).changes[1:] == [("returned", 25)]


def test_methane_on_its_way_downstream_contradicts_nothing() -> None:
    told = Told(PATH)
    for second in range(0, 60, 5):
        told.read(second, M1=0.9 if second < 15 else 0.4, M2=0.3 if second < 15 else 0.8)
    assert told.changes == []


def leaking(leak: float, *, seconds: int = 200, level: float = 0.0) -> Told:
    told = Told(BALANCE)
    for second in range(0, seconds, 5):
        told.read(second, QI=20.0, QO=20.0 - leak, L1=1.0 + level * second)
    return told


def test_a_leak_at_its_least_is_found_when_the_short_window_knows_enough() -> None:
    told = leaking(5.0)
    assert told.changes == [("raised", 45)]
    event = told.events[0]
    assert (event.value, event.limit, event.tier) == (5.0, 5.0, Tier.yellow)
    assert "1 分钟内进多出少，缺 5 m³/h，最小可检 5 m³/h，疑似泄漏" in event.message_zh
    assert (event.basis, event.subject.engineering_unit) == ("API RP 1130 [V]", "m³/h")


def test_a_smaller_leak_is_found_by_the_longer_window() -> None:
    told = leaking(2.0, seconds=400)
    assert told.changes == [("raised", 225)]
    assert "5 分钟" in told.events[0].message_zh


def test_what_is_stored_is_no_leak() -> None:
    # 10 m² of surface take up 4 m³/h at 4/36000 m/s.
    assert leaking(4.0, seconds=400, level=0.4 / 3600).changes == []


def test_more_out_than_in_speaks_of_the_meters() -> None:
    assert "请核对计量" in leaking(-8.0).events[0].message_zh


def test_no_flow_at_all_divides_by_nothing() -> None:
    share = group(
        "balance",
        {"inflows": ("QI",), "outflows": ("QO",)},
        windows=({"span_s": 60.0, "percent": 5.0},),
    )
    told = Told(share)
    for second in range(0, 200, 5):
        told.read(second, QI=0.0, QO=0.0)
    assert told.changes == []


def test_flows_too_large_to_add_up_are_unknown_and_can_be_kept() -> None:
    told = Told(BALANCE)
    for second in range(0, 300, 5):
        told.read(second, QI=1.7e308, QO=1.7e308, L1=1.0)
    assert told.changes == []
    assert json.dumps([state.process for state in told.record], allow_nan=False)


def test_a_balance_whose_meter_is_lost_keeps_its_alarm() -> None:
    told = leaking(8.0, seconds=100)
    for second in range(100, 400, 5):
        told.read(second, QO=20.0, L1=1.0)
    assert [change for change, _ in told.changes] == ["raised", "quality"]
    for second in range(400, 800, 5):
        told.read(second, QI=20.0, QO=20.0, L1=1.0)
    assert [change for change, _ in told.changes][2:] == ["quality", "returned"]


def test_a_balance_says_so_when_its_newest_bucket_is_not_known() -> None:
    told = leaking(8.0, seconds=100)
    told.read(101, quality=2, QI=20.0).read(106, QO=12.0)
    assert told.changes[1:] == [("quality", 101)]


def test_a_balance_goes_on_after_an_outage_of_a_year() -> None:
    told = leaking(8.0, seconds=100)
    year = 365 * 86_400
    for second in range(year, year + 100, 5):
        told.read(second, QI=20.0, QO=20.0, L1=1.0)
    assert [change for change, _ in told.changes] == ["raised", "quality", "quality", "returned"]


def test_a_late_reading_raises_late() -> None:
    told = Told(CUT)
    when = START + 10 * SECOND
    told.keeper.feed([(5, when, when + 90 * SECOND, 1.6, 0), (7, when, when + 90 * SECOND, 1.0, 0)])
    told.keeper.feed(
        [
            (7, when + 3 * SECOND, when + 95 * SECOND, 1.0, 0),
            (7, when + 4 * SECOND, when + 96 * SECOND, 0.0, 0),
        ]
    )
    (event,) = told.events
    assert event.late
    assert event.still_over


def test_the_record_of_a_group_of_another_kind_is_taken_away() -> None:
    told = Told(DOORS)
    slot = "DY-CHEM-01/G-air_lock", "group.vote"
    told.keeper.states[slot] = ChannelState(key=slot[0], rule=slot[1], process={"phase": "ACTIVE"})
    told.keeper.restart()
    told.read(0, DA=0)
    assert told.keeper.states == {}


def test_a_plant_without_groups_costs_one_mark_a_point() -> None:
    assert Told().keeper.engine.groups.nbytes > 0
    assert Told(DOORS).keeper.engine.groups.nbytes == 12 + 2 * 32
