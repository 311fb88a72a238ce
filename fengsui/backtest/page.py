"""The back-test as one HTML page: tables and drawings in it, no script and nothing fetched."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Final

from alarms import flood, instants, kpi, rule_names
from alarms.alarm import Tier
from alarms.occurrences import Occurrence
from alarms.plant import Plant
from fengsui.backtest import comparison
from fengsui.backtest.rehearsal import Outcome

_COLOURS: Final = {
    Tier.red: "#c62828",
    Tier.orange: "#ef6c00",
    Tier.yellow: "#f9c80e",
    Tier.blue: "#1e66c8",
}
_NAMES_ZH: Final = {Tier.red: "红", Tier.orange: "橙", Tier.yellow: "黄", Tier.blue: "蓝"}
_WIDTH: Final = 960
_LEFT: Final = 220
_MOST_POINTS: Final = 40
_MOST_ROWS: Final = 300
_BINS: Final = 96
_STYLE: Final = """
body{font:14px/1.5 "Noto Sans SC","Microsoft YaHei",sans-serif;margin:2em auto;max-width:980px;
color:#1c2733;background:#fff}h1{font-size:22px}h2{font-size:17px;margin-top:2em}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d5dbe1;padding:3px 8px;
text-align:left}td.n{text-align:right}svg{width:100%;height:auto}small{color:#5b6875}
"""


def page(plant: Plant, after: Outcome, before: Outcome | None) -> str:
    """Draw one run, or two beside each other: load, floods, and what each point did."""
    runs = [("before", "修改前", before), ("after", "修改后", after)]
    parts = [_heading(plant, after)]
    if before is not None:
        parts.append(_comparison(before, after))
    for word, zh, outcome in runs:
        if outcome is None:
            continue
        title = f"{zh} · {word}" if before is not None else "回测 · Back-test"
        parts += [_load(title, outcome), _timeline(title, outcome), _table(title, outcome)]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="zh-CN"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>烽燧 报警回测 · Fengsui back-test</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _heading(plant: Plant, outcome: Outcome) -> str:
    names = "、".join(escape(each.name) for each in list(plant.enterprises.values())[:5])
    span = (
        f"{instants.to_text(outcome.first)} – {instants.to_text(outcome.until)}"
        if outcome.readings
        else "无读数 · no readings"
    )
    return (
        f"<h1>报警回测 <small>Alarm back-test</small></h1>"
        f"<p>{names}<br>{span}<br>{outcome.readings} 条读数 readings, "
        f"{outcome.points} 个测点 points</p>"
    )


def _comparison(before: Outcome, after: Outcome) -> str:
    found = comparison.compare(before, after)
    rows = [("报警数", "alarms", len(before.occurrences), len(after.occurrences))]
    for tier in reversed(Tier):
        if tier is not Tier.none:
            counts = [
                sum(each.peak_tier is tier for each in outcome.occurrences)
                for outcome in (before, after)
            ]
            rows.append((_NAMES_ZH[tier], tier.name, counts[0], counts[1]))
    cells = "".join(_row(zh, en, str(one), str(two)) for zh, en, one, two in rows)
    cells += _row(
        "每点每日报警",
        "alarms per point and day",
        f"{before.load.alarms_per_point_day:.4g}",
        f"{after.load.alarms_per_point_day:.4g}",
    )
    cells += _row("报警泛滥", "floods", str(before.load.floods), str(after.load.floods))
    cells += _row("震颤报警", "chattering", str(before.load.chattering), str(after.load.chattering))
    cells += _row(
        "设计抑制（不计入以上各项）",
        "suppressed by design (in none of these)",
        str(before.load.suppressed),
        str(after.load.suppressed),
    )
    leads = sorted(found.leads_s)
    lead = (
        f"<p>共有报警 {len(leads)} 个，提前量中位数 {leads[len(leads) // 2]:g} s "
        f"<small>alarms in both runs: median lead {leads[len(leads) // 2]:g} s, from {leads[0]:g} "
        f"to {leads[-1]:g} s</small></p>"
        if leads
        else "<p>没有共有报警 <small>no alarm is in both runs</small></p>"
    )
    return (
        "<h2>规则修改前后 <small>Before and after the rule change</small></h2>"
        f"<table><tr><th></th><th>修改前 before</th><th>修改后 after</th></tr>{cells}</table>{lead}"
        + _leads(leads)
    )


def _row(zh: str, en: str, one: str, two: str) -> str:
    return (
        f'<tr><td>{zh} <small>{en}</small></td><td class="n">{one}</td>'
        f'<td class="n">{two}</td></tr>'
    )


def _leads(leads: Sequence[float]) -> str:
    """Draw each common alarm's lead as a bar, longest first."""
    if not leads or leads[0] == leads[-1] == 0:
        return ""
    shown = sorted(leads, reverse=True)[:200]
    most = max(abs(lead) for lead in shown)
    middle, step = 60.0, _WIDTH / len(shown)
    bars = "".join(
        f'<rect x="{place * step:.1f}" width="{max(step - 1, 0.5):.1f}" '
        f'y="{middle - max(lead, 0) / most * 55:.1f}" height="{abs(lead) / most * 55:.1f}" '
        f'fill="{"#2e7d32" if lead >= 0 else "#c62828"}"/>'
        for place, lead in enumerate(shown)
    )
    return (
        f'<svg viewBox="0 0 {_WIDTH} 120" role="img"><title>提前量 lead</title>'
        f'<line x1="0" x2="{_WIDTH}" y1="{middle}" y2="{middle}" stroke="#8a97a3"/>{bars}</svg>'
    )


def _load(title: str, outcome: Outcome) -> str:
    """Draw annunciations over time by tier, floods shaded."""
    heading = f"<h2>{title}: 报警负荷 <small>Alarm load</small></h2>"
    span = outcome.until - outcome.first
    if span <= 0 or not outcome.occurrences:
        return f"{heading}<p>没有报警 <small>no alarms</small></p>"
    counts: list[Counter[Tier]] = [Counter() for _ in range(_BINS)]
    for each in outcome.occurrences:
        place = (each.t_raised - outcome.first) * _BINS // span
        counts[min(max(place, 0), _BINS - 1)][each.peak_tier] += 1
    most = max(sum(count.values()) for count in counts)
    step = _WIDTH / _BINS
    drawn: list[str] = []
    positions = kpi.by_position(outcome.occurrences).values()
    for begin, end in (span for moments in positions for span in flood.floods(moments)):
        x = _place(begin, outcome, 0)
        width = max(_place(end, outcome, 0) - x, 1)
        drawn.append(f'<rect x="{x:.1f}" y="0" width="{width:.1f}" height="120" fill="#fde0dc"/>')
    for place, count in enumerate(counts):
        y = 120.0
        for tier, colour in reversed(_COLOURS.items()):
            height = count[tier] / most * 110
            y -= height
            if height:
                drawn.append(
                    f'<rect x="{place * step:.1f}" y="{y:.1f}" width="{step - 1:.1f}" '
                    f'height="{height:.1f}" fill="{colour}"/>'
                )
    return (
        f'{heading}<svg viewBox="0 0 {_WIDTH} 122" role="img"><title>报警负荷 alarm load</title>'
        f"{''.join(drawn)}</svg><small>最高 {most} 次/格 at most {most} a bar; "
        f"{span / _BINS / 60e6:.3g} min 一格 a bar; "
        f"泛滥 {outcome.load.floods} floods (shaded); "
        f"其中设计抑制 {outcome.load.suppressed} of them suppressed by design</small>"
    )


def _timeline(title: str, outcome: Outcome) -> str:
    """Draw when each point's alarms stood, the busiest points first."""
    span = outcome.until - outcome.first
    if span <= 0 or not outcome.occurrences:
        return ""
    busiest = Counter(each.point for each in outcome.occurrences).most_common(_MOST_POINTS)
    lanes = {point: lane for lane, (point, _) in enumerate(busiest)}
    drawn = [
        f'<text x="0" y="{lane * 18 + 13}" font-size="11">{escape(point[-34:])}</text>'
        for point, lane in lanes.items()
    ]
    for each in outcome.occurrences:
        lane = lanes.get(each.point)
        if lane is None:
            continue
        x = _place(each.t_raised, outcome, _LEFT)
        end = _place(outcome.until if each.t_returned is None else each.t_returned, outcome, _LEFT)
        when = instants.to_text(each.t_raised)
        drawn.append(
            f'<rect x="{x:.1f}" y="{lane * 18 + 3}" width="{max(end - x, 1.5):.1f}" height="12" '
            f'fill="{_COLOURS.get(each.peak_tier, "#8a97a3")}"><title>{escape(each.rule)} '
            f"{each.peak_tier.name} {when}</title></rect>"
        )
    return (
        f"<h2>{title}: 各测点报警 <small>Alarms by point</small></h2>"
        f'<svg viewBox="0 0 {_WIDTH} {len(lanes) * 18 + 4}" role="img">'
        f"<title>各测点报警 alarms by point</title>{''.join(drawn)}</svg>"
    )


def _place(moment: int, outcome: Outcome, left: int) -> float:
    share = (moment - outcome.first) / (outcome.until - outcome.first)
    return left + min(max(share, 0.0), 1.0) * (_WIDTH - left)


def _table(title: str, outcome: Outcome) -> str:
    rows = "".join(_occurrence(each) for each in outcome.occurrences[:_MOST_ROWS])
    left = len(outcome.occurrences) - _MOST_ROWS
    more = f"<p>另有 {left} 条 <small>and {left} more</small></p>" if left > 0 else ""
    return (
        f"<h2>{title}: 报警清单 <small>Alarms</small></h2><table><tr><th>发生 raised</th>"
        "<th>恢复 returned</th><th>测点 point</th><th>规则 rule</th><th>级别 tier</th>"
        f"<th>值 value</th><th>限值 limit</th></tr>{rows}</table>{more}"
    )


def _occurrence(each: Occurrence) -> str:
    returned = "未恢复 open" if each.t_returned is None else instants.to_text(each.t_returned)
    colour = _COLOURS.get(each.peak_tier, "#8a97a3")
    numbers = "".join(
        f'<td class="n">{"" if number is None else f"{number:.6g}"}</td>'
        for number in (each.value, each.limit)
    )
    return (
        f"<tr><td>{instants.to_text(each.t_raised)}</td><td>{returned}</td>"
        f"<td>{escape(each.point)}</td>"
        f"<td>{escape(rule_names.name_of(each.rule).zh)} <small>{escape(each.rule)}</small></td>"
        f'<td style="border-left:6px solid {colour}">'
        f"{_NAMES_ZH.get(each.peak_tier, '')} {each.peak_tier.name}</td>{numbers}</tr>"
    )
