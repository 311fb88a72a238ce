"""A plant on which every kind of rule is on, and recordings that make all of them speak."""

import math
import random
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

GATEWAY = "gw-all"
STEP_MS = 10_000
CALM = 120
"""Steps without anything at the end: what a server says of time alone is said by then."""
REGISTRY = """
enterprises:
  - code: QJ-01
    name: 某化工有限公司（模拟）
    region: "510603"
    simulated: true
    sources:
      - code: R1
        name: 罐区
        kind: tank_farm
        chemicals:
          - {name: 氨, cas: 7664-41-7, tonnes: 200}
        units:
          - code: V1
            name: 1 号罐
            kind: tank
            points:
              - {tag: V1.L1, quantity: level, unit: m, range: [0, 12], period_s: 10,
                 limits: {ll: 0.5, l: 1, h: 8, hh: 9}, deadband: 0.05, gateway: gw-all,
                 detect: [limit, forecast, rate, deviation, sensor, comms],
                 params: {deviation: {learn: 60}, sensor: {learn_s: 1200, hold_s: 900}}}
              - {tag: V1.L2, quantity: level, unit: m, range: [0, 12], period_s: 10,
                 limits: {h: 8, hh: 9}, deadband: 0.05, gateway: gw-all,
                 params: {sensor: {learn_s: 1200, hold_s: 900}, limit: {bridge_s: 20},
                          comms: {stale_s: 25}}}
              - {tag: V1.L3, quantity: level, unit: m, range: [0, 12], period_s: 10,
                 limits: {h: 8, hh: 9}, deadband: 0.05, gateway: gw-all,
                 params: {sensor: {learn_s: 1200, hold_s: 900}}}
              - {tag: V1.P1, quantity: pressure, unit: MPa, range: [0, 2], period_s: 10,
                 limits: {h: 1.4, hh: 1.6}, deadband: 0.02, gateway: gw-all,
                 detect: [limit, forecast, rate, deviation, sensor, comms],
                 params: {deviation: {learn: 60}, rate: {rise_per_min: 0.1, fall_per_min: 0.3}}}
              - {tag: V1.P2, quantity: pressure, unit: MPa, range: [0, 2], period_s: 10,
                 gateway: gw-all, detect: [deviation, comms], params: {deviation: {learn: 60}}}
              - {tag: V1.DP, quantity: pressure, unit: MPa, period_s: 10,
                 limits: {h: 0.3}, deadband: 0.01, on_delay_s: 20,
                 detect: [limit, forecast, rate, deviation, sensor, comms],
                 params: {rate: {rise_per_min: 0.08}, deviation: {learn: 60}},
                 compute: 'p["V1.P1"] - p["V1.P2"]'}
              - {tag: V1.T1, quantity: temperature, unit: ℃, range: [-20, 80], period_s: 10,
                 limits: {h: 38}, deadband: 0.5, gateway: gw-all,
                 detect: [limit, forecast, deviation, sensor, comms],
                 params: {deviation: {learn: 100}, sensor: {learn_s: 1200, hold_s: 300}}}
              - {tag: V1.T2, quantity: temperature, unit: ℃, range: [-20, 80], period_s: 10,
                 gateway: gw-all, params: {sensor: {learn_s: 1200, hold_s: 300}}}
              - {tag: V1.T3, quantity: temperature, unit: ℃, range: [-20, 80], period_s: 10,
                 gateway: gw-all, params: {sensor: {learn_s: 1200, hold_s: 300}}}
              - {tag: V1.G1, quantity: toxic_gas, unit: mg/m³, range: [0, 100], period_s: 10,
                 limits: {h: 20, hh: 40}, deadband: 1, substance: 氨, gateway: gw-all}
              - {tag: V1.G2, quantity: toxic_gas, unit: mg/m³, range: [0, 100], period_s: 10,
                 limits: {h: 20, hh: 40}, deadband: 1, substance: 氨, gateway: gw-all,
                 params: {limit: {confirm_n: 2, confirm_m: 3}}}
              - {tag: V1.G3, quantity: toxic_gas, unit: mg/m³, range: [0, 100], period_s: 10,
                 limits: {h: 20, hh: 40}, deadband: 1, substance: 氨, gateway: gw-all}
              - {tag: V1.FI, quantity: flow, unit: m³/h, range: [0, 100], period_s: 10,
                 limits: {l: 10}, deadband: 1, on_delay_s: 30, gateway: gw-all,
                 detect: [limit, rate, deviation, sensor, comms],
                 params: {deviation: {learn: 60}, rate: {span_s: 120}, limit: {bridge_s: 90},
                          comms: {stale_s: 90}},
                 suppress: {when: 'p["V1.RUN"] == 0', reason: 停泵, dwell_s: 20, most_s: 900}}
              - {tag: V1.FO, quantity: flow, unit: m³/h, range: [0, 100], period_s: 10,
                 gateway: gw-all}
              - {tag: V1.RUN, quantity: equipment_state, unit: "1", range: [0, 1], period_s: 10,
                 gateway: gw-all}
        groups:
          - {code: G.VOTE, name: 氨气三取二, kind: vote, k: 2, limit: 30, deadband: 1,
             degrade: safe, points: [V1.G1, V1.G2, V1.G3], tier: red}
          - {code: L.DIFF, name: 液位计比对, kind: difference, points: [V1.L1, V1.L2], bound: 0.3,
             deadband: 0.05, on_delay_s: 30, off_delay_s: 60}
          - {code: F.BAL, name: 进出平衡, kind: balance, inflows: [V1.FI], outflows: [V1.FO],
             windows: [{span_s: 600, percent: 8}, {span_s: 1800, percent: 5}]}
tiers:
  - region: "510000"
    quantity: level
    raise: [{tier: orange, lasting_s: 400}, {tier: red, peak: 9.6}, {tier: orange, points: 2}]
  - region: "510600"
    quantity: pressure
    kinds: {rate: orange, deviation: orange, sensor: yellow, comms: orange}
    forecast: {yellow_s: 2700, orange_s: 1200}
gateways:
  - {id: gw-all, enterprise: QJ-01}
"""


