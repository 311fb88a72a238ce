"""Forecasts as a family of rules: a point's limits each have one, until their own alarm raises."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms import forecast_wording as wording
from alarms import tiers
from alarms.alarm import Tier, Transition
from alarms.detectors import forecast, forecast_tasks, limits, trend_columns
from alarms.detectors.forecast_tasks import Floats, Tasks
from alarms.detectors.forecast_walk import MOST, MOVE, STEP, Records, taken_over, walk
from alarms.family import RANK, Clock, Found, LevelMove, Seen, places_of, set_apart, write_at
from alarms.parameters import parameter
from alarms.plant import Plant, Point
from alarms.proposal import ChannelState, LastReadings
from alarms.readings import Instants, Rows, Values
from alarms.rules import HIGH, LEVEL_NAMES, LOW, RULES, SLOTS, Ruleset, high_levels, low_levels
from alarms.rules import watched as watched_at
from alarms.wording import Behind, reading_behind

PREFIX: Final = "forecast."
_NO_PLACE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a batch or a tick moved: rows of the record, and whether the ended were reported.

    `tasks` has the points that a tick moved, and their tasks after it.
    """

    kept: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    gone: tuple[tuple[str, str], ...] = ()
    ended: bool = False
    tasks: tuple[NDArray[np.int32], Tasks] | None = None


