"""A tank farm: a leaking loading arm, an overfilled sphere, a benzene pump without its seal."""

from collections.abc import Mapping

import numpy as np

from simulators import physics, physics_dispersion, physics_tank
from simulators.physics import Column
from simulators.readings import Form
from simulators.scenario import Channel, Device, Scenario, Start
from simulators.sensors import SWITCH, Sensor
from simulators.timeline import Timeline

QUIET_S = 240.0
ENDS_S = 1560.0

_SPHERE_RADIUS_M = 3.55
_TANK_SECTION_M2 = 104.0
_BENZENE_KG_M3 = 872.0
_AMMONIA_J_KG_K = 4700.0
_BENZENE_J_KG_K = 1730.0
_MORNING_S = 8.0 * 3600.0

# Metres east and north of the loading arm, and height, of the ammonia detectors; the mean wind
# blows east. Likewise of the benzene detectors from pump P201.
_AMMONIA_PLACES = {
    "P100.GT1": (4.0, 1.0, 1.0),
    "P100.GT2": (16.0, 3.0, 1.0),
    "V101.GT1": (38.0, -4.0, 1.5),
    "V101.GT2": (40.0, -4.0, 7.5),
    "V102.GT1": (58.0, 22.0, 1.5),
    "V102.GT2": (60.0, 22.0, 7.5),
}
_BENZENE_PLACES = {
    "P200.GT1": (3.0, 0.5, 0.4),
    "P200.GT2": (3.0, 0.5, 0.4),
    "T201.GT1": (18.0, 2.0, 0.4),
    "T201.GT3": (18.0, 2.0, 0.4),
    "T201.GT2": (30.0, 8.0, 0.4),
    "T202.GT1": (24.0, 20.0, 0.4),
    "T202.GT3": (24.0, 20.0, 0.4),
    "T202.GT2": (34.0, 26.0, 0.4),
}
_BENZENE_TOXIC = frozenset({"P200.GT2", "T201.GT3", "T202.GT3"})


