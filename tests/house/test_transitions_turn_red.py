"""Every transition of an alarm has been seen red: each breach of one is found by a story.

Rows are those of the table in the specification of an alarm's life (alarms.md 1.5): 29 and 19b.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]


class Breach(NamedTuple):
    """A row of the table, broken: in `file`, `old` became `new`; `story` must turn red."""

    row: str
    file: str
    old: str
    new: str
    story: str


BREACHES = [
    Breach(**each) for each in yaml.safe_load((Path(__file__).parent / "breaches.yaml").read_text())
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stories need of this checkout, where links to it can be made."""
    folder = tmp_path_factory.mktemp("source")
    for room in ("alarms", "ingest", "fengsui"):
        shutil.copytree(ROOT / room, folder / room)
    shutil.copytree(ROOT / "tests" / "unit", folder / "tests" / "unit")
    shutil.copy(ROOT / "tests" / "__init__.py", folder / "tests")
    return folder


@pytest.fixture(scope="module")
def runner() -> Iterator[subprocess.Popen[str]]:
    """The process that runs stories, with nothing of this checkout in it."""
    # Without the script's own folder on its path; the copies' come first.
    words = [sys.executable, "-P", str(Path(__file__).with_name("story_runner.py"))]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with subprocess.Popen(
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=env | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    ) as running:
        yield running


def test_every_row_of_the_table_has_a_breach() -> None:
    rows = {breach.row.partition(":")[0] for breach in BREACHES}
    assert rows == {str(number) for number in range(1, 30)} | {"19b"}


@pytest.mark.parametrize("breach", BREACHES, ids=[breach.row for breach in BREACHES])
def test_a_broken_transition_turns_a_story_red(
    runner: subprocess.Popen[str], source: Path, tmp_path: Path, breach: Breach
) -> None:
    shutil.copytree(source, tmp_path, copy_function=os.link, dirs_exist_ok=True)
    spoilt = tmp_path / breach.file
    text = spoilt.read_text()
    assert text.count(breach.old) == 1, f"{breach.file} says that no more, or twice"
    spoilt.unlink()
    spoilt.write_text(text.replace(breach.old, breach.new))
    assert runner.stdin is not None
    assert runner.stdout is not None
    runner.stdin.write(f"{tmp_path}\n{breach.story}\n")
    runner.stdin.flush()
    told = runner.stdout.readline()
    assert told == f"{pytest.ExitCode.TESTS_FAILED:d}\n", (tmp_path / "said").read_text()
