"""One run of the live engine over recorded readings: what arises, and how many were taken."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from alarms import kpi, regions
from alarms.alarm import ProcessEvent
from alarms.averted import Averted
from alarms.computed import Computed
from alarms.engine import Engine, LastReadings
from alarms.occurrences import Episodes, Occurrence
from alarms.plant import Plant
from alarms.proposal import PointFault
from alarms.readings import CORRECTED, Readings, parted
from alarms.registry import Known as KnownRegistry
from alarms.registry import Registry, parse
from alarms.wording import LATE_US
from fengsui.backtest.clockwork import SECOND_US, Clockwork, Known, second_of
from fengsui.backtest.recorded import Chunk
from ingest.roster import Roster
from ingest.sifting import sift_recorded

Observe = Callable[[Readings], None]
"""Is shown every accepted reading, in order of receipt."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run came to; `first` and `until` are the clock's span in Micros, 0 without rows."""

    points: int
    readings: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    occurrences: Sequence[Occurrence] = ()
    averted: Sequence[Averted] = ()
    first: int = 0
    until: int = 0
    load: kpi.Load = field(
        default_factory=lambda: kpi.Load(
            alarms_per_point_day=0.0, floods=0, chattering=0, suppressed=0
        )
    )


def plant_of(document: bytes, name: str) -> tuple[Plant, Registry]:
    """Read a registry file as a plant of its own; raises RefusedError with every fault."""
    known = KnownRegistry(regions=regions.builtin(), gateways={})
    registry = parse(document, known, name=name)
    plant = Plant(
        enterprises={each.code: each for each in registry.enterprises},
        sources={(each.enterprise, each.code): each for each in registry.sources},
        units={(each.enterprise, each.source, each.code): each for each in registry.units},
        points=registry.points,
        gateways={each.id: each for each in sorted(registry.gateways, key=lambda one: one.id)},
        point_ids=range(1, len(registry.points) + 1),
        registered=[0] * len(registry.points),
        groups=registry.groups,
        tierings=registry.tierings,
    )
    return plant, registry


def run(
    plant: Plant,
    chunks: Iterable[Chunk],
    *,
    until: int | None = None,
    observe: Observe | None = None,
) -> Outcome:
    """Judge recorded rows as they come; silence lasts to `until` (Micros; None: the last row)."""
    rehearsal = _Rehearsal(plant, until, observe)
    carried: list[Chunk] = []
    for chunk in chunks:
        seconds = second_of(chunk.clock)
        cut = int(np.searchsorted(seconds, seconds[-1]))
        if cut == 0 and (not carried or second_of(carried[0].clock[:1])[0] == seconds[0]):
            carried.append(chunk)
            continue
        rehearsal.take(Chunk.joined([*carried, chunk.take(slice(0, cut))]))
        carried = [chunk.take(slice(cut, None))]
    if carried:
        rehearsal.take(Chunk.joined(carried))
    return rehearsal.end()


