"""The error tree: what callers branch on is an attribute, what people read is one sentence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

SHOWN: Final = 200
"""Faults or warnings of one file that a person is shown; a machine gets all of them."""


class FengsuiError(Exception):
    """Something a person can mend; the message says what was wanted, what was there, what to do."""


class SettingError(FengsuiError):
    """A setting is unknown or has a value that cannot be used."""


class UnavailableError(FengsuiError):
    """A server that this work needs (database, broker) cannot be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of a file: where it stands and what is wrong with it."""

    line: int
    place: str
    problem: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.place}: {self.problem}"


class RefusedError(FengsuiError):
    """A file was refused whole; `faults` lists everything wrong with it, the message the first."""

    def __init__(self, what: str, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        shown = "\n".join(f"  {line}" for line in first(faults, "faults"))
        super().__init__(
            f"{what} was refused, nothing was changed; mend these and try again:\n{shown}"
        )


class ConflictError(FengsuiError):
    """An action does not fit the state a thing is in now; `current` is that state, if known."""

    def __init__(self, message: str, current: object = None) -> None:
        self.current = current
        super().__init__(message)


class NotFoundError(FengsuiError):
    """Nothing by that name exists, or not within the caller's scope."""


class NotAllowedError(FengsuiError):
    """The caller's role or scope does not cover this."""


def first(found: Sequence[object], what: str) -> Iterator[str]:
    """Yield a line for each of the first SHOWN, and how many more there are of `what`."""
    yield from map(str, found[:SHOWN])
    if len(found) > SHOWN:
        yield f"… and {len(found) - SHOWN} more {what}, {len(found)} in all"
