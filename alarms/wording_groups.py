"""What group rules find, as process events in words an operator reads, Chinese and English."""

from dataclasses import dataclass
from typing import Final

from alarms.alarm import Kind, ProcessEvent, Transition
from alarms.detectors.balance import Balance
from alarms.detectors.verdict import Verdict
from alarms.detectors.vote import Vote
from alarms.group_rules import GroupRule, cut_s, is_gas
from alarms.mine_types import abnormal_type
from alarms.past import Told
from alarms.plant import Plant
from alarms.wording import number, place

_BASES: Final = {
    "air_path": "煤安监函〔2016〕5号 逻辑报警 [M]",
    "air_lock": "AQ 1029-2019 §7 [M]",
    "power_cut": "AQ 6201-2019 [M]",
}
_LEVELS: Final = "GB 17681-2024 [D]"
"""The standard wants several level instruments (V2); comparing them is derived."""
_LIQUIDS: Final = "API RP 1130 [V]"
"""Where a standard asks for the rule, with its verification mark; votes are the project's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What stands behind an event: the verdict, the members' values at `at`, the newest reading.

    `time` and `received` are that reading's, all times in Micros; NaN is a member without a value.
    """

    verdict: Verdict
    values: list[float]
    at: int
    time: int
    received: int
    late: bool
    unsure: bool


def group_event(
    plant: Plant, rule: GroupRule, change: Transition, evidence: Evidence
) -> ProcessEvent:
    """Say that a group's alarm was raised, has returned, or can or cannot be judged any more."""
    group, verdict = rule.group, evidence.verdict
    zh, en = _words(plant, rule, change, evidence)
    return ProcessEvent(
        subject=plant.group_subject(group),
        rule=rule.name,
        kind=Kind.group,
        change=change,
        tier=rule.tier,
        t_change=evidence.at,
        t_event=evidence.time,
        t_received=evidence.received,
        value=verdict.value,
        limit=verdict.limit,
        quality="uncertain" if evidence.unsure else "good",
        basis=_basis(plant, rule),
        abnormal_type=abnormal_type(plant, group, rule.name),
        message_zh=f"{group.name}：{zh}",
        message_en=f"{group.name}: {en}",
        unconfirmed=evidence.unsure and change is Transition.raised,
        late=evidence.late,
    )


def corrected_event(
    plant: Plant, rule: GroupRule, newest: tuple[int, int], each: Told, words: tuple[str, str]
) -> ProcessEvent:
    """Say in words what became of an occurrence that was told otherwise.

    `newest` is when the members' newest reading was taken and when it came, Micros.
    """
    time, received = newest
    return ProcessEvent(
        subject=plant.group_subject(rule.group),
        rule=rule.name,
        kind=Kind.group,
        change=Transition.late,
        tier=rule.tier,
        t_change=each.t_raised,
        t_event=time,
        t_received=received,
        basis=_basis(plant, rule),
        abnormal_type=abnormal_type(plant, rule.group, rule.name),
        message_zh=f"{rule.group.name}：{words[0]}",
        message_en=f"{rule.group.name}: {words[1]}",
    )


def _words(
    plant: Plant, rule: GroupRule, change: Transition, evidence: Evidence
) -> tuple[str, str]:
    if change is Transition.quality:
        return _doubt(plant, rule, evidence)
    zh, en = _found(plant, rule, evidence)
    if change is Transition.returned:
        return f"已恢复，{zh}", f"back to normal, {en}"
    if evidence.unsure:
        zh += "（测点失效，按报警处理，待核实）"
        en += " (a point was lost; taken as an alarm, to be verified)"
    return zh, en


def _doubt(plant: Plant, rule: GroupRule, evidence: Evidence) -> tuple[str, str]:
    if not evidence.unsure:
        return "测点恢复，重新判断", "its points are back, judged again"
    names = [
        _name(plant, rule, row)
        for row, value in zip(rule.rows, evidence.values, strict=True)
        if value != value
    ]
    lost_zh = f"（{'、'.join(names)}）" if names else ""
    lost_en = f" ({', '.join(names)})" if names else ""
    return (
        f"测点失效{lost_zh}，无法判断，报警保持",
        f"points without a value{lost_en}: it cannot be judged, the alarm stands",
    )


def _found(plant: Plant, rule: GroupRule, evidence: Evidence) -> tuple[str, str]:
    """Name the members that decide and their values, and what they are held against."""
    match rule.group.kind:
        case "vote":
            return _vote(plant, rule, evidence)
        case "difference":
            return _difference(plant, rule, evidence)
        case "balance":
            return _balance(plant, rule, evidence)
        case "air_path":
            return _air_path(plant, rule, evidence)
        case "air_lock":
            return _air_lock(plant, rule, evidence)
        case _:
            return _power_cut(plant, rule, evidence)


def _vote(plant: Plant, rule: GroupRule, evidence: Evidence) -> tuple[str, str]:
    vote, verdict = rule.detector, evidence.verdict
    assert isinstance(vote, Vote)  # noqa: S101  the kind says so
    unit = _unit(plant, rule)
    over, bar = len(verdict.parts), number(vote.limit, unit)
    zh = f"{verdict.of} 个测点中 {over} 个{'达到或高于' if vote.high else '达到或低于'} {bar}"
    en = f"{over} of {verdict.of} points at or {'above' if vote.high else 'below'} {bar}"
    if verdict.parts:
        members = _members(plant, rule, verdict.parts, evidence.values)
        zh += f"（{'、'.join(members)}）"
        en += f" ({', '.join(members)})"
    zh += f"，表决 {vote.k}/{vote.n}"
    en += f", vote {vote.k}/{vote.n}"
    if verdict.lost:
        zh += f" → {verdict.needed}/{verdict.of}，{verdict.lost} 个测点失效"
        en += f" → {verdict.needed}/{verdict.of}, {verdict.lost} lost"
    return zh, en