class TankFarm:
    """The masses, temperatures and the wind of the farm; `advance` moves them."""

    def __init__(self, start: Start) -> None:
        copies = start.copies
        self._random = np.random.default_rng([start.seed, 1])
        self._line = Timeline(
            copies=copies,
            seed=start.seed,
            lead_in_s=start.lead_in_s,
            quiet_s=QUIET_S,
            ends_s=ENDS_S,
        )
        self._temperature = {
            tank: np.full(copies, celsius)
            for tank, celsius in (("V101", 26.0), ("V102", 25.2), ("T201", 24.1), ("T202", 23.6))
        }
        self._mass = {
            "V101": self._sphere_mass("V101", np.full(copies, 5.11)),
            "V102": self._sphere_mass("V102", np.full(copies, 3.2)),
            "T201": np.full(copies, 6.4) * _TANK_SECTION_M2 * _BENZENE_KG_M3,
            "T202": np.full(copies, 4.7) * _TANK_SECTION_M2 * _BENZENE_KG_M3,
        }
        self._feed_m3_h = np.full(copies, 45.0)
        self._drawn_m3_h = np.full(copies, 45.0)
        self._squeeze_mpa = np.zeros(copies)
        self._shut = np.zeros(copies, dtype=np.bool_)
        self._wind = np.full(copies, 2.3)
        self._wind_to = np.zeros(copies)
        self._pump_mpa = np.full(copies, 1.9)
        self._benzene_pump_mpa = np.full(copies, 0.55)
        self._vibration = np.full(copies, 2.1)
        self._blanket_kpa = np.full(copies, 0.8)

    def advance(self, dt_s: float) -> Mapping[str, Column]:
        """Let dt_s pass and give the truth by tag."""
        self._line.advance(dt_s)
        ambient = physics.daily(_MORNING_S + self._line.elapsed_s, mean=24.0, swing=6.0)
        self._blow(dt_s)
        return {
            **self._spheres(dt_s, ambient),
            **self._ammonia_gas(),
            **self._benzene(dt_s, ambient),
            **self._benzene_gas(),
        }

    def _blow(self, dt_s: float) -> None:
        self._wind = np.maximum(
            physics.wander(
                self._wind, mean=2.3, spread=0.3, tau_s=120.0, dt_s=dt_s, random=self._random
            ),
            0.6,
        )
        self._wind_to = physics.wander(
            self._wind_to, mean=0.0, spread=0.15, tau_s=180.0, dt_s=dt_s, random=self._random
        )

    def _spheres(self, dt_s: float, ambient: Column) -> dict[str, Column]:
        since = self._line.since_s
        level = self._sphere_level("V101")
        emptying = (since > 800.0) & (level > 5.11)
        self._shut = (self._shut | (level >= 5.63)) & (since > 0.0) & ((since < 800.0) | emptying)
        loading = (since < 90.0) | (since > 800.0)
        surplus = self._line.between(1, 19.0, 23.0) * physics.ramp(since, 100.0, 120.0)
        surge = self._line.between(2, 22.0, 30.0) * physics.ramp(since, 240.0, 260.0)
        wanted = np.where(
            self._shut | emptying, 0.0, 45.0 + np.where(since < 800.0, surplus + surge, 0.0)
        )
        self._feed_m3_h = physics.approach(self._feed_m3_h, wanted, dt_s, 4.0)
        drawn = np.where(loading, np.where(emptying, 85.0, 45.0), 0.0)
        self._drawn_m3_h = physics.approach(self._drawn_m3_h, drawn, dt_s, 4.0)
        density = physics_tank.ammonia_density(self._temperature["V101"])
        self._mass["V101"] = physics_tank.filled(
            self._mass["V101"],
            into_kg_s=self._feed_m3_h / 3600.0 * density,
            out_kg_s=self._drawn_m3_h / 3600.0 * density,
            dt_s=dt_s,
        )
        for tank in ("V101", "V102"):
            self._temperature[tank] = physics_tank.warmed(
                self._temperature[tank],
                ambient_c=ambient,
                mass_kg=self._mass[tank],
                wall_w_k=1500.0,
                heat_w=0.0,
                heat_capacity_j_kg_k=_AMMONIA_J_KG_K,
                dt_s=dt_s,
            )
        vapour = {
            tank: physics_tank.ammonia_pressure_mpa(self._temperature[tank])
            for tank in ("V101", "V102")
        }
        shell_m3 = 4.0 / 3.0 * np.pi * _SPHERE_RADIUS_M**3
        self._squeeze_mpa = physics_tank.vapour_squeeze(
            self._squeeze_mpa,
            pressure_mpa=vapour["V101"],
            rise_m3_s=(self._feed_m3_h - self._drawn_m3_h) / 3600.0,
            vapour_m3=shell_m3 - self._mass["V101"] / density,
            dt_s=dt_s,
        )
        above = physics_tank.gauge_mpa(vapour["V101"] + self._squeeze_mpa)
        self._pump_mpa = physics.approach(
            self._pump_mpa, above + np.where(loading, 1.0, 0.0), dt_s, 3.0
        )
        resting = np.zeros_like(above)
        first, second = self._sphere_level("V101"), self._sphere_level("V102")
        return {
            "V101.LT1": first,
            "V101.LT2": first,
            "V101.TT": self._temperature["V101"],
            "V101.PT": above,
            "V101.FT": self._feed_m3_h,
            "V101.XV": np.where(self._shut | emptying, 0.0, 1.0),
            "V102.LT1": second,
            "V102.LT2": second,
            "V102.TT": self._temperature["V102"],
            "V102.PT": physics_tank.gauge_mpa(vapour["V102"]),
            "V102.FT": resting,
            "V102.XV": resting,
            "P101.RUN": np.where(loading, 1.0, 0.0),
            "P101.PT": self._pump_mpa,
            "P100.WS": self._wind,
        }

    def _ammonia_gas(self) -> dict[str, Column]:
        peak_kg_s = self._line.between(0, 0.008, 0.011)
        found: dict[str, Column] = {}
        for tag, (east, north, height) in _AMMONIA_PLACES.items():
            downwind, crosswind = physics_dispersion.seen_from(
                east, north, wind_to_rad=self._wind_to
            )
            left = self._line.since_s - physics_dispersion.travel_s(downwind, self._wind)
            rate = peak_kg_s * physics.pulse(
                left, start_s=0.0, full_s=90.0, easing_s=150.0, end_s=240.0
            )
            kg_m3 = physics_dispersion.plume_kg_m3(
                rate,
                downwind_m=downwind,
                crosswind_m=crosswind,
                wind_m_s=self._wind,
                height_m=height,
            )
            found[tag] = 0.4 + kg_m3 * 1e6
        return found

    def _benzene(self, dt_s: float, ambient: Column) -> dict[str, Column]:
        since = self._line.since_s
        tripped = (since > 1140.0) & (since < 1500.0)
        wear = self._line.between(3, 5.6, 6.6) * physics.ramp(since, 900.0, 1030.0)
        shaking = np.where(tripped, 0.1, 2.1 + np.where(since < 1140.0, wear, 0.0))
        self._vibration = physics.approach(self._vibration, shaking, dt_s, 6.0)
        self._benzene_pump_mpa = physics.approach(
            self._benzene_pump_mpa, np.where(tripped, 0.28, 0.55), dt_s, 3.0
        )
        passing = np.where(tripped, 0.0, 60.0) / 3600.0 * _BENZENE_KG_M3
        self._mass["T201"] = physics_tank.filled(
            self._mass["T201"], into_kg_s=passing, out_kg_s=passing, dt_s=dt_s
        )
        for tank in ("T201", "T202"):
            self._temperature[tank] = physics_tank.warmed(
                self._temperature[tank],
                ambient_c=ambient,
                mass_kg=self._mass[tank],
                wall_w_k=2500.0,
                heat_w=0.0,
                heat_capacity_j_kg_k=_BENZENE_J_KG_K,
                dt_s=dt_s,
            )
        self._blanket_kpa = physics.wander(
            self._blanket_kpa, mean=0.8, spread=0.04, tau_s=200.0, dt_s=dt_s, random=self._random
        )
        return {
            "T201.LT1": self._benzene_level("T201"),
            "T201.LT2": self._benzene_level("T201"),
            "T201.TT": self._temperature["T201"],
            "T201.PT": self._blanket_kpa,
            "T201.FT": np.where(tripped, 0.0, 60.0),
            "T201.XV": np.where(tripped, 0.0, 1.0),
            "T202.LT1": self._benzene_level("T202"),
            "T202.LT2": self._benzene_level("T202"),
            "T202.TT": self._temperature["T202"],
            "T202.PT": self._blanket_kpa,
            "T202.FT": np.zeros_like(since),
            "T202.XV": np.zeros_like(since),
            "P201.RUN": np.where(tripped, 0.0, 1.0),
            "P201.PT": self._benzene_pump_mpa,
            "P201.VT": self._vibration,
        }

    def _benzene_gas(self) -> dict[str, Column]:
        peak_kg_s = self._line.between(4, 0.10, 0.16)
        found: dict[str, Column] = {}
        for tag, (east, north, height) in _BENZENE_PLACES.items():
            downwind, crosswind = physics_dispersion.seen_from(
                east, north, wind_to_rad=self._wind_to
            )
            left = self._line.since_s - physics_dispersion.travel_s(downwind, self._wind)
            rate = peak_kg_s * physics.pulse(
                left, start_s=1000.0, full_s=1140.0, easing_s=1160.0, end_s=1280.0
            )
            kg_m3 = physics_dispersion.plume_kg_m3(
                rate,
                downwind_m=downwind,
                crosswind_m=crosswind,
                wind_m_s=self._wind,
                height_m=height,
            )
            if tag in _BENZENE_TOXIC:
                found[tag] = 0.2 + kg_m3 * 1e6
            else:
                found[tag] = 0.5 + physics_dispersion.lel_percent(kg_m3, molar_g=78.11, lel_vol=1.2)
        return found

    def _sphere_mass(self, tank: str, level_m: Column) -> Column:
        density = physics_tank.ammonia_density(self._temperature[tank])
        return physics_tank.sphere_volume(level_m, _SPHERE_RADIUS_M) * density

    def _sphere_level(self, tank: str) -> Column:
        density = physics_tank.ammonia_density(self._temperature[tank])
        return physics_tank.sphere_level(self._mass[tank] / density, _SPHERE_RADIUS_M)

    def _benzene_level(self, tank: str) -> Column:
        return self._mass[tank] / _BENZENE_KG_M3 / _TANK_SECTION_M2


