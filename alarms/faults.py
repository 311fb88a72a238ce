"""Alarms of readings that could not be taken as they came: `sensor.range` and `comms.clock`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import ProcessEvent, Transition
from alarms.plant import Plant
from alarms.proposal import ChannelState, PointFault
from alarms.readings import CORRECTED, Instants, Mask, Readings
from alarms.silence import Watch
from alarms.wording import clock_event, range_event

RANGE: Final = "sensor.range"
CLOCK: Final = "comms.clock"


@dataclass(slots=True, kw_only=True)
class Changed:
    """What changes when a proposal is adopted: alarms open since (Micros), or None for ended."""

    points: dict[int, int | None] = field(default_factory=dict)
    gateways: dict[int, int | None] = field(default_factory=dict)


class Faults:
    """The open alarms of points outside their range and of gateways whose clock is ahead."""

    def __init__(self, plant: Plant, watch: Watch) -> None:
        self.plant = plant
        self.watch = watch
        self.points: dict[int, int] = {}
        self.gateways: dict[int, int] = {}

    def recall(self, states: Iterable[ChannelState], row_of: dict[str, int]) -> None:
        """Take up where the record left off."""
        for state in states:
            if state.rule == RANGE and state.key in row_of:
                self.points[row_of[state.key]] = state.process["t"]
            elif state.rule == CLOCK:
                gateway = self.watch.gateways.get(state.key.removeprefix("gateway:"))
                if gateway is not None:
                    self.gateways[gateway] = state.process["t"]

    def adopt(self, changed: Changed) -> None:
        """Let proposed changes take effect."""
        for opened, changes in (
            (self.points, changed.points),
            (self.gateways, changed.gateways),
        ):
            for index, at in changes.items():
                opened.pop(index, None)
                if at is not None:
                    opened[index] = at

    def judge(
        self,
        readings: Readings,
        is_judged: Mask,
        reporters: NDArray[np.int32] | None,
        faults: Sequence[PointFault],
        judged_time: Instants,
    ) -> tuple[list[tuple[int, ProcessEvent]], Changed]:
        """Return the alarms that faults begin and proper readings end, with places in the batch."""
        changed = Changed()
        ranges: dict[int, list[PointFault]] = {row: [] for row in self.points}
        clocks: dict[int, list[int]] = {gateway: [] for gateway in self.gateways}
        for fault in faults:
            if fault.reason == "out_of_range" and fault.point is not None:
                if fault.time > judged_time[fault.point]:
                    ranges.setdefault(fault.point, []).append(fault)
            elif fault.reason == "future_time" and fault.gateway in self.watch.gateways:
                clocks.setdefault(self.watch.gateways[fault.gateway], []).append(fault.received)
        events: list[tuple[int, ProcessEvent]] = []
        for row, found in ranges.items():
            events += self._range(row, found, readings, is_judged, changed)
        if clocks:
            gateway_of = self.watch.gateway_of[readings.point] if reporters is None else reporters
            right = (readings.quality & CORRECTED) == 0
            for gateway, times in clocks.items():
                proper = np.flatnonzero((gateway_of == gateway) & right)
                events += self._clock(gateway, times, readings.received, proper, changed)
        return events, changed

    def states(self, changed: Changed) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone: list[tuple[str, str]] = []
        keys = [(self.plant.points[row].key, RANGE, at) for row, at in changed.points.items()]
        keys += [
            (f"gateway:{self.watch.ids[gateway]}", CLOCK, at)
            for gateway, at in changed.gateways.items()
        ]
        for key, rule, at in keys:
            if at is None:
                gone.append((key, rule))
            else:
                kept.append(ChannelState(key=key, rule=rule, process={"t": at}))
        return kept, gone

    def _range(
        self,
        row: int,
        found: list[PointFault],
        readings: Readings,
        is_judged: Mask,
        changed: Changed,
    ) -> list[tuple[int, ProcessEvent]]:
        places = np.flatnonzero((readings.point == row) & is_judged)
        by_time = {fault.time: fault for fault in reversed(found)}
        events = []
        for at, place in _alternate(self.points.get(row), by_time, readings.time, places):
            if place < 0:
                fault = by_time[at]
                event = range_event(
                    self.plant, row, Transition.raised, at, fault.received, fault.value
                )
                changed.points[row] = at
                later = places[readings.time[places] > at]
                place = int(later[0]) if len(later) else len(readings)
            else:
                received, value = int(readings.received[place]), float(readings.value[place])
                event = range_event(self.plant, row, Transition.returned, at, received, value)
                changed.points[row] = None
            events.append((place, event))
        return events

    def _clock(
        self,
        gateway: int,
        times: list[int],
        received: Instants,
        places: NDArray[np.intp],
        changed: Changed,
    ) -> list[tuple[int, ProcessEvent]]:
        events = []
        for at, place in _alternate(self.gateways.get(gateway), times, received, places):
            change = Transition.raised if place < 0 else Transition.returned
            changed.gateways[gateway] = at if place < 0 else None
            event = clock_event(self.plant, self.watch.ids[gateway], change, at)
            if place < 0:
                later = places[received[places] > at]
                place = int(later[0]) if len(later) else len(received)
            events.append((place, event))
        return events


def _alternate(
    since: int | None, faults: Iterable[int], times: Instants, places: NDArray[np.intp]
) -> list[tuple[int, int]]:
    """Walk faults and proper readings in order of time; return the changes as (time, place).

    `place` is -1 where a fault opens the alarm, else that of the proper reading that ends it. At
    one instant the fault counts last.
    """
    walk = sorted(
        [(int(times[place]), 0, place) for place in places.tolist()]
        + [(time, 1, -1) for time in faults]
    )
    changes = []
    for time, kind, place in walk:
        if kind and since is None:
            since = time
            changes.append((time, -1))
        elif not kind and since is not None and time > since:
            since = None
            changes.append((time, place))
    return changes
