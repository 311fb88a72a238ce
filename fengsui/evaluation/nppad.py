"""Measures lead to the protection system's trip on accident transients of a simulated reactor.

The recordings are free of noise, so seeded noise comes first. Any detector can be measured: it is a
function of a sensor's time, values and limit that returns when its alarms opened and closed.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fengsui.evaluation import recordings

TRIP_BAR: Final = 132.0
CONTAINMENT_BAR: Final = 1.30
NOISE: Final = {"P": 0.2, "PRB": 0.005}
"""Standard deviation of the noise to add, bar."""
LIMITS: Final = {"P": (TRIP_BAR, -1.0), "PRB": (CONTAINMENT_BAR, 1.0)}
"""Limit, bar, and the side it is on: -1 low, +1 high."""
ONSET_S: Final = 100.0
"""What goes before stands still: the first 90 s are for calibration."""
CONTROLS: Final = (("Normal", "1"), ("TT", "1"), ("LLB", "50"), ("SGATR", "20"), ("SGATR", "40"))
"""Runs that never reach the trip."""

Opened = Sequence[tuple[float, float]]
"""Alarms, seconds: opened, closed (infinity while open)."""


class Detector(Protocol):
    """What is measured: judges one sensor's readings, seconds and bar, against one limit."""

    def __call__(
        self, second: NDArray[np.float64], value: NDArray[np.float64], *, limit: float, side: float
    ) -> Opened:
        """Return when alarms opened and closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """One incident and sensor: when the limit was met, when the first alarm opened, seconds."""

    accident: str
    size: str
    sensor: str
    limit_s: float | None
    alarm_s: float | None

    @property
    def lead_s(self) -> float | None:
        """How long before the limit the alarm opened."""
        if self.limit_s is None or self.alarm_s is None:
            return None
        return self.limit_s - self.alarm_s


def measure(
    folder: Path, detector: Detector, *, accidents: Sequence[tuple[str, str]], seed: int
) -> list[Lead]:
    """Measure every accident, pressure and containment pressure, with seeded noise."""
    return [
        _lead(folder, detector, accident, size, sensor, seed)
        for accident, size in accidents
        for sensor in LIMITS
    ]


def controls(folder: Path, detector: Detector, *, seed: int) -> dict[str, int]:
    """Count alarms on runs that never trip, for each run and sensor."""
    return {
        f"{accident} {size} {sensor}": len(
            _alarms(detector, sensor, noisy(folder, accident, size, sensor, seed))
        )
        for accident, size in CONTROLS
        for sensor in LIMITS
    }


def deviations() -> Detector:
    """Return the deviation detector, as it stands in the product, in the form measured here."""

    def judge(
        second: NDArray[np.float64],
        value: NDArray[np.float64],
        *,
        limit: float,  # noqa: ARG001  # it knows no limits
        side: float,  # noqa: ARG001
    ) -> Opened:
        feed = recordings.Recording(time=(second * 1e6).astype(np.int64), value=value)
        [said] = recordings.judge([feed])
        opened = second[said.raised].tolist()
        closed = [*second[said.returned].tolist(), np.inf]
        return list(zip(opened, closed, strict=False))

    return judge


def _lead(
    folder: Path, detector: Detector, accident: str, size: str, sensor: str, seed: int
) -> Lead:
    limit, side = LIMITS[sensor]
    second, exact = run(folder, accident, size, sensor)
    past = np.flatnonzero(side * exact >= side * limit)
    feed = noisy(folder, accident, size, sensor, seed)
    later = [opened for opened, _ in _alarms(detector, sensor, feed) if opened >= ONSET_S]
    return Lead(
        accident=accident,
        size=size,
        sensor=sensor,
        limit_s=float(second[past[0]]) if len(past) else None,
        alarm_s=min(later, default=None),
    )


def _alarms(
    detector: Detector, sensor: str, feed: tuple[NDArray[np.float64], NDArray[np.float64]]
) -> Opened:
    limit, side = LIMITS[sensor]
    return detector(*feed, limit=limit, side=side)


def noisy(
    folder: Path, accident: str, size: str, sensor: str, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a run with noise drawn for this very run, whatever else is measured."""
    second, exact = run(folder, accident, size, sensor)
    draws = np.random.default_rng([seed, *f"{accident} {size} {sensor}".encode()])
    return second, exact + draws.normal(0.0, NOISE[sensor], len(exact))


def run(
    folder: Path, accident: str, size: str, sensor: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a run's seconds and values as recorded, free of noise."""
    with (folder / accident / f"{size}.csv").open(encoding="utf-8", newline="") as rows:
        table = [(float(row["TIME"]), float(row[sensor])) for row in csv.DictReader(rows)]
    both = np.array(table)
    return both[:, 0], both[:, 1]
