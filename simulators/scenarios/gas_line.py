"""A city-gas line: an excavator opens the main, pressure falls, gas seeps into nearby wells."""

from collections.abc import Mapping

import numpy as np

from simulators import physics, physics_gas
from simulators.physics import Column
from simulators.readings import Form
from simulators.scenario import Channel, Device, Scenario, Start
from simulators.sensors import SWITCH, Sensor
from simulators.timeline import Timeline

QUIET_S = 240.0
ENDS_S = 1020.0

_BORE_MM = 300.0
_STATION_TO_VC1_KM, _VC1_TO_HOLE_KM, _HOLE_TO_VC2_KM = 4.0, 1.5, 1.5
_VC2_TO_REGULATOR_KM = {"RS1": 1.0, "RS2": 2.0, "RS3": 2.6}
_USUAL_M3_H = {"RS1": 12000.0, "RS2": 10500.0, "RS3": 9500.0}
_SECTION_M3 = 212.0  # 3 km of 300 mm between the valve chambers
_SHUT_S, _REPAIRED_S, _OPENED_S, _JOINED_S = 300.0, 600.0, 640.0, 760.0
_WELL_M3 = 4.0
_WELL_AIR_M3_H = 6.0
_BLOWN_AIR_M3_H = 260.0
_METHANE_LEL_VOL = 5.0

# Wells of the damaged street: seconds until the gas has come through the soil, and the share of
# the leak, in m3/h at full leak, that ends in the well. Rain and power wells are joined by ducts.
_SEEPAGE = {
    "VW01.GD": (2.0, 14.0),
    "VW05.GD": (25.0, 4.0),
    "VW02.GD": (55.0, 1.6),
    "VW06.GD": (80.0, 0.5),
    "VW03.GD": (130.0, 0.12),
}
_QUIET_WELLS = ("VW04", "VW07", "VW08", "VW09", "VW10", "VW11", "VW12")


