"""The engine's findings as process events, in words an operator reads, Chinese and English."""

from typing import Final

import msgspec
import numpy as np

from alarms import tiers
from alarms.alarm import Kind, ProcessEvent, Tier, Transition
from alarms.mine_types import abnormal_type
from alarms.plant import Plant, Raise
from alarms.proposal import judgeable
from alarms.readings import HISTORY, QUALITY_MASK, Quality, Readings
from alarms.rulepacks import Bound
from alarms.rules import HIGH, LOW, RULES, Ruleset, bounds_for

LATE_US: Final = 60_000_000
"""A reading older than this at its receipt is late (contracts.md section 4)."""

_LEVELS_ZH: Final = {"ll": "低低限", "l": "低限", "h": "高限", "hh": "高高限", "cut": "断电值"}
_LEVELS_EN: Final = {
    "ll": "low-low limit",
    "l": "low limit",
    "h": "high limit",
    "hh": "high-high limit",
    "cut": "power-cut limit",
}


class Behind(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The reading behind an event; times in Micros, quality with its flags."""

    time: int
    received: int
    value: float
    quality: int


def reading_behind(readings: Readings, place: int) -> Behind:
    """Return one of the readings as what stands behind an event."""
    return Behind(
        time=int(readings.time[place]),
        received=int(readings.received[place]),
        value=float(readings.value[place]),
        quality=int(readings.quality[place]),
    )


def behind_at(readings: Readings, row: int, at: int) -> Behind:
    """Return the newest judged reading of a point up to an instant, or its first after that.

    `readings` lie by point and time.
    """
    mine = np.flatnonzero((readings.point == row) & judgeable(readings))
    if len(mine) == 0:
        mine = np.flatnonzero(readings.point == row)
    earlier = int(np.searchsorted(readings.time[mine], at, side="right"))
    return reading_behind(readings, int(mine[max(earlier - 1, 0)]))


def is_late(quality: int, time: int, received: int) -> bool:
    """Tell whether what follows from a reading follows late; times in Micros."""
    return bool(quality & HISTORY) or received - time > LATE_US


def limit_event(
    plant: Plant,
    rules: Ruleset,
    row: int,
    *,
    side: int,
    was: int,
    top: int,
    at: int,
    value: float,
    behind: Behind,
    peak: float | None,
    still_over: bool,
    lost: str | None,
) -> ProcessEvent:
    """Say that a side's top level moved from slot `was` to slot `top` (-1: none) at `at`.

    `value` is the one the move rests on. `lost` is `bad` or `stale` where the level counts as
    active because the signal was lost.
    """
    slot = top if top >= 0 else was
    change = _change(was, top)
    limit = rules.limit(row, slot)
    name = rules.level_name(row, slot)
    tier = rules.tier_at(row, slot)
    high = slot >= HIGH.start
    late = is_late(behind.quality, behind.time, behind.received)
    point = plant.points[row]
    bound = _bound(plant, row, name)
    zh, en = place(plant, row)
    shown = number(value, point.engineering_unit)
    # An alarm has ended when the value is back inside the innermost limit, whatever its tier was.
    spoken = slot if change is not Transition.returned else HIGH.start if high else LOW.start
    bar = number(rules.limit(row, spoken), point.engineering_unit)
    words_zh, words_en = level_words(plant, row, rules.level_name(row, spoken))
    n, m = rules.confirm[row].tolist()
    if change is Transition.returned and m > 1:
        # Up to n - 1 of the last may still be over, the newest among them.
        passed_zh = f"{'高于' if high else '低于'}或达到{words_zh} {bar}"
        passed_en = f"at {words_en} {bar} or {'above' if high else 'below'}"
        zh += f" {shown}，最近 {m} 次中{passed_zh} 的不足 {n} 次，报警恢复"
        en += f" {shown}, returned: fewer than {n} of the last {m} {passed_en}"
    elif change is Transition.returned:
        zh += f" {shown}，已恢复至{words_zh} {bar} {'以下' if high else '以上'}"
        en += f" {shown}, back {'below' if high else 'above'} {words_en} {bar}"
    else:
        beyond = value > limit if high else value < limit
        if beyond:
            zh += f" {shown}，{'高于' if high else '低于'}{words_zh} {bar}"
            en += f" {shown}, {'above' if high else 'below'} {words_en} {bar}"
        elif value == limit:
            zh += f" {shown}，达到{words_zh} {bar}"
            en += f" {shown}, at {words_en} {bar}"
        else:
            zh += f" {shown}，已不{'高于' if high else '低于'}{words_zh} {bar}，尚未恢复"
            side_en = "above" if high else "below"
            en += f" {shown}, no longer {side_en} {words_en} {bar}, not yet returned"
        if m > 1:
            zh += f"（按最近 {m} 次中有 {n} 次确认）"
            en += f" (confirmed by {n} of the last {m})"
    if lost is not None:
        zh += "（信号中断，按报警处理，待核实）"
        en += " (signal lost; taken as an alarm, to be verified)"
    return ProcessEvent(
        subject=plant.subject(row),
        rule=RULES[side],
        kind=Kind.limit,
        change=change,
        tier=tier,
        t_change=at,
        t_event=at if lost is not None else behind.time,
        t_received=behind.received,
        value=value,
        limit=limit,
        quality=lost or quality_name(behind.quality),
        basis=bound.basis if bound is not None else "",
        rule_pack=f"{bound.pack} {bound.version}" if bound is not None else "",
        abnormal_type=abnormal_type(plant, point, RULES[side], name),
        message_zh=zh,
        message_en=en,
        unconfirmed=lost is not None,
        late=late,
        still_over=still_over if late else True,
        peak=peak,
        latching=point.latching,
        needs_closeout=point.needs_closeout,
    )


def quality_event(
    plant: Plant,
    rules: Ruleset,
    row: int,
    *,
    side: int,
    top: int,
    quality: str,
    at: int,
    behind: Behind,
) -> ProcessEvent:
    """Say that an active limit alarm's signal is bad or stale from `at` on, or good again."""
    zh, en = place(plant, row)
    if quality in ("bad", "stale"):
        zh += " 信号质量差，报警保持" if quality == "bad" else " 信号中断，报警保持"
        en += " signal is bad" if quality == "bad" else " signal is lost"
        en += ", the alarm is held"
    else:
        zh, en = zh + " 信号恢复", en + " signal is good again"
    return ProcessEvent(
        subject=plant.subject(row),
        rule=RULES[side],
        kind=Kind.limit,
        change=Transition.quality,
        tier=rules.tier_at(row, top),
        t_change=at,
        t_event=at,
        t_received=behind.received,
        value=behind.value if np.isfinite(behind.value) else None,
        quality=quality if quality in ("bad", "stale") else quality_name(behind.quality),
        late=is_late(behind.quality, at, behind.received),
        message_zh=zh,
        message_en=en,
    )


def raised_by_event(
    plant: Plant, slot: tuple[int, int], by: Raise, *, at: int, behind: Behind
) -> ProcessEvent:
    """Say that an active limit alarm (row, side) has gone up by peak, duration or extent.

    Only a peak has a value: what the others rest on is no reading.
    """
    row, side = slot
    zh, en = place(plant, row)
    if by.peak is not None:
        peak = number(by.peak, plant.points[row].engineering_unit)
        zh, en = f"{zh} 峰值达到 {peak}，提级", f"{en}: peak at {peak}, tier raised"
    elif by.lasting_s is not None:
        minutes = f"{by.lasting_s / 60:g}"
        zh = f"{zh} 报警已持续 {minutes} 分钟，提级"
        en = f"{en}: active for {minutes} min, tier raised"
    else:
        zh = f"{zh} 同一危险源 {by.points} 个及以上测点同时报警，提级"
        en = f"{en}: {by.points} points or more of one source in alarm at once, tier raised"
    late = is_late(behind.quality, behind.time, behind.received)
    return ProcessEvent(
        subject=plant.subject(row),
        rule=RULES[side],
        kind=Kind.limit,
        change=Transition.tier_up,
        tier=Tier[by.tier],
        t_change=at,
        t_event=at,
        t_received=behind.received,
        value=None if by.peak is None else behind.value,
        peak=None if by.peak is None else behind.value,
        quality=quality_name(behind.quality),
        late=late,
        message_zh=zh,
        message_en=en,
    )


def ended_event(plant: Plant, row: int, rule: str, behind: Behind) -> ProcessEvent:
    """Say that a limit alarm is over because its limits were taken away."""
    zh, en = place(plant, row)
    event = _plain(
        plant,
        row,
        rule,
        Kind.limit,
        Transition.returned,
        behind.time,
        behind.received,
        f"{zh} 限值已取消，报警结束",
        f"{en}: its limits were removed, the alarm is over",
    )
    return msgspec.structs.replace(event, value=behind.value)


def range_event(
    plant: Plant, row: int, change: Transition, at: int, received: int, value: float | None
) -> ProcessEvent:
    """Say that a point's number lay far outside its instrument's range, or is proper again."""
    zh, en = place(plant, row)
    unit = plant.points[row].engineering_unit
    shown = "" if value is None else f" {number(value, unit)}"
    if change is Transition.returned:
        zh, en = f"{zh}{shown}，量程恢复正常", f"{en}{shown}, within its range again"
    else:
        zh, en = f"{zh}{shown}，远超仪表量程", f"{en}{shown}, far outside the instrument's range"
    event = _plain(plant, row, "sensor.range", Kind.sensor, change, at, received, zh, en)
    tier = tiers.of_kind(plant, plant.points[row], "sensor")
    return msgspec.structs.replace(event, tier=tier, value=value)


def place(plant: Plant, row: int) -> tuple[str, str]:
    """Name a point as its operators do: unit, then point."""
    point = plant.points[row]
    unit = plant.units.get((point.enterprise, point.source, point.unit))
    name = f"{unit.name if unit is not None else point.unit} {point.name or point.tag}"
    return name, name


def number(value: float, unit: str) -> str:
    """Write a number plainly, at most four decimals, with its unit; `1` stands for no unit."""
    text = (
        f"{value:.4f}".rstrip("0").rstrip(".")
        if abs(value) >= 0.001 or value == 0
        else f"{value:.4g}"
    )
    return text if unit in ("", "1") else f"{text} {unit}"


def level_words(plant: Plant, row: int, level: str) -> tuple[str, str]:
    """Name a level as the rule pack that bounds it does, else as everybody does."""
    bound = _bound(plant, row, level)
    if bound is None:
        return _LEVELS_ZH[level], _LEVELS_EN[level]
    return bound.words_zh, bound.words_en


def quality_name(quality: int) -> str:
    """Return what an alarm says of the quality of the judged reading behind it."""
    low = quality & QUALITY_MASK
    return "good" if low == Quality.good else "uncertain"


def _plain(
    plant: Plant,
    row: int,
    rule: str,
    kind: Kind,
    change: Transition,
    at: int,
    received: int,
    zh: str,
    en: str,
) -> ProcessEvent:
    return ProcessEvent(
        subject=plant.subject(row),
        rule=rule,
        kind=kind,
        change=change,
        tier=Tier.blue,
        t_change=at,
        t_event=at,
        t_received=received,
        abnormal_type=abnormal_type(plant, plant.points[row], rule),
        message_zh=zh,
        message_en=en,
    )


def _bound(plant: Plant, row: int, level: str) -> Bound | None:
    point = plant.points[row]
    source = plant.sources[point.enterprise, point.source]
    return next((b for b in bounds_for(point, source.kind) if b.limit == level), None)


def _change(was: int, top: int) -> Transition:
    if was < 0:
        return Transition.raised
    if top < 0:
        return Transition.returned
    return Transition.tier_up if top > was else Transition.tier_down
