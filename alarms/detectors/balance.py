"""Balance: does what flows in differ from what flows out and what is stored, over several windows?

Flows run straight from one reading to the next. What is stored is known only where it is read: what
is missing is found between two such knots, each of which ends one stretch and begins the next, so
that no error at a knot adds up; it is spread evenly over its stretch, and so over buckets. A knot
counts once every member has been read at it or after it: then it matters neither whether members
are read together, nor how often, nor whether their stamps meet the edges of buckets.

Each window has twelve buckets of its own, so what it remembers does not grow with its span; it
speaks when a bucket is filled, if at least nine of the twelve are known throughout, the newest
among them. What readings cannot know of a flow that changed between them is added to the least leak
before a window raises. A window that spoke keeps its word until it can speak again: missing values
clear nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from alarms.detectors.verdict import Memory, Says, Verdict

BUCKETS: Final = 12
_ENOUGH: Final = 9
_SURE: Final = 2.0
"""Doubts count so often. A flow that steps between two readings is missed by half the step over
their distance at most; of many such errors the root of the sum of squares is 1.7 times the standard
deviation. Twice that root covers four steps at their worst, and 3.5 standard deviations of many.
"""
SECOND: Final = 1_000_000
_INFINITE: Final = float("inf")

Sums = list[float]
"""Of a stretch, in the flows' unit times seconds: what came in beyond what went out (in a bucket,
and beyond what was stored), the larger of in and out, and the square of the doubt."""
State = dict[str, Any]
"""The memory: buckets are accounted for up to the instant `at`; `windows` has, by span, the buckets
`closed` (None: not known throughout), the one that is `open`, and whether the alarm is `on`. `run`
is the stretch since `at`, None where a member is unknown: `levels` at the knot where it began, None
before the first; its `sums`; and what is `due`: a knot not all members have passed, as its instant,
the levels there and the sums since."""


class Newest(NamedTuple):
    """The members' newest readings: times in Micros, values NaN where not known."""

    time: Sequence[int]
    value: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span in Micros, a multiple of BUCKETS, and its own minimum detectable leak.

    The leak is the larger of `least`, in the flows' unit, and `percent` of the mean flow.
    """

    span: int
    least: float
    percent: float

    @property
    def bucket(self) -> int:
        """Return the span of one bucket."""
        return self.span // BUCKETS


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Members: inflows, then outflows, then inventory, whose tags are `stores`.

    `factors` turn each inventory reading into the flows' quantity (m² for a level in m and flows in
    m³/h); `base_s` is the flows' unit of time in seconds.
    """

    inflows: int
    outflows: int
    stores: tuple[str, ...]
    factors: tuple[float, ...]
    base_s: float
    windows: tuple[Window, ...]

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Say what the windows say: any of them raises, all that raised must have returned."""
        known = _state(memory)["windows"]
        loudest: tuple[float, int, float, float] | None = None
        for place, window in enumerate(self.windows):
            held = known.get(str(window.span))
            if held is None or not held["on"]:
                continue
            rate, bound, doubt = _rate(window, held["closed"])
            bar = bound + doubt
            weight = -1.0 if rate is None else abs(rate) / bar
            if loudest is None or weight > loudest[0]:
                loudest = weight, place, rate or 0.0, bar
        if loudest is None:
            return self._quiet(known, x), memory
        weight, place, rate, bar = loudest
        sighted = weight >= 0
        verdict = Verdict(
            says=Says.ON if sighted else Says.UNSURE,
            value=rate if sighted else None,
            limit=bar if bar < _INFINITE else None,
            parts=(place,),
            lost=sum(value != value for value in x),
        )
        return verdict, memory

    def flow(self, memory: Memory, first: int, until: int, x: list[float]) -> Memory:
        """Return the memory after values stood from `first` to `until`: no member was read since.

        That flows ran straight meanwhile is put right by `read`.
        """
        state = _state(memory)
        run = state["run"]
        if run is None:
            return memory
        into = sum(x[: self.inflows])
        out = sum(x[self.inflows : self.inflows + self.outflows])
        seconds = (until - first) / SECOND
        part = [(into - out) * seconds, max(abs(into), abs(out)) * seconds, 0.0]
        none = [0.0, 0.0, 0.0]
        run = _added(run, part, none) if run["due"] is None else _added(run, none, part)
        return self._kept(state, run, until)

    def read(self, memory: Memory, at: int, was: Newest, now: Newest) -> Memory:
        """Return the memory after members' readings of one instant."""
        state = _state(memory)
        if not all(abs(value) < _INFINITE for value in now.value):
            return self.lost(memory, at)
        run = state["run"]
        if run is None:
            state = self.lost(memory, at)
            run = {"levels": None, "sums": [0.0, 0.0, 0.0], "due": None}
        else:
            run = self._straight(run, at, was, now)
        state = self._kept(state, run, at)
        state = self._passed(state, now)
        run, flows = state["run"], self.inflows + self.outflows
        marks = now.time[flows:] if self.stores else now.time
        if run is not None and run["due"] is None and at in marks:
            levels = {
                tag: value
                for tag, time, value in zip(
                    self.stores, now.time[flows:], now.value[flows:], strict=True
                )
                if time == at
            }
            due = [at, levels, [0.0, 0.0, 0.0]]
            state = self._passed({**state, "run": {**run, "due": due}}, now)
        return state

    def lost(self, memory: Memory, until: int) -> Memory:
        """Return the memory when from an instant on nothing is known, nor since the last knot."""
        state = _state(memory)
        windows: State = {}
        for window in self.windows:
            held = state["windows"].get(str(window.span)) or _fresh()
            passed = min(until // window.bucket - state["at"] // window.bucket, BUCKETS)
            closed = (held["closed"] + [None] * passed)[-BUCKETS:]
            windows[str(window.span)] = {**held, "open": None, "closed": closed}
        return {"at": until, "run": None, "windows": windows}

    def _kept(self, state: State, run: State, at: int) -> State:
        """Return the state with a stretch, or without where its sums are too large to be known."""
        due = run["due"]
        sums = run["sums"] if due is None else [*run["sums"], *due[2]]
        if all(abs(each) < _INFINITE for each in sums):
            return {**state, "run": run}
        lost: State = self.lost(state, at)
        return lost

    def _straight(self, run: State, at: int, was: Newest, now: Newest) -> State:
        """Let flows read at an instant have run there straight from their readings before."""
        due, flows = run["due"], self.inflows + self.outflows
        knot = at if due is None else due[0]
        before, after = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        for place in range(flows):
            first = was.time[place]
            if now.time[place] != at:
                continue
            more = (now.value[place] - was.value[place]) * (at - first) / SECOND / 2
            if place >= self.inflows:
                more = -more
            late = (at - max(first, knot)) / (at - first)
            before[0] += more * (1 - late)
            after[0] += more * late
            # Where the flow changed in between is not known, on either side of the knot.
            if first < knot:
                before[2] += more * more
            if knot < at:
                after[2] += more * more
        run = _added(run, before, after)
        if due is None:
            return run
        levels = dict(due[1])
        for place, tag in enumerate(self.stores, flows):
            if tag not in levels and now.time[place] == at:
                share = (knot - was.time[place]) / (at - was.time[place])
                levels[tag] = was.value[place] * (1 - share) + now.value[place] * share
        return {**run, "due": [knot, levels, run["due"][2]]}

    def _passed(self, state: State, now: Newest) -> State:
        """End the stretch at the knot that is due, if all members have been read there or since."""
        run = state["run"]
        if run is None or run["due"] is None or min(now.time) < run["due"][0]:
            return state
        knot, levels, since = run["due"]
        part = self._missing(run["levels"], levels, run["sums"])
        if part is None:
            windows = self.lost(state, knot)["windows"]
            for window in self.windows:
                if knot % window.bucket == 0:
                    windows[str(window.span)]["open"] = [0.0, 0.0, 0.0]
        else:
            windows = {
                str(window.span): _spread(
                    window,
                    state["windows"].get(str(window.span)) or _fresh(),
                    (state["at"], knot),
                    part,
                )
                for window in self.windows
            }
        return {
            "at": knot,
            "run": {"levels": levels, "sums": since, "due": None},
            "windows": windows,
        }

    def _missing(
        self, before: dict[str, float] | None, after: dict[str, float], sums: Sums
    ) -> Sums | None:
        """Return a stretch's sums less what was stored, None where that is not known."""
        if before is None or before.keys() != after.keys():
            return None
        stored = sum(
            (after[tag] - before[tag]) * factor
            for tag, factor in zip(self.stores, self.factors, strict=True)
        )
        missing = sums[0] - stored * self.base_s
        return [missing, *sums[1:]] if abs(missing) < _INFINITE else None

    def _quiet(self, known: State, x: list[float]) -> Verdict:
        """Say what the first window that can speak says, if no member is lost meanwhile."""
        lost = sum(value != value for value in x)
        for place, window in enumerate(self.windows):
            held = known.get(str(window.span))
            rate, bound, doubt = _rate(window, held["closed"] if held else [])
            if rate is not None:
                says = Says.UNSURE if lost else Says.OFF
                bar = bound + doubt
                return Verdict(says=says, value=rate, limit=bar, parts=(place,), lost=lost)
        return Verdict(says=Says.UNSURE, lost=lost)


def _state(memory: Memory) -> State:
    """Return a memory's state.

    An older version kept the windows alone, and summed in another way: only what stands is taken.
    """
    if memory is None:
        return {"at": 0, "run": None, "windows": {}}
    if "windows" not in memory:
        windows = {span: {**_fresh(), "on": held["on"]} for span, held in memory.items()}
        return {"at": 0, "run": None, "windows": windows}
    state: State = memory
    return state


def _fresh() -> State:
    return {"closed": [], "open": None, "on": False}


def _added(run: State, before: Sums, after: Sums) -> State:
    """Return a stretch with more before the knot that is due, and after it."""
    due = run["due"]
    if due is not None:
        due = [*due[:2], _sum(due[2], after)]
    return {**run, "sums": _sum(run["sums"], before), "due": due}


def _sum(first: Sums, second: Sums) -> Sums:
    return [one + other for one, other in zip(first, second, strict=True)]


def _spread(window: Window, held: State, stretch: tuple[int, int], part: Sums) -> State:
    """Return a window after a stretch, Micros, over which something was missing."""
    bucket, closed, opened = window.bucket, held["closed"], held["open"]
    first, until = stretch
    at = first
    if until // bucket - first // bucket > BUCKETS:  # all that are remembered lie within
        at, opened = (until // bucket - BUCKETS) * bucket, [0.0, 0.0, 0.0]
    while at < until:
        stop = min((at // bucket + 1) * bucket, until)
        share = (stop - at) / (until - first)
        if opened is not None:
            opened = _sum(opened, [share * each for each in part])
        if stop % bucket == 0:
            closed, opened = [*closed, opened][-BUCKETS:], [0.0, 0.0, 0.0]
        at = stop
    on = held["on"]
    if closed is not held["closed"]:
        rate, bound, doubt = _rate(window, closed)
        if rate is not None:
            on = abs(rate) >= (bound if on else bound + doubt)
    return {"closed": closed, "open": opened, "on": on}


def _rate(window: Window, closed: list[Sums | None]) -> tuple[float | None, float, float]:
    """Return what is missing per unit of time, None where too little is known; the bound; doubts.

    A share of no flow at all is no bound: then nothing can be said.
    """
    known = [bucket for bucket in closed if bucket is not None]
    if not known:
        return None, window.least, 0.0
    seconds = len(known) * window.bucket / SECOND
    missing, through, squares = (sum(column) / seconds for column in zip(*known, strict=True))
    bound = max(window.least, window.percent / 100 * through)
    doubt = _SURE * (squares / seconds) ** 0.5
    sound = all(abs(each) < _INFINITE for each in (missing, bound, doubt)) and bound > 0
    if len(known) < _ENOUGH or closed[-1] is None or not sound:
        return None, bound, doubt
    return missing, bound, doubt
