"""Coal mines: emission of gas as a computed point, and the network's abnormal type on alarms."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alarms import mine_types
from alarms.alarm import Alarm, ProcessEvent, Transition
from alarms.lifecycle import step
from alarms.plant import Raise
from alarms.readings import Quality
from alarms.registry import Known, parse
from alarms.rulepacks.reading import shipped
from alarms.storage.documents import document
from alarms.wording import Behind, raised_by_event
from fengsui.backtest import rehearsal
from fengsui.backtest.recorded import Chunk
from tests.unit.plants import SECOND, START, at, plant, point
from tests.unit.streams import Keeper
from tests.unit.test_engine_limits import row
from tests.unit.test_scenarios import EXAMPLES, KNOWN, series

PAGE = Path(__file__).parents[2] / "docs" / "registry.md"
MINE = EXAMPLES / "coal-mine.yaml"


def with_emission() -> bytes:
    """Return the example with the two points that the registry's page gives for it."""
    shown: str
    (shown,) = re.findall(r"```yaml\n( +- \{tag: F3301\.QG.*?)```", PAGE.read_text("utf-8"), re.S)
    whole = MINE.read_text("utf-8")
    place = whole.index("              - {tag: F3301.FD,")
    return (whole[:place] + shown + whole[place:]).encode()


@cache
def incident() -> rehearsal.Outcome:
    found, _ = rehearsal.plant_of(with_emission(), "coal-mine")
    rows = [
        (second, place, value)
        for place, each in enumerate(found.points)
        for second, value in series("coal-mine", 1900).get(each.tag, ())
    ]
    rows.sort()
    second, place, value = (np.array(column) for column in zip(*rows, strict=True))
    chunk = Chunk(
        point=place.astype(np.int32),
        stamp=START + second * SECOND,
        value=value,
        quality=np.zeros(len(rows), np.int16),
        clock=START + second * SECOND,
    )
    return rehearsal.run(found, [chunk])


def test_a_rise_of_emission_is_told_where_the_gas_stays_below_its_limit() -> None:
    """The face surges from second 740 to 980; more than 20 % for a minute raises."""
    told = {tag: [each for each in incident().occurrences if each.key == f"JCD-01/{tag}"]
            for tag in ("F3301.QR", "F3301.T2")}  # fmt: skip
    (alarm,) = told["F3301.QR"]
    assert (alarm.rule, alarm.limit) == ("limit.high", 20)
    assert 740 + 60 < (alarm.t_raised - START) / SECOND < 900
    assert alarm.t_returned is not None
    assert "limit.high" not in {each.rule for each in told["F3301.T2"]}


def test_no_mine_may_file_a_looser_rise_under_that_rule() -> None:
    text = with_emission().decode().replace("limits: {h: 20}", "limits: {h: 25}")
    with pytest.raises(Exception, match=r"is 25 %.*瓦斯异常涌出实时监控制度.*at most 20 \[V2\]"):
        parse(text.encode(), Known(regions=KNOWN.regions, gateways={}))


def mine(*, kind: str = "coal_mine", **settings: Any) -> Keeper:
    given = {
        "quantity": "methane",
        "engineering_unit": "%CH4",
        "range": (0.0, 4.0),
        "limits": {"l": 0.1, "h": 1.0, "cut": 1.5, "reset": 1.0},
        "on_delay_s": 0.0,
        "off_delay_s": 0.0,
    }
    return Keeper(plant([point("T1", **(given | settings))], kind=kind))


def types(events: list[ProcessEvent]) -> list[tuple[str, str, str]]:
    return [(event.rule, event.change.value, event.abnormal_type) for event in events]


def test_a_limit_alarm_is_over_a_limit_and_at_its_cut_a_power_cut() -> None:
    keeper = mine()
    keeper.feed([row(0, 1.2), row(1, 1.6), row(2, 0.5), row(3, 0.05)])
    assert types(keeper.events) == [
        ("limit.high", "raised", "001"),
        ("limit.high", "tier_up", "002"),
        ("limit.high", "returned", "002"),
        ("limit.low", "raised", "001"),
    ]


def test_the_alarms_document_keeps_the_type_whatever_follows() -> None:
    keeper = mine()
    keeper.feed([row(0, 1.6), row(5, 1.6, Quality.bad), row(10, 1.6), row(15, 0.5)])
    alarm: Alarm | None = None
    for event in keeper.events:
        alarm = step(alarm, event, now=event.t_received).alarm
        assert alarm is not None
        assert document(alarm, t_committed=None)["abnormal_type"] == "002"
    assert Transition.quality in {event.change for event in keeper.events}


def test_a_tier_raised_by_a_regions_table_leaves_the_type_as_it_was() -> None:
    keeper = mine()
    keeper.feed([row(0, 1.2)])
    alarm = step(None, keeper.events[0], now=at(0)).alarm
    raised = raised_by_event(
        keeper.plant, (0, 1), Raise(tier="red", peak=1.2), at=at(0),
        behind=Behind(time=at(0), received=at(0), value=1.2, quality=0),
    )  # fmt: skip
    after = step(alarm, raised, now=at(0)).alarm
    assert after is not None
    assert (after.tier.name, after.abnormal_type) == ("red", "001")


def test_a_forecast_warns_of_the_limit_it_speaks_of() -> None:
    rising, falling = mine(), mine()
    for second in range(0, 1200, 10):
        rising.feed([row(second, 0.3 + second * 0.0005)])
        falling.feed([row(second, 0.9 - second * 0.0006)])
    assert {found for rule, _, found in types(rising.events) if rule == "forecast.h"} == {"009"}
    assert {found for rule, _, found in types(falling.events) if rule == "forecast.l"} == {"010"}


def test_a_sensor_past_its_scale_or_long_under_calibration_has_a_type_a_failed_one_none() -> None:
    keeper = mine(limits={})
    marks = [Quality.fault] * 10 + [Quality.good] + [Quality.calibrating] * 725
    keeper.feed([(0, at(10 * n), at(10 * n), 0.4, mark) for n, mark in enumerate(marks)])
    assert {(rule, found) for rule, _, found in types(keeper.events)} == {
        ("sensor.failed", ""),
        ("sensor.calibrating", "007"),
    }


def test_outside_coal_mines_there_is_no_type() -> None:
    keeper = mine(kind="tank_farm")
    keeper.feed([row(0, 1.2)])
    assert types(keeper.events) == [("limit.high", "raised", "")]


def test_the_types_are_those_of_the_pack() -> None:
    known = {
        code.code
        for entry in shipped()
        for code in entry.codes
        if code.table == "abnormal_type" and code.mark == "V2"
    }
    told = {mine_types.OVER, mine_types.CUT, mine_types.UPPER, mine_types.LOWER}
    assert told | set(mine_types._OF_RULES.values()) == known - {"004", "005", "006"}


def test_a_power_cut_that_fails_is_a_feeder_fault() -> None:
    whole, _ = rehearsal.plant_of(MINE.read_bytes(), "coal-mine")
    (group,) = (each for each in whole.groups if each.kind == "power_cut")
    assert mine_types.abnormal_type(whole, group, "group.power_cut") == "003"
    assert mine_types.abnormal_type(whole, group, "group.vote") == ""
