"""A tank with a meter in, one out and a level, and its readings, however its members are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alarms.alarm import ProcessEvent
from alarms.plant import Plant
from tests.unit.group_plants import group
from tests.unit.plants import SECOND, START, at, plant, point
from tests.unit.streams import Keeper, Row

SURFACE = 78.5
Floats = npt.NDArray[np.float64]
Flow = Sequence[tuple[float, float]]
"""From when on, in seconds, it flows how fast, in m³/h."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """Every how many seconds a member is read, and how long after the full period."""

    every: float = 10.0
    after: float = 0.0

    def times(self, seconds: float) -> Floats:
        return np.arange(self.after, seconds, self.every, dtype=np.float64)


TOGETHER = {tag: Read() for tag in ("FI", "FO", "L")}
WAYS: Mapping[str, Mapping[str, Read]] = {
    "1 s": dict.fromkeys(TOGETHER, Read(every=1)),
    "5 s": dict.fromkeys(TOGETHER, Read(every=5)),
    "7 s": dict.fromkeys(TOGETHER, Read(every=7)),
    "10 s": TOGETHER,
    "10 s, 3 s off": dict.fromkeys(TOGETHER, Read(after=3)),
    "20 s": dict.fromkeys(TOGETHER, Read(every=20)),
    "level 3 s later": TOGETHER | {"L": Read(after=3)},
    "level 3 s earlier": TOGETHER | {"L": Read(after=7)},
    "all apart": {"FI": Read(after=1), "FO": Read(after=4), "L": Read(after=8)},
    "level each minute": dict.fromkeys(("FI", "FO"), Read(every=5)) | {"L": Read(every=60)},
    "level each minute, off": dict.fromkeys(("FI", "FO"), Read(every=5))
    | {"L": Read(every=60, after=13)},
    "flows each 20 s": dict.fromkeys(("FI", "FO"), Read(every=20, after=6)) | {"L": Read(every=5)},
}


def tank(ways: Mapping[str, Read], **settings: Any) -> Plant:
    """Return a tank with a meter in, one out and a level, balanced as by default or as set."""
    points = (
        point("FI", quantity="flow", engineering_unit="m³/h", period_s=ways["FI"].every),
        point("FO", quantity="flow", engineering_unit="m³/h", period_s=ways["FO"].every),
        point("L", period_s=ways["L"].every),
        point("L2", period_s=ways["L"].every),
    )
    members = {"inflows": ("FI",), "outflows": ("FO",), "inventory": ("L",)}
    rule = group("balance", settings.pop("members", members), factors=(SURFACE,), **settings)
    return replace(plant(points), groups=(rule,))


def volume(flow: Flow, times: Floats) -> Floats:
    """Return what has flowed by some times, m³."""
    total = np.zeros_like(times)
    before = 0.0
    for begin, speed in flow:
        total += np.maximum(times - begin, 0.0) * (speed - before) / 3600
        before = speed
    return total


def rate(flow: Flow, times: Floats) -> Floats:
    """Return how fast it flows at some times, m³/h."""
    found = np.zeros_like(times)
    for begin, speed in flow:
        found[times >= begin] = speed
    return found


def read(
    ways: Mapping[str, Read],
    seconds: float,
    *,
    into: Flow,
    out: Flow,
    leak: Flow = ((0.0, 0.0),),
    noise: float = 0.0,
    ripple_m: float = 0.0,
) -> list[Row]:
    """Return a tank's readings by time; `noise` is a meter's share of its flow."""
    random = np.random.default_rng(7)
    rows: list[Row] = []
    for place, flow in enumerate((into, out)):
        times = ways[("FI", "FO")[place]].times(seconds)
        values = rate(flow, times) * (1 + noise * random.standard_normal(len(times)))
        rows += [(place, at(t), at(t), v, 0) for t, v in zip(times, values, strict=True)]
    times = ways["L"].times(seconds)
    stored = volume(into, times) - volume(out, times) - volume(leak, times)
    levels = 50 + stored / SURFACE + ripple_m * random.standard_normal(len(times))
    rows += [(2, at(t), at(t), v, 0) for t, v in zip(times, levels, strict=True)]
    return sorted(rows, key=lambda row: row[1])


def told(keeper: Keeper, rows: Sequence[Row], *, batch: int = 200) -> list[ProcessEvent]:
    """Let readings arrive and return what the balance has said."""
    for first in range(0, len(rows), batch):
        keeper.feed(rows[first : first + batch])
    return [event for event in keeper.events if event.rule == "group.balance"]


def changes(events: Sequence[ProcessEvent]) -> list[tuple[str, float]]:
    return [(event.change.value, (event.t_change - START) / SECOND) for event in events]
