"""Stories of silence, of gateways' clocks and of numbers outside the instrument's range."""

from typing import Any

import numpy as np

from alarms import instants
from alarms.alarm import Tier
from alarms.proposal import PointFault
from alarms.readings import CORRECTED
from tests.unit.plants import SECOND, at, plant, point, readings
from tests.unit.streams import Keeper, Row


def row(
    index: int, seconds: float, value: float = 5.0, quality: int = 0, received: float | None = None
) -> Row:
    return index, at(seconds), at(seconds if received is None else received), value, quality


def keeper(*points: dict[str, Any], gateways: tuple[str, ...] = ("gw-1",)) -> Keeper:
    return Keeper(plant([point(f"P{i}", **one) for i, one in enumerate(points)], gateways=gateways))


def told(keeper: Keeper) -> list[tuple[str, str, str, float]]:
    return [
        (
            event.subject.key.removeprefix("DY-CHEM-01/"),
            event.rule,
            event.change.value,
            (event.t_change - at(0)) / SECOND,
        )
        for event in keeper.events
    ]


def pass_time(keeper: Keeper, first: int, last: int) -> None:
    for second in range(first, last):
        keeper.tick(at(second))


def test_a_point_that_falls_silent_while_its_gateway_speaks_gets_its_own_alarm() -> None:
    two = keeper({}, {})
    two.feed([row(0, 0), row(1, 0)])
    for second in range(10, 60, 10):
        two.feed([row(0, second)])
        pass_time(two, second, second + 10)
    assert told(two) == [("P1", "comms.stale", "raised", 30)]
    assert two.events[0].tier is Tier.blue


def test_without_a_sign_of_its_gateway_a_silent_point_waits_twice_the_time() -> None:
    two = keeper({}, {"period_s": 100.0})
    two.feed([row(0, 0), row(1, 0)])
    pass_time(two, 1, 60)
    assert told(two) == []
    two.tick(at(60))
    assert told(two) == [("P0", "comms.stale", "raised", 30)]


def test_a_point_that_never_reported_is_missed_from_its_registration() -> None:
    two = keeper({}, {})
    for second in range(0, 60, 10):
        two.feed([row(0, second + 1)])
        pass_time(two, second + 2, second + 10)
    assert told(two) == [("P1", "comms.stale", "raised", 30)]
    assert "从未上报" in two.events[0].message_zh


def test_what_never_reported_is_not_said_to_be_lost_nor_to_be_back() -> None:
    two = keeper({}, {"period_s": 100.0})
    pass_time(two, 0, 310)
    two.feed([row(0, 311)])
    for second in range(320, 640, 10):
        two.feed([row(0, second + 1)])
        pass_time(two, second + 2, second + 10)
    two.feed([row(1, 700)])
    assert [(event.rule, event.message_zh, event.message_en) for event in two.events] == [
        (
            *("comms.stale", "1 号液氨球罐 液位 自登记以来从未上报"),
            "1 号液氨球罐 液位 has never reported since its registration",
        ),
        (
            *("comms.gateway", "网关 gw-1 全部测点自登记以来从未上报"),
            "gateway gw-1: no point has ever reported",
        ),
        (
            *("comms.stale", "1 号液氨球罐 液位 仍未上报，并入网关 gw-1 的报警"),
            "1 号液氨球罐 液位 is still silent, as the alarm of gateway gw-1 says",
        ),
        (
            *("comms.gateway", "网关 gw-1 首次上报"),
            "gateway gw-1 reports for the first time",
        ),
        (
            *("comms.stale", "1 号液氨球罐 液位 自登记以来从未上报"),
            "1 号液氨球罐 液位 has never reported since its registration",
        ),
        (
            "comms.stale",
            "1 号液氨球罐 液位 首次上报",
            "1 号液氨球罐 液位 reports for the first time",
        ),
    ]
    assert {event.tier for event in two.events} == {Tier.blue}


def test_what_had_reported_is_lost_and_comes_back() -> None:
    two = keeper({}, {})
    two.feed([row(0, 0), row(1, 0)])
    for second in range(10, 60, 10):
        two.feed([row(0, second)])
        pass_time(two, second, second + 10)
    two.feed([row(1, 61)])
    pass_time(two, 62, 200)
    two.feed([row(1, 201)])
    assert [event.message_zh for event in two.events] == [
        *("1 号液氨球罐 液位 超时未上报", "1 号液氨球罐 液位 恢复上报"),
        *("网关 gw-1 全部测点超时未上报", "网关 gw-1 恢复上报"),
    ]


def test_silence_is_measured_from_receipt_not_from_stamps() -> None:
    two = keeper({}, {})
    for second in range(0, 60, 10):
        two.feed([row(0, second - 500, received=second), row(1, second - 500, received=second)])
        pass_time(two, second, second + 10)
    assert told(two) == []


def test_when_all_points_of_a_gateway_are_silent_there_is_one_alarm() -> None:
    two = keeper({}, {"period_s": 20.0})
    two.feed([row(0, 0), row(1, 2)])
    pass_time(two, 3, 100)
    assert told(two) == [
        ("P0", "comms.stale", "raised", 30),
        ("gateway:gw-1", "comms.gateway", "raised", 62),
        ("P0", "comms.stale", "returned", 62),
    ]


def test_a_gateway_alarm_returns_with_the_first_reading_and_the_rest_get_their_time() -> None:
    two = keeper({}, {})
    two.feed([row(0, 0), row(1, 0)])
    pass_time(two, 1, 100)
    two.feed([row(0, 100)])
    for second in range(100, 160, 10):
        two.feed([row(0, second + 1)])
        pass_time(two, second + 2, second + 10)
    assert told(two) == [
        ("gateway:gw-1", "comms.gateway", "raised", 30),
        ("gateway:gw-1", "comms.gateway", "returned", 100),
        ("P1", "comms.stale", "raised", 130),
    ]


