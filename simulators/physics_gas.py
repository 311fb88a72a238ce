"""A city-gas line: pressures along its sections, a hole in it, methane gathering in a manhole."""

import numpy as np

from simulators.physics import ATMOSPHERE_MPA, KELVIN, Column

_GAMMA = 1.31  # natural gas
_GAS_J_KG_K = 8.314462 / 0.01704  # natural gas of 17.04 g/mol
_DENSITY_KG_M3 = 0.72  # at 0 degrees C and one atmosphere
_SPECIFIC_GRAVITY = 0.56


def pressure_after(
    upstream_mpa: Column, flow_m3_h: Column, *, length_km: float, bore_mm: float
) -> Column:
    """Gauge pressure at the end of a section that carries a flow (m3/h at standard conditions).

    Renouard's quadratic formula for more than 0.1 bar:
    p1^2 - p2^2 = 48.6 * s * L * Q^1.82 * D^-4.82 (absolute bar, m, m3/h, mm).
    """
    absolute_bar = (upstream_mpa + ATMOSPHERE_MPA) * 10.0
    friction = 48_600.0 * _SPECIFIC_GRAVITY * length_km
    loss = friction * np.abs(flow_m3_h) ** 1.82 * bore_mm**-4.82 * np.sign(flow_m3_h)
    floor = (ATMOSPHERE_MPA * 10.0) ** 2
    return np.asarray(
        np.sqrt(np.maximum(absolute_bar**2 - loss, floor)) / 10.0 - ATMOSPHERE_MPA,
        dtype=np.float64,
    )


def hole_m3_h(pressure_mpa: Column, *, area_mm2: Column, discharge: float = 0.62) -> Column:
    """Flow out of a hole, m3/h at standard conditions: sonic above the critical ratio, else not."""
    ratio = np.clip(ATMOSPHERE_MPA / (pressure_mpa + ATMOSPHERE_MPA), 0.0, 1.0)
    critical = (2.0 / (_GAMMA + 1.0)) ** (_GAMMA / (_GAMMA - 1.0))
    held = np.maximum(ratio, critical)
    expansion = held ** (2.0 / _GAMMA) - held ** ((_GAMMA + 1.0) / _GAMMA)
    flux = np.sqrt(
        np.maximum(2.0 * _GAMMA / (_GAMMA - 1.0) * expansion, 0.0) / (_GAS_J_KG_K * (15.0 + KELVIN))
    )
    absolute_pa = (np.maximum(pressure_mpa, 0.0) + ATMOSPHERE_MPA) * 1e6
    kg_s = discharge * area_mm2 * 1e-6 * absolute_pa * flux
    return np.asarray(kg_s / _DENSITY_KG_M3 * 3600.0, dtype=np.float64)


def bled(
    pressure_mpa: Column,
    *,
    net_out_m3_h: Column,
    volume_m3: float,
    dt_s: float,
) -> Column:
    """Pressure of a shut section whose line pack is drawn down, isothermal, never below zero."""
    drop = net_out_m3_h / 3600.0 * dt_s * ATMOSPHERE_MPA / volume_m3
    return np.maximum(pressure_mpa - drop, 0.0)


def box_percent(
    percent: Column, *, gas_m3_h: Column, air_m3_h: Column, volume_m3: float, dt_s: float
) -> Column:
    """Share of gas by volume in a well-mixed, ventilated space, %vol; exact over dt_s."""
    through = gas_m3_h + air_m3_h
    settled = 100.0 * gas_m3_h / np.maximum(through, 1e-9)
    keep = np.exp(-through / 3600.0 * dt_s / volume_m3)
    return np.asarray(settled + (percent - settled) * keep, dtype=np.float64)
