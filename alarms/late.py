"""Occurrences among readings that came after newer ones of their point (alarms.md row 21)."""

from dataclasses import dataclass

import msgspec
import numpy as np

from alarms.alarm import ProcessEvent, Transition
from alarms.detectors import limits
from alarms.plant import Plant
from alarms.proposal import judged
from alarms.readings import Readings, Rows
from alarms.rules import Ruleset
from alarms.sweep import Finding, Standing, sweep
from alarms.wording import limit_event, reading_behind


@dataclass(slots=True, kw_only=True)
class _Open:
    """An occurrence on its way: its worst finding so far."""

    t_raised: int
    worst: Finding
    peak: float | None


def occurrences(plant: Plant, rules: Ruleset, readings: Readings) -> list[ProcessEvent]:
    """Return each occurrence whole and closed, as a `late` event.

    It lasts from the instant it would have raised to its return or, where none came, to the last of
    these readings of its point. Bad quality says nothing here: it is past.
    """
    taken = readings.take(np.lexsort((readings.time, readings.point)))
    rows = np.unique(taken.point)
    if len(rows) == 0:
        return []
    never = np.zeros(len(rows), np.int64)
    swept = sweep(
        rules,
        Standing.clear(len(rules)).take(rows),
        taken,
        judged(taken.quality),
        np.zeros(len(taken), np.bool_),
        never,
    )
    last = taken.time[np.searchsorted(taken.point, rows, side="right") - 1]
    found: list[ProcessEvent] = []
    standing: dict[tuple[int, int], _Open] = {}
    for finding in swept.findings:
        place = finding.point, finding.side
        known = standing.get(place)
        if known is None:
            standing[place] = _Open(t_raised=finding.at, worst=finding, peak=finding.peak)
            continue
        known.peak = finding.peak
        if finding.top == limits.NONE:
            found.append(_event(plant, rules, taken, rows, standing.pop(place), finding.at))
        elif finding.top > known.worst.top:
            known.worst = finding
    for (point, _), known in standing.items():
        found.append(_event(plant, rules, taken, rows, known, int(last[point])))
    return sorted(found, key=lambda event: (event.t_change, event.subject.key, event.rule))


def _event(
    plant: Plant,
    rules: Ruleset,
    readings: Readings,
    rows: Rows,
    known: _Open,
    end: int,
) -> ProcessEvent:
    worst = known.worst
    behind = reading_behind(readings, worst.behind)
    event = limit_event(
        plant,
        rules,
        int(rows[worst.point]),
        side=worst.side,
        was=limits.NONE,
        top=worst.top,
        at=known.t_raised,
        value=behind.value,
        behind=behind,
        peak=known.peak,
        still_over=False,
        lost=None,
    )
    return msgspec.structs.replace(
        event, change=Transition.late, late=True, still_over=False, t_end=max(end, known.t_raised)
    )
