"""Gateways that report their points ill: one alarm of the gateway absorbs `sensor.failed` of each.

When a point's minute is over (alarms.detectors.sensor_standing) and most points of its gateway that
ever reported are ill by their newest readings, hardly one being good within that minute, the
gateway raises instead. A point that was silent meanwhile, or never reported, speaks neither for nor
against it. Readings alone decide. A point belongs to the gateway it names or to its enterprise's
only one, whoever else reported it: that is in no reading.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alarms import tiers, wording_sensors
from alarms.detectors import outage
from alarms.family import RANK, Found, Seen
from alarms.plant import Plant
from alarms.proposal import ChannelState, holds
from alarms.readings import QUALITY_MASK, Instants, Mask, Rows
from alarms.trails import Trails

RULE: Final = "sensor.gateway"
FAILED: Final = "sensor.failed"
ABSORBED: Final = 0
NOT_KNOWN: Final = 1
"""Since when an alarm is told (outage.MEMBER), where that is no instant."""


class Verdict(NamedTuple):
    """At which places of a batch a point's own alarm is hidden, and what is told instead.

    `rows` are the points whose own alarm began or ceased to be told, `gateways` those of which the
    record says otherwise by now.
    """

    hidden: frozenset[int] = frozenset()
    found: Sequence[Found] = ()
    rows: Sequence[int] = ()
    gateways: Sequence[int] = ()


class Outages:
    """The gateways whose alarm stands, and of which points the own one is told.

    All goes on at once: a proposal is adopted or the engine built anew. Where another alarm is told
    than a point's readings alone would raise, its `trails` end: it is not judged again from before.
    """

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.trails: Trails | None = None
        self._ids = tuple(plant.gateways)
        self._down: dict[int, tuple[int, int]] = {}
        self._awake: set[int] = set()
        self._members: dict[int, Rows] = {}
        self._told: dict[int, Instants] = {}

    def recall(self, states: Iterable[ChannelState], told: Mapping[int, int]) -> None:
        """Take up where the record left off.

        `told` has, of rows whose own alarm stands, since when it is told, as outage.MEMBER does.
        """
        index_of = {f"gateway:{name}": index for index, name in enumerate(self._ids)}
        for state in states:
            if state.rule == RULE and state.key in index_of:
                self._down[index_of[state.key]] = state.process["t"], state.process["spoke"]
        for row, since in told.items():
            self.tell(row, since)
        absorbed = [row for row, since in told.items() if since == ABSORBED]
        self._awake = {*self._down, *self.plant.reporters[absorbed].tolist()} - {-1}

    def tell(self, row: int, since: int) -> None:
        """Note since when a point's own alarm is told, as outage.MEMBER has it."""
        gateway = int(self.plant.reporters[row])
        if gateway >= 0:
            self._told_of(gateway)[np.searchsorted(self._rows_of(gateway), row)] = since

    def process(self, row: int) -> dict[str, int]:
        """Return what the record has of a point's own alarm besides: since when it is told."""
        gateway = int(self.plant.reporters[row])
        if gateway not in self._told:
            return {}
        told = int(self._told[gateway][np.searchsorted(self._rows_of(gateway), row)])
        return {} if told == NOT_KNOWN else {"told": told}

    def judge(
        self, seen: Seen, turns: Mapping[int, int], standing: Callable[[Rows], Mask]
    ) -> Verdict:
        """Return what becomes of the points' own alarms in a batch.

        `turns` has the places at which one is raised or returns (outage.RAISED, RETURNED);
        `standing` tells of rows whether it stands after the batch.
        """
        readings = seen.readings
        if len(readings) == 0 or not (turns or self._awake):
            return Verdict()
        reporter = self.plant.reporters[readings.point]
        awake = self._awake.union(reporter[list(turns)].tolist())
        concerned = sorted(awake.intersection(np.unique(reporter).tolist()) - {-1})
        left = [gateway for gateway in self._down if len(self._rows_of(gateway)) == 0]
        found = [self._left(gateway, int(readings.received[0])) for gateway in left]
        if not concerned:
            return Verdict(found=found, gateways=left)
        sets = [self._rows_of(gateway) for gateway in concerned]
        rows = np.concatenate(sets)
        places, heard = _heard(seen, rows, turns)
        gateways, members = self._stood(seen, concerned, sets, heard, standing(rows))
        before = members["told"].copy()
        hidden = np.zeros(len(heard), np.bool_)
        ends = np.zeros(len(rows), np.int64)
        for told in _walked(members, gateways, heard, hidden):
            place, at = int(places[told["heard"]]), int(told["at"])
            name, row = self._ids[concerned[told["gateway"]]], int(rows[told["member"]])
            received = int(readings.received[place])
            if told["member"] < 0:
                tier = tiers.highest(self.plant, sets[told["gateway"]], "sensor")
                event = wording_sensors.gateway_event(self.plant, name, told, received, tier)
            else:
                event = wording_sensors.absorbed_event(self.plant, row, name, told, received)
                ends[told["member"]] = at
            found.append((place, RANK, at, event))
        np.maximum.at(ends, heard["member"][hidden], heard["time"][hidden])
        if self.trails is not None:
            self.trails.end(rows[ends > 0], ends[ends > 0])
        left += self._take(concerned, gateways, members)
        moved = rows[(members["told"] != before) & (members["stands"] != 0)]
        return Verdict(frozenset(places[hidden].tolist()), found, moved.tolist(), left)

    def states(self, gateways: Iterable[int]) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record of gateways: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone: list[tuple[str, str]] = []
        for gateway in gateways:
            key = f"gateway:{self._ids[gateway]}"
            if gateway in self._down:
                since, spoke = self._down[gateway]
                process = {"t": since, "spoke": spoke}
                kept.append(ChannelState(key=key, rule=RULE, process=process))
            else:
                gone.append((key, RULE))
        return kept, gone

    def _rows_of(self, gateway: int) -> Rows:
        """Return the rows of a gateway's points that have an instrument, in order."""
        if gateway not in self._members:
            measures = self.plant.columns.where(lambda point: point.compute is None)
            mine = (self.plant.reporters == gateway) & measures
            self._members[gateway] = np.flatnonzero(mine).astype(np.int32)
        return self._members[gateway]

    def _told_of(self, gateway: int) -> Instants:
        unknown = np.full(len(self._rows_of(gateway)), NOT_KNOWN, np.int64)
        return self._told.setdefault(gateway, unknown)

    def _stood(
        self,
        seen: Seen,
        concerned: Sequence[int],
        sets: Sequence[Rows],
        heard: NDArray[np.void],
        stands: Mask,
    ) -> tuple[NDArray[np.void], NDArray[np.void]]:
        """Return gateways and their members, in `sets` of rows, as they stood before the batch."""
        sizes = [len(each) for each in sets]
        rows = np.concatenate(sets)
        gateways = np.zeros(len(concerned), outage.GATEWAY)
        gateways["end"] = np.cumsum(sizes)
        gateways["first"] = gateways["end"] - sizes
        down = [self._down.get(gateway, (0, 0)) for gateway in concerned]
        gateways["down"], gateways["spoke"] = np.array(down, np.int64).T
        members = np.zeros(len(rows), outage.MEMBER)
        members["gateway"] = np.repeat(np.arange(len(concerned)), sizes)
        members["time"] = seen.newest.time[rows]
        quality = seen.newest.quality[rows]
        members["ill"] = np.where(holds(quality), quality & QUALITY_MASK, 0)
        members["stands"] = stands
        turned = np.flatnonzero(heard["turn"])[::-1]
        members["stands"][heard["member"][turned]] = heard["turn"][turned] == outage.RETURNED
        members["told"] = np.concatenate([self._told_of(gateway) for gateway in concerned])
        return gateways, members

    def _take(
        self, concerned: Sequence[int], gateways: NDArray[np.void], members: NDArray[np.void]
    ) -> list[int]:
        """Let gateways and members stand so; return which gateways moved."""
        absorbed = (members["stands"] != 0) & (members["told"] == ABSORBED)
        moved: list[int] = []
        for gateway, each in zip(concerned, gateways, strict=True):
            mine = slice(each["first"], each["end"])
            self._told[gateway] = members["told"][mine].copy()
            before = self._down.pop(gateway, None)
            down = (int(each["down"]), int(each["spoke"])) if each["down"] else None
            if down is not None:
                self._down[gateway] = down
            if down != before:
                moved.append(gateway)
            awake = down is not None or absorbed[mine].any()
            (self._awake.add if awake else self._awake.discard)(gateway)
        return moved

    def _left(self, gateway: int, received: int) -> Found:
        """Say that a gateway's alarm is over, which has no points any more."""
        at = max(received, self._down.pop(gateway)[0])
        self._awake.discard(gateway)
        return 0, RANK, at, wording_sensors.left_event(self.plant, self._ids[gateway], at)


