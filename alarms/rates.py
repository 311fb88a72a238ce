"""The rate alarms: points that rise or fall faster than they may."""

import math
from typing import Final

import numpy as np

from alarms.alarm import Transition
from alarms.detectors import rate
from alarms.learning import Learning, Records, Said
from alarms.parameters import parameter, rate_bounds
from alarms.plant import Plant, Point
from alarms.readings import Instants, Rows, Values
from alarms.rules import DEFAULT_PERIOD_S, SECOND
from alarms.wording import Behind, number

RULE: Final = "rate"
_MINUTE_S: Final = 60.0


class Rates(Learning):
    """The points whose `detect` names rate, with the anchors their rates are told from."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(
            plant,
            RULE,
            memory=rate.fresh,
            rules=_rules,
            rules_type=rate.RULES,
            standing_type=rate.STANDING,
            words=("不再监视变化速率，报警结束", "is not watched for its rate of change any more"),
        )

    def _run(self, at: Rows, time: Instants, value: Values) -> Records:
        said: Records = np.zeros(len(at), rate.SAID)
        rate.judge(self.memory, at, time, value, self.rules, self.standing, rate.room(), said)
        return said

    def _learn(self, at: Rows, time: Instants, value: Values) -> None:
        rate.learn(self.memory, at, time, value, self.rules)

    def _tell(self, row: int, said: np.void, behind: Behind) -> list[Said]:
        unit = self.plant.points[row].engineering_unit
        shown = number(behind.value, unit)
        per_minute = float(said["slope"]) * _MINUTE_S
        told: list[Said] = []
        if said["change"] in (rate.RETURNED, rate.TURNED):
            zh = f"{shown}，变化速率已恢复（每分钟 {number(per_minute, unit)}）"
            en = f"{shown}, changes slowly again ({number(per_minute, unit)} a minute)"
            told.append((Transition.returned, zh, en))
        if said["change"] in (rate.RAISED, rate.TURNED):
            rising = said["side"] > 0
            rise, fall = rate_bounds(self.plant.points[row])
            bound = number((rise if rising else fall) or 0.0, unit)
            speed = number(abs(per_minute), unit)
            zh = f"{shown}，每分钟{'上升' if rising else '下降'} {speed}，限值 {bound}"
            en = f"{shown}, {'rises' if rising else 'falls'} {speed} a minute, allowed {bound}"
            told.append((Transition.raised, zh, en))
        return told


def _rules(point: Point) -> tuple[int, float, float]:
    rise, fall = rate_bounds(point)
    period = point.period_s or DEFAULT_PERIOD_S
    # One spike bends no more than half of the slopes between as many readings.
    span_s = max(parameter(point, RULE, "span_s") or 0.0, rate.LEAST * period)
    return (
        round(span_s * SECOND),
        math.inf if rise is None else rise / _MINUTE_S,
        math.inf if fall is None else fall / _MINUTE_S,
    )