def test_a_silent_point_that_reports_again_returns() -> None:
    two = keeper({}, {})
    two.feed([row(0, 0), row(1, 0)])
    for second in range(10, 50, 10):
        two.feed([row(0, second)])
        pass_time(two, second, second + 10)
    two.restart()
    two.feed([row(1, 49, received=50)])
    assert told(two)[-1] == ("P1", "comms.stale", "returned", 50)


def test_a_calibrating_reading_is_a_sign_of_life() -> None:
    one = keeper({})
    for second in range(0, 90, 10):
        one.feed([row(0, second, quality=3)])
        pass_time(one, second, second + 10)
    assert told(one) == []


def test_while_the_link_to_the_broker_is_down_nobody_is_silent() -> None:
    one = keeper({})
    one.feed([row(0, 0)])
    for second in range(1, 100):
        one.tick(at(second), link_since=at(second))
    assert told(one) == []
    for second in range(100, 140):
        one.tick(at(second), link_since=at(100))
    assert told(one) == [("gateway:gw-1", "comms.gateway", "raised", 130)]


def test_a_point_belongs_to_the_gateway_that_reported_it_last_also_after_a_restart() -> None:
    two = keeper({}, {}, gateways=("gw-1", "gw-2"))
    reported_by = np.array([two.engine.gateways["gw-1"], two.engine.gateways["gw-2"]], np.int32)
    batch = readings([row(0, 0), row(1, 0)])
    proposal = two.engine.judge(batch, now=at(0), reported_by=reported_by)
    two.states = {(state.key, state.rule): state for state in proposal.states}
    two.last.time[:] = two.last.received[:] = at(0)
    two.restart()
    for second in range(10, 70, 10):
        two.feed([row(0, second)])
        pass_time(two, second, second + 10)
    assert told(two) == [("gateway:gw-2", "comms.gateway", "raised", 30)]


def test_a_gateway_whose_points_others_took_over_reports_again_not_for_the_first_time() -> None:
    two = keeper({}, {}, gateways=("gw-1", "gw-2"))
    first, second = (two.engine.gateways[name] for name in ("gw-1", "gw-2"))

    def by(rows: list[Row], *gateways: int) -> None:
        reported_by = np.array(gateways, np.int32)
        proposal = two.engine.judge(readings(rows), now=rows[-1][2], reported_by=reported_by)
        two.states |= {(state.key, state.rule): state for state in proposal.states}
        two.engine.adopt(proposal)
        two.events += proposal.events

    by([row(0, 0), row(1, 0)], first, second)
    for seconds in range(10, 40, 10):
        by([row(0, seconds)], first)
        pass_time(two, seconds, seconds + 10)
    by([row(1, 50)], first)
    two.last.time[:] = two.last.received[:] = at(50)
    two.restart()
    by([row(0, 60)], second)
    assert [event.message_zh for event in two.events if event.rule == "comms.gateway"] == [
        *("网关 gw-2 全部测点超时未上报", "网关 gw-2 恢复上报")
    ]


def out_of_range(seconds: float, value: float = 99.0) -> PointFault:
    return PointFault(
        reason="out_of_range", point=0, time=at(seconds), received=at(seconds), value=value
    )


def commit(keeper: Keeper, rows: list[Row], *faults: PointFault) -> None:
    proposal = keeper.engine.judge(readings(rows), now=at(0), faults=faults)
    keeper.engine.adopt(proposal)
    keeper.events += proposal.events


def test_a_number_far_outside_the_range_raises_a_sensor_alarm_until_a_proper_reading() -> None:
    one = keeper({})
    commit(one, [], out_of_range(1), out_of_range(2))
    commit(one, [row(0, 3)])
    assert told(one) == [
        ("P0", "sensor.range", "raised", 1),
        ("P0", "sensor.range", "returned", 3),
    ]
    assert one.events[0].kind.value == "sensor"


def test_fault_and_proper_reading_of_one_batch_are_taken_in_order_of_time() -> None:
    one = keeper({})
    commit(one, [row(0, 1), row(0, 3)], out_of_range(2), out_of_range(4))
    assert [change for *_, change, _ in told(one)] == ["raised", "returned", "raised"]


def test_a_calibrating_reading_is_not_proper() -> None:
    one = keeper({})
    commit(one, [row(0, 2, quality=3)], out_of_range(1))
    assert told(one) == [("P0", "sensor.range", "raised", 1)]


def test_a_stamp_in_the_future_raises_the_gateways_clock_alarm_until_a_right_one() -> None:
    one = keeper({})
    ahead = PointFault(
        reason="future_time", gateway="gw-1", time=at(1), received=at(1), stamp=at(3601)
    )
    commit(one, [row(0, 1, quality=CORRECTED | 1)], ahead)
    commit(one, [row(0, 2, quality=CORRECTED | 1)])
    assert told(one) == [("gateway:gw-1", "comms.clock", "raised", 1)]
    commit(one, [row(0, 3)])
    assert told(one)[-1] == ("gateway:gw-1", "comms.clock", "returned", 3)
    stamp = instants.to_text(at(3601))
    raised, returned = one.events
    assert f"超前约 60 分钟（时间戳 {stamp}）" in raised.message_zh
    assert f"clock about 60 min (stamp {stamp}) ahead" in raised.message_en
    assert stamp not in returned.message_zh + returned.message_en
