"""The source tree keeps the house rules."""

from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.house import rules

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "rule",
    [
        rules.too_long,
        rules.undescribed,
        rules.empty_names,
        rules.stray_sql,
        rules.core_that_stores,
    ],
    ids=lambda rule: rule.__name__,
)
def test_the_source_keeps_the_rule(rule: Callable[[Path], list[str]]) -> None:
    assert rule(ROOT) == []


def test_no_committed_file_names_a_registry_or_one_machines_folders() -> None:
    assert rules.foreign_places(rules.committed_files(ROOT)) == []


def test_no_other_distribution_ships_a_package_of_our_names() -> None:
    assert rules.intruders(distributions()) == []


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_readme_explains_every_setting_and_no_other(readme: str) -> None:
    assert rules.wrong_settings(ROOT, readme) == []
