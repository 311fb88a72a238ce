"""Machine code is found again only where all it was compiled from is the same."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from alarms.compiled import kernel

INNER = """
from alarms.compiled import kernel

FACTOR = {factor}


@kernel
def scaled(x: float) -> float:
    return x * FACTOR
"""
OUTER = """
import sys

from alarms.compiled import kernel
from inner import scaled


@kernel
def outer(x: float) -> float:
    return scaled(x) + 1.0


print(outer(1.0), sum(outer.stats.cache_hits.values()))
"""


BELOW = """
from alarms.compiled import kernel


@kernel
def outer(x: float) -> float:
    return below(x) + 1.0


@kernel
def below(x: float) -> float:
    return x * {factor}


print(outer(1.0), sum(outer.stats.cache_hits.values()))
"""


def said(folder: Path, **more: str) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "outer.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root), **more},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def rewrite(file: Path, text: str) -> None:
    """Write a file anew, seconds later: Python tells a change by whole seconds and the size."""
    before = file.stat().st_mtime
    file.write_text(text)
    os.utime(file, (before + 2, before + 2))


def test_a_constant_changed_in_another_file_is_compiled_anew(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(OUTER)
    inner = tmp_path / "inner.py"
    inner.write_text(INNER.format(factor=2.0))
    assert said(tmp_path) == "3.0 0"
    assert said(tmp_path) == "3.0 1", "machine code is kept"
    rewrite(inner, INNER.format(factor=3.0))
    assert said(tmp_path) == "4.0 0"


def test_a_kernel_runs_where_nothing_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(OUTER)
    (tmp_path / "inner.py").write_text(INNER.format(factor=2.0))
    (tmp_path / "__pycache__").write_text("in the way")
    home = str(tmp_path / "outer.py")
    assert said(tmp_path, HOME=home, XDG_CACHE_HOME=home) == "3.0 0"


def test_a_kernel_further_down_in_the_file_counts(tmp_path: Path) -> None:
    outer = tmp_path / "outer.py"
    outer.write_text(BELOW.format(factor=2.0))
    assert said(tmp_path) == "3.0 0"
    assert said(tmp_path) == "3.0 1"
    rewrite(outer, BELOW.format(factor=3.0))
    assert said(tmp_path) == "4.0 0"


def test_a_kernel_counts_no_references_and_makes_no_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))  # kept code cannot be looked into

    @kernel
    def doubled(rows: NDArray[np.float64], found: NDArray[np.float64]) -> None:
        part = rows[1:]
        for i in range(len(part)):
            found[i] = 2.0 * part[i]

    @kernel
    def made(many: int) -> NDArray[np.float64]:
        return np.empty(many)

    found = np.zeros(2)
    doubled(np.arange(3.0), found)
    assert found.tolist() == [2.0, 4.0]
    code: Any = doubled
    assert not any("NRT_" in each for each in code.inspect_llvm().values())
    with pytest.raises(numba.NumbaError):
        made(3)
