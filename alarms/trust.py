"""Says of an active limit alarm that its signal cannot be trusted now, and when it can again.

The quality region of alarms.md 1.2 with rows 19 and 20: a reading of bad quality, or silence for
T_stale of the point's own clock, holds the alarm and changes its quality alone; the next judged
reading makes it good again. Nothing rings, nothing clears.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from alarms.alarm import ProcessEvent
from alarms.detectors import limits
from alarms.family import RANK, Clock, Found, Seen
from alarms.plant import Plant
from alarms.proposal import ChannelState
from alarms.rules import RULES, Ruleset
from alarms.standing import Standing
from alarms.wording import Behind, quality_event, reading_behind

RULE: Final = "quality.limit"
GOOD: Final = "good"
BAD: Final = "bad"
STALE: Final = "stale"

Changes = dict[int, str]
"""The quality to remember of a point row; good is not remembered."""


class Trust:
    """Which points with an active limit alarm are not trusted, and why: bad or stale."""

    def __init__(self, plant: Plant, rules: Ruleset, standing: Standing) -> None:
        self.plant = plant
        self.rules = rules
        self._standing = standing
        self._lost: dict[int, str] = {}
        self._is_lost = np.zeros(len(plant.points), np.bool_)

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        return int(self._is_lost.nbytes)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up where the record left off."""
        self.adopt(
            {
                row_of[state.key]: state.process["quality"]
                for state in states
                if state.rule == RULE and state.key in row_of
            }
        )

    def judge(self, seen: Seen) -> tuple[list[Found], Changes]:
        """Return where bad readings and good ones after them fall on active alarms."""
        points = seen.readings.point
        if not self._lost and not seen.holding.any():
            return [], {}
        telling = seen.holding | self._is_lost[points]
        if not telling.any():
            return [], {}
        rows = np.unique(points[telling])
        tops = dict(zip(rows.tolist(), limits.tops(self._standing.phase[rows]), strict=True))
        moves = {(move.place, move.row, move.side): move for move in seen.moves}
        watched = {row for row, top in tops.items() if (top != limits.NONE).any()}
        watched |= {row for _, row, _ in moves} & tops.keys()
        its = np.isin(points, np.array(sorted(watched), np.int32))
        found: list[Found] = []
        changes: Changes = {}
        for place in np.flatnonzero(its).tolist():
            row = int(points[place])
            here = [moves.get((place, row, side)) for side in range(len(RULES))]
            for side, move in enumerate(here):
                tops[row][side] = tops[row][side] if move is None else move.top
            active = np.flatnonzero(tops[row] != limits.NONE).tolist()
            known = quality = changes.get(row, self._lost.get(row, GOOD))
            if seen.holding[place] or seen.is_judged[place]:
                quality = BAD if seen.holding[place] else GOOD
            behind = reading_behind(seen.readings, place)
            for side in active:
                move = here[side]
                # What moves here goes by the reading before, unless its signal was lost.
                if quality != known if move is None else quality == BAD and not move.lost:
                    event = self._event(row, side, tops[row][side], quality, behind)
                    found.append((place, RANK, event.t_change, event))
            changes[row] = quality if active else GOOD
        return found, {
            row: quality for row, quality in changes.items() if quality != self._lost.get(row, GOOD)
        }

    def tick(self, clock: Clock) -> tuple[list[Found], Changes]:
        """Return the active alarms whose points have fallen silent, by their own clocks."""
        rows = np.flatnonzero(self._standing.stored.any(axis=1)).astype(np.int32)
        tops = limits.tops(self._standing.phase[rows])
        for move in clock.moves:
            tops[np.searchsorted(rows, move.row), move.side] = move.top
        said = {(move.row, move.side) for move in clock.moves if move.lost}
        stale_at = clock.newest.time[rows] + self.rules.stale[rows]
        silent = (stale_at <= clock.settled(rows)) & (tops != limits.NONE).any(axis=1)
        found: list[Found] = []
        changes: Changes = {}
        for i in np.flatnonzero(silent).tolist():
            row, at = int(rows[i]), int(stale_at[i])
            if self._lost.get(row) == STALE:
                continue
            changes[row] = STALE
            received = int(clock.newest.received[row])
            behind = Behind(time=at, received=received, value=float("nan"), quality=0)
            for side in np.flatnonzero(tops[i] != limits.NONE).tolist():
                if (row, side) not in said:
                    event = self._event(row, side, tops[i, side], STALE, behind)
                    found.append((row, RANK, at, event))
        found += self._in_doubt(clock, changes)
        active = set(rows[(tops != limits.NONE).any(axis=1)].tolist())
        changes |= dict.fromkeys(self._lost.keys() - active, GOOD)
        return found, changes

    def _in_doubt(self, clock: Clock, stale: Changes) -> list[Found]:
        """Return what to say of alarms that the clock raises while the last word was a bad one."""
        found: list[Found] = []
        for move in {(move.row, move.side): move for move in clock.moves}.values():
            row, at = move.row, move.at
            is_told = move.lost or row in stale or move.top == limits.NONE
            if self._lost.get(row) == BAD and not is_told:
                received = int(clock.newest.received[row])
                behind = Behind(time=at, received=received, value=float("nan"), quality=0)
                event = self._event(row, move.side, move.top, BAD, behind)
                found.append((row, RANK, at, event))
        return found

    def states(self, changes: Changes) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        keys = {row: self.plant.key_of(row) for row in changes}
        kept = [
            ChannelState(key=keys[row], rule=RULE, process={"quality": quality})
            for row, quality in changes.items()
            if quality != GOOD
        ]
        return kept, [(keys[row], RULE) for row, quality in changes.items() if quality == GOOD]

    def adopt(self, changes: Changes) -> None:
        """Let changes take effect: the transaction has committed."""
        for row, quality in changes.items():
            self._lost.pop(row, None)
            if quality != GOOD:
                self._lost[row] = quality
            self._is_lost[row] = quality != GOOD

    def _event(self, row: int, side: int, top: int, quality: str, behind: Behind) -> ProcessEvent:
        # The clock may have raised the alarm ahead of a reading that was on its way.
        at = max(behind.time, int(self._standing.t0[row, top]))
        return quality_event(
            self.plant, self.rules, row, side=side, top=int(top), quality=quality,
            at=at, behind=behind,
        )  # fmt: skip
