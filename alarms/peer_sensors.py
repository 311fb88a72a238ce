"""Sensor alarms from peers: one sensor repeats another's changes, one drifts away from the rest.

Peers are the analogue points of one unit, quantity and engineering unit. A sensor is compared with
the two registered before it and the two after (round the end): of up to five, each with each. In a
larger group it also looks for one that it repeats among all that were registered before it.
Drift is judged only where the peers must show the same thing (a leak near one gas detector, or
between two flow meters, is no drift) and can outvote the one that goes astray: of two instruments
that disagree nobody can say which is wrong.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms import sensor_bounds, wording_sensors
from alarms.alarm import ProcessEvent, Transition
from alarms.authenticity import Orphan, ended, fed
from alarms.detectors import peer_memory, peers
from alarms.family import RANK, Clock, Found, Seen
from alarms.plant import Plant
from alarms.proposal import ChannelState, judgeable
from alarms.readings import FAR, Instants, Readings, Rows, Values
from alarms.rules import DEFAULT_PERIOD_S, SECOND
from alarms.wording import LATE_US

COPIED: Final = "sensor.copied"
DRIFT: Final = "sensor.drift"

_RULES: Final = (COPIED, DRIFT)
_SHARED: Final = frozenset({"level", "temperature", "pressure", "humidity", "oxygen"})
"""Quantities of which several sensors of one unit may show the same thing."""
_BUCKET_S: Final = LATE_US / SECOND
"""As much as a reading may be late: it falls in its sensor's newest bucket or the one before."""
_QUIET: Final = 60
"""Buckets of good behaviour after which an alarm returns."""


