"""How the console gets into the distribution: the stamp, the choice of Node.js, the wheel."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import hatch_build

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "dashboards" / "console"


@pytest.fixture
def console(tmp_path: Path) -> Path:
    """A console's folder as the hook sees it, built long ago."""
    for name, text in (
        ("src/main.ts", "1"),
        ("index.html", "<!doctype html>"),
        ("package-lock.json", "{}"),
        ("tests/one.test.ts", "1"),
        ("dist/index.html", "built"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "dist" / ".stamp").write_text(hatch_build.digest(tmp_path))
    return tmp_path


def test_a_built_console_is_reused_while_its_sources_are_the_same(console: Path) -> None:
    assert hatch_build.is_fresh(console)
    (console / "tests/one.test.ts").write_text("2")
    assert hatch_build.is_fresh(console)
    (console / "src/main.ts").write_text("2")
    assert not hatch_build.is_fresh(console)


def test_a_renamed_source_makes_it_stale(console: Path) -> None:
    (console / "src/main.ts").rename(console / "src/other.ts")
    assert not hatch_build.is_fresh(console)


def test_a_fresh_console_needs_no_node(console: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("FENGSUI_NODE", raising=False)
    hatch_build.make_fresh(console)
    assert (console / "dist/index.html").read_text() == "built"


def test_skip_leaves_a_stale_console_as_it_is(
    console: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (console / "src/main.ts").write_text("2")
    monkeypatch.setenv("FENGSUI_NODE", "skip")
    hatch_build.make_fresh(console)
    assert (console / "dist/index.html").read_text() == "built"


def test_without_node_the_build_says_what_to_do(
    console: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (console / "src/main.ts").write_text("2")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("FENGSUI_NODE", "system")
    with pytest.raises(hatch_build.ConsoleBuildError, match=r"no Node\.js 20\.19.*install one"):
        hatch_build.make_fresh(console)


def test_a_word_that_is_no_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENGSUI_NODE", "deno")
    with pytest.raises(hatch_build.ConsoleBuildError, match="wanted system, wheel or skip"):
        hatch_build.choice()


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.19.0", True),
        ("", False),
    ],
)
def test_node_is_new_enough_from_20_19_and_22_12_on(version: str, *, enough: bool) -> None:
    assert hatch_build.is_new_enough(version) is enough


def test_the_locked_packages_name_no_registry() -> None:
    lock = (CONSOLE / "package-lock.json").read_text(encoding="utf8")
    assert '"resolved"' not in lock
    assert re.search(r"registry\.|\.tgz", lock) is None


def test_the_wheel_carries_the_built_console_and_not_its_sources(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    prefix = "dashboards/console/"
    assert f"{prefix}dist/index.html" in names
    assert any(name.startswith(f"{prefix}dist/assets/feed.worker-") for name in names)
    assert [n for n in names if n.startswith(prefix) and not n.startswith(f"{prefix}dist/")] == []
