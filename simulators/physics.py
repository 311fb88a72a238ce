"""First-order changes, ramps and seeded wandering: the arithmetic every simulated plant shares.

All physics here works on columns: one number for each copy of a plant, shape (copies,).
"""

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]

ATMOSPHERE_MPA = 0.101325
KELVIN = 273.15


def approach(value: Column, target: Column | float, dt_s: float, tau_s: Column | float) -> Column:
    """Move towards a target as a first-order lag does: exact for a target constant over dt_s."""
    return np.asarray(target + (value - target) * np.exp(-dt_s / tau_s), dtype=np.float64)


def ramp(time_s: Column, start_s: Column | float, end_s: Column | float) -> Column:
    """Rise from 0 at start_s to 1 at end_s in a straight line, flat outside."""
    span = np.maximum(np.asarray(end_s, dtype=np.float64) - start_s, 1e-9)
    return np.asarray(np.clip((time_s - start_s) / span, 0.0, 1.0), dtype=np.float64)


def pulse(
    time_s: Column,
    *,
    start_s: Column | float,
    full_s: Column | float,
    easing_s: Column | float,
    end_s: Column | float,
) -> Column:
    """Rise from 0 at start_s to 1 at full_s, stay, fall from easing_s to 0 at end_s."""
    return ramp(time_s, start_s, full_s) * (1.0 - ramp(time_s, easing_s, end_s))


def daily(day_s: Column | float, *, mean: float, swing: float) -> Column:
    """Follow the day: lowest at 03:00, highest at 15:00 of local time, mean plus or minus swing."""
    angle = 2.0 * np.pi * (np.asarray(day_s, dtype=np.float64) - 9.0 * 3600.0) / 86400.0
    return np.asarray(mean + swing * np.sin(angle), dtype=np.float64)


def wander(
    value: Column,
    *,
    mean: Column | float,
    spread: float,
    tau_s: float,
    dt_s: float,
    random: np.random.Generator,
) -> Column:
    """Step an Ornstein-Uhlenbeck process exactly: stationary mean and spread, memory tau_s."""
    keep = np.exp(-dt_s / tau_s)
    kick = spread * np.sqrt(1.0 - keep * keep)
    return np.asarray(
        mean + (value - mean) * keep + kick * random.standard_normal(value.shape),
        dtype=np.float64,
    )