@dataclass(slots=True, kw_only=True)
class Changed:
    """Which (slot, rule) moved, and whether each has a row in the record already."""

    was_open: dict[tuple[int, str], bool] = field(default_factory=dict)
    gone: list[tuple[str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Open:
    since: int
    quiet: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """One side's view: who keeps the pair, its number there, the peer's slot, and which side."""

    keeper: int
    number: int
    peer: int
    sign: int


class PeerSensors:
    """Every analogue sensor that has peers; `memory` runs along `rows`, point rows.

    `judge` lets memory and standing go on at once: a proposal is adopted or the engine built anew.
    A late reading counts as one in time: readings of its group are held back until `judge_late`.
    """

    name = "peers"

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.rows, sizes = _groups(plant)
        k = len(self.rows)
        self.memory = peer_memory.fresh(k)
        self._slot_of = np.full(len(plant.points), -1, np.int32)
        self._slot_of[self.rows] = np.arange(k, dtype=np.int32)
        self._width = _widths(plant, self.rows, sizes)
        self._groups, self._group_of = _laid_out(sizes)
        shared = plant.columns.where(lambda point: point.quantity in _SHARED)[self.rows]
        self._groups["drifts"] = shared[self._groups["first"]]
        self._names = _names(plant, self.rows, self._groups, self._group_of)
        self._is_found = False
        self._alive: dict[tuple[int, int], np.void] | None = None
        self._open: dict[tuple[int, str], _Open] = {}
        self._orphans: list[Orphan] = []
        self._held: list[Readings] = []
        most = int(self._groups["size"].max(initial=0))
        self._room = np.zeros(2 * peers.MOST * most, peers.FINDING)

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        columns = [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        return sum(int(column.nbytes) for column in columns)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up which alarms stand; one whose point has no peers any more ends.

        Memory is not in these states: see `memory` and `replay`.
        """
        for state in states:
            row = row_of.get(state.key)
            if state.rule not in _RULES or row is None:
                continue
            slot, since = int(self._slot_of[row]), state.process["t"]
            if slot < 0:
                self._orphans.append((row, state.rule, since))
            else:
                self._open[slot, state.rule] = _Open(since=since, quiet=state.process["quiet"])

    def replay(self, rows: Rows, time: Instants, value: Values) -> None:
        """Learn from judged readings, late ones too, that followed a saved `memory`.

        NaN is a reading under calibration. No alarm moves.
        """
        self._alive = None
        self._walk(self._slot_of[rows], time, value, 0, np.zeros(0, peers.FINDING))

    def settled(self, places: Rows, newest: Instants) -> tuple[NDArray[np.void], Instants]:
        """Return what no late reading can change any more, and up to which event times.

        `newest` are those of the points at these places.
        """
        memory, width = self.memory[places], self._width[places]
        border = np.maximum(newest - LATE_US, 0) // width
        peer_memory.forget(memory, border)
        return memory, np.maximum(border * width - 1, 0)

    def judge(self, seen: Seen) -> tuple[list[Found], Changed]:
        """Return what a batch means, and which standing alarms moved."""
        changed = Changed()
        if len(self.rows) == 0 and not self._orphans:
            return [], changed
        readings = seen.readings
        found: list[Found] = []
        if len(readings):
            found = ended(self.plant, self._orphans, int(readings.received[0]))
            changed.gone += [(self.plant.key_of(row), rule) for row, rule, _ in self._orphans]
            self._orphans = []
        slots, value = fed(self._slot_of, readings, seen.is_judged)
        by_slot = replace(readings, point=slots, value=value)
        if len(seen.behind) and len(self.rows):
            by_slot = self._hold_back(by_slot, seen.behind)
        found += self._judged(by_slot, changed)
        return found, changed

    def judge_late(self, late: Readings) -> tuple[list[Found], Changed]:
        """Return what late readings mean, with those of their groups that were held back.

        Call it after `judge` with what of `behind` is news to the record, be it nothing.
        """
        changed = Changed()
        near = late.take((late.quality & FAR) == 0)
        slots, value = fed(self._slot_of, near, judgeable(near))
        whole = Readings.joined([*self._held, replace(near, point=slots, value=value)])
        self._held = []
        return self._judged(whole.take(np.argsort(whole.time, kind="stable")), changed), changed

    def tick(self, clock: Clock) -> tuple[list[Found], Changed]:  # noqa: ARG002  # readings decide
        """Say nothing: silence is no evidence of a sensor's behaviour."""
        return [], Changed()

    def states(self, changes: Changed) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone = list(changes.gone)
        for (slot, rule), was_open in changes.was_open.items():
            key = self.plant.key_of(self.rows[slot])
            known = self._open.get((slot, rule))
            if known is not None:
                process = {"t": known.since, "quiet": known.quiet}
                kept.append(ChannelState(key=key, rule=rule, process=process))
            elif was_open:
                gone.append((key, rule))
        return kept, gone

    def adopt(self, changes: Changed) -> None:
        """Do nothing: memory and standing went on when the batch was judged."""

    def _hold_back(self, by_slot: Readings, behind: Rows) -> Readings:
        """Hold back the readings of groups that late ones came for; return what leaves them out.

        Where a batch holds some minutes, they would close the buckets that the late ones belong to.
        """
        late = self._slot_of[behind]
        concerned = np.zeros(len(self._groups), np.bool_)
        concerned[self._group_of[late[late >= 0]]] = True
        slots = by_slot.point
        mine = (slots >= 0) & concerned[self._group_of[slots]]
        self._held.append(by_slot.take(mine))
        return replace(by_slot, point=np.where(mine, -1, slots).astype(np.int32))

    def _judged(self, by_slot: Readings, changed: Changed) -> list[Found]:
        """Let readings be learned; return what the buckets say that are compared by then."""
        found: list[Found] = []
        start = 0
        while start < len(by_slot):
            alive = self._states_of_pairs()
            count, start = self._walk(by_slot.point, by_slot.time, by_slot.value, start, self._room)
            each = groupby(self._room[:count], lambda one: (int(one["place"]), int(one["bucket"])))
            for (place, bucket), findings in each:
                told: dict[int, None] = {}
                for finding in findings:
                    keeper, number = int(finding["slot"]), int(finding["pair"])
                    alive.pop((keeper, number), None)
                    if finding["state"]:
                        alive[keeper, number] = finding.copy()
                    told[keeper] = None
                    if number != peers.TWIN:
                        told[self._peer(keeper, number + 1)] = None
                for slot in told:
                    at = (bucket + 1) * int(self._width[slot])
                    events = self._told(slot, at, int(by_slot.received[place]), changed)
                    found += [(place, RANK, at, event) for event in events]
        return found

    def _told(self, slot: int, at: int, received: int, changed: Changed) -> Iterator[ProcessEvent]:
        """Yield what a sensor's pairs say of it once all were compared in a bucket."""
        for rule, said in ((COPIED, self._copies(slot)), (DRIFT, self._drifted(slot))):
            change = self._move(slot, rule, said, at, changed)
            if change is not None:
                yield wording_sensors.sensor_event(
                    self.plant,
                    int(self.rows[slot]),
                    rule,
                    change,
                    at=at,
                    received=received,
                    said=said if change is Transition.raised else None,
                )

    def _move(
        self,
        slot: int,
        rule: str,
        said: tuple[str, str] | None,
        at: int,
        changed: Changed,
    ) -> Transition | None:
        """Let one alarm's standing follow what its pairs show; return what changed, if anything."""
        key = slot, rule
        known = self._open.get(key)
        if known is None:
            if said is None:
                return None
            changed.was_open.setdefault(key, False)
            self._open[key] = _Open(since=at, quiet=0)
            return Transition.raised
        if said is not None:
            if known.quiet:
                changed.was_open.setdefault(key, True)
                known.quiet = 0
        elif known.quiet == 0:
            changed.was_open.setdefault(key, True)
            known.quiet = at
        elif at - known.quiet >= _QUIET * self._width[slot]:
            changed.was_open.setdefault(key, True)
            del self._open[key]
            return Transition.returned
        return None

    def _copies(self, slot: int) -> tuple[str, str] | None:
        """Say whom a sensor copies; of two that are alike the later registered one is told of."""
        pairs, alive = self._pairs(slot), self._states_of_pairs()
        twin = alive.get((slot, peers.TWIN))
        if twin is not None:
            peer = slot - int(twin["back"])
            pairs.append(_Pair(keeper=slot, number=peers.TWIN, peer=peer, sign=1))
        for pair in pairs:
            state = alive.get((pair.keeper, pair.number))
            if state is not None and state["state"] & peers.COPIED and pair.peer < slot:
                other = int(self.rows[pair.peer])
                return wording_sensors.copied(self.plant, other, float(state["share"]))
        return None

    def _drifted(self, slot: int) -> tuple[str, str] | None:
        """Say from whom a sensor has drifted: from most of its peers, two at least, to one side."""
        for sign in (1, -1):
            away: list[tuple[int, float]] = []
            for pair in self._pairs(slot):
                state = self._states_of_pairs().get((pair.keeper, pair.number))
                side = peers.UP if pair.sign == sign else peers.DOWN
                if state is not None and state["state"] & side:
                    away.append((pair.peer, abs(float(state["distance"] - state["usual"]))))
            if len(away) >= 2 and 2 * len(away) > len(self._pairs(slot)):
                by = sign * sorted(distance for _, distance in away)[len(away) // 2]
                others = [int(self.rows[peer]) for peer, _ in away]
                return wording_sensors.drifted(self.plant, int(self.rows[slot]), others, by)
        return None

    def _states_of_pairs(self) -> dict[tuple[int, int], np.void]:
        """Return the pairs whose state is not 0; after a restart, from memory."""
        if self._alive is None:
            self._alive = {}
            state, twins = self.memory["state"], self.memory["twin_state"]
            for keeper, number in np.argwhere(np.column_stack((state, twins)) != 0).tolist():
                found = np.zeros(1, peers.FINDING)[0]
                found["state"] = peers.COPIED if number == peers.TWIN else state[keeper, number]
                found["back"] = self.memory["back"][keeper]
                self._alive[keeper, number] = found
        return self._alive

    def _walk(
        self, slots: Rows, time: Instants, value: Values, start: int, room: NDArray[Any]
    ) -> tuple[int, int]:
        if not self._is_found:
            peer_memory.find(self._groups, self.memory)
            self._is_found = True
        return peers.walk(
            self.memory,
            self._groups,
            self._group_of,
            self._width,
            self._names,
            slots,
            time,
            value,
            start,
            room,
        )

    def _peer(self, slot: int, step: int) -> int:
        """Return the sensor so many places on in the ring of its group."""
        group = self._groups[self._group_of[slot]]
        first = int(group["first"])
        return first + (slot - first + step) % int(group["size"])

    def _pairs(self, slot: int) -> list[_Pair]:
        """Return a sensor's pairs: those that it keeps, and those that its peers keep."""
        found: list[_Pair] = []
        for number in range(peer_memory.PEERS):
            before, after = self._peer(slot, -number - 1), self._peer(slot, number + 1)
            if self._names[slot, number]:
                found.append(_Pair(keeper=slot, number=number, peer=after, sign=1))
            if self._names[before, number]:
                found.append(_Pair(keeper=before, number=number, peer=before, sign=-1))
        return found


def _groups(plant: Plant) -> tuple[Rows, NDArray[np.int64]]:
    """Return the rows of every group of peers, two at least, group after group, and their sizes."""
    columns = plant.columns
    units = dict[tuple[str, str], int]()
    measured = [(point.quantity, point.engineering_unit) for point in columns.like]
    of = np.array([units.setdefault(each, len(units)) for each in measured], np.int64)
    rows = np.flatnonzero(columns.where(sensor_bounds.is_watched)).astype(np.int32)
    peers_of = columns.at[rows] * np.int64(len(units)) + of[columns.of[rows]]
    _, first, group, size = np.unique(
        peers_of, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first[group], kind="stable")
    sizes = size[np.argsort(first)]
    return rows[order[(size > 1)[group[order]]]], sizes[sizes > 1]


def _laid_out(sizes: NDArray[np.int64]) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Return the groups as the kernel knows them, and along the sensors the place of each one's."""
    found = np.zeros(len(sizes), peer_memory.GROUP)
    found["first"], found["size"] = np.cumsum(sizes) - sizes, sizes
    return found, np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)


def _names(
    plant: Plant, rows: Rows, groups: NDArray[np.void], group_of: NDArray[np.int32]
) -> NDArray[np.uint32]:
    """Return what stands in memory for the peer of each pair a sensor keeps; 0: it keeps none."""
    columns = plant.columns
    begun = [zlib.crc32(f"{enterprise}/".encode()) for enterprise, _, _ in columns.places]
    tags = map(str.encode, map(columns.tags.__getitem__, rows.tolist()))
    begins = map(begun.__getitem__, columns.at[rows].tolist())
    name = np.fromiter(map(zlib.crc32, tags, begins), np.uint32, len(rows)) | np.uint32(1)
    first, size = groups["first"][group_of], groups["size"][group_of]
    index = np.arange(len(rows)) - first
    found = np.zeros((len(rows), peer_memory.PEERS), np.uint32)
    for step in range(1, peer_memory.PEERS + 1):
        # Half way round the ring both ends would name the same pair.
        keeps = (2 * step < size) | ((2 * step == size) & (index < step))
        found[keeps, step - 1] = name[(first + (index + step) % size)[keeps]]
    return found


def _widths(plant: Plant, rows: Rows, sizes: NDArray[np.int64]) -> Instants:
    """Return the length of each sensor's buckets in Micros: a minute, or two of its periods."""
    columns = plant.columns
    periods = np.array([point.period_s or DEFAULT_PERIOD_S for point in columns.like], np.float64)
    first = np.cumsum(sizes) - sizes
    period = np.maximum.reduceat(periods[columns.of[rows]], first) if len(rows) else periods[:0]
    width = np.round(np.maximum(_BUCKET_S, 2 * period) * SECOND).astype(np.int64)
    return np.repeat(width, sizes)
