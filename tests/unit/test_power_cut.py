"""Power cuts: a feeder that is live, or of which nothing is known, past a cut's deadline."""

import pytest

from alarms.alarm import Tier
from tests.unit.group_plants import Told, group

CUT = group("power_cut", {"order": ("M1",), "feeder": ("FD",)})


def test_power_that_is_off_in_time_raises_nothing() -> None:
    told = Told(CUT).read(0, M1=1.2, FD=1).read(1, M1=1.5).read(2.5, FD=0).tick(9)
    assert told.changes == []


def test_a_feeder_still_live_past_its_deadline_raises() -> None:
    told = Told(CUT).read(0, M1=1.2, FD=1).read(1, M1=1.5).tick(4).tick(5)
    assert told.changes == [("raised", 3)]
    event = told.events[0]
    assert (event.tier, event.value, event.basis) == (Tier.orange, 1, "AQ 6201-2019 [M]")
    assert (event.subject.quantity, event.subject.engineering_unit) == ("feeder_state", None)
    assert "馈电异常：甲烷 T1 1.5 %CH4 要求断电，馈电 2 秒后仍有电" in event.message_zh


def test_a_remote_cut_has_forty_seconds() -> None:
    told = Told(group("power_cut", {"order": ("M1",), "feeder": ("FD",)}, remote=True))
    for second in range(0, 50, 5):
        told.read(second, M1=1.6, FD=1)
    assert told.changes == [("raised", 40)]


def test_an_order_stands_until_the_gas_is_below_its_reset() -> None:
    told = Told(CUT).read(0, M1=1.6, FD=0).read(5, M1=1.0, FD=1).read(8, M1=1.0, FD=1)
    assert told.changes == [("raised", 7)]
    told.read(10, M1=0.9).read(39, M1=0.9, FD=1).read(41, FD=1)
    assert told.changes[1:] == [("returned", 40)]


def test_an_order_outlives_a_restart() -> None:
    told = Told(CUT).read(0, M1=1.6, FD=0).read(5, M1=1.2, FD=0)
    told.keeper.restart()
    assert told.read(6, FD=1).read(9, FD=1).changes == [("raised", 8)]


def test_a_feeder_unheard_since_the_order_is_feared_to_be_live_at_its_deadline() -> None:
    told = Told(CUT).read(0, M1=1.6).tick(1.5)
    assert told.changes == []
    told.tick(5)
    assert told.changes == [("raised", 2)]
    event = told.events[0]
    assert (event.unconfirmed, event.quality, event.value) == (True, "uncertain", None)
    assert "甲烷 T1 1.6 %CH4 要求断电，馈电是否已断电未知" in event.message_zh
    assert "待核实" in event.message_zh
    told.read(6, FD=0).read(20, M1=1.6, FD=0).read(36, M1=1.6, FD=0)
    assert told.changes[1:] == [("returned", 36)]


def test_a_feeder_heard_before_its_deadline_is_judged_by_what_it_says() -> None:
    assert Told(CUT).read(0, M1=1.6).read(1, FD=0).read(5, M1=1.6).tick(9).changes == []
    live = Told(CUT).read(0, M1=1.6).read(1, FD=1).read(5, M1=1.6)
    assert live.changes == [("raised", 2)]
    assert not live.events[0].unconfirmed


def test_a_feeder_that_falls_silent_once_it_is_dead_raises_nothing() -> None:
    told = Told(CUT).read(0, M1=1.6, FD=1).read(1, M1=1.6, FD=0)
    for second in range(5, 100, 5):
        told.read(second, M1=1.6).tick(second + 1)
    assert told.changes == []


def test_an_order_that_comes_again_is_no_return_while_the_feeder_is_unheard() -> None:
    told = Told(CUT).read(0, M1=1.6, FD=1).read(3, M1=1.6, FD=1).read(5, M1=0.5)
    told.read(6, quality=2, FD=1).read(10, M1=1.6)
    for second in range(15, 100, 5):
        told.read(second, M1=1.6).tick(second + 1)
    assert told.changes == [("raised", 2), ("quality", 10)]


def test_below_orange_a_feeder_unheard_raises_nothing() -> None:
    mild = group("power_cut", {"order": ("M1",), "feeder": ("FD",)}, tier="yellow")
    assert Told(mild).read(0, M1=1.6).tick(5).read(6, M1=1.6).tick(20).changes == []


@pytest.mark.parametrize(("cut_state", "raised"), [(0, True), (1, False)])
def test_a_breaker_orders_by_its_state(cut_state: int, raised: bool) -> None:
    breaker = group("power_cut", {"order": ("DA",), "feeder": ("FD",)}, cut_state=cut_state)
    told = Told(breaker).read(0, DA=0, FD=1).read(5, DA=0, FD=1)
    assert bool(told.events) is raised