def _heard(
    seen: Seen, rows: Rows, turns: Mapping[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.void]]:
    """Return the readings of these rows, by receipt and time, and their places in the batch."""
    readings = seen.readings
    order = np.argsort(rows)
    place = np.searchsorted(rows, readings.point, sorter=order)
    member = order[np.minimum(place, len(rows) - 1)]
    places = np.flatnonzero(rows[member] == readings.point)
    by = (member[places], readings.time[places], readings.received[places])
    places = places[np.lexsort(by)]
    turn = np.zeros(len(readings), np.int64)
    turn[list(turns)] = list(turns.values())
    heard = np.zeros(len(places), outage.HEARD)
    heard["time"], heard["received"] = readings.time[places], readings.received[places]
    heard["member"], heard["turn"] = member[places], turn[places]
    heard["ill"] = np.where(seen.holding[places], readings.quality[places] & QUALITY_MASK, 0)
    return places, heard


def _walked(
    members: NDArray[np.void],
    gateways: NDArray[np.void],
    heard: NDArray[np.void],
    hidden: Mask,
) -> Iterator[np.void]:
    """Walk readings to their end and yield what they mean."""
    room = np.zeros(2 * (len(members) + len(gateways)), outage.TOLD)
    start = 0
    while start < len(heard):
        count, start = outage.walk(members, gateways, heard, start, hidden, room)
        yield from room[:count].copy()