class Forecasts:
    """The forecasts of every point that has limits and is watched for them.

    `rows` are the plant rows of its points, `memory` what each has learned. Unlike other families
    it learns while it judges, in place: what it proposes must be adopted, or the engine be built
    anew. A tick changes nothing before it is adopted. `replay` brings memory up to date from stored
    readings.
    """

    name = "forecast"

    def __init__(self, plant: Plant, rules: Ruleset) -> None:
        self.plant = plant
        alike = plant.alike
        watched = np.array(["forecast" in watched_at(point) for point in alike.points], np.bool_)
        on, self._name = _limits(alike.points, rules)
        chosen = watched & np.isfinite(on).any(axis=1)
        self.rows: Rows = np.flatnonzero(chosen[alike.of]).astype(np.int32)
        response = [_response(plant, point) for point in alike.points]
        within_s = [tiers.within_s(plant, point) for point in alike.points]
        self._aims = forecast_tasks.aims(
            on,
            np.array([point.deadband for point in alike.points], np.float64),
            np.array(response, np.float64),
            np.array(within_s, np.float64).reshape(-1, 2),
        )
        self._tasks = forecast_tasks.tasks(alike.of[self.rows])
        self.memory = trend_columns.blank(len(self.rows))
        self.place_of: NDArray[np.int32] = np.full(len(plant.points), _NO_PLACE, np.int32)
        self.place_of[self.rows] = np.arange(len(self.rows), dtype=np.int32)
        self._room = forecast.room()
        self._ended: list[tuple[int, str]] = []

    @property
    def nbytes(self) -> int:
        """Return the size of its columns in bytes."""
        columns = (self.rows, self.memory, self._aims, self._tasks, self.place_of, self._name)
        return sum(column.nbytes for column in columns)

    def recall(self, states: Iterable[ChannelState], row_of: Mapping[str, int]) -> None:
        """Take up the forecasts and the limit alarms that stand; memory comes by `replay`."""
        for state in states:
            row = row_of.get(state.key)
            if row is None:
                continue
            point = int(self.place_of[row])
            if state.rule in RULES and point >= 0:
                self._tasks[point]["reached"][RULES.index(state.rule)] = self._reached(point, state)
            elif state.rule.startswith(PREFIX):
                slot = self._slot(point, state.rule) if point >= 0 else None
                if slot is None:
                    self._ended.append((row, state.rule))
                    continue
                self._tasks[point]["tier"][slot] = Tier[state.process["tier"]]
                self._tasks[point]["misses"][slot] = state.process["misses"]

    def replay(self, rows: Rows, time: Instants, value: Values) -> None:
        """Learn stored judged readings, in order of their times for each plant row; none is judged.

        Only what is newer than a point's newest is learned.
        """
        trend_columns.replay(
            self.memory["head"],
            self.memory["rungs"],
            places_of(self, rows),
            time,
            value,
        )

    def judge(self, seen: Seen) -> tuple[list[Found], Changes]:
        """Learn a batch and judge each point at most once in 10 s of its own clock."""
        readings, walked = seen.readings, seen.walk
        moves = self._moves(_walked(seen))
        steps = np.empty(MOST * len(readings) + SLOTS * len(seen.moves), STEP)
        many = walk(
            self.place_of,
            self.memory["head"],
            self.memory["rungs"],
            self._aims,
            self._tasks,
            self.memory.view(np.uint8).reshape(len(self.memory), trend_columns.ROW.itemsize),
            walked.rows,
            walked.time,
            walked.value,
            walked.is_judged,
            moves,
            *self._room,
            steps,
        )
        after = moves[moves["place"] >= len(readings)]
        if len(after):
            many += taken_over(self._tasks, after, steps[many:])
        steps = steps[:many]
        steps["place"] = np.append(walked.order, len(readings))[steps["place"]]

        def held(place: int, row: int) -> Behind:
            if place < len(readings) and readings.point[place] == row:
                return reading_behind(readings, place)
            return _held(seen.newest, row)

        ended: list[Found] = []
        if self._ended:
            ended = self._gone(seen.newest.judged_time)
        found, changes = self._said(steps, held)
        return ended + found, replace(changes, ended=bool(ended))

    def tick(self, clock: Clock) -> tuple[list[Found], Changes]:
        """Let limit alarms that raised with time take over; silence itself moves no forecast."""
        ended = self._gone(clock.newest.time) if self._ended else []
        moves = self._moves((*clock.owed, *clock.moves))
        steps = np.empty(SLOTS * len(moves), STEP)
        points = moves["point"]
        before = self._tasks[points]
        many = taken_over(self._tasks, moves, steps) if len(moves) else 0

        found, changes = self._said(steps[:many], lambda _, row: _held(clock.newest, row))
        after = self._tasks[points]
        self._tasks[points] = before
        return ended + found, replace(changes, ended=bool(ended), tasks=(points, after))

    def states(self, changes: Changes) -> tuple[list[ChannelState], list[tuple[str, str]]]:
        """Return the rows of the record that follow: a forecast that stands has one."""
        kept = [
            ChannelState(
                key=self._at(point).key,
                rule=self._rule(point, slot),
                process=_process(tier, misses),
            )
            for (point, slot), (tier, misses) in changes.kept.items()
        ]
        gone = list(changes.gone)
        if changes.ended:
            gone += [(self.plant.key_of(row), rule) for row, rule in self._ended]
        return kept, gone

    def adopt(self, changes: Changes) -> None:
        """Let a tick take effect, and forget what was reported as ended."""
        if changes.ended:
            self._ended.clear()
        if changes.tasks is not None:
            points, tasks = changes.tasks
            self._tasks[points] = tasks

    @property
    def columns(self) -> tuple[NDArray[Any], ...]:
        """Return what judging changes in place."""
        return self.memory, self._tasks

    def apart(self, places: Rows) -> Self:
        """Return these places alone, with columns of their own, to be judged for themselves."""
        return set_apart(self, places, ("memory", "_tasks"), _ended=list[tuple[int, str]]())

    def stands(self, place: int) -> dict[str, dict[str, Any]]:
        """Return what the record holds of a place's forecasts, by rule."""
        task = self._tasks[place]
        return {
            self._rule(place, slot): _process(int(task["tier"][slot]), int(task["misses"][slot]))
            for slot in np.flatnonzero(task["tier"]).tolist()
        }

    def take(self, places: Rows, other: Self) -> None:
        """Stand at these places as `other`, judged apart, does."""
        write_at(self.columns, places, other.columns)

    def _said(
        self, steps: Records, held: Callable[[int, int], Behind]
    ) -> tuple[list[Found], Changes]:
        found: list[Found] = []
        first: dict[tuple[int, int], int] = {}
        last: dict[tuple[int, int], tuple[int, int]] = {}
        for moved in steps:
            point, slot = int(moved["point"]), int(moved["slot"])
            was, tier = int(moved["was"]), int(moved["tier"])
            first.setdefault((point, slot), was)
            last[point, slot] = tier, int(moved["misses"])
            if was == tier:
                continue
            place = int(moved["place"])
            event = wording.forecast_event(
                self.plant,
                int(self.rows[point]),
                level=self._level(point, slot),
                limit=self._limit(point, slot),
                change=_change(was, tier),
                tier=Tier(tier or was),
                at=int(moved["at"]),
                behind=held(place, int(self.rows[point])),
                said=moved["said"],
                taken_over=bool(moved["taken_over"]),
                stands=bool(self._tasks[point]["tier"][slot] > 0),
            )
            found.append((place, RANK, int(moved["at"]), event))
        kept = {where: now for where, now in last.items() if now[0] > 0}
        gone = tuple(
            (self._at(point).key, self._rule(point, slot))
            for (point, slot), was in first.items()
            if was > 0 and (point, slot) not in kept
        )
        return found, Changes(kept=kept, gone=gone)

    def _gone(self, newest: Instants) -> list[Found]:
        """Return the forecasts whose limits were taken away."""
        return [
            (0, 0, int(newest[row]), wording.ended_event(self.plant, row, rule, int(newest[row])))
            for row, rule in self._ended
        ]

    def _moves(self, moves: Iterable[LevelMove]) -> Records:
        """Return what limit alarms did, in order of the readings behind it."""
        told = sorted(
            (move for move in moves if self.place_of[move.row] >= 0), key=lambda move: move.place
        )
        rows = [(m.place, m.at, self.place_of[m.row], m.side, m.top + 1) for m in told]
        return np.array(rows, MOVE)

    def _reached(self, point: int, state: ChannelState) -> int:
        """Return one more than the slot of the highest level that a limit alarm stands at."""
        known = state.process["levels"]
        side = (LOW, HIGH)[RULES.index(state.rule)]
        active = (limits.PHASES[limits.ACTIVE], limits.PHASES[limits.PEND_OFF])
        return max(
            (
                slot + 1
                for slot in range(SLOTS)[side]
                if known.get(self._level(point, slot), ("",))[0] in active
            ),
            default=0,
        )

    def _slot(self, point: int, rule: str) -> int | None:
        """Return the slot whose forecast a rule is, None where the limit is no more."""
        return next(
            (slot for slot in range(SLOTS) if self._rule(point, slot) == rule),
            None,
        )

    def _rule(self, point: int, slot: int) -> str:
        level = self._level(point, slot)
        return f"{PREFIX}{level}" if level else ""

    def _level(self, point: int, slot: int) -> str:
        """Return the name of a level, empty where there is none."""
        code = int(self._name[self._tasks[point]["aim"], slot])
        return LEVEL_NAMES[code] if code >= 0 else ""

    def _limit(self, point: int, slot: int) -> float:
        mirrored = float(self._aims[self._tasks[point]["aim"]]["on"][slot])
        return -mirrored if slot < HIGH.start else mirrored

    def _at(self, point: int) -> Point:
        return self.plant.points[int(self.rows[point])]


