"""A report as an HTML page: whole in itself, nothing fetched, no script, made for A4."""

from collections.abc import Sequence
from html import escape
from typing import Final

from api.reports import blocks
from api.reports.blocks import (
    Bars,
    Block,
    Cell,
    Facts,
    Heading,
    Judged,
    Note,
    Sheet,
    Signatures,
    Table,
    Tiered,
)

_WIDTH: Final = 900
_HEIGHT: Final = 170
_LEFT: Final = 34
_BOTTOM: Final = 22
_TOP: Final = 20
_STYLE: Final = """
@page{size:A4;margin:14mm 13mm}
body{font:13px/1.5 "Noto Sans SC","Source Han Sans SC","Microsoft YaHei","PingFang SC",sans-serif;
max-width:920px;margin:24px auto;padding:0 12px;color:#1c2733;background:#fff}
h1{font-size:22px;margin:0}h1+p{margin:2px 0 12px;color:#44515e;font-size:15px}
h2{font-size:16px;margin:22px 0 6px;padding:4px 10px;background:#e8edf2;
border-left:5px solid #2f5d8a}
h2.marked{background:repeating-linear-gradient(135deg,#fff3cd,#fff3cd 12px,
#ffe69c 12px,#ffe69c 24px);
border-left-color:#b26a00}
section.marked{border:2px dashed #b26a00;padding:0 10px 10px;margin-top:22px}
h3{font-size:14px;margin:16px 0 4px;break-after:avoid}
table{border-collapse:collapse;width:100%;table-layout:fixed}
th,td{border-bottom:1px solid #d5dbe1;padding:3px 6px;text-align:left;vertical-align:top;
overflow-wrap:anywhere}
th{color:#44515e;font-weight:600;border-bottom-color:#8a97a4}
.n{text-align:right;padding-right:16px;font-variant-numeric:tabular-nums}tr{break-inside:avoid}
table.facts{width:auto}table.facts th{white-space:nowrap;padding-right:18px}
.met{color:#1b6e37}.above{color:#9a5b00}.over{color:#b3261e;font-weight:700}
.red,.orange,.yellow,.blue,.none{white-space:nowrap}
.red::before,.orange::before,.yellow::before,.blue::before{content:"";display:inline-block;
width:9px;height:9px;margin-right:5px;border:1px solid #33404c}
.red::before{background:#c62828}.orange::before{background:#ef6c00}
.yellow::before{background:#f9c80e}.blue::before{background:#1e66c8}
p.note{color:#5b6875;font-size:12px;margin:6px 0}
p.nothing{margin:6px 0 0;color:#5b6875}
p.nothing b{margin-right:14px;color:#1c2733}
svg{width:100%;height:auto;break-inside:avoid}
.signatures{display:flex;gap:28px;margin-top:34px;break-inside:avoid}.signatures div{flex:1}
.line{border-bottom:1px solid #1c2733;height:38px;margin-bottom:4px}
@media print{body{margin:0;max-width:none;padding:0;font-size:11px}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
"""


def html_of(sheet: Sheet) -> bytes:
    """Write a sheet as a page; whatever is told is escaped."""
    title, subtitle = escape(sheet.title), escape(sheet.subtitle)
    return (
        f'<!doctype html>\n<html lang="{escape(sheet.lang)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title} {subtitle}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{title}</h1><p>{subtitle}</p>\n{_body(sheet.blocks)}</body></html>\n"
    ).encode()


