"""`fengsui import`: what it prints, what it refuses, and that a refused file changes nothing."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fengsui.commands.import_ import command
from fengsui.settings import Settings, clean_environment

EXAMPLES = Path(__file__).parents[2] / "examples"
Import = Callable[..., Result]


@pytest.fixture
def run(database: str, tmp_path: Path) -> Import:
    settings = Settings(database_url=database, data_dir=tmp_path)

    def invoke(*words: str, text: bytes | None = None) -> Result:
        return CliRunner().invoke(command, list(words), obj=settings, input=text)

    return invoke


def test_json_counts_warnings_and_sources(run: Import) -> None:
    done = run(str(EXAMPLES / "tank-farm.yaml"), "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert (found["created"], found["changed"], found["unchanged"]) == (58, 0, 0)
    assert found["warnings"] == []
    assert found["sources"][0] == {
        "enterprise": "DYD-01",
        "code": "DYD01-R001",
        "s": 20.0,
        "r": 60.0,
        "level": 2,
    }


def test_the_same_file_again_changes_nothing(run: Import) -> None:
    run(str(EXAMPLES / "tank-farm.yaml"))
    found = json.loads(run(str(EXAMPLES / "tank-farm.yaml"), "--json").stdout)
    assert (found["created"], found["changed"], found["unchanged"]) == (0, 0, 58)


def test_people_see_counts_by_kind_and_the_level_of_each_source(run: Import) -> None:
    shown = run(str(EXAMPLES / "gas-line.yaml")).stdout
    assert "created" in shown
    assert "10.8" in shown
    assert "三级" in shown


def test_a_dry_run_changes_nothing(run: Import) -> None:
    for _ in range(2):
        done = run(str(EXAMPLES / "coal-mine.yaml"), "--dry-run", "--json")
        assert json.loads(done.stdout)["created"] == 59


def test_a_refused_file_names_every_line_and_changes_nothing(run: Import, tmp_path: Path) -> None:
    wrong = (EXAMPLES / "tank-farm.yaml").read_text("utf-8")
    wrong = wrong.replace("kind: tank_farm", "kind: tankfarm").replace("hh: 5.6", "hh: 5.0")
    file = tmp_path / "wrong.yaml"
    file.write_text(wrong, "utf-8")
    done = run(str(file), "--json")
    faults = json.loads(done.stdout)["faults"]
    assert done.exit_code == 1
    assert len(faults) == 6
    assert str(done.exception).count("line ") == 6
    assert json.loads(run(str(EXAMPLES / "tank-farm.yaml"), "--json").stdout)["created"] == 58


def test_warnings_go_to_standard_error(run: Import) -> None:
    run(str(EXAMPLES / "tank-farm.yaml"))
    real = (EXAMPLES / "tank-farm.yaml").read_bytes()
    done = run("-", text=real.replace(b"simulated: true", b"simulated: false"))
    assert "from now on its alarms leave as real ones" in done.stderr
    assert "warning" not in done.stdout


def test_an_empty_database_gets_its_schema_first(empty_database: str, tmp_path: Path) -> None:
    settings = Settings(database_url=empty_database, data_dir=tmp_path)
    words = [str(EXAMPLES / "tank-farm.yaml"), "--json"]
    done = CliRunner().invoke(command, words, obj=settings)
    assert json.loads(done.stdout)["created"] == 58


def test_a_file_that_is_not_there_is_a_wrong_word(run: Import) -> None:
    assert run("nowhere.yaml").exit_code == 2


def test_the_command_itself_refuses_on_standard_error_and_exits_1(
    database: str, tmp_path: Path
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text("enterprises: [{code: E1}]", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "fengsui", "import", str(file)],
        env={**clean_environment(), "FENGSUI_DATABASE_URL": database},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert "line 1: enterprises[0]: name is missing" in done.stderr
    assert "line 1: enterprises[0]: region is missing" in done.stderr


GRADED = """
enterprises:
  - code: E1
    name: 某矿
    region: "510603"
    sources:
      - code: S1
        name: 矿井
        kind: coal_mine
        units:
          - code: U1
            name: 工作面
            kind: working_face
            points:
              - {tag: M1, quantity: methane, unit: "%CH4", limits: {h: 1.0, cut: 1.5, reset: 1.0},
                 sector: T1, tiers: {cut: orange}}
"""
TABLE = 'tiers: [{region: "510000", quantity: methane, limits: {h: red, cut: red}}]'


def test_a_table_for_registered_points_says_which_it_does_not_fit(run: Import) -> None:
    assert run("-", text=GRADED.encode()).exit_code == 0
    for words in (("--dry-run",), ()):
        done = run("-", *words, text=TABLE.encode())
        assert done.exit_code == 0, done.output
        assert "warning: E1/M1: tiers tier of h is red, of cut orange" in done.stderr


def test_a_point_that_does_not_fit_a_registered_table_is_refused(run: Import) -> None:
    assert run("-", text=TABLE.encode()).exit_code == 0
    done = run("-", "--json", text=GRADED.encode())
    (fault,) = json.loads(done.stdout)["faults"]
    assert (fault["line"], fault["place"].rpartition(".")[2]) == (16, "tiers")
