"""Keeps the pasts of points that are not at rest, in step with batches and ticks (alarms.past)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from alarms.detectors import limits
from alarms.family import Clock, Found, LevelMove, Seen
from alarms.past import (
    MINUTE_US,
    Changes,
    Followed,
    Past,
    Snap,
    followed,
    leg,
    of_rows,
    opened,
    snap_of,
    snaps_after,
    told,
    with_silences,
)
from alarms.plant import Plant
from alarms.proposal import ChannelState, LastReadings
from alarms.readings import Instants, Readings, Rows
from alarms.rules import Ruleset
from alarms.sweep import Standing

STATE: Final = "limit.past"
_NEVER: Final = -1


class Pasts:
    """The pasts of all points that have one."""

    def __init__(self, plant: Plant, rules: Ruleset, standing: Standing) -> None:
        self.plant = plant
        self.rules = rules
        self._standing = standing
        self._past: dict[int, Past] = {}
        self._dropped: list[int] = []
        self._owed: list[LevelMove] = []
        self._minute: Instants = np.zeros(len(plant.points), np.int64)
        self.kept = np.zeros(len(plant.points), np.bool_)
        self.owes = False

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        return int(self.kept.nbytes + self._minute.nbytes)

    def of(self, row: int) -> Past | None:
        """Return a point's adopted past; None: it was at rest for two minutes."""
        return self._past.get(row)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up where the record left off."""
        pasts = {
            row_of[state.key]: Followed(past=msgspec.convert(state.process, Past))
            for state in states
            if state.rule == STATE and state.key in row_of
        }
        self.adopt(Changes(pasts=pasts))

    def settle(self, newest: LastReadings) -> None:
        """Let what stands without a past begin here: what is older is not judged again."""
        stands = limits.tops(self._standing.phase) != limits.NONE
        for row, past in list(self._past.items()):
            if [each is not None for each in past.open] != stands[row].tolist():
                # Its limits are others than when it was written.
                self.adopt(Changes(pasts={row: Followed(past=None)}))
                self._dropped.append(row)
        busy = self._standing.stored.any(axis=1) & ~self.kept & (newest.time > 0)
        for row in np.flatnonzero(busy).tolist():
            snap = snap_of(self._standing, row, int(newest.judged_time[row]), 0, (None, None))
            known = opened(snap)
            snap = msgspec.structs.replace(snap, open=known)
            time = int(newest.time[row])
            begins = Past(
                minute=time // MINUTE_US, before=snap, begin=snap, open=known, blind=time + 1
            )
            self.adopt(Changes(pasts={row: Followed(past=begins)}))

    def owing(self) -> list[LevelMove]:
        """Return the moves that late readings have made since the last tick, those that hold."""
        rows = np.array([move.row for move in self._owed], np.int32)
        top = limits.tops(self._standing.phase[rows])
        return [move for i, move in enumerate(self._owed) if top[i, move.side] == move.top]

    def judge(self, seen: Seen) -> tuple[list[Found], Changes]:
        """Follow the points whose limits were judged."""
        swept = seen.swept
        if swept is None:
            return [], Changes()
        moves: dict[int, list[LevelMove]] = {}
        for move in seen.moves:
            moves.setdefault(move.row, []).append(move)
        # Where no minute begins and nothing moves, nothing changes of the past.
        newest = np.zeros(len(swept.rows), np.int64)
        where = np.searchsorted(swept.rows, seen.readings.point)
        where = np.minimum(where, len(swept.rows) - 1)
        mine = swept.rows[where] == seen.readings.point
        np.maximum.at(newest, where[mine], seen.readings.time[mine])
        busy = ~self.kept[swept.rows] | (newest // MINUTE_US != self._minute[swept.rows])
        busy[np.searchsorted(swept.rows, sorted(moves))] = True
        rows = swept.rows[busy]
        if len(rows) == 0:
            return [], Changes()
        readings = of_rows(seen.readings, rows)
        end = np.searchsorted(readings.point, rows, side="right")
        minute = readings.time[end - 1] // MINUTE_US
        pasts = [self._past.get(row) or self.rested(row, seen.newest) for row in rows.tolist()]
        crossed = np.flatnonzero(minute > np.array([past.minute for past in pasts])).astype(
            np.int32
        )
        borders = self._borders(rows, crossed, readings, minute, pasts, seen.newest)
        changes: dict[int, Followed] = {}
        places = np.flatnonzero(busy).tolist()
        for i, (row, place) in enumerate(zip(rows.tolist(), places, strict=True)):
            past = pasts[i]
            closed, open_ = told(past.closed, past.open, moves.get(row, ()))
            before, begin = borders.get(i, (past.before, past.begin))
            latest = int(readings.time[end[i] - 1])
            ahead = past.alone is not None and bool((swept.t0[place] > latest).any())
            earliest = int(readings.time[end[i - 1] if i else 0])
            overtaken = past.alone is not None and earliest <= int(self._standing.t0[row].max())
            changes[row] = followed(
                minute=int(minute[i]),
                before=before,
                begin=begin,
                alone=past.alone if ahead else None,
                closed=closed,
                open_=open_,
                past=past,
                at_rest=not swept.phase[place].any() and not swept.t0[place].any(),
                overtaken=overtaken,
            )
        return [], Changes(pasts=changes)

    def tick(self, clock: Clock) -> tuple[list[Found], Changes]:
        """Follow the points whose delays have run out, or whose signal was lost."""
        swept = clock.swept
        if swept is None:
            return [], Changes(paid=bool(self._owed))
        moves: dict[int, list[LevelMove]] = {}
        for move in clock.moves:
            moves.setdefault(move.row, []).append(move)
        changes: dict[int, Followed] = {}
        old = self._standing.take(swept.rows)
        changed = (old.phase != swept.phase) | (old.t0 != swept.t0)
        for place in np.flatnonzero(changed.any(axis=1)).tolist():
            row = int(swept.rows[place])
            past = self._past.get(row)
            if past is None:
                continue
            alone = past.alone or snap_of(
                self._standing,
                row,
                int(clock.newest.judged_time[row]),
                len(past.closed),
                past.open,
            )
            closed, open_ = told(past.closed, past.open, moves.get(row, ()))
            held = (old.phase[place] != limits.ACTIVE) & (swept.phase[place] == limits.ACTIVE)
            stale_at = int(clock.newest.time[row] + self.rules.stale[row])
            lost = bool((held & (swept.t0[place] == stale_at)).any())
            silences = (*past.silences, stale_at) if lost else past.silences
            changes[row] = Followed(
                past=msgspec.structs.replace(
                    past, alone=alone, closed=closed, open=open_, silences=silences
                ),
                closed=closed,
                open=open_,
            )
        return [], Changes(pasts=changes, paid=bool(self._owed))

    def states(self, changes: Changes) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone = [
            (self.plant.points[row].key, STATE)
            for row in self._dropped
            if row not in changes.pasts and row not in self._past
        ]
        for row, change in changes.pasts.items():
            key = self.plant.points[row].key
            if change.past is None:
                if row in self._past:
                    gone.append((key, STATE))
            elif change.past != self._past.get(row):
                process = msgspec.to_builtins(change.past)
                kept.append(ChannelState(key=key, rule=STATE, process=process))
        return kept, gone

    def adopt(self, changes: Changes) -> None:
        """Let changes take effect: the transaction has committed."""
        self._dropped.clear()
        if changes.paid:
            self._owed.clear()
        self._owed += changes.moves
        self.owes = bool(self._owed)
        for row, change in changes.pasts.items():
            self.kept[row] = change.past is not None
            if change.past is None:
                self._past.pop(row, None)
            else:
                self._past[row] = change.past
                plain = change.past.alone is None
                self._minute[row] = change.past.minute if plain else _NEVER

    def rested(self, row: int, newest: LastReadings) -> Past:
        """Return the past of a point that was at rest until this batch."""
        return Past(minute=int(newest.time[row]) // MINUTE_US, before=Snap(), begin=Snap())

    def _borders(
        self,
        rows: Rows,
        crossed: Rows,
        readings: Readings,
        minute: Instants,
        pasts: Sequence[Past],
        newest: LastReadings,
    ) -> dict[int, tuple[Snap, Snap]]:
        """Return how points stood at the beginnings of their newest minutes: two of each point."""
        if len(crossed) == 0:
            return {}
        chosen = rows[crossed]
        kept: dict[int, Past] = {i: pasts[i] for i in crossed.tolist()}
        starts = [self._now(int(rows[i]), past, newest) for i, past in kept.items()]
        silences = [
            [at for at in past.silences if at > newest.time[rows[i]]] for i, past in kept.items()
        ]
        mine = with_silences(of_rows(readings, chosen), chosen, silences)
        borders = minute[crossed] * MINUTE_US
        first = leg(self.rules, chosen, starts, mine, None, borders - MINUTE_US)
        ended = [
            past.closed[: start.closed] for past, start in zip(kept.values(), starts, strict=True)
        ]
        snaps = snaps_after(first, starts, ended)
        second = leg(self.rules, chosen, snaps[0], mine, borders - MINUTE_US, borders)
        later = snaps_after(second, snaps[0], snaps[1])
        found: dict[int, tuple[Snap, Snap]] = {}
        for place, (i, past) in enumerate(kept.items()):
            before = past.begin if minute[i] == past.minute + 1 else snaps[0][place]
            found[i] = before, later[0][place]
        return found

    def _now(self, row: int, past: Past, newest: LastReadings) -> Snap:
        """Return how a point stands by the readings adopted so far."""
        if past.alone is not None:
            return past.alone
        time = int(newest.judged_time[row])
        return snap_of(self._standing, row, time, len(past.closed), past.open)
