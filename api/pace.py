"""How often one caller may ask: a bucket each, so that a loop gone wild harms nobody else."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

CALLS_PER_S: Final = 100.0
CALLS_AT_ONCE: Final = 3_000
"""What a caller that was quiet for half a minute may ask in one go."""
MOST_CALLERS: Final = 10_000


class Pace:
    """Calls by name; at MOST_CALLERS the one heard longest ago is forgotten, its bucket full."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, name: str) -> float:
        """Count a call; return how many seconds it comes too early, 0 where it may go on."""
        now_s = self._now_s()
        left, since_s = self._left.pop(name, (float(CALLS_AT_ONCE), now_s))
        left = min(left + (now_s - since_s) * CALLS_PER_S, CALLS_AT_ONCE)
        may = left >= 1.0
        self._left[name] = (left - 1.0 if may else left), now_s
        if len(self._left) > MOST_CALLERS:
            self._left.popitem(last=False)
        return 0.0 if may else (1.0 - left) / CALLS_PER_S
