"""What was told of points' alarms, rule by rule, as alarms.past keeps it of limits."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from alarms import tiers
from alarms.alarm import ProcessEvent, Tier, Transition
from alarms.authenticity import RULES as SENSOR_RULES
from alarms.forecasts import PREFIX
from alarms.past import Told
from alarms.plant import Plant
from alarms.proposal import ChannelState
from alarms.rules import LEVEL_NAMES

RULES: Final = (
    *(f"{PREFIX}{name}" for name in LEVEL_NAMES),
    "deviation",
    "rate",
    *SENSOR_RULES,
)
"""The rules told of; an occurrence's `side` is the place of its rule, its path has tiers."""
UNKNOWN: Final = 0
"""The raise of an alarm that stood when the engine was built."""
NEVER: Final = 2**62
"""An instant after all others, Micros."""
_PLACE: Final = {rule: place for place, rule in enumerate(RULES)}


def told_by(before: Sequence[Told], events: Iterable[ProcessEvent]) -> tuple[Told, ...]:
    """Return the occurrences of one point after events in order; other rules' are passed over.

    An alarm of which no raise is known is not told of.
    """
    found = list(before)
    for event in events:
        side = _PLACE.get(event.rule)
        if side is None:
            continue
        at = next(
            (i for i, each in enumerate(found) if each.side == side and each.t_returned is None),
            None,
        )
        step = event.t_change, int(event.tier)
        if event.change is Transition.raised:
            if at is None:
                found.append(Told(side=side, t_raised=event.t_change, path=(step,)))
        elif at is None:
            continue
        elif event.change is Transition.returned:
            found[at] = msgspec.structs.replace(found[at], t_returned=event.t_change)
        elif event.change in (Transition.tier_up, Transition.tier_down):
            found[at] = msgspec.structs.replace(found[at], path=(*found[at].path, step))
    return tuple(found)


def standing(states: Iterable[ChannelState], plant: Plant) -> dict[int, tuple[Told, ...]]:
    """Return what is known of the alarms that stand by the record, by point row."""
    found: dict[int, tuple[Told, ...]] = {}
    for state in states:
        side, row = _PLACE.get(state.rule), plant.row_of(state.key)
        if side is not None and row is not None:
            told = Told(side=side, t_raised=UNKNOWN, path=((UNKNOWN, _tier(state, plant, row)),))
            found[row] = (*found.get(row, ()), told)
    return found


def _tier(state: ChannelState, plant: Plant, row: int) -> int:
    if state.rule.startswith(PREFIX):
        return int(Tier[state.process["tier"]])
    return int(tiers.of_kind(plant, plant.points[row], state.rule.partition(".")[0]))


def as_of(told: Iterable[Told], border: int) -> tuple[Told, ...]:
    """Return the occurrences that stood at an instant, as they were known then."""
    return tuple(
        msgspec.structs.replace(
            each, t_returned=None, path=tuple(step for step in each.path if step[0] < border)
        )
        for each in told
        if each.t_raised < border and (each.t_returned is None or each.t_returned >= border)
    )


def since(told: Iterable[Told], border: int) -> tuple[Told, ...]:
    """Return the occurrences that stand, or returned at an instant or later."""
    return tuple(each for each in told if each.t_returned is None or each.t_returned >= border)


def by_row(events: Iterable[ProcessEvent], plant: Plant) -> dict[int, list[ProcessEvent]]:
    """Return the events of the rules told of, by point row, order kept."""
    found: dict[int, list[ProcessEvent]] = {}
    for event in events:
        if event.rule in _PLACE and event.change is not Transition.late:
            row = plant.row_of(event.subject.key)
            if row is not None:
                found.setdefault(row, []).append(event)
    return found


def peak_tier(told: Told) -> Tier:
    """Return the worst tier an occurrence came to."""
    return Tier(max(tier for _, tier in told.path))
