"""Tanks: level by mass balance, vapour pressure of what is stored, warmth taken from the day."""

import numpy as np

from simulators.physics import ATMOSPHERE_MPA, KELVIN, Column

# NIST Chemistry WebBook, Antoine equation log10(p/bar) = A - B / (T/K + C):
# ammonia 239.6-371.5 K (Stull 1947), benzene 287.70-354.07 K (Williamham et al. 1945).
_AMMONIA = (4.86886, 1113.928, -10.409)
_BENZENE = (4.01814, 1203.835, -53.226)

# NIST Chemistry WebBook, saturated liquid ammonia.
_AMMONIA_C = np.array([-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0, 50.0])
_AMMONIA_KG_M3 = np.array([677.8, 665.1, 652.1, 638.6, 624.6, 610.2, 595.2, 579.4, 562.9])


def ammonia_pressure_mpa(temperature_c: Column) -> Column:
    """Absolute vapour pressure of ammonia."""
    return _antoine_mpa(temperature_c, _AMMONIA)


def benzene_pressure_mpa(temperature_c: Column) -> Column:
    """Absolute vapour pressure of benzene."""
    return _antoine_mpa(temperature_c, _BENZENE)


def ammonia_density(temperature_c: Column) -> Column:
    """Density of saturated liquid ammonia, kg/m3."""
    return np.asarray(np.interp(temperature_c, _AMMONIA_C, _AMMONIA_KG_M3), dtype=np.float64)


def gauge_mpa(absolute_mpa: Column) -> Column:
    """Absolute to gauge pressure at sea level."""
    return absolute_mpa - ATMOSPHERE_MPA


def sphere_volume(level_m: Column, radius_m: float) -> Column:
    """Volume of liquid in a sphere filled to a level, m3."""
    level = np.clip(level_m, 0.0, 2.0 * radius_m)
    return np.asarray(np.pi * level**2 * (3.0 * radius_m - level) / 3.0, dtype=np.float64)


def sphere_level(volume_m3: Column, radius_m: float) -> Column:
    """Level in a sphere from the volume of liquid: the cubic's middle root, by cosines."""
    inner = np.clip(1.0 - 3.0 * volume_m3 / (2.0 * np.pi * radius_m**3), -1.0, 1.0)
    return np.asarray(
        radius_m + 2.0 * radius_m * np.cos(np.arccos(inner) / 3.0 + 4.0 * np.pi / 3.0),
        dtype=np.float64,
    )


def filled(mass_kg: Column, *, into_kg_s: Column, out_kg_s: Column, dt_s: float) -> Column:
    """Balance of mass over dt_s; a tank cannot hold less than nothing."""
    return np.maximum(mass_kg + (into_kg_s - out_kg_s) * dt_s, 0.0)


def vapour_squeeze(
    excess_mpa: Column,
    *,
    pressure_mpa: Column,
    rise_m3_s: Column,
    vapour_m3: Column,
    dt_s: float,
    condense_s: float = 240.0,
) -> Column:
    """Pressure above the vapour pressure while liquid pushes vapour together.

    Compression p * (dV/dt) / V_vapour against condensation on the surface with time constant
    condense_s: excess settles at p * rise * condense / V_vapour, and grows as the space shrinks.
    """
    settled = pressure_mpa * rise_m3_s * condense_s / np.maximum(vapour_m3, 1.0)
    return np.asarray(
        settled + (excess_mpa - settled) * np.exp(-dt_s / condense_s), dtype=np.float64
    )


def warmed(
    temperature_c: Column,
    *,
    ambient_c: Column,
    mass_kg: Column,
    wall_w_k: float,
    heat_w: Column | float,
    heat_capacity_j_kg_k: float,
    dt_s: float,
) -> Column:
    """Temperature of a liquid that exchanges heat with the day and takes heat_w besides."""
    capacity = np.maximum(mass_kg, 1.0) * heat_capacity_j_kg_k
    settled = ambient_c + heat_w / wall_w_k
    return np.asarray(
        settled + (temperature_c - settled) * np.exp(-dt_s * wall_w_k / capacity),
        dtype=np.float64,
    )


def _antoine_mpa(temperature_c: Column, constants: tuple[float, float, float]) -> Column:
    a, b, c = constants
    return np.asarray(0.1 * 10.0 ** (a - b / (temperature_c + KELVIN + c)), dtype=np.float64)
