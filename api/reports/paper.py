"""A report as PDF on A4, its glyphs embedded: it reads the same wherever it is printed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import pylopdf_fonts_zh_cn
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from alarms.targets import Verdict
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

_FONT: Final = "NotoSansSC"
_MARGIN: Final = 14.0
_LINE: Final = 4.6
_BARS_HIGH: Final = 32.0
_LEFT: Final = 8.0
_LONGEST: Final = 8
"""Characters of a cell for each hundredth of the page's width that its column has."""
_INK: Final = (28, 39, 51)
_GREY: Final = (91, 104, 117)
_BLUE: Final = (47, 93, 138)
_RED: Final = (179, 38, 30)
_MARKED: Final = (255, 230, 156)
_VERDICTS: Final = {
    Verdict.met: (27, 110, 55),
    Verdict.above: (154, 91, 0),
    Verdict.over: _RED,
}
_TIERS: Final = {
    "red": _RED,
    "orange": (200, 84, 0),
    "yellow": (138, 106, 0),
    "blue": (30, 102, 200),
}


class _Paper(FPDF):
    """A4 with the report's name and the page's number at the foot."""

    def __init__(self, foot: str) -> None:
        super().__init__(format="A4")
        self._foot = foot
        self.mark = ""
        self.set_margins(_MARGIN, _MARGIN, _MARGIN)
        self.set_auto_page_break(auto=True, margin=16)
        self.add_font(_FONT, fname=pylopdf_fonts_zh_cn.sans_path())

    def close_fonts(self) -> None:
        """Close the font's file, which its library leaves to the collector of rubbish."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.close()

    def header(self) -> None:
        """Repeat at the head of a page that what stands on it is not real, where it is not."""
        if self.mark:
            self.set_font(_FONT, size=8.5)
            self.set_text_color(*_INK)
            self.set_fill_color(*_MARKED)
            self.cell(0, 5, self.mark, fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(2)

    def footer(self) -> None:
        """Write the foot of a page."""
        self.set_y(-12)
        self.set_font(_FONT, size=8)
        self.set_text_color(*_GREY)
        self.cell(self.epw * 0.8, 5, self._foot)
        self.cell(self.epw * 0.2, 5, f"{self.page_no()} / {{nb}}", align="R")


def pdf_of(sheet: Sheet, *, made: datetime) -> bytes:
    """Write a sheet as PDF; `made` becomes its date."""
    paper = _Paper(f"{sheet.title} · {sheet.subtitle}")
    try:
        paper.set_lang(sheet.lang)
        paper.set_title(f"{sheet.title} {sheet.subtitle}")
        paper.set_producer("Fengsui")
        paper.set_creation_date(made)
        paper.add_page()
        _line(paper, sheet.title, size=17)
        _line(paper, sheet.subtitle, size=11, colour=_GREY)
        paper.ln(1)
        for block in sheet.blocks:
            _block(paper, block)
        return bytes(paper.output())
    finally:
        paper.close_fonts()


def _line(paper: FPDF, text: str, *, size: float, colour: tuple[int, int, int] = _INK) -> None:
    paper.set_font(_FONT, size=size)
    paper.set_text_color(*colour)
    paper.multi_cell(0, size * 0.5, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _block(paper: _Paper, block: Block) -> None:
    match block:
        case Heading():
            _room(paper, 30)
            paper.mark = block.text if block.marked else ""
            paper.ln(4)
            paper.set_font(_FONT, size=12)
            paper.set_text_color(*_INK)
            paper.set_fill_color(*(_MARKED if block.marked else (232, 237, 242)))
            paper.cell(
                0, 8, f" {block.text}", fill=True, border=1 if block.marked else 0,
                new_x=XPos.LMARGIN, new_y=YPos.NEXT,
            )  # fmt: skip
        case Facts():
            rows = [(name, said) for name, said in block.rows]
            _grid(paper, None, rows, (20, 80), frozenset())
        case Table():
            if block.rows:
                _title(paper, block.title)
                _grid(paper, block.head, block.rows[: blocks.SHOWN], block.widths, block.numbers)
            else:
                _title(paper, f"{block.title}  {block.nothing}", colour=_GREY)
            if len(block.rows) > blocks.SHOWN:
                _line(paper, block.more, size=8, colour=_GREY)
        case Bars():
            _bars(paper, block)
        case Note():
            paper.mark = ""
            paper.ln(2)
            _line(paper, block.text, size=8, colour=_GREY)
        case Signatures():
            _signatures(paper, block)


def _room(paper: FPDF, height: float) -> None:
    """Begin a new page where so much (mm) is not left on this one."""
    if paper.will_page_break(height):
        paper.add_page()


def _title(paper: FPDF, text: str, *, colour: tuple[int, int, int] = _BLUE) -> None:
    _room(paper, 22)
    paper.ln(3)
    _line(paper, text, size=10.5, colour=colour)
    paper.ln(0.5)


def _grid(
    paper: FPDF,
    head: Sequence[str] | None,
    rows: Sequence[Sequence[Cell]],
    widths: Sequence[int],
    numbers: frozenset[int],
) -> None:
    paper.set_font(_FONT, size=8.5)
    paper.set_text_color(*_INK)
    paper.set_draw_color(213, 219, 225)
    paper.set_fill_color(255, 255, 255)  # a table takes whatever was last filled with
    aligned = ["RIGHT" if place in numbers else "LEFT" for place in range(len(widths))]
    with paper.table(
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        col_widths=tuple(widths),
        first_row_as_headings=head is not None,
        headings_style=FontFace(emphasis=None, color=_GREY),
        line_height=_LINE,
        padding=(0.6, 2.5, 0.6, 1),
        text_align=tuple(aligned),
        v_align="TOP",
    ) as table:
        for row in [*([head] if head is not None else []), *rows]:
            written = table.row()
            for cell, width in zip(row, widths, strict=True):
                text = _shortened(blocks.text_of(cell), most=_LONGEST * width)
                written.cell(text, style=_style(cell))


def _shortened(text: str, *, most: int) -> str:
    """Cut what would make a row higher than a page, which cannot be written; a sheet has it all."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def _style(cell: Cell) -> FontFace | None:
    match cell:
        case Judged():
            return FontFace(color=_VERDICTS[cell.verdict])
        case Tiered():
            return FontFace(color=_TIERS.get(cell.tier, _INK))
        case str():
            return None