class Row(NamedTuple):
    """One recorded reading; `value` is None where the gateway had no number."""

    ts: int
    tag: str
    value: float | None
    quality: str
    received: int


def recording(base_ms: int, *, seed: int, steps: int) -> list[Row]:
    """Return rows in order of receipt: every rule's story, some rows late, twice, bad or empty.

    The last one is stamped two hours ahead.
    """
    chance = random.Random(seed)  # noqa: S311  # a stream for a test
    plant = _Plant(chance, steps)
    rows: list[Row] = []
    for k in range(steps):
        moment = base_ms + STEP_MS * k
        here = [
            Row(moment, tag, None if value is None else round(value, 4), quality, moment)
            for tag, value, quality in plant.step(k)
        ]
        rows += here
        if k > 40 and k < steps - CALM:
            rows += _mischief(chance, rows, here, moment)
    end = rows[-1].ts
    return [*rows, Row(end + 7_200_000, "V1.P2", 0.9, "good", end)]


def written(file: Path, rows: list[Row]) -> None:
    """Write rows as a recording."""
    lines = [
        f"{row.ts},{row.tag},{'' if row.value is None else row.value},{row.quality},{row.received}"
        for row in rows
    ]
    file.write_text("\n".join(["ts,point,value,quality,received", *lines]), "utf-8")


