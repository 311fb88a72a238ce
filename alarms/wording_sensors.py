"""What is said of sensors whose own readings or peers give them away, Chinese and English."""

from typing import Any, Final

import msgspec
import numpy as np

from alarms import tiers
from alarms.alarm import Kind, ProcessEvent, Tier, Transition
from alarms.detectors import outage, sensor_standing
from alarms.mine_types import abnormal_type
from alarms.plant import Plant
from alarms.readings import QUALITY_MASK, Quality
from alarms.wording import number, place

_RETURNED: Final = {
    "sensor.flat_line": ("读数恢复变化", "the reading moves again"),
    "sensor.spike": ("一段时间内未再突跳", "no jump for a while"),
    "sensor.noise": ("读数波动恢复平常", "its noise is as usual again"),
    "sensor.clipped": ("读数不再贴在限值一侧", "the reading no longer presses against one value"),
    "sensor.recovered": ("读数波动恢复平常", "the reading behaves as usual again"),
    "sensor.saturated": ("读数已离开量程端点", "the reading has left the end of its range"),
    "sensor.failed": ("读数恢复可用", "its readings can be used again"),
    "sensor.calibrating": ("标校结束，读数恢复参与判断", "calibration is over, it is judged again"),
    "sensor.copied": ("不再与其他测点逐次相同", "its changes are its own again"),
    "sensor.drift": ("与同类测点的偏差恢复平常", "in step with its peers again"),
}

_QUALITY: Final = {
    Quality.bad: ("「坏质量」", '"bad"'),
    Quality.fault: ("「故障」", '"fault"'),
    Quality.offline: ("「离线」", '"offline"'),
}


def sensor_event(
    plant: Plant,
    row: int,
    rule: str,
    change: Transition,
    *,
    at: int,
    received: int,
    said: tuple[str, str] | None = None,
    value: float | None = None,
) -> ProcessEvent:
    """Say that a sensor misbehaves as of `at` with what was seen, or that it behaves again."""
    zh, en = place(plant, row)
    more_zh, more_en = _RETURNED[rule] if said is None else said
    return ProcessEvent(
        subject=plant.subject(row),
        rule=rule,
        kind=Kind.sensor,
        change=change,
        tier=tiers.of_kind(plant, plant.points[row], "sensor"),
        t_change=at,
        t_event=at,
        t_received=received,
        value=value,
        abnormal_type=abnormal_type(plant, plant.points[row], rule),
        message_zh=f"{zh} {more_zh}",
        message_en=f"{en}: {more_en}",
    )


def absorbed_event(
    plant: Plant, row: int, gateway: str, told: np.void, received: int
) -> ProcessEvent:
    """Say of a failed sensor that its gateway's alarm stands for it, or (`told`) no longer does."""
    if told["raised"] == outage.RAISED:
        change = Transition.raised
        called_zh, called_en = _QUALITY[Quality(told["quality"])]
        zh = f"读数质量仍为{called_zh}，不参与判断，而网关 {gateway} 的其他测点读数可用"
        en = (
            f"its readings are still of quality {called_en} and are not judged, while other points "
            f"of gateway {gateway} can be used"
        )
    else:
        change = Transition.returned
        zh = f"读数仍不可用，并入网关 {gateway} 的报警"
        en = f"its readings are still of no use, as the alarm of gateway {gateway} says"
    at = int(told["at"])
    return sensor_event(
        plant, row, "sensor.failed", change, at=at, received=received, said=(zh, en)
    )


def gateway_event(
    plant: Plant, gateway: str, told: np.void, received: int, tier: Tier
) -> ProcessEvent:
    """Say that a gateway reports its points ill, or that enough of them can be used again."""
    ill, of = int(told["ill"]), int(told["of"])
    if told["raised"] == outage.RAISED:
        change = Transition.raised
        called_zh, called_en = _QUALITY[Quality(told["quality"])]
        zh = (
            f"网关 {gateway} 在上报，但 {of} 个测点中 {ill} 个读数不可用（质量为{called_zh}等），"
            "疑似现场总线、采集模块或供电故障"
        )
        en = (
            f"gateway {gateway} reports, but {ill} of {of} points are of no use (quality "
            f"{called_en} or the like): possibly its field bus, input modules or their power"
        )
    else:
        change = Transition.returned
        zh = f"网关 {gateway} 的测点读数恢复可用（{of} 个中仍有 {ill} 个不可用）"
        en = f"gateway {gateway}: its points can be used again, but for {ill} of {of}"
    event = _of_gateway(plant, gateway, change, int(told["at"]), received, zh, en)
    return msgspec.structs.replace(event, tier=tier)


def left_event(plant: Plant, gateway: str, at: int) -> ProcessEvent:
    """Say that the alarm of a gateway is over that has no points any more."""
    zh, en = f"网关 {gateway} 已无所属测点，报警结束", f"gateway {gateway} has no points any more"
    return _of_gateway(plant, gateway, Transition.returned, at, at, zh, en)


def unwatched() -> tuple[str, str]:
    """Say why an alarm ends whose point has no such rule any more."""
    return "不再检查此项，报警结束", "no longer checked for this, the alarm is over"


