"""A coal mine: a local fan stops and methane gathers; then the face surges, a belt runs hot."""

from collections.abc import Mapping

import numpy as np

from simulators import physics, physics_mine
from simulators.physics import Column
from simulators.readings import Form
from simulators.scenario import Channel, Device, Scenario, Start
from simulators.sensors import SWITCH, Sensor
from simulators.timeline import Timeline

QUIET_S = 240.0
ENDS_S = 1500.0

_FACE_AIR_M3_S = 24.0
_FACE_SECTION_M2 = 12.0
_HEADING_AIR_M3_S = 6.5
_HEADING_STILL_M3_S = 0.35  # what moves by itself while the fan stands
_HEADING_SECTION_M2 = 14.0
_DISTRICT_AIR_M3_S = 52.0
_DISTRICT_SECTION_M2 = 15.0
_MAIN_AIR_M3_S = 120.0
_MAIN_SECTION_M2 = 20.0
_CUT_PERCENT, _RESET_PERCENT = 1.5, 1.0
_STANDBY_S, _POWER_S, _MAIN_FAN_S = 190.0, 480.0, 620.0


class CoalMine:
    """The air of the mine and what it carries; `advance` moves it."""

    def __init__(self, start: Start) -> None:
        copies = start.copies
        self._random = np.random.default_rng([start.seed, 3])
        self._line = Timeline(
            copies=copies,
            seed=start.seed,
            lead_in_s=start.lead_in_s,
            quiet_s=QUIET_S,
            ends_s=ENDS_S,
        )
        self._copies = copies
        self._face = tuple(np.full(copies, percent) for percent in (0.06, 0.34, 0.42, 0.50))
        self._corner = np.full(copies, 0.62)
        self._heading = tuple(np.full(copies, percent) for percent in (0.40, 0.42))
        self._district = np.full(copies, 0.32)
        self._heading_air = np.full(copies, _HEADING_AIR_M3_S)
        self._face_air = np.full(copies, _FACE_AIR_M3_S)
        self._cut = np.zeros(copies, dtype=np.bool_)
        self._belt_co = np.full(copies, 3.0)
        self._district_co = np.full(copies, 2.0)
        self._belt_c = np.full(copies, 28.0)
        self._face_dust = np.full(copies, 22.0)
        self._heading_dust = np.full(copies, 14.0)
        self._heading_c = np.full(copies, 24.0)
        self._pull_pa = np.full(copies, 2300.0)
        self._drained = np.full(copies, 28.0)

    def advance(self, dt_s: float) -> Mapping[str, Column]:
        """Let dt_s pass and give the truth by tag."""
        self._line.advance(dt_s)
        self._pull_pa = physics.wander(
            self._pull_pa, mean=2300.0, spread=15.0, tau_s=300.0, dt_s=dt_s, random=self._random
        )
        heading, heading_gas_m3_s = self._heading_tags(dt_s)
        face, face_gas_m3_s = self._face_tags(dt_s)
        return {
            **heading,
            **face,
            **self._belt(dt_s),
            **self._returns(dt_s, heading_gas_m3_s + face_gas_m3_s),
            **self._surface(dt_s),
        }

    def _heading_tags(self, dt_s: float) -> tuple[dict[str, Column], Column]:
        since = self._line.since_s
        first = (since < 0.0) | (since > _MAIN_FAN_S)
        standby = (since > _STANDBY_S) & (since < _MAIN_FAN_S)
        blowing = np.where(first | standby, _HEADING_AIR_M3_S, _HEADING_STILL_M3_S)
        tau_s = np.where(blowing < 1.0, 5.0, 12.0)
        self._heading_air = physics.approach(self._heading_air, blowing, dt_s, tau_s)
        self._cut = (self._cut | (self._heading[0] >= _CUT_PERCENT)) & ~(
            (since > _POWER_S) & (self._heading[0] < _RESET_PERCENT)
        )
        working = np.where(self._cut, 0.0, 1.0)
        gas = self._line.between(0, 0.024, 0.028) * (0.55 + 0.45 * working)
        before = self._heading
        self._heading = physics_mine.along_airway(
            before,
            entering=0.03,
            emissions_m3_s=(gas, 0.05 * gas),
            air_m3_s=self._heading_air,
            volumes_m3=(150.0, 420.0),
            dt_s=dt_s,
        )
        self._heading_dust = physics.approach(self._heading_dust, 2.0 + 12.0 * working, dt_s, 40.0)
        still = 1.0 - physics.ramp(self._heading_air, 1.0, 5.0)
        self._heading_c = physics.approach(self._heading_c, 24.0 + 1.5 * still, dt_s, 200.0)
        leaving = self._heading_air * self._heading[1] / 100.0
        return {
            "H3302.T1": self._heading[0],
            "H3302.T2": self._heading[1],
            "H3302.CO": np.full(self._copies, 2.5),
            "H3302.WS": physics_mine.air_speed(self._heading_air, section_m2=_HEADING_SECTION_M2),
            "H3302.TT": self._heading_c,
            "H3302.DU": self._heading_dust,
            "H3302.FD": working,
            "H3302.LF1": np.where(first, 1.0, 0.0),
            "H3302.LF2": np.where(standby, 1.0, 0.0),
            "H3302.DC": np.where(self._heading_air > 2.0, 1.0, 0.0),
        }, leaving

    def _face_tags(self, dt_s: float) -> tuple[dict[str, Column], Column]:
        since = self._line.since_s
        self._face_air = physics.wander(
            self._face_air,
            mean=_FACE_AIR_M3_S,
            spread=0.25,
            tau_s=200.0,
            dt_s=dt_s,
            random=self._random,
        )
        stopped = (since > 860.0) & (since < 1020.0)
        cutting = np.where(stopped, 0.0, 1.0)
        surge = self._line.between(1, 0.9, 1.15) * physics.pulse(
            since, start_s=740.0, full_s=840.0, easing_s=880.0, end_s=980.0
        )
        coal = 0.066 * (0.6 + 0.4 * cutting) * (1.0 + surge)
        goaf = 0.020 * (1.0 + 1.6 * surge)
        self._face = physics_mine.along_airway(
            self._face,
            entering=0.04,
            emissions_m3_s=(
                np.full(self._copies, 0.003),
                coal,
                0.25 * coal,
                goaf,
            ),
            air_m3_s=self._face_air,
            volumes_m3=(300.0, 500.0, 300.0, 700.0),
            dt_s=dt_s,
        )
        # A quarter of the air turns through the return corner and takes the goaf's gas first.
        (self._corner,) = physics_mine.along_airway(
            (self._corner,),
            entering=self._face[2],
            emissions_m3_s=(0.55 * goaf,),
            air_m3_s=0.25 * self._face_air,
            volumes_m3=(90.0,),
            dt_s=dt_s,
        )
        self._face_dust = physics.approach(self._face_dust, 4.0 + 18.0 * cutting, dt_s, 40.0)
        leaving = self._face_air * self._face[3] / 100.0
        return {
            "F3301.T0": self._corner,
            "F3301.T1": self._face[2],
            "F3301.T2": self._face[3],
            "F3301.T3": self._face[0],
            "F3301.MC": self._face[1],
            "F3301.CO": np.full(self._copies, 4.0),
            "F3301.WS": physics_mine.air_speed(self._face_air, section_m2=_FACE_SECTION_M2),
            "F3301.TT": np.full(self._copies, 25.6),
            "F3301.DU": self._face_dust,
            "F3301.FD": np.ones(self._copies),
            "F3301.SH": cutting,
        }, leaving

    def _belt(self, dt_s: float) -> dict[str, Column]:
        since = self._line.since_s
        stopped = (since > 1240.0) & (since < 1440.0)
        rubbing = physics.ramp(since, 1100.0, 1220.0) * (since < 1240.0)
        heat = self._line.between(2, 38.0, 42.0) * rubbing
        self._belt_c = physics.approach(
            self._belt_c, 28.0 + heat, dt_s, np.where(rubbing > 0.0, 40.0, 60.0)
        )
        burnt = 0.0010 * physics.ramp(self._belt_c, 40.0, 54.0)
        self._belt_co = physics_mine.carbon_monoxide_ppm(
            self._belt_co,
            source_m3_s=burnt + 6e-5,
            air_m3_s=np.full(self._copies, 20.0),
            volume_m3=400.0,
            dt_s=dt_s,
        )
        return {
            "B3301.SM": np.where(self._belt_co > 30.0, 1.0, 0.0),
            "B3301.CO": self._belt_co,
            "B3301.TT": self._belt_c,
            "B3301.BC": np.where(stopped, 0.0, 1.0),
        }

    def _returns(self, dt_s: float, gas_m3_s: Column) -> dict[str, Column]:
        since = self._line.since_s
        air = np.full(self._copies, _DISTRICT_AIR_M3_S)
        (self._district,) = physics_mine.along_airway(
            (self._district,),
            entering=0.02,
            emissions_m3_s=(gas_m3_s,),
            air_m3_s=air,
            volumes_m3=(3000.0,),
            dt_s=dt_s,
        )
        self._district_co = physics_mine.carbon_monoxide_ppm(
            self._district_co,
            source_m3_s=self._belt_co * 1e-6 * 20.0 + 5e-5,
            air_m3_s=air,
            volume_m3=3000.0,
            dt_s=dt_s,
        )
        share = _DISTRICT_AIR_M3_S / _MAIN_AIR_M3_S
        return {
            "R3300.CH4": self._district,
            "R3300.CO": self._district_co,
            "R3300.WS": physics_mine.air_speed(air, section_m2=_DISTRICT_SECTION_M2),
            "R3300.DA": np.where((since > 520.0) & (since < 535.0), 1.0, 0.0),
            "R3300.DB": np.where((since > 545.0) & (since < 560.0), 1.0, 0.0),
            "R0000.CH4": 0.12 + share * self._district,
            "R0000.CO": 1.0 + share * self._district_co,
            "R0000.WS": physics_mine.air_speed(
                np.full(self._copies, _MAIN_AIR_M3_S), section_m2=_MAIN_SECTION_M2
            ),
        }

    def _surface(self, dt_s: float) -> dict[str, Column]:
        self._drained = physics.wander(
            self._drained, mean=28.0, spread=0.8, tau_s=600.0, dt_s=dt_s, random=self._random
        )
        on, off = np.ones(self._copies), np.zeros(self._copies)
        return {
            "MF.F1": on,
            "MF.F2": off,
            "MF.PS": self._pull_pa,
            "MF.VT": 1.6 * on,
            "MF.TT": 52.0 * on,
            "MF.PW": on,
            "GD.CH4": 0.05 * on,
            "GD.PC": self._drained,
            "GD.PS": 22.0 * on,
            "GD.FT": 182.0 * on,
            "GD.P1": on,
        }


