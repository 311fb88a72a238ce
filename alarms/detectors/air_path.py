"""Air path: does a methane sensor read far below the one before it on the airflow's way?

Methane that has passed one sensor comes to the next, so a downstream reading well below for longer
than the air needs contradicts it: one of the two is wrong, or fresh air enters between them.
"""

from dataclasses import dataclass
from itertools import pairwise

from alarms.detectors.verdict import Memory, Says, Verdict, against


@dataclass(frozen=True, slots=True, kw_only=True)
class AirPath:
    """Members in the order of the airflow; `bound` is the largest fall from one to the next."""

    bound: float
    deadband: float

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Return the verdict on the largest fall; its parts name the two sensors."""
        falls = [up - down for up, down in pairwise(x)]
        heard = {against(fall, self.bound, self.deadband) for fall in falls}
        known = [(fall, place) for place, fall in enumerate(falls) if abs(fall) < float("inf")]
        fall, place = max(known, default=(None, 0))
        verdict = Verdict(
            says=next(
                (says for says in (Says.ON, Says.UNSURE, Says.BETWEEN) if says in heard), Says.OFF
            ),
            value=fall,
            limit=self.bound,
            parts=(place, place + 1) if known else (),
            lost=sum(value != value for value in x),
        )
        return verdict, memory
