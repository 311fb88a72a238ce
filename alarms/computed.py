"""Computed points: readings that follow from readings of other points, by an expression.

A computed reading stands at the newest event time among its inputs' newest readings. Readings
received together with one event time are taken as one: a message that brings two inputs gives one
computed reading, not a first one half old. Where an input of older time comes after it, the next
computed reading is a microsecond after the last. So the result does not depend on how a stream is
cut into batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.expressions import Kind
from alarms.inputs import TAKEN, Formula, Input, Newest, together
from alarms.plant import Plant
from alarms.proposal import LastReadings
from alarms.readings import Quality, Readings
from alarms.rules import Ruleset

_COMPUTED: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """A batch with the readings computed from it, each behind those it follows from.

    `origin` has the place each had in the batch given, -1 where it was computed.
    """

    readings: Readings
    origin: NDArray[np.intp]

    def along(self, column: NDArray[np.int32]) -> NDArray[np.int32]:
        """Lay a column of the batch given along these readings, -1 where one was computed."""
        return np.append(column, np.int32(_COMPUTED))[self.origin]


class Computed:
    """The computed points of a plant; it remembers nothing, the engine's newest readings do.

    There is no computed reading where an input never reported, is stale, bad or calibrating, or
    where the expression has no answer: the point then falls silent as any other does.
    """

    def __init__(self, plant: Plant, rules: Ruleset) -> None:
        formulas: dict[int, Formula] = {}
        computed = plant.columns.where(lambda point: point.compute is not None)
        for row in np.flatnonzero(computed).tolist():
            point = plant.points[row]
            if point.compute is not None:
                formula = Formula.of(
                    plant, point.enterprise, point.compute, rules.stale, kind=Kind.number
                )
                if formula is not None:
                    formulas[row] = formula
        self._formulas = dict(_in_order(formulas))
        self._rank = {row: rank for rank, row in enumerate(self._formulas)}
        self._fed_by: dict[int, set[int]] = {}
        for row, formula in self._formulas.items():
            for each in formula.rows:
                self._fed_by.setdefault(each, set()).add(row)
        self._feeds = np.zeros(len(plant.points), np.bool_)
        self._feeds[list(self._fed_by)] = True

    def derive(self, readings: Readings, last: LastReadings) -> Derived:
        """Return readings, in order of receipt, with those that follow from them.

        `last` is what the engine has adopted. What is not newer than its point's last is left in
        place and computes nothing.
        """
        places = np.flatnonzero(self._feeds[readings.point])
        newest = Newest(last)
        found = [
            (group.place, row, one)
            for group in together(readings, places, newest)
            for row, one in self._follow(group.rows, newest)
        ]
        if not found:
            return Derived(readings=readings, origin=np.arange(len(readings), dtype=np.intp))
        return _joined(readings, found)

    def _follow(self, moved: list[int], newest: Newest) -> Iterator[tuple[int, Input]]:
        """Compute what these rows feed, and what that feeds: point rows with their readings."""
        due: set[int] = set().union(*(self._fed_by[row] for row in moved))
        while due:
            row = min(due, key=self._rank.__getitem__)
            due.discard(row)
            one = _computed(self._formulas[row], newest, newest[row].time)
            if one is not None:
                newest[row] = one
                due |= self._fed_by.get(row, set())
                yield row, one


def _computed(formula: Formula, newest: Newest, before: int) -> Input | None:
    """Compute a reading of a point whose last one stands at `before`, Micros."""
    inputs = formula.inputs(newest)
    at = max((each.time for each in inputs), default=0)
    if not inputs or formula.expires(inputs) <= at:
        return None
    value = formula.value(inputs, TAKEN)
    if value is None:
        return None
    sure = all(each.quality == Quality.good for each in inputs)
    quality = Quality.good if sure else Quality.uncertain
    return Input(time=max(at, before + 1), value=value, quality=int(quality))


def _in_order(formulas: dict[int, Formula]) -> Iterator[tuple[int, Formula]]:
    """Yield formulas so that each comes after those it names; what goes in a circle never comes."""
    waiting = formulas
    while True:
        ready = {
            row: formula
            for row, formula in waiting.items()
            if waiting.keys().isdisjoint(formula.rows)
        }
        if not ready:
            return
        yield from ready.items()
        waiting = {row: formula for row, formula in waiting.items() if row not in ready}


def _joined(readings: Readings, found: list[tuple[int, int, Input]]) -> Derived:
    """Put each computed reading behind those of its place."""
    places = np.array([place for place, _, _ in found], np.intp)
    time = np.array([one.time for _, _, one in found], np.int64)
    computed = Readings(
        point=np.array([row for _, row, _ in found], np.int32),
        time=time,
        value=np.array([one.value for _, _, one in found], np.float64),
        quality=np.array([one.quality for _, _, one in found], np.int16),
        received=readings.received[places],
        stamp=time,
    )
    own = np.arange(len(readings), dtype=np.intp)
    order = np.argsort(np.concatenate([own, places]), kind="stable")
    origin = np.concatenate([own, np.full(len(found), _COMPUTED, np.intp)])
    return Derived(readings=Readings.joined([readings, computed]).take(order), origin=origin[order])
