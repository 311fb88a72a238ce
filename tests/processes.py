"""The product's own commands as real process groups: started, read, killed, restarted."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests import servers


class Process(Protocol):
    """What we ask of a process, as `subprocess.Popen` answers it."""

    @property
    def pid(self) -> int:
        """Return its id."""

    def poll(self) -> int | None:
        """Return how it ended; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return how it ended."""


class Launch(Protocol):
    """A way to start `fengsui <words>`; its outputs go to files that are there."""

    def __call__(
        self, words: Sequence[str], *, env: Mapping[str, str], folder: Path, out: Path, err: Path
    ) -> Process:
        """Start it in a folder, with this environment and no other."""


def whole(
    words: Sequence[str], *, env: Mapping[str, str], folder: Path, out: Path, err: Path
) -> Process:
    """Start it as users do: Python from nothing."""
    with out.open("wb") as output, err.open("wb") as errors:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "fengsui", *words],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )


launch: Launch = whole
"""How commands are started now; the fixture `forks` has it be as forks (tests.forking)."""


class Command:
    """One `fengsui …` process group; output goes to a file, so a pipe never blocks it."""

    def __init__(self, words: tuple[str, ...], *, env: Mapping[str, str], folder: Path) -> None:
        """`env` holds settings; the tester's own FENGSUI_ variables do not reach the command."""
        self.words = words
        self._folder = folder
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("FENGSUI_")}
        self._env = {**inherited, **env}
        self._process: Process | None = None
        self._runs = 0

    @property
    def pid(self) -> int:
        """Return the process id, which is the group's too."""
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Say whether the first process of the group lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Return how it ended; None while it runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Start it (again) with the same words, environment and working folder."""
        assert not self.running, "it runs already"
        self._runs += 1
        out, err = self._file("out"), self._file("err")
        out.touch()
        err.touch()
        self._process = launch(self.words, env=self._env, folder=self._folder, out=out, err=err)

    def output(self) -> str:
        """Return what the present run wrote to standard output."""
        return self._file("out").read_text(errors="replace")

    def errors(self) -> str:
        """Return what the present run wrote to standard error."""
        return self._file("err").read_text(errors="replace")

    def wait(self, deadline_s: float = 60) -> int:
        """Wait for its end and return the exit code; fail with its words when it does not end."""
        assert self._process is not None, "not started"
        try:
            return self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {deadline_s:g} s\n{self.report()}") from None

    def stop(self, deadline_s: float = 30) -> int:
        """Ask it to end as Ctrl-C or a service manager does; return the exit code."""
        if self.running:
            os.kill(self.pid, signal.SIGTERM)
        code = self.wait(deadline_s)
        self._end_group()
        return code

    def kill(self) -> None:
        """Kill -9 the whole group at once, as a power cut does."""
        self._end_group()
        if self._process is not None:
            self._process.wait()

    def report(self) -> str:
        """Return the command and the ends of its outputs, for a failing test's message."""
        return (
            f"$ fengsui {' '.join(self.words)}\n"
            f"--- standard output\n{self.output()[-3000:]}\n"
            f"--- standard error\n{self.errors()[-6000:]}"
        )

    def _end_group(self) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def _file(self, name: str) -> Path:
        return self._folder / f"{self.words[0]}-{id(self)}-{self._runs}.{name}"


class Serve(Command):
    """A `fengsui serve`: it has an address, and is ready when it says so."""

    def __init__(self, words: tuple[str, ...], *, env: Mapping[str, str], folder: Path) -> None:
        """Take a free port unless the environment names one."""
        port = env.get("FENGSUI_HTTP_PORT") or str(servers.free_port())
        self.url = f"http://127.0.0.1:{port}"
        super().__init__(words, env={**env, "FENGSUI_HTTP_PORT": port}, folder=folder)

    def start(self, *, deadline_s: float = 60) -> None:
        """Start and wait until it is ready to take readings and readers."""
        super().start()
        self.ready(deadline_s=deadline_s)

    def ready(self, *, deadline_s: float = 60) -> None:
        """Wait until `readyz` answers 200; fail with the logs when it ends or stays away."""

        def check() -> bool:
            if not self.running:
                raise AssertionError(f"it ended before it was ready\n{self.report()}")
            return _answers(f"{self.url}/api/v1/readyz")

        try:
            servers.until(check, deadline_s=deadline_s, what="readyz to answer 200", every_s=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from None


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  # loopback, by tests
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
