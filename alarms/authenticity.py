"""Sensor alarms from a point's own readings: stuck, spiking, smoothed, clipped, made to recover.

And at the end of its range, failed by its own account, or under calibration that does not end. They
stand beside the limits and never touch them. What a sensor is used to is memory, learned from its
readings and free of rules; which alarms stand is in the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms import sensor_bounds, wording_sensors
from alarms.alarm import Transition
from alarms.detectors import outage, sensor_faults, sensor_standing
from alarms.family import RANK, Clock, Found, Seen, places_of, set_apart, write_at
from alarms.lines import gathered
from alarms.outages import ABSORBED, FAILED, NOT_KNOWN, Outages
from alarms.plant import Plant
from alarms.proposal import ChannelState
from alarms.readings import QUALITY_MASK, Instants, Mask, Quality, Readings, Rows, Values
from alarms.rules import SECOND, Ruleset

RULES: Final = (
    "sensor.flat_line",
    "sensor.spike",
    "sensor.noise",
    "sensor.clipped",
    "sensor.recovered",
    "sensor.saturated",
    "sensor.failed",
    "sensor.calibrating",
)
"""In the order of sensor_standing's bits."""

_FAILED: Final = RULES.index(FAILED)

Orphan = tuple[int, str, int]
"""The row, rule and time of raising of an alarm whose point is not watched any more."""


@dataclass(slots=True, kw_only=True)
class Changed:
    """Which (slot, rule number) moved, and whether each has a row in the record already.

    And which gateways' alarms for their points did.
    """

    was_open: dict[tuple[int, int], bool] = field(default_factory=dict)
    gone: list[tuple[str, str]] = field(default_factory=list)
    gateways: Sequence[int] = ()