def _bars(paper: FPDF, bars: Bars) -> None:
    """Draw the bars, those over the line in red, and the line."""
    _room(paper, _BARS_HIGH + 22)
    _title(paper, bars.title)
    most = max([*bars.counts, bars.line + 2])
    left, top = _MARGIN + _LEFT, paper.get_y() + 4
    wide = paper.epw - _LEFT
    floor = top + _BARS_HIGH
    step = wide / max(len(bars.counts), 1)
    for place, count in enumerate(bars.counts):
        if count:
            high = _BARS_HIGH * count / most
            paper.set_fill_color(*(_RED if count > bars.line else _BLUE))
            paper.rect(left + place * step, floor - high, step * 0.8, high, style="F")
    paper.set_draw_color(*_GREY)
    paper.line(left, floor, left + wide, floor)
    line = floor - _BARS_HIGH * bars.line / most
    paper.set_draw_color(*_RED)
    with paper.local_context(dash_pattern={"dash": 2, "gap": 1.2, "phase": 0}):
        paper.line(left, line, left + wide, line)
    paper.set_font(_FONT, size=7)
    paper.set_text_color(*_RED)
    paper.text(left + wide - paper.get_string_width(bars.line_says), top - 2, bars.line_says)
    paper.set_text_color(*_GREY)
    for count, height in ((bars.line, line), (most, top), (0, floor)):
        paper.text(left - 1 - paper.get_string_width(str(count)), height + 1, str(count))
    every = max(1, -(-len(bars.times) // 12))
    for place in range(0, len(bars.times), every):
        paper.text(left + place * step, floor + 3.5, bars.times[place])
    paper.set_y(floor + 6)


def _signatures(paper: FPDF, block: Signatures) -> None:
    _room(paper, 30)
    paper.ln(16)
    wide = paper.epw / (2 * len(block.labels))
    at = paper.get_y()
    paper.set_draw_color(*_INK)
    paper.set_font(_FONT, size=9)
    paper.set_text_color(*_INK)
    labels = [text for label in block.labels for text in (label, block.time)]
    for place, text in enumerate(labels):
        left = _MARGIN + place * wide
        paper.line(left, at, left + wide - 6, at)
        paper.text(left, at + 4.5, text)
    paper.set_y(at + 8)
