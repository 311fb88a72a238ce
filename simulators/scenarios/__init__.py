"""The scenarios by name."""

from simulators.errors import RequestError
from simulators.scenario import Scenario
from simulators.scenarios import coal_mine, gas_line, tank_farm

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (tank_farm.SCENARIO, gas_line.SCENARIO, coal_mine.SCENARIO)
}


def named(name: str) -> Scenario:
    """The scenario of a name; a wrong name raises RequestError with the list of right ones."""
    if name not in SCENARIOS:
        known = ", ".join(f"{scenario.name} ({scenario.title})" for scenario in SCENARIOS.values())
        raise RequestError(f"there is no scenario {name!r}; choose one of: {known}")
    return SCENARIOS[name]