class Authenticity:
    """Every sensor whose alarms are wanted; `memory` runs along `rows`, point rows.

    `judge` lets memory and standing go on at once: a proposal is adopted or the engine built anew.
    """

    name = "sensor"
    hears_all = True

    def __init__(self, plant: Plant, rules: Ruleset) -> None:
        n = len(plant.points)
        wanted = [sensor_bounds.is_heard(point) for point in plant.alike.points]
        watched = np.flatnonzero(np.array(wanted, np.bool_)[plant.alike.of])
        self.plant = plant
        self.outages = Outages(plant)
        self._alone = False
        self.rows: Rows = watched.astype(np.int32)
        self.memory = sensor_faults.fresh(len(watched))
        self._bounds, self._bound_of = sensor_bounds.bounds_of(plant, rules, self.rows)
        self.place_of = np.full(n, -1, np.int32)
        self.place_of[self.rows] = np.arange(len(watched), dtype=np.int32)
        self._raised = np.zeros(len(watched), np.uint8)
        self._quiet = np.zeros((len(watched), sensor_standing.COUNT), np.int64)
        self._since = np.zeros((len(watched), sensor_standing.COUNT), np.uint32)
        self._orphans: list[Orphan] = []
        self._room = np.zeros(0, sensor_faults.FINDING)

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        columns = [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        return sum(int(column.nbytes) for column in columns)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up which alarms stand; one whose point is watched no more ends with the next batch.

        Memory is not in these states: see `memory` and `replay`.
        """
        states = tuple(states)
        told: dict[int, int] = {}
        for state in states:
            row = row_of.get(state.key)
            if state.rule not in RULES or row is None:
                continue
            if state.rule == FAILED:
                told[row] = state.process.get("told", NOT_KNOWN)
                if told[row] == ABSORBED and self.plant.reporters[row] < 0:
                    continue  # its gateway is not its own any more: it raises with its next reading
            slot, number = int(self.place_of[row]), RULES.index(state.rule)
            if slot < 0:
                self._orphans.append((row, state.rule, state.process["t"]))
                continue
            self._raised[slot] |= 1 << number
            self._quiet[slot, number] = state.process["quiet"]
            self._since[slot, number] = _second(state.process["t"])
        self.outages.recall(states, told)

    def replay(self, rows: Rows, time: Instants, value: Values) -> None:
        """Learn from readings, in order of receipt, that followed a saved `memory`.

        NaN is one under calibration, infinity one that holds. Nothing is judged, no alarm moves.
        """
        nothing = np.zeros(0, sensor_faults.FINDING)
        self._walk(places_of(self, rows), time, value, nothing)

    def judge(self, seen: Seen) -> tuple[list[Found], Changed]:
        """Return what a batch means, and which standing alarms moved."""
        readings = seen.readings
        walk, order = seen.walk, seen.walk.order
        slots, value = places_of(self, walk.rows), walk.value
        if not walk.is_judged.all():
            slots, value = fed(self.place_of, readings, seen.is_judged)
            slots = np.where(seen.holding, self.place_of[readings.point], slots)[order]
            value = np.where(seen.holding, np.inf, value)[order]
        changed = Changed()
        found: list[Found] = self._end_orphans(readings.received, changed)
        if len(self._room) < 2 * len(readings):
            self._room = np.zeros(2 * len(readings), sensor_faults.FINDING)
        count = self._walk(slots, walk.time, value, self._room)
        turns: dict[int, int] = {}
        for finding in self._room[:count]:
            place, slot = int(order[finding["place"]]), int(finding["slot"])
            born, died = int(finding["born"]), int(finding["died"])
            at, received = int(readings.time[place]), int(readings.received[place])
            row = int(self.rows[slot])
            for number, rule in enumerate(RULES):
                bit = 1 << number
                key = slot, number
                if born & bit or self._since[key]:
                    changed.was_open.setdefault(key, bool(self._since[key]))
                if not (born | died) & bit:
                    continue
                if number == _FAILED:
                    turns[place] = outage.RAISED if born & bit else outage.RETURNED
                if born & bit:
                    change = Transition.raised
                    said = wording_sensors.evidence(
                        self.plant,
                        row,
                        bit,
                        finding,
                        limit=self._limit_beside(slot),
                        value=float(readings.value[place]),
                        quality=int(readings.quality[place]),
                    )
                    self._since[key] = _second(at)
                else:
                    change, said = Transition.returned, None
                    self._since[key] = 0
                event = wording_sensors.sensor_event(
                    self.plant,
                    row,
                    rule,
                    change,
                    at=at,
                    received=received,
                    said=said,
                    value=float(readings.value[place]) if seen.is_judged[place] else None,
                )
                found.append((place, RANK, at, event))
        return found if self._alone else self._absorbed(seen, turns, found, changed), changed

    def tick(self, clock: Clock) -> tuple[list[Found], Changed]:  # noqa: ARG002  # readings decide
        """Say nothing: silence is no evidence of a sensor's behaviour."""
        return [], Changed()

    def states(self, changes: Changed) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept, gone = self.outages.states(changes.gateways)
        gone += changes.gone
        for (slot, number), was_open in changes.was_open.items():
            key, rule = self.plant.key_of(self.rows[slot]), RULES[number]
            if self._since[slot, number]:
                process = self._process(slot, number)
                kept.append(ChannelState(key=key, rule=rule, process=process))
            elif was_open:
                gone.append((key, rule))
        return kept, gone

    def adopt(self, changes: Changed) -> None:
        """Do nothing: memory and standing went on when the batch was judged."""

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return what judging changes in place."""
        return self.memory, self._raised, self._quiet, self._since

    def apart(self, places: Rows) -> Self:
        """Return these places alone, with columns of their own, to be judged for themselves."""
        along = ("memory", "_bound_of", "_raised", "_quiet", "_since")
        return set_apart(self, places, along, _orphans=list[Orphan](), _alone=True)

    def stands(self, place: int) -> dict[str, dict[str, Any]]:
        """Return what the record holds of a place's alarms, by rule."""
        return {
            RULES[number]: self._process(place, number)
            for number in np.flatnonzero(self._since[place]).tolist()
        }

    def take(self, places: Rows, other: Self) -> None:
        """Stand at these places as `other`, judged apart, does."""
        write_at(self.columns, places, other.columns)
        for row in self.rows[places[self._since[places, _FAILED] == 0]].tolist():
            self.outages.tell(row, NOT_KNOWN)

    def _process(self, slot: int, number: int) -> dict[str, int]:
        process = {
            "t": int(self._since[slot, number]) * SECOND,
            "quiet": int(self._quiet[slot, number]),
        }
        return process | self.outages.process(self.rows[slot]) if number == _FAILED else process

    def _absorbed(
        self, seen: Seen, turns: Mapping[int, int], found: list[Found], changed: Changed
    ) -> list[Found]:
        """Return what is told of sensors where a gateway's alarm stands for its points' own."""
        verdict = self.outages.judge(seen, turns, self._failed)
        for row in verdict.rows:
            changed.was_open.setdefault((int(self.place_of[row]), _FAILED), True)
        changed.gateways = verdict.gateways
        told = [item for item in found if item[0] not in verdict.hidden or item[3].rule != FAILED]
        return [*told, *verdict.found]

    def _failed(self, rows: Rows) -> Mask:
        """Tell whose sensor.failed stands."""
        slots = self.place_of[rows]
        stands = slots >= 0
        stands[stands] = self._since[slots[stands], _FAILED] != 0
        return stands

    def _walk(self, slots: Rows, time: Instants, value: Values, room: NDArray[Any]) -> int:
        return sensor_faults.walk(
            self.memory,
            self._bounds,
            self._bound_of,
            self._raised,
            self._quiet,
            slots,
            time,
            value,
            room,
        )

    def _limit_beside(self, slot: int) -> float:
        bounds = self._bounds[self._bound_of[slot]]
        return float(bounds["roof"] if bounds["side"] > 0 else bounds["floor"])

    def _end_orphans(self, received: Instants, changed: Changed) -> list[Found]:
        if len(received) == 0:
            return []
        found = ended(self.plant, self._orphans, int(received[0]))
        changed.gone += [(self.plant.key_of(row), rule) for row, rule, _ in self._orphans]
        self._orphans = []
        return found


def _second(time: int) -> int:
    """Return an instant in whole seconds, not before it."""
    return -(-time // SECOND)


def fed(slot_of: Rows, readings: Readings, is_judged: Mask) -> tuple[Rows, Values]:
    """Return what a sensor kernel walks: slots, -1 where not judged; values, NaN: calibrating."""
    slots, value = gathered(slot_of, readings.point), readings.value
    if not is_judged.all():
        calibrating = (readings.quality & QUALITY_MASK) == Quality.calibrating
        slots = np.where(is_judged | calibrating, slots, -1).astype(np.int32)
        value = np.where(calibrating, np.nan, value)
    return slots, value


def ended(plant: Plant, orphans: list[Orphan], received: int) -> list[Found]:
    """Return the end of alarms whose points are not watched any more, at a batch's receipt."""
    found: list[Found] = []
    for row, rule, since in orphans:
        at = max(received, since)
        event = wording_sensors.sensor_event(
            plant,
            row,
            rule,
            Transition.returned,
            at=at,
            received=received,
            said=wording_sensors.unwatched(),
        )
        found.append((0, RANK, at, event))
    return found
