"""Every fence has been seen red: a breach planted in a copy of the source is found."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.house import readme_commands, rules

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the source that may be spoilt."""
    for room in rules.ROOMS:
        shutil.copytree(
            ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("node_modules", "*.pyc")
        )
    for file in ("pyproject.toml", "README.md", "README.zh-CN.md"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def _tool(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a checking tool of this environment in the copy."""
    program = str(Path(sys.executable).with_name(words[0]))
    return subprocess.run(
        [program, *words[1:]], cwd=copy, capture_output=True, text=True, check=False
    )


def _append(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as out:
        out.write(text)


def test_the_copy_is_clean_before_it_is_spoilt(copy: Path) -> None:
    checked = _tool(copy, "lint-imports", "--no-cache")
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("alarms/planted.py", "import ingest", "The star"),
        ("ingest/planted.py", "import api", "The star"),
        ("api/planted.py", "import fengsui.settings", "The star"),
        ("simulators/planted.py", "import alarms.readings", "Simulated gateways"),
        ("alarms/planted.py", "import asyncio", "The core is pure"),
        ("alarms/detectors/planted.py", "import time", "The core is pure"),
        ("alarms/planted.py", "import psycopg", "The core is pure"),
        ("alarms/planted.py", "import logging", "The core is pure"),
        ("ingest/decoders/planted.py", "import paho.mqtt.client", "One file of ingest"),
    ],
)
def test_an_import_against_the_star_turns_red(
    copy: Path, file: str, line: str, contract: str
) -> None:
    _append(copy / file, f'"""Planted."""\n\n{line}\n')
    checked = _tool(copy, "lint-imports", "--no-cache")
    assert checked.returncode == 1
    assert contract in checked.stdout.partition("Broken contracts")[2]


@pytest.mark.parametrize(
    "text",
    [
        "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n",
        "import time\n\nNOW = time.time_ns()\n",
        "from time import monotonic\n\nNOW = monotonic()\n",
        "import numpy as np\n\nDRAW = np.random.default_rng()\n",
    ],
)
def test_a_clock_or_chance_in_the_core_turns_red(copy: Path, text: str) -> None:
    _append(copy / "alarms/planted.py", f'"""Planted."""\n\n{text}')
    checked = _tool(copy, "ruff", "check", "--no-cache", "alarms/planted.py")
    assert checked.returncode == 1
    assert "TID251" in checked.stdout


def test_a_second_package_named_api_turns_red(tmp_path: Path) -> None:
    record = tmp_path / "other-1.0.dist-info" / "RECORD"
    _append(record, "api/__init__.py,,\nother/__init__.py,,\n")
    _append(tmp_path / "api/__init__.py", "")
    _append(record.with_name("METADATA"), "Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    found = rules.intruders(distributions(path=[str(tmp_path)]))
    assert found == ["other ships api/, which would stand in for ours"]


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_a_setting_the_readme_does_not_explain_turns_red(copy: Path, readme: str) -> None:
    settings = copy / "fengsui/settings.py"
    spoilt = settings.read_text().replace("    data_dir:", "    planted: int = 0\n    data_dir:", 1)
    settings.write_text(spoilt)
    found = rules.wrong_settings(copy, readme)
    assert found == [f"{readme} does not explain FENGSUI_PLANTED"]


def test_a_readme_that_explains_no_setting_of_ours_turns_red(copy: Path) -> None:
    _append(copy / "README.md", "\n| `FENGSUI_PLANTED` | nothing |\n")
    assert rules.wrong_settings(copy, "README.md") == [
        "README.md explains FENGSUI_PLANTED, which is no setting"
    ]


def test_a_broken_readme_command_turns_red(tmp_path: Path) -> None:
    readme = "<!-- runs -->\n```sh\nfengsui --version\nfengsui no-such-command\n```\n"
    done = readme_commands.run(readme_commands.runnable(readme), folder=tmp_path, env={})
    assert done.returncode == 2
    assert "no-such-command" in done.stdout


@pytest.mark.parametrize(
    ("rule", "file", "text"),
    [
        (rules.too_long, "api/planted.py", '"""Planted."""\n' + "\n" * 400),
        (rules.undescribed, "ingest/planted.py", "import json\n"),
        (rules.empty_names, "ingest/utils.py", '"""Planted."""\n'),
        (rules.empty_names, "ingest/planted.py", '"""Planted."""\n\n\nclass TagManager: ...\n'),
        (
            rules.stray_sql,
            "api/planted.py",
            '"""Planted."""\n\nQ = "select id from alarm where true"\n',
        ),
        (
            rules.core_that_stores,
            "alarms/detectors/planted.py",
            '"""Planted."""\n\nfrom alarms.storage import journal\n',
        ),
    ],
)
def test_a_broken_house_rule_turns_red(
    copy: Path, rule: Callable[[Path], list[str]], file: str, text: str
) -> None:
    before = rule(copy)
    _append(copy / file, text)
    assert [breach for breach in rule(copy) if breach not in before] != []


def test_a_registry_in_a_committed_file_turns_red(tmp_path: Path) -> None:
    file = tmp_path / "planted.lock"
    file.write_text("--index-url https://" + "pypi" + ".org/simple\n")
    assert len(rules.foreign_places([file])) == 1
