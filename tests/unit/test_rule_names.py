"""Every rule an alarm may come of has a name, the same in reports and on the console."""

import json
from pathlib import Path

import pytest

from alarms import (
    authenticity,
    clocks,
    deviations,
    faults,
    forecasts,
    outages,
    overload,
    peer_sensors,
    rates,
    rule_names,
    silence,
)
from alarms.plant import GROUP_KINDS
from alarms.rules import LEVEL_NAMES, RULES

I18N = Path(__file__).parents[2] / "dashboards" / "console" / "src" / "i18n"
RAISED = {
    *RULES,
    *(forecasts.PREFIX + level for level in LEVEL_NAMES),
    *(rates.RULE, deviations.RULE),
    *authenticity.RULES,
    *(faults.RANGE, outages.RULE, peer_sensors.COPIED, peer_sensors.DRIFT),
    *(silence.STALE, silence.GATEWAY, clocks.CLOCK),
    *(f"group.{kind}" for kind in GROUP_KINDS),
    *(f"system.{part}" for part in overload._PARTS),
}


def test_every_rule_that_raises_an_alarm_has_a_name_and_nothing_else_has() -> None:
    assert set(rule_names.NAMES) == RAISED


def test_no_two_rules_have_the_same_name() -> None:
    for names in zip(*rule_names.NAMES.values(), strict=True):
        assert len(set(names)) == len(names)


def test_a_rule_nobody_named_is_called_by_its_code() -> None:
    assert rule_names.name_of("limit.far") == ("limit.far", "limit.far")


@pytest.mark.parametrize(("place", "catalogue"), [(0, "zh-CN"), (1, "en")])
def test_the_console_calls_them_the_same(place: int, catalogue: str) -> None:
    told = json.loads((I18N / f"{catalogue}.json").read_text("utf-8"))
    names = {key: text for key, text in told.items() if key.startswith("rule.")}
    assert names == {f"rule.{rule}": name[place] for rule, name in rule_names.NAMES.items()}