class GasLine:
    """Pressures, flows and the air of the wells; `advance` moves them."""

    def __init__(self, start: Start) -> None:
        copies = start.copies
        self._random = np.random.default_rng([start.seed, 2])
        self._line = Timeline(
            copies=copies,
            seed=start.seed,
            lead_in_s=start.lead_in_s,
            quiet_s=QUIET_S,
            ends_s=ENDS_S,
        )
        self._usual = np.ones(copies)
        self._station = np.full(copies, 1.44)
        self._vc1 = np.full(copies, 1.36)
        self._hole = np.full(copies, 1.33)
        self._vc2 = np.full(copies, 1.30)
        self._leak = np.zeros(copies)
        self._through = np.full(copies, sum(_USUAL_M3_H.values()))
        self._regulators = {name: np.full(copies, 1.29) for name in _USUAL_M3_H}
        self._outlets = {name: np.full(copies, 0.28) for name in _USUAL_M3_H}
        self._wells = {tag: np.full(copies, 0.02) for tag in _SEEPAGE}
        self._inlet = np.full(copies, 3.2)
        self._ground_c = np.full(copies, 14.0)
        self._boil_mpa = np.full(copies, 0.36)

    def advance(self, dt_s: float) -> Mapping[str, Column]:
        """Let dt_s pass and give the truth by tag."""
        self._line.advance(dt_s)
        self._usual = physics.wander(
            self._usual, mean=1.0, spread=0.015, tau_s=300.0, dt_s=dt_s, random=self._random
        )
        return {
            **self._main(dt_s),
            **self._districts(dt_s),
            **self._station_tags(dt_s),
            **self._street(dt_s),
        }

    def _main(self, dt_s: float) -> dict[str, Column]:
        since = self._line.since_s
        shut = (since > _SHUT_S) & (since < _OPENED_S)
        apart = (since > _SHUT_S) & (since < _JOINED_S)
        bore_mm2 = self._line.between(0, 5600.0, 6800.0)
        area_mm2 = np.where(
            (since > 0.0) & (since < _REPAIRED_S), bore_mm2 * physics.ramp(since, 0.0, 40.0), 0.0
        )
        self._leak = physics_gas.hole_m3_h(self._hole, area_mm2=area_mm2)
        drawn = sum(_USUAL_M3_H.values()) * self._usual
        self._through = physics.approach(
            self._through,
            np.where(shut, 0.0, np.where(apart, 0.3, 1.0) * drawn + self._leak),
            dt_s,
            8.0,
        )
        # Above 44,000 m3/h the station's regulators stand wide open and the outlet sags.
        sag = 0.6 * np.maximum(self._through - 44_000.0, 0.0) / 16_000.0
        self._station = physics.approach(self._station, 1.45 - sag, dt_s, 150.0)
        at_vc1 = physics_gas.pressure_after(
            self._station, self._through, length_km=_STATION_TO_VC1_KM, bore_mm=_BORE_MM
        )
        at_hole = physics_gas.pressure_after(
            self._vc1, self._through, length_km=_VC1_TO_HOLE_KM, bore_mm=_BORE_MM
        )
        at_vc2 = physics_gas.pressure_after(
            self._hole, drawn, length_km=_HOLE_TO_VC2_KM, bore_mm=_BORE_MM
        )
        bled = physics_gas.bled(
            self._hole, net_out_m3_h=self._leak, volume_m3=_SECTION_M3, dt_s=dt_s
        )
        self._vc1 = np.where(
            shut,
            physics.approach(self._vc1, bled, dt_s, 5.0),
            physics.approach(self._vc1, at_vc1, dt_s, 35.0),
        )
        self._hole = np.where(shut, bled, physics.approach(self._hole, at_hole, dt_s, 25.0))
        # With the section shut the city is fed from the LNG station, beyond chamber 2.
        self._vc2 = physics.approach(self._vc2, np.where(apart, 1.24, at_vc2), dt_s, 40.0)
        self._ground_c = physics.wander(
            self._ground_c, mean=14.0, spread=0.3, tau_s=3600.0, dt_s=dt_s, random=self._random
        )
        chilled = 4.0 * physics.ramp(self._leak, 5_000.0, 40_000.0)
        quiet = np.full_like(since, 0.4)
        opened = np.where(shut, 0.0, 1.0)
        return {
            "VC1.PT": self._vc1,
            "VC1.TT": self._ground_c - chilled,
            "VC1.FT": self._through,
            "VC1.XV": opened,
            "VC1.GD": quiet + 11.0 * physics.ramp(since, 60.0, 240.0) * (since < 700.0),
            "VC2.PT": self._vc2,
            "VC2.TT": self._ground_c - 0.4,
            "VC2.FT": np.where(apart, 0.0, np.minimum(drawn, self._through)),
            "VC2.XV": np.where(apart, 0.0, 1.0),
            "VC2.GD": quiet,
        }

    def _districts(self, dt_s: float) -> dict[str, Column]:
        since = self._line.since_s
        creeping = self._line.between(1, 0.125, 0.145) * physics.pulse(
            since, start_s=760.0, full_s=840.0, easing_s=880.0, end_s=940.0
        )
        found: dict[str, Column] = {}
        for name, usual in _USUAL_M3_H.items():
            inlet = physics_gas.pressure_after(
                self._vc2,
                usual * self._usual,
                length_km=_VC2_TO_REGULATOR_KM[name],
                bore_mm=_BORE_MM,
            )
            self._regulators[name] = physics.approach(self._regulators[name], inlet, dt_s, 10.0)
            wanted = 0.28 + (creeping if name == "RS2" else 0.0)
            held = np.minimum(wanted, np.maximum(self._regulators[name] - 0.15, 0.0))
            self._outlets[name] = physics.approach(self._outlets[name], held, dt_s, 6.0)
            found |= {
                f"{name}.PIN": self._regulators[name],
                f"{name}.POUT": self._outlets[name],
                f"{name}.FT": usual * self._usual * np.sqrt(self._outlets[name] / 0.28),
                f"{name}.GD": np.full_like(since, 0.5),
            }
        return found

    def _station_tags(self, dt_s: float) -> dict[str, Column]:
        day_s = 8.0 * 3600.0 + self._line.elapsed_s
        self._inlet = physics.wander(
            self._inlet, mean=3.2, spread=0.02, tau_s=600.0, dt_s=dt_s, random=self._random
        )
        self._boil_mpa = physics.wander(
            self._boil_mpa, mean=0.36, spread=0.004, tau_s=900.0, dt_s=dt_s, random=self._random
        )
        calm = np.zeros_like(self._inlet)
        inlet_c = physics.daily(day_s, mean=15.0, swing=2.0) + calm
        # Expanding natural gas cools by about 4.5 degrees a megapascal (Joule-Thomson).
        return {
            "GS1.PIN": self._inlet,
            "GS1.POUT": self._station,
            "GS1.TIN": inlet_c,
            "GS1.TOUT": inlet_c - 4.5 * (self._inlet - self._station) + 3.0,
            "GS1.FT1": self._through * 0.505,
            "GS1.FT2": self._through * 0.495,
            "GS1.DP": 14.0 * (self._through / 32_000.0) ** 2,
            "GS1.ESD": calm + 1.0,
            "GS1.GD1": calm + 0.6,
            "GS1.GD2": calm + 0.8,
            "LNG1.LT": calm + 8.6,
            "LNG1.PT": self._boil_mpa,
            "LNG1.TT": calm - 152.0 + 40.0 * (self._boil_mpa - 0.36),
            "LNG1.GD": calm + 0.4,
        }

    def _street(self, dt_s: float) -> dict[str, Column]:
        since = self._line.since_s
        worst_m3_h = 25_000.0
        blown = physics.pulse(since, start_s=380.0, full_s=420.0, easing_s=930.0, end_s=960.0)
        found: dict[str, Column] = {}
        for tag, (delay_s, share_m3_h) in _SEEPAGE.items():
            through_soil = physics.pulse(
                since,
                start_s=delay_s,
                full_s=delay_s + 15.0,
                easing_s=_REPAIRED_S - 60.0,
                end_s=_REPAIRED_S + 60.0,
            )
            driven = np.clip(self._leak / worst_m3_h, 0.12, 1.0)
            gas = share_m3_h * self._line.between(2, 0.85, 1.15) * through_soil * driven
            self._wells[tag] = physics_gas.box_percent(
                self._wells[tag],
                gas_m3_h=gas + 0.001,
                air_m3_h=_WELL_AIR_M3_H + blown * _BLOWN_AIR_M3_H,
                volume_m3=_WELL_M3,
                dt_s=dt_s,
            )
            found[tag] = 0.3 + self._wells[tag] / _METHANE_LEL_VOL * 100.0
        for number, well in enumerate(_QUIET_WELLS):
            found[f"{well}.GD"] = np.full_like(since, 0.4 + 0.1 * number)
        return found


