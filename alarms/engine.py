"""The engine: judges readings in columns, proposes what follows, and adopts it after the commit."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from alarms import faults as fault_alarms
from alarms import latecomers, record
from alarms.detectors import limits
from alarms.families import Families, Told
from alarms.family import SETTLE_US, Clock, Found, Learned, LevelMove, Seen, Walk
from alarms.latecomers import Wanted
from alarms.plant import Plant
from alarms.proposal import (
    Adoption,
    ChannelState,
    LastReadings,
    Newest,
    PointFault,
    Proposal,
    sifted,
)
from alarms.readings import Instants, Mask, Readings, Rows
from alarms.record import Written
from alarms.rewind_changes import Said
from alarms.rules import HIGH, LOW, RULES, Ruleset, rules_of
from alarms.silence import Heard, Watch
from alarms.standing import Standing
from alarms.sweep import Faced, stirring, sweep
from alarms.wording import Behind, ended_event, limit_event, reading_behind

__all__ = ["ChannelState", "Engine", "LastReadings", "PointFault", "Proposal"]


_NO_ROWS: Final = np.zeros(0, np.int32)


class _Ended:
    """The alarms that lost their limits have been reported."""


class Engine:
    """The process side of every alarm of a plant; one row a point, all columns in row order.

    Commit what `judge` and `tick` propose, then `adopt` it; a proposal is good only until another
    one is adopted. `tick` changes nothing; `judge` lets families learn in place, so what it
    proposes is adopted, or the engine is built anew. `newest` has each row's newest adopted
    readings. `gateways` gives the index by which `reported_by` names a gateway.
    """

    def __init__(self, plant: Plant, rules: Ruleset, *, started: int) -> None:
        n = len(plant.points)
        self.plant = plant
        self.rules = rules
        self.watch = Watch(plant, rules)
        self.gateways = self.watch.gateways
        self.faults = fault_alarms.Faults(plant, self.watch)
        self.newest = LastReadings.never(n)
        standing = self._standing = Standing.clear(n)
        families = self._families = Families(plant, rules, standing)
        self.pasts, self.rewinds, self.groups = families.pasts, families.rewinds, families.groups
        self._pending = np.zeros(n, np.bool_)
        self._calm = rules.calm(slice(None))
        self._mark = np.zeros(n, np.bool_)
        self._ended: list[tuple[int, int]] = []
        registered = np.asarray(plant.registered, np.int64).reshape(n)
        self._floor: Instants = np.maximum(registered, started)

    @classmethod
    def build(
        cls,
        plant: Plant,
        *,
        states: Iterable[ChannelState],
        last: LastReadings,
        started: int,
    ) -> Self:
        """Build the engine as the record left it; `started` is the server's clock in Micros."""
        engine = cls(plant, rules_of(plant), started=started)
        engine.newest = last.copy()
        engine.recall(states)
        return engine

    def recall(self, states: Iterable[ChannelState]) -> None:
        """Take up the alarms and delays that the record has.

        States of points that are no longer registered are left out; an alarm whose limits were
        taken away returns with the next proposal.
        """
        states = tuple(states)
        rows = ((state.key, self.plant.row_of(state.key)) for state in states)
        row_of = {key: row for key, row in rows if row is not None}
        for state in states:
            row = row_of.get(state.key)
            if row is not None and state.rule in RULES:
                side = RULES.index(state.rule)
                if record.orphaned(self.rules, row, side, state.process):
                    self._ended.append((row, side))
                    continue
                record.recall(self.rules, self._standing, row, side, state.process)
        stood = np.flatnonzero(self._standing.stored.any(axis=1)).astype(np.int32)
        self._stand(self._standing.take(stood))
        self.watch.recall(states, row_of)
        self.faults.recall(states, row_of)
        self._families.recall(states, row_of)
        self.settle()

    def settle(self) -> None:
        """Let what goes by points' newest readings know them: they have been brought up to date."""
        self._families.settle(self.newest)
        self._calm[self.pasts.kept] = np.nan

    def judge(
        self,
        readings: Readings,
        *,
        now: int,  # noqa: ARG002  # like tick; event time decides, the clock serves silence only
        reported_by: NDArray[np.int32] | None = None,
        faults: Sequence[PointFault] = (),
        behind: Rows = _NO_ROWS,
    ) -> Proposal:
        """Say what follows from readings, in order of receipt, each newer than its point's last.

        `reported_by` has a gateway's index (see `gateways`) a reading, -1 where unknown; None:
        every point's own gateway. `faults` are readings of the same batch not taken as they came.
        `behind` are the points of those that came behind newer ones: then `judge_late` follows.
        """
        is_judged, holding = sifted(readings)
        heard = Heard()
        found: list[Found] = [
            (place, 0, event.t_change, event)
            for place, event in self.watch.hear(readings, reported_by, self.newest.received, heard)
        ]
        faulted, faulty = self.faults.judge(
            readings, is_judged, reported_by, faults, self.newest.judged_time
        )
        found += faulted
        faced = self._families.confirmations.faced(readings, is_judged)
        written, stirred, moved, moves = self._sweep(readings, is_judged, holding, faced)
        found += moved
        seen = Seen(
            readings=readings,
            is_judged=is_judged,
            holding=holding,
            moves=moves,
            newest=self.newest,
            walk=Walk.of(readings, is_judged, rows=len(self.rules)),
            swept=written.standing if written else None,
            stirred=stirred,
            faced=faced,
            behind=behind,
        )
        told = self._families.judge(seen)
        newest = Newest(readings=readings, is_judged=is_judged)
        return self._proposal(found, newest, written, heard, faulty, told)

    def around(self, readings: Readings, upon: Proposal) -> Wanted:
        """Return which neighbours late readings need, judged `upon` what their batch brought."""
        return latecomers.wanted(self._families, self.newest, readings, upon)

    def judge_late(
        self, readings: Readings, neighbours: Readings, asked: Wanted, upon: Proposal
    ) -> Proposal:
        """Say what readings behind their points' newest put right (alarms.md row 21).

        `neighbours` are the stored readings that `around` asks for, without these, which are new to
        the record. Adopt it after `upon`, what the news of the same batch came to.
        """
        return latecomers.proposal(
            self.plant, self._families, self._standing, self.newest,
            readings=readings, neighbours=neighbours, asked=asked, upon=upon,
        )  # fmt: skip

    def tick(self, *, now: int, link_since: int) -> Proposal:
        """Say what follows from time alone: delays met, silence. Both arguments are server's clock.

        A point's event clock goes on from its newest reading as fast as the server's clock does,
        but stands while the engine or the link is down: readings may wait in the broker's queue.
        While the link to the broker is down, give `now` as `link_since`.
        """
        heard = Heard()
        deadline = self.watch.deadlines(self.newest.received, self._floor, link_since)
        written, found, moves = self._run_out(now, link_since)
        found += (
            (0, 9, event.t_change, event)
            for event in self.watch.listen(self.newest.received, deadline, now, heard)
        )
        clock = Clock(
            now=now,
            link_since=link_since,
            floor=self._floor,
            newest=self.newest,
            moves=moves,
            owed=self.pasts.owing(),
            swept=written.standing if written else None,
        )
        told = self._families.tick(clock)
        return self._proposal(found, None, written, heard, fault_alarms.Changed(), told)

    def adopt(self, proposal: Proposal) -> None:
        """Let memory follow the record: call after the proposal's transaction has committed."""
        for part in proposal.memory:
            match part:
                case Newest():
                    self.newest.take_up(part)
                case Standing():
                    self._stand(part)
                case Heard():
                    self.watch.adopt(part)
                case fault_alarms.Changed():
                    self.faults.adopt(part)
                case _Ended():
                    self._ended.clear()
                case Adoption():
                    part.family.adopt(part.changes)

    @property
    def last(self) -> Instants:
        """Return the newest adopted event time of each row, Micros."""
        return self.newest.time

    @property
    def learned(self) -> tuple[Learned, ...]:
        """Return the families that have learned from some point (alarms.memory)."""
        return self._families.learned

    @property
    def bytes_per_point(self) -> float:
        """Return the size of the engine's columns, divided by the points."""
        owners: tuple[Any, ...] = (self.rules, self._standing, self.newest)
        columns = [getattr(owner, name) for owner in owners for name in owner.__slots__]
        columns += [value for value in vars(self).values() if isinstance(value, np.ndarray)]
        columns += [value for value in vars(self.watch).values() if isinstance(value, np.ndarray)]
        sizes = [int(column.nbytes) for column in columns]
        return (sum(sizes) + self._families.nbytes) / max(len(self.rules), 1)

    def _sweep(
        self, readings: Readings, is_judged: Mask, holding: Mask, faced: Faced
    ) -> tuple[Written | None, Readings, list[Found], list[LevelMove]]:
        """Judge every reading of the points that have a reading outside their calm interval."""
        rows, places = stirring(self._calm, self._mark, readings.point, readings.value, faced)
        if len(rows) == 0:
            return None, Readings.none(), [], []
        chosen = readings.take(places)
        standing = self._standing.take(rows)
        swept = sweep(
            self.rules,
            standing,
            chosen,
            is_judged[places],
            holding[places],
            self.newest.judged_time[rows],
            None if faced is None else faced[places],
        )
        found: list[Found] = []
        moves: list[LevelMove] = []
        for finding in swept.findings:
            row = int(rows[finding.point])
            held = self._held(row) if finding.behind < 0 else reading_behind(chosen, finding.behind)
            behind = reading_behind(chosen, finding.place) if finding.lost else held
            event = limit_event(
                self.plant,
                self.rules,
                row,
                side=finding.side,
                was=finding.was,
                top=finding.top,
                at=finding.at,
                value=held.value,
                behind=behind,
                peak=finding.peak,
                still_over=finding.still_over,
                lost="bad" if finding.lost else None,
            )
            place = int(places[finding.place])
            found.append((place, 2 + finding.rank, finding.at, event))
            moves.append(
                LevelMove(place=place, row=row, side=finding.side, was=finding.was,
                          top=finding.top, at=finding.at, lost=finding.lost, peak=finding.peak)
            )  # fmt: skip
        written = record.changes(self.plant, self.rules, standing, swept.standing)
        return written, chosen, found, moves

    def _run_out(
        self, now: int, link_since: int
    ) -> tuple[Written | None, list[Found], list[LevelMove]]:
        """Let delays run out by the event clocks, then assume the worst of the silent."""
        rows = np.flatnonzero(self._pending).astype(np.int32)
        if len(rows) == 0:
            return None, [], []
        standing = self._standing.take(rows)
        levels = limits.Levels.gather(self.rules, rows)
        pending = limits.running(standing.phase)
        heard = np.maximum(np.maximum(self.newest.received[rows], self._floor[rows]), link_since)
        settled = self.newest.time[rows] + (now - heard) - SETTLE_US
        reach = np.minimum(settled, self.newest.judged_time[rows] + levels.bridge)
        phase, t0 = standing.phase, standing.t0
        ripe = pending & (limits.due_at(phase, t0, levels) <= reach[:, None])
        elapsed = limits.confirm(phase, t0, levels, ripe)
        stale_at = self.newest.time[rows] + self.rules.stale[rows]
        lost = limits.hold(phase, t0, levels, stale_at, stale_at <= settled)
        found: list[Found] = []
        moves: list[LevelMove] = []
        for i, side, was, top, cause, at in (*elapsed.tolist(), *lost.tolist()):
            is_lost = cause == limits.LOST
            peak = float(standing.peak[i, side])
            row = int(rows[i])
            held = self._held(row)
            shown = None if np.isnan(peak) else (-peak if side == 0 else peak)
            event = limit_event(
                self.plant,
                self.rules,
                row,
                side=side,
                was=was,
                top=top,
                at=at,
                value=held.value,
                behind=held,
                peak=shown,
                still_over=top != limits.NONE,
                lost="stale" if is_lost else None,
            )
            found.append((row, 3 if is_lost else 2, at, event))
            moves.append(
                LevelMove(place=row, row=row, side=side, was=was, top=top, at=at,
                          lost=is_lost, peak=shown)
            )  # fmt: skip
        peaks = standing.peak.copy()
        for side, slots in enumerate((LOW, HIGH)):
            peaks[(phase[:, slots] == limits.CLEAR).all(axis=1), side] = np.nan
        swept = Standing(rows=rows, phase=phase, t0=t0, peak=peaks, stored=standing.stored)
        old = self._standing.take(rows)
        return record.changes(self.plant, self.rules, old, swept), found, moves

    def _proposal(
        self,
        found: list[Found],
        newest: Newest | None,
        written: Written | None,
        heard: Heard,
        faulty: fault_alarms.Changed,
        told: Iterable[Told],
    ) -> Proposal:
        kept, gone = self.watch.states(heard)
        more, less = self.faults.states(faulty)
        kept, gone = kept + more, gone + less
        memory: list[object] = [heard, faulty]
        for each in told:
            found += each.found
            kept, gone = kept + each.kept, gone + each.gone
            memory.append(each.adoption)
        found.sort(key=lambda item: item[:3])
        memory += [] if newest is None else [newest]
        if written is not None:
            kept, gone = kept + written.kept, gone + written.gone
            memory.append(written.standing)
        ended = [
            ended_event(self.plant, row, RULES[side], self._held(row)) for row, side in self._ended
        ]
        if ended:
            keys = [(event.subject.key, event.rule) for event in ended]
            gone = [key for key in keys if key not in {(s.key, s.rule) for s in kept}] + gone
            memory.append(_Ended())
        labelled, floods = self._families.finish(ended, found)
        memory.append(Adoption(family=self._families.floods, changes=floods))
        memory.append(Adoption(family=self.rewinds, changes=Said(events=labelled)))
        return Proposal(
            events=labelled,
            states=(*kept, *self._families.floods.states(floods)),
            gone=tuple(gone),
            memory=tuple(memory),
        )

    def _held(self, row: int) -> Behind:
        """Return a point's newest adopted judged reading."""
        return Behind(
            time=int(self.newest.judged_time[row]),
            received=int(self.newest.judged_received[row]),
            value=float(self.newest.judged_value[row]),
            quality=int(self.newest.judged_quality[row]),
        )

    def _stand(self, standing: Standing) -> None:
        self._standing.put(standing, self.rules, self.pasts.kept, self._pending, self._calm)
