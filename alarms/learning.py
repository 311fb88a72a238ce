"""What the families that learn from single points have in common: memory, standing and the record.

Memory follows from a point's judged readings; what stands depends on rules, is kept beside it and
goes into the record when it changes. `judge` changes both in place: its proposal is adopted, or the
engine is built anew.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alarms import tiers
from alarms.alarm import Kind, ProcessEvent, Transition
from alarms.family import RANK, Clock, Found, Seen, places_of, set_apart, write_at
from alarms.plant import Plant, Point
from alarms.proposal import ChannelState
from alarms.readings import QUALITY_MASK, Instants, Quality, Rows, Values
from alarms.rules import watched
from alarms.wording import Behind, is_late, place, reading_behind

Records = NDArray[np.void]
Said = tuple[Transition, str, str]
"""What happened at a reading, in Chinese and English words that follow the point's name."""


@dataclass(slots=True, kw_only=True)
class Changes:
    """What stands anew by place, None where nothing does any more, and rows that ended."""

    standing: dict[int, dict[str, Any] | None] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)


class Learning:
    """The points that one detector watches; `rows` are theirs in the plant, ascending.

    `memory`, `rules` and `standing` have one record a watched point. The first field of a standing
    is zero while no alarm stands.
    """

    def __init__(
        self,
        plant: Plant,
        name: str,
        *,
        memory: Callable[[int], Records],
        rules: Callable[[Point], tuple[Any, ...]],
        rules_type: np.dtype[np.void],
        standing_type: np.dtype[np.void],
        words: tuple[str, str],
    ) -> None:
        """`memory` makes that of so many points, `rules` says what holds for a point.

        `words` tell, Chinese and English, that the point is not watched any more.
        """
        self.plant = plant
        self.name = name
        alike = plant.alike
        wanted = [name in watched(point) for point in alike.points]
        mine = np.flatnonzero(np.array(wanted, np.bool_)[alike.of])
        self.rows: Rows = mine.astype(np.int32)
        self.memory = memory(len(mine))
        laid_out = np.zeros(len(alike.points), rules_type)
        for kind in np.flatnonzero(wanted).tolist():
            laid_out[kind] = rules(alike.points[kind])
        self.rules = laid_out[alike.of[mine]]
        self.standing: Records = np.zeros(len(mine), standing_type)
        self.place_of = np.full(len(plant.points), -1, np.int32)
        self.place_of[self.rows] = np.arange(len(mine), dtype=np.int32)
        self._parts = standing_type.names or ()
        self._stored: set[int] = set()
        self._ended: list[int] = []
        self._words = words

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        columns = (self.rows, self.memory, self.rules, self.standing, self.place_of)
        return sum(column.nbytes for column in columns)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up where the record left off; states of other families are passed over.

        An alarm of a point that is not watched any more returns with the next tick.
        """
        for state in states:
            row = row_of.get(state.key) if state.rule == self.name else None
            if row is None:
                continue
            at = int(self.place_of[row])
            if at < 0:
                self._ended.append(row)
                continue
            self.standing[at] = tuple(state.process[part] for part in self._parts)
            self._stored.add(at)

    def judge(self, seen: Seen) -> tuple[list[Found], Changes]:
        """Return what a batch means, and the changes to adopt; memory has followed already."""
        readings, changes = seen.readings, Changes()
        if len(self.rows) == 0:
            return [], changes
        walk = seen.walk
        at = places_of(self, walk.rows)
        chosen, time, value = walk.order, walk.time, walk.value
        mine = (at >= 0) & walk.is_judged
        if not mine.all():
            chosen, at, time, value = chosen[mine], at[mine], time[mine], value[mine]
        if len(chosen) == 0:
            return [], changes
        said = self._run(at, time, value)
        found: list[Found] = []
        for i in np.flatnonzero(said["change"]).tolist():
            stood, place_of_reading = int(at[i]), int(chosen[i])
            stands = self.standing[stood]
            changes.standing[stood] = self._process(stands) if stands[0] else None
            behind = reading_behind(readings, place_of_reading)
            row = int(self.rows[stood])
            for rank, told in enumerate(self._tell(row, said[i], behind), RANK):
                event = self._event(row, told, behind, still_over=bool(stands[0]))
                found.append((place_of_reading, rank, behind.time, event))
        return found, changes

    def tick(self, clock: Clock) -> tuple[list[Found], Changes]:
        """Return the alarms of points that are not watched any more; silence ends no other."""
        found: list[Found] = []
        zh, en = self._words
        for row in self._ended:
            at = int(clock.newest.time[row]) or int(clock.floor[row])
            behind = Behind(
                time=at,
                received=int(clock.newest.received[row]) or at,
                value=np.nan,
                quality=Quality.good,
            )
            event = self._event(row, (Transition.returned, zh, en), behind, still_over=False)
            found.append((row, RANK, at, event))
        return found, Changes(ended=list(self._ended))

    def states(self, changes: Changes) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow from changes: to upsert, and to delete."""
        kept: list[ChannelState] = []
        gone = [(self.plant.key_of(row), self.name) for row in changes.ended]
        for at, process in changes.standing.items():
            key = self.plant.key_of(int(self.rows[at]))
            if process is not None:
                kept.append(ChannelState(key=key, rule=self.name, process=process))
            elif at in self._stored:
                gone.append((key, self.name))
        return kept, gone

    def adopt(self, changes: Changes) -> None:
        """Let changes take effect: the transaction has committed."""
        for at, process in changes.standing.items():
            if process is None:
                self._stored.discard(at)
            else:
                self._stored.add(at)
        if changes.ended:
            self._ended.clear()

    @property
    def columns(self) -> tuple[Records, ...]:
        """Return what judging changes in place."""
        return self.memory, self.standing

    def apart(self, places: Rows) -> Self:
        """Return these places alone, with columns of their own, to be judged for themselves."""
        return set_apart(
            self, places, ("memory", "rules", "standing"), _stored=set[int](), _ended=list[int]()
        )

    def stands(self, place: int) -> dict[str, dict[str, Any]]:
        """Return what the record holds of a place's alarm, by rule."""
        stands = self.standing[place]
        return {self.name: self._process(stands)} if stands[0] else {}

    def take(self, places: Rows, other: Self) -> None:
        """Stand at these places as `other`, judged apart, does."""
        write_at(self.columns, places, other.columns)
        for at in places.tolist():
            if self.standing[at][0]:
                self._stored.add(at)
            else:
                self._stored.discard(at)

    def replay(self, rows: Rows, time: Instants, value: Values) -> None:
        """Learn stored judged readings, in order of time for each of the plant's rows."""
        at = places_of(self, rows)
        mine = at >= 0
        self._learn(at[mine], time[mine], value[mine])

    def _run(self, at: Rows, time: Instants, value: Values) -> Records:
        """Judge readings of these places; the answer's `change` is zero where nothing happened."""
        raise NotImplementedError

    def _learn(self, at: Rows, time: Instants, value: Values) -> None:
        """Let the memories of these places follow the readings."""
        raise NotImplementedError

    def _tell(self, row: int, said: np.void, behind: Behind) -> list[Said]:
        """Put into words what a reading did; nothing where only the standing is to be kept."""
        raise NotImplementedError

    def _process(self, stands: np.void) -> dict[str, Any]:
        return {part: stands[part].item() for part in self._parts}

    def _event(self, row: int, told: Said, behind: Behind, *, still_over: bool) -> ProcessEvent:
        change, words_zh, words_en = told
        zh, en = place(self.plant, row)
        late = is_late(behind.quality, behind.time, behind.received)
        good = behind.quality & QUALITY_MASK == Quality.good
        return ProcessEvent(
            subject=self.plant.subject(row),
            rule=self.name,
            kind=Kind(self.name),
            change=change,
            tier=tiers.of_kind(self.plant, self.plant.points[row], self.name),
            t_change=behind.time,
            t_event=behind.time,
            t_received=behind.received,
            value=None if np.isnan(behind.value) else behind.value,
            quality="good" if good else "uncertain",
            message_zh=f"{zh} {words_zh}",
            message_en=f"{en} {words_en}",
            late=late,
            still_over=still_over if late else True,
        )
