"""The deviation alarms: points that do not behave as they used to, each against its own past."""

from typing import Final

import numpy as np

from alarms.alarm import Transition
from alarms.detectors import deviation, deviation_memory
from alarms.learning import Learning, Records, Said
from alarms.parameters import parameter
from alarms.plant import Plant, Point
from alarms.readings import Instants, Rows, Values
from alarms.rules import DEFAULT_PERIOD_S, SECOND
from alarms.wording import Behind, number

RULE: Final = "deviation"
_BRIDGED: Final = 3
"""Expected spacings across which a step from one reading to the next still means something."""

_SEEN_ZH: Final = {
    "value": "{x}，偏离平常水平 {expected}，平常波动 {usual}",
    "value_for_the_hour": "{x}，偏离每日此时的平常水平 {expected}，平常波动 {usual}",
    "step": "{x}，与上一读数相差 {amount}，平常相差 {usual}",
    "short_mean": "{x}，近来平均偏离平常水平 {expected} 达 {amount}，平常 {usual}",
    "long_mean": "{x}，较长时间平均偏离平常水平 {expected} 达 {amount}，平常 {usual}",
    "short_mean_for_the_hour": "{x}，近来平均偏离每日此时的平常水平达 {amount}，平常 {usual}",
    "noise_grown_short": "{x}，读数突然不稳：相邻读数相差 {amount}，平常 {usual}",
    "noise_grown_long": "{x}，读数持续不稳：相邻读数相差 {amount}，平常 {usual}",
    "noise_vanished_short": "{x}，读数突然过稳：相邻读数相差 {amount}，平常 {usual}",
    "noise_vanished_long": "{x}，读数持续过稳：相邻读数相差 {amount}，平常 {usual}",
}
_SEEN_EN: Final = {
    "value": "{x}, unlike its usual level {expected}, usual spread {usual}",
    "value_for_the_hour": "{x}, unlike its level at this hour, {expected}, usual spread {usual}",
    "step": "{x}, {amount} away from the reading before, usually {usual}",
    "short_mean": "{x}, of late {amount} off its usual level {expected}, usually {usual}",
    "long_mean": "{x}, for longer now {amount} off its usual level {expected}, usually {usual}",
    "short_mean_for_the_hour": "{x}, of late {amount} off its level at this hour, usually {usual}",
    "noise_grown_short": "{x}, suddenly restless: steps of {amount}, usually {usual}",
    "noise_grown_long": "{x}, restless for longer now: steps of {amount}, usually {usual}",
    "noise_vanished_short": "{x}, suddenly too steady: steps of {amount}, usually {usual}",
    "noise_vanished_long": "{x}, too steady for longer now: steps of {amount}, usually {usual}",
}


class Deviations(Learning):
    """The points whose `detect` names deviation, with the memory of what is usual there.

    A point is silent until it has been learned from (`learn` readings), and again each time its
    memory had to begin anew; an alarm that stood then stands until it has been learned again.
    """

    def __init__(self, plant: Plant) -> None:
        super().__init__(
            plant,
            RULE,
            memory=deviation_memory.fresh,
            rules=_rules,
            rules_type=deviation_memory.RULES,
            standing_type=deviation_memory.STANDING,
            words=("不再与自身规律比较，报警结束", "is not watched for deviation any more"),
        )

    def _run(self, at: Rows, time: Instants, value: Values) -> Records:
        said: Records = np.zeros(len(at), deviation_memory.SAID)
        room = deviation.room()
        deviation.judge(self.memory, at, time, value, self.rules, self.standing, room, said)
        return said

    def _learn(self, at: Rows, time: Instants, value: Values) -> None:
        deviation.learn(self.memory, at, time, value, self.rules, deviation.room())

    def _tell(self, row: int, said: np.void, behind: Behind) -> list[Said]:
        unit = self.plant.points[row].engineering_unit
        shown = number(behind.value, unit)
        if said["change"] == deviation.KEPT:
            return []
        if said["change"] == deviation.RETURNED:
            zh, en = f"{shown}，已合自身规律", f"{shown}, in keeping with its own past again"
            return [(Transition.returned, zh, en)]
        view = deviation_memory.VIEWS[said["view"]]
        words = {name: number(float(said[name]), unit) for name in ("amount", "expected", "usual")}
        zh, en = (seen[view].format(x=shown, **words) for seen in (_SEEN_ZH, _SEEN_EN))
        return [(Transition.raised, zh, en)]


def _rules(point: Point) -> tuple[int, float, float, int]:
    period = point.period_s or DEFAULT_PERIOD_S
    learn = parameter(point, RULE, "learn") or 0
    spacing = period * SECOND
    return round(_BRIDGED * spacing), point.deadband, deviation_memory.haste(spacing), round(learn)
