"""Start our commands as forks of one process that has imported them: starts without their imports.

Each is `python -m fengsui …` but for what comes before its first line: a process group of its own,
with its own environment, folder and files. What a start itself does is seen where the e2e tests,
the house's and some of each command's own start it whole.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

_ROOT: Final = Path(__file__).parents[1]
_PR_SET_PDEATHSIG: Final = 1


class Forked:
    """A fork of the one process, with what `subprocess.Popen` tells of its own."""

    def __init__(self, pid: int, parent: "Parent") -> None:
        self.pid = pid
        self._parent = parent
        self._end = os.pidfd_open(pid)
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, as `Popen` does; None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended; raise `subprocess.TimeoutExpired` where it does not within that."""
        if self._code is None:
            poll = select.poll()
            poll.register(self._end, select.POLLIN)
            if not poll.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired("fengsui", timeout or 0)
            self._code = self._parent.ask(ended=self.pid)
            os.close(self._end)
        return self._code


class Parent:
    """The process that has imported our commands; it ends when this one does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(
        self, words: Sequence[str], *, env: Mapping[str, str], folder: Path, out: Path, err: Path
    ) -> Forked:
        """Start a command; its outputs go to files that are there."""
        wish = {"words": words, "env": env, "folder": str(folder), "files": [str(out), str(err)]}
        return Forked(self.ask(**wish), self)

    def ask(self, **wish: Any) -> int:
        """Ask one thing; return its answer, a number."""
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        with self._lock:
            asked.write(json.dumps(wish) + "\n")
            asked.flush()
            return int(told.readline())

    def end(self) -> None:
        """End it."""
        self._process.communicate()


def main() -> None:
    """Import, and fork for each who asks; a fork returns from here as the command it is."""
    for package in ("fengsui.commands", "fengsui.roles"):
        for found in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{found.name}")
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        wish = json.loads(line)
        if "ended" in wish:
            _, status = os.waitpid(wish["ended"], 0)
            _answer(answers, os.waitstatus_to_exitcode(status))
            continue
        child = os.fork()
        if child == 0:
            answers.close()
            _become(wish)
            runpy.run_module("fengsui", run_name="__main__", alter_sys=True)
            return
        _answer(answers, child)


def _answer(answers: IO[str], number: int) -> None:
    answers.write(f"{number}\n")
    answers.flush()


def _become(wish: dict[str, Any]) -> None:
    """Take everything on that a process of its own would have been started with."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    for number, name in enumerate([os.devnull, *wish["files"]]):
        opened = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, closefd=False)
    os.environ.clear()
    os.environ.update(wish["env"])
    time.tzset()
    os.chdir(wish["folder"])
    sys.argv[1:] = wish["words"]


if __name__ == "__main__":
    main()