_AMMONIA, _BENZENE, _GAS = "gw-dyd-ammonia", "gw-dyd-benzene", "gw-dyd-gds"
_FORMS: tuple[tuple[str, Form], ...] = ((_AMMONIA, "values"), (_BENZENE, "rows"), (_GAS, "single"))

_NH3 = Sensor(low=0, high=100, steps=10, noise=0.15, lag_s=6, drift=0.2)
_LEL = Sensor(low=0, high=100, steps=10, noise=0.2, lag_s=5, drift=0.3)
_TOXIC_BENZENE = Sensor(low=0, high=30, steps=100, noise=0.03, lag_s=8, drift=0.05)


def _sphere(tank: str) -> tuple[Channel, ...]:
    level = Sensor(low=0, high=7.1, steps=1000, noise=0.002, lag_s=2, drift=0.003)
    return (
        Channel(tag=f"{tank}.LT1", gateway=_AMMONIA, period_s=2, sensor=level),
        Channel(tag=f"{tank}.LT2", gateway=_AMMONIA, period_s=2, sensor=level),
        Channel(
            tag=f"{tank}.TT",
            gateway=_AMMONIA,
            period_s=5,
            sensor=Sensor(low=-40, high=80, steps=10, noise=0.04, lag_s=20, drift=0.05),
        ),
        Channel(
            tag=f"{tank}.PT",
            gateway=_AMMONIA,
            period_s=2,
            sensor=Sensor(low=0, high=2.5, steps=1000, noise=0.001, lag_s=1, drift=0.001),
        ),
        Channel(
            tag=f"{tank}.FT",
            gateway=_AMMONIA,
            period_s=2,
            sensor=Sensor(low=0, high=100, steps=10, noise=0.3, lag_s=2, drift=0.1),
        ),
        Channel(tag=f"{tank}.XV", gateway=_AMMONIA, period_s=5, sensor=SWITCH),
        Channel(tag=f"{tank}.GT1", gateway=_GAS, period_s=1, sensor=_NH3),
        Channel(tag=f"{tank}.GT2", gateway=_GAS, period_s=1, sensor=_NH3),
    )


