"""Where each copy of a plant stands in its incident, and the luck drawn for it."""

import numpy as np

from simulators.physics import Column

_LUCK = 8


class Timeline:
    """Seconds since the incident began (negative: still quiet), turning over after the recovery.

    The first copy meets its first incident after lead_in_s with luck 0.5 throughout, so that a
    scenario always opens in the same way; further copies and later turns vary by the seed.
    """

    def __init__(
        self, *, copies: int, seed: int, lead_in_s: float, quiet_s: float, ends_s: float
    ) -> None:
        self._seed = seed
        self._quiet_s = quiet_s
        self._ends_s = ends_s
        self._turn = np.zeros(copies, dtype=np.int64)
        golden = (np.arange(copies) * 0.6180339887498949) % 1.0
        first = -lead_in_s - golden * (quiet_s + ends_s)
        self.since_s: Column = first.astype(np.float64)
        self.elapsed_s = 0.0
        self._luck = np.full((copies, _LUCK), 0.5)
        for copy in range(1, copies):
            self._luck[copy] = self._draw(copy)

    def advance(self, dt_s: float) -> None:
        """Let dt_s pass; a copy whose incident is over draws new luck and becomes quiet."""
        self.elapsed_s += dt_s
        self.since_s = self.since_s + dt_s
        for copy in np.flatnonzero(self.since_s >= self._ends_s):
            self._turn[copy] += 1
            self._luck[copy] = self._draw(int(copy))
            self.since_s[copy] -= self._ends_s + self._quiet_s

    def between(self, which: int, low: float, high: float) -> Column:
        """The which-th piece of luck of this turn, laid between low and high, one for each copy."""
        return np.asarray(low + (high - low) * self._luck[:, which], dtype=np.float64)

    def _draw(self, copy: int) -> Column:
        return np.random.default_rng([self._seed, copy, int(self._turn[copy])]).random(_LUCK)