def _process(tier: int, misses: int) -> dict[str, Any]:
    return {"tier": Tier(tier).name, "misses": misses}


def _held(newest: LastReadings, row: int) -> Behind:
    """Return what stands behind a forecast that no reading of its own has ended."""
    return Behind(
        time=int(newest.time[row]),
        received=int(newest.received[row]),
        value=float(newest.judged_value[row]),
        quality=0,
    )


def _change(was: int, tier: int) -> Transition:
    if was == 0:
        return Transition.raised
    if tier == 0:
        return Transition.returned
    return Transition.tier_up if tier > was else Transition.tier_down


def _walked(seen: Seen) -> list[LevelMove]:
    """Return a batch's moves with their places in the order in which it is walked."""
    if not seen.moves:
        return []
    order = seen.walk.order
    walked = np.full(len(order) + 1, len(order))
    walked[order] = np.arange(len(order))
    return [msgspec.structs.replace(move, place=int(walked[move.place])) for move in seen.moves]


def _response(plant: Plant, point: Point) -> float:
    """Return the seconds that acting on a point takes, NaN where nobody says."""
    kind = plant.sources[point.enterprise, point.source].kind
    found = parameter(point, "forecast", "response_s", source_kind=kind)
    return math.nan if found is None else found


def _limits(points: Iterable[Point], rules: Ruleset) -> tuple[Floats, NDArray[np.int8]]:
    """Return limits, mirrored at low sides, and their names; also where no limit alarm watches.

    `points` are those that `rules` are laid out along.
    """
    on, name = rules.on.copy(), rules.name.copy()
    for i, point in enumerate(points):
        if "limit" in watched_at(point):
            continue
        point = replace(point, detect=None)
        for sign, start, levels in (
            (-1, LOW.start, low_levels(point)),
            (1, HIGH.start, high_levels(point)),
        ):
            for slot, level in enumerate(levels, start):
                on[i, slot] = sign * level.limit
                name[i, slot] = LEVEL_NAMES.index(level.name)
    # Limits of one value are reached as one: the outermost's forecast speaks for them.
    for slot in range(SLOTS - 1):
        if slot + 1 != HIGH.start:
            on[np.isfinite(on[:, slot]) & (on[:, slot] == on[:, slot + 1]), slot] = np.inf
    return on, name
