"""Power cut: is the feeder still live though a cut was ordered?

A gas orders the cut at its cut limit and keeps it until it is below its reset (AQ 1029's pair); a
breaker or another switch orders it while it stands at `cut_state`. A feeder of which nothing is
known is not known to be dead: it is feared to be live.
"""

from dataclasses import dataclass
from typing import Final

from alarms.detectors.verdict import Memory, Says, Verdict

_LIVE: Final = 0.5
"""A feeder's state is 1 live, 0 dead."""
_HEARD: Final = -1
"""Stands among the places for a feeder heard since the order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """When a member orders the cut and when it no longer does: at or past `on`, below `off`.

    `sign` -1 mirrors the value: a switch that orders at 0.
    """

    on: float
    off: float
    sign: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCut:
    """The members that order, then the feeder.

    Remembers the places that have ordered, and whether the feeder was heard since.
    """

    orders: tuple[Order, ...]

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Return the verdict; a lost orderer keeps its order.

        A feeder lost since the order is UNSURE, one unheard since then FEARED.
        """
        before: list[int] = memory or []
        standing: list[int] = []
        unknown = 0
        for place, order in enumerate(self.orders):
            value = order.sign * x[place]
            unknown += value != value
            if value >= order.on or (place in before and not value < order.off):
                standing.append(place)
        feeder = x[-1]
        if feeder < _LIVE:
            says = Says.OFF
        elif not standing:
            says = Says.UNSURE if unknown else Says.OFF
        elif feeder >= _LIVE:
            says = Says.ON
        else:
            says = Says.UNSURE if _HEARD in before else Says.FEARED
        first = standing[0] if standing else 0
        verdict = Verdict(
            says=says,
            value=None if feeder != feeder else feeder,
            parts=(first, len(self.orders)) if standing else (),
        )
        if standing and says is not Says.FEARED:
            standing.append(_HEARD)
        return verdict, standing or None
