"""Standing limit states as rows of the record: what to write when they change, and back again."""

from typing import Any, Final

import numpy as np

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
        kept += [_row(plant, rules, new, i, side) for i in changed.tolist()]
        gone += [(plant.points[row].key, RULES[side]) for row in new.rows[ended].tolist()]
        stored[:, side] = ~rest
    standing = Standing(rows=new.rows, phase=new.phase, t0=new.t0, peak=new.peak, stored=stored)
    return standing, kept, gone


def recalled(rules: Ruleset, standing: Standing, side: int, process: dict[str, Any]) -> Standing:
    """Return the standing of one point with one side as a row of the record has it.

    Levels go by name: one whose limit was moved keeps its phase, one that is gone is left out.
    """
    row = int(standing.rows[0])
    phase, t0 = standing.phase.copy(), standing.t0.copy()
    peak, stored = standing.peak.copy(), standing.stored.copy()
    for slot in range(SLOTS)[_SIDES[side]]:
        code = int(rules.name[row, slot])
        known = process["levels"].get(LEVEL_NAMES[code]) if code >= 0 else None
        if known is not None:
            phase[0, slot], t0[0, slot] = limits.PHASES.index(known[0]), known[1]
    peak[0, side] = process.get("peak", np.nan)
    stored[0, side] = True
    return Standing(rows=standing.rows, phase=phase, t0=t0, peak=peak, stored=stored)


def _row(plant: Plant, rules: Ruleset, standing: Standing, i: int, side: int) -> ChannelState:
    row = int(standing.rows[i])
    levels: dict[str, list[str | int]] = {}
    for slot in range(SLOTS)[_SIDES[side]]:
        phase, t0 = int(standing.phase[i, slot]), int(standing.t0[i, slot])
        if rules.name[row, slot] >= 0 and (phase or t0):
            levels[rules.level_name(row, slot)] = [limits.PHASES[phase], t0]
    process: dict[str, Any] = {"levels": levels}
    if not np.isnan(standing.peak[i, side]):
        process["peak"] = float(standing.peak[i, side])
    return ChannelState(key=plant.points[row].key, rule=RULES[side], process=process)
