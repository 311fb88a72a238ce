"""Run stories of copies of the source, each in a fork of one process that imported what they share.

Reads a copy's folder and a story, a line each; answers each pair with pytest's exit code. What
pytest said lies beside the copy's rooms, in `said`.
"""

import gc
import importlib
import os
import sys
from pathlib import Path
from typing import Any, Final

import numba
import pytest

_SHARED: Final = ("hypothesis", "msgspec", "numpy", "yaml")
"""What stories and the core import from outside the copy: most of the time of a start."""


def main() -> None:
    """Answer until the input ends."""
    for name in _SHARED:
        importlib.import_module(name)
    first: Any = numba.njit(lambda: 0)
    first()  # what the first loop loads, every other needs
    gc.freeze()
    while folder := sys.stdin.readline().rstrip("\n"):
        story = sys.stdin.readline().rstrip("\n")
        child = os.fork()
        if child == 0:
            os._exit(_tell(Path(folder), story))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _tell(folder: Path, story: str) -> int:
    """Run one story where the copy is all there is of the source."""
    said = os.open(folder / "said", os.O_CREAT | os.O_WRONLY)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    # Neither our configuration nor its plug-ins: the stories need none, and start sooner.
    words = ["-q", "-x", "--noconftest", "-p", "no:cacheprovider", "-c", os.devnull]
    code = pytest.main([*words, f"--rootdir={folder}", f"tests/unit/{story}"])
    sys.stdout.flush()
    return int(code)


if __name__ == "__main__":
    main()
