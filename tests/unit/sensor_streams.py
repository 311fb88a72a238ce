"""Feeds of sensors, sound and tampered with, and what the engine says of them."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alarms.alarm import ProcessEvent, Transition
from alarms.engine import Engine, LastReadings
from alarms.plant import Plant, Point
from alarms.readings import Quality, Readings
from fengsui.backtest.rehearsal import plant_of
from simulators import scenarios
from simulators.scenario import Running
from tests.unit.plants import SECOND, START, plant

EXAMPLES = Path(__file__).parents[2] / "examples"
Signal = NDArray[np.float64]
"""Shape (readings, points): one row a round of readings; NaN: none."""
Tamper = Callable[[Signal, int, np.random.Generator], Signal]
"""Changes the first point's signal from a row on."""


def columns(signal: Signal, *, step_s: float, quality: NDArray[np.int16] | None = None) -> Readings:
    """Return a signal as readings, all points of a round in turn, received as they were made."""
    rounds, points = signal.shape
    time = np.repeat(START + np.round(np.arange(rounds) * step_s * SECOND).astype(np.int64), points)
    marks = np.zeros(signal.shape, np.int16) if quality is None else quality
    kept = ~np.isnan(signal.ravel())
    return Readings(
        point=np.tile(np.arange(points, dtype=np.int32), rounds),
        time=time,
        received=time,
        value=signal.ravel(),
        quality=marks.ravel(),
        stamp=time,
    ).take(kept)


def engine_of(points: Plant | Sequence[Point]) -> Engine:
    """Return an engine that has seen nothing."""
    made = points if isinstance(points, Plant) else plant(points)
    last = LastReadings.never(len(made.points))
    return Engine.build(made, states=(), last=last, started=START)


def events_of(engine: Engine, readings: Readings, batch: int = 5000) -> list[ProcessEvent]:
    """Feed readings in batches; return what is said of sensors and limits."""
    said: list[ProcessEvent] = []
    cuts = [*range(0, len(readings), batch), len(readings)]
    for first, end in pairwise(cuts):
        part = readings.take(np.arange(first, end))
        proposal = engine.judge(part, now=int(part.received[-1]))
        said += proposal.events
        engine.adopt(proposal)
    return said


def told(events: Sequence[ProcessEvent], point: str | None = None) -> list[tuple[str, str, int]]:
    """Return (rule, change, second) of the sensor alarms, of one point or of all."""
    return [
        (event.rule, event.change.value, round((event.t_change - START) / SECOND))
        for event in events
        if event.rule.startswith("sensor.") and point in (None, event.subject.point)
    ]


def raised(events: Sequence[ProcessEvent]) -> list[ProcessEvent]:
    """Return the sensor alarms that were raised."""
    return [
        event
        for event in events
        if event.rule.startswith("sensor.") and event.change is Transition.raised
    ]


def frozen(signal: Signal, start: int, random: np.random.Generator) -> Signal:
    """Let the value stand where it was."""
    out = signal.copy()
    out[start:, 0] = out[start - 1, 0]
    return out


def copied(signal: Signal, start: int, random: np.random.Generator) -> Signal:
    """Show the second point's value, some way off."""
    out = signal.copy()
    out[start:, 0] = (
        out[start:, 1] + (out[start - 50 : start, 0] - out[start - 50 : start, 1]).mean()
    )
    return out


def smoothed(signal: Signal, start: int, random: np.random.Generator) -> Signal:
    """Take the noise out: show a line through the means of the past."""
    out = signal.copy()
    for i in range(start, len(out)):
        out[i, 0] = out[i - 1, 0] + 0.01 * (
            signal[max(i - 60, 0) : i + 1, 0].mean() - out[i - 1, 0]
        )
    return out


def clipped(ceiling: float) -> Tamper:
    """Never show more than a ceiling."""

    def tamper(signal: Signal, start: int, random: np.random.Generator) -> Signal:
        out = signal.copy()
        out[start:, 0] = np.minimum(out[start:, 0], ceiling)
        return out

    return tamper


def drifting(rate: float) -> Tamper:
    """Go astray by so much a reading."""

    def tamper(signal: Signal, start: int, random: np.random.Generator) -> Signal:
        out = signal.copy()
        out[start:, 0] += rate * np.arange(len(out) - start)
        return out

    return tamper


def made_to_recover(limit: float, rest: float) -> Tamper:
    """Show the usual value, with or without its noise, from the moment a limit is reached."""

    def tamper(signal: Signal, start: int, random: np.random.Generator) -> Signal:
        out = signal.copy()
        over = np.flatnonzero(out[start:, 0] >= limit)
        if len(over):
            first = start + int(over[0]) + 1
            spread = float(np.std(np.diff(signal[: start // 2, 0]))) / np.sqrt(2)
            wild = random.integers(0, 2)
            out[first:, 0] = rest + wild * random.normal(0, spread, len(out) - first)
        return out

    return tamper


def scenario(name: str, *, seconds: int, quiet_s: float, seed: int = 1) -> tuple[Plant, Readings]:
    """Return a scenario's plant and its readings; nothing happens there for `quiet_s`."""
    file = EXAMPLES / f"{name}.yaml"
    made, _ = plant_of(file.read_bytes(), file.name)
    row_of = {point.tag: row for row, point in enumerate(made.points)}
    running = Running(scenarios.named(name), seed=seed, lead_in_s=quiet_s)
    rows: list[int] = []
    times: list[int] = []
    values: list[float] = []
    marks: list[int] = []
    for second in range(seconds):
        for message in running.tick(second * 1000):
            for place, (tag, value) in enumerate(zip(message.tags, message.values, strict=True)):
                rows.append(row_of[tag])
                times.append(START + second * SECOND)
                values.append(float(value or 0.0))
                marks.append(int(Quality[str(message.marks.get(place, "good"))]))
    time = np.array(times, np.int64)
    return made, Readings(
        point=np.array(rows, np.int32),
        time=time,
        received=time,
        value=np.array(values),
        quality=np.array(marks, np.int16),
        stamp=time,
    )
