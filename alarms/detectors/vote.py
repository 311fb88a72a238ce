"""Voting: do at least k of n members stand at or past a limit, and what if members are lost?

A member without a value leaves the vote: `safe` lowers k with it (2 of 3 becomes 1 of 2),
`available` keeps k while there are as many left (2 of 3 becomes 2 of 2). A lost member never votes
for clearing: the vote ends only when it would end if every lost member stood past the limit.
"""

from dataclasses import dataclass

from alarms.detectors.verdict import Memory, Says, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """k of n at or past `limit`; `deadband` on the way back, in the members' unit."""

    k: int
    n: int
    limit: float
    high: bool
    deadband: float
    safe: bool

    def calm(self, x: list[float]) -> bool:
        """Tell quickly whether every member has a value and none is near: then it says OFF."""
        whole = sum(x)
        if whole != whole:
            return False
        if self.high:
            return max(x) < self.limit - self.deadband
        return min(x) > self.limit + self.deadband

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Return the verdict; its value is the one that decides, the k-th past the limit."""
        sign = 1.0 if self.high else -1.0
        limit = sign * self.limit
        values = [(sign * value, place) for place, value in enumerate(x) if value == value]
        lost = self.n - len(values)
        if not values:
            return Verdict(says=Says.UNSURE, limit=self.limit, lost=lost), memory
        needed = max(1, self.k - lost) if self.safe else min(self.k, len(values))
        parts = tuple(place for value, place in values if value >= limit)
        near = sum(value >= limit - self.deadband for value, _ in values)
        if len(parts) >= needed:
            says = Says.ON
        elif near + lost < self.k:
            says = Says.OFF
        else:
            says = Says.UNSURE if lost else Says.BETWEEN
        ranked = sorted((value for value, _ in values), reverse=True)
        verdict = Verdict(
            says=says,
            value=sign * ranked[needed - 1] if needed <= len(ranked) else None,
            limit=self.limit,
            parts=parts,
            needed=needed,
            of=len(values),
            lost=lost,
        )
        return verdict, memory
