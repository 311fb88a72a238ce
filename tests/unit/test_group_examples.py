"""Groups of the examples on their scenarios: silent in quiet time, heard in the incident."""

from functools import cache

import pytest

from alarms.alarm import ProcessEvent
from fengsui.backtest.rehearsal import plant_of
from tests.unit.plants import SECOND, START
from tests.unit.streams import Keeper, Row
from tests.unit.test_scenarios import EXAMPLES, NAMES, series


@cache
def told(name: str) -> list[ProcessEvent]:
    plant, _ = plant_of((EXAMPLES / f"{name}.yaml").read_bytes(), name)
    keeper = Keeper(plant)
    members = {tag for group in plant.groups for tag in group.tags}
    batches: dict[int, list[Row]] = {}
    for row, point in enumerate(plant.points):
        if point.tag in members:
            for second, value in series(name, 1900)[point.tag]:
                now = START + second * SECOND
                batches.setdefault(second, []).append((row, now, now, value, 0))
    for second in sorted(batches):
        keeper.feed(batches[second])
        keeper.tick(START + second * SECOND + 900_000)
    return [event for event in keeper.events if event.rule.startswith("group.")]


@pytest.mark.parametrize("name", NAMES)
def test_no_group_speaks_before_the_incident(name: str) -> None:
    assert all(event.t_change >= START + 30 * SECOND for event in told(name))


@pytest.mark.parametrize(
    ("name", "rules"),
    [("coal-mine", set()), ("tank-farm", {"group.vote"}), ("gas-line", {"group.balance"})],
)
def test_the_incidents_are_heard_by_the_groups_they_concern(name: str, rules: set[str]) -> None:
    """The mine's power goes off in time, its doors open in turn and its airflow is undisturbed."""
    assert {event.rule for event in told(name)} == rules


def test_a_damaged_main_is_missed_by_the_balance_of_its_section() -> None:
    first = told("gas-line")[0]
    assert first.t_change == START + 226 * SECOND
    assert first.value == pytest.approx(25_000, rel=0.2)
    assert "疑似泄漏" in first.message_zh