_STATION, _RTU, _WELLS = "gw-ntd-station", "gw-ntd-rtu", "gw-ntd-wells"
_FORMS: tuple[tuple[str, Form], ...] = ((_STATION, "values"), (_RTU, "rows"), (_WELLS, "single"))


def _pressure(high: float) -> Sensor:
    return Sensor(low=0, high=high, steps=1000, noise=high / 2500, lag_s=1, drift=high / 2500)


def _flow(high: float) -> Sensor:
    return Sensor(low=0, high=high, steps=1, noise=high / 800, lag_s=2, drift=high / 2000)


def _temperature(low: float, high: float) -> Sensor:
    return Sensor(low=low, high=high, steps=10, noise=0.05, lag_s=15, drift=0.05)


_METHANE = Sensor(low=0, high=100, steps=10, noise=0.2, lag_s=5, drift=0.2)


def _channel(tag: str, gateway: str, period_s: int, sensor: Sensor) -> Channel:
    return Channel(tag=tag, gateway=gateway, period_s=period_s, sensor=sensor)


def _chamber(name: str) -> tuple[Channel, ...]:
    return (
        _channel(f"{name}.PT", _RTU, 2, _pressure(2.5)),
        _channel(f"{name}.TT", _RTU, 10, _temperature(-20, 60)),
        _channel(f"{name}.FT", _RTU, 2, _flow(80_000)),
        _channel(f"{name}.XV", _RTU, 5, SWITCH),
        _channel(f"{name}.GD", _RTU, 2, _METHANE),
    )


def _district(name: str) -> tuple[Channel, ...]:
    return (
        _channel(f"{name}.PIN", _RTU, 5, _pressure(2.5)),
        _channel(f"{name}.POUT", _RTU, 5, _pressure(0.6)),
        _channel(f"{name}.FT", _RTU, 5, _flow(20_000)),
        _channel(f"{name}.GD", _RTU, 2, _METHANE),
    )


SCENARIO = Scenario(
    name="gas-line",
    title="City-gas line with gate station, regulators and wells",
    story="an excavator opens the main, pressure falls, gas seeps into wells; a regulator creeps",
    devices=tuple(Device(id=gateway, form=form) for gateway, form in _FORMS),
    channels=(
        _channel("GS1.PIN", _STATION, 2, _pressure(6.3)),
        _channel("GS1.POUT", _STATION, 2, _pressure(2.5)),
        _channel("GS1.TIN", _STATION, 5, _temperature(-20, 60)),
        _channel("GS1.TOUT", _STATION, 5, _temperature(-20, 60)),
        _channel("GS1.FT1", _STATION, 2, _flow(50_000)),
        _channel("GS1.FT2", _STATION, 2, _flow(50_000)),
        _channel("GS1.DP", _STATION, 5, Sensor(low=0, high=100, steps=10, noise=0.15, lag_s=2)),
        _channel("GS1.ESD", _STATION, 2, SWITCH),
        _channel("GS1.GD1", _STATION, 1, _METHANE),
        _channel("GS1.GD2", _STATION, 1, _METHANE),
        _channel(
            "LNG1.LT", _STATION, 5, Sensor(low=0, high=14, steps=1000, noise=0.003, drift=0.004)
        ),
        _channel("LNG1.PT", _STATION, 2, _pressure(1.6)),
        _channel("LNG1.TT", _STATION, 5, _temperature(-200, 50)),
        _channel("LNG1.GD", _STATION, 1, _METHANE),
        *_chamber("VC1"),
        *_chamber("VC2"),
        *_district("RS1"),
        *_district("RS2"),
        *_district("RS3"),
        *(_channel(f"VW{number:02d}.GD", _WELLS, 5, _METHANE) for number in range(1, 13)),
    ),
    start=GasLine,
)
