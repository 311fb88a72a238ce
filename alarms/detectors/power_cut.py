"""Power cut: is the feeder still live though a cut was ordered?

A gas orders the cut at its cut limit and keeps it until it is below its reset (AQ 1029's pair); a
breaker or another switch orders it while it stands at `cut_state`.
"""

from dataclasses import dataclass
from typing import Final

from alarms.detectors.verdict import Memory, Says, Verdict

_LIVE: Final = 0.5
"""A feeder's state is 1 live, 0 dead."""


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
    """The members that order, then the feeder; remembers the places that have ordered."""

    orders: tuple[Order, ...]

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Return the verdict; a lost orderer keeps its order, a lost feeder is UNSURE."""
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
        elif standing:
            says = Says.ON if feeder >= _LIVE else Says.UNSURE
        else:
            says = Says.UNSURE if unknown else Says.OFF
        first = standing[0] if standing else 0
        verdict = Verdict(
            says=says,
            value=None if feeder != feeder else feeder,
            parts=(first, len(self.orders)) if standing else (),
        )
        return verdict, standing or None
