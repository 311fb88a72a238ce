"""Writes the registry file of a scaled-up scenario from its example."""

from pathlib import Path

import yaml

from alarms.errors import FengsuiError
from simulators import cloning
from simulators.scenario import Scenario

_PLACES = (Path(__file__).parent, Path(__file__).parents[1])


def example(name: str) -> Path:
    """The example registry of a scenario: carried by the wheel, or in the checkout."""
    for place in _PLACES:
        file = place / "examples" / f"{name}.yaml"
        if file.is_file():
            return file
    raise FengsuiError(
        f"the example registry {name}.yaml was looked for in "
        f"{' and '.join(str(place / 'examples') for place in _PLACES)} and is in neither; "
        f"install fengsui again"
    )


def write(file: Path, scenario: Scenario, *, points: int) -> None:
    """Write the registry that names exactly the points this scenario publishes."""
    tree = yaml.safe_load(example(scenario.name).read_text(encoding="utf-8"))
    text = yaml.safe_dump(
        cloning.scaled(tree, scenario, points=points), allow_unicode=True, sort_keys=False
    )
    try:
        file.write_text(f"# {scenario.title}, {points} points, simulated.\n{text}", "utf-8")
    except OSError as error:
        raise FengsuiError(f"{file} cannot be written: {error.strerror}") from error
