"""Difference: do two instruments of one quantity disagree by more than a bound?"""

from dataclasses import dataclass

from alarms.detectors.verdict import Memory, Verdict, against


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two members, `bound` and `deadband` in their unit."""

    bound: float
    deadband: float

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Return the verdict on how far apart the two are."""
        apart = abs(x[0] - x[1])
        verdict = Verdict(
            says=against(apart, self.bound, self.deadband),
            value=apart if apart < float("inf") else None,
            limit=self.bound,
            parts=(0, 1),
            lost=sum(value != value for value in x),
        )
        return verdict, memory
