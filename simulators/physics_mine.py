"""A ventilated working: methane given off by coal, carried and thinned by the air that passes."""

import numpy as np

from simulators.physics import Column


def along_airway(
    percents: tuple[Column, ...],
    *,
    entering: Column | float,
    emissions_m3_s: tuple[Column, ...],
    air_m3_s: Column,
    volumes_m3: tuple[float, ...],
    dt_s: float,
) -> tuple[Column, ...]:
    """Gas in a row of well-mixed stretches, in the air's direction, %vol.

    V dc/dt = 100 E + Q (c_before - c): a stretch settles at c_before + 100 E / Q and follows with
    the time constant V / Q, so that a cloud reaches the next sensor later and flatter. Implicit in
    time: stable at any dt_s, and what leaves one stretch enters the next to the last litre.
    """
    before: Column | float = entering
    after: list[Column] = []
    for percent, emission, volume in zip(percents, emissions_m3_s, volumes_m3, strict=True):
        gained = volume * percent + dt_s * (100.0 * emission + air_m3_s * before)
        now = np.asarray(np.minimum(gained / (volume + dt_s * air_m3_s), 100.0), dtype=np.float64)
        after.append(now)
        before = now
    return tuple(after)


def carbon_monoxide_ppm(
    ppm: Column, *, source_m3_s: Column, air_m3_s: Column, volume_m3: float, dt_s: float
) -> Column:
    """Carbon monoxide in a well-mixed stretch that clean air passes, ppm."""
    gained = volume_m3 * ppm + dt_s * 1e6 * source_m3_s
    return np.asarray(gained / (volume_m3 + dt_s * air_m3_s), dtype=np.float64)


def air_speed(air_m3_s: Column, *, section_m2: float) -> Column:
    """Mean speed of air in a roadway, m/s."""
    return air_m3_s / section_m2