def _difference(plant: Plant, rule: GroupRule, evidence: Evidence) -> tuple[str, str]:
    unit = _unit(plant, rule)
    first, second = _members(plant, rule, (0, 1), evidence.values)
    zh, en = f"{first} 与 {second}", f"{first} and {second}"
    value, limit = evidence.verdict.value, evidence.verdict.limit
    if value is not None and limit is not None:
        zh += f" 相差 {number(value, unit)}，允许 {number(limit, unit)}"
        en += f" differ by {number(value, unit)}, allowed {number(limit, unit)}"
    return zh, en


def _balance(plant: Plant, rule: GroupRule, evidence: Evidence) -> tuple[str, str]:
    balance, verdict = rule.detector, evidence.verdict
    assert isinstance(balance, Balance)  # noqa: S101  the kind says so
    unit = _unit(plant, rule)
    if verdict.value is None or verdict.limit is None or not verdict.parts:
        return "进出平衡", "inflow and outflow in balance"
    seconds = balance.windows[verdict.parts[0]].span / 1_000_000
    span_zh, span_en = _span(seconds)
    shown, bar = number(abs(verdict.value), unit), number(verdict.limit, unit)
    if abs(verdict.value) < verdict.limit:
        return (
            f"{span_zh}内进出差 {shown}，小于最小可检 {bar}",
            f"inflow and outflow over {span_en} differ by {shown}, below the least leak {bar}",
        )
    if verdict.value > 0:
        return (
            f"{span_zh}内进多出少，缺 {shown}，最小可检 {bar}，疑似泄漏",
            f"over {span_en} {shown} of the inflow is missing, least leak {bar}: perhaps a leak",
        )
    return (
        f"{span_zh}内出多进少，多 {shown}，最小可检 {bar}，请核对计量",
        f"over {span_en} the outflow exceeds the inflow by {shown}, least leak {bar}: check meters",
    )


def _air_path(plant: Plant, rule: GroupRule, evidence: Evidence) -> tuple[str, str]:
    verdict, unit = evidence.verdict, _unit(plant, rule)
    if not verdict.parts or verdict.value is None or verdict.limit is None:
        return "沿风流的读数", "readings along the airflow"
    up, down = _members(plant, rule, verdict.parts, evidence.values)
    fall, bar = number(verdict.value, unit), number(verdict.limit, unit)
    if verdict.value > verdict.limit:
        return (
            f"下风侧 {down} 比上风侧 {up} 低 {fall}，超过允许的 {bar}，沿风流读数矛盾",
            f"downstream {down} is {fall} below upstream {up}, allowed {bar}: they contradict",
        )
    return (
        f"下风侧 {down}，上风侧 {up}，读数相符",
        f"downstream {down} and upstream {up} agree",
    )


def _air_lock(plant: Plant, rule: GroupRule, evidence: Evidence) -> tuple[str, str]:
    first, second = (_name(plant, rule, row) for row in rule.rows)
    if len(evidence.verdict.parts) == len(rule.rows):
        return f"{first}与{second}同时打开", f"{first} and {second} are open at once"
    return f"{first}与{second}不再同时打开", f"{first} and {second} are no longer open at once"


def _power_cut(plant: Plant, rule: GroupRule, evidence: Evidence) -> tuple[str, str]:
    verdict = evidence.verdict
    feeder = _name(plant, rule, rule.rows[-1])
    if verdict.value is not None and verdict.value <= 0:
        return f"{feeder}已断电", f"{feeder} is dead"
    if not verdict.parts:
        return f"断电要求已解除（{feeder}）", f"the cut is no longer ordered ({feeder})"
    (by,) = _members(plant, rule, verdict.parts[:1], evidence.values)
    if verdict.value is None:
        return (
            f"馈电状态不明：{by} 要求断电，{feeder}是否已断电未知",
            f"{by} orders a power cut, whether {feeder} is dead is not known",
        )
    within = f"{cut_s(rule.group):g}"
    return (
        f"馈电异常：{by} 要求断电，{feeder} {within} 秒后仍有电",
        f"{by} orders a power cut, {feeder} is still live after {within} s",
    )


def _basis(plant: Plant, rule: GroupRule) -> str:
    group, first = rule.group, plant.points[rule.rows[0]]
    if group.kind == "difference" and first.quantity == "level":
        return _LEVELS
    kind = plant.sources[group.enterprise, group.source].kind
    if group.kind == "balance" and not is_gas(kind, first.engineering_unit):
        return _LIQUIDS
    return _BASES.get(group.kind, "")


def _members(
    plant: Plant, rule: GroupRule, parts: tuple[int, ...], values: list[float]
) -> list[str]:
    """Name members, each with its value."""
    found = []
    for part in parts:
        row, value = rule.rows[part], values[part]
        shown = number(value, plant.points[row].engineering_unit) if value == value else "—"
        found.append(f"{_name(plant, rule, row)} {shown}")
    return found


def _name(plant: Plant, rule: GroupRule, row: int) -> str:
    """Name a member: by its point where all are of one unit, else with its unit before it."""
    point = plant.points[row]
    units = {(plant.points[other].source, plant.points[other].unit) for other in rule.rows}
    return point.name or point.tag if len(units) == 1 else place(plant, row)[0]


def _unit(plant: Plant, rule: GroupRule) -> str:
    return plant.points[rule.rows[0]].engineering_unit


def _span(seconds: float) -> tuple[str, str]:
    for size, zh, en in ((3600.0, "小时", "h"), (60.0, "分钟", "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {zh}", f"{seconds / size:g} {en}"
    return f"{seconds:g} 秒", f"{seconds:g} s"
