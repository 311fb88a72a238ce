"""Standing limit states as rows of the record: what to write when they change, and back again."""

import math
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.detectors import limits
from alarms.plant import Plant
from alarms.proposal import ChannelState
from alarms.rules import HIGH, LEVEL_NAMES, LOW, RULES, SLOTS, Ruleset
from alarms.sweep import Standing

_SIDES: Final = (LOW, HIGH)

Written = tuple[Standing, list[ChannelState], list[tuple[str, str]]]


def changes(plant: Plant, rules: Ruleset, old: Standing, new: Standing) -> Written:
    """Return the new standing, knowing what is stored, with the rows to upsert and to delete."""
    kept: list[ChannelState] = []
    gone: list[tuple[str, str]] = []
    stored = new.stored.copy()
    for side, slots in enumerate(_SIDES):
        phase, t0, peak = new.phase[:, slots], new.t0[:, slots], new.peak[:, side]
        rest = ((phase == limits.CLEAR) & (t0 == 0)).all(axis=1)
        same = (
            (old.phase[:, slots] == phase).all(axis=1)
            & (old.t0[:, slots] == t0).all(axis=1)
            & ((old.peak[:, side] == peak) | np.isnan(peak))
        )
        changed, ended = np.flatnonzero(~rest & ~same), np.flatnonzero(rest & stored[:, side])
        kept += _rows(plant, rules, new, changed, side)
        gone += [(plant.points[row].key, RULES[side]) for row in new.rows[ended].tolist()]
        stored[:, side] = ~rest
    return replace(new, stored=stored), kept, gone


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
