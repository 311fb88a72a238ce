"""Balance: does what flows in differ from what flows out and what is stored, over several windows?

Flows count as they stand until the next reading. Each window sums in twelve buckets of its own, so
what it remembers does not grow with its span; it speaks when a bucket closes, if at least nine of
the twelve are known throughout, the newest among them. A window that spoke keeps its word until it
can speak again: missing values clear nothing.
"""

from dataclasses import dataclass
from typing import Any, Final

from alarms.detectors.verdict import Memory, Says, Verdict

BUCKETS: Final = 12
_ENOUGH: Final = 9
SECOND: Final = 1_000_000


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
    """Members: inflows, then outflows, then inventory.

    `factors` turn each inventory reading into the flows' quantity (m² for a level in m and flows in
    m³/h); `base_s` is the flows' unit of time in seconds.
    """

    inflows: int
    outflows: int
    factors: tuple[float, ...]
    base_s: float
    windows: tuple[Window, ...]

    def judge(self, x: list[float], memory: Memory) -> tuple[Verdict, Memory]:
        """Say what the windows say: any of them raises, all that raised must have returned."""
        known = memory or {}
        loudest: tuple[float, int, float, float] | None = None
        for place, window in enumerate(self.windows):
            held = known.get(str(window.span))
            if held is None or not held["on"]:
                continue
            rate, bound = self._rate(window, held["closed"])
            weight = -1.0 if rate is None else abs(rate) / bound
            if loudest is None or weight > loudest[0]:
                loudest = weight, place, rate or 0.0, bound
        if loudest is None:
            return self._quiet(known, x), memory
        weight, place, rate, bound = loudest
        sighted = weight >= 0
        verdict = Verdict(
            says=Says.ON if sighted else Says.UNSURE,
            value=rate if sighted else None,
            limit=bound if bound < float("inf") else None,
            parts=(place,),
            lost=sum(value != value for value in x),
        )
        return verdict, memory

    def edge(self, after: int) -> int:
        """Return the next instant at which a bucket closes, Micros."""
        return min((after // w.bucket + 1) * w.bucket for w in self.windows)

    def flow(self, memory: Memory, first: int, until: int, x: list[float]) -> Memory:
        """Return the memory after values stood from `first` to `until`, no edge in between.

        Buckets that end at `until` are closed.
        """
        outward = self.inflows + self.outflows
        into, out = sum(x[: self.inflows]), sum(x[self.inflows : outward])
        stored = sum(v * f for v, f in zip(x[outward:], self.factors, strict=True))
        net = (into - out) * (until - first) / SECOND
        through = max(abs(into), abs(out)) * (until - first) / SECOND
        known = abs(stored) < float("inf")
        done: dict[str, Any] = {}
        for window in self.windows:
            held = (memory or {}).get(str(window.span)) or _fresh()
            opened = held["open"]
            if first % window.bucket == 0:
                opened = [0.0, 0.0, stored] if known else None
            if opened is not None:
                sums = opened[0] + net, opened[1] + through
                sound = known and all(abs(each) < float("inf") for each in sums)
                opened = [*sums, opened[2]] if sound else None
            held = {**held, "open": opened}
            if until % window.bucket == 0:
                held = self._closed(window, held, stored)
            done[str(window.span)] = held
        return done

    def skip(self, memory: Memory, first: int, until: int) -> Memory:
        """Return the memory after a stretch in which nothing was known."""
        done: dict[str, Any] = {}
        for window in self.windows:
            held = (memory or {}).get(str(window.span)) or _fresh()
            passed = min(until // window.bucket - first // window.bucket, BUCKETS)
            closed = (held["closed"] + [None] * passed)[-BUCKETS:]
            done[str(window.span)] = {**held, "open": None, "closed": closed}
        return done

    def _closed(self, window: Window, held: dict[str, Any], stored: float) -> dict[str, Any]:
        opened = held["open"]
        bucket = None
        if opened is not None:
            net, through, before = opened
            lacking = net - (stored - before) * self.base_s
            if abs(lacking) < float("inf") and through < float("inf"):
                bucket = [lacking, through]
        closed = (held["closed"] + [bucket])[-BUCKETS:]
        rate, bound = self._rate(window, closed)
        on = held["on"] if rate is None else abs(rate) >= bound
        return {"closed": closed, "open": None, "on": on}

    def _rate(self, window: Window, closed: list[Any]) -> tuple[float | None, float]:
        """Return what is lacking per unit of time, None where too little is known, and the bound.

        A share of no flow at all is no bound: then nothing can be said.
        """
        known = [bucket for bucket in closed if bucket is not None]
        seconds = len(known) * window.bucket / SECOND
        mean = sum(through for _, through in known) / seconds if known else 0.0
        bound = max(window.least, window.percent / 100 * mean)
        if len(known) < _ENOUGH or closed[-1] is None or not 0 < bound < float("inf"):
            return None, bound
        rate = sum(lacking for lacking, _ in known) / seconds
        return (rate, bound) if abs(rate) < float("inf") else (None, bound)

    def _quiet(self, known: dict[str, Any], x: list[float]) -> Verdict:
        """Say what the first window that can speak says, if no member is lost meanwhile."""
        lost = sum(value != value for value in x)
        for place, window in enumerate(self.windows):
            held = known.get(str(window.span))
            rate, bound = self._rate(window, held["closed"]) if held else (None, 0.0)
            if rate is not None:
                says = Says.UNSURE if lost else Says.OFF
                return Verdict(says=says, value=rate, limit=bound, parts=(place,), lost=lost)
        return Verdict(says=Says.UNSURE, lost=lost)


def _fresh() -> dict[str, Any]:
    return {"closed": [], "open": None, "on": False}
