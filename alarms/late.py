"""Occurrences among readings that came after newer ones of their point (alarms.md row 21)."""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np

from alarms.alarm import ProcessEvent, Transition
from alarms.detectors import limits
from alarms.plant import Plant
from alarms.proposal import judged
from alarms.readings import Instants, Readings, Rows
from alarms.rules import Ruleset
from alarms.sweep import Finding, Standing, sweep
from alarms.wording import LATE_US, limit_event, reading_behind


class Around(NamedTuple):
    """Whose neighbours are wanted: point rows, from when and until when, both inclusive; Micros."""

    rows: Rows
    since: Instants
    until: Instants


@dataclass(slots=True, kw_only=True)
class _Open:
    """An occurrence on its way: its worst finding so far; `end` is its return, None while open."""

    t_raised: int
    worst: Finding
    peak: float | None
    end: int | None = None

    def touches(self, other: "_Open") -> bool:
        """Tell whether both are of one alarm and share an instant."""
        return (
            (self.worst.point, self.worst.side) == (other.worst.point, other.worst.side)
            and (other.end is None or self.t_raised <= other.end)
            and (self.end is None or other.t_raised <= self.end)
        )

    def same(self, other: "_Open") -> bool:
        """Tell whether both are one occurrence, not only two of one time."""
        mine, theirs = self.worst, other.worst
        return (self.t_raised, self.end, self.peak, mine.point, mine.side, mine.top) == (
            other.t_raised, other.end, other.peak, theirs.point, theirs.side, theirs.top,
        )  # fmt: skip


def reach(rules: Ruleset, rows: Rows) -> Instants:
    """Return how far before and behind a late reading its neighbours decide what it means, Micros.

    The bound of lateness, the longest delay and a bridged gap.
    """
    delay = np.maximum(rules.on_delay[rows], rules.off_delay[rows]).max(axis=1, initial=0)
    far: Instants = LATE_US + delay + rules.bridge[rows]
    return far


def around(rules: Ruleset, late: Readings, behind: Instants) -> Around:
    """Return where the neighbours lie that can decide what late readings mean.

    Only of readings within the bound of lateness, by how far they were `behind` when they came;
    what comes later than that is judged by itself.
    """
    close = late.take(behind <= LATE_US)
    rows, place = np.unique(close.point, return_inverse=True)
    since = np.full(len(rows), np.iinfo(np.int64).max)
    until = np.zeros(len(rows), np.int64)
    np.minimum.at(since, place, close.time)
    np.maximum.at(until, place, close.time)
    far = reach(rules, rows)
    return Around(rows=rows, since=since - far, until=until + far)


def occurrences(
    plant: Plant, rules: Ruleset, readings: Readings, neighbours: Readings
) -> list[ProcessEvent]:
    """Return each occurrence that late readings make or change, whole, as a `late` event.

    `neighbours` are stored readings around them: what those alone would have said is known. An
    occurrence lasts from the instant it would have raised to its return or, where none came, to the
    last of these readings of its point. Bad quality says nothing here: it is past.
    """
    rows = np.unique(readings.point)
    if len(rows) == 0:
        return []
    taken = _in_order(Readings.joined([neighbours, readings]))
    known = _found(rules, rows, _in_order(neighbours))
    found = _found(rules, rows, taken)
    last = taken.time[np.searchsorted(taken.point, rows, side="right") - 1]
    gone = [each for each in known if not any(each.same(other) for other in found)]
    new = [each for each in found if not any(each.same(other) for other in known)]
    events: list[ProcessEvent] = []
    for old in gone:
        parts = [each for each in new if each.touches(old)]
        if old.end is None and len(parts) > 1 and parts[-1].end is None:
            events += _split(plant, rules, taken, rows, old, parts)
            new = [each for each in new if each not in parts]
        elif old.end is not None and parts and parts[0].end is not None:
            told = _event(plant, rules, taken, rows, parts[0], parts[0].end)
            events.append(msgspec.structs.replace(told, instead=(old.t_raised, old.end)))
            new.remove(parts[0])
    events += [_event(plant, rules, taken, rows, each, int(last[each.worst.point])) for each in new]
    return sorted(events, key=lambda event: (event.t_change, event.subject.key, event.rule))


def _split(
    plant: Plant,
    rules: Ruleset,
    taken: Readings,
    rows: Rows,
    old: _Open,
    parts: list[_Open],
) -> list[ProcessEvent]:
    """Let an active occurrence return where it would have, and begin again: the last is open."""
    told: list[ProcessEvent] = []
    for each in parts:
        whole = _event(plant, rules, taken, rows, each, each.t_raised)
        begun = msgspec.structs.replace(
            whole, change=Transition.raised, t_end=None, still_over=each.end is None
        )
        if each is not parts[0]:
            told.append(begun)
        elif each.t_raised < old.t_raised:
            told.append(whole)
        if each.end is not None:
            told.append(
                msgspec.structs.replace(begun, change=Transition.returned, t_change=each.end)
            )
    return told


def _in_order(readings: Readings) -> Readings:
    return readings.take(np.lexsort((readings.time, readings.point)))


def _found(rules: Ruleset, rows: Rows, taken: Readings) -> list[_Open]:
    """Return what readings in order, of points at rest before them, come to."""
    swept = sweep(
        rules,
        Standing.clear(len(rules)).take(rows),
        taken,
        judged(taken.quality),
        np.zeros(len(taken), np.bool_),
        np.zeros(len(rows), np.int64),
    )
    found: list[_Open] = []
    standing: dict[tuple[int, int], _Open] = {}
    for finding in swept.findings:
        place = finding.point, finding.side
        known = standing.get(place)
        if known is None:
            standing[place] = _Open(t_raised=finding.at, worst=finding, peak=finding.peak)
            continue
        known.peak = finding.peak
        if finding.top == limits.NONE:
            known.end = finding.at
            found.append(standing.pop(place))
        elif finding.top > known.worst.top:
            known.worst = finding
    for (point, side), known in standing.items():
        peak = float(swept.standing.peak[point, side])
        known.peak = -peak if side == 0 else peak
    return [*found, *standing.values()]


def _event(
    plant: Plant,
    rules: Ruleset,
    readings: Readings,
    rows: Rows,
    known: _Open,
    last: int,
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
    end = max(last if known.end is None else known.end, known.t_raised)
    return msgspec.structs.replace(
        event, change=Transition.late, late=True, still_over=False, t_end=end
    )
