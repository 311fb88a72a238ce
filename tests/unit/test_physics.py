"""The physics behind the simulated plants obeys balances, known constants and plain sense."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators import (
    physics,
    physics_dispersion,
    physics_gas,
    physics_mine,
    physics_tank,
)
from simulators.physics import Column

seconds = st.floats(0.01, 600.0)


def column(*numbers: float) -> Column:
    return np.array(numbers, dtype=np.float64)


@pytest.mark.parametrize(
    ("celsius", "bar"),
    [(-33.34, 1.013), (0.0, 4.294), (20.0, 8.575), (30.0, 11.67)],
    ids=["boiling point", "0 degrees", "20 degrees", "30 degrees"],
)
def test_ammonia_has_its_tabled_vapour_pressure(celsius: float, bar: float) -> None:
    absolute_mpa = physics_tank.ammonia_pressure_mpa(column(celsius))
    assert absolute_mpa[0] * 10 == pytest.approx(bar, rel=0.02)


def test_benzene_boils_at_80_degrees_at_one_atmosphere() -> None:
    assert physics_tank.benzene_pressure_mpa(column(80.1))[0] == pytest.approx(0.1013, rel=0.01)


@given(st.floats(0.0, 7.1))
def test_a_sphere_filled_to_a_level_shows_that_level(level: float) -> None:
    volume = physics_tank.sphere_volume(column(level), 3.55)
    assert physics_tank.sphere_level(volume, 3.55)[0] == pytest.approx(level, abs=1e-6)


def test_a_full_sphere_holds_its_geometry() -> None:
    volume = physics_tank.sphere_volume(column(7.1), 3.55)
    assert volume[0] == pytest.approx(4 / 3 * np.pi * 3.55**3)


@given(st.floats(0.0, 30.0), st.floats(0.0, 30.0), seconds)
def test_a_tank_gains_what_enters_less_what_leaves(into: float, out: float, dt_s: float) -> None:
    after = physics_tank.filled(
        column(50_000.0), into_kg_s=column(into), out_kg_s=column(out), dt_s=dt_s
    )
    assert after[0] - 50_000.0 == pytest.approx((into - out) * dt_s, abs=1e-6)


def test_a_tank_never_holds_less_than_nothing() -> None:
    after = physics_tank.filled(column(5.0), into_kg_s=column(0), out_kg_s=column(9), dt_s=10.0)
    assert after[0] == 0.0


def test_filling_squeezes_the_vapour_the_more_the_less_of_it_is_left() -> None:
    squeezed = physics_tank.vapour_squeeze(
        column(0.0, 0.0),
        pressure_mpa=column(1.0, 1.0),
        rise_m3_s=column(0.02, 0.02),
        vapour_m3=column(80.0, 20.0),
        dt_s=60.0,
    )
    assert 0.0 < squeezed[0] < squeezed[1]


@given(st.floats(-50, 50), st.floats(-50, 50), seconds, seconds)
def test_a_lag_cut_into_two_steps_ends_where_one_step_does(
    value: float, target: float, first_s: float, second_s: float
) -> None:
    whole = physics.approach(column(value), target, first_s + second_s, 20.0)
    half = physics.approach(column(value), target, first_s, 20.0)
    assert physics.approach(half, target, second_s, 20.0)[0] == pytest.approx(whole[0], abs=1e-9)


def test_the_day_is_warmest_at_15_and_coolest_at_3() -> None:
    hours = np.arange(24.0)
    day = physics.daily(hours * 3600.0, mean=20.0, swing=5.0)
    assert (hours[day.argmax()], hours[day.argmin()]) == (15.0, 3.0)


@given(st.floats(1.0, 200.0), st.floats(1.05, 3.0))
def test_gas_thins_with_distance_down_the_wind(metres: float, times: float) -> None:
    # Measured on the ground: at a detector's height a plume may still be rising to it.
    plume = physics_dispersion.plume_kg_m3(
        column(0.01, 0.01),
        downwind_m=column(metres, metres * times),
        crosswind_m=0.0,
        wind_m_s=column(2.0, 2.0),
        height_m=0.0,
    )
    assert plume[0] > plume[1] > 0.0


def test_there_is_no_gas_up_the_wind() -> None:
    plume = physics_dispersion.plume_kg_m3(
        column(0.01), downwind_m=column(-5.0), crosswind_m=0.0, wind_m_s=column(2.0)
    )
    assert plume[0] == 0.0


@given(st.floats(0.5, 6.0), st.floats(3.0, 50.0))
def test_the_plume_carries_what_the_leak_gives(wind: float, metres: float) -> None:
    across = np.linspace(-3.0 * metres, 3.0 * metres, 400)
    heights = np.linspace(0.0, 0.5 * metres + 2.0, 400)
    layers = [
        np.trapezoid(
            physics_dispersion.plume_kg_m3(
                np.full(400, 0.01),
                downwind_m=metres,
                crosswind_m=across,
                wind_m_s=np.full(400, wind),
                height_m=float(height),
            ),
            across,
        )
        for height in heights
    ]
    assert wind * np.trapezoid(layers, heights) == pytest.approx(0.01, rel=0.02)


def test_a_quarter_of_benzenes_limit_is_about_ten_grams_a_cubic_metre() -> None:
    lel = physics_dispersion.lel_percent(column(0.00974), molar_g=78.11, lel_vol=1.2)
    assert lel[0] == pytest.approx(25.0, rel=0.01)


@given(st.floats(1000.0, 60_000.0), st.floats(1.05, 1.4))
def test_pressure_falls_along_a_line_the_more_the_more_flows(flow: float, times: float) -> None:
    after = physics_gas.pressure_after(
        column(1.4, 1.4), column(flow, flow * times), length_km=4.0, bore_mm=300.0
    )
    assert 1.4 > after[0] > after[1]


def test_no_flow_no_loss_of_pressure() -> None:
    after = physics_gas.pressure_after(column(1.4), column(0.0), length_km=4.0, bore_mm=300.0)
    assert after[0] == pytest.approx(1.4)


def test_a_hole_gives_in_proportion_to_pressure_once_sonic() -> None:
    hole = physics_gas.hole_m3_h(column(0.6, 1.3), area_mm2=column(1000, 1000))
    absolute = (1.3 + 0.101325) / (0.6 + 0.101325)
    assert hole[1] / hole[0] == pytest.approx(absolute)


def test_a_hole_gives_nothing_without_pressure() -> None:
    assert physics_gas.hole_m3_h(column(0.0), area_mm2=column(1000))[0] == pytest.approx(0.0)


def test_a_shut_section_loses_the_gas_that_leaves_it() -> None:
    after = physics_gas.bled(column(1.0), net_out_m3_h=column(3600), volume_m3=200, dt_s=10.0)
    lost_m3 = (1.0 - after[0]) / physics.ATMOSPHERE_MPA * 200
    assert lost_m3 == pytest.approx(10.0)


@given(st.floats(0.0, 20.0), st.floats(0.1, 300.0), seconds)
def test_a_well_moves_steadily_towards_the_mix_of_what_enters(
    gas: float, air: float, dt_s: float
) -> None:
    settled = 100.0 * gas / (gas + air)
    after = physics_gas.box_percent(
        column(0.0), gas_m3_h=column(gas), air_m3_h=column(air), volume_m3=4.0, dt_s=dt_s
    )
    assert 0.0 <= after[0] <= settled + 1e-9


@given(st.floats(0.0, 0.05), st.floats(0.2, 10.0), seconds)
def test_an_airway_keeps_every_litre_of_methane(emission: float, air: float, dt_s: float) -> None:
    before, volumes = (column(0.3), column(0.4)), (150.0, 400.0)
    after = physics_mine.along_airway(
        before,
        entering=0.05,
        emissions_m3_s=(column(emission), column(0.0)),
        air_m3_s=column(air),
        volumes_m3=volumes,
        dt_s=dt_s,
    )
    gained = sum(
        volume * (now[0] - then[0]) / 100.0
        for volume, now, then in zip(volumes, after, before, strict=True)
    )
    entered = dt_s * (emission + air * 0.05 / 100.0)
    left = dt_s * air * after[-1][0] / 100.0
    assert gained == pytest.approx(entered - left, abs=1e-9)


def test_methane_settles_at_emission_over_airflow() -> None:
    percents: tuple[Column, ...] = (column(0.0),)
    for _ in range(2000):
        percents = physics_mine.along_airway(
            percents,
            entering=0.0,
            emissions_m3_s=(column(0.03),),
            air_m3_s=column(6.0),
            volumes_m3=(150.0,),
            dt_s=1.0,
        )
    assert percents[0][0] == pytest.approx(0.5)
