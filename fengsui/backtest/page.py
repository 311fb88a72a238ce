"""The back-test as one HTML page: tables and drawings in it, no script and nothing fetched."""

from collections import Counter
from html import escape
from typing import Final

from alarms import flood, instants, kpi, rule_names
from alarms.alarm import Tier
from alarms.occurrences import Occurrence
from alarms.plant import Plant
from fengsui.backtest import comparison_page
from fengsui.backtest.comparison import Comparison
from fengsui.backtest.comparison_page import MOST_ROWS, TIERS_ZH, WIDTH
from fengsui.backtest.rehearsal import Outcome

_COLOURS: Final = {
    Tier.red: "#c62828",
    Tier.orange: "#ef6c00",
    Tier.yellow: "#f9c80e",
    Tier.blue: "#1e66c8",
}
_LEFT: Final = 220
_MOST_POINTS: Final = 40
_BINS: Final = 96
_TICKS: Final = 5
_STYLE: Final = """
body{font:14px/1.5 "Noto Sans SC","Microsoft YaHei",sans-serif;margin:2em auto;max-width:980px;
color:#1c2733;background:#fff}h1{font-size:22px}h2{font-size:17px;margin-top:2em}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d5dbe1;padding:3px 8px;
text-align:left}td.n{text-align:right}svg{width:100%;height:auto}small{color:#5b6875}
"""


def page(plant: Plant, after: Outcome, compared: Comparison | None) -> str:
    """Draw one run, or two beside each other: load, floods, and what each point did."""
    runs = [("回测 · Back-test", after)]
    parts = [_heading(plant, after)]
    if compared is not None:
        runs = [("修改前 · before", compared.before), ("修改后 · after", after)]
        parts.append(comparison_page.part(compared))
    for title, outcome in runs:
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
    step = WIDTH / _BINS
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
        f'{heading}<svg viewBox="0 0 {WIDTH} 138" role="img"><title>报警负荷 alarm load</title>'
        f"{''.join(drawn)}{_axis(outcome, 0, 120)}</svg>"
        f"<small>最高 {most} 次/格 at most {most} a bar; "
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
    for each in sorted(outcome.occurrences, key=lambda one: one.peak_tier):  # the worst on top
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
    bottom = len(lanes) * 18 + 4
    return (
        f"<h2>{title}: 各测点报警 <small>Alarms by point</small></h2>"
        f'<svg viewBox="0 0 {WIDTH} {bottom + 18}" role="img"><title>各测点报警 alarms by point'
        f"</title>{''.join(drawn)}{_axis(outcome, _LEFT, bottom)}</svg>"
    )


def _axis(outcome: Outcome, left: int, top: int) -> str:
    """Draw a line with the time (UTC) at ends and between, from `left` to the right edge."""
    span = outcome.until - outcome.first
    drawn = [f'<line x1="{left}" x2="{WIDTH}" y1="{top}" y2="{top}" stroke="#8a97a3"/>']
    for tick in range(_TICKS):
        moment = outcome.first + span * tick // (_TICKS - 1)
        x = _place(moment, outcome, left)
        anchor = "start" if tick == 0 else "end" if tick == _TICKS - 1 else "middle"
        drawn.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + 4}" stroke="#8a97a3"/>'
            f'<text x="{x:.1f}" y="{top + 15}" font-size="11" text-anchor="{anchor}" '
            f'fill="#5b6875">{instants.to_text(moment)[5:16].replace("T", " ")}Z</text>'
        )
    return "".join(drawn)


def _place(moment: int, outcome: Outcome, left: int) -> float:
    share = (moment - outcome.first) / (outcome.until - outcome.first)
    return left + min(max(share, 0.0), 1.0) * (WIDTH - left)


def _table(title: str, outcome: Outcome) -> str:
    rows = "".join(_occurrence(each) for each in outcome.occurrences[:MOST_ROWS])
    left = len(outcome.occurrences) - MOST_ROWS
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
        f"{TIERS_ZH.get(each.peak_tier, '')} {each.peak_tier.name}</td>{numbers}</tr>"
    )
