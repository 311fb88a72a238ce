"""What the engine remembers beside its alarms, in parts to keep, and put back after a start.

Parts are saved in turn, a few with each tick; a start takes the newest of each and learns what was
stored since. A part belongs to a family and to a chunk: the points whose database ids share all but
the last ten bits.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms import confirmations
from alarms.engine import Engine
from alarms.family import AnyOrder, HearsAll, Rewindable
from alarms.late import Around, judged_near
from alarms.proposal import (
    NEWEST,
    ChannelState,
    LastReadings,
    judgeable,
    learned_from,
    sifted,
)
from alarms.readings import BEHIND, QUALITY_MASK, Instants, Mask, Quality, Readings, Rows
from alarms.retracing import Retracing
from alarms.wording import LATE_US

CHUNK_BITS: Final = 10
ROUND_US: Final = 600_000_000
"""Every part that has changed is saved once in this time, or sooner:"""
ROUND_READINGS: Final = 4_000_000
"""once in so many readings (9,260/s for seven minutes). A start reads no more and learns half of
them; saving writes some 150 bytes a reading, no less than the readings themselves."""
WARM_UP_US: Final = 6 * 3_600_000_000
"""Where nothing was kept (a new version, a detector switched on), learn from so much."""
NEWEST_READINGS: Final = "newest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Records of one family and chunk; `shape` names their layout: another one is of no use.

    `ids` are database ids, `heard` each point's newest reading that the records hold, Micros.
    """

    family: str
    chunk: int
    shape: str
    ids: NDArray[np.int32]
    heard: Instants
    records: bytes


class Rota:
    """Which parts are to be saved next."""

    def __init__(self, engine: Engine, *, now: int, fresh: bool, saved: Sequence[int] = ()) -> None:
        """`fresh` says that nothing was kept of some points: all is saved at once.

        `saved` are chunks in the order in which they were saved: the oldest is the next.
        """
        self._engine = engine
        self._ids = engine.plant.ids
        self._chunk_of = self._ids >> CHUNK_BITS
        known = {chunk: place for place, chunk in enumerate(saved)}
        chunks = np.unique(self._chunk_of).tolist()
        self._chunks = sorted(chunks, key=lambda chunk: known.get(chunk, -1))
        self._places = _places(engine)
        self._saved: dict[int, int] = {}
        self._next = 0
        self._asked = now
        self._owed = float(len(chunks) if fresh else 0)

    def due(self, now: int, *, stored: int) -> Iterator[Part]:
        """Yield the parts to save now; a chunk nothing was heard of since is passed over.

        `stored` readings are in the record since it was asked last.
        """
        many = len(self._chunks)
        share = max((now - self._asked) / ROUND_US, stored / ROUND_READINGS)
        self._asked = now
        self._owed = min(self._owed + many * max(share, 0.0), float(many))
        turns = int(self._owed)
        self._owed -= turns
        for _ in range(turns):
            chunk = self._chunks[self._next % many]
            self._next += 1
            yield from self._parts(chunk)

    def _parts(self, chunk: int) -> Iterator[Part]:
        rows = np.flatnonzero(self._chunk_of == chunk).astype(np.int32)
        newest = self._engine.newest
        heard = int(newest.received[rows].max())
        if self._saved.get(chunk) == heard:
            return
        self._saved[chunk] = heard
        yield self._part(NEWEST_READINGS, chunk, rows, newest.records[rows], newest.time[rows])
        for family in self._engine.learned:
            places = self._places[family.name][rows]
            mine = places[places >= 0]
            if len(mine):
                records, watched = family.memory[mine], family.rows[mine]
                until = newest.time[watched]
                # What a late reading may still change is learned again at a start; of a large
                # plant only where points are followed: to read it all takes too long.
                if isinstance(family, Rewindable):
                    settled = self._engine.rewinds.settled(family, watched)
                    records[settled.at], until[settled.at] = settled.memory, settled.until
                elif isinstance(family, AnyOrder) and self._engine.rewinds.whole:
                    records, until = family.settled(mine, until)
                yield self._part(family.name, chunk, watched, records, until)

    def _part(
        self, family: str, chunk: int, rows: Rows, records: NDArray[np.void], heard: Instants
    ) -> Part:
        return Part(
            family=family,
            chunk=chunk,
            shape=shape_of(records.dtype),
            ids=self._ids[rows],
            heard=heard,
            records=records.tobytes(),
        )


