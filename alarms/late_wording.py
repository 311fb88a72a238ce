"""What late readings put right, as events: what was, and instead of what (alarms.late)."""

import msgspec

from alarms.alarm import ProcessEvent, Transition
from alarms.corrections import Correction
from alarms.detectors import limits
from alarms.past import Snap, Told
from alarms.plant import Plant
from alarms.readings import Readings
from alarms.rules import Ruleset
from alarms.wording import behind_at, limit_event


def right(
    plant: Plant, rules: Ruleset, row: int, taken: Readings, one: Correction, now: Snap
) -> list[ProcessEvent]:
    """Say what puts one occurrence right."""
    old, new = one
    instead = None if old is None else (old.t_raised, old.t_returned)
    if new is None:
        assert old is not None  # noqa: S101  a correction has one of the two
        never = msgspec.structs.replace(old, t_returned=old.t_raised, path=old.path[:1])
        event = late_event(plant, rules, row, taken, never, None)
        return [msgspec.structs.replace(event, instead=instead)]
    peak = peak_of(now, new.side) if new.t_returned is None else new.peak
    event = late_event(plant, rules, row, taken, new, peak)
    if instead is not None or new.t_returned is not None:
        return [msgspec.structs.replace(event, instead=instead)]
    told: list[ProcessEvent] = []
    was = limits.NONE
    for at, top in new.path:
        step = _step(plant, rules, row, taken, new.side, was, top, at, peak)
        told.append(rings_late(step))
        was = top
    return told


def rings_late(event: ProcessEvent) -> ProcessEvent:
    """Return an event as late readings tell it of what stands: it rings."""
    return msgspec.structs.replace(event, late=True, still_over=True)


def judged_alone(
    plant: Plant, rules: Ruleset, row: int, heard: Readings, each: Told
) -> ProcessEvent:
    """Say what may be part of something longer: its path is not known."""
    event = late_event(plant, rules, row, heard, each, each.peak)
    return msgspec.structs.replace(event, path=())


def late_event(
    plant: Plant, rules: Ruleset, row: int, taken: Readings, each: Told, peak: float | None
) -> ProcessEvent:
    """Say what an occurrence was, of the tiers of its limits' own levels."""
    at, worst = max(each.path, key=lambda step: step[1])
    event = _step(plant, rules, row, taken, each.side, limits.NONE, worst, at, peak)
    return msgspec.structs.replace(
        event,
        change=Transition.late, late=True,
        t_change=each.t_raised,
        t_end=each.t_returned,
        still_over=each.t_returned is None,
        path=tuple((at, rules.tier_at(row, slot)) for at, slot in each.path),
    )  # fmt: skip


def peak_of(snap: Snap, side: int) -> float | None:
    """Return the most extreme value of a side since it left rest."""
    peak = snap.peak[side]
    return None if peak is None else -peak if side == 0 else peak


def _step(
    plant: Plant,
    rules: Ruleset,
    row: int,
    taken: Readings,
    side: int,
    was: int,
    top: int,
    at: int,
    peak: float | None,
) -> ProcessEvent:
    behind = behind_at(taken, row, at)
    return limit_event(
        plant,
        rules,
        row,
        side=side,
        was=was,
        top=top,
        at=at,
        value=behind.value,
        behind=behind,
        peak=peak,
        still_over=False,
        lost=None,
    )
