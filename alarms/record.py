"""Standing limit states as rows of the record: what to write when they change, and back again."""

import math
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from alarms.compiled import kernel
from alarms.detectors import limits
from alarms.plant import Plant
from alarms.proposal import ChannelState
from alarms.readings import Mask, Values
from alarms.rules import HIGH, LEVEL_NAMES, LOW, RULES, SLOTS, Ruleset
from alarms.standing import Standing

_SLOTS: Final = tuple(range(SLOTS)[side] for side in (LOW, HIGH))


class Written(NamedTuple):
    """A standing that knows what is stored, and the rows of the record to upsert and to delete."""

    standing: Standing
    kept: list[ChannelState]
    gone: list[tuple[str, str]]


def changes(plant: Plant, rules: Ruleset, old: Standing, new: Standing) -> Written:
    """Return how points stand now, and what to write that they do."""
    rests, changed = np.empty_like(new.stored), np.empty_like(new.stored)
    _compared(old.phase, old.t0, old.peak, new.phase, new.t0, new.peak, rests, changed)
    ended = np.argwhere(rests & new.stored).tolist()
    gone = [(plant.key_of(new.rows[place]), RULES[side]) for place, side in ended]
    return Written(replace(new, stored=~rests), _rows(plant, rules, new, changed), gone)


@kernel
def _compared(
    old_phase: limits.Phases,
    old_t0: limits.Onsets,
    old_peak: Values,
    phase: limits.Phases,
    t0: limits.Onsets,
    peak: Values,
    rests: Mask,
    changed: Mask,
) -> None:
    """Tell of each point's sides which are at rest, and which of the others are not as they were.

    Peaks, `rests` and `changed` have shape (k, 2).
    """
    for i in range(len(phase)):
        for side in range(2):
            rest = same = True
            for slot in range(limits.BEGINS[side], limits.ENDS[side]):
                rest = rest and phase[i, slot] == limits.CLEAR and t0[i, slot] == 0
                same = same and phase[i, slot] == old_phase[i, slot]
                same = same and t0[i, slot] == old_t0[i, slot]
            top = peak[i, side]
            rests[i, side] = rest
            changed[i, side] = not rest and not (same and (top == old_peak[i, side] or top != top))


def orphaned(rules: Ruleset, row: int, side: int, process: dict[str, Any]) -> bool:
    """Tell whether a row of the record has an alarm active on levels that all exist no more."""
    active = {
        name for name, (phase, _) in process["levels"].items() if phase in ("ACTIVE", "PEND_OFF")
    }
    names = {rules.level_name(row, slot) for slot in _SLOTS[side]}
    return bool(active) and not active & names


def recall(
    rules: Ruleset, standing: Standing, row: int, side: int, process: dict[str, Any]
) -> None:
    """Let one side of a whole plant's standing be as a row of the record has it, in place.

    Levels go by name: one whose limit was moved keeps its phase, one that is gone is left out.
    """
    for slot in _SLOTS[side]:
        known = process["levels"].get(rules.level_name(row, slot))
        if known is not None:
            standing.phase[row, slot] = limits.PHASES.index(known[0])
            standing.t0[row, slot] = known[1]
    standing.peak[row, side] = process.get("peak", np.nan)
    standing.stored[row, side] = True


def _rows(plant: Plant, rules: Ruleset, standing: Standing, changed: Mask) -> list[ChannelState]:
    """Return the rows of these sides of points; `changed` has shape (k, 2)."""
    places, sides = np.nonzero(changed)
    rows = standing.rows[places]
    columns = (
        rows,
        sides,
        rules.name[rules.of[rows]],
        standing.phase[places],
        standing.t0[places],
        standing.peak[places, sides],
    )
    found: list[ChannelState] = []
    for row, side, names, phases, t0s, peak in zip(*(c.tolist() for c in columns), strict=True):
        process: dict[str, Any] = {
            "levels": {
                LEVEL_NAMES[names[slot]]: [limits.PHASES[phases[slot]], t0s[slot]]
                for slot in _SLOTS[side]
                if names[slot] >= 0 and (phases[slot] or t0s[slot])
            }
        }
        if not math.isnan(peak):
            process["peak"] = peak
        found.append(ChannelState(key=plant.key_of(row), rule=RULES[side], process=process))
    return found
