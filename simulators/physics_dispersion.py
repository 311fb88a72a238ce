"""Gas downwind of a leak: a plume that meanders, seen by a detector after its travel time."""

import numpy as np

from simulators.physics import Column

MEANDER_RAD = 0.35  # spread of wind direction over ten minutes in neutral air


def plume_kg_m3(
    rate_kg_s: Column,
    *,
    downwind_m: Column | float,
    crosswind_m: Column | float,
    wind_m_s: Column,
    height_m: float = 1.0,
) -> Column:
    """Concentration near the ground from a ground-level leak, nothing upwind.

    Gaussian plume with ground reflection; spreads by Briggs (1973) for open country, class D,
    widened crosswind by meandering (Gifford 1959) so that it is a ten-minute mean.
    """
    x = np.maximum(np.asarray(downwind_m, dtype=np.float64), 0.5)
    wind = np.maximum(wind_m_s, 0.3)
    across = np.sqrt((0.08 * x / np.sqrt(1.0 + 0.0001 * x)) ** 2 + (MEANDER_RAD * x) ** 2)
    up = 0.06 * x / np.sqrt(1.0 + 0.0015 * x) + 0.3
    peak = rate_kg_s / (np.pi * wind * across * up)
    shape = np.exp(-(np.asarray(crosswind_m) ** 2) / (2.0 * across**2)) * np.exp(
        -(height_m**2) / (2.0 * up**2)
    )
    return np.where(np.asarray(downwind_m) > 0.0, peak * shape, 0.0)


def seen_from(east_m: float, north_m: float, *, wind_to_rad: Column) -> tuple[Column, Column]:
    """Distances downwind and crosswind of a place relative to the leak, m.

    wind_to_rad is the direction the wind blows towards, counted from east to north.
    """
    downwind = east_m * np.cos(wind_to_rad) + north_m * np.sin(wind_to_rad)
    crosswind = -east_m * np.sin(wind_to_rad) + north_m * np.cos(wind_to_rad)
    return downwind, crosswind


def travel_s(downwind_m: Column, wind_m_s: Column) -> Column:
    """Time the gas needs to a place downwind."""
    return np.maximum(downwind_m, 0.0) / np.maximum(wind_m_s, 0.3)


def lel_percent(
    kg_m3: Column, *, molar_g: float, lel_vol: float, temperature_c: float = 20.0
) -> Column:
    """A concentration by mass as a part of the lower explosive limit (lel_vol in %vol)."""
    molar_m3 = 0.0224140 * (temperature_c + 273.15) / 273.15
    volume_percent = kg_m3 * 1000.0 / molar_g * molar_m3 * 100.0
    return volume_percent / lel_vol * 100.0
