"""Standing limit states as rows of the record: what to write when they change, and back again."""

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.compiled import kernel
from alarms.detectors import limits
from alarms.plant import Plant
from alarms.proposal import ChannelState
from alarms.readings import Mask, Values
from alarms.rules import HIGH, LEVEL_NAMES, LOW, RULES, SLOTS, Ruleset
from alarms.standing import Standing

_SIDES: Final = (LOW, HIGH)

Written = tuple[Standing, list[ChannelState], list[tuple[str, str]]]


def changes(plant: Plant, rules: Ruleset, old: Standing, new: Standing) -> Written:
    """Return the new standing, knowing what is stored, with the rows to upsert and to delete."""
    kept: list[ChannelState] = []
    gone: list[tuple[str, str]] = []
    rests, changed = np.empty_like(new.stored), np.empty_like(new.stored)
    _compared(old.phase, old.t0, old.peak, new.phase, new.t0, new.peak, rests, changed)
    ended = rests & new.stored
    for side in range(len(_SIDES)):
        kept += _rows(plant, rules, new, np.flatnonzero(changed[:, side]), side)
        ends = new.rows[ended[:, side]].tolist()
        gone += [(plant.points[row].key, RULES[side]) for row in ends]
    return replace(new, stored=~rests), kept, gone


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
    names = {LEVEL_NAMES[code] for code in rules.name[row, _SIDES[side]].tolist() if code >= 0}
    return bool(active) and not active & names


def recall(
    rules: Ruleset, standing: Standing, row: int, side: int, process: dict[str, Any]
) -> None:
    """Let one side of a whole plant's standing be as a row of the record has it, in place.

    Levels go by name: one whose limit was moved keeps its phase, one that is gone is left out.
    """
    for slot in range(SLOTS)[_SIDES[side]]:
        code = int(rules.name[row, slot])
        known = process["levels"].get(LEVEL_NAMES[code]) if code >= 0 else None
        if known is not None:
            standing.phase[row, slot] = limits.PHASES.index(known[0])
            standing.t0[row, slot] = known[1]
    standing.peak[row, side] = process.get("peak", np.nan)
    standing.stored[row, side] = True


def _rows(
    plant: Plant, rules: Ruleset, standing: Standing, chosen: NDArray[np.intp], side: int
) -> list[ChannelState]:
    slots, rows = _SIDES[side], standing.rows[chosen]
    columns = (
        rows,
        rules.name[rows, slots],
        standing.phase[chosen, slots],
        standing.t0[chosen, slots],
        standing.peak[chosen, side],
    )
    found: list[ChannelState] = []
    for row, names, phases, t0s, peak in zip(*(c.tolist() for c in columns), strict=True):
        levels = {
            LEVEL_NAMES[name]: [limits.PHASES[phase], t0]
            for name, phase, t0 in zip(names, phases, t0s, strict=True)
            if name >= 0 and (phase or t0)
        }
        process: dict[str, Any] = {"levels": levels}
        if not math.isnan(peak):
            process["peak"] = peak
        found.append(ChannelState(key=plant.points[row].key, rule=RULES[side], process=process))
    return found
