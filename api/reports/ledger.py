"""A report as CSV: every table's rows whole, each behind the name of its section."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

from api.reports import blocks
from api.reports.blocks import Bars, Facts, Heading, Note, Sheet, Signatures, Table

BYTE_ORDER: Final = "\ufeff"
_FORMULA: Final = tuple("=+-@＝＋－＠\t\r\n")


def csv_of(sheet: Sheet) -> bytes:
    """Write a sheet as CSV, UTF-8 with the mark that spreadsheets look for.

    The first column is the part (real or simulated), the second the section.
    """
    written = io.StringIO()
    writer = csv.writer(written)
    part = ""
    for section, row in _rows(sheet):
        if not row:
            part = section
            continue
        writer.writerow([safe(cell) for cell in (part, section, *row)])
    return (BYTE_ORDER + written.getvalue()).encode()


def _rows(sheet: Sheet) -> Iterable[tuple[str, Sequence[str]]]:
    """Yield rows with their sections; a row without cells begins a part."""
    yield sheet.title, (sheet.subtitle,)
    for block in sheet.blocks:
        match block:
            case Heading():
                yield block.text, ()
            case Facts():
                for row in block.rows:
                    yield sheet.title, row
            case Table():
                yield block.title, block.head
                for cells in block.rows:
                    yield block.title, [blocks.text_of(cell) for cell in cells]
            case Bars():
                yield block.title, block.head
                for time, count in zip(block.times, block.counts, strict=True):
                    yield block.title, (time, str(count))
            case Note() | Signatures():
                pass


def safe(cell: str) -> str:
    """Keep a spreadsheet from taking a name for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
