"""The page's part that sets two runs beside each other: what changed, and each alarm's fate."""

from collections.abc import Iterable, Sequence
from html import escape
from statistics import median
from typing import Final

from alarms import instants, rule_names
from alarms.alarm import Kind, Tier
from alarms.occurrences import Occurrence
from fengsui.backtest import report
from fengsui.backtest.comparison import Comparison, words_of

TIERS_ZH: Final = {Tier.red: "红", Tier.orange: "橙", Tier.yellow: "黄", Tier.blue: "蓝"}
WIDTH: Final = 960
MOST_ROWS: Final = 300
_KINDS_ZH: Final = {
    Kind.limit: "越限",
    Kind.forecast: "预测",
    Kind.rate: "变化率",
    Kind.deviation: "偏差",
    Kind.sensor: "仪表",
    Kind.comms: "通信",
    Kind.group: "组合",
    Kind.system: "系统",
}
_LOAD: Final = {
    "alarms_per_point_day": ("每点每日报警", "alarms per point and day"),
    "floods": ("报警泛滥", "floods"),
    "chattering": ("震颤报警", "chattering"),
    "suppressed": ("设计抑制（不计入以上各项）", "suppressed by design (in none of these)"),
    "near_misses": ("延时未满即恢复", "near misses: delays of a raise broken off"),
    "reentries": ("恢复延时内再越限", "re-entries: delays of a return broken off"),
}
_ENTRIES_ZH: Final = {
    "tiers": "分级表",
    "enterprise": "企业",
    "gateway": "网关",
    "source": "重大危险源",
    "point": "测点",
    "group": "组合规则",
}
_CHANGES: Final = {"added": "新增 <small>added</small>", "removed": "删除 <small>removed</small>"}
_COUNTS: Final = (
    "修改前 before",
    "修改后 after",
    "消失 gone",
    "新增 new",
    "时间不同 other time",
    "级别不同 other tier",
    "鸣响不同 otherwise heard",
)


def part(found: Comparison) -> str:
    """Draw what changed, load and leads before and after, and the alarms that are not the same."""
    return "".join((_changes(found), _load(found), _kinds(found), _fates(found)))


def _changes(found: Comparison) -> str:
    rows = [
        f"<tr><td>{_ENTRIES_ZH[each.kind]} <small>{each.kind}</small></td>"
        f"<td>{escape(each.name)}</td><td>{_CHANGES.get(each.change) or escape(each.settings)}</td>"
        "</tr>"
        for each in found.differences
    ]
    nothing = (
        "<p>与报警有关的设置没有改动 <small>nothing that alarms hang on was changed</small></p>"
    )
    unknown = "".join(
        f"<p>{escape(zh)} <small>{escape(en)}</small></p>" for zh, en in found.unknown()
    )
    return (
        "<h2>改了什么 <small>What was changed</small></h2>"
        + (f"<table>{_most(rows)}</table>" if rows else nothing)
        + unknown
    )


def _load(found: Comparison) -> str:
    before, after = found.before, found.after
    rows: list[tuple[str, str, float, float]] = [
        ("报警数", "alarms", len(before.occurrences), len(after.occurrences))
    ]
    for tier, zh in TIERS_ZH.items():
        one, two = (
            sum(each.peak_tier is tier for each in outcome.occurrences)
            for outcome in (before, after)
        )
        rows.append((zh, tier.name, one, two))
    was, now = report.load(before), report.load(after)
    rows += [(*words, was[name], now[name]) for name, words in _LOAD.items()]
    cells = "".join(
        f"<tr><td>{zh} <small>{en}</small></td>{_numbers(map(_number, (one, two)))}</tr>"
        for zh, en, one, two in rows
    )
    leads = sorted(found.leads_s)
    lead = (
        f"<p>共有报警 {len(leads)} 个，提前量中位数 {median(leads):g} s "
        f"<small>alarms in both runs: median lead {median(leads):g} s, from {leads[0]:g} "
        f"to {leads[-1]:g} s</small></p>"
        if leads
        else "<p>没有共有报警 <small>no alarm is in both runs</small></p>"
    )
    return (
        "<h2>规则修改前后 <small>Before and after the rule change</small></h2>"
        f"<table><tr><th></th><th>修改前 before</th><th>修改后 after</th></tr>{cells}</table>{lead}"
        + _leads(leads)
    )