_FACE, _HEADING, _SURFACE = "gw-jcd-face", "gw-jcd-heading", "gw-jcd-surface"
_FORMS: tuple[tuple[str, Form], ...] = (
    (_FACE, "values"),
    (_HEADING, "single"),
    (_SURFACE, "rows"),
)

_CH4 = Sensor(low=0, high=4, steps=100, noise=0.008, lag_s=5, drift=0.008)
_CO = Sensor(low=0, high=500, steps=1, noise=0.3, lag_s=8, drift=0.3)
_WIND = Sensor(low=0, high=15, steps=100, noise=0.02, lag_s=2)
_DUST = Sensor(low=0, high=500, steps=10, noise=0.8, lag_s=10)
_VIBRATION = Sensor(low=0, high=20, steps=100, noise=0.04, lag_s=2)


def _temperature(high: float) -> Sensor:
    return Sensor(low=0, high=high, steps=10, noise=0.05, lag_s=15, drift=0.05)


def _on(gateway: str, prefix: str, *points: tuple[str, int, Sensor]) -> tuple[Channel, ...]:
    return tuple(
        Channel(tag=f"{prefix}.{name}", gateway=gateway, period_s=period_s, sensor=sensor)
        for name, period_s, sensor in points
    )


SCENARIO = Scenario(
    name="coal-mine",
    title="Coal mine with a face, a heading and its fans",
    story="a local fan stops and methane gathers; the face gives more gas; a belt runs hot",
    devices=tuple(Device(id=gateway, form=form) for gateway, form in _FORMS),
    channels=(
        *_on(
            _FACE,
            "F3301",
            *((name, 1, _CH4) for name in ("T0", "T1", "T2", "T3", "MC")),
            ("CO", 2, _CO),
            ("WS", 2, _WIND),
            ("TT", 5, _temperature(50)),
            ("DU", 5, _DUST),
            ("FD", 2, SWITCH),
            ("SH", 2, SWITCH),
        ),
        *_on(
            _HEADING,
            "H3302",
            ("T1", 1, _CH4),
            ("T2", 1, _CH4),
            ("CO", 2, _CO),
            ("WS", 2, _WIND),
            ("TT", 5, _temperature(50)),
            ("DU", 5, _DUST),
            *((name, 2, SWITCH) for name in ("FD", "LF1", "LF2", "DC")),
        ),
        *_on(
            _HEADING,
            "B3301",
            ("SM", 2, SWITCH),
            ("CO", 2, _CO),
            ("TT", 5, _temperature(100)),
            ("BC", 2, SWITCH),
        ),
        *_on(
            _HEADING,
            "R3300",
            ("CH4", 1, _CH4),
            ("CO", 2, _CO),
            ("WS", 2, _WIND),
            ("DA", 2, SWITCH),
            ("DB", 2, SWITCH),
        ),
        *_on(_SURFACE, "R0000", ("CH4", 1, _CH4), ("CO", 2, _CO), ("WS", 2, _WIND)),
        *_on(
            _SURFACE,
            "MF",
            ("F1", 2, SWITCH),
            ("F2", 2, SWITCH),
            ("PS", 2, Sensor(low=0, high=5000, steps=1, noise=4, lag_s=2)),
            ("VT", 5, _VIBRATION),
            ("TT", 5, _temperature(120)),
            ("PW", 2, SWITCH),
        ),
        *_on(
            _SURFACE,
            "GD",
            ("CH4", 1, _CH4),
            ("PC", 2, Sensor(low=0, high=100, steps=10, noise=0.2, lag_s=10)),
            ("PS", 2, Sensor(low=0, high=60, steps=10, noise=0.1, lag_s=2, drift=0.1)),
            ("FT", 2, Sensor(low=0, high=400, steps=10, noise=0.8, lag_s=2, drift=0.5)),
            ("P1", 2, SWITCH),
        ),
    ),
    start=CoalMine,
)
