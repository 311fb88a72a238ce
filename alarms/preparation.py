"""Lets every loop of the engine be compiled before the first batch waits for it."""

import gc
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from alarms.engine import Engine
from alarms.memory import Recollection
from alarms.plant import Enterprise, Gateway, Plant, Point, Source, Unit
from alarms.proposal import LastReadings
from alarms.readings import Quality, Readings

_START: Final = 1_763_712_000_000_000
_EVERY_US: Final = 10_000_000
_POINTS: Final = 2
_READINGS: Final = 40
_ILL: Final = 8


@cache
def prepare() -> None:
    """Judge and learn a few readings of a plant of two, once; quick where machine code is kept.

    The readings rise to a limit, so that what only a trend needs is compiled too, and a delay runs
    out by a tick; the last are ill, for what only an outage needs. What compiling leaves behind is
    collected: who builds at the same time may have stopped the garbage collector.
    """
    plant = _plant()
    engine = Engine.build(plant, states=(), last=LastReadings.never(_POINTS), started=_START)
    for number in range(_READINGS):
        readings = _readings(number)
        engine.adopt(engine.judge(readings, now=int(readings.received[-1])))
    engine.adopt(engine.tick(now=_START + (_READINGS + 2) * _EVERY_US, link_since=_START))
    for number in range(_READINGS, _READINGS + _ILL):
        readings = replace(_readings(number), quality=np.full(_POINTS, np.int16(Quality.offline)))
        engine.adopt(engine.judge(readings, now=int(readings.received[-1])))
    later = _START + 2 * _READINGS * _EVERY_US
    engine.adopt(engine.tick(now=later, link_since=_START))
    Recollection(engine).learn(_readings(_READINGS + _ILL))
    gc.collect()


def _readings(number: int) -> Readings:
    time = np.full(_POINTS, _START + number * _EVERY_US, np.int64)
    return Readings(
        point=np.arange(_POINTS, dtype=np.int32),
        time=time,
        value=1.0 + 0.2 * number + np.arange(_POINTS) / 100,
        quality=np.zeros(_POINTS, np.int16),
        received=time,
        stamp=time,
    )


def _plant() -> Plant:
    return Plant(
        enterprises={"E": Enterprise(code="E", name="E", region="100000", simulated=True)},
        sources={("E", "S"): Source(enterprise="E", code="S", name="S", kind="other")},
        units={("E", "S", "U"): Unit(enterprise="E", source="S", code="U", name="U", kind="tank")},
        points=[
            Point(
                enterprise="E",
                source="S",
                unit="U",
                tag=f"P{number}",
                quantity="level",
                engineering_unit="m",
                range=(0.0, 20.0),
                limits={"h": 8.0, "hh": 10.0},
                detect=("limit", "forecast", "rate", "deviation", "sensor", "comms"),
            )
            for number in range(_POINTS)
        ],
        gateways={"g": Gateway(id="g", enterprise="E")},
        point_ids=range(1, _POINTS + 1),
        registered=[_START] * _POINTS,
    )
