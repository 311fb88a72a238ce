"""What limits' delays averted, for tuning: near misses and re-entries (alarms.md 1.5, 2 and 7)."""

from collections import Counter
from typing import Final, NamedTuple

import numpy as np

from alarms.plant import Plant
from alarms.proposal import Proposal
from alarms.rules import RULES
from alarms.standing import Standing

_NEAR_MISS: Final = 0
_REENTRY: Final = 1


class Averted(NamedTuple):
    """How often the delays of one rule of a point were broken off; `key` is `<enterprise>/<tag>`.

    A near miss began the delay of a raise (or of a higher tier) and was over before it was met; a
    re-entry began the delay of a return and was over a limit again before it was met.
    """

    key: str
    rule: str
    near_misses: int
    reentries: int


class Tally:
    """Counts as readings are judged, those of one point in order; late ones are not counted."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, int, int]] = Counter()

    def add(self, proposal: Proposal) -> None:
        """Count what a proposal's readings broke off."""
        for part in proposal.memory:
            if isinstance(part, Standing) and part.averted.any():
                places = np.argwhere(part.averted)
                many = part.averted[tuple(places.T)].tolist()
                rows = part.rows[places[:, 0]].tolist()
                for row, (_, side, what), count in zip(rows, places.tolist(), many, strict=True):
                    self._counts[row, side, what] += count

    def found(self, plant: Plant) -> list[Averted]:
        """Return the counts of each point and rule that has any, by row and side."""
        slots = sorted({(row, side) for row, side, _ in self._counts})
        return [
            Averted(
                key=plant.key_of(row),
                rule=RULES[side],
                near_misses=self._counts[row, side, _NEAR_MISS],
                reentries=self._counts[row, side, _REENTRY],
            )
            for row, side in slots
        ]