def messages(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the bodies a gateway sends: rows of one instant together, none twice in a message."""
    found: list[dict[str, Any]] = []
    for _, together in groupby(rows, key=lambda row: (row.received, row.ts)):
        waiting = list(together)
        while waiting:
            once = {row.tag: row for row in reversed(waiting)}
            values = {tag: {"v": row.value, "q": row.quality} for tag, row in once.items()}
            found.append({"ts": waiting[0].ts, "values": dict(reversed(values.items()))})
            waiting = [row for row in waiting if once[row.tag] is not row]
    return found


def _mischief(
    chance: random.Random, rows: list[Row], here: list[Row], moment: int
) -> Iterator[Row]:
    """Yield what comes beside the order of things: duplicates, late rows, second values."""
    if chance.random() < 0.1:
        yield chance.choice(here)
    if chance.random() < 0.1:
        # Within the bound of lateness, between two readings that are known already.
        behind = chance.choice((3_500, 13_500, 33_500, 53_500))
        level = chance.choice((4.0, 4.0, 8.5, 9.2))
        yield Row(moment - behind, "V1.L3", level, "good", moment)
    if chance.random() < 0.05:
        yield Row(moment - 305_500, "V1.G3", chance.choice((0.5, 45.0)), "good", moment)
    if chance.random() < 0.05:
        old = chance.choice(rows[-200:])
        yield old._replace(value=0.123, received=moment)


class _Plant:
    """What stands where at each step; the scripts are parts of the whole stream."""

    def __init__(self, chance: random.Random, steps: int) -> None:
        self.chance = chance
        self.steps = steps
        self.held = 20.0

    def step(self, k: int) -> Iterator[tuple[str, float | None, str]]:
        """Yield tag, value and quality of every point."""
        chance, part = self.chance, k / self.steps
        level = _path(part, ((0.15, 4.0), (0.55, 9.8), (0.60, 9.8), (0.66, 2.0)))
        yield "V1.L1", level + chance.gauss(0, 0.01), "good"
        off = 0.5 if 0.25 < part < 0.32 else 0.0
        yield "V1.L2", level + off + chance.gauss(0, 0.01), self.quality(0.03)
        away = 0.8 if 0.70 < part < 0.90 else 0.0
        yield "V1.L3", 4.0 + away + 0.2 * (level - 4.0) + chance.gauss(0, 0.01), "good"
        first = 1.0 + chance.gauss(0, 0.004)
        if 0.30 < part < 0.34:
            first += min((part - 0.30) * self.steps * 0.05, 0.7)
        if 0.50 < part < 0.501:
            first += 0.3
        yield "V1.P1", None if chance.random() < 0.02 else first, self.quality(0.02)
        yield "V1.P2", 0.9 + chance.gauss(0, 0.004) + (0.1 if 0.6 < part < 0.65 else 0), "good"
        warm = 22.0 + 3.0 * math.sin(k / 150) + chance.gauss(0, 0.2)
        self.held = self.held if 0.40 < part < 0.50 else warm
        yield "V1.T1", self.held, "calibrating" if 0.80 < part < 0.81 else "good"
        yield "V1.T2", warm + (0.0 if part > 0.55 else chance.gauss(0, 0.2)), "good"
        yield "V1.T3", 22.0 + 3.0 * math.sin(k / 150) + chance.gauss(0, 0.2), "good"
        leaks = 0.35 < part < 0.37 or (0.72 < part < 0.76 and chance.random() < 0.5)
        for tag, factor in (("V1.G1", 1.0), ("V1.G2", 0.8), ("V1.G3", 0.3)):
            gas = 50.0 * factor if leaks else 1.0
            yield tag, gas + chance.uniform(0, 0.8), self.quality(0.02)
        runs = not 0.66 < part < 0.72
        flow = 50.0 if runs else 2.0
        yield "V1.FI", flow + chance.gauss(0, 0.5) * runs, self.quality(0.01)
        lost = 10.0 if 0.42 < part < 0.52 else 0.0
        yield "V1.FO", max(flow - lost, 0) + chance.gauss(0, 0.5) * runs, "good"
        yield "V1.RUN", float(runs), "good"

    def quality(self, share: float) -> str:
        """Return a quality that is bad in a share of all cases."""
        if self.chance.random() >= share:
            return "good"
        return self.chance.choice(("bad", "uncertain", "fault"))


def _path(part: float, stations: tuple[tuple[float, float], ...]) -> float:
    """Return where a way through stations (part, value) is at a part."""
    before = stations[0]
    for station in stations:
        if part < station[0]:
            share = (part - before[0]) / (station[0] - before[0]) if before != station else 0.0
            return before[1] + share * (station[1] - before[1])
        before = station
    return before[1]