def _benzene_tank(tank: str) -> tuple[Channel, ...]:
    level = Sensor(low=0, high=11, steps=1000, noise=0.002, lag_s=2, drift=0.003)
    return (
        Channel(tag=f"{tank}.LT1", gateway=_BENZENE, period_s=5, sensor=level),
        Channel(tag=f"{tank}.LT2", gateway=_BENZENE, period_s=5, sensor=level),
        Channel(
            tag=f"{tank}.TT",
            gateway=_BENZENE,
            period_s=5,
            sensor=Sensor(low=-20, high=80, steps=10, noise=0.04, lag_s=20, drift=0.05),
        ),
        Channel(
            tag=f"{tank}.PT",
            gateway=_BENZENE,
            period_s=2,
            sensor=Sensor(low=-1, high=3, steps=100, noise=0.01, lag_s=1, drift=0.01),
        ),
        Channel(
            tag=f"{tank}.FT",
            gateway=_BENZENE,
            period_s=2,
            sensor=Sensor(low=0, high=160, steps=10, noise=0.3, lag_s=2, drift=0.2),
        ),
        Channel(tag=f"{tank}.XV", gateway=_BENZENE, period_s=5, sensor=SWITCH),
        Channel(tag=f"{tank}.GT1", gateway=_GAS, period_s=1, sensor=_LEL),
        Channel(tag=f"{tank}.GT2", gateway=_GAS, period_s=1, sensor=_LEL),
        Channel(tag=f"{tank}.GT3", gateway=_GAS, period_s=1, sensor=_TOXIC_BENZENE),
    )


SCENARIO = Scenario(
    name="tank-farm",
    title="Tank farm with liquid ammonia and benzene",
    story="loading arm leaks ammonia; run-down overfills sphere V101; benzene pump loses its seal",
    devices=tuple(Device(id=gateway, form=form) for gateway, form in _FORMS),
    channels=(
        *_sphere("V101"),
        *_sphere("V102"),
        Channel(tag="P101.RUN", gateway=_AMMONIA, period_s=5, sensor=SWITCH),
        Channel(
            tag="P101.PT",
            gateway=_AMMONIA,
            period_s=2,
            sensor=Sensor(low=0, high=4, steps=1000, noise=0.004, lag_s=1, drift=0.002),
        ),
        Channel(tag="P100.GT1", gateway=_GAS, period_s=1, sensor=_NH3),
        Channel(tag="P100.GT2", gateway=_GAS, period_s=1, sensor=_NH3),
        Channel(
            tag="P100.WS",
            gateway=_AMMONIA,
            period_s=5,
            sensor=Sensor(low=0, high=40, steps=10, noise=0.1, lag_s=3),
        ),
        *_benzene_tank("T201"),
        *_benzene_tank("T202"),
        Channel(tag="P201.RUN", gateway=_BENZENE, period_s=5, sensor=SWITCH),
        Channel(
            tag="P201.PT",
            gateway=_BENZENE,
            period_s=2,
            sensor=Sensor(low=0, high=1.6, steps=1000, noise=0.003, lag_s=1, drift=0.002),
        ),
        Channel(
            tag="P201.VT",
            gateway=_BENZENE,
            period_s=5,
            sensor=Sensor(low=0, high=20, steps=100, noise=0.05, lag_s=2),
        ),
        Channel(tag="P200.GT1", gateway=_GAS, period_s=1, sensor=_LEL),
        Channel(tag="P200.GT2", gateway=_GAS, period_s=1, sensor=_TOXIC_BENZENE),
    ),
    start=TankFarm,
)
