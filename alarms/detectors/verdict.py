"""What a rule over several points says of their values at one instant."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

Memory = Any
"""What a detector must remember from one instant to the next: JSON-able, None at rest."""


class Says(IntEnum):
    """ON raises and OFF clears; BETWEEN is inside the deadband; UNSURE lacks a member's value.

    BETWEEN lets a running delay run on. UNSURE stops it: missing values neither raise nor clear.
    FEARED lacks a value, too, but must not wait for it: from orange on its delay runs as if ON, and
    raises unconfirmed.
    """

    OFF = 0
    ON = 1
    BETWEEN = 2
    UNSURE = 3
    FEARED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer, the value it rests on and the bound that value is held against.

    `parts` are the places of the members (of the windows, in a balance) that decide it. `needed` of
    `of` is the vote in force, `lost` how many members have no value.
    """

    says: Says
    value: float | None = None
    limit: float | None = None
    parts: tuple[int, ...] = ()
    needed: int = 0
    of: int = 0
    lost: int = 0


class Detector(Protocol):
    """A rule over the values of its members, NaN where a member's value is bad or stale."""

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Return the verdict and what to remember; never raises on bad values."""


def against(value: float, bound: float, deadband: float) -> Says:
    """Hold a value against a bound it must not pass, NaN and infinite ones being UNSURE."""
    if not abs(value) < float("inf"):
        return Says.UNSURE
    if value > bound:
        return Says.ON
    return Says.OFF if value <= bound - deadband else Says.BETWEEN
