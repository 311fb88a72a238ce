"""Alarms of readings that could not be taken as they came: `sensor.range` and `comms.clock`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import Transition
from alarms.clocks import Clock, Clocks
from alarms.family import Found
from alarms.plant import Plant
from alarms.proposal import ChannelState, PointFault
from alarms.readings import Instants, Mask, Readings
from alarms.silence import Watch
from alarms.wording import range_event

RANGE: Final = "sensor.range"


@dataclass(slots=True, kw_only=True)
class Changed:
    """What changes when a proposal is adopted: alarms open since (Micros), or None for ended."""

    points: dict[int, int | None] = field(default_factory=dict)
    clocks: dict[int, Clock] = field(default_factory=dict)


class Faults:
    """The open alarms of points outside their range, and the clocks of gateways."""

    def __init__(self, plant: Plant, watch: Watch) -> None:
        self.plant = plant
        self.points: dict[int, int] = {}
        self._clocks = Clocks(plant, watch)

    def recall(self, states: Iterable[ChannelState], row_of: dict[str, int]) -> None:
        """Take up where the record left off."""
        states = tuple(states)
        for state in states:
            if state.rule == RANGE and state.key in row_of:
                self.points[row_of[state.key]] = state.process["t"]
        self._clocks.recall(states)

    def adopt(self, changed: Changed) -> None:
        """Let proposed changes take effect."""
        for row, at in changed.points.items():
            self.points.pop(row, None)
            if at is not None:
                self.points[row] = at
        self._clocks.adopt(changed.clocks)

    def judge(
        self,
        readings: Readings,
        is_judged: Mask,
        reporters: NDArray[np.int32] | None,
        faults: Sequence[PointFault],
        judged_time: Instants,
    ) -> tuple[list[Found], Changed]:
        """Return the alarms that faults begin and proper readings end, in order of receipt.

        `judged_time` has each point's newest adopted judged reading.
        """
        changed = Changed()
        ranges: dict[int, list[PointFault]] = {row: [] for row in self.points}
        for fault in faults:
            if fault.reason == "out_of_range" and fault.point is not None:
                ranges.setdefault(fault.point, []).append(fault)
        events: list[Found] = []
        for row, found in sorted(ranges.items()):
            events += self._range(row, found, readings, is_judged, int(judged_time[row]), changed)
        told, changed.clocks = self._clocks.judge(readings, reporters, faults)
        return events + told, changed

    def states(self, changed: Changed) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept, gone = self._clocks.states(changed.clocks)
        for row, at in changed.points.items():
            key = self.plant.key_of(row)
            if at is None:
                gone.append((key, RANGE))
            else:
                kept.append(ChannelState(key=key, rule=RANGE, process={"t": at}))
        return kept, gone

    def _range(
        self,
        row: int,
        faults: list[PointFault],
        readings: Readings,
        is_judged: Mask,
        newest: int,
        changed: Changed,
    ) -> list[Found]:
        """Walk faults and proper readings of a point; at one instant the fault counts last.

        A fault older than the newest judged reading before it is past, as a late reading is.
        """
        places = np.flatnonzero((readings.point == row) & is_judged)
        walk: list[tuple[int, int, int]] = [
            (int(readings.received[place]), int(readings.time[place]), ~number)
            for number, place in enumerate(places.tolist())
        ]
        walk += [(fault.received, fault.time, number) for number, fault in enumerate(faults)]
        since, events = self.points.get(row), list[Found]()
        ahead = 0
        for received, time, number in sorted(walk, key=lambda one: (*one[:2], one[2] >= 0)):
            if number >= 0:
                if since is None and time > newest:
                    since = changed.points[row] = time
                    event = range_event(
                        self.plant, row, Transition.raised, time, received, faults[number].value
                    )
                    # After all of its message, but before the reading that may end it.
                    place = int(np.searchsorted(readings.received, received, side="right"))
                    place = min([place, *places[ahead : ahead + 1].tolist()])
                    events.append((place, -1, received, event))
                continue
            place, newest, ahead = int(places[~number]), time, ahead + 1
            if since is not None and time > since:
                since = changed.points[row] = None
                value = float(readings.value[place])
                event = range_event(self.plant, row, Transition.returned, time, received, value)
                events.append((place, 1, time, event))
        return events
