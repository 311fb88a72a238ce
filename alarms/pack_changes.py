"""What changed rule packs mean for the open alarms of a point: other bounds behind them."""

from collections.abc import Sequence

from alarms.alarm import Transition
from alarms.lifecycle import RuleChange
from alarms.plant import Point
from alarms.rulepacks import Bound, Entry, bounds, meaning


def pack_change(
    point: Point,
    source_kind: str,
    rule: str,
    before: Sequence[Entry],
    after: Sequence[Entry],
    *,
    actor: str,
) -> RuleChange | None:
    """Return what changed rule packs mean for an open alarm of a point's rule, or None.

    Only limit alarms rest on a pack. The point keeps its own limits, which the note says where one
    is looser than the bound is now.
    """

    def held(entries: Sequence[Entry]) -> list[Bound]:
        found = meaning(
            entries,
            quantity=point.quantity,
            source_kind=source_kind,
            sector=point.sector,
            substance=point.substance,
        )
        return [
            bound
            for bound in bounds(found, point.engineering_unit)
            if bound.limit in point.limits and rule == _rule_of(bound.limit)
        ]

    was, now = held(before), held(after)
    said_before, said_now = ([_said(bound) for bound in each] for each in (was, now))
    if sorted(said_before) == sorted(said_now):
        return None
    looser = (
        f"; its own {bound.limit} {point.limits[bound.limit]:g} is looser"
        for bound in now
        if not bound.allows(point.limits[bound.limit])
    )
    words = f"rule packs: {', '.join(said_before) or 'none'} → {', '.join(said_now) or 'none'}"
    return RuleChange(
        change=Transition.rule_changed, actor=actor, note=words + "".join(dict.fromkeys(looser))
    )


def _said(bound: Bound) -> str:
    sign = "≤" if bound.direction == "max" else "≥"
    return f"{bound.basis} {bound.limit} {sign} {bound.value:g} [{bound.mark}]"


def _rule_of(limit: str) -> str:
    return "limit.low" if limit in ("l", "ll") else "limit.high"