class Recollection:
    """An engine on its way to where the record is: parts first, then what was stored after them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        many = len(engine.plant.points)
        self._places = _places(engine)
        self._heard = {family.name: np.zeros(many, np.int64) for family in engine.learned}
        self._known = np.zeros(many, np.bool_)
        self._put: dict[int, None] = {}
        self._kept: Instants = np.zeros(many, np.int64)
        self._retracing = Retracing(engine.plant, engine.rewinds.trails)

    def put(self, part: Part) -> None:
        """Put a kept part back; what is of another layout or of no use any more is left out."""
        self._put.pop(part.chunk, None)
        self._put[part.chunk] = None
        rows = self._engine.plant.rows_with(part.ids)
        here = rows >= 0
        if part.family == NEWEST_READINGS:
            if part.shape == shape_of(NEWEST):
                _put_back(self._engine.newest.records, rows, part)
                self._known[rows[here]] = True
            return
        for family in self._engine.learned:
            if family.name == part.family and part.shape == shape_of(family.memory.dtype):
                place = np.where(here, self._places[family.name][rows], -1)
                _put_back(family.memory, place, part)
                here = place >= 0
                self._heard[family.name][rows[here]] = part.heard[here]

    @property
    def saved(self) -> tuple[int, ...]:
        """Return the chunks in the order in which their last parts were put back."""
        return tuple(self._put)

    @property
    def unknown(self) -> Rows:
        """Return the rows whose newest reading was not among the parts."""
        return np.flatnonzero(~self._known).astype(np.int32)

    def meet(self, found: LastReadings) -> None:
        """Take the newest readings of the unknown rows from the record itself."""
        rows = self.unknown
        self._engine.newest.records[rows] = found.records[rows]
        self._kept = self._engine.newest.time.copy()

    @property
    def fresh(self) -> bool:
        """Tell whether some family had to begin anew with points that have reported."""
        return any(
            bool(((heard[family.rows] == 0) & (self._engine.newest.time[family.rows] > 0)).any())
            for family in self._engine.learned
            for heard in (self._heard[family.name],)
        )

    def since(self) -> Instants:
        """Return after which event time each row's readings are to be learned, shape (n,)."""
        newest = self._engine.newest.time
        since = newest.copy()
        for family in self._engine.learned:
            rows = family.rows
            heard = self._heard[family.name]
            heard[rows] = np.where(
                heard[rows] > 0, heard[rows], np.maximum(newest[rows] - WARM_UP_US, 0)
            )
            since[rows] = np.minimum(since[rows], heard[rows])
        return since

    def learn(self, readings: Readings) -> None:
        """Learn stored readings, in order of time for each row; what is known is passed over."""
        calibrating = (readings.quality & QUALITY_MASK) == Quality.calibrating
        is_judged, held = sifted(readings)
        value = np.where(calibrating, np.nan, np.where(held, np.inf, readings.value))
        usable = is_judged | calibrating
        again: list[tuple[Rewindable, Mask]] = []
        for family in self._engine.learned:
            mine = usable | held if isinstance(family, HearsAll) else usable
            mine = mine & (self._places[family.name][readings.point] >= 0)
            mine &= readings.time > self._heard[family.name][readings.point]
            if isinstance(family, Rewindable):
                again.append((family, mine & learned_from(readings.quality)))
                continue
            if not isinstance(family, AnyOrder):
                mine &= (readings.quality & BEHIND) == 0
            family.replay(readings.point[mine], readings.time[mine], value[mine])
        for leg in self._retracing.legs(readings):
            for rewindable, all_of_it in again:
                mine = all_of_it & leg
                rewindable.replay(readings.point[mine], readings.time[mine], value[mine])
        self._engine.newest.follow(readings)

    @property
    def behind(self) -> Around:
        """Return where a late reading may be the newest judged one: behind one that is not.

        What came late before a part was saved is in that part.
        """
        newest = self._engine.newest
        rows = np.flatnonzero(newest.judged_time < newest.time).astype(np.int32)
        since = np.maximum(newest.judged_time[rows] + 1, self._kept[rows] - LATE_US)
        return Around(
            rows=rows,
            since=np.maximum(since, 0),
            until=newest.time[rows],
            before=np.zeros(len(rows), np.int64),
        )

    def learn_late(self, readings: Readings) -> None:
        """Learn the readings of `behind`."""
        self._engine.newest.adopt(judged_near(readings))

    @property
    def confirmed(self) -> Around:
        """Return where windows may lack readings that came late: from before they were kept on."""
        found = [each for each in self._engine.learned if each.name == confirmations.NAME]
        rows = found[0].rows if found else np.zeros(0, np.int32)
        since = np.maximum(self._heard[confirmations.NAME][rows] - LATE_US, 0) if found else rows
        return Around(
            rows=rows,
            since=since.astype(np.int64),
            until=self._engine.newest.time[rows],
            before=np.zeros(len(rows), np.int64),
        )

    def learn_confirmed(self, readings: Readings) -> None:
        """Let windows know the readings of `confirmed`; what they hold is passed over."""
        mine = readings.take(judgeable(readings))
        for family in self._engine.learned:
            if family.name == confirmations.NAME:
                family.replay(mine.point, mine.time, mine.value)

    @property
    def told_from(self) -> int:
        """Return from when on, by the server's clock, `settle` asks for what was told, Micros."""
        return self._retracing.told_from(self._engine.newest)

    def settle(
        self, states: Iterable[ChannelState], *, told: Mapping[str, int], changed: int
    ) -> None:
        """Let the engine go by what was learned; all of it has been.

        `told` has when something was told last of points' alarms, by key (alarms.retracing.RULES),
        `changed` when the registry was changed: Micros, by the server's clock.
        """
        learned = {
            family: self._heard[family.name]
            for family in self._engine.learned
            if isinstance(family, Rewindable)
        }
        self._retracing.settle(self._engine.newest, learned, states, told, changed)
        self._engine.settle()


def _put_back(memory: NDArray[np.void], place: Rows, part: Part) -> None:
    """Write a part's records to their places, -1 for none; in one piece where they lie together."""
    records = np.frombuffer(part.records, memory.dtype)
    first = int(place[0])
    if first >= 0 and np.array_equal(place, np.arange(first, first + len(place))):
        memory[first : first + len(place)].view(np.uint8)[:] = records.view(np.uint8)
        return
    here = place >= 0
    memory[place[here]] = records[here]


def _places(engine: Engine) -> dict[str, Rows]:
    """Return for each family the place of every plant row in its memory, -1 for none."""
    found = {}
    for family in engine.learned:
        places = np.full(len(engine.plant.points), -1, np.int32)
        places[family.rows] = np.arange(len(family.rows), dtype=np.int32)
        found[family.name] = places
    return found


@cache
def shape_of(layout: np.dtype[np.void]) -> str:
    """Return the name of a layout of records: two that read bytes alike have one name."""
    return str(layout.descr)
