"""Instruments: what a sensor says of the truth, with lag, drift, noise, resolution and a range."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]  # shape (channels, copies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensor:
    """One instrument's character, all in the point's unit.

    `steps` is the number of display steps in one unit (100: two decimals). `drift` is the spread
    of a slow wandering of the zero, with a memory of an hour.
    """

    low: float
    high: float
    steps: float = 100.0
    noise: float = 0.0
    lag_s: float = 0.0
    drift: float = 0.0
    on_off: bool = False


SWITCH = Sensor(low=0.0, high=1.0, steps=1.0, on_off=True)
_DRIFT_MEMORY_S = 3600.0


class Sensors:
    """Every instrument of a scenario in one table: rows channels, columns copies of the plant."""

    def __init__(
        self, sensors: tuple[Sensor, ...], copies: int, random: np.random.Generator
    ) -> None:
        self._low = _column([sensor.low for sensor in sensors])
        self._high = _column([sensor.high for sensor in sensors])
        self._steps = _column([sensor.steps for sensor in sensors])
        self._noise = _column([sensor.noise for sensor in sensors])
        self._lag_s = np.maximum(_column([sensor.lag_s for sensor in sensors]), 1e-6)
        self._drift = _column([sensor.drift for sensor in sensors])
        self._shape = (len(sensors), copies)
        self._random = random
        self._wandered = self._drift * random.standard_normal(self._shape)
        self._followed: Table | None = None

    def read(self, truth: Table, dt_s: float) -> tuple[Table, npt.NDArray[np.bool_]]:
        """Readings of a truth that stood for dt_s, and where the range's upper end was passed."""
        if self._followed is None:
            self._followed = truth.copy()
        self._followed = truth + (self._followed - truth) * np.exp(-dt_s / self._lag_s)
        keep = np.exp(-dt_s / _DRIFT_MEMORY_S)
        kick = self._drift * np.sqrt(1.0 - keep * keep)
        self._wandered = self._wandered * keep + kick * self._random.standard_normal(self._shape)
        noise = self._noise * self._random.standard_normal(self._shape)
        seen = self._followed + self._wandered + noise
        passed = seen > self._high
        steps = np.rint(np.clip(seen, self._low, self._high) * self._steps)
        return (steps / self._steps) + 0.0, passed


def _column(numbers: list[float]) -> Table:
    return np.asarray(numbers, dtype=np.float64)[:, np.newaxis]
