"""The supervisor of `fengsui serve`: starts the server's processes, watches them, stops them."""

import asyncio
import contextlib
import logging
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Final

from alarms.errors import FengsuiError
from fengsui.settings import Settings, clean_environment

_log = logging.getLogger(__name__)

ROLES: Final = ("ingest", "api")
_STEADY_S: Final = 10.0
"""A child that ran this long has started well: its end is an accident, and it starts anew."""
_LONGEST_WAIT_S: Final = 15.0
_STOP_S: Final = 20.0
"""How long a child may take to finish its batch and say goodbye before it is killed."""


async def supervise(settings: Settings, stop: asyncio.Event) -> None:
    """Run one process a role until `stop` is set; each is started again when it dies.

    Raises FengsuiError when a child ends at once at its first start: its own message said why.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for role in ROLES:
                group.create_task(_keep(role, settings, stop), name=f"keep {role}")
    except ExceptionGroup as failed:
        said, other = failed.split(FengsuiError)
        if said is None or other is not None:
            raise
        raise said.exceptions[0] from None


def stop_on_signals(stop: asyncio.Event) -> None:
    """Set `stop` on Ctrl-C and on SIGTERM."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)


async def stop_when_orphaned(stop: asyncio.Event) -> None:
    """Set `stop` when standard input closes: the supervisor that held its other end is gone."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()
    stop.set()


async def _keep(role: str, settings: Settings, stop: asyncio.Event) -> None:
    """Keep one child running until `stop`."""
    clock = asyncio.get_running_loop().time
    wait_s, settled = 0.5, False
    while not stop.is_set():
        started = clock()
        child = await _start(role, settings)
        code = await _run_until(child, stop)
        if stop.is_set():
            return
        if clock() - started >= _STEADY_S:
            wait_s, settled = 0.5, True
        elif not settled and code in (1, 2):
            stop.set()
            raise FengsuiError(f"the {role} process did not start; its message stands above")
        _log.error(
            "the %s process ended with code %s; starting it again in %.1f s", role, code, wait_s
        )
        await _sleep_or_stop(wait_s, stop)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


async def _start(role: str, settings: Settings) -> Process:
    """Start a child that ends by itself when this process does."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fengsui",
        "serve",
        "--role",
        role,
        "--no-migrate",
        "--supervised",
        stdin=PIPE,
        env=clean_environment() | settings.environment(),
        start_new_session=True,
    )


async def _run_until(child: Process, stop: asyncio.Event) -> int:
    """Wait for a child's end, or for `stop` and then end it."""
    ended = asyncio.create_task(child.wait(), name=f"wait for {child.pid}")
    stopped = asyncio.create_task(stop.wait(), name=f"stop of {child.pid}")
    try:
        await asyncio.wait({ended, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await _end(child, ended)
        return await ended
    finally:
        stopped.cancel()
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()


async def _end(child: Process, ended: "asyncio.Task[int]") -> None:
    """Ask a child to stop, and kill it if it does not."""
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    done, _ = await asyncio.wait({ended}, timeout=_STOP_S)
    if not done:
        _log.error("process %d did not stop within %.0f s and is killed", child.pid, _STOP_S)
        with contextlib.suppress(ProcessLookupError):
            child.kill()


async def _sleep_or_stop(seconds: float, stop: asyncio.Event) -> None:
    """Sleep, but wake at once for `stop`."""
    waiter = asyncio.create_task(stop.wait(), name="backoff")
    await asyncio.wait({waiter}, timeout=seconds)
    waiter.cancel()
