"""Windows of the generator of alarms.md 4.2, and a feeder that takes them through the ladder."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alarms.detectors import forecast, forecast_tasks, trend_columns, trend_lines
from alarms.detectors.trend_columns import SECOND, Trends
from alarms.rules import HIGH, SLOTS

Floats = NDArray[np.float64]

COLUMNS: Final = ("white", "spikes", "AR", "all")
START: Final = 1_767_225_600 * SECOND
SAMPLES: Final = 60
PERIOD_S: Final = 10.0
LIMIT: Final = 100.0
YELLOW_S: Final = 1800.0
ORANGE_S: Final = 600.0
"""Within which forecasts are yellow and orange, as shipped."""
LEFT_MIN: Final = (np.arange(SAMPLES) - (SAMPLES - 1)) * PERIOD_S / 60
"""Minutes to the window's end; the window is the last of its samples."""
STOP_MIN: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Windows of 60 samples at 10 s, shape (n, SAMPLES), and the minutes left to the limit."""

    value: Floats
    due_min: Floats


def noise(rng: np.random.Generator, n: int, column: str) -> Floats:
    """Return white noise of sigma 1, spikes in 2 % of samples of 10 sigma, AR(1) of 0.8, or all."""
    drawn = rng.standard_normal((n, SAMPLES))
    if column in ("AR", "all"):
        for i in range(1, SAMPLES):
            drawn[:, i] = 0.8 * drawn[:, i - 1] + 0.6 * drawn[:, i]
    if column in ("spikes", "all"):
        struck = rng.random((n, SAMPLES)) < 0.02
        drawn += struck * 10 * rng.choice([-1.0, 1.0], (n, SAMPLES))
    return drawn


def windows(rng: np.random.Generator, n: int, kind: str, column: str) -> Windows:
    """Draw flat, rising or rise-then-hold windows.

    Not said in the text and chosen here, for they bring the published rules near their published
    figures: a rising level stands 5 to 40 sigma below the limit at the window's end, and one that
    holds was due within 30 minutes when it stopped.
    """
    drawn = noise(rng, n, column)
    if kind == "flat":
        return Windows(value=LIMIT - 3 + drawn, due_min=np.full(n, np.inf))
    below = rng.uniform(5, 40, n)
    due = np.maximum(rng.uniform(0, 60 if kind == "rise" else 30, n), 1e-6)
    rise = (below / due)[:, None]
    path = LEFT_MIN if kind == "rise" else np.minimum(LEFT_MIN + 10 - STOP_MIN, 0)
    return Windows(value=LIMIT - below[:, None] + rise * path + drawn, due_min=due)


def take(trends: Trends, row: int, time: int, value: float) -> None:
    """Let a point learn one reading."""
    trend_columns.learn(trends["head"], trends["rungs"], row, time, value)


def learned(rng: np.random.Generator, value: Floats) -> Trends:
    """Return what the ladder remembers of these windows, each begun at a moment of its own."""
    n, samples = value.shape
    trends = trend_columns.blank(n)
    begun = START + rng.integers(0, 14_400 * SECOND, size=(n, 1))
    time = begun + np.arange(samples) * round(PERIOD_S * SECOND)
    rows = np.repeat(np.arange(n, dtype=np.int32), samples)
    trend_columns.replay(trends["head"], trends["rungs"], rows, time.ravel(), value.ravel())
    return trends


def aim(
    high: float = np.inf, low: float = -np.inf, *, hh: float = np.inf, deadband: float = 0.0
) -> forecast_tasks.Aims:
    """Return what a point of these limits is judged by."""
    on = np.full((1, SLOTS), np.inf)
    on[:, HIGH.start], on[:, HIGH.start + 1], on[:, 0] = high, hh, -low
    return forecast_tasks.aims(
        on, np.array([deadband]), np.array([np.nan]), np.array([(YELLOW_S, ORANGE_S)])
    )


def tasks(n: int) -> forecast_tasks.Tasks:
    """Return points without a forecast, all judged by one aim."""
    return forecast_tasks.tasks(np.zeros(n, np.int32))


def judged(trends: Trends, aims: forecast_tasks.Aims, given: forecast_tasks.Tasks) -> Floats:
    """Return what all windows of each point say of each limit, shape (n, SLOTS, SAID)."""
    found = np.zeros((len(trends), SLOTS, forecast.SAID))
    desk, each, said = forecast.room()
    heads, rungs = trends["head"], trends["rungs"]
    for row in range(len(trends)):
        said[:] = 0
        windows = forecast.EVERYTHING
        if not forecast_tasks.stands(given[row]):
            windows = trend_lines.stirs(heads, rungs, row, windows)
        forecast.look(heads, rungs, aims, given, row, windows, desk, each, said)
        found[row] = said
    return found
