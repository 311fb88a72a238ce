"""Every transition of an alarm has been seen red: each breach of one is found by a story.

Rows are those of the table in the specification of an alarm's life (alarms.md 1.5): 29 and 19b.
"""

import os
import shutil
import subprocess
import sys
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


def test_every_row_of_the_table_has_a_breach() -> None:
    rows = {breach.row.partition(":")[0] for breach in BREACHES}
    assert rows == {str(number) for number in range(1, 30)} | {"19b"}


@pytest.mark.parametrize("breach", BREACHES, ids=[breach.row for breach in BREACHES])
def test_a_broken_transition_turns_a_story_red(tmp_path: Path, breach: Breach) -> None:
    for room in ("alarms", "ingest", "fengsui"):
        shutil.copytree(ROOT / room, tmp_path / room)
    shutil.copytree(ROOT / "tests" / "unit", tmp_path / "tests" / "unit")
    shutil.copy(ROOT / "tests" / "__init__.py", tmp_path / "tests")
    spoilt = tmp_path / breach.file
    text = spoilt.read_text()
    assert text.count(breach.old) == 1, f"{breach.file} says that no more, or twice"
    spoilt.write_text(text.replace(breach.old, breach.new))
    told = subprocess.run(
        # Neither our configuration nor its plug-ins: the stories need none, and start sooner.
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "--noconftest", "-p", "no:cacheprovider"),
            *("-c", os.devnull, f"--rootdir={tmp_path}", f"tests/unit/{breach.story}"),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == pytest.ExitCode.TESTS_FAILED, told.stdout + told.stderr
