"""A child process that is started, watched, started again when it dies, and stopped cleanly."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from alarms.errors import UnavailableError

LAUNCH: Final = Path(__file__).with_name("launch.py")
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0
STEADY_S: Final = 30.0
LARGEST_LOG_BYTES: Final = 16 * 1024 * 1024

logger = logging.getLogger("fengsui.embedded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run and how to end it; `ending` is also what it gets when this process dies."""

    name: str
    argv: tuple[str, ...]
    log: Path
    ending: signal.Signals = signal.SIGTERM
    patience_s: float = 15.0
    env: Mapping[str, str] = field(default_factory=dict)
    user: tuple[int, int] | None = None


async def _at_once() -> None:
    return


class Kept:
    """One program kept running until `stop`; `ready` returns when it serves, or raises."""

    def __init__(
        self, program: Program, *, ready: Callable[[], Awaitable[None]] = _at_once
    ) -> None:
        self.program = program
        self.restarts = 0
        self._ready = ready
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """Return the process id of the present process, if one runs."""
        if self._process is None or self._process.returncode is not None:
            return None
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Return the exit code when the process has ended (negative: by that signal)."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Start, wait until it serves, and watch from then on.

        Raises UnavailableError with the log's last lines when it ends before it serves.
        """
        try:
            await self._spawn()
            await self._serving()
        except BaseException:
            await self._end()
            raise
        self._watch = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")

    async def stop(self) -> None:
        """End the process as it wants to be ended, and with SIGKILL if it does not obey in time."""
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        await self._end()

    async def _spawn(self) -> None:
        program = self.program
        program.log.parent.mkdir(parents=True, exist_ok=True)
        user = "-" if program.user is None else f"{program.user[0]}:{program.user[1]}"
        with _opened_log(program.log) as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", str(LAUNCH), str(os.getpid()), program.ending.name, user),
                *program.argv,
                stdin=asyncio.subprocess.PIPE,  # closes with us: the second way a child can know
                stdout=log,
                stderr=log,
                env={**os.environ, **program.env},
                start_new_session=True,  # Ctrl-C comes to us alone; we end the children in order
            )

    async def _serving(self) -> None:
        """Wait for `ready`, but no longer than the process lives."""
        process = self._present()
        ready = asyncio.ensure_future(self._ready())
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                return
            raise UnavailableError(
                f"{self.program.name} was to be started, but it ended at once with code "
                f"{process.returncode}; its log {self.program.log} says: "
                f"{last_lines(self.program.log)}"
            )
        finally:
            for waiting in (ready, ended):
                waiting.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = FIRST_PAUSE_S
        while not self._stopping:
            since = loop.time()
            code = await self._present().wait()
            if loop.time() - since > STEADY_S:
                pause_s = FIRST_PAUSE_S
            logger.warning(
                "%s ended unexpectedly with code %s; it is started again in %.1f s (log: %s)",
                self.program.name,
                code,
                pause_s,
                self.program.log,
            )
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
            self.restarts += 1
            try:
                await self._spawn()
                await self._serving()
            except (UnavailableError, OSError) as fault:
                logger.error("%s could not be started again: %s", self.program.name, fault)  # noqa: TRY400
            else:
                logger.warning("%s is running again, pid %s", self.program.name, self.pid)

    def _present(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"{self.program.name} was not started")
        return self._process

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.program.ending)
            try:
                await asyncio.wait_for(process.wait(), self.program.patience_s)
            except TimeoutError:
                logger.warning(
                    "%s did not end within %.0f s of %s and is killed",
                    self.program.name,
                    self.program.patience_s,
                    self.program.ending.name,
                )
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.stdin is not None:
            process.stdin.close()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await process.stdin.wait_closed()


def last_lines(log: Path, *, count: int = 6) -> str:
    """Return the last lines of a log on one line, for a message; empty when there is none."""
    try:
        with log.open("rb") as lines:
            lines.seek(max(0, log.stat().st_size - 4096))
            text = lines.read().decode(errors="replace")
    except OSError:
        return ""
    return " | ".join(line.strip() for line in text.splitlines()[-count:] if line.strip())


def _opened_log(log: Path) -> IO[bytes]:
    """Open a log for appending, 0600; one that has grown large steps aside as `.old` first."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LARGEST_LOG_BYTES:
            log.replace(log.with_name(log.name + ".old"))
    return os.fdopen(
        os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab"
    )
