"""The wheel carries everything the product needs when it runs, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.rules import ROOMS

ROOT = Path(__file__).parents[2]
LARGEST_BYTES = 8 * 2**20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def carried(wheel: Path) -> list[str]:
    """The names of the files in the wheel."""
    with zipfile.ZipFile(wheel) as opened:
        return opened.namelist()


@pytest.mark.parametrize(
    "name",
    [
        "dashboards/console/dist/index.html",
        "alarms/storage/migrations/0001_record.sql",
        "alarms/regions/divisions.csv",
        "fengsui/examples/tank-farm.yaml",
        "fengsui/examples/gas-line.yaml",
        "fengsui/examples/coal-mine.yaml",
    ],
)
def test_the_wheel_carries(name: str, carried: list[str]) -> None:
    assert name in carried


def test_the_wheel_carries_every_rule_pack(carried: list[str]) -> None:
    packs = {f"alarms/rulepacks/{pack.name}" for pack in (ROOT / "alarms/rulepacks").glob("*.yaml")}
    assert packs
    assert packs <= set(carried)


def test_the_wheel_brings_our_packages_only(carried: list[str]) -> None:
    tops = {name.split("/")[0] for name in carried}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)


def test_the_wheel_leaves_the_consoles_workshop_at_home(carried: list[str]) -> None:
    assert [
        name
        for name in carried
        if "node_modules" in name or name.startswith("dashboards/console/src/")
    ] == []


def test_the_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < LARGEST_BYTES