def _body(found: Sequence[Block]) -> str:
    """Write the blocks; what belongs to a marked part stands in a marked frame."""
    written: list[str] = []
    framed = False
    for block in found:
        leaves = isinstance(block, Heading | Note | Signatures)
        if framed and leaves:
            written.append("</section>")
            framed = False
        if isinstance(block, Heading) and block.marked:
            written.append('<section class="marked">')
            framed = True
        written.append(_block(block))
    return "\n".join(written) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            marked = ' class="marked"' if block.marked else ""
            return f"<h2{marked}>{escape(block.text)}</h2>"
        case Facts():
            rows = "".join(
                f"<tr><th>{escape(name)}</th><td>{escape(said)}</td></tr>"
                for name, said in block.rows
            )
            return f'<table class="facts">{rows}</table>'
        case Table():
            return _table(block)
        case Bars():
            return f"<h3>{escape(block.title)}</h3>{_svg(block)}"
        case Note():
            return f'<p class="note">{escape(block.text)}</p>'
        case Signatures():
            lines = "".join(
                f'<div><div class="line"></div>{escape(label)}</div>'
                f'<div><div class="line"></div>{escape(block.time)}</div>'
                for label in block.labels
            )
            return f'<div class="signatures">{lines}</div>'


def _table(table: Table) -> str:
    if not table.rows:
        return f'<p class="nothing"><b>{escape(table.title)}</b>{escape(table.nothing)}</p>'
    columns = "".join(f'<col style="width:{width}%">' for width in table.widths)
    head = "".join(
        f"<th{_right(table, place)}>{escape(each)}</th>" for place, each in enumerate(table.head)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{_right(table, place)}>{_cell(cell)}</td>" for place, cell in enumerate(row))
        + "</tr>\n"
        for row in table.rows[: blocks.SHOWN]
    )
    more = f'<p class="note">{escape(table.more)}</p>' if len(table.rows) > blocks.SHOWN else ""
    return (
        f"<h3>{escape(table.title)}</h3><table><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead>"
        f"<tbody>\n{rows}</tbody></table>{more}"
    )


def _right(table: Table, place: int) -> str:
    return ' class="n"' if place in table.numbers else ""


def _cell(cell: Cell) -> str:
    match cell:
        case Judged():
            return f'<span class="{cell.verdict.value}">{escape(cell.text)}</span>'
        case Tiered():
            return f'<span class="{escape(cell.tier)}">{escape(cell.text)}</span>'
        case str():
            return escape(cell)


def _svg(bars: Bars) -> str:
    """Draw the bars, those over the line in red, and the line."""
    most = max([*bars.counts, bars.line + 2])
    high = _HEIGHT - _BOTTOM - _TOP
    step = (_WIDTH - _LEFT) / max(len(bars.counts), 1)

    def level(count: float) -> float:
        return _HEIGHT - _BOTTOM - high * count / most

    drawn = "".join(
        f'<rect x="{_LEFT + place * step:.1f}" y="{level(count):.1f}" '
        f'width="{max(step * 0.8, 1):.1f}" height="{high * count / most:.1f}" '
        f'fill="{"#c62828" if count > bars.line else "#2f5d8a"}"/>'
        for place, count in enumerate(bars.counts)
        if count
    )
    every = max(1, -(-len(bars.times) // 12))
    times = "".join(
        f'<text x="{_LEFT + place * step:.1f}" y="{_HEIGHT - 6}">{escape(time)}</text>'
        for place, time in enumerate(bars.times)
        if place % every == 0
    )
    line, floor = level(bars.line), level(0)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(bars.title)}" '
        'font-size="11" fill="#44515e">'
        f"{drawn}"
        f'<path d="M{_LEFT} {floor}H{_WIDTH}" stroke="#8a97a4"/>'
        f'<path d="M{_LEFT} {line:.1f}H{_WIDTH}" stroke="#c62828" stroke-dasharray="6 4"/>'
        f'<text x="{_WIDTH}" y="10" text-anchor="end" fill="#c62828">'
        f"{escape(bars.line_says)}</text>"
        f'<text x="{_LEFT - 5}" y="{line + 4:.1f}" text-anchor="end">{bars.line}</text>'
        f'<text x="{_LEFT - 5}" y="{level(most) + 4:.1f}" text-anchor="end">{most}</text>'
        f'<text x="{_LEFT - 5}" y="{floor + 4:.1f}" text-anchor="end">0</text>'
        f"{times}</svg>"
    )