def evidence(
    plant: Plant,
    row: int,
    bit: int,
    seen: np.void,
    *,
    limit: float,
    value: float,
    quality: int,
) -> tuple[str, str]:
    """Put into words what a finding of sensor_faults shows; `limit` is the one clipped under.

    `value` and `quality` are those of the reading there.
    """
    unit = plant.points[row].engineering_unit
    figures: dict[str, Any] = {name: float(seen[name]) for name in seen.dtype.names or ()}
    shown = {name: number(_rounded(value), unit) for name, value in figures.items()}
    match bit:
        case sensor_standing.FLAT:
            stood_zh, stood_en = _span(figures["stood"])
            habit_zh, habit_en = _span(figures["pause"])
            zh = f"读数 {stood_zh}未变化（此前最长 {habit_zh}），疑似卡死"
            en = f"unchanged for {stood_en} (longest so far {habit_en}), possibly stuck"
            return zh, en
        case sensor_standing.SATURATED:
            stood_zh, stood_en = _span(figures["stood"])
            low, high = plant.points[row].range or (value, value)
            end_zh, end_en = ("上限", "upper") if high - value < value - low else ("下限", "lower")
            at = number(value, unit)
            zh = f"读数停在量程{end_zh} {at} 已 {stood_zh}，实际值可能超出量程，或仪表失效"
            en = (
                f"has stood at the {end_en} end of its range, {at}, for {stood_en}; the true value "
                "may lie beyond it, or the instrument is dead"
            )
            return zh, en
        case sensor_standing.FAILED:
            stood_zh, stood_en = _span(figures["stood"])
            called_zh, called_en = _QUALITY[Quality(quality & QUALITY_MASK)]
            zh = f"读数质量为{called_zh}已 {stood_zh}，不参与判断：仪表自报故障、离线或数据无效"
            en = (
                f"its readings have been of quality {called_en} for {stood_en} and are not judged: "
                "the instrument itself says so"
            )
            return zh, en
        case sensor_standing.CALIBRATING:
            stood_zh, stood_en = _span(figures["stood"])
            zh = f"标校状态已持续 {stood_zh}，期间读数不参与判断、不报警，请确认是否忘记退出"
            en = (
                f"under calibration for {stood_en}: its readings are not judged and raise nothing, "
                "perhaps nobody has ended it"
            )
            return zh, en
        case sensor_standing.SPIKE:
            zh = f"读数突跳 {shown['peak']} 后随即返回（平时波动约 {shown['usual']}），疑似干扰"
            en = (
                f"jumped by {shown['peak']} and back at once (usual noise about "
                f"{shown['usual']}), possibly interference"
            )
            return zh, en
        case sensor_standing.NOISE if figures["short"] < figures["usual"]:
            zh = f"读数波动骤减至约 {shown['short']}（平时约 {shown['usual']}），疑似被平滑或替换"
            en = (
                f"noise fell to about {shown['short']} (usually about {shown['usual']}), "
                "possibly smoothed or replaced"
            )
            return zh, en
        case sensor_standing.NOISE:
            zh = f"读数波动增至约 {shown['short']}（平时约 {shown['usual']}），疑似接触不良或受干扰"
            en = (
                f"noise grew to about {shown['short']} (usually about {shown['usual']}), "
                "possibly a bad contact or interference"
            )
            return zh, en
        case sensor_standing.CLIPPED:
            share = f"{100 * figures['pressed']:.0f}%"
            side = ("低于", "under") if figures["ceiling"] < limit else ("高于", "above")
            bar = number(limit, unit)
            zh = (
                f"近期约 {share} 的读数停在 {shown['ceiling']}（略{side[0]}限值 {bar}），疑似被限幅"
            )
            en = (
                f"about {share} of recent readings stand at {shown['ceiling']}, just {side[1]} "
                f"the limit {bar}, possibly clipped"
            )
            return zh, en
        case _:
            zh = (
                f"超限后一步由 {shown['before']} 变为 {shown['after']} 并停住，"
                "未见应有的消退过程，疑似人为恢复"
            )
            en = (
                f"went from {shown['before']}, beyond its limit, to {shown['after']} in one step "
                "and stayed, with no decay of the process, possibly made to recover"
            )
            return zh, en


def copied(plant: Plant, other: int, share: float) -> tuple[str, str]:
    """Say whose changes a sensor repeats; `share` of the recent ones agree."""
    its_zh, its_en = place(plant, other)
    percent = f"{100 * share:.0f}%"
    zh = f"近期 {percent} 的变化与 {its_zh} 完全相同，两者之一疑似复制"
    en = (
        f"{percent} of its recent changes are exactly those of {its_en}, "
        "one of the two is possibly a copy"
    )
    return zh, en


def drifted(plant: Plant, row: int, others: list[int], by: float) -> tuple[str, str]:
    """Say how far a sensor's distance from its peers has moved from its habit."""
    unit = plant.points[row].engineering_unit
    shown = number(_rounded(abs(by)), unit)
    peers_zh = "、".join(place(plant, other)[0] for other in others)
    peers_en = ", ".join(place(plant, other)[1] for other in others)
    zh = f"相对同类测点（{peers_zh}）偏{'高' if by > 0 else '低'}了 {shown}，疑似漂移"
    en = (
        f"has moved {shown} {'up' if by > 0 else 'down'} against its peers ({peers_en}), "
        "possibly drifting"
    )
    return zh, en


def _of_gateway(
    plant: Plant, gateway: str, change: Transition, at: int, received: int, zh: str, en: str
) -> ProcessEvent:
    return ProcessEvent(
        subject=plant.gateway_subject(gateway),
        rule="sensor.gateway",
        kind=Kind.sensor,
        change=change,
        tier=Tier.blue,
        t_change=at,
        t_event=at,
        t_received=received,
        message_zh=zh,
        message_en=en,
    )


def _span(seconds: float) -> tuple[str, str]:
    for size, zh, en in ((86_400, "天", "d"), (3600, "小时", "h"), (60, "分钟", "min")):
        if seconds >= size:
            count = f"{seconds / size:.1f}".removesuffix(".0")
            if seconds >= 10 * size or size == 60:
                count = f"{seconds / size:.0f}"
            return f"{count} {zh}", f"{count} {en}"
    return f"{seconds:.0f} 秒", f"{seconds:.0f} s"


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")