class _Rehearsal:
    """Feeds whole seconds to the engine; the clock begins with the first row."""

    def __init__(self, plant: Plant, until: int | None, observe: Observe | None) -> None:
        self.plant = plant
        self.until = until
        self.observe = observe
        self.outcome = Outcome(points=len(plant.points))
        self.episodes = Episodes()
        self.known = Known(len(plant.points))
        self.corrected: set[tuple[int, int]] = set()
        self.clockwork: Clockwork | None = None
        self.roster: Roster
        self.computed: Computed

    def take(self, chunk: Chunk) -> None:
        if self.until is not None:
            chunk = chunk.take(chunk.clock <= self.until)
        if len(chunk) == 0:
            return
        clockwork = self.clockwork or self._begin(int(chunk.clock[0]))
        self.outcome.until = int(chunk.clock[-1])
        infinite = np.isinf(chunk.value)
        if infinite.any():
            self.outcome.rejected["bad_value"] += int(infinite.sum())
        chunk = chunk.take(np.isfinite(chunk.value))
        sifted = sift_recorded(
            Readings(
                point=chunk.point,
                time=chunk.stamp,
                value=chunk.value,
                quality=chunk.quality,
                received=chunk.clock,
                stamp=chunk.stamp,
            ),
            self.roster,
            clockwork.engine.watch.gateway_of,
        )
        for reason, count in sifted.refused.items():
            self.outcome.rejected[reason.value] += count
        self._seconds(clockwork, self._without_known(sifted.readings), sifted.faults)

    def end(self) -> Outcome:
        outcome = self.outcome
        if self.clockwork is not None:
            outcome.until = max(outcome.until, self.until or 0)
            self.clockwork.pass_seconds(outcome.until // SECOND_US)
            self.clockwork.tick_at(outcome.until)
            outcome.averted = self.clockwork.averted.found(self.plant)
        outcome.occurrences = self.episodes.found
        outcome.load = kpi.load(
            self.episodes.found, points=outcome.points, span_us=outcome.until - outcome.first
        )
        return outcome

    def _begin(self, started: int) -> Clockwork:
        engine = Engine.build(
            self.plant,
            states=(),
            last=LastReadings.never(len(self.plant.points)),
            started=started,
        )
        self.roster = Roster.of(self.plant, engine.gateways)
        self.computed = Computed(self.plant, engine.rules)
        self.clockwork = Clockwork(engine, self._hear, started=started)
        self.outcome.first = started
        return self.clockwork

    def _hear(self, events: Sequence[ProcessEvent], now: int) -> None:
        self.episodes.add(events, now=now)

    def _seconds(
        self, clockwork: Clockwork, readings: Readings, faults: Sequence[PointFault]
    ) -> None:
        """Give the engine one second after the other, and ticks between them."""
        seconds = second_of(readings.received)
        borders = [0, *(np.flatnonzero(np.diff(seconds)) + 1).tolist(), len(seconds)]
        parts = {int(seconds[a]): np.arange(a, b) for a, b in pairwise(borders) if a < b}
        faulty: dict[int, list[PointFault]] = {}
        for fault in faults:
            faulty.setdefault(-(-fault.received // SECOND_US), []).append(fault)
        nobody = np.zeros(0, np.intp)
        for second in sorted(parts.keys() | faulty.keys()):
            clockwork.pass_seconds(second - 1)
            part = readings.take(nobody)
            if second in parts:
                part = readings.take(parts[second])
            self._batch(clockwork, part, faulty.get(second, ()), second * SECOND_US)

    def _batch(
        self, clockwork: Clockwork, part: Readings, faults: Sequence[PointFault], now: int
    ) -> None:
        part = self.computed.derive(part, clockwork.engine.newest).readings
        fresh, behind = parted(part, clockwork.engine.last, bound=LATE_US)
        part = part.take(fresh)
        late = self._not_met(clockwork.engine, behind, part) if len(behind) else behind
        self.known.add(part)
        clockwork.take(part, late, faults, now=now)
        self.outcome.readings += len(part) + len(late)
        if self.observe is not None:
            self.observe(part)

    def _not_met(self, engine: Engine, behind: Readings, fresh: Readings) -> Readings:
        """Keep late readings of instants not met before; a second value is no reading."""
        here = set(zip(fresh.point.tolist(), fresh.time.tolist(), strict=True))
        keep = [
            place
            for place, (row, time) in enumerate(
                zip(behind.point.tolist(), behind.time.tolist(), strict=True)
            )
            if (row, time) not in here
            and time != engine.last[row]
            and not self.known.met(row, time)
        ]
        self.outcome.duplicates += len(behind) - len(keep)
        return behind.take(np.array(keep, np.intp))

    def _without_known(self, readings: Readings) -> Readings:
        """Leave out corrected readings whose own stamp came before."""
        corrected = (readings.quality & CORRECTED) != 0
        if not corrected.any():
            return readings
        keep = np.ones(len(readings), np.bool_)
        for place in np.flatnonzero(corrected).tolist():
            identity = int(readings.point[place]), int(readings.stamp[place])
            keep[place] = identity not in self.corrected
            self.corrected.add(identity)
        self.outcome.duplicates += int((~keep).sum())
        return readings.take(keep)
