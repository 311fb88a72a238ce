"""What the commands of the field share: signals that stop, a status line, errors in words."""

import functools
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ParamSpec, TypeVar

import click
from rich.console import Console
from rich.progress import Progress

from alarms.errors import FengsuiError
from simulators.errors import RequestError, SimulatorError

_P = ParamSpec("_P")
_R = TypeVar("_R")


def worded(command: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn the simulators' errors into ours: wrong words exit 2, failed work exits 1."""

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return command(*args, **kwargs)
        except RequestError as error:
            raise click.UsageError(str(error)) from error
        except SimulatorError as error:
            raise FengsuiError(str(error)) from error

    return run


@contextmanager
def stopping(stop: threading.Event) -> Iterator[None]:
    """Set stop on Ctrl-C and SIGTERM instead of dying, so that gateways can say farewell."""

    def halt(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, halt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def status_line() -> Iterator[Callable[[str], None]]:
    """Show one line that changes, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _line: None
        return
    with Console(stderr=True).status("connecting") as status:
        yield lambda line: status.update(line)


@contextmanager
def progress_bar(total: int, title: str) -> Iterator[Callable[[int], None]]:
    """Show a bar that reaches total, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _done: None
        return
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)
