"""Air lock: do both of its doors stand open?"""

from dataclasses import dataclass
from typing import Final

from alarms.detectors.verdict import Memory, Says, Verdict

_OPEN: Final = 0.5
"""A door's state is 1 open, 0 shut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AirLock:
    """Two doors."""

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Return the verdict; one door known to be shut is enough to clear."""
        parts = tuple(place for place, value in enumerate(x) if value >= _OPEN)
        shut = any(value < _OPEN for value in x)
        says = Says.OFF if shut else Says.ON if len(parts) == len(x) else Says.UNSURE
        return Verdict(says=says, value=float(len(parts)), parts=parts), memory
