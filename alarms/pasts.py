"""Keeps the pasts of points that are not at rest, in step with batches and ticks (alarms.past)."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

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
    opened,
    order_of,
    snap_of,
    snaps_after,
    told,
    with_silences,
)
from alarms.plant import Plant
from alarms.proposal import ChannelState, LastReadings
from alarms.readings import Instants, Readings, Rows
from alarms.rules import Ruleset
from alarms.standing import Standing
from alarms.sweep import Faced

STATE: Final = "limit.past"
_NOTHING: Final[Mapping[int, Followed]] = {}
_NEVER: Final = -1
_AT_REST: Final = Snap()


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
        order = order_of(seen.stirred)
        readings, faced = seen.stirred.take(order), None
        if seen.faced is not None:
            faced = seen.faced[np.isin(seen.readings.point, swept.rows)][order]
        first = np.searchsorted(readings.point, swept.rows)
        last = np.searchsorted(readings.point, swept.rows, side="right") - 1
        minute = readings.time[last] // MINUTE_US
        # Where no minute begins and nothing moves, nothing changes of the past.
        busy = ~self.kept[swept.rows] | (minute != self._minute[swept.rows])
        busy[np.searchsorted(swept.rows, sorted(moves))] = True
        pasts = {
            place: self._past.get(row) or self.rested(row, seen.newest)
            for place, row in zip(np.flatnonzero(busy).tolist(), swept.rows[busy].tolist(),
                                  strict=True)
        }  # fmt: skip
        borders = self._borders(swept.rows, readings, faced, first, minute, pasts, seen.newest)
        changes: dict[int, Followed] = {}
        ahead = np.logical_or.reduce(swept.t0 > readings.time[last][:, None], axis=1)
        busy_now = np.logical_or.reduce((swept.phase != limits.CLEAR) | (swept.t0 != 0), axis=1)
        for place, past in pasts.items():
            row = int(swept.rows[place])
            closed, open_ = told(past.closed, past.open, moves.get(row, ()))
            before, begin = borders.get(place, (past.before, past.begin))
            earliest = int(readings.time[first[place]])
            changes[row] = followed(
                minute=int(minute[place]),
                before=before,
                begin=begin,
                alone=past.alone if ahead[place] else None,
                closed=closed,
                open_=open_,
                past=past,
                at_rest=not busy_now[place],
                overtaken=past.alone is not None and earliest <= int(self._standing.t0[row].max()),
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

    def states(
        self, changes: Changes, upon: Mapping[int, Followed] = _NOTHING
    ) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete.

        `upon` is what is written and adopted before them.
        """
        kept: list[ChannelState] = []
        gone = [
            (self.plant.key_of(row), STATE)
            for row in self._dropped
            if row not in changes.pasts and row not in self._past
        ]
        for row, change in changes.pasts.items():
            key = self.plant.key_of(row)
            known = upon[row].past if row in upon else self._past.get(row)
            if change.past is None:
                if known is not None:
                    gone.append((key, STATE))
            elif change.past != known:
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
        return Past(minute=int(newest.time[row]) // MINUTE_US, before=_AT_REST, begin=_AT_REST)

    def _borders(
        self,
        rows: Rows,
        readings: Readings,
        faced: Faced,
        first: NDArray[np.intp],
        minute: Instants,
        pasts: Mapping[int, Past],
        newest: LastReadings,
    ) -> dict[int, tuple[Snap, Snap]]:
        """Return how points stood at the beginnings of their newest minutes: two of each place.

        Those with nothing of their own before the newest minute, which is nearly all where readings
        come as they are taken, stood there as they do.
        """
        found: dict[int, tuple[Snap, Snap]] = {}
        begun: dict[int, Snap] = {}
        silences: list[list[int]] = []
        for place, past in pasts.items():
            if minute[place] <= past.minute:
                continue
            row = int(rows[place])
            now = self._now(row, past, newest)
            silent = [at for at in past.silences if at > newest.time[row]]
            if silent or readings.time[first[place]] < minute[place] * MINUTE_US:
                begun[place] = now
                silences.append(silent)
            else:
                found[place] = past.begin if minute[place] == past.minute + 1 else now, now
        if not begun:
            return found
        places = list(begun)
        starts = list(begun.values())
        chosen = np.isin(readings.point, rows[places])
        part, goes_by = readings.take(chosen), None if faced is None else faced[chosen]
        mine, goes_by = with_silences(part, goes_by, rows[places], silences)
        borders = minute[places] * MINUTE_US
        ended = [pasts[place].closed[: start.closed] for place, start in begun.items()]
        before = leg(self.rules, rows[places], starts, mine, goes_by, None, borders - MINUTE_US)
        snaps, closed = snaps_after(before, starts, ended)
        begin = leg(self.rules, rows[places], snaps, mine, goes_by, borders - MINUTE_US, borders)
        later, _ = snaps_after(begin, snaps, closed)
        for place, was, then in zip(places, snaps, later, strict=True):
            follows = minute[place] == pasts[place].minute + 1
            found[place] = pasts[place].begin if follows else was, then
        return found

    def _now(self, row: int, past: Past, newest: LastReadings) -> Snap:
        """Return how a point stands by the readings adopted so far."""
        if past.alone is not None:
            return past.alone
        time = int(newest.judged_time[row])
        return snap_of(self._standing, row, time, len(past.closed), past.open)