def _leads(leads: Sequence[float]) -> str:
    """Draw each common alarm's lead as a bar, longest first."""
    if not leads or leads[0] == leads[-1] == 0:
        return ""
    shown = sorted(leads, reverse=True)[:200]
    most = max(abs(lead) for lead in shown)
    middle, step = 60.0, WIDTH / len(shown)
    bars = "".join(
        f'<rect x="{place * step:.1f}" width="{max(step - 1, 0.5):.1f}" '
        f'y="{middle - max(lead, 0) / most * 55:.1f}" height="{abs(lead) / most * 55:.1f}" '
        f'fill="{"#2e7d32" if lead >= 0 else "#c62828"}"/>'
        for place, lead in enumerate(shown)
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} 120" role="img"><title>提前量 lead</title>'
        f'<line x1="0" x2="{WIDTH}" y1="{middle}" y2="{middle}" stroke="#8a97a3"/>{bars}</svg>'
    )


def _kinds(found: Comparison) -> str:
    heads = "".join(f"<th>{name}</th>" for name in ("", *_COUNTS))
    rows = "".join(
        f"<tr><td>{_KINDS_ZH[kind]} <small>{kind.value}</small></td>"
        f"{_numbers(map(str, counts.values()))}</tr>"
        for kind, counts in found.kinds().items()
    )
    return (
        "<h2>各类报警的变化 <small>By kind of alarm</small></h2>"
        f"<table><tr>{heads}</tr>{rows}</table>"
    )


def _fates(found: Comparison) -> str:
    """List the alarms that are gone, new or otherwise, each with what changed behind it."""
    fates: list[tuple[str, str, Occurrence]] = [
        *(("消失", "gone", each) for each in found.only_before),
        *(("新增", "new", each) for each in found.only_after),
        *(
            ("；".join(zh for zh, _ in words), "; ".join(en for _, en in words), pair.after)
            for pair in found.changed
            if (words := list(words_of(pair)))
        ),
    ]
    if not fates:
        return ""
    heads = "<th>变化 change</th><th>测点 point</th><th>规则 rule</th><th>级别 tier</th>"
    return (
        "<h2>逐条变化 <small>Alarms that are not the same</small></h2><table><tr>"
        f"{heads}<th>发生 raised</th><th>改动 what changed</th></tr>"
        f"{_most([_fate(*fate, found) for fate in fates])}</table>"
    )


def _fate(zh: str, en: str, each: Occurrence, found: Comparison) -> str:
    behind = "<br>".join(escape(cause) for cause in found.because(each))
    return (
        f"<tr><td>{zh} <small>{en}</small></td><td>{escape(each.point)}</td>"
        f"<td>{escape(rule_names.name_of(each.rule).zh)} <small>{escape(each.rule)}</small></td>"
        f"<td>{TIERS_ZH.get(each.peak_tier, '')} {each.peak_tier.name}</td>"
        f"<td>{instants.to_text(each.t_raised)}</td><td>{behind}</td></tr>"
    )


def _number(number: float) -> str:
    return str(number) if isinstance(number, int) else f"{number:.4g}"


def _numbers(numbers: Iterable[str]) -> str:
    return "".join(f'<td class="n">{number}</td>' for number in numbers)


def _most(rows: Sequence[str]) -> str:
    """Join the first rows, and say how many more there are."""
    left = len(rows) - MOST_ROWS
    more = f"<tr><td>另有 {left} 条 <small>and {left} more</small></td></tr>" if left > 0 else ""
    return "".join(rows[:MOST_ROWS]) + more
